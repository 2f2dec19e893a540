//! Tests every timer (RFC 5321 §4.5.3.2) to the second, in simulated time.

use crate::pair::*;
use smtp_core::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Sends `replies`, then nothing: the client must wait until the last second of `timer`, and no longer.
fn silent(mut pair: Pair, replies: &[&str], timer: Timer) -> Pair {
    pair.settle();
    for text in replies {
        // the time before counts for other timers
        pair.pass(SECOND);
        pair.say(text);
    }
    let limit = Timeouts::default().limit(timer);
    let waits = pair.pass(limit.checked_sub(SECOND).unwrap());
    assert!(matches!(waits, Output::Read { .. }), "{timer:?}: {waits:?}");
    assert_eq!(pair.pass(SECOND), Output::Closed, "{timer:?}");
    assert_eq!(pair.run.events.last(), Some(&Event::Closed(Cause::TimedOut(timer))));
    pair
}

fn one() -> Pair {
    sending(Config::default(), &[&["bob@example.net"]])
}

#[test]
fn silence_in_every_phase() {
    let lock_step = ["220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"];
    let timers = [Timer::Greeting, Timer::Hello, Timer::Mail, Timer::Rcpt, Timer::Data, Timer::End];
    for (said, timer) in timers.into_iter().enumerate() {
        let pair = silent(one(), &lock_step[..said], timer);
        let outcome = match (timer, &pair.ends()[usize::from(said > 1)]) {
            (Timer::Greeting | Timer::Hello, End::Undone(Reason::Closed(cause))) => {
                assert_eq!(*cause, Cause::TimedOut(timer));
                continue;
            }
            (_, End::Delivered(outcomes)) => outcomes[0].clone(),
            other => panic!("{other:?}"),
        };
        match outcome {
            Outcome::Unconfirmed(Cause::TimedOut(Timer::End)) => assert_eq!(timer, Timer::End),
            Outcome::Unsent(Reason::Closed(Cause::TimedOut(_))) => assert_ne!(timer, Timer::End),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn silence_after_the_other_commands() {
    type Ask = fn(&mut Client) -> Result<Goal, Misuse>;
    let cases: [(Ask, Timer); 5] = [
        (Client::noop, Timer::Noop),
        (Client::reset, Timer::Reset),
        (Client::quit, Timer::Quit),
        (|client| client.vrfy("x".parse().unwrap()), Timer::Other),
        (|client| client.start_tls(), Timer::Tls),
    ];
    for (ask, timer) in cases {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        ask(&mut pair.client).unwrap();
        silent(pair, &["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n"], timer);
    }
}

#[test]
fn silence_in_a_login() {
    let mut config = Config::default();
    config.reveal = Reveal::Always;
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    pair.client.authenticate(vec![Box::new(Login::new("alice", Secret::from("s3cret")).unwrap())]).unwrap();
    silent(pair, &["220 mx\r\n", "250-mx\r\n250 AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"], Timer::Auth);
}

#[test]
fn a_handshake_that_never_ends() {
    let mut config = Config::default();
    config.implicit_tls = true;
    let mut pair = Pair::new(config);
    pair.settle();
    assert!(matches!(pair.pass(Duration::from_secs(119)), Output::Handshake { .. }));
    assert_eq!(pair.pass(SECOND), Output::Closed);
    assert_eq!(pair.run.events, [Event::Closed(Cause::TimedOut(Timer::Tls))]);
}

#[test]
fn a_trickle_does_not_extend_the_deadline() {
    let mut pair = one();
    pair.settle();
    for octet in "220 mx.example says hello at length\r\n".chars() {
        pair.pass(Duration::from_secs(10));
        pair.say(&octet.to_string());
        if !pair.run.events.is_empty() {
            break;
        }
    }
    assert_eq!(pair.run.events.last(), Some(&Event::Closed(Cause::TimedOut(Timer::Greeting))));
    assert_eq!(pair.now, Instant::EPOCH + Duration::from_mins(5));
}

#[test]
fn a_trickle_of_lines_does_not_extend_the_deadline() {
    let mut pair = one();
    pair.settle();
    while pair.run.events.is_empty() {
        pair.say("220-still here\r\n");
        pair.pass(Duration::from_secs(10));
    }
    assert_eq!(pair.now, Instant::EPOCH + Duration::from_mins(5));
}

#[test]
fn each_whole_reply_of_a_group_has_its_own_time() {
    let mut pair = sending(Config::default(), &[&["bob@example.net", "eve@example.net"]]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(PIPELINING);
    for text in ["250 ok\r\n", "250 ok\r\n", "250 ok\r\n"] {
        pair.pass(Duration::from_secs(100));
        pair.say(text);
    }
    assert!(
        matches!(pair.pass(Duration::from_secs(119)), Output::Read { .. }),
        "DATA's two minutes began with the last RCPT reply"
    );
    assert_eq!(pair.pass(SECOND), Output::Closed);
    assert_eq!(pair.run.events.last(), Some(&Event::Closed(Cause::TimedOut(Timer::Data))));
}

#[test]
fn a_block_that_cannot_be_written() {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello(domain()).unwrap();
    client.send(envelope(&["bob@example.net"])).unwrap();
    hear(&mut client, &mut transmit, &["220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"]);
    client.body(MESSAGE.as_bytes());
    client.end_of_body();
    let begun = Instant::EPOCH + SECOND;
    let until = begun + Duration::from_mins(3);
    assert_eq!(client.poll(begun, &mut transmit), Output::Write { until });
    let octets = transmit.octets().to_vec();
    // polled again during the write: the same output, and the buffer is unchanged
    assert_eq!(client.poll(begun + SECOND, &mut transmit), Output::Write { until });
    assert_eq!(transmit.octets(), octets);
    let Output::Event(Event::Done { end, .. }) = client.poll(until, &mut transmit) else { panic!() };
    assert_eq!(end, End::Delivered(vec![Outcome::Unconfirmed(Cause::TimedOut(Timer::Block))]));
}

#[test]
fn the_applications_time_does_not_count_for_the_server() {
    let mut config = Config::default();
    config.limits.in_flight = 1;
    let (mut client, mut transmit) = (Client::new(config), Transmit::new());
    client.hello(domain()).unwrap();
    client.send(envelope(&["bob@example.net"])).unwrap();
    hear(&mut client, &mut transmit, &["220 mx\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"]);
    assert!(matches!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(_)));
    let hours = Instant::EPOCH + Duration::from_secs(10_000);
    client.body(MESSAGE.as_bytes());
    client.end_of_body();
    assert_eq!(client.poll(hours, &mut transmit), Output::Write { until: hours + Duration::from_mins(3) });
}

#[test]
fn the_last_words_timer_is_short() {
    let mut pair = one();
    pair.settle();
    pair.say("220 mx\r\n");
    pair.client.handle(Input::WriteFailed);
    assert!(matches!(pair.pass(SECOND), Output::Read { .. }));
    assert_eq!(pair.pass(2 * SECOND), Output::Closed);
    assert_eq!(pair.run.events.last(), Some(&Event::Closed(Cause::Lost)));
}

#[test]
fn timeouts_are_plain_data() {
    let mut config = Config::default();
    config.timeouts = Timeouts::all(Duration::from_secs(7));
    let mut pair = Pair::new(config);
    assert_eq!(pair.settle(), Output::Read { until: Instant::EPOCH + Duration::from_secs(7) });
}
