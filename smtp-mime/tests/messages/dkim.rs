//! Verifies signatures with dkimpy, an independent implementation.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use smtp_mime::{Canonicalization, DkimKey, DkimSigner};

use crate::kinds::{kinds, now, octets};

const ED25519: &str = include_str!("keys/ed25519.pem");
const RSA: &str = include_str!("keys/rsa.pem");

#[test]
#[ignore = "needs dkimpy: apt-get install python3-dkim python3-nacl, or pip install dkimpy pynacl"]
fn dkimpy_verifies_every_kind_and_no_changed_octet() {
    let mut input = String::new();
    let mut count = 0;
    for (index, kind) in kinds().into_iter().enumerate() {
        let forms = [Canonicalization::Simple, Canonicalization::Relaxed];
        let with = |selector: &str, pem| {
            // Messages with an IDN sender are signed for its A-labels.
            let domain = kind.message.sender().unwrap().domain().to_string().parse().unwrap();
            DkimSigner::new(&domain, selector, DkimKey::from_pem(pem).unwrap())
                .unwrap()
                .canonicalization(forms[index % 2], forms[index / 2 % 2])
        };
        let signed = kind.message.signed(&with("rsa", RSA), &now()).unwrap();
        let signed = signed.signed(&with("ed25519", ED25519), &now()).unwrap();
        input += &json!({ "kind": kind.name, "message": STANDARD.encode(octets(&signed)) }).to_string();
        input.push('\n');
        count += 1;
    }
    let mut child = Command::new("python3")
        .args([
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages/verify_dkim.py"),
            include_str!("keys/rsa.pub").trim(),
            include_str!("keys/ed25519.pub").trim(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.ends_with(&format!("{count} verified\n")), "{report}");
}
