//! `--until`: the commands that leave up to each phase, and what is said of it.

use crate::support::{ca_file, send};
use smtp_cli::Exit;
use smtp_mock::{Builder, Certificate, Close, Mock, On, Rule};

fn server() -> Builder {
    Mock::builder().extensions(["PIPELINING"])
}

/// The commands up to that phase, at a server without TLS.
fn commands(until: &str) -> Vec<String> {
    let mock = server().start();
    send(&mock).with(["--until", until]).exits(Exit::OK);
    mock.wait_closed(1);
    assert!(mock.messages().is_empty(), "{until}");
    mock.transcript().commands()
}

#[test]
fn each_phase_ends_the_session_behind_it() {
    let (hello, mail, rcpt) =
        ("EHLO client.example", "MAIL FROM:<you@example.org>", "RCPT TO:<friend@example.net>");
    for (until, expected) in [
        ("connect", &["QUIT"][..]),
        ("greeting", &["QUIT"]),
        ("hello", &[hello, "QUIT"]),
        ("auth", &[hello, "QUIT"]),
        ("mail", &[hello, mail, "RSET", "QUIT"]),
        ("rcpt", &[hello, mail, rcpt, "RSET", "QUIT"]),
        ("data", &[hello, mail, rcpt, "DATA"]),
    ] {
        assert_eq!(commands(until), expected, "{until}");
    }
}

#[test]
fn tls_ends_before_the_hello_under_it() {
    let mock = Mock::builder().starttls(Certificate::Good).certificate_name("127.0.0.1").start();
    let (_file, ca) = ca_file(&mock);
    let ran = send(&mock).with(["--tls", "starttls", "--ca-file", &ca, "--until", "tls"]).exits(Exit::OK);
    assert!(ran.output.ends_with(" is connected and greeted, under TLS\n"), "{}", ran.output);
    mock.wait_closed(1);
    assert_eq!(mock.transcript().commands(), ["EHLO client.example", "STARTTLS", "QUIT"]);
    let ran = send(&mock).with(["--tls", "starttls", "--ca-file", &ca, "--until", "hello"]).exits(Exit::OK);
    assert!(ran.output.ends_with(", under TLS\n"), "{}", ran.output);
    mock.wait_closed(2);
    let hellos = mock.transcript().commands().iter().filter(|line| line.starts_with("EHLO")).count();
    assert_eq!(hellos, 3);

    let mock = Mock::builder().implicit_tls(Certificate::Good).certificate_name("127.0.0.1").start();
    let (_file, ca) = ca_file(&mock);
    send(&mock).with(["--tls", "implicit", "--ca-file", &ca, "--until", "tls"]).exits(Exit::OK);
    mock.wait_closed(1);
    assert_eq!(mock.transcript().commands(), ["QUIT"]);

    let mock = server().start();
    send(&mock).with(["--until", "tls"]).exits(Exit::UNAVAILABLE).complains(["does not offer STARTTLS"]);
    send(&mock).with(["--tls", "none", "--until", "tls"]).exits(Exit::USAGE).complains(["--tls none"]);
}

#[test]
fn a_phase_behind_which_nothing_can_stop_is_refused_with_those_that_there_are() {
    let mock = server().start();
    for until in ["block", "end", "other", "quit", "rctp"] {
        send(&mock).with(["--until", until]).exits(Exit::USAGE).complains([
            until,
            "--until",
            "connect, greeting, hello, tls, auth, mail, rcpt, data",
        ]);
    }
    assert_eq!(mock.connections(), 0);
}

#[test]
fn the_sender_alone_is_asked_for() {
    let mock = server().rule(Rule::on(On::Mail).from("spammer@*").reply("550 5.7.1 not you")).start();
    let base = || send(&mock).with(["--to", "other@example.net", "--until", "mail"]);
    let ran = base().exits(Exit::OK);
    assert_eq!(ran.output, "would be taken  you@example.org  250 sender ok\n");
    let ran = base().with(["--envelope-from", "spammer@example.org"]).exits(Exit::DATA);
    assert_eq!(ran.output, "refused   spammer@example.org  at MAIL: 550 5.7.1 not you\n");
    ran.complains(["the sender <spammer@example.org> was refused", "550 5.7.1 not you"]);
    let ran = base().with(["--format", "json"]).exits(Exit::OK);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(document["check"], true);
    let message = &document["messages"][0];
    assert_eq!(
        (&message["sender"]["outcome"], &message["sender"]["code"]),
        (&"acceptable".into(), &250.into())
    );
    assert_eq!(
        (&message["sender"]["address"], &message["recipients"]),
        (&"you@example.org".into(), &serde_json::json!([]))
    );
}

#[test]
fn the_recipients_are_asked_for() {
    let mock = server().rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 none")).start();
    let ran = send(&mock).with(["--until", "rcpt"]).exits(Exit::OK);
    assert!(ran.output.starts_with("would be taken  friend@example.net"), "{}", ran.output);
    let ran = send(&mock).with(["--until", "rcpt", "--format", "json"]).exits(Exit::OK);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(document["check"], true);
    assert_eq!(document["messages"][0]["recipients"][0]["outcome"], "acceptable");
    send(&mock)
        .with(["--until", "rcpt", "--to", "bad@example.net"])
        .exits(Exit::PARTLY)
        .complains(["1 of 2 recipients would not be taken: bad@example.net"]);
    assert!(mock.messages().is_empty());
}

#[test]
fn data_goes_up_to_the_reply_that_awaits_the_message() {
    for (builder, protocol) in
        [(server(), "esmtp"), (Mock::builder(), "esmtp"), (Mock::builder().lmtp(), "lmtp")]
    {
        let mock = builder.start();
        let run = send(&mock).with(["--until", "data", "--repeat", "2", "-v", "--protocol", protocol]);
        let ran = run.exits(Exit::OK);
        assert_eq!(
            ran.output.matches("would be taken  friend@example.net  354 ").count(),
            2,
            "{}",
            ran.output
        );
        assert!(
            ran.error.contains("\n<-  354 ") && ran.error.contains("=== closing without QUIT"),
            "{}",
            ran.error
        );
        assert!(!ran.error.contains("***") && !ran.error.contains("->  QUIT"), "{}", ran.error);
        mock.wait_closed(2);
        assert_eq!((mock.messages().len(), mock.connections()), (0, 2));
    }
    let mock = server().rule(Rule::on(On::Data).reply("554 5.7.1 no")).start();
    send(&mock).with(["--until", "data"]).exits(Exit::DATA).complains(["554 5.7.1 no"]);
    let mock = server().rule(Rule::on(On::Rcpt).to("bad@*").reply("550 none")).start();
    let ran = send(&mock).with(["--until", "data", "--to", "bad@example.net"]).exits(Exit::PARTLY);
    assert!(ran.output.contains("would be taken  friend@example.net") && ran.output.contains("refused "));
}

#[test]
fn what_failed_for_now_is_tried_again_on_the_way_too() {
    for until in ["connect", "hello", "auth", "mail", "rcpt", "data"] {
        let mock = server().rule(Rule::on(On::Connect).times(2).reply("421 4.3.2 later")).start();
        let ran = send(&mock).with(["--until", until, "--retry", "2"]).exits(Exit::OK);
        assert_eq!((mock.connections(), ran.waits.len()), (3, 2), "{until}");
        assert!(ran.waits[0] < ran.waits[1], "{until}");
        let mock = server().rule(Rule::on(On::Connect).reply("554 5.3.2 never")).start();
        send(&mock).with(["--until", until, "--retry", "2"]).exits(Exit::UNAVAILABLE);
        assert_eq!(mock.connections(), 1, "{until}");
        let mock = server().rule(Rule::on(On::Connect).close(Close::Fin)).start();
        send(&mock).with(["--until", until, "--retry", "1"]).exits(Exit::TEMPORARY);
        assert_eq!(mock.connections(), 2, "{until}");
    }
}

#[test]
fn a_session_without_a_message_is_told_to_programs_too() {
    let mock = server().start();
    let ran = send(&mock).with(["--until", "hello", "--format", "json"]).exits(Exit::OK);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((&document["schema"], &document["cost"]["turns"]), (&"smtp-cli/session/1".into(), &1.into()));
    let ran = send(&mock).with(["--until", "hello", "--stats"]).exits(Exit::OK);
    assert!(ran.output.contains("1 turns, "), "{}", ran.output);
}

#[test]
fn that_nobody_logs_in_is_warned_of() {
    let mock = server().start();
    let ran = send(&mock).with(["--until", "auth"]).exits(Exit::OK);
    assert_eq!(
        ran.error,
        "smtp-cli: warning: nobody logs in, because there is no --user; it goes as far as the hello\n"
    );
}
