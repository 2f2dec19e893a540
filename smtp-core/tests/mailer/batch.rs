//! Batches of messages.

use crate::face::{Boxed, Face, both};
use crate::tools::{
    SOON, assert_accepted, await_at, copies, count_of, kind_of, options, options_for, titled,
};
use smtp_core::Timeouts;
use smtp_core::mailer::{ConnectFault, ErrorKind};
use smtp_mock::{Close, Mock, On, Rule, Step};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

both!(
    a_batch_gives_one_result_for_each_message_with_its_place,
    a_batch_of_no_messages_opens_no_connection,
    the_connection_of_a_batch_that_ended_serves_what_follows,
    a_batch_asks_for_no_more_messages_than_are_under_way,
    a_batch_gives_a_result_before_the_next_message_is_supplied,
    a_dead_server_costs_a_batch_one_timeout,
    a_batch_goes_on_over_other_connections_when_one_breaks,
    a_batch_whose_results_are_dropped_ends,
    a_batch_whose_results_are_not_fetched_does_not_go_on_without_end,
);

fn numbered(count: usize) -> impl Iterator<Item = Boxed> + Send + 'static {
    (0..count).map(|number| Box::new(titled(&format!("number {number}"))) as Boxed)
}

fn a_batch_gives_one_result_for_each_message_with_its_place<F: Face>() {
    for connections in [1, 3] {
        let rule = Rule::on(On::Body).header("Subject: number 7").reply("554 5.6.0 not this one");
        let mock = Mock::builder().rule(rule).start();
        let mailer = F::new(options(&mock).connections(connections).in_flight(4));
        let results = mailer.send_all(numbered(40).collect());
        assert!(results.iter().map(|(index, _)| *index).eq(0..40), "{}", F::NAME);
        for (index, result) in results {
            assert_eq!(result.unwrap().is_accepted(), index != 7, "{index}");
            assert_eq!(copies(&mock, &format!("number {index}")), usize::from(index != 7));
        }
    }
}

fn a_batch_of_no_messages_opens_no_connection<F: Face>() {
    let mock = Mock::start();
    assert!(F::new(options(&mock)).send_all(Vec::new()).is_empty());
    assert_eq!(mock.connections(), 0);
}

fn the_connection_of_a_batch_that_ended_serves_what_follows<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).connections(1).deadline(SOON));
    for _ in 0..2 {
        let results = mailer.send_all(numbered(5).collect());
        for (_, result) in &results {
            assert_accepted(result);
        }
    }
    assert_accepted(&mailer.send(&titled("the last")));
    assert_eq!((mock.messages().len(), mock.connections()), (11, 1), "{}", F::NAME);
}

/// Messages without end, and how many of them were asked for.
fn endless() -> (Arc<AtomicUsize>, impl Iterator<Item = Boxed> + Send + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let messages = std::iter::repeat_with(move || {
        asked.fetch_add(1, Ordering::SeqCst);
        Box::new(titled("endless")) as Boxed
    });
    (count, messages)
}

fn a_batch_asks_for_no_more_messages_than_are_under_way<F: Face>() {
    const CONNECTIONS: usize = 2;
    const IN_FLIGHT: usize = 3;
    let mock = Mock::start();
    let mailer = F::new(options(&mock).connections(CONNECTIONS).in_flight(IN_FLIGHT));
    let (asked, messages) = endless();
    let mut results = 0;
    mailer.send_supply(messages, &mut |(_, result)| {
        assert_accepted(&result);
        results += 1;
        // Each connection has those in flight and one more, as many wait, and results wait for us likewise.
        let asked = asked.load(Ordering::SeqCst);
        let most = results + 2 * (CONNECTIONS * (IN_FLIGHT + 1) + 1) + 2 * CONNECTIONS + 1;
        assert!(asked <= most, "{asked} were asked for, {results} came out");
        results < 200
    });
    assert_eq!(results, 200);
}

fn a_batch_gives_a_result_before_the_next_message_is_supplied<F: Face>() {
    for connections in [1, 3] {
        let mock = Mock::start();
        let mailer = F::new(options(&mock).connections(connections).deadline(SOON));
        let results = mailer.send_in_turns(numbered(5).collect());
        assert!(results.iter().map(|(index, _)| *index).eq(0..5));
        results.iter().for_each(|(_, result)| assert_accepted(result));
        assert_eq!(mock.messages().len(), 5);
    }
}

fn a_dead_server_costs_a_batch_one_timeout<F: Face>() {
    let hole = Mock::blackhole().unwrap();
    let mut times = Timeouts::all(SOON);
    times.connect = Duration::from_millis(400);
    for connections in [1, 4] {
        let mailer = F::new(options_for(hole.addr()).timeouts(times).connections(connections));
        let begin = Instant::now();
        let results = mailer.send_all(numbered(30).collect());
        assert!(begin.elapsed() < Duration::from_millis(1500), "{:?}", begin.elapsed());
        assert_eq!(results.len(), 30);
        for (_, result) in results {
            assert_eq!(kind_of(result), ErrorKind::Connect(ConnectFault::TimedOut));
        }
    }
}

fn a_batch_goes_on_over_other_connections_when_one_breaks<F: Face>() {
    let rule = Rule::on(On::Mail).message(3).times(2).close(Close::Rst);
    let mock = Mock::builder().rule(rule).start();
    let mailer = F::new(options(&mock).connections(3).in_flight(2).pipelining(false));
    for (index, result) in mailer.send_all(numbered(30).collect()) {
        assert_accepted(&result);
        assert_eq!(copies(&mock, &format!("number {index}")), 1);
    }
}

fn a_batch_whose_results_are_dropped_ends<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).connections(2));
    let (asked, messages) = endless();
    mailer.send_supply(messages, &mut |_| false);
    // Connections that broke are closed, others are kept; a later send gets one in any case.
    assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
    assert_eq!(copies(&mock, "next"), 1);
    let count = asked.load(Ordering::SeqCst);
    assert!(count < 1000, "{count} were asked for");
}

fn a_batch_whose_results_are_not_fetched_does_not_go_on_without_end<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Body).skip(20).step(Step::Stall)).start();
    let mailer = F::new(options(&mock).connections(1).in_flight(1).timeouts(Timeouts::all(SOON)));
    let (asked, messages) = endless();
    let mut is_first = true;
    mailer.send_supply(messages, &mut |_| {
        if std::mem::take(&mut is_first) {
            // While nobody fetches results, the batch waits; a fault would reach the stall.
            let found = mock.server().wait_until(Duration::from_millis(300), |server| {
                (count_of(&server.transcript(), "MAIL") > 15).then_some(())
            });
            assert!(found.is_none(), "{} were asked for", asked.load(Ordering::SeqCst));
        }
        false
    });
    await_at(&mock, "a message", |server| count_of(&server.transcript(), "MAIL") >= 1);
}
