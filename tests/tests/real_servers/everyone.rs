//! Provides what the tests over all servers share: the lab, started once, and letters to send and to find again.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::{Mutex, OnceLock, PoisonError};

use smtp_tests::lab::abilities::{Kind, Listener, Protocol, Server, Tls};
use smtp_tests::lab::certificates::Identity;
use smtp_tests::lab::{Delivered, Lab, PASSWORD, USER};
use smtp_tests::program::{Finished, Run, smtp_cli};

/// The recipient of most letters.
pub(crate) const FRIEND: &str = "friend@example.net";

/// The lab of this process; its watchdogs stop it when the process ends.
pub(crate) fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| Lab::start().unwrap_or_else(|error| panic!("{error}")))
}

/// A message that no other resembles.
pub(crate) struct Letter {
    id: String,
    octets: Vec<u8>,
}

impl Letter {
    /// A letter of 7 bits with all that is easily spoilt: dots, blank lines, a line of the greatest length. `id` has to
    /// be a word that no other test uses.
    pub(crate) fn new(server: &dyn Server, id: &str) -> Self {
        let long = "0123456789".repeat(99);
        Self::with(
            server,
            id,
            "7bit",
            &format!(".\r\n..two dots\r\n. \r\n\r\n{long}\r\n \r\n\t\r\nThe end.\r\n\r\n\r\n"),
        )
    }

    /// A letter with this body, whose lines end with CRLF.
    pub(crate) fn with(server: &dyn Server, id: &str, encoding: &str, body: &str) -> Self {
        // two servers may deliver to the same mailbox
        let id = format!("<{id}.{}@letters.example.org>", server.abilities().name.replace(' ', "-"));
        let octets = format!(
            "Received: from a server that the letter has passed before\r\n\
            From: {USER}\r\nTo: {FRIEND}\r\nSubject: a letter\r\nDate: Fri, 20 Nov 2026 12:00:00 +0100\r\n\
            Message-ID: {id}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: {encoding}\r\n\r\n{body}"
        );
        Self { id, octets: octets.into_bytes() }
    }

    /// What tells it from all others.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The program that sends it, once it is told the recipients.
    pub(crate) fn send(&self, server: &dyn Server, listener: &Listener, mechanism: Option<&str>) -> Run {
        session(server, listener, mechanism).args(["--from", USER, "--eml", "-"]).input(self.octets.clone())
    }

    /// The same by the [`door`] that is most open.
    pub(crate) fn post(&self, server: &dyn Server) -> Run {
        let (listener, mechanism) = door(server);
        self.send(server, &listener, mechanism)
    }

    /// Waits until it lands and compares it, octet for octet, and its envelope.
    #[track_caller]
    pub(crate) fn lands(&self, server: &dyn Server, mailbox: &str) -> Delivered {
        self.lands_from(server, mailbox, USER)
    }

    /// The same for one with another sender.
    #[track_caller]
    pub(crate) fn lands_from(&self, server: &dyn Server, mailbox: &str, from: &str) -> Delivered {
        let found = server.maildir(mailbox).find(&self.id);
        let delivered = found.unwrap_or_else(|error| panic!("{error}:\n{}", end_of_log(server)));
        let (landed, sent) = (delivered.message(), &self.octets[..]);
        assert!(landed == sent, "landed {}\nsent {}", landed.escape_ascii(), sent.escape_ascii());
        // OpenSMTPD leaves the field out where it would be empty
        let reverse_path = delivered.trace("Return-Path").unwrap_or("<>");
        assert_eq!(reverse_path, format!("<{from}>"), "{delivered:?}");
        // Dovecot's LMTP names nobody when there are several
        if server.abilities().protocol == Protocol::Esmtp {
            assert_eq!(delivered.recipient(), Some(mailbox), "{delivered:?}");
        }
        delivered
    }

    /// It is not there, nor will it be: a letter behind it is.
    #[track_caller]
    pub(crate) fn is_lost(&self, server: &dyn Server, mailbox: &str) {
        let id = self.id.trim_start_matches('<').split('.').next().unwrap();
        let behind = Self::new(server, &format!("behind-{id}"));
        accepted(&behind.post(server).args(["--to", mailbox]).finish().unwrap(), server);
        behind.lands(server, mailbox);
        assert_eq!(server.maildir(mailbox).holding(&self.id).unwrap(), []);
    }
}

/// The program, told where to connect, whom to trust and how to log in.
pub(crate) fn session(server: &dyn Server, listener: &Listener, mechanism: Option<&str>) -> Run {
    let tls = listener.kind.tls();
    let run = smtp_cli(["send", "-v", "--server", &listener.address.to_string(), "--tls", tls.mode()])
        .args(["--helo", "client.example", "--ca-file"])
        .arg(server.authority().file());
    let run =
        if server.abilities().protocol == Protocol::Lmtp { run.args(["--protocol", "lmtp"]) } else { run };
    let run = if tls == Tls::None { run.arg("--allow-plaintext-auth") } else { run };
    match mechanism {
        None => run,
        Some("EXTERNAL") => with_certificate(run, server).args(["--auth", "EXTERNAL"]),
        Some("ANONYMOUS") => run.args(["--auth", "ANONYMOUS"]),
        Some(name @ ("XOAUTH2" | "OAUTHBEARER")) => {
            run.args(["--auth", name, "--user", USER, "--token-env", "SECRET"]).env("SECRET", lab().token())
        }
        Some(name) => {
            run.args(["--auth", name, "--user", USER, "--password-env", "SECRET"]).env("SECRET", PASSWORD)
        }
    }
}

/// Lets the program show a certificate of the server's own authority, for [`USER`].
pub(crate) fn with_certificate(run: Run, server: &dyn Server) -> Run {
    static ISSUED: Mutex<BTreeMap<&str, Identity>> = Mutex::new(BTreeMap::new());
    let mut issued = ISSUED.lock().unwrap_or_else(PoisonError::into_inner);
    let identity =
        issued.entry(server.abilities().name).or_insert_with(|| server.authority().issue(&[USER]).unwrap());
    run.arg("--client-cert").arg(&identity.certificate).arg("--client-key").arg(&identity.key)
}

/// The listener of a server that asks for least, and the mechanism that it asks for nevertheless.
pub(crate) fn door(server: &dyn Server) -> (Listener, Option<&'static str>) {
    let open = server.listener(Kind::Tls(Tls::None)).filter(|listener| listener.is_open);
    let door = open.map(|listener| (listener, None));
    door.unwrap_or_else(|| (server.listener(Kind::Tls(Tls::StartTls)).unwrap(), Some("PLAIN")))
}

/// Every recipient was accepted.
#[track_caller]
pub(crate) fn accepted(finished: &Finished, server: &dyn Server) {
    status(finished, server, 0);
}

/// The program ended with this status.
#[track_caller]
pub(crate) fn status(finished: &Finished, server: &dyn Server, status: i32) {
    let name = server.abilities().name;
    let (said, log) = (end(&finished.error()), end_of_log(server));
    assert_eq!(finished.status, Some(status), "{name}: {said}\n{log}");
}

/// The last lines of a server's log, which all tests share.
pub(crate) fn end_of_log(server: &dyn Server) -> String {
    end(&server.log())
}

fn end(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Prints something that belongs to the result of the run, also when the tests' other output is captured, and keeps
/// it in a file of the target directory.
pub(crate) fn publish(file: &str, text: &str) {
    // one write, lest the lines of several tests mix
    io::stdout().write_all(text.as_bytes()).unwrap();
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), text).unwrap();
}
