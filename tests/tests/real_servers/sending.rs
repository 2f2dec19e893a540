//! A mail with attachments, composed and sent by one command, lands as it was composed.

use std::collections::HashSet;

use smtp_tests::attachments::{Attachment, attachments, sha256};
use smtp_tests::lab::Postfix;
use smtp_tests::program::{Finished, Run, smtp_cli};
use smtp_tests::proxy::Proxy;
use smtp_tests::system_calls::{strace, tcp_writes};
use smtp_tests::wire;

/// Lines that begin with dots, text that is not ASCII, blank lines and no line end at the end.
const BODY: &str = "Grüße,\n.\n..two dots\n\nFrom here on: na\u{ef}ve \u{1f600}\n\n.";

/// The names of the attachments.
const BINARY: &str = "noise.bin";
const TEXT: &str = "\u{fc}ber \u{201e}all\u{201c}.txt";

#[test]
fn by_starttls_with_auth_by_implicit_tls_with_auth_and_in_clear_the_same_mail_lands() {
    let postfix = Postfix::start().unwrap();
    let files = Files::new();
    let ca_file = postfix.ca_file().to_str().unwrap();
    let password = files.write("password", format!("{}\n", postfix.password()).as_bytes());

    // what was composed is what leaves in clear
    let proxy = Proxy::recording(postfix.plain()).unwrap();
    let plain = files.send().args(["--server", &proxy.address().to_string(), "--tls", "none"]);
    accepted(&plain.finish_in_process().unwrap(), 3);
    let said = proxy.finish().unwrap();
    let [composed] = &wire::messages(&said).unwrap()[..] else { panic!("{}", said.escape_ascii()) };
    check(composed, &files);

    let starttls = files
        .send()
        .args(["--server", &format!("localhost:{}", postfix.submission().port()), "--tls", "starttls"])
        .args(["--user", postfix.user(), "--password-env", "SECRET", "--ca-file", ca_file])
        .env("SECRET", postfix.password());
    accepted(&starttls.finish_in_process().unwrap(), 3);

    let implicit =
        files.send().args(["--server", &format!("smtps://127.0.0.1:{}", postfix.smtps().port())]).args([
            "--user",
            postfix.user(),
            "--password-file",
            &password,
            "--auth",
            "LOGIN",
            "--ca-file",
            ca_file,
        ]);
    accepted(&implicit.finish_in_process().unwrap(), 3);

    let protocols = [" with ESMTP ", " with ESMTPSA ", " with ESMTPSA "];
    for mailbox in ["friend@example.net", "colleague@example.net", "you@example.org"] {
        let landed = postfix.maildir(mailbox).wait(3).unwrap();
        assert_eq!(landed.len(), 3, "{}", postfix.log());
        for (delivered, protocol) in landed.iter().zip(protocols) {
            assert_eq!(delivered.trace("Return-Path"), Some("<you@example.org>"));
            assert_eq!(delivered.trace("Delivered-To"), Some(mailbox));
            assert!(delivered.trace("Received").unwrap().contains(protocol), "{delivered:?}");
            assert_same(delivered.message(), composed);
        }
    }
}

#[test]
fn each_message_of_the_program_is_one_of_its_own() {
    let postfix = Postfix::start().unwrap();
    for _ in 0..2 {
        let run = smtp_cli(["send", "--server", &postfix.plain().to_string(), "--tls", "none"])
            .args(["--from", "you@example.org", "--to", "friend@example.net", "--subject", "Same"])
            .args(["--body", "The same text."]);
        accepted(&run.finish().unwrap(), 1);
    }
    let landed = postfix.maildir("friend@example.net").wait(2).unwrap();
    let ids = landed.iter().map(|delivered| {
        let parsed = mail_parser::MessageParser::default().parse(delivered.message()).unwrap();
        parsed.message_id().unwrap().to_owned()
    });
    assert_eq!(ids.collect::<HashSet<_>>().len(), 2);
}

#[test]
fn with_pipelining_the_program_writes_mail_rcpt_and_data_at_once() {
    // with CHUNKING there would be no DATA
    let postfix = Postfix::start_with(&[("smtpd_discard_ehlo_keywords", "chunking, size")]).unwrap();
    let files = Files::new();
    let notes = files.directory.path().join("notes");
    let run = smtp_cli(["send", "--server", &postfix.plain().to_string(), "--tls", "none"])
        .args(["--from", "you@example.org", "--to", "friend@example.net", "--to", "colleague@example.net"])
        .args(["--subject", "One write", "--body", "It works.", "--helo", "client.example"])
        .under(strace(&notes));
    accepted(&run.finish().unwrap(), 2);

    let writes = tcp_writes(&notes).unwrap();
    let writes: Vec<_> = writes.iter().map(|octets| String::from_utf8_lossy(octets)).collect();
    let [hello, group, message @ ..] = &writes[..] else { panic!("{writes:#?}") };
    assert_eq!(hello, "EHLO client.example\r\n");
    assert_eq!(
        group,
        "MAIL FROM:<you@example.org>\r\nRCPT TO:<friend@example.net>\r\nRCPT TO:<colleague@example.net>\r\nDATA\r\n"
    );
    // the message, its end and QUIT
    assert_eq!(message.len(), 1, "{writes:#?}");
    assert!(message[0].ends_with("\r\n.\r\nQUIT\r\n"), "{writes:#?}");
}

#[test]
fn a_large_attachment_lands_unharmed() {
    let files = Files::new();
    let octets: Vec<u8> = noise().take(20_000_000).collect();
    let large = files.write("large.bin", &octets);
    for hidden in ["", "chunking"] {
        let postfix = Postfix::start_with(&[("smtpd_discard_ehlo_keywords", hidden)]).unwrap();
        let run = smtp_cli(["send", "--server", &postfix.plain().to_string(), "--tls", "none"])
            .args(["--from", "you@example.org", "--to", "friend@example.net", "--subject", "Large"])
            .args(["--body", "It is attached.", "--attach", &large]);
        accepted(&run.finish().unwrap(), 1);
        let [delivered] = &postfix.maildir("friend@example.net").wait(1).unwrap()[..] else {
            panic!("one message")
        };
        let [Attachment { name, octets: found, .. }] = &attachments(delivered.message())[..] else {
            panic!("one attachment")
        };
        assert_eq!((name.as_str(), sha256(found)), ("large.bin", sha256(&octets)));
    }
}

/// The files of a mail.
struct Files {
    directory: tempfile::TempDir,
    binary: Vec<u8>,
    text: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
            binary: noise().take(100_001).collect(),
            text: b".\r\nlone \r and \n and no end\n.".to_vec(),
        };
        files.write(BINARY, &files.binary);
        files.write(TEXT, &files.text);
        files
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, octets: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, octets).unwrap();
        path
    }

    /// The mail that the tests send: to three mailboxes, one of which nobody else may see.
    fn send(&self) -> Run {
        smtp_cli(["send", "--from", "J\u{f6}rg M\u{fc}ller <you@example.org>", "--to", "friend@example.net"])
            .args(["--cc", "\"Doe, Jane\" <colleague@example.net>", "--bcc", "you@example.org"])
            .args([
                "--subject",
                "\u{dc}bersicht \u{2013} a subject that is long enough to be folded into several lines",
            ])
            .args(["--reply-to", "answers@example.org", "--body", BODY])
            .args([
                "--attach",
                &self.path(BINARY),
                "--attach",
                &format!("{};type=text/plain", self.path(TEXT)),
            ])
    }
}

/// Octets without a pattern, the same in each run.
fn noise() -> impl Iterator<Item = u8> {
    // a xorshift generator
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
}

#[track_caller]
fn accepted(finished: &Finished, recipients: usize) {
    assert_eq!(finished.status, Some(0), "{}", finished.error());
    assert_eq!(finished.output().matches("accepted").count(), recipients, "{}", finished.output());
}

/// Looks at a message with a reader that shares nothing with what composed it.
fn check(message: &[u8], files: &Files) {
    let parsed = mail_parser::MessageParser::default().parse(message).unwrap();
    assert_eq!(
        parsed.subject(),
        Some("\u{dc}bersicht \u{2013} a subject that is long enough to be folded into several lines")
    );
    let from = parsed.from().and_then(|from| from.first()).unwrap();
    assert_eq!((from.name(), from.address()), (Some("J\u{f6}rg M\u{fc}ller"), Some("you@example.org")));
    let cc = parsed.cc().and_then(|cc| cc.first()).unwrap();
    assert_eq!((cc.name(), cc.address()), (Some("Doe, Jane"), Some("colleague@example.net")));
    assert_eq!(parsed.reply_to().and_then(|to| to.first()).unwrap().address(), Some("answers@example.org"));
    assert!(parsed.bcc().is_none() && !String::from_utf8_lossy(message).to_lowercase().contains("\nbcc:"));
    assert!(parsed.date().is_some() && parsed.message_id().unwrap().ends_with("@example.org"));
    let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end_matches('\n'), BODY.trim_end_matches('\n'));

    let found = attachments(message);
    let found: Vec<_> = found.iter().map(|found| (found.name.as_str(), sha256(&found.octets))).collect();
    let expected = [(BINARY, sha256(&files.binary)), (TEXT, sha256(&files.text))];
    assert_eq!(found, expected);
    assert!(message.is_ascii() && message.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
}

#[track_caller]
fn assert_same(landed: &[u8], composed: &[u8]) {
    let at = landed
        .iter()
        .zip(composed)
        .position(|(a, b)| a != b)
        .unwrap_or_else(|| landed.len().min(composed.len()));
    let around =
        |octets: &[u8]| octets[at.saturating_sub(40)..octets.len().min(at + 40)].escape_ascii().to_string();
    assert!(
        landed == composed,
        "they part at {at}:\nlanded   {}\ncomposed {}",
        around(landed),
        around(composed)
    );
}
