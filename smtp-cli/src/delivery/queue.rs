//! Provides [`Queue`], from which all sessions take their messages and to which they bring them back.

use crate::error::{Error, Result};
use crate::mail::Mail;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Makes the messages, one at a time, so that no more of them are held than are on their way.
pub(crate) type Supply<'a> = Box<dyn Iterator<Item = Result<Mail>> + Send + 'a>;

/// The messages of all sessions.
pub(crate) struct Queue<'a>(Mutex<Inside<'a>>);

struct Inside<'a> {
    supply: Option<Supply<'a>>,
    /// Brought back, to be sent in this round.
    again: VecDeque<Mail>,
    /// To be sent in the next round.
    later: VecDeque<Mail>,
    /// Why the supply ended early.
    failure: Option<Error>,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(supply: Supply<'a>) -> Self {
        Self(Mutex::new(Inside {
            supply: Some(supply),
            again: VecDeque::new(),
            later: VecDeque::new(),
            failure: None,
        }))
    }

    /// The next message of this round.
    pub(crate) fn take(&self) -> Option<Mail> {
        let mut inside = self.inside();
        inside.again.pop_front().or_else(|| inside.ask())
    }

    /// Whether there is nothing left in this round.
    pub(crate) fn is_empty(&self) -> bool {
        let mut inside = self.inside();
        inside.refill();
        inside.again.is_empty()
    }

    /// Brings a message back for this round, in the order of the messages.
    pub(crate) fn bring_back(&self, mail: Mail) {
        let again = &mut self.inside().again;
        let place = again.iter().position(|other| other.number > mail.number).unwrap_or(again.len());
        again.insert(place, mail);
    }

    /// Puts a message aside for the next round.
    pub(crate) fn put_aside(&self, mail: Mail) {
        self.inside().later.push_back(mail);
    }

    /// Begins the next round; says whether there is anything in it.
    pub(crate) fn begin_round(&self) -> bool {
        let mut inside = self.inside();
        let mut later = std::mem::take(&mut inside.later);
        later.iter_mut().for_each(Mail::try_again);
        inside.again.append(&mut later);
        inside.refill();
        !inside.again.is_empty()
    }

    /// Tells `finished` of those that nobody finished, with `left`, which says why; gives why there are no more.
    pub(crate) fn close(
        self,
        finished: &dyn Fn(&Mail, Option<&Error>),
        left: Option<&Error>,
    ) -> Option<Error> {
        let mut inside = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for mail in std::mem::take(&mut inside.later) {
            finished(&mail, left.or(inside.failure.as_ref()));
        }
        while let Some(mail) = inside.again.pop_front().or_else(|| inside.ask()) {
            finished(&mail, left.or(inside.failure.as_ref()));
        }
        inside.failure
    }

    fn inside(&self) -> MutexGuard<'_, Inside<'a>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside<'_> {
    /// Asks the supply when nothing else is left.
    fn refill(&mut self) {
        if self.again.is_empty() {
            let more = self.ask();
            self.again.extend(more);
        }
    }

    /// Asks the supply for one more.
    fn ask(&mut self) -> Option<Mail> {
        match self.supply.as_mut()?.next() {
            Some(Ok(mail)) => Some(mail),
            Some(Err(error)) => {
                self.supply = None;
                self.failure.get_or_insert(error);
                None
            }
            None => {
                self.supply = None;
                None
            }
        }
    }
}
