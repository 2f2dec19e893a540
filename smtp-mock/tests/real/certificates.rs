//! Each certificate is what its name says, by the word of openssl's own verifier.

use smtp_mock::{Certificate, Mock};

use crate::{run, text};

/// What openssl's client says of a certificate.
fn verdict(certificate: Certificate, starttls: bool) -> String {
    let builder = Mock::builder();
    let mock =
        if starttls { builder.starttls(certificate) } else { builder.implicit_tls(certificate) }.start();
    let directory = tempfile::tempdir().expect("the set-up of the test works");
    let authority = directory.path().join("ca.pem");
    std::fs::write(&authority, mock.ca_pem()).expect("the set-up of the test works");
    let address = mock.addr().to_string();
    let mut arguments = vec![
        "s_client",
        "-connect",
        &address,
        "-CAfile",
        authority.to_str().expect("the set-up of the test works"),
        "-no-CApath",
        "-no-CAstore",
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
        "-crlf",
    ];
    if starttls {
        arguments.extend(["-starttls", "smtp"]);
    }
    text(&run("openssl", &arguments, b"QUIT\n"))
}

#[test]
fn openssl_names_the_reason_of_each_refusal() {
    for (certificate, reason) in [
        (Certificate::Expired, "certificate has expired"),
        (Certificate::NotYetValid, "certificate is not yet valid"),
        (Certificate::WrongHost, "hostname mismatch"),
        (Certificate::SelfSigned, "self-signed certificate"),
        (Certificate::UnknownCa, "unable to get local issuer certificate"),
        (Certificate::MissingIntermediate, "unable to get local issuer certificate"),
    ] {
        for starttls in [false, true] {
            let said = verdict(certificate, starttls);
            assert!(said.to_lowercase().contains(reason), "{certificate:?}: {said}");
            assert!(said.contains("certificate verify failed"), "{certificate:?}: {said}");
        }
    }
}

#[test]
fn openssl_takes_the_good_one() {
    for starttls in [false, true] {
        let said = verdict(Certificate::Good, starttls);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
}

#[test]
fn unknown_and_missing_issuers_are_different_chains() {
    // openssl says the same of both; they differ in who signed: a stranger, or one whom the authority vouches for.
    let issuer = |certificate| {
        let said = verdict(certificate, false);
        said.lines().find(|line| line.trim_start().starts_with("i:")).unwrap_or_default().to_owned()
    };
    assert!(issuer(Certificate::UnknownCa).contains("an authority that nobody trusts"));
    assert!(issuer(Certificate::MissingIntermediate).contains("smtp-mock intermediate"));
}
