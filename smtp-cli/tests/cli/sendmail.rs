//! The sendmail personality: authors and addresses that a program leaves to it.

use crate::support::{Run, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::Mock;

/// A program that writes no From, on a machine of the domain host.example.
fn sendmail<const N: usize>(mock: &Mock, arguments: [&str; N]) -> Run {
    smtp_cli(["sendmail"])
        .with(arguments)
        .environment("SMTP_CLI_SERVER", &mock.addr().to_string())
        .environment("SMTP_CLI_HELO", "host.example")
        .input("Subject: no author\n\nx\n")
}

#[test]
fn the_author_is_made_of_name_and_sender_when_the_message_has_none() {
    let mock = Mock::start();
    for (run, from, author) in [
        (
            sendmail(&mock, ["-F", "Backup, \"nightly\"", "-f", "backup@example.org", "a@example.net"]),
            "backup@example.org",
            "\"Backup, \\\"nightly\\\"\" <backup@example.org>",
        ),
        (
            sendmail(&mock, ["-fbackup@example.org", "a@example.net"]),
            "backup@example.org",
            "backup@example.org",
        ),
        (
            sendmail(&mock, ["-FBackup", "a@example.net"])
                .environment("SMTP_CLI_FROM", "You <you@example.org>"),
            "you@example.org",
            "Backup <you@example.org>",
        ),
        (
            sendmail(&mock, ["-FBackup", "-f", "backup@example.org", "a@example.net"])
                .input("From: You <you@example.org>\n\nx\n"),
            "backup@example.org",
            "You <you@example.org>",
        ),
    ] {
        run.exits(Exit::OK);
        let messages = mock.messages();
        let message = messages.last().unwrap();
        assert_eq!((message.from(), message.header("From").as_deref()), (from, Some(author)));
    }
    sendmail(&mock, ["-FBackup", "a@example.net"]).exits(Exit::DATA).complains(["From"]);
}

#[test]
fn names_of_this_machine_get_its_domain() {
    let mock = Mock::start();
    sendmail(&mock, ["-f", "cron", "-F", "Cron Daemon", "root", "a@example.net"]).exits(Exit::OK);
    let message = &mock.messages()[0];
    assert_eq!(
        (message.from(), message.to()),
        ("cron@host.example", vec!["root@host.example", "a@example.net"])
    );
    assert_eq!(message.header("From").as_deref(), Some("Cron Daemon <cron@host.example>"));
    sendmail(&mock, ["-f", "cron", "--domain=other.example", "root"]).exits(Exit::OK);
    assert_eq!(mock.messages()[1].to(), ["root@other.example"]);
    sendmail(&mock, ["-f", "", "-f", "cron", "root"]).exits(Exit::OK);
    assert_eq!(mock.messages()[2].from(), "cron@host.example");
    sendmail(&mock, ["-f", "a b", "root"]).exits(Exit::USAGE);
}

#[test]
fn what_is_to_be_shown_is_not_kept_back() {
    let mock = Mock::start();
    let ran = sendmail(&mock, ["-v", "-f", "cron", "root"]).exits(Exit::OK);
    assert!(ran.error.contains("MAIL FROM:<cron@host.example>"), "{}", ran.error);
}

/// As Debian's cron and cronie call it.
const CRON: &str = "From: root (Cron Daemon)\nTo: root\nCc: \"Alice L.\" <alice>, bob@example.net\n\
                    Subject: Cron <root@host> backup\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\
                    Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\nfertig: 3 Dateien, größer als 1 GB\n";

#[test]
fn the_mail_of_cron_is_sent() {
    let mock = Mock::start();
    for words in [
        &["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"][..],
        &["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"],
    ] {
        let run = words.iter().fold(sendmail(&mock, [""; 0]), |run, word| run.with([word]));
        let ran = run.input(CRON).exits(Exit::OK);
        assert_eq!((ran.output.as_str(), ran.error.as_str()), ("", ""));
        let messages = mock.messages();
        let message = messages.last().unwrap();
        assert_eq!(message.from(), "root@host.example");
        if words.contains(&"-t") {
            assert_eq!(message.to(), ["root@host.example", "alice@host.example", "bob@example.net"]);
        } else {
            assert_eq!(message.to(), ["root@host.example"]);
        }
        let octets = String::from_utf8_lossy(&message.octets);
        assert!(
            octets.starts_with("From: root@host.example (Cron Daemon)\r\nTo: root@host.example\r\n"),
            "{octets}"
        );
        assert!(octets.contains("Cc: \"Alice L.\" <alice@host.example>, bob@example.net\r\n"), "{octets}");
        assert!(octets.contains("Subject: Cron <root@host> backup\r\n"), "{octets}");
        assert!(octets.contains("Message-ID: <") && octets.contains("@host.example>"), "{octets}");
        assert!(octets.ends_with("größer als 1 GB\r\n"), "{octets}");
    }
}

#[test]
fn names_of_a_machine_are_addresses_for_sendmail_alone() {
    let mock = Mock::start();
    smtp_cli(["send", "--server", &mock.addr().to_string(), "--helo", "host.example", "--eml", "-"])
        .input(CRON)
        .exits(Exit::DATA)
        .complains(["From", "root"]);
    assert_eq!(mock.connections(), 0);
}
