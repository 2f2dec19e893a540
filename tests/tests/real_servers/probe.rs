//! `probe` at servers of others.

use std::process::Command;

use serde_json::Value;
use smtp_tests::lab::abilities::{Kind, Protocol, Tls};
use smtp_tests::lab::{Lab, Postfix};
use smtp_tests::program::{Run, smtp_cli};
use smtp_tests::waiting::{PATIENCE, output_within};

fn probe(server: &str, postfix: &Postfix) -> Run {
    smtp_cli(["probe", "--server", server, "--helo", "client.example"])
        .args(["--ca-file", postfix.ca_file().to_str().unwrap()])
}

#[track_caller]
fn document(run: Run) -> Value {
    let finished = run.args(["--format", "json"]).finish_in_process().unwrap();
    assert_eq!(finished.status, Some(0), "{}", String::from_utf8_lossy(&finished.error));
    let document: Value = serde_json::from_slice(&finished.output).unwrap();
    assert_eq!(document["schema"], "smtp-cli/probe/1");
    assert_eq!(document["not_checked"], Value::Array(Vec::new()), "{document:#}");
    document
}

fn rules(document: &Value) -> Vec<&str> {
    document["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

#[test]
fn a_postfix_that_is_set_up_well_has_no_findings() {
    // By itself it still speaks TLS 1.1 (RFC 8996).
    let postfix = Postfix::start_with(&[
        ("smtpd_tls_protocols", ">=TLSv1.2"),
        ("smtpd_tls_mandatory_protocols", ">=TLSv1.2"),
        ("message_size_limit", "36000000"),
    ])
    .unwrap();
    let submission = format!("localhost:{}", postfix.submission().port());
    let smtps = format!("smtps://localhost:{}", postfix.smtps().port());
    for server in [submission.as_str(), &smtps] {
        let document = document(probe(server, &postfix));
        assert_eq!(rules(&document), Vec::<&str>::new(), "{document:#}");
        assert_eq!(document["tls"]["version"], "TLS 1.3");
        assert_eq!(document["tls"]["trusted"], true);
        assert_eq!(document["tls"]["chain"][0]["names"], serde_json::json!(["localhost", "127.0.0.1"]));
        assert_eq!(document["secured"]["size_limit"], 36_000_000);
        let mechanisms = document["secured"]["mechanisms"].as_array().unwrap();
        assert!(mechanisms.contains(&"PLAIN".into()), "{document:#}");
    }
    // What came in the packet of STARTTLS was thrown away.
    assert_eq!(document(probe(&submission, &postfix))["starttls_injection"], false);

    let finished = probe(&submission, &postfix).finish_in_process().unwrap();
    let text = String::from_utf8(finished.output).unwrap();
    for line in [
        &format!("{submission} is connected and greeted, under TLS\n"),
        "  greeting    220 mx.example.net ESMTP Postfix\n",
        "  hello       mx.example.net\n",
        "  trusted     yes\n",
        "  PIPELINING                accepts several commands before it replies (RFC 2920)\n",
        "  a message of more than 36000000 octets (34.3 MiB): the limit of SIZE\n",
        "  a password in clear: the mechanisms that show it are offered under TLS alone\n",
        "  TLS below 1.2: its hello is not answered\n",
        "findings: none\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    postfix.settle().unwrap();
}

#[test]
fn what_is_wrong_with_a_postfix_is_found() {
    let postfix = Postfix::start_with(&[
        ("smtpd_tls_mandatory_protocols", ">=TLSv1"),
        ("smtpd_authorized_xclient_hosts", "127.0.0.1"),
    ])
    .unwrap();
    // The certificate is for localhost and 127.0.0.1.
    let server = postfix.submission().to_string();
    let document = document(probe(&server, &postfix).args(["--tls-name", "mx.example.net"]));
    let rules = rules(&document);
    assert_eq!(rules, ["certificate-name", "old-tls", "trusts-us"], "{document:#}");
    assert_eq!(document["old_tls"], "TLS 1.1");
    // Another client's word for it.
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-starttls", "smtp", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
    openssl.args(["-connect", &server]);
    let openssl = output_within(PATIENCE, &mut openssl).expect("`.ci/setup` has installed openssl");
    let said = String::from_utf8_lossy(&openssl.stdout);
    assert!(said.contains("TLSv1.1"), "{said}");
}

#[test]
fn a_listener_without_tls_is_told_as_such() {
    let postfix = Postfix::start_with(&[("smtpd_tls_security_level", "none")]).unwrap();
    let document = document(probe(&postfix.plain().to_string(), &postfix));
    assert!(rules(&document).contains(&"no-starttls"), "{document:#}");
    assert!(document["tls"].is_null());
}

#[test]
fn every_server_of_the_lab_can_be_looked_at() {
    let lab = Lab::start().unwrap();
    let mut seen = Vec::new();
    for server in lab.servers() {
        for listener in server.listeners() {
            let (Kind::Tls(_) | Kind::Unix) = listener.kind else { continue };
            let tls = listener.kind.tls();
            // A lab that cannot have TLS is a server whose TLS does not work.
            let is_broken = server.abilities().reason(tls, None).is_some();
            if is_broken && tls == Tls::Implicit {
                continue;
            }
            let mut run = smtp_cli(["probe", "--server", &listener.address.to_string()]).args([
                "--helo",
                "client.example",
                "--ca-file",
                server.authority().file().to_str().unwrap(),
            ]);
            // OpenSMTPD does no handshake for a client that names no host.
            run = run.args([
                "--tls-name",
                "localhost",
                "--tls",
                if tls == Tls::Implicit { "implicit" } else { "starttls" },
            ]);
            if server.abilities().protocol == Protocol::Lmtp {
                run = run.args(["--protocol", "lmtp"]);
            }
            let document = document(run);
            let name = server.abilities().name;
            let rules = rules(&document);
            assert_eq!(rules.contains(&"starttls-fails"), is_broken, "{name} {document:#}");
            assert!(is_broken || tls == Tls::None || document["tls"].is_object(), "{name} {document:#}");
            assert_ne!(document["starttls_injection"], true, "{name} {document:#}");
            let kind = if listener.kind == Kind::Unix { "unix" } else { tls.mode() };
            seen.push(format!("{name} {kind}: {}", rules.join(" ")));
        }
    }
    for line in [
        "Postfix starttls: old-tls",
        "Exim starttls: auth-in-clear old-tls",
        "Exim implicit: old-tls",
        "Dovecot implicit: ",
        "Dovecot LMTP unix: ",
        "OpenSMTPD none: no-starttls no-pipelining",
        "aiosmtpd starttls: no-pipelining",
        "smtp-server none: no-starttls auth-in-clear",
    ] {
        assert!(seen.contains(&line.to_string()), "{line} is not in {seen:#?}");
    }
}
