//! The deadline of a whole send, and the timers of its phases.

use crate::face::{Boxed, Face, both};
use crate::tools::{
    SOON, assert_accepted, await_at, copies, count_of, kind_of, large, message, options, options_for,
    outcome_of, titled,
};
use smtp_core::mailer::{ConnectFault, ErrorKind, Options, Repeat, Security};
use smtp_core::{Cause, Outcome, Timeouts, Timer};
use smtp_mock::{Certificate, Drip, HandshakeFault, Mock, On, Rule, Scenario, Step, TlsMode};
use std::time::{Duration, Instant};

both!(
    a_deadline_holds_wherever_the_server_is_silent,
    a_deadline_holds_while_a_tls_handshake_stalls,
    a_deadline_holds_against_a_server_that_sends_one_octet_at_a_time,
    a_deadline_holds_where_no_connection_comes_about,
    a_deadline_holds_while_every_connection_is_busy,
    a_deadline_holds_while_the_server_does_not_read,
    a_deadline_holds_while_an_idle_connection_is_asked_whether_it_serves,
    a_deadline_holds_between_rounds_of_any_number,
    a_deadline_holds_while_the_rate_limit_makes_a_message_wait,
    a_deadline_that_passes_after_the_end_of_mail_data_leaves_the_message_unconfirmed,
    a_deadline_is_that_of_each_send_and_a_batch_has_one_for_all,
    each_phase_has_its_timer,
);

const LIMIT: Duration = Duration::from_secs(1);

/// What ends at the deadline ends then, and not before or much later.
#[track_caller]
fn assert_in_time(begin: Instant, what: &str) {
    let time = begin.elapsed();
    assert!(time >= LIMIT && time < 3 * LIMIT, "{what} took {time:?}");
}

/// A send over a mailer of these options ends at the deadline, by that kind.
fn assert_deadline<F: Face>(options: Options, what: &str) {
    let begin = Instant::now();
    let error = F::new(options.deadline(LIMIT)).send(&message(&["b@example.net"])).unwrap_err();
    assert_in_time(begin, what);
    assert_eq!((error.kind(), error.repeat()), (&ErrorKind::DeadlinePassed, Repeat::Safe), "{what}");
}

/// Carries these out at once.
fn at_once(cases: Vec<Box<dyn FnOnce() + Send>>) {
    std::thread::scope(|scope| cases.into_iter().for_each(|case| _ = scope.spawn(case)));
}

fn a_deadline_holds_wherever_the_server_is_silent<F: Face>() {
    let hooks = [On::Connect, On::Ehlo, On::Mail, On::Rcpt, On::Data];
    at_once(
        hooks
            .map(|at| {
                Box::new(move || {
                    let mock = Mock::builder().rule(Rule::on(at).step(Step::Stall)).start();
                    assert_deadline::<F>(options(&mock).chunking(false), at.as_str());
                    assert_eq!(mock.messages().len(), 0);
                }) as _
            })
            .into(),
    );
}

/// A server whose handshakes never end.
fn stalling(mode: TlsMode) -> Mock {
    let mut scenario = Scenario::new();
    scenario.tls.mode = mode;
    scenario.tls.cert = Certificate::Good;
    scenario.tls.handshake = Some(HandshakeFault::Stall);
    Mock::builder().scenario(scenario).start()
}

fn a_deadline_holds_while_a_tls_handshake_stalls<F: Face>() {
    let mock = stalling(TlsMode::Starttls);
    assert_deadline::<F>(options(&mock).security(Security::StartTls), "STARTTLS");
    let mock = stalling(TlsMode::Implicit);
    assert_deadline::<F>(options(&mock).security(Security::Implicit), "implicit TLS");
}

fn a_deadline_holds_against_a_server_that_sends_one_octet_at_a_time<F: Face>() {
    let slowly = Step::Drip(Drip { bytes: 1, every: Duration::from_millis(200) });
    at_once(
        [On::Connect, On::Ehlo, On::Rcpt]
            .map(|at| {
                let rule = Rule::on(at).step(slowly.clone()).default_reply();
                Box::new(move || {
                    let mock = Mock::builder().rule(rule).start();
                    assert_deadline::<F>(options(&mock).chunking(false), at.as_str());
                }) as _
            })
            .into(),
    );
}

fn a_deadline_holds_where_no_connection_comes_about<F: Face>() {
    let hole = Mock::blackhole().unwrap();
    assert_deadline::<F>(options_for(hole.addr()), "a connect without an answer");
}

fn a_deadline_holds_while_every_connection_is_busy<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Body).times(2).delay(4 * LIMIT).default_reply()).start();
    let mailer = F::new(options(&mock).connections(2));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert_accepted(&mailer.send(&message(&["b@example.net"]))));
        }
        await_at(&mock, "two messages", |server| count_of(&server.transcript(), "RCPT") == 2);
        let begin = Instant::now();
        let hasty = mailer.with_deadline(LIMIT);
        assert_eq!(kind_of(hasty.send(&titled("late"))), ErrorKind::DeadlinePassed);
        assert_in_time(begin, "the wait for a connection");
    });
    // Whoever gave up does not stand in the way of the others.
    assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
    assert_eq!((copies(&mock, "late"), copies(&mock, "next"), mock.connections()), (0, 1, 2));
}

fn a_deadline_holds_while_the_server_does_not_read<F: Face>() {
    at_once(
        [true, false]
            .map(|chunking| {
                Box::new(move || {
                    let at = if chunking { On::Rcpt } else { On::Data };
                    let rule = Rule::on(at).default_reply().step(Step::StopReading(Duration::from_secs(600)));
                    let mock = Mock::builder().rule(rule).start();
                    let mailer = F::new(options(&mock).chunking(chunking).deadline(LIMIT));
                    let begin = Instant::now();
                    assert_eq!(kind_of(mailer.send(&large(20_000_000))), ErrorKind::DeadlinePassed);
                    assert_in_time(begin, "a body that nobody reads");
                    assert_eq!(mock.messages().len(), 0);
                }) as _
            })
            .into(),
    );
}

fn a_deadline_holds_while_an_idle_connection_is_asked_whether_it_serves<F: Face>() {
    let mock = Mock::start();
    let pool = crate::tools::limits(|limits| limits.unproven = Duration::ZERO);
    let mailer = F::new(options(&mock).pool(pool));
    assert_accepted(&mailer.send(&titled("first")));
    mock.set(Rule::on(On::Rset).step(Step::Stall));
    let begin = Instant::now();
    assert_eq!(kind_of(mailer.with_deadline(LIMIT).send(&titled("second"))), ErrorKind::DeadlinePassed);
    assert_in_time(begin, "the reply to RSET");
}

fn a_deadline_holds_between_rounds_of_any_number<F: Face>() {
    let refusing = Mock::unreachable().unwrap();
    let mailer = F::new(options_for(refusing).retries(u32::MAX).deadline(LIMIT));
    let begin = Instant::now();
    let kind = kind_of(mailer.send(&message(&["b@example.net"])));
    assert_in_time(begin, "a wait between rounds");
    // Why no session was opened says more than that the time is over.
    assert!(
        matches!(kind, ErrorKind::Connect(ConnectFault::Refused) | ErrorKind::DeadlinePassed),
        "{kind:?}"
    );
    // What a server said before is told all the same.
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).reply("450 4.2.0 greylisted")).start();
    let mailer = F::new(options(&mock).retries(u32::MAX).deadline(LIMIT));
    let begin = Instant::now();
    let outcome = outcome_of(mailer.send(&message(&["b@example.net"])));
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert_in_time(begin, "a wait between rounds");
}

fn a_deadline_holds_while_the_rate_limit_makes_a_message_wait<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).rate(1, Duration::from_secs(60)));
    assert_accepted(&mailer.send(&titled("first")));
    let begin = Instant::now();
    assert_eq!(kind_of(mailer.with_deadline(LIMIT).send(&titled("second"))), ErrorKind::DeadlinePassed);
    assert_in_time(begin, "the wait of the rate limit");
    assert_eq!(copies(&mock, "second"), 0);
}

fn a_deadline_that_passes_after_the_end_of_mail_data_leaves_the_message_unconfirmed<F: Face>() {
    at_once(
        [true, false]
            .map(|chunking| {
                Box::new(move || {
                    let mock = Mock::builder().rule(Rule::on(On::Body).step(Step::Stall)).start();
                    let mailer = F::new(options(&mock).chunking(chunking).deadline(LIMIT).retries(3));
                    let begin = Instant::now();
                    let report = mailer.send(&message(&["b@example.net"])).unwrap();
                    assert_in_time(begin, "the reply to the message");
                    let fate = &report.recipients()[0].fate;
                    assert_eq!(fate.repeat(), Repeat::MayDuplicate, "{fate}");
                    assert_eq!(count_of(&mock.transcript(), "MAIL"), 1);
                }) as _
            })
            .into(),
    );
}

fn a_deadline_is_that_of_each_send_and_a_batch_has_one_for_all<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Body).delay(LIMIT / 4).default_reply()).start();
    let mailer = F::new(options(&mock).connections(1).in_flight(1).deadline(LIMIT));
    for _ in 0..6 {
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
    }
    let begin = Instant::now();
    let results = mailer.send_all((0..20).map(|_| Box::new(titled("batch")) as Boxed).collect());
    assert_in_time(begin, "a batch");
    assert_eq!(results.len(), 20);
    let sent = results
        .iter()
        .filter(|(_, result)| result.as_ref().is_ok_and(smtp_core::mailer::Report::is_accepted))
        .count();
    assert!((1..20).contains(&sent), "{sent} were sent");
    // The one that was with the server may have arrived; none of the others has.
    let arrived = copies(&mock, "batch");
    assert!(arrived >= sent && arrived <= sent + 1, "{arrived} arrived, {sent} are told");
    let (_, last) = &results[19];
    assert_eq!(kind_of(last.clone()), ErrorKind::DeadlinePassed);
}

fn each_phase_has_its_timer<F: Face>() {
    const SHORT: Duration = Duration::from_millis(300);
    let cases: [(On, Timer, fn(&mut Timeouts)); 6] = [
        (On::Connect, Timer::Greeting, |times| times.greeting = SHORT),
        (On::Ehlo, Timer::Hello, |times| times.hello = SHORT),
        (On::Mail, Timer::Mail, |times| times.mail = SHORT),
        (On::Rcpt, Timer::Rcpt, |times| times.rcpt = SHORT),
        (On::Data, Timer::Data, |times| times.data = SHORT),
        (On::Body, Timer::End, |times| times.end = SHORT),
    ];
    at_once(
        cases
            .map(|(at, timer, shorten)| {
                Box::new(move || {
                    let mock = Mock::builder().rule(Rule::on(at).step(Step::Stall)).start();
                    let mut times = Timeouts::all(SOON);
                    shorten(&mut times);
                    let mailer = F::new(options(&mock).chunking(false).pipelining(false).timeouts(times));
                    let begin = Instant::now();
                    let result = mailer.send(&message(&["b@example.net"]));
                    assert!(
                        begin.elapsed() >= SHORT && begin.elapsed() < SOON,
                        "{at}: {:?}",
                        begin.elapsed()
                    );
                    let cause = if at == On::Body {
                        match outcome_of(result) {
                            Outcome::Unconfirmed(cause) => cause,
                            outcome => panic!("{outcome:?}"),
                        }
                    } else {
                        match kind_of(result) {
                            ErrorKind::Closed(closing) => closing.cause,
                            kind => panic!("{at}: {kind:?}"),
                        }
                    };
                    assert_eq!(cause, Cause::TimedOut(timer), "{at}");
                }) as _
            })
            .into(),
    );
}
