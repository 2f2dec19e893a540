//! Sends that the application stops: by a `Cancel`, or by dropping the future.

use crate::face::{Face, both};
use crate::tools::{
    Log, SOON, assert_accepted, await_at, copies, count_of, has_mail_data, large, message, options,
    options_for, titled,
};
use smtp_core::mailer::{ErrorKind, Options, Security};
use smtp_mock::{Certificate, HandshakeFault, Mock, On, Rule, Scenario, Server, Step, TlsMode};
use std::time::Duration;

both!(
    a_send_that_is_stopped_ends_at_once_wherever_the_server_is_silent,
    a_send_that_is_stopped_ends_at_once_in_a_tls_handshake,
    a_send_that_is_stopped_ends_at_once_while_it_connects,
    a_send_that_is_stopped_ends_at_once_while_the_server_does_not_read,
    a_send_that_is_stopped_ends_at_once_while_every_connection_is_busy,
    a_send_that_is_stopped_ends_at_once_between_rounds,
    a_connection_whose_send_was_stopped_is_not_used_again,
    a_send_that_is_stopped_after_the_end_of_mail_data_is_told_and_not_repeated,
);

/// A stopped send ends within 100 ms; a machine with other work may take longer to notice.
const AT_ONCE: Duration = Duration::from_millis(900);

/// Stops a send when the server has seen what is awaited.
fn assert_stops<F: Face>(mailer: &F, mock: &Mock, what: &str, is_so: impl Fn(&Server) -> bool + Sync) {
    let (result, time) =
        mailer.send_until(&titled("stopped"), || await_at(mock, what, |server| is_so(server)));
    assert!(time < AT_ONCE, "{what}: it went on for {time:?}");
    if let Some(result) = result {
        assert_eq!(*result.unwrap_err().kind(), ErrorKind::Cancelled, "{what}");
    }
    assert_eq!(copies(mock, "stopped"), 0);
}

fn a_send_that_is_stopped_ends_at_once_wherever_the_server_is_silent<F: Face>() {
    let cases = [
        (On::Connect, ""),
        (On::Ehlo, "EHLO"),
        (On::Mail, "MAIL"),
        (On::Rcpt, "RCPT"),
        (On::Data, "DATA"),
        (On::Rset, "RSET"),
    ];
    for (at, command) in cases {
        let mock = Mock::start();
        let pool = crate::tools::limits(|limits| {
            limits.connections = 1;
            if at == On::Rset {
                limits.unproven = Duration::ZERO;
            }
        });
        let mailer = F::new(options(&mock).chunking(false).pool(pool));
        if at == On::Rset {
            mailer.verify().unwrap();
        }
        mock.set(Rule::on(at).times(1).step(Step::Stall));
        assert_stops(&mailer, &mock, at.as_str(), |server| {
            server.connections() == 1 && (command.is_empty() || count_of(&server.transcript(), command) == 1)
        });
        // The connection is closed, without QUIT and without the end of a message, and its slot is free.
        mock.wait_closed(1);
        assert_eq!(count_of(&mock.transcript(), "QUIT"), 0);
        assert!(!has_mail_data(&mock.transcript()));
        assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
        assert_eq!((copies(&mock, "next"), mock.connections()), (1, 2));
    }
}

fn a_send_that_is_stopped_ends_at_once_in_a_tls_handshake<F: Face>() {
    let mut scenario = Scenario::new();
    scenario.tls.mode = TlsMode::Starttls;
    scenario.tls.cert = Certificate::Good;
    scenario.tls.handshake = Some(HandshakeFault::Stall);
    let mock = Mock::builder().scenario(scenario).start();
    let mailer = F::new(options(&mock).security(Security::StartTls));
    assert_stops(&mailer, &mock, "STARTTLS", |server| count_of(&server.transcript(), "STARTTLS") == 1);
}

fn a_send_that_is_stopped_ends_at_once_while_it_connects<F: Face>() {
    let hole = Mock::blackhole().unwrap();
    let (connecting, connects) = std::sync::mpsc::channel();
    let connecting = std::sync::Mutex::new(connecting);
    let options = options_for(hole.addr()).observers(move |_| {
        // A session begins with its observers.
        let _ = connecting.lock().unwrap().send(());
        Vec::new()
    });
    let (result, time) = F::new(options)
        .send_until(&message(&["b@example.net"]), move || connects.recv_timeout(SOON).unwrap());
    assert!(time < AT_ONCE, "{time:?}");
    if let Some(result) = result {
        assert_eq!(*result.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

fn a_send_that_is_stopped_ends_at_once_while_the_server_does_not_read<F: Face>() {
    for chunking in [true, false] {
        let at = if chunking { On::Rcpt } else { On::Data };
        let rule = Rule::on(at).times(1).default_reply().step(Step::StopReading(Duration::from_secs(600)));
        let mock = Mock::builder().rule(rule).start();
        let mailer = F::new(options(&mock).chunking(chunking).connections(1));
        let (result, time) = mailer.send_until(&large(20_000_000), || {
            await_at(&mock, "RCPT", |server| count_of(&server.transcript(), "RCPT") == 1);
            // Until the buffers between the two ends are full.
            std::thread::sleep(Duration::from_millis(200));
        });
        assert!(time < AT_ONCE, "{time:?}");
        if let Some(result) = result {
            assert_eq!(*result.unwrap_err().kind(), ErrorKind::Cancelled);
        }
        assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
        assert_eq!((mock.messages().len(), mock.connections()), (1, 2));
    }
}

fn a_send_that_is_stopped_ends_at_once_while_every_connection_is_busy<F: Face>() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Body).times(1).delay(Duration::from_secs(2)).default_reply())
        .start();
    let mailer = F::new(options(&mock).connections(1));
    std::thread::scope(|scope| {
        scope.spawn(|| assert_accepted(&mailer.send(&titled("first"))));
        await_at(&mock, "RCPT", |server| count_of(&server.transcript(), "RCPT") == 1);
        assert_stops(&mailer, &mock, "a busy connection", |_| true);
    });
    assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
    assert_eq!((mock.messages().len(), mock.connections()), (2, 1));
}

fn a_send_that_is_stopped_ends_at_once_between_rounds<F: Face>() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).reply("450 4.2.0 greylisted")).start();
    let mailer = F::new(options(&mock).retries(3));
    let (result, time) = mailer.send_until(&titled("stopped"), || {
        await_at(&mock, "RCPT", |server| count_of(&server.transcript(), "RCPT") == 1);
    });
    assert!(time < AT_ONCE, "{time:?}");
    if let Some(result) = result {
        // What the server said of the recipient stands.
        assert!(result.unwrap().recipients()[0].fate.reply().is_some());
    }
    assert_eq!(count_of(&mock.transcript(), "RCPT"), 1);
}

fn a_connection_whose_send_was_stopped_is_not_used_again<F: Face>() {
    type Change = fn(Options) -> Options;
    let changes: [Change; 2] =
        [|options| options.chunking(false), |options| options.chunking(false).pipelining(false)];
    for change in changes {
        let mock = Mock::start();
        let mailer = F::new(change(options(&mock).connections(1)));
        assert_accepted(&mailer.send(&titled("first")));
        mock.set(Rule::on(On::Rcpt).times(1).delay(Duration::from_millis(500)).default_reply());
        let (_, time) = mailer.send_until(&titled("stopped"), || {
            await_at(&mock, "RCPT", |server| count_of(&server.transcript(), "RCPT") == 2);
        });
        assert!(time < AT_ONCE, "{time:?}");
        assert_accepted(&mailer.send(&titled("next")));
        assert_eq!(mock.connections(), 2);
        assert_eq!(count_of(&mock.transcript().connection(2), "MAIL"), 1);
        assert_eq!(copies(&mock, "next"), 1);
    }
}

fn a_send_that_is_stopped_after_the_end_of_mail_data_is_told_and_not_repeated<F: Face>() {
    for chunking in [true, false] {
        let mock = Mock::builder()
            .rule(Rule::on(On::Body).times(1).delay(Duration::from_millis(500)).default_reply())
            .start();
        let log = Log::default();
        let mailer = F::new(log.observe(options(&mock).chunking(chunking).connections(1).retries(2)));
        let (result, _) = mailer.send_until(&titled("stopped"), || {
            await_at(&mock, "the message", |server| has_mail_data(&server.transcript()));
        });
        match result {
            // A whole message is given the time for its reply.
            Some(result) => assert_accepted(&result),
            None => {
                let lines = log.lines();
                let abandoned: Vec<_> = lines.iter().filter(|line| line.contains("Abandoned(")).collect();
                assert_eq!(abandoned.len(), 1, "{lines:?}");
                assert!(abandoned[0].contains("Unconfirmed"), "{abandoned:?}");
            }
        }
        assert_accepted(&mailer.with_deadline(SOON).send(&titled("next")));
        assert_eq!(copies(&mock, "next"), 1);
        assert_eq!(count_of(&mock.transcript(), "MAIL"), 2);
    }
}
