//! How often, how far, and what is told of it.

use crate::support::{send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Close, Mock, On, Rule, Scenario};

#[test]
fn repeat_sends_each_message_so_often_with_an_identifier_of_its_own() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    send(&mock).with(["--repeat", "3"]).exits(Exit::OK);
    assert_eq!((mock.messages().len(), mock.connections()), (3, 1));
}

#[test]
fn messages_that_exist_are_sent_unchanged_over_one_connection() {
    let directory = tempfile::tempdir().unwrap();
    let mock = Mock::start();
    let mut paths = Vec::new();
    for number in 1..=2 {
        let path = directory.path().join(format!("{number}.eml"));
        let text = format!(
            "Date: Fri, 20 Nov 2026 17:42:58 +0000\nMessage-ID: <{number}@example.org>\nFrom: a@example.org\n\
             To: b@example.net\nX-Odd:   kept  \n\nbody {number}\n"
        );
        std::fs::write(&path, text).unwrap();
        paths.push(path.display().to_string());
    }
    let server = mock.addr().to_string();
    smtp_cli(["send", "-s", &server, "--eml", &paths[0], "--eml", &paths[1]]).exits(Exit::OK);
    let messages = mock.messages();
    assert_eq!((messages.len(), mock.connections()), (2, 1));
    assert_eq!(
        String::from_utf8_lossy(&messages[0].octets),
        "Date: Fri, 20 Nov 2026 17:42:58 +0000\r\nMessage-ID: <1@example.org>\r\nFrom: a@example.org\r\n\
         To: b@example.net\r\nX-Odd:   kept  \r\n\r\nbody 1\r\n"
    );
    smtp_cli(["send", "-s", &server, "--eml", &paths[0], "--from", "x@example.org", "--to", "y@example.net"])
        .exits(Exit::OK);
    let message = mock.messages()[2].clone();
    assert_eq!((message.from(), message.to()), ("x@example.org", vec!["y@example.net"]));
    assert_eq!(message.header("To").as_deref(), Some("b@example.net"));
    smtp_cli(["send", "-s", &server, "--eml", "no/such.eml"])
        .exits(Exit::NO_INPUT)
        .complains(["no/such.eml"]);
    smtp_cli(["send", "-s", &server, "--eml", &paths[0], "--subject", "x"]).exits(Exit::USAGE);
}

#[test]
fn the_recipients_of_the_headers_count_besides_those_of_the_options() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    let message = "From: a@example.org\nTo: b@example.net\nBcc: h@example.net\n\nx\n";
    let server = mock.addr().to_string();
    let base = || smtp_cli(["send", "-s", &server, "--eml", "-", "--to", "c@example.net"]).input(message);
    base().exits(Exit::OK);
    base().with(["--recipients-from-headers"]).exits(Exit::OK);
    let to: Vec<_> = mock.messages().iter().map(|message| message.to().join(",")).collect();
    assert_eq!(to, ["c@example.net", "c@example.net,b@example.net,h@example.net"]);
    send(&mock).with(["--recipients-from-headers"]).exits(Exit::USAGE).complains(["--eml"]);
}

#[test]
fn an_8_bit_message_is_declared_where_that_is_offered_and_encoded_anew_where_not() {
    let message = "From: a@example.org\nTo: b@example.net\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
                   Content-Transfer-Encoding: 8bit\n\nGrüße\n";
    let mock = Mock::builder().extensions(["PIPELINING", "8BITMIME"]).start();
    smtp_cli(["send", "-s", &mock.addr().to_string(), "--eml", "-"]).input(message).exits(Exit::OK);
    assert!(mock.transcript().commands()[1].contains("BODY=8BITMIME"));
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    smtp_cli(["send", "-s", &mock.addr().to_string(), "--eml", "-"]).input(message).exits(Exit::OK);
    let sent = mock.messages()[0].clone();
    assert!(sent.octets.is_ascii());
    assert_eq!(sent.text().as_deref(), Some("Grüße\r\n"));
    smtp_cli(["send", "-s", &mock.addr().to_string(), "--eml", "-", "--no-fix"])
        .input(message)
        .exits(Exit::UNAVAILABLE)
        .complains(["8BITMIME"]);
}

#[test]
fn retry_tries_again_what_failed_for_now_and_only_that() {
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("grey@*").times(2).reply("450 4.2.0 greylisted"))
        .start();
    let ran = send(&mock).with(["--to", "grey@example.net", "--retry", "2", "-v"]).exits(Exit::OK);
    let to: Vec<_> = mock.messages().iter().map(|message| message.to().join(",")).collect();
    assert_eq!(to, ["friend@example.net", "grey@example.net"], "{}", ran.error);
    assert_eq!(ran.waits.len(), 2);
    assert!(ran.waits[0] < ran.waits[1]);
    let mock = Mock::builder().extensions(["PIPELINING"]).rule(Rule::on(On::Body).close(Close::Fin)).start();
    send(&mock).with(["--retry", "5"]).exits(Exit::UNKNOWN);
    assert_eq!(mock.connections(), 1);
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Connect).times(2).reply("421 later"))
        .start();
    send(&mock).with(["--retry", "2"]).exits(Exit::OK);
    assert_eq!(mock.connections(), 3);
    let mock = Mock::builder().extensions(["PIPELINING"]).rule(Rule::on(On::Rcpt).reply("550 no")).start();
    send(&mock).with(["--retry", "2"]).exits(Exit::NO_USER);
    assert_eq!(mock.connections(), 1);
}

#[test]
fn what_stood_behind_a_message_whose_session_broke_goes_over_a_further_one() {
    let broken = || {
        Mock::builder()
            .extensions(["PIPELINING"])
            .rule(Rule::on(On::Rcpt).connection(1).message(2).close(Close::Fin))
            .start()
    };
    let mock = broken();
    let ran = send(&mock).with(["--repeat", "4"]).exits(Exit::TEMPORARY);
    assert_eq!(ran.output.lines().filter(|line| line.starts_with("accepted")).count(), 3, "{}", ran.output);
    assert_eq!((mock.messages().len(), mock.connections()), (3, 2));
    let mock = broken();
    send(&mock).with(["--repeat", "4", "--retry", "1"]).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 4);
    let mock = broken();
    send(&mock).with(["--repeat", "4", "--connections", "2"]).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 4);
}

#[test]
fn json_is_one_document_with_a_schema() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 none")).start();
    let ran = send(&mock).with(["--to", "bad@example.net", "--format", "json"]).exits(Exit::PARTLY);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(document["schema"], "smtp-cli/result/1");
    assert_eq!(document["exit"], 79);
    let message = &document["messages"][0];
    assert_eq!(message["from"], "<you@example.org>");
    assert_eq!(message["queue_id"], "1.1");
    assert_eq!(message["recipients"][0]["outcome"], "accepted");
    assert_eq!(message["recipients"][0]["code"], 250);
    assert_eq!(message["recipients"][1]["outcome"], "refused");
    assert_eq!(message["recipients"][1]["at"], "RCPT");
    assert_eq!(message["recipients"][1]["enhanced"], "5.1.1");
    assert!(message["message_id"].as_str().unwrap().ends_with("@example.org>"));
    assert!(message["cost"]["turns"].as_u64().unwrap() >= 2);
    let ran = send_to("127.0.0.1:1").with(["--format", "json"]).exits(Exit::TEMPORARY);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(document["messages"][0]["recipients"][0]["outcome"], "unsent");
}

#[test]
fn transcripts_and_recordings_are_written_to_files_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (text, lines, record) = (path("t.txt"), path("t.jsonl"), path("r.toml"));
    send_to("mock").login().with(["--transcript", &text, "--record", &record]).exits(Exit::OK);
    send_to("mock").login().with(["--transcript", &lines, "--auth", "plain"]).exits(Exit::OK);
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert!(read(&text).contains("~>  AUTH "), "{}", read(&text));
    let objects: Vec<serde_json::Value> =
        read(&lines).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        objects
            .iter()
            .any(|line| line["kind"] == "sent" && line["text"] == "AUTH PLAIN ***" && line["tls"] == true)
    );
    assert!(objects.iter().any(|line| line["verb"] == "AUTH" && line["code"] == 235));
    Scenario::parse("r.toml", &read(&record)).unwrap();
    send_to("mock")
        .with(["--transcript", &path("no/such/t.txt")])
        .exits(Exit::CANNOT_CREATE)
        .complains(["t.txt"]);
}

#[test]
fn a_recording_that_cannot_be_played_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("r.toml").display().to_string();
    for (mechanism, is_warned) in [("SCRAM-SHA-256", true), ("CRAM-MD5", true), ("PLAIN", false)] {
        let ran = send_to("mock").login().with(["--record", &record, "--auth", mechanism]).exits(Exit::OK);
        let words = format!("warning: the login by {mechanism} in the recording {record} cannot be replayed");
        assert_eq!(ran.error.contains(&words), is_warned, "{}", ran.error);
        assert_eq!(ran.error.is_empty(), !is_warned, "{}", ran.error);
    }
}

#[test]
fn a_document_is_printed_whatever_failed_but_the_usage() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing").display().to_string();
    let mock =
        Mock::builder().user("alice", "another one").starttls(smtp_mock::Certificate::SelfSigned).start();
    let base = || send(&mock).with(["--format", "json"]);
    let unsent = |run: crate::support::Run, exit: Exit, words: &str| {
        let ran = run.exits(exit);
        let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
        assert_eq!(
            (&document["schema"], &document["exit"]),
            (&"smtp-cli/result/1".into(), &exit.status().into())
        );
        let error = document["error"].as_str().unwrap().to_string();
        assert!(error.contains(words) && ran.complaint().contains(words), "{error}");
        document
    };
    for (run, exit, words) in [
        (send_to("no-such-host.invalid").with(["--format", "json"]), Exit::NO_HOST, "no-such-host.invalid"),
        (base().with(["--tls", "starttls"]), Exit::NO_PERMISSION, "not trusted"),
        (base().with(["--tls", "implicit"]), Exit::PROTOCOL, "handshake"),
        (base().login().with(["--tls", "starttls", "--insecure"]), Exit::NO_PERMISSION, "535"),
        (base().with(["--notify", "never", "--no-extension", "DSN"]), Exit::UNAVAILABLE, "DSN"),
    ] {
        let document = unsent(run, exit, words);
        let recipient = &document["messages"][0]["recipients"][0];
        assert_eq!(recipient["outcome"], "unsent", "{document}");
        assert!(recipient["reason"].as_str().unwrap().contains(words), "{document}");
    }
    // Where there is no message there is none to tell of.
    for (run, exit, words) in [
        (base().with(["--attach", &missing]), Exit::NO_INPUT, "missing"),
        (base().with(["--user", "alice", "--password-file", &missing]), Exit::NO_INPUT, "missing"),
        (base().with(["--transcript", &format!("{missing}/t.txt")]), Exit::CANNOT_CREATE, "t.txt"),
        (base().with(["--ca-file", &missing, "--tls", "starttls"]), Exit::NO_INPUT, "missing"),
    ] {
        unsent(run, exit, words);
    }
    let ran = base().with(["--to", "nobody"]).exits(Exit::USAGE);
    assert_eq!(ran.output, "");
}

#[test]
fn a_recording_is_played_by_the_mock() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("r.toml");
    let real = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 odd words"))
        .start();
    send(&real)
        .with(["--to", "bad@example.net", "--record", &record.display().to_string()])
        .exits(Exit::PARTLY);
    let played = Mock::scenario(&record).unwrap().start();
    let ran = send(&played).with(["--to", "bad@example.net"]).exits(Exit::PARTLY);
    assert!(ran.output.contains("550 5.1.1 odd words"), "{}", ran.output);
}

#[test]
fn a_dry_run_opens_no_connection() {
    let mock = Mock::start();
    let ran = send(&mock).with(["--dry-run"]).exits(Exit::OK);
    assert!(
        ran.output.contains("->  MAIL FROM:<you@example.org> SIZE=262\n->  RCPT TO:<friend@example.net>\n"),
        "{}",
        ran.output
    );
    assert!(ran.output.ends_with("\r\nIt works.\r\n"));
    let (mail, rcpt) = ("->  MAIL FROM:<you@example.org> SIZE=262\n", "->  RCPT TO:<friend@example.net>\n");
    for (until, commands) in [
        ("connect", String::new()),
        ("greeting", String::new()),
        ("hello", String::new()),
        ("tls", String::new()),
        ("auth", String::new()),
        ("mail", format!("{mail}->  RSET\n")),
        ("rcpt", format!("{mail}{rcpt}->  RSET\n")),
        ("data", format!("{mail}{rcpt}->  DATA\n")),
    ] {
        let ran = send(&mock).with(["--dry-run", "--until", until]).exits(Exit::OK);
        assert_eq!(ran.output, format!("=== {}, TLS opportunistic\n{commands}", mock.addr()));
    }
    assert_eq!(mock.connections(), 0);
    let ran = send_to("mock").with(["--dry-run", "--tls", "starttls"]).exits(Exit::OK);
    assert!(ran.output.starts_with("=== the bundled server, TLS starttls\n"), "{}", ran.output);
}

#[test]
fn stats_say_what_it_cost() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    let ran = send(&mock).with(["--stats"]).exits(Exit::OK);
    // EHLO; MAIL, RCPT and DATA; the message. QUIT rides with it.
    assert!(ran.output.lines().last().unwrap().starts_with("3 turns, "), "{}", ran.output);
}

#[test]
fn an_extension_can_be_left_alone_and_a_family_chosen() {
    let mock = Mock::start();
    let ran = send(&mock)
        .with(["--no-extension", "chunking", "--no-extension", "PIPELINING", "-v", "-4"])
        .exits(Exit::OK);
    assert!(ran.error.contains("->  DATA\n<-  354"), "{}", ran.error);
    send(&mock).with(["-6"]).exits(Exit::NO_HOST).complains(["-6"]);
}

#[test]
fn a_pin_stands_for_the_authority() {
    let mock = Mock::builder().starttls(smtp_mock::Certificate::SelfSigned).start();
    let zero = format!("sha256:{}", "0".repeat(64));
    let ran = send(&mock).with(["--tls", "starttls", "--tls-pin", &zero]).exits(Exit::NO_PERMISSION);
    // The complaint says which it is, so that it can be taken over.
    let complaint = ran.complaint().to_string();
    let found = complaint.split("its key is ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    send(&mock).with(["--tls", "starttls", "--tls-pin", found]).exits(Exit::OK);
    send(&mock).with(["--tls", "starttls", "--insecure"]).exits(Exit::OK);
    send(&mock).with(["--tls-pin", "sha1:00"]).exits(Exit::USAGE).complains(["sha256:"]);
}

/// As many messages as `SMTP_CLI_TEST_MESSAGES` says, or 1,000.
#[test]
fn many_messages_over_many_connections_while_sessions_die() {
    let count = std::env::var("SMTP_CLI_TEST_MESSAGES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000_usize);
    let mut scenario = Scenario::new();
    scenario.seed = 7;
    scenario.rules.push(Rule::on(On::Rcpt).chance(0.02).close(Close::Rst));
    scenario.rules.push(Rule::on(On::Body).chance(0.01).close(Close::Fin));
    scenario.rules.push(Rule::on(On::Mail).chance(0.01).reply("451 4.3.0 later"));
    let mock = Mock::builder().scenario(scenario).start();
    let ran = send(&mock)
        .with(["--repeat", &count.to_string(), "--connections", "8", "--in-flight", "4", "--format", "json"])
        .run();
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    let messages = document["messages"].as_array().unwrap();
    assert_eq!(messages.len(), count);
    let of =
        |word: &str| messages.iter().filter(|message| message["recipients"][0]["outcome"] == word).count();
    let accepted = of("accepted");
    assert_eq!(accepted + of("refused") + of("unsent") + of("unknown"), count);
    // What the server took beyond what we know of is unknown to us, never twice the same.
    let taken = mock.messages();
    let taken: Vec<_> = taken.iter().filter(|message| message.code == Some(250)).collect();
    assert!(accepted <= taken.len() && taken.len() <= accepted + of("unknown"), "{accepted} {}", taken.len());
}
