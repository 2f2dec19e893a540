//! The time limits of RFC 5321 §4.5.3.2, to the second, in virtual time.

use std::time::Duration;

use smtp_core::{Cause, Client, Config, Envelope, Event, Timer};
use smtp_mock::{On, Rule, Scenario, Step};
use smtp_tests::joined::join;

#[test]
fn silence_is_given_up_after_the_limit_of_its_phase_and_not_before() {
    for (step, timer, minutes) in [
        (On::Connect, Timer::Greeting, 5),
        (On::Ehlo, Timer::Hello, 5),
        (On::Mail, Timer::Mail, 5),
        (On::Rcpt, Timer::Rcpt, 5),
        (On::Data, Timer::Data, 2),
        (On::Body, Timer::End, 10),
        (On::Quit, Timer::Quit, 1),
    ] {
        let closed = closed_by(Rule::on(step).step(Step::Stall));
        assert_eq!(closed, (Duration::from_mins(minutes), Cause::TimedOut(timer)), "{step:?}");
    }
}

#[test]
fn a_trickle_does_not_extend_the_limit() {
    // an octet every minute, of a reply that would take hours
    let drip = smtp_mock::Drip { bytes: 1, every: Duration::from_mins(1) };
    let reply = Step::reply("250 and so on, and so on, and so on").unwrap();
    for (step, timer) in [(On::Ehlo, Timer::Hello), (On::Mail, Timer::Mail)] {
        let closed = closed_by(Rule::on(step).step(Step::Drip(drip)).step(reply.clone()));
        assert_eq!(closed, (Duration::from_mins(5), Cause::TimedOut(timer)), "{step:?}");
    }
}

/// When, and why, the connection was given up with a server that goes by `rule`.
fn closed_by(rule: Rule) -> (Duration, Cause) {
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse().unwrap()).unwrap();
    let to = "<friend@example.net>".parse().unwrap();
    client.send(Envelope::new("<you@example.org>".parse().unwrap(), [to])).unwrap();
    client.quit().unwrap();

    let mut scenario = Scenario::new();
    // one command at a time, so that each step has a limit of its own
    scenario.server.extensions.clear();
    scenario.rules.push(rule);
    let mut duet = join(client, b"Subject: x\r\n\r\nIt works.\r\n", scenario);
    duet.run();
    let Some((time, Event::Closed(cause))) = duet.client().events().last().cloned() else {
        panic!("{:?}", duet.client().events())
    };
    (time, cause)
}
