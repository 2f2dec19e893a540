//! Inputs of a message: standard input once, regular files alone, and what a signature needs of them.

use crate::support::{Run, smtp_cli};
use smtp_cli::Exit;
use std::path::Path;

fn compose<const N: usize>(arguments: [&str; N]) -> Run {
    smtp_cli(["compose", "--from", "you@example.org", "--to", "friend@example.net"]).with(arguments)
}

/// The key of the tests in a file.
fn key(directory: &Path) -> String {
    let path = directory.join("dkim.pem");
    std::fs::write(&path, include_str!("../../../smtp-mime/tests/messages/keys/ed25519.pem"))
        .expect("a file can be written");
    path.display().to_string()
}

#[test]
fn standard_input_is_read_once() {
    compose(["--subject", "s", "--body-file", "-", "--html-file", "-"])
        .input("<p>x</p>")
        .exits(Exit::USAGE)
        .complains(["--body-file -", "--html-file -"]);
    smtp_cli(["compose", "--eml", "-", "--eml", "-"])
        .input("From: a@example.org\nTo: b@example.org\n\nx\n")
        .exits(Exit::USAGE)
        .complains(["--eml - and --eml -"]);
    compose(["--subject", "s", "--html-file", "-", "--text-from-html"]).input("<p>x</p>").exits(Exit::OK);
}

#[test]
fn what_is_no_regular_file_is_not_attached() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().display().to_string();
    compose(["--subject", "s", "--body", "x", "--attach", &folder])
        .exits(Exit::NO_INPUT)
        .complains([&folder, "no regular file"]);
    let inline = format!("{folder};cid=a@b");
    compose(["--subject", "s", "--body", "x", "--inline", &inline])
        .exits(Exit::NO_INPUT)
        .complains(["no regular file"]);
    if cfg!(unix) {
        compose(["--subject", "s", "--body", "x", "--attach", "/dev/zero"])
            .exits(Exit::NO_INPUT)
            .complains(["/dev/zero", "no regular file"]);
    }
}

/// Opening it would wait for somebody who writes.
#[cfg(unix)]
#[test]
fn a_fifo_is_not_attached() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    compose(["--subject", "s", "--body", "x", "--attach", &fifo.display().to_string()])
        .exits(Exit::NO_INPUT)
        .complains(["fifo", "no regular file"]);
}

#[test]
fn the_signature_is_for_the_author_whoever_sends() {
    let directory = tempfile::tempdir().unwrap();
    let key = key(directory.path());
    let ran = compose(["--subject", "s", "--body", "x", "--sender", "office@agency.example"])
        .with(["--dkim-key", &key, "--dkim-selector", "s1"])
        .exits(Exit::OK);
    assert!(ran.output.contains("d=example.org;"), "{}", ran.output);
}

#[test]
fn a_message_that_cannot_be_signed_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let key = key(directory.path());
    let path = directory.path().join("umlaut.eml");
    let eml = "From: a@example.org\nTo: b@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
               Content-Transfer-Encoding: 8bit\n\ngrüße\n";
    std::fs::write(&path, eml).unwrap();
    let path = path.display().to_string();
    smtp_cli(["compose", "--eml", &path, "--dkim-key", &key, "--dkim-selector", "s1"])
        .exits(Exit::DATA)
        .complains(["umlaut.eml", "--dkim-key", "quoted-printable"]);
    smtp_cli(["compose", "--eml", "-", "--dkim-key", &key, "--dkim-selector", "s1"])
        .with(["--dkim-domain", "other.example"])
        .input("From: a@example.org\nTo: b@example.org\n\nx\n")
        .exits(Exit::DATA)
        .complains(["the message of standard input:", "domain"]);
}
