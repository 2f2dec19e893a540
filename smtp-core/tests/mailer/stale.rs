//! Connections that the server gave up while they were idle.

use crate::face::{Boxed, Face, both};
use crate::tools::{
    assert_accepted, await_at, copies, count_of, has_mail_data, kind_of, limits, options, outcome_of, titled,
};
use smtp_core::Outcome;
use smtp_core::mailer::{ErrorKind, Options, PoolLimits, Repeat};
use smtp_mock::{Certificate, Close, Mock, On, Rule, Step};
use std::time::Duration;

both!(
    a_connection_that_the_server_closed_while_it_was_idle_is_replaced,
    a_connection_that_the_server_gives_up_at_the_next_command_is_replaced,
    a_batch_replaces_the_connections_that_the_server_closed,
    what_replaces_a_stale_connection_is_a_new_one_and_not_as_old_a_one,
    a_stale_connection_is_replaced_once_and_not_for_ever,
    no_end_of_mail_data_leaves_before_a_reply_on_a_connection_that_was_idle_past_the_threshold,
    a_server_that_refuses_rset_is_asked_again_over_a_new_connection,
    a_message_lost_after_its_end_on_a_reused_connection_is_unconfirmed,
);

/// Both ways to check a connection: to look whether something came, and to get a reply first.
fn checks() -> [PoolLimits; 2] {
    [limits(|_| {}), limits(|limits| limits.unproven = Duration::ZERO)]
}

/// Mailers of both ways, with and without what makes messages leave in one group.
fn mailers<F: Face>(mock: &Mock) -> impl Iterator<Item = F> {
    let plain = options(mock);
    let kinds: [fn(Options) -> Options; 3] = [
        |options| options,
        |options| options.chunking(false),
        |options| options.chunking(false).pipelining(false),
    ];
    kinds.into_iter().flat_map(move |kind| {
        let options = kind(plain.clone());
        checks().map(|limits| F::new(options.clone().pool(limits)))
    })
}

/// Sends a message, waits for what the server does then, and sends another: both arrive, once each.
#[track_caller]
fn assert_replaced<F: Face>(mailer: &F, mock: &Mock, closes: bool) {
    let connections = mock.connections();
    assert_accepted(&mailer.send(&titled("first")));
    if closes {
        await_at(mock, "the end of the connection", |server| {
            server.ended_connections() == server.connections()
        });
    }
    assert_accepted(&mailer.send(&titled("second")));
    assert_eq!((copies(mock, "first"), copies(mock, "second")), (1, 1), "{}", F::NAME);
    assert_eq!(mock.connections(), connections + 2);
    mock.clear();
}

fn a_connection_that_the_server_closed_while_it_was_idle_is_replaced<F: Face>() {
    let after_the_first = || Rule::on(On::Body).message(1).times(1).default_reply();
    for rule in [
        after_the_first().close(Close::Fin),
        after_the_first().close(Close::Rst),
        after_the_first().reply("421 4.4.2 idle for too long"),
        after_the_first().reply("221 2.0.0 bye").close(Close::Fin),
    ] {
        for builder in [Mock::builder(), Mock::builder().starttls(Certificate::Good)] {
            let mock = builder.start();
            for mailer in mailers::<F>(&mock) {
                mock.set(rule.clone());
                assert_replaced(&mailer, &mock, true);
            }
        }
    }
}

fn a_connection_that_the_server_gives_up_at_the_next_command_is_replaced<F: Face>() {
    // The first command is MAIL, or RSET where the connection must prove itself.
    let hooks = [On::Mail, On::Rset];
    let answers: [fn(Rule) -> Rule; 5] = [
        |rule| rule.reply("451 4.4.2 idle for too long"),
        |rule| rule.reply("421 4.4.2 idle for too long"),
        |rule| rule.reply("221 2.0.0 bye").close(Close::Fin),
        |rule| rule.close(Close::Fin),
        |rule| rule.close(Close::Rst),
    ];
    for answer in answers {
        let mock = Mock::start();
        for (mailer, at) in mailers::<F>(&mock).zip(hooks.into_iter().cycle()) {
            let at = Rule::on(at).times(1);
            mock.set(answer(if at.describe().contains("mail") { at.message(2) } else { at }));
            assert_replaced(&mailer, &mock, false);
        }
    }
}

fn a_batch_replaces_the_connections_that_the_server_closed<F: Face>() {
    let mock = Mock::start();
    for limits in checks() {
        let mailer = F::new(options(&mock).pool(limits).connections(2));
        mock.set(Rule::on(On::Body).message(1).times(1).default_reply().close(Close::Fin));
        assert_accepted(&mailer.send(&titled("first")));
        await_at(&mock, "the end", |server| server.ended_connections() == server.connections());
        let messages = (0..6).map(|number| Box::new(titled(&format!("batch {number}"))) as Boxed).collect();
        mailer.send_all(messages).iter().for_each(|(_, result)| assert_accepted(result));
        for number in 0..6 {
            assert_eq!(copies(&mock, &format!("batch {number}")), 1);
        }
        mock.clear();
        mailer.close(Duration::from_secs(5));
    }
}

fn what_replaces_a_stale_connection_is_a_new_one_and_not_as_old_a_one<F: Face>() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Ehlo).times(3).delay(Duration::from_millis(200)).default_reply())
        .start();
    let mailer = F::new(options(&mock));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_accepted(&mailer.send(&titled("first"))));
        }
    });
    assert_eq!(mock.connections(), 3);
    // All three are stale, and do not show it before the next MAIL.
    mock.set(Rule::on(On::Mail).message(2).times(3).close(Close::Fin));
    assert_accepted(&mailer.send(&titled("second")));
    assert_eq!((mock.connections(), copies(&mock, "second")), (4, 1));
}

fn a_stale_connection_is_replaced_once_and_not_for_ever<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock).chunking(false));
    assert_accepted(&mailer.send(&titled("first")));
    mock.set(Rule::on(On::Mail).close(Close::Fin));
    let error = mailer.send(&titled("second")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error:?}");
    assert_eq!(error.repeat(), Repeat::Safe);
    assert_eq!(mock.connections(), 2);
}

fn no_end_of_mail_data_leaves_before_a_reply_on_a_connection_that_was_idle_past_the_threshold<F: Face>() {
    let mock = Mock::start();
    for chunking in [true, false] {
        let pool = limits(|limits| limits.unproven = Duration::ZERO);
        let mailer = F::new(options(&mock).chunking(chunking).pool(pool));
        assert_accepted(&mailer.send(&titled("first")));
        let old = mock.connections();
        // It proves itself, and goes on.
        assert_accepted(&mailer.send(&titled("second")));
        assert_eq!(mock.connections(), old);
        let lines = mock.transcript().connection(old).lines();
        let place = lines.iter().position(|line| line == "C: RSET").expect("RSET asks whether it serves");
        assert!(lines[place + 1].starts_with("S: 250"), "{lines:?}");
        assert!(lines[place + 2].starts_with("C: MAIL"), "{lines:?}");
        // Without the reply nothing follows.
        mock.set(Rule::on(On::Rset).times(1).step(Step::Stall));
        let impatient = mailer.with_deadline(Duration::from_millis(300));
        assert_eq!(kind_of(impatient.send(&titled("third"))), ErrorKind::DeadlinePassed);
        mock.wait_closed(old);
        let transcript = mock.transcript().connection(old);
        assert_eq!(count_of(&transcript, "MAIL"), 2);
        assert_eq!(transcript.commands().last().unwrap(), "RSET");
        assert_eq!(copies(&mock, "third"), 0);
        mock.clear();
    }
}

fn a_server_that_refuses_rset_is_asked_again_over_a_new_connection<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Rset).reply("502 5.5.1 no such command")).start();
    let mailer = F::new(options(&mock).pool(limits(|limits| limits.unproven = Duration::ZERO)));
    for count in 1..=3 {
        assert_accepted(&mailer.send(&titled("again")));
        assert_eq!((mock.connections(), copies(&mock, "again")), (count, count as usize));
    }
}

fn a_message_lost_after_its_end_on_a_reused_connection_is_unconfirmed<F: Face>() {
    let mock = Mock::start();
    for mailer in mailers::<F>(&mock) {
        assert_accepted(&mailer.send(&titled("first")));
        assert!(has_mail_data(&mock.transcript()));
        mock.set(Rule::on(On::Body).message(2).times(1).step(Step::Capture(true)).close(Close::Rst));
        let outcome = outcome_of(mailer.send(&titled("second")));
        assert!(matches!(outcome, Outcome::Unconfirmed(_)), "{outcome:?}");
        assert_eq!(copies(&mock, "second"), 1, "it is repeated by nothing");
        mock.clear();
    }
}
