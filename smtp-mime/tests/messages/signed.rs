//! Verifies signatures made by `openssl`, with `openssl`, in the message that contains them.

use std::{fs, io::Read as _, path::Path, process::Command};

use smtp_mime::{AddressList, Context, Entity, Message, Signature, Source};

use crate::kinds::{now, octets};

fn openssl(directory: &Path, arguments: &[&str]) -> bool {
    let output = Command::new("openssl")
        .current_dir(directory)
        .args(arguments)
        .output()
        .expect("openssl is installed");
    output.status.success()
}

#[test]
#[ignore = "needs openssl: apt-get install openssl"]
fn openssl_verifies_its_signature_and_detects_a_changed_byte() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let certificate = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-days",
        "2",
        "-subj",
        "/CN=Anna",
        "-addext",
        "subjectAltName=email:anna@example.org",
    ];
    assert!(openssl(place, &certificate));
    let context = Context::new(now(), [7; Context::SEED]);
    let parts = Entity::mixed(vec![
        Entity::text("Grüße\n-- \nAnna\n"),
        Entity::attachment("a.bin", (0..=255_u8).cycle().take(5_000).collect::<Vec<_>>()).unwrap(),
    ]);
    let prepared = parts.prepare(&context).unwrap();
    let mut signed = Vec::new();
    prepared.reader().read_to_end(&mut signed).unwrap();
    fs::write(place.join("content"), signed).unwrap();
    let sign = [
        "cms",
        "-sign",
        "-binary",
        "-in",
        "content",
        "-signer",
        "cert.pem",
        "-inkey",
        "key.pem",
        "-outform",
        "DER",
        "-md",
        "sha256",
        "-out",
        "signature",
    ];
    assert!(openssl(place, &sign));
    let signature = Signature::Smime {
        micalg: "sha-256".to_owned(),
        der: Source::file(place.join("signature")).unwrap(),
    };
    let list = |text: &str| text.parse::<AddressList>().unwrap();
    let message = Message::builder()
        .from(list("anna@example.org"))
        .to(list("bernd@example.net"))
        .subject("Signed")
        .body(Entity::signed(prepared, signature).unwrap())
        .build(&context)
        .unwrap();
    let octets = octets(&message);
    let verify =
        ["cms", "-verify", "-in", "message", "-CAfile", "cert.pem", "-purpose", "any", "-out", "verified"];
    fs::write(place.join("message"), &octets).unwrap();
    assert!(openssl(place, &verify));
    let changed = String::from_utf8(octets).unwrap().replace("Anna\r\n", "Anne\r\n");
    fs::write(place.join("message"), changed).unwrap();
    assert!(!openssl(place, &verify));
}
