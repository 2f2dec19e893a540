//! Tests the effect of a 421, on a server that closes and on one that continues (RFC 5321 §3.8, §4.2.1).

use crate::pair::*;
use smtp_core::*;
use std::time::Duration;

const GONE: &str = "421 4.3.2 shutting down";

fn gone() -> Cause {
    Cause::Unavailable(reply(GONE))
}

fn in_flight(count: usize, messages: &[&[&str]]) -> Pair {
    let mut config = Config::default();
    config.limits.in_flight = count;
    let mut pair = sending(config, messages);
    pair.client.quit().unwrap();
    pair
}

fn delivered(run: &Run) -> Vec<Vec<Outcome>> {
    let outcomes = |end| match end {
        End::Delivered(outcomes) => Some(outcomes),
        _ => None,
    };
    ends(&run.events).into_iter().filter_map(outcomes).collect()
}

#[test]
fn a_message_delivered_after_a_421_to_another_mail_is_not_reported_unsent() {
    let to: &[&str] = &["bob@example.net"];
    let run = play(
        || in_flight(8, &[to, to, to, to]),
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            say("250 ok\r\n250 ok\r\n250 one\r\n"),
            say("250 reset\r\n421 4.3.2 shutting down\r\n503 no\r\n503 no\r\n"),
            say("250 reset\r\n250 ok\r\n250 ok\r\n250 three\r\n"),
            say("250 reset\r\n250 ok\r\n250 ok\r\n554 no\r\n"),
            say("221 bye\r\n"),
        ],
    );
    assert_eq!(
        delivered(&run),
        [
            vec![accepted("250 one")],
            vec![refused(Verb::Mail, GONE)],
            vec![accepted("250 three")],
            vec![refused(Verb::Message, "554 no")]
        ]
    );
    assert_eq!(run.events.last(), Some(&Event::Closed(gone())));
}

#[test]
fn after_a_421_to_one_rcpt_the_other_recipient_has_the_final_reply() {
    let start = || in_flight(1, &[&["bob@example.net", "eve@example.net"]]);
    for (last, outcome) in [
        (say("250 queued\r\n"), accepted("250 queued")),
        (say("451 later\r\n"), refused(Verb::Message, "451 later")),
        (Step::Lose, Outcome::Unconfirmed(gone())),
        (say("garbage\r\n"), Outcome::Unconfirmed(Cause::Violation(Violation::MalformedReply))),
    ] {
        let group = "250 ok\r\n421 4.3.2 shutting down\r\n250 ok\r\n";
        let run = play(start, &[say("220 mx\r\n"), say(CHUNKING), say(group), last, Step::Lose]);
        assert_eq!(delivered(&run), [[refused(Verb::Rcpt, GONE), outcome]]);
    }
}

#[test]
fn refusals_of_mail_or_of_every_recipient_hold_unless_the_message_is_accepted() {
    let start = || in_flight(1, &[&["bob@example.net", "eve@example.net"]]);
    let cases: [(&'static str, Verb, &'static str); 4] = [
        ("451 no\r\n503 no\r\n503 no\r\n", Verb::Mail, "451 no"),
        ("421 4.3.2 shutting down\r\n503 no\r\n503 no\r\n", Verb::Mail, GONE),
        ("250 ok\r\n450 no\r\n450 no\r\n", Verb::Rcpt, "450 no"),
        ("250 ok\r\n421 4.3.2 shutting down\r\n421 4.3.2 shutting down\r\n", Verb::Rcpt, GONE),
    ];
    for (replies, verb, by) in cases {
        let stands = [[refused(verb, by), refused(verb, by)]];
        let group = [say("220 mx\r\n"), say(CHUNKING), Step::Say(replies)];
        for last in [say("503 no\r\n"), Step::Lose] {
            let run = play(start, &[&group[..], &[last.clone(), Step::Lose]].concat());
            assert_eq!(delivered(&run), stands, "{replies} {last:?}");
        }
        let run = play(start, &[&group[..], &[say("250 queued\r\n")]].concat());
        let cause = Cause::Violation(Violation::AcceptedWithoutRecipients(reply("250 queued")));
        let doubtful = Outcome::Unconfirmed(cause.clone());
        assert_eq!(delivered(&run), [[doubtful.clone(), doubtful]], "{replies}");
        assert_eq!(run.events.last(), Some(&Event::Closed(cause)));
    }
}

#[test]
fn a_recipient_accepted_after_a_refused_mail_is_unconfirmed_without_a_final_reply() {
    let start = || in_flight(1, &[&["bob@example.net"]]);
    let group = [say("220 mx\r\n"), say(CHUNKING), say("451 no\r\n250 ok\r\n")];
    let run = play(start, &[&group[..], &[Step::Lose]].concat());
    assert_eq!(delivered(&run), [[Outcome::Unconfirmed(Cause::Lost)]]);
    let run = play(start, &[&group[..], &[say("554 no\r\n")]].concat());
    assert_eq!(delivered(&run), [[refused(Verb::Mail, "451 no")]]);
}

#[test]
fn a_4yz_to_a_recipient_beside_an_accepted_one_is_an_ordinary_refusal() {
    let start = || in_flight(1, &[&["bob@example.net", "eve@example.net"]]);
    let run =
        play(start, &[say("220 mx\r\n"), say(CHUNKING), say("250 ok\r\n450 no\r\n250 ok\r\n250 queued\r\n")]);
    assert_eq!(delivered(&run), [[refused(Verb::Rcpt, "450 no"), accepted("250 queued")]]);
}

#[test]
fn a_late_354_closes_the_connection() {
    let start = || in_flight(1, &[&["bob@example.net", "eve@example.net"]]);
    let replies = "250 ok\r\n421 4.3.2 shutting down\r\n250 ok\r\n354 go\r\n";
    let run = play(start, &[say("220 mx\r\n"), say(PIPELINING), Step::Say(replies)]);
    assert_eq!(delivered(&run), [[refused(Verb::Rcpt, GONE), Outcome::Unsent(Reason::Closed(gone()))]]);
    assert!(run.writes.concat().ends_with("DATA\r\n"), "no mail data and no dot: {:?}", run.writes);
    assert_eq!(run.events.last(), Some(&Event::Closed(gone())));
}

#[test]
fn nothing_is_sent_after_a_421() {
    let mut config = Config::default();
    config.limits.chunk = 8;
    for hello in [PIPELINING, CHUNKING] {
        let mut pair = sending(config.clone(), &[&["bob@example.net"], &["eve@example.net"]]);
        pair.settle();
        pair.say("220 mx\r\n");
        pair.say(hello);
        pair.say("250 ok\r\n421 4.3.2 shutting down\r\n");
        pair.written();
        assert!(pair.client.noop().is_err(), "nothing can be asked for");
        pair.say("250 ok\r\n");
        assert_eq!(pair.settle(), Output::Closed);
        assert_eq!(pair.written(), "");
    }
}

#[test]
fn a_chunk_that_got_a_421_and_a_message_that_was_accepted_contradict_each_other() {
    let start = || {
        let mut config = Config::default();
        config.limits.chunk = 8;
        sending(config, &[&["bob@example.net"]])
    };
    let mut script = vec![
        say("220 mx\r\n"),
        say(CHUNKING),
        say("250 ok\r\n250 ok\r\n"),
        say("421 4.3.2 shutting down\r\n"),
    ];
    // the chunks after it, including the last one
    script.push(say("250 ok\r\n"));
    let run = play(start, &[&script[..], &[say("250 queued\r\n")]].concat());
    let violation = Cause::Violation(Violation::UnexpectedReply(reply("250 queued")));
    assert_eq!(delivered(&run), [[Outcome::Unconfirmed(violation)]]);
    let run = play(start, &[&script[..], &[say("554 no\r\n"), Step::Lose]].concat());
    assert_eq!(delivered(&run), [[refused(Verb::Message, "554 no")]]);
    let run = play(start, &[&script[..], &[Step::Lose]].concat());
    assert_eq!(delivered(&run), [[Outcome::Unconfirmed(gone())]]);
}

#[test]
fn each_outstanding_reply_keeps_its_timer_while_it_decides_about_a_message() {
    let timeouts = Timeouts::default();
    let mut pair = in_flight(2, &[&["bob@example.net", "eve@example.net"]]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(CHUNKING);
    pair.say("250 ok\r\n421 4.3.2 shutting down\r\n");
    assert_eq!(pair.settle(), Output::Read { until: pair.now + timeouts.rcpt });
    pair.pass(Duration::from_mins(1));
    pair.say("250 ok\r\n");
    assert_eq!(pair.settle(), Output::Read { until: pair.now + timeouts.end });
    assert_eq!(pair.pass(timeouts.end), Output::Closed);
    assert_eq!(delivered(&pair.run), [[refused(Verb::Rcpt, GONE), Outcome::Unconfirmed(gone())]]);
    // and where none does, it is the short one
    let mut pair = in_flight(1, &[&["bob@example.net", "eve@example.net"]]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(PIPELINING);
    pair.say("250 ok\r\n421 4.3.2 shutting down\r\n");
    assert_eq!(pair.settle(), Output::Read { until: pair.now + timeouts.last_words });
    assert_eq!(pair.pass(timeouts.last_words), Output::Closed);
}

#[test]
fn a_write_with_the_end_of_a_message_is_finished_and_any_other_abandoned() {
    let to: &[&str] = &["bob@example.net"];
    for chunk in [16 * 1024, 40] {
        let mut config = Config::default();
        config.limits.chunk = chunk;
        config.limits.in_flight = 2;
        let (mut client, mut transmit) = (Client::new(config), Transmit::new());
        client.hello(domain()).unwrap();
        hear(&mut client, &mut transmit, &["220 mx\r\n", CHUNKING]);
        client.send(envelope(to)).unwrap();
        while let Output::Body(_) = client.poll(Instant::EPOCH, &mut transmit) {
            client.body(MESSAGE.as_bytes());
            client.end_of_body();
        }
        let holds_end = String::from_utf8_lossy(transmit.octets()).contains(" LAST\r\n");
        assert_eq!(holds_end, chunk > 40);
        client.handle(Input::Received(b"421 4.3.2 shutting down\r\n"));
        let mut events = Vec::new();
        let output = loop {
            match client.poll(Instant::EPOCH, &mut transmit) {
                Output::Event(event) => events.push(event),
                output => break output,
            }
        };
        assert_eq!(matches!(output, Output::Write { .. }), holds_end, "{output:?}");
        assert_eq!(matches!(output, Output::Read { .. }), !holds_end, "{output:?}");
    }
}

#[test]
fn one_reply_too_many_after_a_421_makes_all_outcomes_unconfirmed() {
    let start = |quits: bool| {
        move || {
            let mut pair = sending(Config::default(), &[&["bob@example.net", "eve@example.net"]]);
            if quits {
                pair.client.quit().unwrap();
            }
            pair
        }
    };
    // the 421 is not a reply to the first RCPT: each later reply belongs to the previous command
    let shifted = "250 ok\r\n421 4.3.2 soon\r\n250 first\r\n250 second\r\n";
    let group = [say("220 mx\r\n"), say(CHUNKING), Step::Say(shifted)];
    for (quits, last) in [(false, "550 no\r\n"), (false, "250 queued\r\n"), (true, "550 no\r\n")] {
        let run = play(start(quits), &[&group[..], &[Step::Say(last)]].concat());
        let reply = reply(last.trim_end());
        let violation =
            if quits { Violation::UnexpectedReply(reply) } else { Violation::UnsolicitedReply(reply) };
        let unknown = Outcome::Unconfirmed(Cause::Violation(violation.clone()));
        assert_eq!(delivered(&run), [[unknown.clone(), unknown]], "{last}");
        assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
    }
    // if the end comes in time, the outcomes hold
    let run = play(start(true), &[&group[..], &[say("221 bye\r\n")]].concat());
    assert_eq!(delivered(&run), [[refused(Verb::Rcpt, "421 4.3.2 soon"), accepted("250 second")]]);
    // and the client does not wait for it long
    let mut pair = start(false)();
    pair.settle();
    for text in ["220 mx\r\n", CHUNKING, shifted] {
        pair.say(text);
    }
    let last_words = Timeouts::default().last_words;
    assert_eq!(pair.settle(), Output::Read { until: pair.now + last_words });
    assert_eq!(pair.pass(last_words), Output::Closed);
    assert_eq!(delivered(&pair.run), [[refused(Verb::Rcpt, "421 4.3.2 soon"), accepted("250 second")]]);
}
