//! Provides aiosmtpd, a server in Python.

use super::abilities::{Abilities, Absent, Feature, Protocol, Tls};
use super::script::Script;

const ABILITIES: Abilities = Abilities {
    name: "aiosmtpd",
    protocol: Protocol::Esmtp,
    absent: &[Absent::mechanisms(
        &[
            "CRAM-MD5",
            "SCRAM-SHA-1",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-256-PLUS",
            "XOAUTH2",
            "OAUTHBEARER",
            "EXTERNAL",
            "ANONYMOUS",
        ],
        "aiosmtpd knows PLAIN and LOGIN alone",
    )],
    lacks: &[
        (Feature::Pipelining, "aiosmtpd does not offer it"),
        (Feature::Chunking, "aiosmtpd does not offer it"),
        (Feature::Dsn, "aiosmtpd does not offer it"),
        (Feature::MixedResults, "not LMTP"),
        (Feature::UnixSocket, "the lab runs aiosmtpd on TCP only"),
    ],
};

/// aiosmtpd under a script that delivers to Maildirs.
pub(super) const SCRIPT: Script = Script {
    abilities: &ABILITIES,
    interpreter: "/usr/bin/python3",
    file: ("aiosmtpd.py", include_str!("aiosmtpd.py")),
    asks_for_certificate: Tls::Implicit,
};
