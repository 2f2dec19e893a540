//! Programs of a user of the libraries, in crates outside of the workspace, through Postfix.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use smtp_tests::attachments::{Attachment, attachments};
use smtp_tests::lab::Postfix;
use smtp_tests::proxy::Proxy;

/// The server of the five lines, 127.0.0.1:2525.
const FIVE_LINES: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2525);

#[test]
fn five_lines_of_either_face_send_a_message() {
    // Whoever is written to, it is the one mailbox.
    let everyone = [("virtual_mailbox_maps", "static:friend@example.net/")];
    let postfix = Postfix::start_with(&everyone).unwrap();
    for (count, face) in (1..).zip(["blocking", "tokio"]) {
        let program = program(face, "five_lines");
        let proxy = Proxy::recording_at(FIVE_LINES, postfix.plain()).unwrap();
        let printed = run(&program, &[]);
        drop(proxy.finish().unwrap());
        assert!(printed.starts_with("b@example.net: accepted: 250 2.0.0 Ok: "), "{printed}");
        assert_eq!(printed.lines().count(), 1, "{printed}");
        let landed = postfix.maildir("friend@example.net").wait(count).unwrap();
        let delivered = landed.last().unwrap();
        assert_eq!(delivered.trace("Return-Path"), Some("<a@example.org>"));
        let parsed = mail_parser::MessageParser::default().parse(delivered.message()).unwrap();
        assert_eq!(parsed.subject(), Some("s"));
        assert_eq!(parsed.body_text(0).as_deref(), Some("It works.\r\n"));
        assert!(parsed.date().is_some() && parsed.message_id().is_some());
    }
}

#[test]
fn an_attachment_goes_by_starttls_with_a_login_from_either_face() {
    let postfix = Postfix::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("noise");
    let octets: Vec<u8> =
        (0..300_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    std::fs::write(&file, &octets).unwrap();
    let user = postfix.user().replace('@', "%40");
    let url = format!("smtp://{user}@{}?tls=starttls", postfix.submission());
    for (count, face) in (1..).zip(["blocking", "tokio"]) {
        let authority = postfix.ca_file().to_str().unwrap();
        let arguments = [url.as_str(), authority, postfix.password(), file.to_str().unwrap()];
        let printed = run(&program(face, "attachment"), &arguments);
        let lines: Vec<_> = printed.lines().collect();
        let [accepted, refused] = lines[..] else { panic!("two recipients: {printed}") };
        assert!(accepted.starts_with("friend@example.net: accepted: 250 2.0.0 Ok"), "{printed}");
        assert!(refused.starts_with("nobody@example.net: refused at RCPT: 550 5.1.1 "), "{printed}");
        let landed = postfix.maildir("friend@example.net").wait(count).unwrap();
        let delivered = landed.last().unwrap();
        assert!(
            delivered.trace("Received").unwrap().contains(" with ESMTPSA "),
            "TLS and a login: {delivered:?}"
        );
        let [Attachment { name, octets: found, .. }] = &attachments(delivered.message())[..] else {
            panic!("one attachment")
        };
        assert!(name == "noise.bin" && *found == octets);
    }
}

/// Builds a program of the crate for that face; what was built before is kept.
fn program(face: &str, name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tests.join("outside").join(face);
    // The same versions as in the workspace, which are there already.
    std::fs::copy(tests.with_file_name("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bin", name, "--target-dir"])
        .arg(&target)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug").join(name)
}

/// What the program prints; it must end well.
fn run(program: &Path, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
