use ring::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};

use super::*;
use crate::{Context, ExistingMessage, NameAddr, Source};

/// RFC 8463 appendix A.3 without its signatures.
const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
const SIMPLE_MESSAGE: &str = "Received: from client1.football.example.com  [192.0.2.1]\r\n      by submitserver.example.com with SUBMISSION;\r\n      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n";
const BODY_HASH: &str = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";

fn existing(text: &str) -> Message {
    ExistingMessage::open(Source::from(text)).unwrap().message().unwrap()
}

fn names(list: &str) -> Vec<String> {
    list.split(':').map(|name| name.trim().to_owned()).collect()
}

fn fields(message: &str) -> Vec<Field> {
    fields_of(message.split_once("\r\n\r\n").unwrap().0.as_bytes()).0
}

fn public(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

#[test]
fn the_ed25519_example_of_rfc_8463_is_signed_octet_for_octet() {
    assert_eq!(STANDARD.encode(body_hash(&existing(MESSAGE), Canonicalization::Relaxed).unwrap()), BODY_HASH);
    let field = format!(
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n bh={BODY_HASH};\r\n b="
    );
    let names = names("from : to : subject : date : message-id : from : subject : date");
    let data = data(&fields(MESSAGE), &names, field.as_bytes(), Canonicalization::Relaxed);
    let key = DkimKey::from_ed25519_seed(&public("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")).unwrap();
    assert_eq!(
        STANDARD.encode(key.sign(&data).unwrap()),
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    );
}

#[test]
fn the_rsa_examples_of_rfc_8463_and_rfc_6376_verify() {
    let verify = |key: &str, data: &[u8], signature: &str| {
        // The SubjectPublicKeyInfo contains the key in PKCS #1 at its end.
        let key = UnparsedPublicKey::new(
            &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            public(key).split_off(22),
        );
        assert!(key.verify(data, &public(signature)).is_ok());
        assert!(key.verify(&[data, b"x"].concat(), &public(signature)).is_err());
    };
    let field = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n date : message-id : from : subject : date;\r\n bh={BODY_HASH};\r\n b="
    );
    let listed = names("from : to : subject : date : message-id : from : subject : date");
    verify(
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
        &data(&fields(MESSAGE), &listed, field.as_bytes(), Canonicalization::Relaxed),
        "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=",
    );
    // RFC 6376 appendix A.2, simple/simple; its body has one space where that of RFC 8463 has two.
    let message = SIMPLE_MESSAGE.to_owned() + &MESSAGE.replace("game.  Are", "game. Are");
    assert_eq!(STANDARD.encode(body_hash(&existing(&message), Canonicalization::Simple).unwrap()), BODY_HASH);
    let field = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n      h=Received : From : To : Subject : Date : Message-ID;\r\n      bh={BODY_HASH};\r\n      b=;"
    );
    verify(
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
        &data(
            &fields(&message),
            &names("Received : From : To : Subject : Date : Message-ID"),
            field.as_bytes(),
            Canonicalization::Simple,
        ),
        "AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHutKVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV4bmp/YzhwvcubU4=",
    );
}

#[test]
fn canonical_forms_are_those_of_rfc_6376_3_4_5() {
    let fields = fields("A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n");
    let listed = names("a : b");
    assert_eq!(data(&fields, &listed, b"", Canonicalization::Relaxed), b"a:X\r\nb:Y Z\r\n:");
    assert_eq!(data(&fields, &listed, b"", Canonicalization::Simple), b"A: X\r\nB : Y\t\r\n\tZ  ");
    let hashed = |form, body: &str, cut: usize| {
        let mut hash = Body::new(form);
        let (head, tail) = body.as_bytes().split_at(cut);
        hash.take(head);
        hash.take(tail);
        hash.finish().0.as_ref().to_vec()
    };
    let sha256 = |text: &str| digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec();
    for (body, simple, relaxed) in [
        (" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"),
        ("", "\r\n", ""),
        ("\r\n\r\n", "\r\n", ""),
        (" \r\n\t\r\n", " \r\n\t\r\n", ""),
        ("a\r\n\r\n \r\nb\r\n", "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n\r\nb\r\n"),
    ] {
        for cut in 0..=body.len() {
            assert_eq!(hashed(Canonicalization::Simple, body, cut), sha256(simple), "{body:?}");
            assert_eq!(hashed(Canonicalization::Relaxed, body, cut), sha256(relaxed), "{body:?}");
        }
    }
}

#[test]
fn signatures_that_would_not_verify_are_refused() {
    let signer = |domain: &str| {
        let key = DkimKey::from_ed25519_seed(&[7; 32]).unwrap();
        DkimSigner::new(&Domain::new(domain).unwrap(), "s", key).unwrap()
    };
    let date = Date::from_unix(1_795_196_578, 0).unwrap();
    let sign = |text: &str, domain: &str| existing(text).signed(&signer(domain), &date);
    assert!(sign(MESSAGE, "football.example.com").is_ok());
    assert!(sign(MESSAGE, "example.com").is_ok());
    assert!(sign(MESSAGE, "example.org").is_err());
    assert!(sign(&(MESSAGE.to_owned() + "gr\u{fc}n\r\n"), "example.com").is_err());
    assert!(sign(&(MESSAGE.to_owned() + "From here\r\n"), "example.com").is_err());
    assert!(sign("To: a@b.example\r\n\r\n", "example.com").is_err());
    let key = || DkimKey::from_ed25519_seed(&[7; 32]).unwrap();
    assert!(DkimSigner::new(&Domain::new("example.com").unwrap(), "a; b", key()).is_err());
    assert!(DkimSigner::new(&Domain::new("example.com").unwrap(), "ä", key()).is_err());
}

#[test]
fn invalid_keys_are_refused() {
    for pem in
        ["", "key", include_str!("mod.rs"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
    {
        assert!(matches!(DkimKey::from_pem(pem), Err(Error::Key { .. })));
    }
    assert!(DkimKey::from_ed25519_seed(&[7; 31]).is_err());
    let rsa = include_str!("../../tests/messages/keys/rsa.pem");
    assert_eq!(DkimKey::from_pem(rsa).unwrap().algorithm(), "rsa-sha256");
    let pkcs1 = include_str!("../../tests/messages/keys/rsa-pkcs1.pem");
    assert_eq!(DkimKey::from_pem(pkcs1).unwrap().algorithm(), "rsa-sha256");
    assert!(!format!("{:?}", DkimKey::from_pem(rsa).unwrap()).contains("MII"));
}

#[test]
fn the_field_is_folded_and_comes_first() {
    let you: NameAddr = "you@example.org".parse().unwrap();
    let context = Context::new(Date::from_unix(1_795_196_578, 0).unwrap(), [7; Context::SEED]);
    let message = Message::builder()
        .from(you.clone())
        .to(you)
        .subject("Hello")
        .text("It works.")
        .build(&context)
        .unwrap();
    let ed25519 = DkimSigner::new(
        &Domain::new("example.org").unwrap(),
        "a",
        DkimKey::from_ed25519_seed(&[7; 32]).unwrap(),
    )
    .unwrap();
    let rsa = DkimKey::from_pem(include_str!("../../tests/messages/keys/rsa.pem")).unwrap();
    let rsa = DkimSigner::new(&Domain::new("example.org").unwrap(), "b", rsa).unwrap().lifetime(3600);
    let signed = message.signed(&ed25519, context.date()).unwrap().signed(&rsa, context.date()).unwrap();
    let mut octets = Vec::new();
    signed.write_to(&mut octets).unwrap();
    assert_eq!(octets.len() as u64, signed.encoded_len());
    let text = String::from_utf8(octets).unwrap();
    assert!(text.lines().all(|line| line.len() <= 78));
    assert!(text.starts_with("DKIM-Signature: v=1; a=rsa-sha256;"));
    assert_eq!(text.matches("DKIM-Signature:").count(), 2);
    assert!(text.contains(" x=1795200178;") && !text.contains(" l="));
    assert!(text.contains("h=from: from: to: to: subject: subject: date: date:"));
}
