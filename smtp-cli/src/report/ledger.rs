//! Provides [`Ledger`], which prints what is said of each finished message and keeps no more than the sum of all.

use super::json;
use super::{Error, Exit, Report};
use crate::shown;
use crate::terminal::Stream;
use smtp_core::mailer::Measure;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// What is said of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing.
    Nothing,
    /// Its lines for people.
    Text,
    /// Its object for programs, in one document.
    Json,
}

/// What became of the messages of a run, entered by all sessions as they finish.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Account>);

/// What became of all messages.
#[derive(Debug)]
pub(crate) struct Account {
    /// How many messages there were.
    pub(crate) count: usize,
    /// How many of them not every recipient got.
    failed: usize,
    /// How many of them at least one recipient got.
    pub(crate) delivered: usize,
    /// What they cost.
    pub(crate) measure: Measure,
    /// The first failures: of what is unknown, of what was partly accepted, and of any other kind.
    failures: [Option<Failure>; 3],
    page: Page,
}

/// The failure of the message of that number.
#[derive(Debug)]
struct Failure {
    number: usize,
    exit: Exit,
    error: Option<Error>,
}

impl Ledger {
    /// An empty one, which prints to `output`; `is_check` says that the server is only asked.
    pub(crate) fn new(form: Form, is_check: bool, output: Stream) -> Self {
        let mut page = Page::new(form, output);
        if form == Form::Json {
            page.text.push_str(&json::begin(is_check));
        }
        Self(Mutex::new(Account {
            count: 0,
            failed: 0,
            delivered: 0,
            measure: Measure::default(),
            failures: [None, None, None],
            page,
        }))
    }

    /// Enters a message for which nothing more can be done.
    pub(crate) fn enter(&self, report: &Report<'_>) {
        let number = report.mail.submission().number;
        let exit = report.exit();
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        account.count += 1;
        account.failed += usize::from(!exit.is_ok());
        account.delivered += usize::from(report.is_delivered());
        account.measure.join(report.mail.measure());
        let failure = match exit {
            Exit::OK => None,
            Exit::UNKNOWN => Some(&mut account.failures[0]),
            Exit::PARTLY => Some(&mut account.failures[1]),
            _ => Some(&mut account.failures[2]),
        };
        if let Some(failure) = failure
            && failure.as_ref().is_none_or(|first| number < first.number)
        {
            *failure = Some(Failure { number, exit, error: report.error() });
        }
        match account.page.form {
            Form::Nothing => {}
            Form::Text => account.page.enter(number, report.text()),
            Form::Json => account.page.enter(number, json::message(report)),
        }
    }

    /// The account of all that were entered.
    pub(crate) fn close(self) -> Account {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// The exit status, and the words for the first failure that has it: 80, then 79, then the first of all others.
    pub(crate) fn verdict(&self) -> (Exit, Option<Error>) {
        let worst = self.failures.iter().flatten().next();
        let Some(Failure { number, exit, error }) = worst else { return (Exit::OK, None) };
        let error = error.clone().map(|error| match self.count {
            1 => error,
            count => {
                let failed = self.failed;
                let were = if failed == 1 { "was" } else { "were" };
                Error::new(
                    *exit,
                    format!(
                        "{failed} of {count} messages {were} not fully accepted; message {number}: {error}"
                    ),
                )
            }
        });
        (*exit, error)
    }

    /// Prints what is left, and how it ended; `more` stands behind the lines for people.
    pub(crate) fn end(mut self, exit: Exit, error: Option<&Error>, more: &str) -> Result<(), Error> {
        for (_, text) in std::mem::take(&mut self.page.waiting) {
            self.page.put(&text);
        }
        match self.page.form {
            Form::Nothing => {}
            Form::Text => self.page.text.push_str(&shown::lines(more)),
            Form::Json => self.page.text.push_str(&json::end(self.page.next == 1, exit, error)),
        }
        self.page.flush();
        self.page.failure.map_or(Ok(()), |error| Err(Error::output(&error)))
    }
}

/// What is printed of the messages, in their order, as soon as those before have been.
#[derive(Debug)]
struct Page {
    form: Form,
    output: Stream,
    /// What is to be printed next.
    text: String,
    /// The number of the message whose text is due.
    next: usize,
    /// The texts of messages that finished before others with lower numbers.
    waiting: BTreeMap<usize, String>,
    /// Why the rest was not printed.
    failure: Option<io::Error>,
}

/// So much is printed at once.
const CHUNK: usize = 64 * 1024;

impl Page {
    fn new(form: Form, output: Stream) -> Self {
        Self { form, output, text: String::new(), next: 1, waiting: BTreeMap::new(), failure: None }
    }

    fn enter(&mut self, number: usize, text: String) {
        self.waiting.insert(number, text);
        while let Some(text) = self.waiting.remove(&self.next) {
            self.put(&text);
        }
    }

    fn put(&mut self, text: &str) {
        if self.form == Form::Json && self.next > 1 {
            self.text.push(',');
        }
        self.text.push_str(text);
        self.next += 1;
        if self.text.len() >= CHUNK {
            self.flush();
        }
    }

    /// Prints what there is. Who reads may have read enough, and that it cannot be printed does not stop the run.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if self.failure.is_some() {
            return;
        }
        let written = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        self.failure = written.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::example;
    use smtp_core::{Cause, Code, Outcome, Reply, Verb};
    use std::sync::Arc;

    /// What was printed.
    #[derive(Clone, Default)]
    struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Write for Printed {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Printed {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn ledger(&self, form: Form) -> Ledger {
            Ledger::new(form, false, Stream::new(self.clone()))
        }
    }

    fn enter(ledger: &Ledger, number: usize, outcome: Outcome) {
        enter_all(ledger, number, vec![outcome]);
    }

    fn enter_all(ledger: &Ledger, number: usize, outcomes: Vec<Outcome>) {
        let mut mail = example(number, &["a@example.org", "b@example.org"][..outcomes.len()]);
        for (place, outcome) in mail.outcomes_mut().iter_mut().zip(outcomes) {
            *place = Some(outcome);
        }
        let words = crate::words::Words::new(&crate::settings::example("mx.example.org"));
        ledger.enter(&Report::new(&mail, None, &words));
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Reply::new(Code::OK, "ok"))
    }

    fn refused(code: u16) -> Outcome {
        Outcome::Refused { verb: Verb::Rcpt, reply: Reply::new(Code::new(code).unwrap(), "no") }
    }

    #[test]
    fn the_verdict_is_that_of_the_first_failure_in_the_order_of_the_messages() {
        let printed = Printed::default();
        let ledger = printed.ledger(Form::Text);
        enter(&ledger, 3, refused(550));
        enter(&ledger, 2, refused(450));
        enter(&ledger, 1, accepted());
        let account = ledger.close();
        let (exit, error) = account.verdict();
        assert_eq!((exit, account.count, account.delivered), (Exit::TEMPORARY, 3, 1));
        assert!(error.as_ref().unwrap().to_string().contains("450 no"));
        account.end(exit, error.as_ref(), "more\n").unwrap();
        let words: Vec<_> = printed.text().lines().map(|line| line[..4].to_string()).collect();
        assert_eq!(words, ["acce", "refu", "refu", "more"]);
    }

    #[test]
    fn what_is_unknown_goes_before_all_and_nothing_is_printed_that_nobody_reads() {
        let printed = Printed::default();
        let ledger = printed.ledger(Form::Nothing);
        assert_eq!(printed.ledger(Form::Json).close().verdict(), (Exit::OK, None));
        enter(&ledger, 1, refused(550));
        enter(&ledger, 2, Outcome::Unconfirmed(Cause::Lost));
        let account = ledger.close();
        assert_eq!(account.verdict().0, Exit::UNKNOWN);
        account.end(Exit::UNKNOWN, None, "more\n").unwrap();
        assert_eq!(printed.text(), "");
    }

    #[test]
    fn what_was_partly_accepted_goes_before_what_was_refused() {
        let printed = Printed::default();
        let ledger = printed.ledger(Form::Json);
        enter(&ledger, 2, refused(550));
        enter_all(&ledger, 3, vec![accepted(), refused(550)]);
        enter(&ledger, 1, accepted());
        let account = ledger.close();
        assert_eq!((account.verdict().0, account.delivered), (Exit::PARTLY, 2));
        account.end(Exit::PARTLY, None, "").unwrap();
        let document: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
        let numbers: Vec<_> =
            document["messages"].as_array().unwrap().iter().map(|m| m["number"].clone()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(document["exit"], 79);
    }

    #[test]
    fn a_document_without_messages_is_one() {
        let printed = Printed::default();
        let error = Error::new(Exit::NO_INPUT, "it is \"gone\"");
        printed.ledger(Form::Json).close().end(error.exit(), Some(&error), "").unwrap();
        assert_eq!(
            printed.text(),
            "{\n  \"schema\": \"smtp-cli/result/1\",\n  \"messages\": [],\n  \"exit\": 66,\n  \
             \"error\": \"it is \\\"gone\\\"\"\n}\n"
        );
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_messages() {
        for form in [Form::Text, Form::Json] {
            let printed = Printed::default();
            let ledger = printed.ledger(form);
            for number in 1..=4_000 {
                // One comes late each time, as with several sessions.
                enter(
                    &ledger,
                    number + usize::from(number % 2 == 1) - usize::from(number % 2 == 0),
                    accepted(),
                );
                let account = ledger.0.lock().unwrap();
                assert!(account.page.text.len() < CHUNK && account.page.waiting.len() < 2);
            }
            assert!(printed.text().len() >= CHUNK);
        }
    }

    #[test]
    fn the_first_failure_of_the_output_is_told_once() {
        struct Full(Arc<Mutex<usize>>);
        impl Write for Full {
            fn write(&mut self, _octets: &[u8]) -> io::Result<usize> {
                *self.0.lock().unwrap() += 1;
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writes = Arc::default();
        let ledger = Ledger::new(Form::Json, false, Stream::new(Full(Arc::clone(&writes))));
        (1..=500).for_each(|number| enter(&ledger, number, accepted()));
        assert_eq!(ledger.close().end(Exit::OK, None, "").unwrap_err().exit(), Exit::IO);
        assert_eq!(*writes.lock().unwrap(), 1);
    }
}
