//! Futures of the tokio mailer that are dropped, runtimes that end, and what they leave.

use crate::face::{Face as _, Tokio, runtime};
use crate::tools::{Log, SOON, assert_accepted, await_at, copies, count_of, options, titled};
use smtp_core::mailer::{BoxError, Login, Options, RawMessage, Security, Source, Submission};
use smtp_core::{Envelope, Secret};
use smtp_mock::{Certificate, Drip, Mock, On, Rule, Step};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Builder;

/// Polls a future at most so often, and then drops it; gives its output if that came before.
fn polled<T>(count: usize, future: impl Future<Output = T>) -> Option<T> {
    runtime().block_on(async move {
        let mut future = pin!(future);
        let mut polls = 0;
        poll_fn(|context| {
            if polls == count {
                return Poll::Ready(None);
            }
            polls += 1;
            future.as_mut().poll(context).map(Some)
        })
        .await
    })
}

/// Replies that come in many parts, so that there are many places where a future waits.
fn dripping(builder: smtp_mock::Builder) -> smtp_mock::Builder {
    let slowly = Step::Drip(Drip { bytes: 24, every: Duration::from_millis(1) });
    builder.rule(Rule::on(On::Any).step(slowly).default_reply())
}

/// A message that is read on a thread of its own.
struct Waiting(RawMessage);

struct WaitingSource(Box<dyn Source>);

impl Submission for Waiting {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        self.0.envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(WaitingSource(self.0.open()?)))
    }
}

impl Source for WaitingSource {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        let room = buffer.len().min(16);
        self.0.read(&mut buffer[..room])
    }
}

/// Drops a send after 1, 2, 3, … polls until one is done, and looks each time at what it left.
fn drop_at_every_await_point(mock: &Mock, change: impl Fn(Options) -> Options, is_reused: bool) {
    let whole = |title: &str| format!("Subject: {title}\r\n\r\nIt works.\r\n").into_bytes();
    let mut polls = 0;
    loop {
        polls += 1;
        assert!(polls < 2000, "it is never done");
        let log = Log::default();
        let mailer = Tokio::new(log.observe(change(options(mock).connections(1).retries(1))));
        if is_reused {
            assert_accepted(&mailer.send(&titled("before")));
        }
        let lines_before = log.lines().len();
        let title = format!("dropped after {polls}");
        let done = polled(polls, mailer.0.send(&Waiting(titled(&title))));
        let lines = log.lines().split_off(lines_before);
        let next = format!("next to {polls}");
        // Its slot is free, and nothing of it is left on the connection that the next one gets.
        assert_accepted(&mailer.with_deadline(SOON).send(&titled(&next)));
        assert_eq!(copies(mock, &next), 1);
        let arrived = mock.messages();
        let arrived: Vec<_> =
            arrived.iter().filter(|message| message.subject().as_deref() == Some(&*title)).collect();
        assert!(arrived.len() <= 1);
        for message in &arrived {
            assert_eq!(message.octets, whole(&title), "a part passed for the whole");
            assert_eq!(message.to(), ["b@example.net"]);
        }
        for message in mock.messages() {
            assert!(message.subject().is_some() && message.octets.ends_with(b"It works.\r\n"), "{message:?}");
        }
        if let Some(result) = done {
            assert_accepted(&result);
            assert_eq!(arrived.len(), 1);
            return;
        }
        let abandoned: Vec<_> = lines.iter().filter(|line| line.contains("Abandoned(")).collect();
        let failed = lines.iter().filter(|line| line.contains("Failed(")).count();
        let has_begun = !lines.is_empty();
        assert!(!has_begun || abandoned.len() == 1 || failed >= 1, "{title}: {lines:#?}");
        // What the observer is told is what may have happened.
        let may_have_arrived = abandoned.iter().any(|line| line.contains("Unconfirmed"));
        assert!(arrived.is_empty() || may_have_arrived, "{title}: {lines:#?}");
        // The connection of the dropped send carried no other message.
        let accepted = lines.iter().any(|line| line.contains("received Some(Message) 250"));
        let title_of = |message: &smtp_mock::Message| message.subject().unwrap_or_default();
        let next_over = mock.messages().iter().find(|message| title_of(message) == next).unwrap().connection;
        if lines.iter().any(|line| line.contains("sent Command MAIL")) && !accepted {
            let over = mock.transcript().connection(next_over);
            assert_eq!(count_of(&over, "MAIL"), 1, "{title}: {:?}", over.lines());
        }
        mock.clear();
    }
}

#[test]
fn a_send_dropped_at_any_await_point_leaves_no_half_message_and_no_used_connection() {
    let mock = dripping(Mock::builder()).start();
    drop_at_every_await_point(&mock, |options| options, false);
}

#[test]
fn a_send_dropped_at_any_await_point_of_data_leaves_no_half_message_and_no_used_connection() {
    let mock = dripping(Mock::builder()).start();
    drop_at_every_await_point(&mock, |options| options.chunking(false), false);
}

#[test]
fn a_send_dropped_at_any_await_point_of_a_reused_connection_leaves_it_closed() {
    let mock = dripping(Mock::builder()).start();
    drop_at_every_await_point(&mock, |options| options.chunking(false), true);
    drop_at_every_await_point(&mock, |options| options, true);
    let proving = |options: Options| {
        options.connections(1).pool(crate::tools::limits(|limits| {
            limits.connections = 1;
            limits.unproven = Duration::ZERO;
        }))
    };
    drop_at_every_await_point(&mock, proving, true);
}

#[test]
fn a_send_dropped_at_any_await_point_under_tls_and_login_leaves_the_slot_free() {
    let mock = Mock::builder().starttls(Certificate::Good).token("you", "fresh").start();
    let ca = mock.ca_pem();
    let login = Login::token_from("you", |_| Ok(Secret::from("fresh")));
    let change =
        |options: Options| options.security(Security::StartTls).authorities(ca.clone()).login(login.clone());
    drop_at_every_await_point(&mock, change, false);
}

#[test]
fn a_batch_dropped_at_any_await_point_leaves_every_slot_free_and_each_fate_told() {
    use futures_util::StreamExt as _;
    let mock = dripping(Mock::builder()).start();
    let mut polls = 0;
    loop {
        polls += 1;
        assert!(polls < 4000, "it is never done");
        let log = Log::default();
        let mailer = Tokio::new(log.observe(options(&mock).connections(2).in_flight(2)));
        let messages = (0..4).map(|number| titled(&format!("number {number}")));
        let batch = mailer.0.send_all(futures_util::stream::iter(messages)).collect::<Vec<_>>();
        let done = polled(polls, batch);
        if let Some(results) = done {
            assert_eq!(results.len(), 4);
            results.iter().for_each(|sent| assert_accepted(&sent.result));
            assert_eq!(mock.messages().len(), 4);
            return;
        }
        for number in 0..4 {
            assert!(copies(&mock, &format!("number {number}")) <= 1);
        }
        let impatient = mailer.with_deadline(SOON);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| assert_accepted(&impatient.send(&titled("next"))));
            }
        });
        for message in mock.messages() {
            assert!(message.octets.ends_with(b"It works.\r\n"), "{message:?}");
        }
        mock.clear();
        // Every poll count would take long: the later ones differ less.
        polls += polls / 8;
    }
}

#[test]
fn a_wait_for_a_connection_that_is_dropped_lets_the_next_one_through() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Body).times(1).delay(Duration::from_millis(500)).default_reply())
        .start();
    let mailer = Tokio::new(options(&mock).connections(1).deadline(SOON));
    runtime().block_on(async {
        let (first, waiting) = (titled("first"), titled("waiting"));
        let mut first = pin!(mailer.0.send(&first));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        {
            let mut waiting = pin!(mailer.0.send(&waiting));
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        }
        let last = titled("last");
        let (first, last) = tokio::join!(first, mailer.0.send(&last));
        assert_accepted(&first);
        assert_accepted(&last);
    });
    assert_eq!((mock.messages().len(), copies(&mock, "waiting"), mock.connections()), (2, 0, 1));
}

#[test]
fn one_mailer_serves_two_runtimes_one_after_the_other() {
    let mock = Mock::start();
    let mailer = smtp_core::tokio::Mailer::new(options(&mock));
    for count in 1..=3 {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        for _ in 0..2 {
            assert_accepted(&runtime.block_on(mailer.send(&titled("runtimes"))));
        }
        drop(runtime);
        // A socket serves the runtime that it was made in.
        assert_eq!(mock.connections(), count);
    }
    assert_eq!(mock.messages().len(), 6);
}

#[test]
fn a_mailer_and_its_connections_are_dropped_outside_of_a_runtime() {
    let mock = Mock::start();
    let mailer = smtp_core::tokio::Mailer::new(options(&mock));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    assert_accepted(&runtime.block_on(mailer.send(&titled("first"))));
    let message = titled("never polled again");
    let mut sending = Box::pin(mailer.send(&message));
    runtime.block_on(async { assert!(futures_util::poll!(sending.as_mut()).is_pending()) });
    drop(sending);
    drop(runtime);
    drop(mailer);
    await_at(&mock, "the end of each connection", |server| server.open_connections() == 0);
}

#[test]
fn a_send_outside_of_a_runtime_is_an_error_or_waits_for_nothing() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let mock = Mock::start();
    let mailer = smtp_core::tokio::Mailer::new(options(&mock));
    let message = titled("anywhere");
    // Futures may go to other threads.
    drop(is_send(mailer.send(&message)));
    drop(is_send(mailer.verify()));
    drop(is_send(mailer.close(Duration::ZERO)));
    drop(is_send(mailer.send_all(futures_util::stream::iter([titled("x")]))));
    assert_eq!(mock.connections(), 0, "a future does nothing before it is polled");
}
