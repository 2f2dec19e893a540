//! Provides aiosmtpd, a server in Python.

use std::io;
use std::path::Path;

use super::abilities::{Abilities, Absent, Feature, Listener, Protocol, Server, Tls};
use super::accounts::User;
use super::certificates::Authority;
use super::maildir::Maildir;
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
#[derive(Debug)]
pub struct Aiosmtpd(Script);

impl Aiosmtpd {
    /// Starts it on free ports; `token` is the bearer token that it takes for right.
    ///
    /// # Errors
    /// When aiosmtpd is not there, this process is not root's, or the server does not start; the message holds its log.
    pub fn start(users: &[User], token: &str) -> io::Result<Self> {
        let script = ("aiosmtpd.py", include_str!("aiosmtpd.py"));
        Script::start("aiosmtpd", Path::new("/usr/bin/python3"), script, users, token).map(Self)
    }
}

impl Server for Aiosmtpd {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    fn listeners(&self) -> Vec<Listener> {
        self.0.listeners(Tls::Implicit)
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
