//! Provides smtp-server, nodemailer's server for Node.js.

use std::io;
use std::path::Path;

use super::abilities::{Abilities, Absent, Feature, Listener, Protocol, Server, Tls};
use super::accounts::User;
use super::certificates::Authority;
use super::maildir::Maildir;
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
#[derive(Debug)]
pub struct SmtpServer(Script);

impl SmtpServer {
    /// Starts it on free ports; `token` is the bearer token that it takes for right.
    ///
    /// # Errors
    /// When smtp-server is not there, this process is not root's, or the server does not start; the message holds its log.
    pub fn start(users: &[User], token: &str) -> io::Result<Self> {
        let script = ("smtp_server.js", include_str!("smtp_server.js"));
        Script::start("smtp-server", Path::new("/usr/bin/node"), script, users, token).map(Self)
    }
}

impl Server for SmtpServer {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    fn listeners(&self) -> Vec<Listener> {
        // under implicit TLS it asks no client for a certificate, whatever it is told
        self.0.listeners(Tls::StartTls)
    }

    fn maildir(&self, mailbox: &str) -> Maildir {
        Maildir::new(&self.0.home.mail().join(mailbox))
    }

    fn authority(&self) -> &Authority {
        self.0.home.authority()
    }

    fn log(&self) -> String {
        self.0.process.log()
    }
}
