//! The connections of a mailer: how many there are, how long they are used, and how they end.

use crate::face::{Boxed, Face, both};
use crate::tools::{
    SOON, assert_accepted, await_at, count_of, kind_of, limits, message, options, options_for, titled,
};
use smtp_core::Timeouts;
use smtp_core::mailer::{ConnectFault, ErrorKind, Options};
use smtp_mock::{Close, Mock, On, Rule, Step};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

both!(
    ten_times_as_many_sends_as_connections_never_open_more_of_them,
    refused_connections_leave_every_slot_free,
    sessions_that_fail_at_any_step_leave_every_slot_free,
    a_batch_and_single_sends_share_the_limit,
    a_batch_opens_no_more_connections_than_it_has_messages,
    a_connection_carries_as_many_messages_as_it_may,
    a_connection_of_a_batch_carries_as_many_messages_as_it_may,
    a_connection_is_not_used_beyond_its_lifetime_under_constant_load,
    a_connection_that_was_idle_too_long_is_not_used_again,
    an_idle_connection_is_closed_in_time_while_another_is_busy,
    closing_sends_quit_on_idle_connections_and_ends_later_sends,
    closing_returns_in_time_where_the_server_does_not_answer,
    closing_ends_the_wait_for_a_connection,
    a_send_under_way_ends_well_when_the_mailer_is_closed,
    a_mailer_is_dropped_while_it_sends,
);

/// Sends this many messages at once, and wants each to be accepted.
fn send_at_once<F: Face>(mailer: &F, count: usize) {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..count).map(|_| scope.spawn(|| mailer.send(&message(&["b@example.net"])))).collect();
        for thread in threads {
            assert_accepted(&thread.join().unwrap());
        }
    });
}

fn ten_times_as_many_sends_as_connections_never_open_more_of_them<F: Face>() {
    const LIMIT: usize = 4;
    // One that is too many would be told by 421.
    let mut scenario = smtp_mock::Scenario::new();
    scenario.limits.connections = Some(LIMIT as u64);
    let mock = Mock::builder()
        .scenario(scenario)
        .rule(Rule::on(On::Body).delay(Duration::from_millis(10)).default_reply())
        .start();
    let mailer = F::new(options(&mock).connections(LIMIT));
    send_at_once(&mailer, 10 * LIMIT);
    assert_eq!(mock.messages().len(), 10 * LIMIT);
    assert!(mock.connections() <= LIMIT as u64, "{} connections", mock.connections());
}

/// All slots are free: so many messages are under way at once, each on a connection of its own.
#[track_caller]
fn assert_all_free<F: Face>(mailer: &F, mock: &Mock, count: usize) {
    let before = mock.connections();
    mock.set(Rule::on(On::Ehlo).times(count as u64).delay(Duration::from_millis(500)).default_reply());
    let accepted = mock.messages().len();
    let mailer = mailer.with_deadline(SOON);
    send_at_once(&mailer, count);
    assert_eq!(mock.messages().len(), accepted + count);
    let opened = mock.connections() - before;
    assert_eq!(opened, count as u64, "{}", F::NAME);
}

fn refused_connections_leave_every_slot_free<F: Face>() {
    let mut mock = Mock::start();
    let mailer = F::new(options(&mock).connections(3));
    mock.pause();
    for _ in 0..4 {
        let result = mailer.send(&message(&["b@example.net"]));
        assert_eq!(kind_of(result), ErrorKind::Connect(ConnectFault::Refused));
    }
    let results = mailer.send_all((0..4).map(|_| Box::new(message(&["b@example.net"])) as Boxed).collect());
    for (_, result) in results {
        assert_eq!(kind_of(result), ErrorKind::Connect(ConnectFault::Refused));
    }
    mock.resume().unwrap();
    assert_all_free(&mailer, &mock, 3);
}

fn sessions_that_fail_at_any_step_leave_every_slot_free<F: Face>() {
    const COUNT: usize = 2;
    let faults = [
        (On::Connect, Rule::on(On::Connect).reply("554 5.7.1 not you")),
        (On::Connect, Rule::on(On::Connect).reply("421 4.3.2 later")),
        (On::Connect, Rule::on(On::Connect).close(Close::Rst)),
        (On::Connect, Rule::on(On::Connect).step(Step::Garbage(40)).close(Close::Fin)),
        (On::Connect, Rule::on(On::Connect).step(Step::Stall)),
        (On::Ehlo, Rule::on(On::Ehlo).close(Close::Fin)),
        (On::Mail, Rule::on(On::Mail).reply("421 4.3.2 later")),
        (On::Mail, Rule::on(On::Mail).close(Close::Rst)),
        (On::Rcpt, Rule::on(On::Rcpt).reply("250 2.1.5 ok").reply("250 2.1.5 once more")),
        (On::Body, Rule::on(On::Body).close(Close::Fin)),
    ];
    for (at, rule) in faults {
        let mock = Mock::start();
        let mailer = F::new(options(&mock).chunking(false).connections(COUNT));
        let words = rule.describe();
        mock.set(rule);
        let impatient = mailer.with_deadline(Duration::from_millis(500));
        for _ in 0..COUNT {
            let result = impatient.send(&message(&["b@example.net"]));
            assert!(!result.is_ok_and(|report| report.is_accepted()), "{words}");
        }
        mock.set(Rule::on(at).default_reply());
        assert_all_free(&mailer, &mock, COUNT);
    }
}

fn a_batch_and_single_sends_share_the_limit<F: Face>() {
    let mock =
        Mock::builder().rule(Rule::on(On::Body).delay(Duration::from_millis(5)).default_reply()).start();
    let mailer = F::new(options(&mock).connections(2));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let messages = (0..6).map(|_| Box::new(message(&["b@example.net"])) as Boxed).collect();
                let results = mailer.send_all(messages);
                assert_eq!(results.len(), 6);
                results.iter().for_each(|(_, result)| assert_accepted(result));
            });
            scope.spawn(|| assert_accepted(&mailer.send(&message(&["b@example.net"]))));
        }
    });
    assert_eq!(mock.messages().len(), 3 * 6 + 3);
    assert!(mock.connections() <= 2, "{} connections", mock.connections());
}

fn a_batch_opens_no_more_connections_than_it_has_messages<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).connections(8));
    let results = mailer.send_all(vec![Box::new(titled("one")), Box::new(titled("two"))]);
    results.iter().for_each(|(_, result)| assert_accepted(result));
    assert!(mock.connections() <= 2, "{} connections for two messages", mock.connections());
}

/// How many messages each connection carried.
fn messages_by_connection(mock: &Mock) -> Vec<usize> {
    (1..=mock.connections()).map(|number| count_of(&mock.transcript().connection(number), "MAIL")).collect()
}

fn a_connection_carries_as_many_messages_as_it_may<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).pool(limits(|limits| limits.messages = 3)));
    for _ in 0..10 {
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
    }
    assert_eq!(messages_by_connection(&mock), [3, 3, 3, 1]);
    mock.wait_closed(3);
    for number in 1..=3 {
        assert_eq!(mock.transcript().connection(number).commands().last().unwrap(), "QUIT");
    }
}

fn a_connection_of_a_batch_carries_as_many_messages_as_it_may<F: Face>() {
    let mock = Mock::start();
    let pool = limits(|limits| {
        limits.messages = 3;
        limits.connections = 2;
    });
    let mailer = F::new(options(&mock).pool(pool).in_flight(8));
    let results = mailer.send_all((0..20).map(|_| Box::new(message(&["b@example.net"])) as Boxed).collect());
    results.iter().for_each(|(_, result)| assert_accepted(result));
    let counts = messages_by_connection(&mock);
    assert!(counts.iter().all(|&count| count <= 3), "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), 20);
}

fn a_connection_is_not_used_beyond_its_lifetime_under_constant_load<F: Face>() {
    let mock = Mock::start();
    let lifetime = Duration::from_millis(100);
    let mailer = F::new(options(&mock).pool(limits(|limits| limits.lifetime = lifetime)));
    let begin = Instant::now();
    let mut sent = 0;
    while mock.connections() < 4 {
        assert!(begin.elapsed() < SOON, "one connection is used for ever");
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
        sent += 1;
    }
    assert_eq!(mock.messages().len(), sent);
    mock.wait_closed(3);
}

fn a_connection_that_was_idle_too_long_is_not_used_again<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).pool(limits(|limits| limits.idle = Duration::ZERO)));
    for count in 1..=3 {
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
        assert_eq!(mock.connections(), count);
    }
    mock.wait_closed(2);
}

fn an_idle_connection_is_closed_in_time_while_another_is_busy<F: Face>() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Ehlo).times(2).delay(Duration::from_millis(200)).default_reply())
        .start();
    let mailer = F::new(options(&mock).pool(limits(|limits| limits.idle = Duration::from_millis(150))));
    send_at_once(&mailer, 2);
    assert_eq!(mock.connections(), 2);
    let begin = Instant::now();
    while mock.server().ended_connections() == 0 {
        assert!(begin.elapsed() < SOON, "it is never closed");
        assert_accepted(&mailer.send(&message(&["b@example.net"])));
    }
    // The busy one was used all the time, unless this machine stood still.
    assert!(mock.connections() <= 3);
}

fn closing_sends_quit_on_idle_connections_and_ends_later_sends<F: Face>() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Ehlo).times(2).delay(Duration::from_millis(200)).default_reply())
        .start();
    let mailer = F::new(options(&mock));
    send_at_once(&mailer, 2);
    mailer.close(SOON);
    mock.wait_closed(2);
    for number in 1..=2 {
        assert_eq!(mock.transcript().connection(number).commands().last().unwrap(), "QUIT");
    }
    assert_eq!(kind_of(mailer.send(&message(&["b@example.net"]))), ErrorKind::MailerClosed);
    assert_eq!(kind_of(mailer.verify()), ErrorKind::MailerClosed);
    let results = mailer.send_all(vec![Box::new(titled("one")), Box::new(titled("two"))]);
    assert_eq!(results.len(), 2);
    for (_, result) in results {
        assert_eq!(kind_of(result), ErrorKind::MailerClosed);
    }
    // It may be closed twice.
    mailer.close(SOON);
    assert_eq!(mock.connections(), 2);
}

fn closing_returns_in_time_where_the_server_does_not_answer<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Quit).step(Step::Stall)).start();
    let mailer = F::new(options(&mock));
    assert_accepted(&mailer.send(&message(&["b@example.net"])));
    let begin = Instant::now();
    mailer.close(Duration::from_millis(200));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    await_at(&mock, "QUIT", |server| count_of(&server.transcript(), "QUIT") == 1);
}

fn closing_ends_the_wait_for_a_connection<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Mail).step(Step::Stall)).start();
    let times = Timeouts::all(Duration::from_secs(3));
    let mailer = F::new(options(&mock).chunking(false).connections(1).timeouts(times));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| mailer.send(&message(&["b@example.net"])));
        await_at(&mock, "MAIL", |server| count_of(&server.transcript(), "MAIL") == 1);
        let (begun, begins) = channel();
        let waiting = scope.spawn({
            let mailer = mailer.clone();
            move || {
                begun.send(()).unwrap();
                mailer.send(&message(&["b@example.net"]))
            }
        });
        begins.recv().unwrap();
        mailer.close(Duration::from_millis(100));
        assert_eq!(kind_of(waiting.join().unwrap()), ErrorKind::MailerClosed);
        first.join().unwrap().unwrap_err();
    });
}

fn a_send_under_way_ends_well_when_the_mailer_is_closed<F: Face>() {
    let mock =
        Mock::builder().rule(Rule::on(On::Body).delay(Duration::from_millis(300)).default_reply()).start();
    let mailer = F::new(options(&mock));
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| mailer.send(&message(&["b@example.net"])));
        await_at(&mock, "the message", |server| count_of(&server.transcript(), "RCPT") == 1);
        mailer.close(Duration::from_millis(10));
        assert_accepted(&sending.join().unwrap());
    });
    mock.wait_closed(1);
}

fn a_mailer_is_dropped_while_it_sends<F: Face>() {
    let mock =
        Mock::builder().rule(Rule::on(On::Body).delay(Duration::from_millis(100)).default_reply()).start();
    let mailer = F::new(options(&mock));
    let sending = {
        let mailer = mailer.clone();
        std::thread::spawn(move || mailer.send(&message(&["b@example.net"])))
    };
    drop(mailer);
    assert_accepted(&sending.join().unwrap());
    mock.wait_closed(1);
    assert_eq!(mock.messages().len(), 1);
}

#[test]
fn a_limit_of_no_connections_is_one() {
    assert_eq!(Options::from_url("smtp://localhost").unwrap().connections(0).pool.connections, 1);
    let none = limits(|limits| limits.connections = 0);
    assert_eq!(options_for(([127, 0, 0, 1], 25).into()).pool(none).pool.connections, 1);
}
