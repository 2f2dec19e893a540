//! The message: what its options put into it.

use crate::support::{send, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::Mock;
use std::sync::Arc;

fn sent(mock: &Mock) -> Arc<smtp_mock::Message> {
    mock.messages().last().cloned().expect("a message was sent")
}

#[test]
fn the_header_section_is_complete() {
    let mock = Mock::start();
    send(&mock).with(["--reply-to", "answers@example.org"]).exits(Exit::OK);
    let message = sent(&mock);
    for (name, value) in [
        ("From", "you@example.org"),
        ("Reply-To", "answers@example.org"),
        ("To", "friend@example.net"),
        ("Subject", "Hello"),
        ("Date", "Fri, 20 Nov 2026 18:42:58 +0100"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(message.headers(name), [value], "{name}");
    }
    assert!(message.header("Message-ID").unwrap().ends_with("@example.org>"));
}

#[test]
fn other_scripts_arrive() {
    let mock = Mock::start();
    send(&mock).with(["--subject", "Grüße", "--from", "Jürgen <you@example.org>", "--body", "Привет"]).run();
    // The options before were given twice, which is a usage error for those with one value.
    assert!(mock.messages().is_empty());
    smtp_cli([
        "send",
        "-s",
        &mock.addr().to_string(),
        "-f",
        "Jürgen <you@example.org>",
        "-t",
        "f@example.net",
    ])
    .with(["--subject", "Grüße", "--body", "Привет\nмир"])
    .exits(Exit::OK);
    let message = sent(&mock);
    assert_eq!(message.subject().as_deref(), Some("Grüße"));
    assert_eq!(message.text().as_deref().map(str::trim_end), Some("Привет\r\nмир"));
    assert!(message.octets.is_ascii());
}

#[test]
fn attachments_arrive_octet_for_octet() {
    let directory = tempfile::tempdir().unwrap();
    let octets: Vec<u8> = (0..=255).cycle().step_by(7).take(200_000).collect();
    let path = directory.path().join("data.bin");
    std::fs::write(&path, &octets).unwrap();
    let mock = Mock::start();
    send(&mock)
        .with(["--attach", &path.display().to_string()])
        .with(["--attach", &format!("\"{}\";type=image/png;name=größe.png", path.display())])
        .exits(Exit::OK);
    let attachments = sent(&mock).attachments();
    assert_eq!(attachments.len(), 2);
    assert!(attachments[0] == ("data.bin".to_string(), octets.clone()));
    assert!(attachments[1] == ("größe.png".to_string(), octets));
    assert!(String::from_utf8_lossy(&sent(&mock).octets).contains("Content-Type: image/png"));
}

#[test]
fn the_text_comes_from_an_option_a_file_or_standard_input() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file\n.\nend\n").unwrap();
    let mock = Mock::start();
    let base = |mock: &Mock| {
        smtp_cli([
            "send",
            "-s",
            &mock.addr().to_string(),
            "-f",
            "a@example.org",
            "-t",
            "b@example.org",
            "--subject",
            "s",
        ])
    };
    base(&mock).with(["--body-file", &file.path().display().to_string()]).exits(Exit::OK);
    assert_eq!(sent(&mock).text().as_deref(), Some("from a file\r\n.\r\nend\r\n"));
    base(&mock).with(["--body-file", "-"]).input("typed\n").exits(Exit::OK);
    assert_eq!(sent(&mock).text().as_deref(), Some("typed\r\n"));
    base(&mock).with(["--body", "x", "--body-file", "-"]).exits(Exit::USAGE);
    base(&mock).exits(Exit::USAGE).complains(["--body"]);
}

#[test]
fn what_is_missing_is_asked_for_on_a_terminal_only() {
    let mock = Mock::start();
    let server = mock.addr().to_string();
    let ran = smtp_cli(["send", "-s", &server])
        .at_terminal()
        .input("you@example.org\n\nfriend@example.net\nA subject\nfirst\n..second\n.\nbehind\n")
        .exits(Exit::OK);
    for question in ["From: ", "To: ", "Subject: ", "Text, up to a line with a lone dot:"] {
        assert!(ran.error.contains(question), "{question}: {}", ran.error);
    }
    let message = sent(&mock);
    assert_eq!(message.subject().as_deref(), Some("A subject"));
    assert_eq!(message.text().as_deref(), Some("first\r\n..second\r\n"));
    smtp_cli(["send", "-s", &server]).exits(Exit::USAGE).complains(["--from"]);
    smtp_cli(["send", "-s", &server, "-f", "a@example.org"]).exits(Exit::USAGE).complains(["--to"]);
    // The end of the input at a question is a usage error, never a loop.
    smtp_cli(["send", "-s", &server]).at_terminal().exits(Exit::USAGE).complains(["From:"]);
    assert_eq!(mock.messages().len(), 1);
}

#[test]
fn an_empty_subject_is_warned_of() {
    let mock = Mock::start();
    let ran =
        smtp_cli(["send", "-s", &mock.addr().to_string(), "-f", "a@example.org", "-t", "b@example.org"])
            .with(["--body", "x"])
            .exits(Exit::OK);
    assert!(ran.error.contains("smtp-cli: warning: the subject is empty"), "{}", ran.error);
}
