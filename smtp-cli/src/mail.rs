//! Defines [`Mail`], a message on its way to its recipients, and what became of it so far.

use crate::error::Error;
use crate::exit::Exit;
use crate::measure::Measure;
use smtp_core::{BodyType, Cause, Envelope, Extensions, Outcome, Reason};
use smtp_mime::{Edit, Message};
use std::io::{self, BufRead, Cursor, Read};
use std::sync::Arc;

/// A message with its envelope, and what became of each recipient so far.
#[derive(Debug)]
pub(crate) struct Mail {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// Who sends to whom; the same for each time that a message is sent.
    pub(crate) envelope: Arc<Envelope>,
    /// Its octets.
    pub(crate) message: Arc<Message>,
    /// The same where they are at hand, for a message that is sent many times.
    pub(crate) octets: Option<Arc<[u8]>>,
    /// From what it can be encoded anew, for a server without 8BITMIME.
    pub(crate) edit: Option<Arc<Edit>>,
    /// The last word on each recipient.
    pub(crate) outcomes: Vec<Option<Outcome>>,
    /// Why its octets could not be read to their end, or not be made fit for the server; it decides on the recipients
    /// that nothing else was decided on.
    pub(crate) unreadable: Option<Error>,
    /// How its last session ended, if that ended early.
    pub(crate) ending: Option<Error>,
    /// What is said of each recipient alone, as far as anything was.
    own: Vec<Own>,
    /// What its transactions cost, with the time that the session took to be ready for it.
    pub(crate) measure: Measure,
    /// Who is in the next transaction, unless everyone is.
    pending: Option<Vec<usize>>,
    /// Who is to be tried again later.
    later: Vec<usize>,
    /// How often a session broke before it could be sent.
    moves: usize,
}

/// What is said of one recipient alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    /// The server that decided.
    pub(crate) server: Option<String>,
    /// Why nobody took the recipient up, where that is so.
    pub(crate) left: Option<Error>,
}

impl Own {
    /// Nothing.
    pub(crate) const NONE: Self = Self { server: None, left: None };
}

/// What is allowed when a transaction did not succeed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Whether there is a later try for what failed for now.
    pub(crate) has_later: bool,
    /// How often a message may move to another session when its own broke.
    pub(crate) moves: usize,
    /// How often it may, where the server said 421 before the message had begun.
    pub(crate) free_moves: usize,
}

/// How far a message was when its session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its commands were taken, or nobody knows.
    Begun,
    /// The server said 421 to its MAIL.
    TurnedAway,
    /// It stood behind a message that had begun, or was turned away.
    Waiting,
}

/// What to do with a message after a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: it is finished.
    Finished,
    /// A further transaction at once.
    Again,
    /// A further transaction in the next round.
    Later,
}

impl Mail {
    pub(crate) fn new(
        number: usize,
        envelope: impl Into<Arc<Envelope>>,
        message: impl Into<Arc<Message>>,
    ) -> Self {
        let (envelope, message) = (envelope.into(), message.into());
        let recipients = envelope.recipients.len();
        Self {
            number,
            envelope,
            message,
            octets: None,
            edit: None,
            outcomes: vec![None; recipients],
            unreadable: None,
            ending: None,
            own: Vec::new(),
            measure: Measure::default(),
            pending: None,
            later: Vec::new(),
            moves: 0,
        }
    }

    /// The same message to some of its recipients, as if nobody had tried.
    pub(crate) fn part(&self, recipients: &[usize]) -> Self {
        let mut envelope = Envelope::clone(&self.envelope);
        envelope.recipients =
            recipients.iter().filter_map(|&index| self.envelope.recipients.get(index).cloned()).collect();
        Self {
            edit: self.edit.clone(),
            octets: self.octets.clone(),
            ..Self::new(self.number, envelope, Arc::clone(&self.message))
        }
    }

    /// Encodes the message anew where it is not ASCII and the server does not offer 8BITMIME (RFC 6152 §3).
    pub(crate) fn fit(&mut self, extensions: &Extensions) -> Result<(), Error> {
        let Some(edit) = self.edit.as_ref().filter(|_| !extensions.has("8BITMIME")) else { return Ok(()) };
        let message = (**edit).clone().build_seven_bit().map_err(|error| match Error::of_mime(&error) {
            error if error.exit() == Exit::USAGE => Error::new(
                Exit::UNAVAILABLE,
                format!("the server does not offer 8BITMIME, which the message needs, and {error}"),
            ),
            error => error,
        })?;
        let envelope = Arc::make_mut(&mut self.envelope);
        envelope.body = BodyType::SevenBit;
        envelope.size = Some(message.encoded_len());
        self.message = Arc::new(message);
        self.octets = None;
        self.edit = None;
        Ok(())
    }

    /// Its octets, from the first one.
    pub(crate) fn reader(&self) -> Octets {
        match &self.octets {
            Some(octets) => Octets::AtHand(Cursor::new(Arc::clone(octets))),
            None => Octets::Made(Box::new(self.message.reader())),
        }
    }

    /// What is said of a recipient alone, where not all go to one server.
    pub(crate) fn own(&self, index: usize) -> &Own {
        self.own.get(index).unwrap_or(&Own::NONE)
    }

    /// The same, to be said.
    pub(crate) fn own_mut(&mut self, index: usize) -> &mut Own {
        self.own.resize(self.envelope.recipients.len(), Own::NONE);
        &mut self.own[index]
    }

    /// How many recipients the next transaction has.
    pub(crate) fn pending(&self) -> usize {
        self.pending.as_ref().map_or(self.outcomes.len(), Vec::len)
    }

    /// The envelope of the next transaction.
    pub(crate) fn transaction(&self) -> Arc<Envelope> {
        let Some(pending) = &self.pending else { return Arc::clone(&self.envelope) };
        let mut envelope = Envelope::clone(&self.envelope);
        envelope.recipients = pending.iter().map(|&index| self.envelope.recipients[index].clone()).collect();
        Arc::new(envelope)
    }

    /// Takes those of the next transaction out of it.
    fn take_pending(&mut self) -> Vec<usize> {
        self.pending.replace(Vec::new()).unwrap_or_else(|| (0..self.outcomes.len()).collect())
    }

    /// Takes what became of a transaction; `progress` counts where the session ended with it.
    pub(crate) fn settle(&mut self, outcomes: Vec<Outcome>, policy: Policy, progress: Progress) -> Next {
        let any_accepted = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_)));
        let all_for_now = outcomes.iter().all(|outcome| is_for_now(outcome) || is_companion(outcome));
        let is_broken = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unsent(Reason::Closed(_))));
        let moves = match progress {
            Progress::Begun => policy.moves,
            Progress::TurnedAway => policy.moves.max(policy.free_moves),
            Progress::Waiting => usize::MAX,
        };
        let may_move = self.unreadable.is_none() && is_broken && self.moves < moves;
        let mut again = Vec::new();
        let is_whole = self.pending.is_none() && outcomes.len() == self.outcomes.len();
        if is_whole && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))) {
            // What nearly all messages come to.
            self.pending = Some(Vec::new());
            self.outcomes.clear();
            self.outcomes.extend(outcomes.into_iter().map(Some));
            return Next::Finished;
        }
        for (index, outcome) in self.take_pending().into_iter().zip(outcomes) {
            match &outcome {
                Outcome::Unsent(Reason::TooManyRecipients(_)) if any_accepted => again.push(index),
                Outcome::Unsent(Reason::Closed(_)) if may_move => again.push(index),
                outcome if policy.has_later && is_for_now(outcome) => self.later.push(index),
                // They failed only together with others, who may succeed later.
                outcome if policy.has_later && all_for_now && is_companion(outcome) => self.later.push(index),
                _ => {}
            }
            self.outcomes[index] = Some(outcome);
        }
        if is_broken && progress != Progress::Waiting {
            self.moves += 1;
        }
        let is_again = !again.is_empty();
        self.pending = Some(again);
        if is_again {
            Next::Again
        } else if self.later.is_empty() {
            Next::Finished
        } else {
            Next::Later
        }
    }

    /// Leaves those of the next transaction as they are, because the message cannot be sent to them.
    pub(crate) fn leave(&mut self, error: Error) {
        for index in self.take_pending() {
            self.outcomes[index] = None;
        }
        self.unreadable = Some(error);
    }

    /// An interrupt ended the session: that is why nothing was decided on those whom the end of the connection met.
    pub(crate) fn interrupt(&mut self, outcomes: &mut [Outcome], error: Error) {
        let mut is_met = false;
        for outcome in outcomes {
            if let Outcome::Unsent(reason @ Reason::Closed(_)) = outcome {
                *reason = Reason::Closed(Cause::Aborted);
            }
            is_met |= matches!(outcome, Outcome::Unsent(Reason::Closed(_)) | Outcome::Unconfirmed(_));
        }
        if is_met {
            self.unreadable = Some(error);
        }
    }

    /// Begins the next round.
    pub(crate) fn try_again(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.append(&mut self.later);
            pending.sort_unstable();
        }
        self.moves = 0;
    }
}

/// The octets of a message that leaves.
#[derive(Debug)]
pub(crate) enum Octets {
    /// They lie in memory.
    AtHand(Cursor<Arc<[u8]>>),
    /// They are made as they are read.
    Made(Box<smtp_mime::Reader>),
}

impl Octets {
    fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::AtHand(octets) => octets,
            Self::Made(reader) => reader.as_mut(),
        }
    }
}

impl Read for Octets {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader().read(buffer)
    }
}

impl BufRead for Octets {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader().fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader().consume(count);
    }
}

/// Whether the same may succeed later: never what is unknown.
pub(crate) fn is_for_now(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused { reply, .. } => reply.is_transient(),
        Outcome::Unsent(reason) => Exit::of_reason(reason) == Exit::TEMPORARY,
        Outcome::Accepted(_) | Outcome::Unconfirmed(_) => false,
    }
}

/// Whether it failed only together with another recipient.
pub(crate) const fn is_companion(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::AnotherRefused))
}

/// The words for an envelope that the protocol machine turns down.
pub(crate) fn turned_down(misuse: &smtp_core::Misuse) -> Error {
    match misuse {
        smtp_core::Misuse::CommandTooLong { .. } => {
            Error::new(Exit::DATA, format!("the envelope cannot be sent: {misuse}"))
        }
        smtp_core::Misuse::NoRecipients => {
            Error::usage("there is no recipient, use --to, --cc, --bcc or --rcpt")
        }
        smtp_core::Misuse::RepeatedParameter | smtp_core::Misuse::NotAscii => {
            Error::usage(format!("the envelope cannot be sent: {misuse}"))
        }
        misuse => Error::new(Exit::SOFTWARE, format!("a fault of this program: {misuse}")),
    }
}

/// A small message to these recipients, for tests.
#[cfg(test)]
pub(crate) fn example(recipients: &[&str]) -> Mail {
    let context = smtp_mime::Context::new(
        smtp_mime::Date::from_unix(0, 0).expect("1970 is a year"),
        [0; smtp_mime::Context::SEED],
    );
    let from: smtp_mime::AddressList = "you@example.org".parse().expect("this is an address");
    let message = Message::builder().from(from).without_recipients().build(&context).expect("it is complete");
    let recipients = recipients.iter().map(|address| address.parse().expect("these are addresses"));
    let from = "you@example.org".parse().expect("this is an address");
    Mail::new(1, Envelope::new(from, recipients), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtp_core::{Code, Reply, Verb};

    fn mail(recipients: usize) -> Mail {
        let to: Vec<_> = (0..recipients).map(|index| format!("r{index}@example.net")).collect();
        example(&to.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Reply::new(Code::OK, "ok"))
    }

    fn refused(code: u16) -> Outcome {
        Outcome::Refused { verb: Verb::Rcpt, reply: Reply::new(Code::new(code).unwrap(), "no") }
    }

    fn too_many() -> Outcome {
        Outcome::Unsent(Reason::TooManyRecipients(Reply::new(Code::INSUFFICIENT_STORAGE, "too many")))
    }

    fn lost() -> Outcome {
        Outcome::Unsent(Reason::Closed(Cause::Lost))
    }

    const ONCE: Policy = Policy { has_later: false, moves: 0, free_moves: 1 };
    const MORE: Policy = Policy { has_later: true, ..ONCE };

    fn recipients(mail: &Mail) -> Vec<String> {
        mail.transaction().recipients.iter().map(|recipient| recipient.to.to_string()).collect()
    }

    #[test]
    fn too_many_recipients_go_into_a_further_transaction_until_one_accepts_none() {
        let mut mail = mail(3);
        assert_eq!(mail.settle(vec![accepted(), too_many(), too_many()], ONCE, Progress::Begun), Next::Again);
        assert_eq!(recipients(&mail), ["<r1@example.net>", "<r2@example.net>"]);
        assert_eq!(mail.settle(vec![too_many(), too_many()], ONCE, Progress::Begun), Next::Finished);
        assert_eq!(mail.outcomes, [Some(accepted()), Some(too_many()), Some(too_many())]);
    }

    #[test]
    fn only_what_failed_for_now_is_tried_later() {
        let mut mail = mail(4);
        let unknown = Outcome::Unconfirmed(Cause::Lost);
        assert_eq!(
            mail.settle(vec![accepted(), refused(450), refused(550), unknown], MORE, Progress::Begun),
            Next::Later
        );
        mail.try_again();
        assert_eq!(recipients(&mail), ["<r1@example.net>"]);
        assert_eq!(mail.settle(vec![refused(450)], ONCE, Progress::Begun), Next::Finished);
    }

    #[test]
    fn all_or_none_are_tried_later_only_if_all_may_succeed() {
        let companion = || Outcome::Unsent(Reason::AnotherRefused);
        let mut mail = mail(2);
        assert_eq!(mail.settle(vec![companion(), refused(450)], MORE, Progress::Begun), Next::Later);
        mail.try_again();
        assert_eq!(recipients(&mail).len(), 2);
        assert_eq!(mail.settle(vec![companion(), refused(550)], MORE, Progress::Begun), Next::Finished);
    }

    #[test]
    fn a_broken_session_lets_the_message_move_so_often() {
        let mut mail = mail(1);
        let policy = Policy { moves: 1, ..ONCE };
        assert_eq!(mail.settle(vec![lost()], policy, Progress::Waiting), Next::Again);
        assert_eq!(mail.settle(vec![lost()], policy, Progress::Begun), Next::Again);
        assert_eq!(mail.settle(vec![lost()], policy, Progress::Begun), Next::Finished);
    }

    #[test]
    fn a_message_that_had_not_begun_moves_once_for_nothing_and_what_is_unknown_never() {
        let unknown = || Outcome::Unconfirmed(Cause::Lost);
        let mut mail = mail(1);
        assert_eq!(mail.settle(vec![lost()], ONCE, Progress::TurnedAway), Next::Again);
        assert_eq!(mail.settle(vec![lost()], ONCE, Progress::TurnedAway), Next::Finished);
        for progress in [Progress::Begun, Progress::TurnedAway, Progress::Waiting] {
            let mut mail = example(&["a@example.org"]);
            assert_eq!(mail.settle(vec![unknown()], MORE, progress), Next::Finished, "{progress:?}");
        }
    }
}
