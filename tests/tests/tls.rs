//! Certificates that must not be trusted, and servers that cannot do TLS: nothing is said in clear.

use std::path::Path;

use smtp_mock::{Certificate, Mock};
use smtp_tests::program::{Finished, smtp_cli};

#[test]
fn a_certificate_that_must_not_be_trusted_ends_the_session() {
    use Certificate::{Expired, MissingIntermediate, NotYetValid, SelfSigned, UnknownCa, WrongHost};
    for certificate in [Expired, NotYetValid, WrongHost, SelfSigned, UnknownCa, MissingIntermediate] {
        for tls in ["starttls", "implicit"] {
            let builder = Mock::builder().user("you", "secret of mine");
            let mock = if tls == "starttls" {
                builder.starttls(certificate).start()
            } else {
                builder.implicit_tls(certificate).start()
            };
            let finished = send(&mock, tls, true);
            let case = format!("{certificate:?} by {tls}");
            assert_eq!(finished.status, Some(77), "{case}: {}", finished.error());
            assert!(finished.error().contains("is not trusted"), "{case}: {}", finished.error());
            assert_eq!(finished.error().lines().count(), 1, "{case}: {}", finished.error());
            unsaid(&mock, &case);
        }
    }
}

#[test]
fn the_good_certificate_is_trusted_with_its_authority_only() {
    for tls in ["starttls", "implicit"] {
        let mock = || {
            let builder = Mock::builder().user("you", "secret of mine");
            if tls == "starttls" {
                builder.starttls(Certificate::Good).start()
            } else {
                builder.implicit_tls(Certificate::Good).start()
            }
        };
        let trusting = mock();
        assert_eq!(send(&trusting, tls, true).status, Some(0), "{tls}");
        assert!(trusting.wait_n(1)[0].envelope.secure, "{tls}");

        let strange = mock();
        assert_eq!(send(&strange, tls, false).status, Some(77), "{tls}");
        unsaid(&strange, tls);
    }
}

#[test]
fn without_starttls_nothing_is_sent() {
    let mock = Mock::builder().user("you", "secret of mine").plaintext_auth().start();
    let finished = send(&mock, "starttls", true);
    assert_eq!(finished.status, Some(69), "{}", finished.error());
    assert!(finished.error().contains("does not offer STARTTLS"), "{}", finished.error());
    unsaid(&mock, "STARTTLS is not offered");
}

/// No login was tried and no mail begun.
#[track_caller]
fn unsaid(mock: &Mock, case: &str) {
    mock.wait_closed(1);
    let commands = mock.transcript().commands();
    let forbidden = |command: &String| ["AUTH", "MAIL", "RCPT"].iter().any(|verb| command.starts_with(verb));
    assert!(!commands.iter().any(forbidden), "{case}: {commands:?}");
    assert_eq!(mock.messages().len(), 0, "{case}");
}

fn send(mock: &Mock, tls: &str, trusted: bool) -> Finished {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, mock.ca_pem()).unwrap();
    let trust: &[&Path] = if trusted { &[Path::new("--ca-file"), &ca_file] } else { &[] };
    smtp_cli(["send", "--server", &format!("localhost:{}", mock.addr().port()), "--tls", tls])
        .args(["--from", "you@example.org", "--to", "friend@example.net"])
        .args(["--subject", "TLS", "--body", "It works.", "--user", "you", "--password-env", "SECRET"])
        .env("SECRET", "secret of mine")
        .args(trust.iter().copied())
        .finish()
        .unwrap()
}
