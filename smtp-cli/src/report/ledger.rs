//! Provides [`Ledger`], which keeps of each finished message no more than what is said of it at the end.

use super::json::{self, Message};
use super::{Error, Exit, Report};
use crate::measure::Measure;
use std::sync::{Mutex, PoisonError};

/// What is kept of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing but the counters and the first failures.
    Nothing,
    /// Its lines for people.
    Text,
    /// Its object for programs.
    Json,
}

/// What became of the messages of a run, entered by all sessions as they finish.
#[derive(Debug)]
pub(crate) struct Ledger {
    keep: Keep,
    account: Mutex<Account>,
}

/// What became of all messages.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// How many messages there were.
    pub(crate) count: usize,
    /// How many of them at least one recipient got.
    pub(crate) delivered: usize,
    /// What they cost.
    pub(crate) measure: Measure,
    /// The first failures: of what is unknown, of what was partly accepted, and of any other kind.
    failures: [Option<Failure>; 3],
    texts: Vec<(usize, String)>,
    messages: Vec<Message>,
}

/// The failure of the message of that number.
#[derive(Debug)]
struct Failure {
    number: usize,
    exit: Exit,
    error: Option<Error>,
}

impl Ledger {
    /// An empty one.
    pub(crate) fn new(keep: Keep) -> Self {
        Self { keep, account: Mutex::default() }
    }

    /// Enters a message for which nothing more can be done.
    pub(crate) fn enter(&self, report: &Report<'_>) {
        let number = report.mail.number;
        let exit = report.exit();
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.count += 1;
        account.delivered += usize::from(report.is_delivered());
        account.measure.join(&report.mail.measure);
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
        match self.keep {
            Keep::Nothing => {}
            Keep::Text => account.texts.push((number, report.text())),
            Keep::Json => account.messages.push(json::message(report)),
        }
    }

    /// The account of all that were entered.
    pub(crate) fn close(self) -> Account {
        let mut account = self.account.into_inner().unwrap_or_else(PoisonError::into_inner);
        account.texts.sort_by_key(|(number, _)| *number);
        account.messages.sort_by_key(Message::number);
        account
    }
}

impl Account {
    /// The exit status, and the words for the first failure that has it: 80, then 79, then the first of all others.
    pub(crate) fn verdict(&self) -> (Exit, Option<Error>) {
        let worst = self.failures.iter().flatten().next();
        worst.map_or((Exit::OK, None), |failure| (failure.exit, failure.error.clone()))
    }

    /// The lines of all messages, in their order.
    pub(crate) fn text(&self) -> String {
        self.texts.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The document of the run.
    pub(crate) fn document(
        &self,
        is_check: bool,
        exit: Exit,
        error: Option<&Error>,
    ) -> Result<String, Error> {
        json::document(&self.messages, is_check, exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::example;
    use smtp_core::{Cause, Code, Outcome, Reply, Verb};

    fn enter(ledger: &Ledger, number: usize, outcome: Outcome) {
        let mut mail = example(&["a@example.org"]);
        mail.number = number;
        mail.outcomes = vec![Some(outcome)];
        ledger.enter(&Report::new(&mail, None));
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Reply::new(Code::OK, "ok"))
    }

    fn refused(code: u16) -> Outcome {
        Outcome::Refused { verb: Verb::Rcpt, reply: Reply::new(Code::new(code).unwrap(), "no") }
    }

    #[test]
    fn the_verdict_is_that_of_the_first_failure_in_the_order_of_the_messages() {
        let ledger = Ledger::new(Keep::Text);
        enter(&ledger, 3, refused(550));
        enter(&ledger, 2, refused(450));
        enter(&ledger, 1, accepted());
        let account = ledger.close();
        let (exit, error) = account.verdict();
        assert_eq!((exit, account.count, account.delivered), (Exit::TEMPORARY, 3, 1));
        assert!(error.unwrap().to_string().contains("450 no"));
        let words: Vec<_> = account.text().lines().map(|line| line[..8].to_string()).collect();
        assert_eq!(words, ["accepted", "refused ", "refused "]);
    }

    #[test]
    fn what_is_unknown_goes_before_all_and_nothing_is_kept_that_nobody_reads() {
        let ledger = Ledger::new(Keep::Nothing);
        assert_eq!(Ledger::new(Keep::Json).close().verdict(), (Exit::OK, None));
        enter(&ledger, 1, refused(550));
        enter(&ledger, 2, Outcome::Unconfirmed(Cause::Lost));
        let account = ledger.close();
        assert_eq!(account.verdict().0, Exit::UNKNOWN);
        assert_eq!((account.texts.len(), account.messages.len()), (0, 0));
    }

    #[test]
    fn what_was_partly_accepted_goes_before_what_was_refused() {
        let ledger = Ledger::new(Keep::Json);
        enter(&ledger, 2, refused(550));
        let mut mail = example(&["a@example.org", "b@example.org"]);
        mail.number = 3;
        mail.outcomes = vec![Some(accepted()), Some(refused(550))];
        ledger.enter(&Report::new(&mail, None));
        enter(&ledger, 1, accepted());
        let account = ledger.close();
        assert_eq!((account.verdict().0, account.delivered), (Exit::PARTLY, 2));
        let document = account.document(false, Exit::PARTLY, None).unwrap();
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        let numbers: Vec<_> =
            document["messages"].as_array().unwrap().iter().map(|m| m["number"].clone()).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
