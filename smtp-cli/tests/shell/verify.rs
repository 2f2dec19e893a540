//! `verify`: each address asked about over one connection, by MAIL and RCPT in one write.

use crate::support::{Ran, place, run};
use smtp_mock::{Close, Mock, On, Rule};

fn server() -> Mock {
    Mock::builder()
        .extensions(["PIPELINING", "ENHANCEDSTATUSCODES"])
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
        .rule(Rule::on(On::Rcpt).to("later@*").reply("450 4.2.0 try later"))
        .rule(Rule::on(On::Mail).from("spam@*").reply("554 5.7.1 not you"))
        .start()
}

#[track_caller]
fn verify(mock: &Mock, arguments: &[&str]) -> Ran {
    let server = place(mock);
    run(&[&["verify", "--server", &server, "--helo", "client.example"], arguments].concat(), &[])
}

#[test]
fn the_status_says_whether_all_would_be_taken() {
    let mock = server();
    for (arguments, status) in [
        (&["a@example.org"][..], 0),
        (&["a@example.org", "Postmaster"], 0),
        (&["bad@example.org"], 67),
        (&["bad@example.org", "later@example.org"], 75),
        (&["a@example.org, bad@example.org"], 79),
        (&["a@example.org", "later@example.org"], 79),
        (&["a@example.org", "--from", "spam@example.org"], 65),
        (&["no address"], 64),
        (&[], 64),
    ] {
        verify(&mock, arguments).exits(status);
    }
    run(&["verify", "a@example.org"], &[]).exits(64).complains(&["--server"]);
    let closed = Mock::unreachable().unwrap().to_string();
    run(&["verify", "--server", &closed, "a@example.org"], &[]).exits(75);
}

#[test]
fn each_refusal_is_shown_and_explained() {
    let mock = server();
    let ran = verify(&mock, &["good@example.org", "bad@example.org", "later@example.org"]).exits(79);
    let lines: Vec<&str> = ran.output.lines().collect();
    assert_eq!(lines.len(), 5, "{}", ran.output);
    assert!(lines[0].starts_with("would be taken  good@example.org   250 "), "{}", lines[0]);
    assert!(lines[1].starts_with("refused         bad@example.org    at RCPT: 550 5.1.1 no such user"));
    assert!(
        lines[2].starts_with("                                   ") && lines[2].contains("; "),
        "{}",
        lines[2]
    );
    assert!(lines[3].starts_with("refused         later@example.org  at RCPT: 450 4.2.0 try later"));
    ran.complains(&[
        "2 of 3 recipients would not be taken: bad@example.org at RCPT: 550",
        "later@example.org",
    ]);
    mock.wait_closed(1);
    assert_eq!(
        mock.transcript().commands(),
        [
            "EHLO client.example",
            "MAIL FROM:<>",
            "RCPT TO:<good@example.org>",
            "RCPT TO:<bad@example.org>",
            "RCPT TO:<later@example.org>",
            "RSET",
            "QUIT"
        ]
    );
    assert!(mock.messages().is_empty());
}

#[test]
fn the_sender_is_who_is_named_else_the_user() {
    for (arguments, line) in [
        (&["--from", "You <you@example.org>"][..], "MAIL FROM:<you@example.org>"),
        (&["--from", "you@example.org", "--envelope-from", "<>"], "MAIL FROM:<>"),
        (&["--user", "me@example.org", "--password-env", "SECRET"], "MAIL FROM:<me@example.org>"),
        (&["--user", "me", "--password-env", "SECRET"], "MAIL FROM:<>"),
    ] {
        let mock = Mock::builder()
            .user("me", crate::support::PASSWORD)
            .user("me@example.org", crate::support::PASSWORD)
            .plaintext_auth()
            .start();
        let arguments = [&["a@example.net", "--allow-plaintext-auth"], arguments].concat();
        verify(&mock, &arguments).exits(0);
        assert!(mock.transcript().commands().iter().any(|command| command == line), "{line}");
    }
}

#[test]
fn more_recipients_than_one_transaction_takes_are_asked_about_in_further_ones() {
    let mock = Mock::builder()
        .extensions(["ENHANCEDSTATUSCODES"])
        .rule(Rule::on(On::Rcpt).skip(2).times(1).reply("452 4.5.3 too many recipients"))
        .start();
    let ran = verify(&mock, &["a@example.org", "b@example.org", "c@example.org"]).exits(0);
    assert_eq!(ran.output.matches("would be taken").count(), 3, "{}", ran.output);
    let mails = mock.transcript().commands().iter().filter(|line| line.starts_with("MAIL")).count();
    assert_eq!(mails, 2);
}

#[test]
fn programs_get_one_document() {
    let mock = server();
    let ran = verify(&mock, &["good@example.org", "bad@example.org", "--format", "json"]).exits(79);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(document["schema"], "smtp-cli/verify/1");
    assert_eq!((&document["exit"], &document["from"]), (&79.into(), &"<>".into()));
    assert_eq!(document["recipients"][0]["outcome"], "acceptable");
    let refused = &document["recipients"][1];
    assert_eq!((&refused["outcome"], &refused["at"]), (&"refused".into(), &"RCPT".into()));
    assert_eq!((&refused["code"], &refused["enhanced"]), (&550.into(), &"5.1.1".into()));
    assert!(refused["meaning"].is_string() && refused["advice"].is_string(), "{document}");
    let closed = Mock::unreachable().unwrap().to_string();
    let ran = run(&["verify", "--server", &closed, "a@example.org", "--format", "json"], &[]).exits(75);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert!(document["error"].as_str().unwrap().contains("refuses connections"), "{document}");
}

#[test]
fn a_connection_that_breaks_is_told_and_nothing_is_taken_for_an_answer() {
    let mock = Mock::builder()
        .extensions(["ENHANCEDSTATUSCODES"])
        .rule(Rule::on(On::Rcpt).skip(1).close(Close::Fin))
        .start();
    let ran = verify(&mock, &["a@example.org", "b@example.org"]).exits(75);
    ran.says(&["would be taken  a@example.org", "unsent          b@example.org"]);
    ran.complains(&["ended the connection"]);
}

#[test]
fn quiet_prints_nothing_but_errors() {
    let mock = server();
    let ran = verify(&mock, &["-q", "good@example.org"]).exits(0);
    assert_eq!((ran.output.as_str(), ran.error.as_str()), ("", ""));
}
