//! TLS: modes, trust, names, and the words for a handshake that failed.

use crate::support::{ca_file, send, send_to};
use smtp_cli::Exit;
use smtp_mock::{Certificate, HandshakeFault, Mock, On, Rule, Scenario};

#[test]
fn starttls_is_required_where_it_is_asked_for() {
    let mock = Mock::start();
    send(&mock)
        .with(["--tls", "starttls"])
        .exits(Exit::UNAVAILABLE)
        .complains(["does not offer STARTTLS", "--tls"]);
    assert!(mock.messages().is_empty());
    let mock =
        Mock::builder().starttls(Certificate::Good).rule(Rule::on(On::Starttls).reply("454 not now")).start();
    send(&mock).with(["--tls", "starttls"]).exits(Exit::TEMPORARY).complains(["454 not now"]);
    assert!(mock.messages().is_empty());
}

#[test]
fn a_certificate_must_be_trusted_and_bear_the_name() {
    let mock = Mock::builder().starttls(Certificate::Good).certificate_name("mx.example.org").start();
    let (_file, ca) = ca_file(&mock);
    send(&mock)
        .with(["--tls", "starttls"])
        .exits(Exit::NO_PERMISSION)
        .complains(["not trusted", "--ca-file"]);
    send(&mock)
        .with(["--tls", "starttls", "--ca-file", &ca, "--tls-name", "other.example"])
        .exits(Exit::NO_PERMISSION)
        .complains(["not for other.example", "--tls-name"]);
    assert!(mock.messages().is_empty());
    send(&mock).with(["--tls", "starttls", "--ca-file", &ca, "--tls-name", "mx.example.org"]).exits(Exit::OK);
    assert!(mock.messages()[0].envelope.secure);
}

#[test]
fn every_bad_certificate_is_refused() {
    for certificate in [
        Certificate::Expired,
        Certificate::NotYetValid,
        Certificate::WrongHost,
        Certificate::SelfSigned,
        Certificate::UnknownCa,
    ] {
        let mock = Mock::builder().starttls(certificate).certificate_name("127.0.0.1").start();
        let (_file, ca) = ca_file(&mock);
        send(&mock)
            .with(["--tls", "starttls", "--ca-file", &ca])
            .exits(Exit::NO_PERMISSION)
            .complains(["certificate"]);
        assert!(mock.messages().is_empty(), "{certificate:?}");
    }
}

#[test]
fn implicit_tls_by_mode_and_by_scheme() {
    let mock = Mock::builder().implicit_tls(Certificate::Good).certificate_name("127.0.0.1").start();
    let (_file, ca) = ca_file(&mock);
    let ran = send(&mock).with(["--tls", "implicit", "--ca-file", &ca, "-v"]).exits(Exit::OK);
    assert!(ran.error.contains("=== TLS is up\n~<  220 "), "{}", ran.error);
    send_to(&format!("smtps://{}", mock.addr())).with(["--ca-file", &ca]).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 2);
}

#[test]
fn opportunistic_takes_what_there_is() {
    let mock = Mock::builder().starttls(Certificate::SelfSigned).start();
    send(&mock).exits(Exit::OK);
    assert!(mock.messages()[0].envelope.secure);
    send(&mock).with(["--tls", "none"]).exits(Exit::OK);
    assert!(!mock.messages()[1].envelope.secure);
    let mock =
        Mock::builder().starttls(Certificate::Good).rule(Rule::on(On::Starttls).reply("454 not now")).start();
    let ran = send(&mock).with(["-v"]).exits(Exit::OK);
    assert!(ran.error.contains("going on in clear"), "{}", ran.error);
}

#[test]
fn the_wrong_mode_is_diagnosed() {
    let mock = Mock::start();
    send(&mock)
        .with(["--tls", "implicit"])
        .exits(Exit::PROTOCOL)
        .complains(["220 in clear", "--tls starttls"]);
}

#[test]
fn a_handshake_that_fails_otherwise_is_of_the_protocol() {
    let mut scenario = Scenario::new();
    scenario.tls.mode = smtp_mock::TlsMode::Starttls;
    scenario.tls.handshake = Some(HandshakeFault::Garbage);
    let mock = Mock::builder().scenario(scenario).start();
    send(&mock).with(["--tls", "starttls"]).exits(Exit::PROTOCOL).complains(["handshake"]);
    assert!(mock.messages().is_empty());
}

#[test]
fn an_unreadable_ca_file_is_named_before_anything_is_said() {
    let mock = Mock::start();
    send(&mock)
        .with(["--tls", "starttls", "--ca-file", "no/such.pem"])
        .exits(Exit::NO_INPUT)
        .complains(["no/such.pem"]);
    assert_eq!(mock.connections(), 0);
}

#[test]
fn a_client_certificate_is_read_before_anything_is_said() {
    let mock = Mock::builder().starttls(Certificate::Good).certificate_name("127.0.0.1").start();
    let (_file, ca) = ca_file(&mock);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let chain = smtp_mock::Authority::new(["client.example"]).unwrap().chain(Certificate::Good).unwrap();
    std::fs::write(path("cert.pem"), &chain.certificates_pem).unwrap();
    std::fs::write(path("key.pem"), &chain.key_pem).unwrap();
    std::fs::write(path("odd.pem"), chain.key_pem.replace("PRIVATE KEY", "EC PRIVATE KEY")).unwrap();
    let base = |key: &str| {
        let run = send(&mock).with(["--tls", "starttls", "--ca-file", &ca]);
        run.with(["--client-cert", &path("cert.pem"), "--client-key", &path(key)])
    };
    base("key.pem").exits(Exit::OK);
    assert_eq!(mock.connections(), 1);
    for kind in ["RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        std::fs::write(path("form.pem"), chain.key_pem.replace("PRIVATE KEY", kind)).unwrap();
        base("form.pem").exits(Exit::NO_INPUT).complains(["form.pem", "PKCS #8", "openssl pkcs8 -topk8"]);
    }
    base("cert.pem").exits(Exit::NO_INPUT).complains(["cert.pem", "BEGIN PRIVATE KEY"]);
    let other = smtp_mock::Authority::new(["client.example"]).unwrap().chain(Certificate::Good).unwrap();
    std::fs::write(path("other.pem"), &other.key_pem).unwrap();
    base("other.pem").exits(Exit::NO_INPUT).complains(["other.pem does not belong to", "cert.pem"]);
    base("odd.pem").exits(Exit::NO_INPUT).complains(["odd.pem", "PKCS #8", "BEGIN PRIVATE KEY"]);
    base("missing.pem").exits(Exit::NO_INPUT).complains(["missing.pem", "--client-key"]);
    send(&mock).with(["--client-cert", &path("cert.pem")]).exits(Exit::USAGE).complains(["--client-key"]);
    assert_eq!(mock.connections(), 1);
}
