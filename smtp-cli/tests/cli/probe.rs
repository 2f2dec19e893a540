//! `probe`: every fault that it claims to find, found, and nothing found where nothing is wrong.

use crate::support::{Ran, Run, ca_file, smtp_cli};
use native_tls::{Identity, TlsAcceptor};
use smtp_cli::Exit;
use smtp_mock::{Authority, Builder, Certificate, HandshakeFault, Mechanism, Mock, On, Rule, Scenario};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 24 * 3600;

/// The real time, which certificates are made by.
fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn probe(server: &str) -> Run {
    smtp_cli(["probe", "--server", server, "--helo", "client.example", "--format", "json"]).at(now())
}

fn document(ran: &Ran) -> serde_json::Value {
    let document: serde_json::Value =
        serde_json::from_str(&ran.output).unwrap_or_else(|error| panic!("{error}: {}", ran.output));
    assert_eq!(document["schema"], "smtp-cli/probe/1");
    document
}

/// The findings as `severity rule`.
fn findings(ran: &Ran) -> Vec<String> {
    let document = document(ran);
    assert_eq!(document["not_checked"], serde_json::json!([]), "{document:#}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|finding| format!("{} {}", text(&finding["severity"]), text(&finding["rule"]))).collect()
}

/// A server that does everything right, until `change` makes it otherwise.
fn found(change: impl FnOnce(Builder) -> Builder) -> Vec<String> {
    let builder = Mock::builder()
        .hostname("mx.example.net")
        .starttls(Certificate::Good)
        .certificate_name("127.0.0.1")
        .user("alice", "secret")
        .mechanisms([Mechanism::Plain]);
    let mock = change(builder).start();
    let (_file, ca) = ca_file(&mock);
    let found = findings(&probe(&mock.addr().to_string()).with(["--ca-file", &ca]).exits(Exit::OK));
    assert!(mock.messages().is_empty());
    assert!(!mock.transcript().to_string().contains("MAIL"), "{}", mock.transcript());
    found
}

/// A reply to EHLO, in clear or under TLS.
fn hello(is_secured: bool, reply: &str) -> Rule {
    Rule::on(On::Ehlo).secure(is_secured).reply(reply)
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(found(|builder| builder), Vec::<String>::new());
    let mock = Mock::builder().hostname("mx.example.net").implicit_tls(Certificate::Good).start();
    let (_file, ca) = ca_file(&mock);
    let ran = probe(&format!("smtps://{}", mock.addr())).with(["--ca-file", &ca]).exits(Exit::OK);
    assert_eq!(findings(&ran), Vec::<String>::new());
    let document = document(&ran);
    assert!(document["clear"].is_null() && document["starttls_injection"].is_null(), "{document:#}");
    assert_eq!(document["tls"]["chain"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_missing_and_what_is_said_in_clear_is_found() {
    assert_eq!(found(|builder| builder.hide("STARTTLS")), ["serious no-starttls"]);
    assert_eq!(found(Builder::plaintext_auth), ["serious auth-in-clear"]);
    assert_eq!(
        found(|builder| builder.plaintext_auth().mechanisms([Mechanism::CramMd5])),
        ["doubtful auth-in-clear"]
    );
    assert_eq!(
        found(|builder| builder.mechanisms([Mechanism::Plain, Mechanism::Anonymous])),
        ["doubtful auth-in-clear", "doubtful anonymous"]
    );
    assert_eq!(found(|builder| builder.hide("PIPELINING")), ["note no-pipelining"]);
    assert_eq!(
        found(|builder| builder.extensions(["PIPELINING", "EXPN", "TURN", "XCLIENT NAME", "XFORWARD NAME"])),
        ["note turn", "note trusts-us", "note trusts-us", "note expn"]
    );
}

#[test]
fn what_is_wrong_with_the_hello_is_found() {
    assert_eq!(found(|builder| builder.hostname("mx")), ["note host-name", "note host-name"]);
    assert_eq!(
        found(|builder| builder.rule(Rule::on(On::Connect).reply("220 mail.example.org hello"))),
        ["note two-names"]
    );
    assert_eq!(
        found(|builder| builder.rule(Rule::on(On::Ehlo).reply("502 5.5.1 no EHLO here"))),
        ["serious no-starttls", "doubtful no-ehlo"]
    );
    assert_eq!(
        found(|builder| {
            builder
                .rule(Rule::on(On::Ehlo).reply("550 5.7.1 not you"))
                .rule(Rule::on(On::Helo).reply("550 5.7.1 not you"))
        }),
        ["serious hello-refused"]
    );
}

#[test]
fn what_changes_the_wrong_way_with_tls_is_found() {
    let change = |clear: &str, secured: &str| {
        let rules = [hello(false, clear), hello(true, secured)];
        found(|builder| rules.into_iter().fold(builder, Builder::rule))
    };
    assert_eq!(
        change(
            "250-mx.example.net\n250-PIPELINING\n250-DSN\n250 STARTTLS",
            "250-mx.example.net\n250 PIPELINING"
        ),
        ["doubtful extensions-lost"]
    );
    assert_eq!(
        change(
            "250-mx.example.net\n250-PIPELINING\n250-AUTH CRAM-MD5\n250 STARTTLS",
            "250-mx.example.net\n250 PIPELINING"
        ),
        ["serious auth-lost", "doubtful auth-in-clear"]
    );
    assert_eq!(
        change(
            "250-mx.example.net\n250-PIPELINING\n250-AUTH SCRAM-SHA-256\n250 STARTTLS",
            "250-mx.example.net\n250-PIPELINING\n250 AUTH PLAIN"
        ),
        ["doubtful auth-in-clear", "doubtful mechanisms-lost"]
    );
    assert_eq!(
        change(
            "250-mx.example.net\n250-PIPELINING\n250-SIZE 2000\n250 STARTTLS",
            "250-mx.example.net\n250-PIPELINING\n250-SIZE 1000\n250 STARTTLS"
        ),
        ["doubtful size-shrinks", "doubtful starttls-again"]
    );
}

#[test]
fn starttls_that_is_offered_and_does_not_work_is_found() {
    let mut scenario = Scenario::new();
    scenario.server.hostname = "mx.example.net".to_string();
    scenario.tls.mode = smtp_mock::TlsMode::Starttls;
    for fault in [HandshakeFault::Alert, HandshakeFault::Garbage, HandshakeFault::Fin] {
        scenario.tls.handshake = Some(fault);
        let mock = Mock::builder().scenario(scenario.clone()).start();
        let ran = probe(&mock.addr().to_string()).exits(Exit::OK);
        assert_eq!(findings(&ran), ["serious starttls-fails"], "{fault:?}");
    }
    assert_eq!(
        found(|builder| builder.rule(Rule::on(On::Starttls).reply("454 4.7.0 not now"))),
        ["serious starttls-fails"]
    );
}

#[test]
fn every_fault_of_a_certificate_is_found() {
    for (certificate, expected) in [
        (Certificate::Expired, &["serious certificate-expired"][..]),
        (Certificate::NotYetValid, &["serious certificate-not-yet-valid"]),
        (Certificate::WrongHost, &["serious certificate-name"]),
        (Certificate::SelfSigned, &["serious certificate-not-trusted"]),
        (Certificate::UnknownCa, &["serious certificate-not-trusted"]),
        (Certificate::MissingIntermediate, &["serious certificate-not-trusted"]),
    ] {
        assert_eq!(found(|builder| builder.starttls(certificate)), expected, "{certificate:?}");
        let builder = Mock::builder().hostname("mx.example.net").implicit_tls(certificate);
        let mock = builder.certificate_name("127.0.0.1").start();
        let (_file, ca) = ca_file(&mock);
        let ran = probe(&format!("smtps://{}", mock.addr())).with(["--ca-file", &ca]).exits(Exit::OK);
        assert_eq!(findings(&ran), expected, "{certificate:?}");
    }
}

#[test]
fn a_certificate_that_is_about_to_expire_is_found() {
    let mock = Mock::builder()
        .hostname("mx.example.net")
        .starttls(Certificate::Good)
        .certificate_name("127.0.0.1")
        .start();
    let (_file, ca) = ca_file(&mock);
    let at = |days: i64| {
        let run = probe(&mock.addr().to_string()).with(["--ca-file", &ca]).at(now() + days * DAY);
        findings(&run.exits(Exit::OK))
    };
    assert_eq!(at(340), Vec::<String>::new());
    assert_eq!(at(350), ["doubtful certificate-expires"]);
    assert_eq!(at(370), ["serious certificate-expired"]);
}

#[test]
fn a_pin_stands_instead_of_the_authorities_word_and_insecure_asks_for_nobodys() {
    let mock = Mock::builder()
        .hostname("mx.example.net")
        .starttls(Certificate::SelfSigned)
        .certificate_name("127.0.0.1")
        .start();
    let server = mock.addr().to_string();
    let ran = probe(&server).exits(Exit::OK);
    assert_eq!(findings(&ran), ["serious certificate-not-trusted"]);
    let pin = document(&ran)["tls"]["chain"][0]["pin"].as_str().unwrap().to_string();
    assert_eq!(findings(&probe(&server).with(["--tls-pin", &pin]).exits(Exit::OK)), Vec::<String>::new());
    let other = format!("sha256:{}", "00".repeat(32));
    let ran = probe(&server).with(["--tls-pin", &other]).exits(Exit::OK);
    assert_eq!(findings(&ran), ["serious certificate-not-trusted"]);
    assert!(ran.output.contains("--tls-pin wants"), "{}", ran.output);
    assert_eq!(findings(&probe(&server).with(["--insecure"]).exits(Exit::OK)), Vec::<String>::new());
    assert_eq!(findings(&probe(&server).with(["--tls", "none"]).exits(Exit::OK)), Vec::<String>::new());
}

#[test]
fn a_command_behind_starttls_that_is_answered_under_tls_is_found() {
    let (server, _) = careless(false);
    let ran = probe(&server.to_string()).with(["--insecure"]).exits(Exit::OK);
    assert_eq!(findings(&ran), ["serious starttls-injection"]);
    assert_eq!(document(&ran)["starttls_injection"], true);
    assert_eq!(document(&ran)["old_tls"], serde_json::Value::Null);
}

#[test]
fn tls_below_1_2_is_found() {
    let (server, _) = careless(true);
    let ran = probe(&server.to_string()).with(["--insecure"]).exits(Exit::OK);
    assert_eq!(findings(&ran), ["serious starttls-injection", "doubtful old-tls"]);
    assert_eq!(document(&ran)["old_tls"], "TLS 1.1");
}

/// A server that keeps what it has read over STARTTLS and, if it is `old`, answers a hello of TLS 1.1.
fn careless(is_old: bool) -> (SocketAddr, thread::JoinHandle<()>) {
    let chain = Authority::new(["127.0.0.1"]).unwrap().chain(Certificate::Good).unwrap();
    let identity = Identity::from_pkcs8(chain.certificates_pem.as_bytes(), chain.key_pem.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::new(identity).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        for stream in listener.incoming() {
            let acceptor = acceptor.clone();
            thread::spawn(move || serve(stream.unwrap(), &acceptor, is_old));
        }
    });
    (address, serving)
}

/// One session; whatever breaks it ends it.
fn serve(stream: TcpStream, acceptor: &TlsAcceptor, is_old: bool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream.try_clone().ok()?;
    writer.write_all(b"220 mx.example.net\r\n").ok()?;
    loop {
        let line = read_line(&mut reader)?;
        if line == "STARTTLS" {
            writer.write_all(b"220 go\r\n").ok()?;
            break;
        }
        writer.write_all(answer(&line, "STARTTLS")).ok()?;
    }
    // What was read too far is kept, which is the fault.
    let kept = reader.buffer().to_vec();
    if is_old {
        let mut hello = [0; 11];
        while stream.peek(&mut hello).ok()? < hello.len() {}
        if hello[9..] == [3, 2] {
            writer.write_all(b"\x16\x03\x02\x00\x50\x02\x00\x00\x4c\x03\x02\x00").ok()?;
            return None;
        }
    }
    let mut secured = acceptor.accept(stream).ok()?;
    for line in String::from_utf8(kept).ok()?.lines() {
        secured.write_all(answer(line, "PIPELINING")).ok()?;
    }
    let mut reader = BufReader::new(secured);
    loop {
        let line = read_line(&mut reader)?;
        reader.get_mut().write_all(answer(&line, "PIPELINING")).ok()?;
    }
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_string())
}

fn answer(line: &str, extension: &str) -> &'static [u8] {
    match (line.get(..4), extension) {
        (Some("EHLO"), "STARTTLS") => b"250-mx.example.net\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
        (Some("EHLO"), _) => b"250-mx.example.net\r\n250 PIPELINING\r\n",
        (Some("QUIT"), _) => b"221 bye\r\n",
        _ => b"250 ok\r\n",
    }
}

#[test]
fn what_cannot_be_found_out_is_said() {
    // Only the first connection is served.
    let mut rules = (2..8).map(|number| Rule::on(On::Connect).connection(number).reply("421 4.7.0 too many"));
    let builder = Mock::builder().hostname("mx.example.net").starttls(Certificate::Good);
    let mock = rules.by_ref().fold(builder, Builder::rule).start();
    let ran = probe(&mock.addr().to_string()).exits(Exit::OK);
    let document = document(&ran);
    let not_checked: Vec<_> =
        document["not_checked"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(not_checked, ["handshake", "trust", "old-tls", "starttls-injection"]);
    assert!(ran.output.contains("the greeting was refused: 421 4.7.0 too many"), "{}", ran.output);
    let text = smtp_cli(["probe", "--server", &mock.addr().to_string()]).exits(Exit::TEMPORARY);
    text.complains(["421"]);
}

#[test]
fn what_would_be_refused_is_said_with_its_reason() {
    let mock = Mock::builder()
        .extensions(["SIZE 10485760", "LIMITS MAILMAX=5 RCPTMAX=100 RCPTDOMAINMAX=1"])
        .starttls(Certificate::Good)
        .user("alice", "secret")
        .start();
    let document = document(&probe(&mock.addr().to_string()).exits(Exit::OK));
    let refusals: Vec<_> =
        document["refusals"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(
        refusals,
        [
            "a message of more than 10485760 octets (10 MiB)",
            "more than 5 messages in one connection",
            "more than 100 recipients of one message",
            "more than 1 domain of recipients in one message",
            "a password in clear",
            "TLS below 1.2",
            "addresses and header fields in UTF-8",
            "octets above 127 that are not encoded",
            "wishes for reports of delivery (--notify, --ret, --envid)",
        ]
    );
    assert_eq!(document["secured"]["recipients_limit"], 100);
}

#[test]
fn nobody_greets() {
    let closed = Mock::unreachable().unwrap().to_string();
    let ran = probe(&closed).exits(Exit::TEMPORARY);
    ran.complains(["refuses connections"]);
    assert_eq!(document(&ran)["exit"], 75);
    let mock = Mock::builder().rule(Rule::on(On::Connect).reply("554 5.3.2 not here")).start();
    assert_eq!(document(&probe(&mock.addr().to_string()).exits(Exit::UNAVAILABLE))["exit"], 69);
}

#[test]
fn what_has_no_meaning_for_a_probe_is_refused() {
    for arguments in [&["--user", "you"][..], &["--auth", "PLAIN"], &["--protocol", "smtp"], &["--mx"]] {
        let mut words = vec!["--tls", "none"];
        words.extend(arguments);
        let run =
            if arguments == ["--mx"] { smtp_cli(["probe"]) } else { smtp_cli(["probe", "--server", "mx"]) };
        run.with_all(&words).exits(Exit::USAGE).complains([arguments[0]]);
    }
}

#[test]
fn a_trusted_client_may_look_as_another_one() {
    let mock =
        Mock::builder().hostname("mx.example.net").extensions(["PIPELINING", "XCLIENT NAME ADDR"]).start();
    let ran = probe(&mock.addr().to_string()).with(["--xclient", "ADDR=192.0.2.1", "-v"]).exits(Exit::OK);
    assert!(ran.error.contains("->  XCLIENT ADDR=192.0.2.1\n<-  220 "), "{}", ran.error);
    let refused = Mock::builder().hostname("mx.example.net").start();
    let ran = probe(&refused.addr().to_string()).with(["--xclient", "ADDR=192.0.2.1"]).exits(Exit::OK);
    assert!(ran.output.contains("does not offer XCLIENT"), "{}", ran.output);
}

/// What differs from run to run made the same.
fn settled(text: &str, address: &str) -> String {
    let mut settled = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let digits = |from: usize, count: usize| {
            rest.get(from..from + count).is_some_and(|part| part.bytes().all(|octet| octet.is_ascii_digit()))
        };
        if rest.starts_with("sha256:") {
            settled.push_str("sha256:DIGEST");
            rest = &rest["sha256:".len() + 64..];
        } else if digits(0, 4) && digits(5, 2) && digits(8, 2) && &rest[4..5] == "-" && &rest[7..8] == "-" {
            settled.push_str("DATE");
            rest = &rest[10..];
        } else {
            settled.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    let lines = settled.replace(address, "ADDRESS");
    // What two libraries agree on is theirs to choose.
    let chosen = ["  TLS         ", "\"greeted_after_ms\": ", "\"version\": ", "\"cipher\": ", "\"group\": "];
    let line = |line: &str| match chosen.iter().find_map(|name| line.find(name).map(|at| at + name.len())) {
        Some(end) => format!("{}CHOSEN", &line[..end]),
        None => line.to_string(),
    };
    lines.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn text_and_json() {
    let mock = Mock::builder()
        .hostname("mx.example.net")
        .starttls(Certificate::WrongHost)
        .user("alice", "secret")
        .plaintext_auth()
        .start();
    let (_file, ca) = ca_file(&mock);
    let address = mock.addr().to_string();
    let base = smtp_cli(["probe", "--server", &address, "--ca-file", &ca]);
    let text = base.at(now() - 3600).exits(Exit::OK).output;
    crate::snapshots::snapshot("probe-text", &settled(&text, &address));
    let base = smtp_cli(["probe", "--server", &address, "--ca-file", &ca, "--format", "json"]);
    let json = base.at(now() - 3600).exits(Exit::OK).output;
    crate::snapshots::snapshot("probe-json", &settled(&json, &address));
}
