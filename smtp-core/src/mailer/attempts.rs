//! Provides [`Attempts`], which limits how many sessions in a row end without a reply to a message.

use super::delivery::Policy;
use super::error::{Error, ErrorKind};
use super::work::Work;
use crate::Cause;

/// How often a message may move to another session when there are several.
const MOVES: usize = 3;
/// So many sessions in a row may break without a reply to a message, where there are several sessions.
const FRUITLESS: usize = 3;
/// The same of one session that the server ended by 421, or that was stale.
const TURNED_AWAY: usize = 2;

/// Limits how many sessions in a row end without a reply to a message.
#[derive(Clone, Copy, Debug)]
pub struct Attempts {
    has_others: bool,
    may_reconnect: bool,
    fruitless: usize,
}

impl Attempts {
    /// The attempts of one of so many sessions; `may_reconnect` says whether a message that had not begun when the server
    /// said 421 goes once over a new session.
    #[must_use]
    pub const fn new(connections: usize, may_reconnect: bool) -> Self {
        Self { has_others: connections > 1, may_reconnect, fruitless: 0 }
    }

    /// What is allowed in a round.
    #[must_use]
    pub fn policy(&self, has_later: bool) -> Policy {
        Policy::new(has_later, if self.has_others { MOVES } else { 0 }, usize::from(self.may_reconnect))
    }

    /// Takes how the work of a session ended; returns whether no further session is to be opened.
    pub fn ended<S>(&mut self, work: &Work<S>) -> bool {
        self.fruitless = if work.answered() > 0 { 0 } else { self.fruitless + 1 };
        let limit = match work.cause() {
            _ if self.has_others => FRUITLESS,
            Some(Cause::Unavailable(_)) if self.may_reconnect => TURNED_AWAY,
            _ if work.was_stale() => TURNED_AWAY,
            _ => 1,
        };
        self.fruitless >= limit
    }
}

/// Whether after this error of a round no other follows: it will fail again, or the time is over.
#[must_use]
pub fn ends_rounds(error: &Error) -> bool {
    !error.is_transient() || *error.kind() == ErrorKind::DeadlinePassed
}
