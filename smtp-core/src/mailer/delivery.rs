//! Provides [`Delivery`], a message on its way to its recipients, and what became of each so far.

use super::error::{BoxError, Error, ErrorKind};
use super::fate::{Fate, RecipientReport, Report, is_transient};
use super::measure::Measure;
use super::submission::{Source, Submission};
use crate::{Cause, Envelope, Extensions, Outcome, Reason};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A message on its way to its recipients, and what became of each so far.
#[derive(Debug)]
pub struct Delivery<S> {
    submission: S,
    /// The same in 7 bits, once a server needed that.
    seven_bit: Option<SevenBit>,
    index: usize,
    envelope: Arc<Envelope>,
    /// The last outcome of each recipient, and who decided it.
    outcomes: Vec<Option<Outcome>>,
    /// Why the message could not be read to its end, or not be made suitable for the server; it decides on those
    /// recipients that nothing else decided on.
    error: Option<Error>,
    /// How the last session ended, if that ended early.
    ending: Option<Error>,
    /// What is known of single recipients, where not all go to one server.
    own: Vec<Own>,
    measure: Measure,
    /// The recipients of the next transaction; `None` for all.
    pending: Option<Vec<usize>>,
    /// The recipients of the next round.
    later: Vec<usize>,
    /// How often a session ended before the message could be sent.
    moves: usize,
}

struct SevenBit(Box<dyn Submission>);

impl core::fmt::Debug for SevenBit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SevenBit")
    }
}

/// What is known of one recipient alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Own {
    /// The server that decided.
    pub server: Option<String>,
    /// Why no transaction was tried, where that is so.
    pub error: Option<Error>,
}

impl Own {
    /// Nothing.
    pub const NONE: Self = Self { server: None, error: None };
}

/// What is allowed after a transaction that did not succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether there is a later round for transient failures.
    pub has_later: bool,
    /// How often a message may move to another session when its own broke.
    pub moves: usize,
    /// How often it may, if the server said 421 before the message had begun.
    pub free_moves: usize,
}

impl Policy {
    /// A policy of these limits.
    #[must_use]
    pub const fn new(has_later: bool, moves: usize, free_moves: usize) -> Self {
        Self { has_later, moves, free_moves }
    }
}

/// How far a message was when its session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a step of the mailer's own
pub enum Progress {
    /// Its commands were accepted, or that is not known.
    Begun,
    /// The server said 421 to its MAIL.
    TurnedAway,
    /// It was queued after a message that had begun or was turned away.
    Waiting,
}

/// What follows a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a mailer that forgets an arm must not compile
pub enum After {
    /// Nothing: the message is finished.
    Finished,
    /// A further transaction at once.
    Again,
    /// A further transaction in the next round.
    Later,
}

impl<S: Submission> Delivery<S> {
    /// A message that no transaction was tried for; `index` is its place among the messages of a batch.
    ///
    /// # Errors
    /// If it has no envelope; the submission is given back.
    pub fn new(submission: S, index: usize) -> Result<Self, (S, BoxError)> {
        let envelope = match submission.envelope() {
            Ok(envelope) => envelope,
            Err(error) => return Err((submission, error)),
        };
        Ok(Self::with_envelope(submission, index, envelope))
    }

    /// A message that no transaction was tried for, with this envelope instead of its own.
    pub fn with_envelope(submission: S, index: usize, envelope: impl Into<Arc<Envelope>>) -> Self {
        let envelope = envelope.into();
        Self {
            submission,
            seven_bit: None,
            index,
            outcomes: vec![None; envelope.recipients.len()],
            envelope,
            error: None,
            ending: None,
            own: Vec::new(),
            measure: Measure::default(),
            pending: None,
            later: Vec::new(),
            moves: 0,
        }
    }

    /// The same message to these of its recipients, as if no transaction was tried.
    pub fn part(&self, recipients: &[usize]) -> Delivery<&S> {
        let mut envelope = Envelope::clone(&self.envelope);
        let chosen = recipients.iter().filter_map(|&index| self.envelope.recipients.get(index).cloned());
        envelope.recipients = chosen.collect();
        Delivery::with_envelope(&self.submission, self.index, envelope)
    }

    /// Takes what became of a part of it: of these recipients, decided by `server`.
    pub fn join(&mut self, part: &Delivery<&S>) {
        self.measure.join(&part.measure);
        if part.error.is_some() {
            self.error.clone_from(&part.error);
        }
    }

    /// Its octets, from the first one.
    ///
    /// # Errors
    /// If they cannot be had.
    pub fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        match &self.seven_bit {
            Some(SevenBit(submission)) => submission.open(),
            None => self.submission.open(),
        }
    }

    /// Encodes the message anew if it is not ASCII and the server does not offer 8BITMIME (RFC 6152 §3).
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn suit(&mut self, extensions: &Extensions) -> Result<(), Error> {
        let fits = self.envelope.body == crate::BodyType::SevenBit || extensions.has("8BITMIME");
        if fits || self.seven_bit.is_some() {
            return Ok(());
        }
        // Without another form the machine says that 8BITMIME is not offered.
        let Some(other) = self.submission.seven_bit() else { return Ok(()) };
        let other = other.map_err(|error| Error::new(ErrorKind::Unsuitable).with_source(error))?;
        let wanted =
            other.envelope().map_err(|error| Error::new(ErrorKind::Unsuitable).with_source(error))?;
        let envelope = Arc::make_mut(&mut self.envelope);
        envelope.body = wanted.body;
        envelope.size = wanted.size;
        self.seven_bit = Some(SevenBit(other));
        Ok(())
    }
}

impl<S> Delivery<S> {
    /// The message.
    pub const fn submission(&self) -> &S {
        &self.submission
    }

    /// The message, when nothing more is to be done for it.
    pub fn into_submission(self) -> S {
        self.submission
    }

    /// Its place among the messages of a batch.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Who sends to whom.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The last outcome of each recipient; `None` where no transaction decided.
    #[must_use]
    pub fn outcomes(&self) -> &[Option<Outcome>] {
        &self.outcomes
    }

    /// The outcomes, to be changed by who delivers in parts.
    pub fn outcomes_mut(&mut self) -> &mut [Option<Outcome>] {
        &mut self.outcomes
    }

    /// Why the message could not be sent, for those recipients that nothing else decided on.
    #[must_use]
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Sets why the message could not be sent.
    pub fn fail(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// How the last session ended, if it ended within the message.
    #[must_use]
    pub const fn ending(&self) -> Option<&Error> {
        self.ending.as_ref()
    }

    /// Sets how the last session ended.
    pub fn set_ending(&mut self, ending: Option<Error>) {
        self.ending = ending;
    }

    /// What is known of one recipient alone.
    #[must_use]
    pub fn own(&self, index: usize) -> &Own {
        self.own.get(index).unwrap_or(&Own::NONE)
    }

    /// The same, to be changed.
    pub fn own_mut(&mut self, index: usize) -> &mut Own {
        let count = self.outcomes.len().max(index + 1);
        self.own.resize(count, Own::NONE);
        &mut self.own[index]
    }

    /// What its transactions cost, with the opening of the session if it was the first.
    #[must_use]
    pub const fn measure(&self) -> &Measure {
        &self.measure
    }

    /// The same, to add to.
    pub fn measure_mut(&mut self) -> &mut Measure {
        &mut self.measure
    }

    /// How many recipients the next transaction has.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.as_ref().map_or(self.outcomes.len(), Vec::len)
    }

    /// The envelope of the next transaction.
    #[must_use]
    pub fn transaction(&self) -> Arc<Envelope> {
        let Some(pending) = &self.pending else { return Arc::clone(&self.envelope) };
        let mut envelope = Envelope::clone(&self.envelope);
        envelope.recipients = pending.iter().map(|&index| self.envelope.recipients[index].clone()).collect();
        Arc::new(envelope)
    }

    /// Takes the outcomes of a transaction; `progress` counts if the session ended with it.
    pub fn settle(&mut self, outcomes: Vec<Outcome>, policy: Policy, progress: Progress) -> After {
        let is_whole = self.pending.is_none() && outcomes.len() == self.outcomes.len();
        if is_whole && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))) {
            // What nearly all messages come to.
            self.pending = Some(Vec::new());
            self.outcomes.clear();
            self.outcomes.extend(outcomes.into_iter().map(Some));
            return After::Finished;
        }
        let any_accepted = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_)));
        let all_transient = outcomes.iter().all(|outcome| is_transient(outcome) || is_companion(outcome));
        let is_broken = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unsent(Reason::Closed(_))));
        let moves = match progress {
            Progress::Begun => policy.moves,
            Progress::TurnedAway => policy.moves.max(policy.free_moves),
            Progress::Waiting => usize::MAX,
        };
        let may_move = self.error.is_none() && is_broken && self.moves < moves;
        let mut again = Vec::new();
        for (index, outcome) in self.take_pending().into_iter().zip(outcomes) {
            match &outcome {
                Outcome::Unsent(Reason::TooManyRecipients(_)) if any_accepted => again.push(index),
                Outcome::Unsent(Reason::Closed(_)) if may_move => again.push(index),
                outcome if policy.has_later && is_transient(outcome) => self.later.push(index),
                // They failed only together with others, which may succeed later.
                outcome if policy.has_later && all_transient && is_companion(outcome) => {
                    self.later.push(index);
                }
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
            After::Again
        } else if self.later.is_empty() {
            After::Finished
        } else {
            After::Later
        }
    }

    /// Leaves the recipients of the next transaction undecided, because of `error`.
    pub fn leave(&mut self, error: Error) {
        for index in self.take_pending() {
            self.outcomes[index] = None;
        }
        self.error = Some(error);
    }

    /// Replaces the words of outcomes that a session ended early by `error` explains: nothing was decided on those that the
    /// end of the connection met.
    pub fn stop(&mut self, outcomes: &mut [Outcome], error: Error) {
        let mut is_met = false;
        for outcome in outcomes {
            if let Outcome::Unsent(reason @ Reason::Closed(_)) = outcome {
                *reason = Reason::Closed(Cause::Aborted);
            }
            is_met |= matches!(outcome, Outcome::Unsent(Reason::Closed(_)) | Outcome::Unconfirmed(_));
        }
        if is_met {
            self.error = Some(error);
        }
    }

    /// Begins the next round.
    pub fn begin_round(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.append(&mut self.later);
            pending.sort_unstable();
        }
        self.moves = 0;
    }

    /// Whether an outcome only says that the message was abandoned, for the error that the delivery has.
    #[must_use]
    pub fn is_left(&self, outcome: &Outcome) -> bool {
        self.error.is_some()
            && matches!(outcome, Outcome::Unsent(Reason::Aborted | Reason::Closed(Cause::Aborted)))
    }

    /// The fates of the recipients; `server` decided where nobody else did, and `left` is why no transaction was tried.
    pub fn report(&self, server: &str, left: Option<&Error>) -> Report {
        let left = self.error.as_ref().or(left);
        let recipients = self.envelope.recipients.iter().zip(&self.outcomes).enumerate();
        let recipients = recipients.map(|(index, (recipient, outcome))| {
            let own = self.own(index);
            let fate = match outcome {
                Some(outcome) if !self.is_left(outcome) => Fate::Decided {
                    outcome: outcome.clone(),
                    server: own.server.clone().unwrap_or_else(|| server.into()),
                },
                _ => Fate::NotAttempted(
                    own.error.as_ref().or(left).cloned().unwrap_or_else(|| ErrorKind::Cancelled.into()),
                ),
            };
            RecipientReport { address: recipient.to.clone(), fate }
        });
        Report { recipients: recipients.collect(), measure: self.measure.clone() }
    }

    /// Takes the recipients of the next transaction out of it.
    fn take_pending(&mut self) -> Vec<usize> {
        self.pending.replace(Vec::new()).unwrap_or_else(|| (0..self.outcomes.len()).collect())
    }
}

/// Whether a recipient failed only together with another.
#[must_use]
pub const fn is_companion(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::AnotherRefused))
}
