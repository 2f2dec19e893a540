//! The envelope: who is named where, parameters, and partial refusals.

use crate::support::send;
use smtp_cli::Exit;
use smtp_mock::{Mock, On, Rule};

fn commands(mock: &Mock) -> Vec<String> {
    mock.transcript()
        .commands()
        .into_iter()
        .filter(|line| line.starts_with("MAIL") || line.starts_with("RCPT"))
        .collect()
}

#[test]
fn recipients_are_taken_from_to_cc_and_bcc_and_each_once() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    send(&mock)
        .with([
            "--to",
            "A <a@example.net>, friend@example.net",
            "--cc",
            "c@example.net",
            "--bcc",
            "h@example.net",
        ])
        .exits(Exit::OK);
    assert_eq!(
        commands(&mock),
        [
            "MAIL FROM:<you@example.org>",
            "RCPT TO:<friend@example.net>",
            "RCPT TO:<a@example.net>",
            "RCPT TO:<c@example.net>",
            "RCPT TO:<h@example.net>",
        ]
    );
    let message = &mock.messages()[0];
    assert_eq!(
        message.header("To").as_deref(),
        Some("friend@example.net, A <a@example.net>, friend@example.net")
    );
    assert_eq!(message.header("Cc").as_deref(), Some("c@example.net"));
    assert!(!String::from_utf8_lossy(&message.octets).contains("h@example.net"));
}

#[test]
fn the_envelope_can_differ_from_the_headers() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    send(&mock)
        .with(["--envelope-from", "<>", "--rcpt", "x@example.net", "--rcpt", "x@example.net"])
        .exits(Exit::OK);
    assert_eq!(commands(&mock), ["MAIL FROM:<>", "RCPT TO:<x@example.net>"]);
    assert_eq!(mock.messages()[0].header("To").as_deref(), Some("friend@example.net"));
    mock.clear();
    send(&mock).with(["--envelope-from", "bounces@example.org"]).exits(Exit::OK);
    assert_eq!(commands(&mock)[0], "MAIL FROM:<bounces@example.org>");
}

#[test]
fn parameters_are_said_where_they_belong() {
    let mock = Mock::builder().extensions(["PIPELINING", "DSN", "8BITMIME"]).start();
    send(&mock)
        .with(["--notify", "failure,delay", "--ret", "hdrs", "--envid", "a+b", "--mail-param", "BODY=7BIT"])
        .with(["--rcpt-param", "ORCPT=rfc822;f@example.net"])
        .exits(Exit::OK);
    assert_eq!(
        commands(&mock),
        [
            "MAIL FROM:<you@example.org> RET=HDRS ENVID=a+2Bb BODY=7BIT",
            "RCPT TO:<friend@example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;f@example.net",
        ]
    );
}

#[test]
fn reports_are_not_asked_for_where_they_are_not_offered() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    send(&mock).with(["--notify", "never"]).exits(Exit::UNAVAILABLE).complains(["DSN", "--notify"]);
    assert_eq!(commands(&mock), [""; 0]);
    send(&mock).with(["--notify", "never,delay"]).exits(Exit::USAGE).complains(["--notify"]);
}

#[test]
fn a_refused_recipient_does_not_stop_the_others() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user")).start();
    let ran = send(&mock).with(["--to", "bad@example.net"]).exits(Exit::PARTLY);
    ran.complains(["1 of 2", "bad@example.net", "550 5.1.1 no such user"]);
    assert!(
        ran.output.contains("refused   bad@example.net     at RCPT: 550 5.1.1 no such user\n"),
        "{}",
        ran.output
    );
    assert_eq!(mock.messages()[0].to(), ["friend@example.net"]);
}

#[test]
fn require_all_sends_to_none_when_one_is_refused() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user")).start();
    let ran = send(&mock).with(["--to", "bad@example.net", "--require-all"]).exits(Exit::NO_USER);
    ran.complains([
        "1 of 2 recipients was refused, so --require-all sent it to none: bad@example.net at RCPT: 550 5.1.1 no such user",
    ]);
    let lines: Vec<_> = ran.output.lines().collect();
    assert!(lines[0].starts_with("unsent    friend@example.net"), "{lines:?}");
    assert!(lines[1].starts_with("refused   bad@example.net"), "{lines:?}");
    assert!(mock.messages().is_empty());
    // One that may be taken later makes the whole worth another try.
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).to("bad@*").reply("450 4.2.0 greylisted")).start();
    let run = send(&mock).with(["--to", "bad@example.net", "--require-all"]);
    run.exits(Exit::TEMPORARY).complains(["1 of 2 recipients was refused", "450 4.2.0 greylisted"]);
    assert!(mock.messages().is_empty());
}

#[test]
fn too_many_recipients_go_into_a_further_transaction() {
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("friend@*").default_reply())
        .rule(Rule::on(On::Rcpt).times(1).reply("452 4.5.3 too many recipients"))
        .start();
    send(&mock).with(["--to", "other@example.net"]).exits(Exit::OK);
    let to: Vec<_> = mock.messages().iter().map(|message| message.to().join(",")).collect();
    assert_eq!(to, ["friend@example.net", "other@example.net"]);
}

#[test]
fn a_domain_in_another_script_is_said_in_a_labels() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    send(&mock).with(["--to", "f@bücher.example"]).exits(Exit::OK);
    assert_eq!(commands(&mock)[2], "RCPT TO:<f@xn--bcher-kva.example>");
}

#[test]
fn a_mailbox_in_another_script_needs_smtputf8() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    send(&mock).with(["--to", "grüße@example.net"]).exits(Exit::UNAVAILABLE).complains(["SMTPUTF8"]);
    assert!(commands(&mock).is_empty());
    let mock = Mock::builder().extensions(["PIPELINING", "SMTPUTF8", "8BITMIME"]).start();
    send(&mock).with(["--to", "grüße@example.net"]).exits(Exit::OK);
    assert!(commands(&mock)[0].contains("SMTPUTF8"), "{:?}", commands(&mock));
}
