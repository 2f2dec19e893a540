//! The time limits of RFC 5321 §4.5.3.2, to the second, in virtual time.

use std::time::Duration;

use smtp_core::{
    Cause, Client, Config, Envelope, Event, Goal, Login, Misuse, Reveal, Secret, Timeouts, Timer,
};
use smtp_mock::{Ending, Mechanism, On, Rule, Scenario, Step, TlsMode};
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
fn the_other_commands_have_limits_too() {
    type Ask = fn(&mut Client) -> Result<Goal, Misuse>;
    let login: Ask =
        |client| client.authenticate(vec![Box::new(Login::new("alice", Secret::from("secret")).unwrap())]);
    let cases: [(On, Ask, Timer); 5] = [
        (On::Tls, Client::start_tls, Timer::Tls),
        (On::Auth, login, Timer::Auth),
        (On::Rset, Client::reset, Timer::Reset),
        (On::Noop, Client::noop, Timer::Noop),
        (On::Vrfy, |client| client.vrfy("smith".parse().unwrap()), Timer::Other),
    ];
    for (step, ask, timer) in cases {
        let limit = Timeouts::default().limit(timer);
        assert_eq!(asked(ask, Rule::on(step).step(Step::Stall)), (limit, Cause::TimedOut(timer)), "{step:?}");
        // in time by a nanosecond
        let late = Rule::on(step).delay(limit.saturating_sub(Duration::from_nanos(1))).default_reply();
        assert_eq!(asked(ask, late).1, Cause::Quit, "{step:?}");
    }
}

#[test]
fn a_server_that_stops_reading_is_given_up_after_the_limit_of_a_block() {
    let closed =
        closed_by(Rule::on(On::Data).reply("354 go").step(Step::StopReading(Duration::from_hours(1))));
    assert_eq!(closed, (Duration::from_mins(3), Cause::TimedOut(Timer::Block)));
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
    // less than the message between the two, so that a server which does not read holds up the client
    let mut pair = join(client, b"Subject: x\r\n\r\nIt works.\r\n", scenario).capacity(16);
    pair.run();
    let Some((time, Event::Closed(cause))) = pair.client().events().last().cloned() else {
        panic!("{:?}", pair.client().events())
    };
    (time, cause)
}

/// When, and why, a session ended in which only `ask` was done with a server that goes by `rule`.
fn asked(ask: fn(&mut Client) -> Result<Goal, Misuse>, rule: Rule) -> (Duration, Cause) {
    let mut config = Config::default();
    config.reveal = Reveal::Always;
    let mut client = Client::new(config);
    client.hello("client.example".parse().unwrap()).unwrap();
    ask(&mut client).unwrap();
    client.quit().unwrap();

    let mut scenario = Scenario::new();
    scenario.tls.mode = TlsMode::Starttls;
    scenario.auth.mechanisms = Some(vec![Mechanism::Login]);
    scenario.auth.users.insert("alice".to_owned(), "secret".to_owned());
    scenario.auth.plaintext_ok = true;
    scenario.rules.push(rule);
    let mut pair = join(client, b"", scenario);
    assert_eq!(pair.run(), Ending::Closed);
    let Some((time, Event::Closed(cause))) = pair.client().events().last().cloned() else {
        panic!("{:?}", pair.client().events())
    };
    (time, cause)
}
