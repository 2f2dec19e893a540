//! One interface over both faces of the mailer, so that one suite tests both.

use smtp_core::Envelope;
use smtp_core::mailer::{Error, Options, Report, Submission};
use std::time::Duration;

/// A mailer of either face.
pub(crate) trait Face: Clone + Send + Sync + 'static {
    /// Its name, for messages of assertions.
    const NAME: &'static str;

    fn new(options: Options) -> Self;
    fn send(&self, message: &dyn Submission) -> Result<Report, Error>;
    fn check(&self, envelope: &Envelope) -> Result<Report, Error>;
    fn verify(&self) -> Result<(), Error>;
    /// The results of a batch, sorted by the place of their messages.
    fn send_all(&self, messages: Vec<Box<dyn Submission>>) -> Vec<(usize, Result<Report, Error>)>;
    fn close(&self, limit: Duration);
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

    fn send_all(&self, messages: Vec<Box<dyn Submission>>) -> Vec<(usize, Result<Report, Error>)> {
        let results = self.0.send_all(messages).expect("there is a thread");
        let mut results: Vec<_> = results.map(|sent| (sent.index, sent.result)).collect();
        results.sort_by_key(|(index, _)| *index);
        results
    }

    fn close(&self, limit: Duration) {
        self.0.close(limit);
    }
}

/// Runs a test of behaviour on both faces: `both!(name, function)`, where the function takes the face as its type.
macro_rules! both {
    ($($test:ident),* $(,)?) => {
        mod on_blocking {
            $(#[test]
            fn $test() {
                super::$test::<crate::face::Blocking>();
            })*
        }
    };
}
pub(crate) use both;
