//! Provides the result in words: a line for each recipient, and one for what went wrong.

use crate::error::{Error, Escaped};
use crate::exit::{Exit, is_consequence};
use smtp_core::{Cause, Envelope, ForwardPath, Outcome, Reason, Reply, Verb};
use std::fmt::Write as _;

/// What became of one message.
#[derive(Debug)]
pub(crate) struct Report {
    /// Who was to receive it.
    recipients: Vec<String>,
    /// What became of each.
    outcomes: Vec<Outcome>,
    /// Where failures would have been reported to.
    from: String,
    /// Why it could not be read to its end.
    unreadable: Option<Error>,
}

impl Report {
    /// The report of a delivery: one outcome for each recipient of the envelope.
    pub(crate) fn new(envelope: &Envelope, outcomes: Vec<Outcome>, unreadable: Option<Error>) -> Self {
        let recipients = envelope.recipients.iter().map(|recipient| plain(&recipient.to)).collect();
        Self { recipients, outcomes, from: envelope.from.to_string(), unreadable }
    }

    /// The exit status that it has.
    pub(crate) fn exit(&self) -> Exit {
        match &self.unreadable {
            Some(error) => error.exit(),
            None => Exit::of_outcomes(&self.outcomes),
        }
    }

    /// A line for each recipient.
    pub(crate) fn text(&self) -> String {
        let width =
            self.recipients.iter().map(|recipient| recipient.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for (recipient, outcome) in self.recipients.iter().zip(&self.outcomes) {
            let (word, why) = words(outcome);
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "{word:<8}  {:<width$}  {}", Escaped(recipient).to_string(), Escaped(&why));
        }
        text
    }

    /// What went wrong, if anything did; `closed` has the words for a connection that ended.
    pub(crate) fn error(&self, closed: impl Fn(&Cause) -> Error) -> Option<Error> {
        if let Some(error) = &self.unreadable {
            return Some(error.clone());
        }
        let exit = self.exit();
        let text = match exit {
            Exit::OK => return None,
            Exit::UNKNOWN => {
                let cause = self.outcomes.iter().find_map(|outcome| match outcome {
                    Outcome::Unconfirmed(cause) => Some(cause.to_string()),
                    _ => None,
                });
                format!(
                    "it is unknown whether the message was delivered, because no reply came after its end ({}); \
                     sending it again may duplicate it",
                    cause.unwrap_or_default()
                )
            }
            Exit::PARTLY => {
                let failed = self.failed();
                format!(
                    "{} of {} recipients did not get it: {}",
                    failed.len(),
                    self.outcomes.len(),
                    failed.join("; ")
                )
            }
            _ => return Some(self.failure(exit, closed)),
        };
        Some(Error::new(exit, text))
    }

    /// The words where nobody was accepted.
    fn failure(&self, exit: Exit, closed: impl Fn(&Cause) -> Error) -> Error {
        let telling = self.outcomes.iter().find(|outcome| !is_consequence(outcome));
        let text = match telling {
            Some(Outcome::Unsent(Reason::Closed(cause))) => return closed(cause),
            Some(Outcome::Refused { verb: Verb::Mail, reply }) => {
                format!("the sender {} was refused: {reply}{}", self.from, advice(reply))
            }
            Some(Outcome::Refused { verb: Verb::Data | Verb::Bdat | Verb::Message, reply }) => {
                format!("the message was refused: {reply}{}", advice(reply))
            }
            Some(Outcome::Refused { verb: Verb::Rcpt, .. }) => {
                format!("no recipient was accepted: {}", self.failed().join("; "))
            }
            Some(outcome) => format!("the message was not sent: {}", words(outcome).1),
            None => "the message was not sent".to_string(),
        };
        Error::new(exit, text)
    }

    /// Who did not get it, and why.
    fn failed(&self) -> Vec<String> {
        let pairs = self.recipients.iter().zip(&self.outcomes);
        pairs
            .filter(|(_, outcome)| !matches!(outcome, Outcome::Accepted(_)) && !is_consequence(outcome))
            .map(|(recipient, outcome)| format!("{recipient} {}", words(outcome).1))
            .collect()
    }
}

/// An outcome in words: which of the four it is, and why.
fn words(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Accepted(reply) => ("accepted", reply.to_string()),
        Outcome::Refused { verb, reply } => ("refused", format!("at {verb}: {reply}")),
        Outcome::Unconfirmed(cause) => ("unknown", format!("no reply came after the message: {cause}")),
        Outcome::Unsent(reason) => ("unsent", reason.to_string()),
    }
}

/// What may be done about a refusal, where the code alone says it.
fn advice(reply: &Reply) -> &'static str {
    match reply.code().value() {
        530 => "; log in by --user",
        _ if reply.is_transient() => "; try again later",
        _ => "",
    }
}

/// The address without its angle brackets.
fn plain(path: &ForwardPath) -> String {
    let text = path.as_str();
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_core::Code;

    fn reply(code: u16, text: &str) -> Reply {
        Reply::new(Code::new(code).unwrap(), text)
    }

    fn report(outcomes: Vec<Outcome>) -> Report {
        let recipients = ["a@example.org", "long@example.org"].iter().take(outcomes.len());
        let envelope = Envelope::new(
            "you@example.org".parse().unwrap(),
            recipients.map(|address| address.parse().unwrap()),
        );
        Report::new(&envelope, outcomes, None)
    }

    fn error(report: &Report) -> String {
        report.error(|cause| Error::new(Exit::TEMPORARY, format!("closed: {cause}"))).unwrap().to_string()
    }

    #[test]
    fn each_recipient_has_a_line() {
        let text = report(vec![
            Outcome::Accepted(reply(250, "2.0.0 queued\nas \u{1b}[2J7")),
            Outcome::Refused { verb: Verb::Rcpt, reply: reply(550, "5.1.1 none") },
        ])
        .text();
        assert_eq!(
            text,
            "accepted  a@example.org     250 2.0.0 queued / as \\u{1b}[2J7\n\
             refused   long@example.org  at RCPT: 550 5.1.1 none\n"
        );
    }

    #[test]
    fn the_error_names_what_was_refused() {
        let refused = |verb, code| Outcome::Refused { verb, reply: reply(code, "no") };
        assert_eq!(
            error(&report(vec![refused(Verb::Mail, 550)])),
            "the sender <you@example.org> was refused: 550 no"
        );
        assert_eq!(
            error(&report(vec![refused(Verb::Message, 451)])),
            "the message was refused: 451 no; try again later"
        );
        assert_eq!(
            error(&report(vec![refused(Verb::Rcpt, 550), Outcome::Accepted(reply(250, "ok"))])),
            "1 of 2 recipients did not get it: a@example.org at RCPT: 550 no"
        );
        assert_eq!(
            error(&report(vec![refused(Verb::Rcpt, 550), Outcome::Unsent(Reason::AnotherRefused)])),
            "no recipient was accepted: a@example.org at RCPT: 550 no"
        );
        assert_eq!(
            error(&report(vec![Outcome::Unsent(Reason::Closed(Cause::Lost))])),
            "closed: the connection was lost"
        );
        assert!(error(&report(vec![Outcome::Unconfirmed(Cause::Lost)])).contains("unknown"));
        assert!(report(vec![Outcome::Accepted(reply(250, "ok"))]).error(|_| unreachable!()).is_none());
    }
}
