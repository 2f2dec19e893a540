//! One interface over both faces of the mailer, so that one suite tests both.

use futures_util::StreamExt as _;
use smtp_core::Envelope;
use smtp_core::blocking::Cancel;
use smtp_core::mailer::{Error, Options, Report, Submission};
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// A message of a batch.
pub(crate) type Boxed = Box<dyn Submission>;
/// The place of a message in its batch, and what became of it.
pub(crate) type Placed = (usize, Result<Report, Error>);

/// A mailer of either face.
pub(crate) trait Face: Clone + Send + Sync + 'static {
    /// Its name, for messages of assertions.
    const NAME: &'static str;

    fn new(options: Options) -> Self;
    fn send(&self, message: &dyn Submission) -> Result<Report, Error>;
    fn check(&self, envelope: &Envelope) -> Result<Report, Error>;
    fn verify(&self) -> Result<(), Error>;
    /// The results of a batch, in the order of their messages.
    fn send_all(&self, messages: Vec<Boxed>) -> Vec<Placed> {
        let mut results = Vec::new();
        self.send_supply(messages.into_iter(), &mut |placed| {
            results.push(placed);
            true
        });
        results.sort_by_key(|(index, _)| *index);
        results
    }
    /// Sends a batch of any length, and hands its results out until `take` wants no more.
    fn send_supply(
        &self,
        messages: impl Iterator<Item = Boxed> + Send + 'static,
        take: &mut dyn FnMut(Placed) -> bool,
    );
    /// Sends a batch that supplies each message only after the result of the one before came.
    fn send_in_turns(&self, messages: Vec<Boxed>) -> Vec<Placed>;
    /// Sends a message, and stops that when `when` returns: by a [`Cancel`], or by dropping the future, where it gives
    /// nothing. Tells how long the send went on after that.
    fn send_until(
        &self,
        message: &dyn Submission,
        when: impl FnOnce() + Send,
    ) -> (Option<Result<Report, Error>>, Duration);
    fn with_deadline(&self, deadline: Duration) -> Self;
    fn close(&self, limit: Duration);
    /// How the mailer shows itself.
    fn debug(&self) -> String;
}

/// The face of the feature `blocking`.
#[derive(Clone)]
pub(crate) struct Blocking(pub(crate) smtp_core::blocking::Mailer);

impl Face for Blocking {
    const NAME: &'static str = "blocking";

    fn new(options: Options) -> Self {
        Self(smtp_core::blocking::Mailer::new(options))
    }

    fn send(&self, message: &dyn Submission) -> Result<Report, Error> {
        self.0.send(message)
    }

    fn check(&self, envelope: &Envelope) -> Result<Report, Error> {
        self.0.check(envelope)
    }

    fn verify(&self) -> Result<(), Error> {
        self.0.verify()
    }

    fn send_supply(
        &self,
        messages: impl Iterator<Item = Boxed> + Send + 'static,
        take: &mut dyn FnMut(Placed) -> bool,
    ) {
        for sent in self.0.send_all(messages).expect("there is a thread") {
            if !take((sent.index, sent.result)) {
                return;
            }
        }
    }

    fn send_in_turns(&self, messages: Vec<Boxed>) -> Vec<Placed> {
        let (supply, supplied) = channel();
        let mut results = self.0.send_all(supplied).expect("there is a thread");
        let turn = |message| {
            supply.send(message).expect("the batch goes on");
            let sent = results.next().expect("each message has a result");
            (sent.index, sent.result)
        };
        messages.into_iter().map(turn).collect()
    }

    fn send_until(
        &self,
        message: &dyn Submission,
        when: impl FnOnce() + Send,
    ) -> (Option<Result<Report, Error>>, Duration) {
        let cancel = Cancel::default();
        let mailer = self.0.clone().with_cancel(&cancel);
        std::thread::scope(|scope| {
            let stopping = scope.spawn(|| {
                when();
                cancel.request();
                Instant::now()
            });
            let result = mailer.send(message);
            let end = Instant::now();
            let stopped = stopping.join().expect("it was awaited");
            (Some(result), end.saturating_duration_since(stopped))
        })
    }

    fn with_deadline(&self, deadline: Duration) -> Self {
        Self(self.0.clone().with_deadline(deadline))
    }

    fn close(&self, limit: Duration) {
        self.0.close(limit);
    }

    fn debug(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// The runtime of the face of the feature `tokio`: one for all, as a mailer may outlive a test's thread.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().expect("there is a runtime"))
}

/// The face of the feature `tokio`.
#[derive(Clone)]
pub(crate) struct Tokio(pub(crate) smtp_core::tokio::Mailer);

impl Face for Tokio {
    const NAME: &'static str = "tokio";

    fn new(options: Options) -> Self {
        runtime();
        Self(smtp_core::tokio::Mailer::new(options))
    }

    fn send(&self, message: &dyn Submission) -> Result<Report, Error> {
        runtime().block_on(self.0.send(message))
    }

    fn check(&self, envelope: &Envelope) -> Result<Report, Error> {
        runtime().block_on(self.0.check(envelope))
    }

    fn verify(&self) -> Result<(), Error> {
        runtime().block_on(self.0.verify())
    }

    fn send_supply(
        &self,
        messages: impl Iterator<Item = Boxed> + Send + 'static,
        take: &mut dyn FnMut(Placed) -> bool,
    ) {
        let mut results = pin!(self.0.send_all(futures_util::stream::iter(messages)));
        while let Some(sent) = runtime().block_on(results.next()) {
            if !take((sent.index, sent.result)) {
                return;
            }
        }
    }

    fn send_in_turns(&self, messages: Vec<Boxed>) -> Vec<Placed> {
        let (supply, mut supplied) = tokio::sync::mpsc::unbounded_channel();
        let supplied = futures_util::stream::poll_fn(move |context| supplied.poll_recv(context));
        let mut results = pin!(self.0.send_all(supplied));
        let turn = |message| {
            supply.send(message).expect("the batch goes on");
            let sent = runtime().block_on(results.next()).expect("each message has a result");
            (sent.index, sent.result)
        };
        messages.into_iter().map(turn).collect()
    }

    fn send_until(
        &self,
        message: &dyn Submission,
        when: impl FnOnce() + Send,
    ) -> (Option<Result<Report, Error>>, Duration) {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                when();
                // The send may be over by then.
                let _ = stop.send(Instant::now());
            });
            runtime().block_on(async {
                tokio::select! {
                    result = self.0.send(message) => (Some(result), Duration::ZERO),
                    // The other future is dropped before this is known.
                    at = stopped => (None, at.expect("it waits").elapsed()),
                }
            })
        })
    }

    fn with_deadline(&self, deadline: Duration) -> Self {
        Self(self.0.clone().with_deadline(deadline))
    }

    fn close(&self, limit: Duration) {
        runtime().block_on(self.0.close(limit));
    }

    fn debug(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Runs tests of behaviour on both faces: `both!(name, …)`, where each function takes the face as its type.
macro_rules! both {
    ($($test:ident),* $(,)?) => {
        mod on_blocking {
            $(#[test]
            fn $test() {
                super::$test::<crate::face::Blocking>();
            })*
        }
        mod on_tokio {
            $(#[test]
            fn $test() {
                super::$test::<crate::face::Tokio>();
            })*
        }
    };
}
pub(crate) use both;
