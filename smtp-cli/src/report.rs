//! Provides the result in words: a line for each recipient, and one for what went wrong.

mod json;
mod ledger;

pub(crate) use json::Decision;
pub(crate) use ledger::{Form, Ledger};

use crate::error::{Error, Escaped};
use crate::exit::{Exit, is_consequence};
use crate::outgoing::Mail;
use crate::words::Words;
use smtp_core::mailer::{self, Own, Reach, is_companion};
use smtp_core::{Cause, Code, ForwardPath, Outcome, Reason, Reply, Verb, Violation};
use std::fmt::Write as _;

/// What became of one message, ready to be said.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    mail: &'a Mail,
    /// Why nobody took it up, where nobody did.
    left: Option<Error>,
    /// Why it could not be sent, to those whom nothing else was decided on.
    unsent: Option<Error>,
    words: &'a Words,
    /// How far it was to go.
    reach: Reach,
}

impl<'a> Report<'a> {
    /// The report of a message; `left` says why it was left, if it was.
    pub(crate) fn new(mail: &'a Mail, left: Option<&mailer::Error>, words: &'a Words) -> Self {
        let unsent = mail.error().map(|error| words.of(error));
        Self { mail, left: left.map(|error| words.of(error)), unsent, words, reach: Reach::Message }
    }

    /// The same of a message that was to go so far.
    pub(crate) fn of_reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Whether any recipient was accepted of a message that was sent.
    pub(crate) fn is_delivered(&self) -> bool {
        !self.reach.is_check()
            && self.mail.outcomes().iter().flatten().any(|outcome| matches!(outcome, Outcome::Accepted(_)))
    }

    /// The exit status that it has.
    pub(crate) fn exit(&self) -> Exit {
        let outcomes = self.told();
        let count = outcomes.clone().count();
        if count == self.mail.outcomes().len() {
            return Exit::of_outcomes(outcomes);
        }
        let told = (count > 0).then(|| Exit::of_outcomes(outcomes));
        let mut apart = told.into_iter().chain(self.left_apart().map(|error| error.exit()));
        if self.left_apart().next().is_some()
            && !matches!(told, Some(Exit::OK | Exit::PARTLY | Exit::UNKNOWN))
            && let Some(first) = apart.next()
        {
            // One that may succeed later makes the whole worth another try.
            return if apart.any(|exit| exit == Exit::TEMPORARY) { Exit::TEMPORARY } else { first };
        }
        match (told, &self.unsent) {
            // Some were told and some were left: as if those had been refused.
            (Some(Exit::OK), _) => Exit::PARTLY,
            (Some(exit @ (Exit::PARTLY | Exit::UNKNOWN)), _) | (Some(exit), None) => exit,
            (_, Some(error)) => error.exit(),
            (None, None) => self.left.as_ref().map_or(Exit::SOFTWARE, Error::exit),
        }
    }

    /// Why recipients were left that have an error of their own.
    fn left_apart(&self) -> impl Iterator<Item = Error> {
        self.owns().filter_map(|own| own.error.as_ref()).map(|error| self.words.of(error))
    }

    /// The servers that decided on the recipients, where each has its own.
    fn servers(&self) -> impl Iterator<Item = Option<&'a str>> {
        self.owns().map(|own| own.server.as_deref())
    }

    /// What is said of each recipient alone.
    fn owns(&self) -> impl Iterator<Item = &'a Own> + use<'a> {
        let mail = self.mail;
        (0..mail.outcomes().len()).map(|index| mail.own(index))
    }

    /// The recipients with what became of them; where the sender alone was asked for, that one.
    fn fates(&self) -> impl Iterator<Item = (String, Fate<'a>)> {
        let mail = self.mail;
        let of_sender = self.reach == Reach::Sender;
        let pairs = mail.envelope().recipients.iter().zip(mail.outcomes()).zip(self.owns());
        pairs.take(if of_sender { 1 } else { usize::MAX }).map(move |((recipient, outcome), own)| {
            let fate = match outcome {
                Some(Outcome::Unconfirmed(cause)) => Fate::Unknown(cause, self.unsent.clone()),
                Some(outcome) if !mail.is_left(outcome) => Fate::Told(outcome),
                _ => Fate::Left(own.error.as_ref().map(|error| self.words.of(error)).or_else(|| self.left())),
            };
            let address = if of_sender { bare(mail.envelope().from.as_str()) } else { plain(&recipient.to) };
            (address, fate)
        })
    }

    /// Why those were left whom nothing was decided on.
    fn left(&self) -> Option<Error> {
        self.unsent.clone().or_else(|| self.left.clone())
    }

    /// The outcomes that something was decided by.
    fn told(&self) -> impl Iterator<Item = &'a Outcome> + Clone + use<'a> {
        let mail = self.mail;
        mail.outcomes().iter().flatten().filter(move |outcome| !mail.is_left(outcome))
    }

    /// The same in words.
    fn recipients(&self) -> impl Iterator<Item = (String, &'static str, String)> {
        self.fates().map(|(address, fate)| {
            let word = match fate.word() {
                "accepted" if self.reach.is_check() => "would be taken",
                word => word,
            };
            (address, word, fate.why())
        })
    }

    /// What the server calls the message, as far as its last reply says so.
    fn queue_id(&self) -> Option<String> {
        self.mail.outcomes().iter().flatten().find_map(|outcome| match outcome {
            Outcome::Accepted(reply) => reply.queue_id().map(String::from),
            _ => None,
        })
    }

    /// A line for each recipient.
    pub(crate) fn text(&self) -> String {
        let width = self.fates().map(|(recipient, _)| recipient.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for ((recipient, word, why), server) in self.recipients().zip(self.servers()) {
            let server = server.map(|server| format!("  ({server})")).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{word:<8}  {:<width$}  {}{server}",
                Escaped(&recipient).to_string(),
                Escaped(&why)
            );
        }
        text
    }

    /// A line for the log: who to whom, how large, what became of it.
    pub(crate) fn log_line(&self) -> String {
        let fates: Vec<_> =
            self.recipients().map(|(recipient, word, why)| format!("{recipient} {word}: {why}")).collect();
        format!(
            "{} {} {} from={} octets={} exit={} {}",
            if self.reach.is_check() { "check of message" } else { "message" },
            self.mail.submission().number,
            self.mail.submission().message.message_id().as_ref().map_or("-", smtp_mime::MessageId::as_str),
            self.mail.envelope().from,
            self.mail.submission().message.encoded_len(),
            self.exit().status(),
            fates.join("; ")
        )
    }

    /// What went wrong, if anything did.
    pub(crate) fn error(&self) -> Option<Error> {
        let exit = self.exit();
        let text = match exit {
            Exit::OK => return None,
            Exit::UNKNOWN => {
                let cause = self.mail.outcomes().iter().flatten().find_map(|outcome| match outcome {
                    Outcome::Unconfirmed(cause) => Some(cause),
                    _ => None,
                });
                let ending = self.mail.ending().map(|error| self.words.without_advice(error).to_string());
                format!(
                    "it is unknown whether the message was delivered, because {}: {}; sending it again may duplicate it",
                    cause.map_or(NO_REPLY, doubt),
                    ending.or_else(|| cause.map(ToString::to_string)).unwrap_or_default()
                )
            }
            Exit::PARTLY => {
                let failed = self.failed();
                let count = self.mail.outcomes().len();
                let what = if self.reach.is_check() { "would not be taken" } else { "did not get it" };
                format!("{} of {count} recipients {what}: {}", failed.len(), failed.join("; "))
            }
            _ => return Some(self.failure(exit)),
        };
        Some(Error::new(exit, text))
    }

    /// The words where nobody was accepted.
    fn failure(&self, exit: Exit) -> Error {
        let mut outcomes = self.told();
        if let Some(error) =
            self.unsent.as_ref().filter(|_| outcomes.clone().count() < self.mail.outcomes().len())
        {
            return Error::new(exit, format!("{error}; the message was not sent"));
        }
        if let Some(error) = self.left_apart().next() {
            return match self.failed().as_slice() {
                [_] => Error::new(exit, error.to_string()),
                failed => Error::new(exit, format!("no recipient was accepted: {}", failed.join("; "))),
            };
        }
        let telling = outcomes.find(|outcome| !is_consequence(outcome));
        let ending = self.mail.ending().map(|error| self.words.of(error));
        let text = match (telling, &ending) {
            (Some(Outcome::Unsent(Reason::Closed(_))), Some(ending)) => return ending.clone(),
            (Some(Outcome::Refused { verb: Verb::Mail, reply }), _) => {
                format!(
                    "the sender {} was refused: {reply}{}",
                    self.mail.envelope().from,
                    advice(Verb::Mail, reply)
                )
            }
            (Some(Outcome::Refused { verb: verb @ (Verb::Data | Verb::Bdat | Verb::Message), reply }), _) => {
                format!("the message was refused: {reply}{}", advice(*verb, reply))
            }
            (Some(Outcome::Refused { verb: Verb::Rcpt, .. }), _) if self.told().any(is_companion) => {
                let failed = self.failed();
                let were = if failed.len() == 1 { "was" } else { "were" };
                format!(
                    "{} of {} recipients {were} refused, so --require-all sent it to none: {}",
                    failed.len(),
                    self.mail.outcomes().len(),
                    failed.join("; ")
                )
            }
            (Some(Outcome::Refused { verb: Verb::Rcpt, .. }), _) => {
                format!("no recipient was accepted: {}", self.failed().join("; "))
            }
            (Some(outcome), _) => format!("the message was not sent: {}", words(outcome).1),
            (None, _) => match &self.left {
                Some(error) => return error.clone(),
                None => "the message was not sent".to_string(),
            },
        };
        Error::new(exit, text)
    }

    /// Who did not get it, and why: at length as far as the line has room for it.
    fn failed(&self) -> Vec<String> {
        let mut room = Room::default();
        self.fates()
            .filter(|(_, fate)| match fate {
                Fate::Told(outcome) => !matches!(outcome, Outcome::Accepted(_)) && !is_consequence(outcome),
                Fate::Unknown(..) | Fate::Left(_) => true,
            })
            .map(|(address, fate)| format!("{address} {}", room.fit(fate.why())))
            .collect()
    }
}

/// How much a line may still say of why recipients failed. It names all of them; that they failed for thousands of long
/// reasons is told by the lines of the result.
#[derive(Debug)]
pub(crate) struct Room(usize);

/// A line with the reasons at length.
impl Default for Room {
    fn default() -> Self {
        Self(16 * 1024)
    }
}

impl Room {
    /// The reason as it is, or its beginning, in which a command, a code and an enhanced code have place.
    pub(crate) fn fit(&mut self, mut why: String) -> String {
        const BEGINNING: usize = 24;
        if let Some(room) = self.0.checked_sub(why.len()) {
            self.0 = room;
        } else if why.len() > BEGINNING {
            why.truncate(why.floor_char_boundary(BEGINNING));
            why.truncate(why.trim_end().len());
            why.push('…');
        }
        why
    }
}

/// What became of a recipient.
#[derive(Clone, Debug)]
enum Fate<'a> {
    /// The protocol machine told it.
    Told(&'a Outcome),
    /// The whole message left, and no reply came; the error says more of why than the machine can.
    Unknown(&'a Cause, Option<Error>),
    /// Nobody took the message up.
    Left(Option<Error>),
}

impl Fate<'_> {
    /// Which of the four it is.
    fn word(&self) -> &'static str {
        match self {
            Self::Told(outcome) => words(outcome).0,
            Self::Unknown(..) => "unknown",
            Self::Left(_) => "unsent",
        }
    }

    /// Why.
    fn why(&self) -> String {
        match self {
            Self::Told(outcome) => words(outcome).1,
            Self::Unknown(cause, Some(error)) => format!("{}: {error}", doubt(cause)),
            Self::Unknown(cause, None) => unconfirmed(cause),
            Self::Left(error) => error.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The command at which it was decided, and the reply.
    fn reply(&self) -> (Option<Verb>, Option<&Reply>) {
        match self {
            Self::Told(Outcome::Accepted(reply)) => (None, Some(reply)),
            Self::Told(Outcome::Refused { verb, reply }) => (Some(*verb), Some(reply)),
            Self::Told(Outcome::Unsent(Reason::Refused(reply) | Reason::TooManyRecipients(reply))) => {
                (None, Some(reply))
            }
            _ => (None, None),
        }
    }
}

/// An outcome in words: which of the four it is, and why.
pub(crate) fn words(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Accepted(reply) => ("accepted", reply.to_string()),
        Outcome::Refused { verb, reply } => ("refused", format!("at {verb}: {reply}")),
        Outcome::Unconfirmed(cause) => ("unknown", unconfirmed(cause)),
        Outcome::Unsent(reason @ Reason::Closed(cause)) => {
            ("unsent", format!("{reason}{}", more_time(cause)))
        }
        Outcome::Unsent(reason) => ("unsent", reason.to_string()),
    }
}

fn unconfirmed(cause: &Cause) -> String {
    format!("{}: {cause}{}", doubt(cause), more_time(cause))
}

const NO_REPLY: &str = "no reply came after the message";

/// Why an outcome is unknown.
const fn doubt(cause: &Cause) -> &'static str {
    match cause {
        Cause::Violation(Violation::AcceptedWithoutRecipients(_)) => {
            "the server accepted a message after it had refused everyone"
        }
        _ => NO_REPLY,
    }
}

/// What may be done about a refusal.
fn advice(verb: Verb, reply: &Reply) -> String {
    match reply.explain(verb.into()).advice {
        "" => String::new(),
        advice if reply.code() == Code::AUTHENTICATION_REQUIRED => {
            format!("; {advice}: see --user and --tls")
        }
        advice => format!("; {advice}"),
    }
}

/// How the time is given that ran out, if it did.
fn more_time(cause: &Cause) -> String {
    match cause {
        Cause::TimedOut(timer) => format!("; give it more by --timeout {}=DUR", timer.phase().name()),
        _ => String::new(),
    }
}

/// The address without its angle brackets.
pub(crate) fn plain(path: &ForwardPath) -> String {
    bare(path.as_str())
}

fn bare(text: &str) -> String {
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_core::Code;

    fn reply(code: u16, text: &str) -> Reply {
        Reply::new(Code::new(code).unwrap(), text)
    }

    fn mail(outcomes: Vec<Outcome>) -> Mail {
        let mut mail = crate::outgoing::example(1, &["a@example.org", "long@example.org"][..outcomes.len()]);
        for (place, outcome) in mail.outcomes_mut().iter_mut().zip(outcomes) {
            *place = Some(outcome);
        }
        mail.set_ending(Some(Error::new(Exit::TEMPORARY, "the words of the session").into()));
        mail
    }

    fn words() -> Words {
        Words::new(&crate::settings::example("mx.example.org"))
    }

    #[test]
    fn each_recipient_has_a_line() {
        let mail = mail(vec![
            Outcome::Accepted(reply(250, "2.0.0 queued\nas \u{1b}[2J7")),
            Outcome::Refused { verb: Verb::Rcpt, reply: reply(550, "5.1.1 none") },
        ]);
        assert_eq!(
            Report::new(&mail, None, &words()).text(),
            "accepted  a@example.org     250 2.0.0 queued / as \\u{1b}[2J7\n\
             refused   long@example.org  at RCPT: 550 5.1.1 none\n"
        );
    }

    #[test]
    fn what_cannot_be_read_decides_only_on_those_who_were_not_settled() {
        let said = |first: Outcome, second: Option<Outcome>| {
            let mut mail = mail(vec![first, Outcome::Unsent(Reason::Aborted)]);
            mail.outcomes_mut()[1] = second;
            mail.fail(Error::new(Exit::NO_INPUT, "x.pdf has shrunk").into());
            let words = words();
            let report = Report::new(&mail, None, &words);
            (report.exit().status(), report.error().map(|error| error.to_string()).unwrap_or_default())
        };
        let aborted = || Some(Outcome::Unsent(Reason::Aborted));
        for second in [None, aborted()] {
            let (exit, text) = said(Outcome::Accepted(reply(250, "ok")), second.clone());
            assert_eq!(
                (exit, text.as_str()),
                (79, "1 of 2 recipients did not get it: long@example.org x.pdf has shrunk")
            );
            assert_eq!(said(Outcome::Unconfirmed(Cause::Lost), second.clone()).0, 80);
            let refused = Outcome::Refused { verb: Verb::Rcpt, reply: reply(550, "no") };
            let (exit, text) = said(refused, second);
            assert_eq!((exit, text.as_str()), (66, "x.pdf has shrunk; the message was not sent"));
        }
        assert_eq!(said(Outcome::Accepted(reply(250, "ok")), Some(Outcome::Accepted(reply(250, "ok")))).0, 0);
    }
}
