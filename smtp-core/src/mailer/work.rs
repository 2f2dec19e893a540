//! Provides [`Work`], the messages that one session has: submitted, fed and settled.

use super::connection::Connection;
use super::delivery::{After, Delivery, Policy, Progress};
use super::error::{BoxError, Error, ErrorKind};
use super::opening::misused;
use super::submission::{Source, Submission};
use crate::{Cause, Code, End, Event, Goal, Misuse, Outcome, Reason, Reply, Verb, Violation};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// How far messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// MAIL and RSET: would the sender be accepted?
    Sender,
    /// MAIL, RCPT and RSET: would the recipients be accepted?
    Recipients,
    /// To the reply to DATA, after which the connection is closed.
    Data,
    /// To the end.
    #[default]
    Message,
}

impl Reach {
    /// Whether the server is only asked, and no message is sent.
    #[must_use]
    pub fn is_check(self) -> bool {
        self != Self::Message
    }
}

/// The messages that one session has.
///
/// A driver calls [`wants`](Self::wants) and [`submit`](Self::submit) until enough messages are under way, hands each
/// event to [`event`](Self::event) and, where octets are demanded, pulls them from [`source`](Self::source).
pub struct Work<S> {
    reach: Reach,
    policy: Policy,
    underway: VecDeque<Underway<S>>,
    /// How many messages got a reply.
    answered: usize,
    /// Why the session ended, once it has.
    cause: Option<Cause>,
    /// Whether the message at work when the session broke was settled.
    is_break_settled: bool,
    /// The reply by which the server awaits the message.
    ready: Option<Reply>,
    /// How many more messages the session may carry.
    quota: usize,
    /// Whether the session was idle before, so that it may be stale.
    is_reused: bool,
    /// Whether it turned out to be stale: the server had ended it, or ends it now.
    is_stale: bool,
}

/// A message that a session has.
struct Underway<S> {
    goal: Goal,
    delivery: Delivery<S>,
    source: Option<Box<dyn Source>>,
}

/// What became of a message that was to be submitted.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum Submitted<S> {
    /// It is under way.
    Underway,
    /// It cannot be sent, as its delivery says.
    Failed(Delivery<S>),
    /// The session accepts no more messages.
    TurnedDown(Delivery<S>),
}

impl<S: Submission> Work<S> {
    /// The work of a session that is open.
    #[must_use]
    pub fn new(reach: Reach, policy: Policy) -> Self {
        Self {
            reach,
            policy,
            underway: VecDeque::new(),
            answered: 0,
            cause: None,
            is_break_settled: false,
            ready: None,
            quota: usize::MAX,
            is_reused: false,
            is_stale: false,
        }
    }

    /// The same of a session that was idle before: if it turns out to be stale, its messages go over a new one.
    #[must_use]
    pub const fn reused(mut self, is_reused: bool) -> Self {
        self.is_reused = is_reused;
        self
    }

    /// The same of a session that may carry so many messages.
    #[must_use]
    pub const fn with_quota(mut self, messages: usize) -> Self {
        self.quota = messages;
        self
    }

    /// How many messages may be under way at once: those in flight, and one more, so that its commands leave with the end
    /// of the one before.
    #[must_use]
    pub const fn depth(&self, in_flight: usize) -> usize {
        match self.reach {
            // After DATA the connection is closed, so that each message has its own.
            Reach::Data => 1,
            _ => in_flight + 1,
        }
    }

    /// Whether another message may be submitted.
    #[must_use]
    pub fn wants(&self, depth: usize) -> bool {
        !self.is_over() && self.underway.len() < depth
    }

    /// Whether the session accepts no more messages.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.cause.is_some() || self.is_stale || self.quota == 0
    }

    /// Gives a message to the session.
    pub fn submit(&mut self, connection: &mut Connection, mut delivery: Delivery<S>) -> Submitted<S> {
        if let Err(error) = delivery.suit(connection.client().extensions()) {
            delivery.leave(error);
            return Submitted::Failed(delivery);
        }
        let transaction = delivery.transaction();
        let client = connection.client_mut();
        let goal = match self.reach {
            Reach::Sender => client.check_sender(alloc::sync::Arc::unwrap_or_clone(transaction)),
            Reach::Recipients => client.check(transaction),
            Reach::Data | Reach::Message => client.send(transaction),
        };
        match goal {
            Ok(goal) => {
                self.quota = self.quota.saturating_sub(1);
                self.underway.push_back(Underway { goal, delivery, source: None });
                Submitted::Underway
            }
            Err(Misuse::Closed | Misuse::AfterQuit) => Submitted::TurnedDown(delivery),
            Err(misuse) => {
                delivery.leave(misused(misuse));
                self.answered += 1;
                Submitted::Failed(delivery)
            }
        }
    }

    /// The source of the message whose octets the connection demands; `None` where it is to be abandoned instead, which
    /// this has done.
    pub fn source(&mut self, connection: &mut Connection, goal: Goal) -> Option<&mut Box<dyn Source>> {
        // It is among the last: those before it await their replies.
        let place = self.underway.iter().rposition(|underway| underway.goal == goal);
        let Some(place) = place.filter(|_| self.reach != Reach::Data) else {
            connection.abort_body();
            return None;
        };
        let underway = &mut self.underway[place];
        if underway.source.is_none() {
            match underway.delivery.open() {
                Ok(source) => underway.source = Some(source),
                Err(error) => {
                    self.unreadable(connection, goal, error);
                    return None;
                }
            }
        }
        self.underway[place].source.as_mut()
    }

    /// Takes the source of a message out, to be read elsewhere; [`put_back`](Self::put_back) returns it.
    pub fn take_source(&mut self, connection: &mut Connection, goal: Goal) -> Option<Box<dyn Source>> {
        self.source(connection, goal)?;
        let underway = self.underway.iter_mut().rev().find(|underway| underway.goal == goal)?;
        underway.source.take()
    }

    /// Returns a source that was taken out.
    pub fn put_back(&mut self, goal: Goal, source: Box<dyn Source>) {
        if let Some(underway) = self.underway.iter_mut().rev().find(|underway| underway.goal == goal) {
            underway.source = Some(source);
        }
    }

    /// The source of a message failed: nothing of it may pass for the whole, so the connection ends without the end of the
    /// mail data.
    pub fn unreadable(&mut self, connection: &mut Connection, goal: Goal, error: BoxError) {
        if let Some(underway) = self.underway.iter_mut().rev().find(|underway| underway.goal == goal) {
            underway.delivery.fail(Error::new(ErrorKind::Unreadable).with_source(error));
        }
        connection.abort_body();
    }

    /// Takes an event of the connection; returns the message that it settles, and what follows for it.
    pub fn event(&mut self, connection: &mut Connection, event: Event) -> Option<(Delivery<S>, After)> {
        match event {
            Event::Done { goal, end } => return self.settle(connection, goal, end),
            Event::Closed(cause) => self.cause = Some(cause),
            Event::Reply { verb: Some(Verb::Data), reply, .. } => self.ready = Some(reply),
            _ => {}
        }
        None
    }

    fn settle(&mut self, connection: &mut Connection, goal: Goal, end: End) -> Option<(Delivery<S>, After)> {
        let place = self.underway.iter().position(|underway| underway.goal == goal)?;
        let Underway { mut delivery, .. } = self.underway.remove(place)?;
        let count = delivery.pending();
        let mut outcomes = outcomes_of(connection, goal, end, count);
        if self.reach == Reach::Sender {
            // What the server says of the sender holds for every recipient.
            let of_sender = outcomes.first().cloned().unwrap_or(Outcome::Unsent(Reason::Prerequisite));
            outcomes.resize(count, of_sender);
        }
        if let Some(reply) = self.ready.take().filter(|_| self.reach == Reach::Data) {
            for outcome in outcomes.iter_mut().filter(|outcome| is_abandoned(outcome)) {
                *outcome = Outcome::Accepted(reply.clone());
            }
        }
        let is_first = self.is_reused && self.answered == 0;
        self.is_stale |= is_first && (connection.may_be_stale() || outcomes.iter().all(is_idle_too_long));
        if self.is_stale {
            for outcome in &mut outcomes {
                if let Outcome::Refused { reply, .. } = outcome {
                    *outcome = Outcome::Unsent(Reason::Closed(Cause::Unavailable(reply.clone())));
                }
            }
        }
        let is_last_word = outcomes.iter().any(is_unavailable);
        let answered = connection.client().answered();
        let is_between = |cause: &Cause| match cause {
            Cause::Unavailable(_) => {
                !matches!(answered, Some(Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat))
            }
            // A server that accepts so many messages a connection may close without a word.
            Cause::Lost => answered == Some(Verb::Message),
            _ => false,
        };
        let is_turned_away =
            turn_away(&mut outcomes) || all_closed_by(&outcomes, |cause| self.is_stale || is_between(cause));
        delivery.measure_mut().join(&connection.take_measure());
        delivery.set_ending(ending_of(&outcomes, connection));
        if let Some(reason) = connection.stopped() {
            delivery.stop(&mut outcomes, ErrorKind::from(reason).into());
        }
        let is_broken = delivery.ending().is_some();
        // The first one that the break met was at work, or was turned away; those after it had not begun.
        let is_waiting = self.is_break_settled || outcomes.iter().any(is_after_a_refusal);
        let progress = match (is_broken && is_waiting, is_turned_away) {
            (true, _) => Progress::Waiting,
            (_, true) => Progress::TurnedAway,
            (_, false) => Progress::Begun,
        };
        self.is_break_settled |= is_broken || is_last_word || delivery.error().is_some();
        if !is_broken && !is_last_word {
            self.answered += 1;
        }
        let after = delivery.settle(outcomes, self.policy, progress);
        Some((delivery, after))
    }
}

impl<S> Work<S> {
    /// Whether no message is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.underway.is_empty()
    }

    /// How many messages got a reply.
    #[must_use]
    pub const fn answered(&self) -> usize {
        self.answered
    }

    /// Whether the session carried as many messages as it may.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.quota == 0
    }

    /// Whether the session was idle before, and turned out to be stale.
    #[must_use]
    pub const fn was_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether the session may be used again: no message is under way, and it has not ended.
    #[must_use]
    pub fn may_keep(&self) -> bool {
        self.cause.is_none() && !self.is_stale && self.underway.is_empty()
    }

    /// Why the session ended, once it has.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The messages that the session still has; none after it has ended.
    pub fn drain(&mut self) -> Vec<Delivery<S>> {
        self.underway.drain(..).map(|underway| underway.delivery).collect()
    }
}

impl<S> fmt::Debug for Work<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// What became of each of the recipients, `count` of them, of the goal that has just ended.
///
/// Of a message whose end was queued the machine says that it may have arrived; if the end has not left, because the write
/// that holds it was not finished, it cannot have.
#[must_use]
pub fn outcomes_of(connection: &Connection, goal: Goal, end: End, count: usize) -> Vec<Outcome> {
    let mut outcomes = match end {
        End::Delivered(outcomes) | End::Checked(outcomes) => outcomes,
        End::Undone(reason) => vec![Outcome::Unsent(reason); count],
        _ => vec![Outcome::Unsent(Reason::Prerequisite); count],
    };
    if connection.is_cut(goal) {
        for outcome in &mut outcomes {
            if let Outcome::Unconfirmed(cause) = outcome {
                *outcome = Outcome::Unsent(Reason::Closed(cause.clone()));
            }
        }
    }
    outcomes
}

/// Why the session ended within a transaction, if it did.
#[must_use]
pub fn ending_of(outcomes: &[Outcome], connection: &Connection) -> Option<Error> {
    let cause = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Unsent(Reason::Closed(cause)) | Outcome::Unconfirmed(cause) => Some(cause),
        _ => None,
    })?;
    Some(connection.error(cause))
}

/// Turns a 421 to MAIL into «not sent»: it is no word on the sender, but on the connection (RFC 5321 §3.8). Returns whether
/// there was one.
fn turn_away(outcomes: &mut [Outcome]) -> bool {
    let mut is_turned_away = false;
    for outcome in outcomes {
        let is_unavailable = is_unavailable(outcome);
        if let Outcome::Refused { verb: Verb::Mail, reply } = outcome
            && is_unavailable
        {
            is_turned_away = true;
            *outcome = Outcome::Unsent(Reason::Closed(Cause::Unavailable(reply.clone())));
        }
    }
    is_turned_away
}

/// Whether such a cause ended the connection before any recipient had an outcome.
fn all_closed_by(outcomes: &[Outcome], is_such: impl Fn(&Cause) -> bool) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unsent(Reason::Closed(cause)) if is_such(cause)))
}

/// Whether it was refused by the 421 that ended the session.
fn is_unavailable(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { reply, .. } if reply.code() == Code::UNAVAILABLE)
}

/// Whether the server refused MAIL because the connection had been idle too long (RFC 3463 §3.5: 4.4.2 is a bad
/// connection), or said 221, by which it closes the connection.
fn is_idle_too_long(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused { verb: Verb::Mail, reply } => {
            reply.enhanced().is_some_and(|code| code.to_string() == "4.4.2")
        }
        Outcome::Unsent(Reason::Closed(Cause::Violation(Violation::UnexpectedReply(reply)))) => {
            reply.code() == Code::CLOSING
        }
        _ => false,
    }
}

/// Whether the session ended because the message before it was refused in its middle.
const fn is_after_a_refusal(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::Closed(Cause::Refused(_))))
}

/// Whether the client itself abandoned the message.
const fn is_abandoned(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::Aborted | Reason::Closed(Cause::Aborted)))
}
