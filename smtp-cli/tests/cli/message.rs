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

fn composed<const N: usize>(arguments: [&str; N]) -> String {
    let base = ["compose", "-f", "you@example.org", "-t", "friend@example.net", "--subject", "Hello"];
    smtp_cli(base).with(arguments).exits(Exit::OK).output
}

#[test]
fn html_stands_beside_a_text_and_shows_what_is_inline() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(
        path("page.html"),
        "<html><body><p>It <b>works</b>.</p><img src=\"cid:logo@x\"></body></html>",
    )
    .unwrap();
    std::fs::write(path("logo.png"), [1, 2, 3]).unwrap();
    let (page, inline) = (path("page.html"), format!("{};cid=logo@x", path("logo.png")));
    let message = composed(["--html-file", &page, "--text-from-html", "--inline", &inline]);
    for part in [
        "multipart/alternative",
        "multipart/related",
        "text/plain",
        "text/html",
        "Content-ID: <logo@x>",
        "image/png",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let message = composed(["--html-file", &page, "--body", "In words."]);
    assert!(message.contains("In words.") && !message.contains("related"), "{message}");
    smtp_cli([
        "compose",
        "-f",
        "a@b.c",
        "-t",
        "a@b.c",
        "--subject",
        "s",
        "--inline",
        &path("logo.png"),
        "--html-file",
        &page,
    ])
    .exits(Exit::USAGE)
    .complains(["cid=ID"]);
    smtp_cli(["compose", "--text-from-html"]).exits(Exit::USAGE).complains(["--html-file"]);
}

#[test]
fn header_fields_are_added_and_checked() {
    let message = composed([
        "-H",
        "X-Tag: one",
        "-H",
        "List-Id: News <news.example.org>",
        "--body",
        "x",
        "--sender",
        "me@example.org",
    ]);
    for line in ["X-Tag: one\r\n", "Sender: me@example.org\r\n", "List-Id: "] {
        assert!(message.contains(line), "{line}: {message}");
    }
    for header in
        ["no colon", "Bad Name: x", "X-Tag: a\r\nBcc: evil@example.net", "DKIM-Signature: x", "To: nobody"]
    {
        smtp_cli(["compose", "-f", "a@b.c", "-t", "a@b.c", "--subject", "s", "--body", "x", "-H", header])
            .exits(Exit::USAGE)
            .complains(["--header"]);
    }
}

#[test]
fn smtputf8_writes_headers_in_utf_8() {
    let message = composed(["--smtputf8", "--header", "X-Tag: Grüße", "--body", "x"]);
    assert!(message.contains("X-Tag: Grüße\r\n"), "{message}");
    assert!(composed(["--header", "X-Tag: Grüße", "--body", "x"]).is_ascii());
}

#[test]
fn a_dkim_signature_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key.pem");
    // The key of RFC 8463 appendix A, as PKCS #8.
    std::fs::write(
        &key,
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    let key = key.display().to_string();
    let message = composed(["--body", "x", "--dkim-key", &key, "--dkim-selector", "brisbane"]);
    assert!(
        message.contains("DKIM-Signature: v=1; a=ed25519-sha256;") && message.contains("d=example.org"),
        "{message}"
    );
    smtp_cli(["compose", "--dkim-key", &key]).exits(Exit::USAGE).complains(["--dkim-selector"]);
    smtp_cli(["compose", "-f", "a@b.c", "-t", "a@b.c", "--subject", "s", "--body", "x"])
        .with(["--dkim-key", "no/such.pem", "--dkim-selector", "s"])
        .exits(Exit::NO_INPUT)
        .complains(["no/such.pem"]);
}
