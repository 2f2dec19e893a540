//! Postfix behind a proxy that ends the connection after each reply in turn: what is said to be unsent never
//! arrives, and what is said to be accepted does.

use native_tls::TlsConnector;
use smtp_core::{Client, Config, End, Envelope, Event, Outcome};
use smtp_tests::driver::drive;
use smtp_tests::lab::Postfix;
use smtp_tests::proxy::Proxy;

/// Greeting, EHLO, MAIL, RCPT, DATA, message, QUIT.
const REPLIES: usize = 7;

#[test]
fn data_is_unsent_until_its_end_and_unknown_until_the_reply() {
    let outcomes = outcomes_by_cut(&[("smtpd_discard_ehlo_keywords", "chunking")]);
    let expected = ["unsent", "unsent", "unsent", "unsent", "unsent", "unknown", "accepted", "accepted"];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_message_that_leaves_with_its_envelope_is_unknown_from_then_on() {
    let outcomes = outcomes_by_cut(&[]);
    let expected = ["unsent", "unsent", "unknown", "unknown", "unknown", "accepted", "accepted", "accepted"];
    assert_eq!(outcomes, expected);
}

/// What the engine says of a message when the connection ends behind 0, 1, 2… replies.
fn outcomes_by_cut(settings: &[(&str, &str)]) -> Vec<&'static str> {
    let postfix = Postfix::start_with(settings).unwrap();
    let outcomes: Vec<Outcome> = (0..=REPLIES)
        .map(|replies| {
            let proxy = Proxy::cutting(postfix.plain(), replies).unwrap();
            let outcome = send(&proxy, &reverse_path(replies));
            proxy.finish().unwrap();
            outcome
        })
        .collect();

    postfix.settle().unwrap();
    let arrived = postfix.maildir("friend@example.net").messages().unwrap();
    for (replies, outcome) in outcomes.iter().enumerate() {
        let path = reverse_path(replies);
        let count = arrived.iter().filter(|message| message.trace("Return-Path") == Some(&path)).count();
        match outcome {
            Outcome::Accepted(_) => assert_eq!(count, 1, "after {replies} replies: {}", postfix.log()),
            Outcome::Unsent(_) => assert_eq!(count, 0, "after {replies} replies: {}", postfix.log()),
            // either may be
            _ => assert!(count <= 1, "after {replies} replies: {}", postfix.log()),
        }
    }
    outcomes.iter().map(name).collect()
}

/// The sender by which the messages of the runs are told apart.
fn reverse_path(replies: usize) -> String {
    format!("<cut-{replies}@example.org>")
}

fn send(proxy: &Proxy, from: &str) -> Outcome {
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse().unwrap()).unwrap();
    let recipient = "<friend@example.net>".parse().unwrap();
    client.send(Envelope::new(from.parse().unwrap(), [recipient])).unwrap();
    client.quit().unwrap();
    let tls = TlsConnector::new().unwrap();
    let passed = drive(&mut client, proxy.address(), &tls, b"Subject: cut\r\n\r\nIt works.\r\n").unwrap();
    let outcome = passed.events.iter().find_map(|event| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => outcomes.first().cloned(),
        Event::Done { end: End::Undone(reason), .. } => Some(Outcome::Unsent(reason.clone())),
        _ => None,
    });
    outcome.unwrap_or_else(|| panic!("no outcome: {:?}", passed.events))
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused { .. } => "refused",
        Outcome::Unconfirmed(_) => "unknown",
        Outcome::Unsent(_) => "unsent",
    }
}
