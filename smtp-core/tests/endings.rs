//! Tests the ends of connections, and the outcomes of messages in progress: unsent, refused or unconfirmed.

use crate::pair::*;
use smtp_core::*;

fn one() -> Pair {
    sending(Config::default(), &[&["bob@example.net"]])
}

fn delivered(run: &Run) -> Vec<Outcome> {
    match &ends(&run.events)[1] {
        End::Delivered(outcomes) => outcomes.clone(),
        other => panic!("{other:?}"),
    }
}

fn unsent(cause: Cause) -> Outcome {
    Outcome::Unsent(Reason::Closed(cause))
}

#[test]
fn loss_before_the_end_of_the_mail_data_is_unsent_and_after_it_unconfirmed() {
    let lock_step = ["220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 queued\r\n"];
    for said in 2..=lock_step.len() {
        let mut script: Vec<Step> = lock_step[..said].iter().map(|text| Step::Say(text)).collect();
        script.push(Step::Lose);
        let expected = match said {
            6 => accepted("250 queued"),
            5 => Outcome::Unconfirmed(Cause::Lost),
            _ => unsent(Cause::Lost),
        };
        let run = play(one, &script);
        assert_eq!(delivered(&run), [expected], "after {said} replies");
        assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Lost)));
    }
}

#[test]
fn a_group_with_its_end_is_unconfirmed_once_transmitted() {
    let start = || sending(Config::default(), &[&["bob@example.net", "eve@example.net"]]);
    let run = play(start, &[say("220 mx\r\n"), say(CHUNKING), Step::Lose]);
    assert_eq!(delivered(&run), [Outcome::Unconfirmed(Cause::Lost), Outcome::Unconfirmed(Cause::Lost)]);
    let run = play(start, &[say("220 mx\r\n"), say(CHUNKING), say("250 ok\r\n550 no\r\n"), Step::Lose]);
    assert_eq!(delivered(&run), [refused(Verb::Rcpt, "550 no"), Outcome::Unconfirmed(Cause::Lost)]);
}

#[test]
fn no_more_messages_are_unconfirmed_than_may_be_in_flight() {
    let mut config = Config::default();
    config.limits.in_flight = 3;
    let mut pair = sending(config, &[&["bob@example.net"][..]; 8]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(CHUNKING);
    pair.client.handle(Input::Lost);
    pair.settle();
    let unconfirmed = pair
        .ends()
        .iter()
        .filter(|end| **end == End::Delivered(vec![Outcome::Unconfirmed(Cause::Lost)]))
        .count();
    assert_eq!(unconfirmed, 3);
}

#[test]
fn a_failed_write_after_the_dot_was_transmitted_is_unconfirmed() {
    let run = play(
        one,
        &[
            say("220 mx\r\n"),
            say("250 mx\r\n"),
            say("250 ok\r\n"),
            say("250 ok\r\n"),
            Step::FailWrite,
            say("354 go\r\n"),
            Step::Lose,
        ],
    );
    assert_eq!(delivered(&run), [Outcome::Unconfirmed(Cause::Lost)]);
}

#[test]
fn after_a_failed_write_the_reply_that_explains_it_is_still_read() {
    for (last_words, cause) in [
        ("421 4.3.2 shutting down\r\n", Cause::Unavailable(reply("421 4.3.2 shutting down"))),
        ("552 5.3.4 too much\r\n", Cause::Lost),
    ] {
        let run = play(
            one,
            &[
                say("220 mx\r\n"),
                say("250 mx\r\n"),
                say("250 ok\r\n"),
                say("250 ok\r\n"),
                Step::FailWrite,
                say("354 go\r\n"),
                Step::Say(last_words),
                Step::Lose,
            ],
        );
        assert_eq!(delivered(&run), [refused(Verb::Message, last_words.trim_end())]);
        assert_eq!(run.events.last(), Some(&Event::Closed(cause)));
    }
}

#[test]
fn a_421_within_a_group_is_the_reply_to_its_command_and_ends_the_connection() {
    let start = || sending(Config::default(), &[&["bob@example.net", "eve@example.net"]]);
    let gone = "421 4.3.2 shutting down";
    let run = play(
        start,
        &[say("220 mx\r\n"), say(PIPELINING), say("250 ok\r\n421 4.3.2 shutting down\r\n"), Step::Lose],
    );
    let cause = Cause::Unavailable(reply(gone));
    assert_eq!(delivered(&run), [refused(Verb::Rcpt, gone), unsent(cause.clone())]);
    assert_eq!(run.events.last(), Some(&Event::Closed(cause)));
    let run =
        play(start, &[say("220 mx\r\n"), say(PIPELINING), say("421 4.3.2 shutting down\r\n"), Step::Lose]);
    assert_eq!(delivered(&run), [refused(Verb::Mail, gone), refused(Verb::Mail, gone)]);
}

#[test]
fn a_421_after_the_dot_refuses_the_message() {
    let run = play(
        one,
        &[
            say("220 mx\r\n"),
            say(PIPELINING),
            say("250 ok\r\n250 ok\r\n354 go\r\n"),
            say("421 4.3.0 no\r\n"),
            Step::Lose,
        ],
    );
    assert_eq!(delivered(&run), [refused(Verb::Message, "421 4.3.0 no")]);
}

/// Makes a client in the middle of a body.
fn streaming() -> (Client, Transmit) {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello(domain()).unwrap();
    client.send(envelope(&["bob@example.net"])).unwrap();
    hear(&mut client, &mut transmit, &["220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"]);
    assert!(matches!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(_)));
    client.body(&vec![b'x'; 64 * 1024]);
    assert!(matches!(client.poll(Instant::EPOCH, &mut transmit), Output::Write { .. }));
    (client, transmit)
}

fn last_events(client: &mut Client, transmit: &mut Transmit) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        match client.poll(Instant::EPOCH, transmit) {
            Output::Event(event) => events.push(event),
            Output::Closed => return events,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_552_that_arrives_while_the_body_is_still_being_written() {
    for is_sent in [false, true] {
        let (mut client, mut transmit) = streaming();
        if is_sent {
            client.handle(Input::Sent);
        }
        client.handle(Input::Received(b"552 5.3.4 too much\r\n"));
        let events = last_events(&mut client, &mut transmit);
        assert_eq!(ends(&events), [End::Delivered(vec![refused(Verb::Message, "552 5.3.4 too much")])]);
        assert_eq!(events.last(), Some(&Event::Closed(Cause::Refused(reply("552 5.3.4 too much")))));
    }
}

#[test]
fn a_421_during_the_body_leaves_it_unsent() {
    let (mut client, mut transmit) = streaming();
    client.handle(Input::Received(b"421 4.3.2 bye\r\n"));
    let cause = Cause::Unavailable(reply("421 4.3.2 bye"));
    assert_eq!(ends(&last_events(&mut client, &mut transmit)), [End::Delivered(vec![unsent(cause)])]);
}

#[test]
fn a_250_during_the_body_is_a_violation() {
    let (mut client, mut transmit) = streaming();
    client.handle(Input::Received(b"250 queued already\r\n"));
    let cause = Cause::Violation(Violation::UnsolicitedReply(reply("250 queued already")));
    assert_eq!(ends(&last_events(&mut client, &mut transmit)), [End::Delivered(vec![unsent(cause)])]);
}

#[test]
fn a_body_that_breaks_off_under_data_closes_without_the_dot() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.bodies.push_back(Body::Broken(b"Subject: x\r\n\r\nhal".to_vec()));
        pair
    };
    let run = play(
        start,
        &[say("220 mx\r\n"), say("250 mx\r\n"), say("250 ok\r\n"), say("250 ok\r\n"), say("354 go\r\n")],
    );
    assert_eq!(delivered(&run), [Outcome::Unsent(Reason::Aborted)]);
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Aborted)));
    assert!(!run.writes.concat().contains("\r\n.\r\n"));
}

#[test]
fn an_aborted_body_with_bdat_never_sends_last() {
    let mut config = Config::default();
    config.limits.chunk = 8;
    for (body, closes) in [("Sub", false), ("Subject: x\r\n\r\nhal", true)] {
        let start = || {
            let mut pair = Pair::new(config.clone());
            pair.client.hello(domain()).unwrap();
            pair.client.send(envelope(&["bob@example.net"])).unwrap();
            pair.client.noop().unwrap();
            pair.bodies.push_back(Body::Broken(body.as_bytes().to_vec()));
            pair
        };
        let run = play(
            start,
            [say("220 mx\r\n"), say(CHUNKING), say("250 ok\r\n250 ok\r\n")].map(|step| step)
                [..if closes { 3 } else { 2 }]
                .as_ref(),
        );
        assert_eq!(delivered(&run), [Outcome::Unsent(Reason::Aborted)]);
        assert!(!run.writes.concat().contains("LAST"));
        assert_eq!(run.events.last() == Some(&Event::Closed(Cause::Aborted)), closes);
        assert_eq!(
            run.writes.concat().ends_with("NOOP\r\n"),
            !closes,
            "nothing had left: the connection lives on"
        );
    }
}

#[test]
fn queued_goals_end_with_the_connection_in_order() {
    let mut pair = sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]);
    let noop = pair.client.noop().unwrap();
    pair.settle();
    pair.client.handle(Input::Lost);
    assert_eq!(pair.settle(), Output::Closed);
    assert_eq!(pair.ends().len(), 4);
    assert_eq!(pair.run.events[3], Event::Done { goal: noop, end: End::Undone(Reason::Closed(Cause::Lost)) });
    assert_eq!(pair.run.events[4..], [Event::Closed(Cause::Lost)]);
    pair.client.handle(Input::Received(b"250 late\r\n"));
    assert_eq!(pair.settle(), Output::Closed);
    assert_eq!(pair.run.events.len(), 5, "Closed comes once, and last");
}

#[test]
fn the_end_of_quit_does_not_change_the_message() {
    let start = || {
        let mut pair = one();
        pair.client.quit().unwrap();
        pair
    };
    for ending in [Step::Lose, say("500 what?\r\n"), say("250 odd\r\n")] {
        let run = play(
            start,
            &[
                say("220 mx\r\n"),
                say(PIPELINING),
                say("250 ok\r\n250 ok\r\n354 go\r\n"),
                say("250 queued\r\n"),
                ending,
            ],
        );
        assert_eq!(delivered(&run), [accepted("250 queued")]);
    }
}

#[test]
fn a_reply_that_concerns_the_connection_delivers_nothing() {
    for odd in ["220 mx\r\n", "221 2.0.0 closing\r\n"] {
        let run = play(
            one,
            &[say("220 mx\r\n"), say(PIPELINING), say("250 ok\r\n250 ok\r\n354 go\r\n"), Step::Say(odd)],
        );
        let cause = Cause::Violation(Violation::UnexpectedReply(reply(odd.trim_end())));
        assert_eq!(delivered(&run), [Outcome::Unconfirmed(cause)]);
    }
}

#[test]
fn limits_of_zero_count_as_one() {
    let mut config = Config::default();
    (config.limits.chunk, config.limits.window, config.limits.in_flight) = (0, 0, 0);
    let run = play(
        || sending(config.clone(), &[&["bob@example.net"]]),
        &[
            say("220 mx\r\n"),
            say("250 mx\r\n"),
            say("250 ok\r\n"),
            say("250 ok\r\n"),
            say("354 go\r\n"),
            say("250 ok\r\n"),
        ],
    );
    assert_eq!(delivered(&run), [accepted("250 ok")]);
}

#[test]
fn a_421_in_a_group_with_its_end_makes_it_unconfirmed_without_a_final_reply() {
    let start = || {
        let mut config = Config::default();
        config.limits.in_flight = 2;
        sending(config, &[&["bob@example.net", "eve@example.net"], &["zoe@example.net"]])
    };
    let run = play(
        start,
        &[say("220 mx\r\n"), say(CHUNKING), say("250 ok\r\n421 4.3.2 shutting down\r\n"), Step::Lose],
    );
    let cause = Cause::Unavailable(reply("421 4.3.2 shutting down"));
    let gone = Outcome::Unconfirmed(cause.clone());
    assert_eq!(
        ends(&run.events)[1..],
        [
            End::Delivered(vec![refused(Verb::Rcpt, "421 4.3.2 shutting down"), gone.clone()]),
            End::Delivered(vec![gone])
        ]
    );
    assert_eq!(run.events.last(), Some(&Event::Closed(cause)));
}

#[test]
fn a_group_with_its_end_that_was_not_transmitted_is_unsent() {
    let mut config = Config::default();
    config.limits.in_flight = 2;
    let (mut client, mut transmit) = (Client::new(config), Transmit::new());
    client.hello(domain()).unwrap();
    hear(&mut client, &mut transmit, &["220 mx\r\n", CHUNKING]);
    let first = client.send(envelope(&["bob@example.net"])).unwrap();
    let second = client.send(envelope(&["eve@example.net"])).unwrap();
    assert_eq!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(first));
    client.body(MESSAGE.as_bytes());
    client.end_of_body();
    // the end of the first message waits for the second one, to be sent with it
    assert_eq!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(second));
    client.handle(Input::Lost);
    let outcome = Outcome::Unsent(Reason::Closed(Cause::Lost));
    let ended = End::Delivered(vec![outcome]);
    assert_eq!(ends(&last_events(&mut client, &mut transmit)), [ended.clone(), ended]);
}
