//! Provides smtp-server, nodemailer's server for Node.js.

use super::abilities::{Abilities, Absent, Feature, Protocol, Tls};
use super::script::Script;

const ABILITIES: Abilities = Abilities {
    name: "smtp-server",
    protocol: Protocol::Esmtp,
    absent: &[Absent::mechanisms(
        &[
            "SCRAM-SHA-1",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-256-PLUS",
            "OAUTHBEARER",
            "EXTERNAL",
            "ANONYMOUS",
        ],
        "smtp-server knows PLAIN, LOGIN, CRAM-MD5 and XOAUTH2 alone",
    )],
    lacks: &[
        (Feature::Chunking, "smtp-server does not offer it"),
        (Feature::MixedResults, "not LMTP"),
        (Feature::UnixSocket, "the lab runs smtp-server on TCP only"),
    ],
};

/// smtp-server under a script that delivers to Maildirs.
pub(super) const SCRIPT: Script = Script {
    abilities: &ABILITIES,
    interpreter: "/usr/bin/node",
    file: ("smtp_server.js", include_str!("smtp_server.js")),
    // under implicit TLS it asks no client for a certificate, whatever it is told
    asks_for_certificate: Tls::StartTls,
};
