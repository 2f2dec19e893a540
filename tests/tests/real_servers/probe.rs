//! `probe` at servers of others.

use serde_json::Value;
use smtp_tests::lab::Postfix;
use smtp_tests::program::{Run, smtp_cli};

fn probe(server: &str, postfix: &Postfix) -> Run {
    smtp_cli(["probe", "--server", server, "--helo", "client.example"])
        .args(["--ca-file", postfix.ca_file().to_str().unwrap()])
}

#[track_caller]
fn document(run: Run) -> Value {
    let finished = run.args(["--format", "json"]).finish().unwrap();
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
    let postfix = Postfix::start().unwrap();
    let submission = format!("localhost:{}", postfix.submission().port());
    let smtps = format!("smtps://localhost:{}", postfix.smtps().port());
    for server in [submission.as_str(), &smtps] {
        let document = document(probe(server, &postfix));
        assert_eq!(rules(&document), Vec::<&str>::new(), "{document:#}");
        assert_eq!(document["tls"]["version"], "TLS 1.3");
        assert_eq!(document["tls"]["trusted"], true);
        assert_eq!(document["tls"]["chain"][0]["names"], serde_json::json!(["localhost", "127.0.0.1"]));
        assert_eq!(document["secured"]["size_limit"], 67_108_864);
        let mechanisms = document["secured"]["mechanisms"].as_array().unwrap();
        assert!(mechanisms.contains(&"PLAIN".into()), "{document:#}");
    }
    // What came in the packet of STARTTLS was thrown away.
    assert_eq!(document(probe(&submission, &postfix))["starttls_injection"], false);

    let finished = probe(&submission, &postfix).finish().unwrap();
    let text = String::from_utf8(finished.output).unwrap();
    for line in [
        &format!("{submission} is connected and greeted, under TLS\n"),
        "  greeting    220 mx.example.net ESMTP Postfix\n",
        "  hello       mx.example.net\n",
        "  trusted     yes\n",
        "  PIPELINING                takes many commands without a wait for each reply (RFC 2920)\n",
        "  a message of more than 67108864 octets (64 MiB): the limit of SIZE\n",
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
        ("smtpd_tls_protocols", ">=TLSv1"),
        ("smtpd_tls_mandatory_protocols", ">=TLSv1"),
        ("tls_medium_cipherlist", "DEFAULT:@SECLEVEL=0"),
        ("tls_high_cipherlist", "DEFAULT:@SECLEVEL=0"),
        ("smtpd_tls_auth_only", "no"),
        ("smtpd_authorized_xclient_hosts", "127.0.0.1"),
    ])
    .unwrap();
    // The certificate is for localhost and 127.0.0.1.
    let server = postfix.submission().to_string();
    let document = document(probe(&server, &postfix).args(["--tls-name", "mx.example.net"]));
    let rules = rules(&document);
    for rule in ["auth-in-clear", "certificate-name", "old-tls", "trusts-us"] {
        assert!(rules.contains(&rule), "{rule}: {document:#}");
    }
    assert_eq!(document["old_tls"], "TLS 1.1");
}

#[test]
fn a_listener_without_tls_is_told_as_such() {
    let postfix = Postfix::start_with(&[("smtpd_tls_security_level", "none")]).unwrap();
    let document = document(probe(&postfix.plain().to_string(), &postfix));
    assert!(rules(&document).contains(&"no-starttls"), "{document:#}");
    assert!(document["tls"].is_null());
}
