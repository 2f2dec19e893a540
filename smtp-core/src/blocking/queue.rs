//! Provides [`Queue`], the messages of all sessions of a delivery.

use super::cancel::{Cancel, SLICE};
use crate::mailer::{After, Batch, Delivery};
use std::boxed::Box;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the messages come from.
pub(super) enum Supply<'a, S> {
    /// Each is there as soon as it is asked for.
    Ready(Box<dyn Iterator<Item = Delivery<S>> + Send + 'a>),
    /// Another thread hands them over, and signals each.
    Ahead(Receiver<Delivery<S>>),
    /// There are no more.
    Over,
}

/// Wakes those who wait for a change, which they count so that they miss none.
#[derive(Debug, Default)]
pub(super) struct Signal {
    changes: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    pub(super) fn raise(&self) {
        *self.lock() += 1;
        self.changed.notify_all();
    }

    fn count(&self) -> u64 {
        *self.lock()
    }

    /// Waits for a change since that count, no longer than `limit`.
    fn wait(&self, since: u64, limit: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |changes| *changes == since);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The messages of all sessions of a delivery.
pub(super) struct Queue<'a, S> {
    inside: Mutex<Inside<'a, S>>,
    signal: Arc<Signal>,
}

struct Inside<'a, S> {
    supply: Supply<'a, S>,
    batch: Batch<S>,
    /// How many messages were taken for sessions that are being opened, and may come back.
    claimed: usize,
}

/// What there is for a session that asks.
pub(super) enum Next<T> {
    /// This message.
    Message(T),
    /// None now, but there may be one later.
    NotYet,
    /// None any more in this round.
    Over,
}

impl<'a, S> Queue<'a, S> {
    pub(super) fn new(supply: Supply<'a, S>, signal: Arc<Signal>) -> Self {
        Self { inside: Mutex::new(Inside { supply, batch: Batch::default(), claimed: 0 }), signal }
    }

    /// The next message of this round, if one is there.
    pub(super) fn take(&self) -> Next<Delivery<S>> {
        self.lock().next()
    }

    /// Waits until a message is there; returns whether none is left in this round, or `cancel` was requested.
    pub(super) fn is_over(&self, cancel: &Cancel) -> bool {
        loop {
            let seen = self.signal.count();
            let next = self.lock().peek();
            match next {
                Next::Message(()) => return false,
                Next::Over => return true,
                Next::NotYet if cancel.is_requested() => return true,
                Next::NotYet => self.signal.wait(seen, SLICE),
            }
        }
    }

    /// Takes a message for a session that is to be opened; [`opened`](Self::opened) or [`put_back`](Self::put_back) follows.
    pub(super) fn claim(&self) -> Option<Delivery<S>> {
        let mut inside = self.lock();
        let Next::Message(delivery) = inside.next() else { return None };
        inside.claimed += 1;
        Some(delivery)
    }

    /// The session is open.
    pub(super) fn opened(&self) {
        self.lock().claimed -= 1;
        self.signal.raise();
    }

    /// The session could not be opened: others may send its message.
    pub(super) fn put_back(&self, delivery: Delivery<S>) {
        self.put(delivery);
        self.opened();
    }

    /// Puts a message into this round.
    pub(super) fn put(&self, delivery: Delivery<S>) {
        self.lock().batch.put(delivery);
        self.signal.raise();
    }

    /// Takes a message that was settled; returns it if it is finished.
    pub(super) fn settle(&self, delivery: Delivery<S>, after: After) -> Option<Delivery<S>> {
        let finished = self.lock().batch.settle(delivery, after);
        if finished.is_none() {
            self.signal.raise();
        }
        finished
    }

    /// Begins the next round; returns whether it has a message.
    pub(super) fn begin_round(&self, cancel: &Cancel) -> bool {
        self.lock().batch.begin_round();
        !self.is_over(cancel)
    }

    /// The messages that are left, when no more are sent; those that are supplied later too.
    pub(super) fn drain(self, mut finish: impl FnMut(Delivery<S>)) {
        let mut inside = self.inside.into_inner().unwrap_or_else(PoisonError::into_inner);
        inside.batch.drain().for_each(&mut finish);
        match inside.supply {
            Supply::Ready(supply) => supply.for_each(finish),
            Supply::Ahead(supply) => supply.into_iter().for_each(finish),
            Supply::Over => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside<'a, S>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Inside<'_, S> {
    fn next(&mut self) -> Next<Delivery<S>> {
        match self.batch.take().map_or_else(|| self.ask(), Next::Message) {
            // Those that were claimed may come back.
            Next::Over if self.claimed > 0 => Next::NotYet,
            next => next,
        }
    }

    /// What is next, which stays here.
    fn peek(&mut self) -> Next<()> {
        if !self.batch.is_empty() {
            return Next::Message(());
        }
        match self.next() {
            Next::Message(delivery) => {
                self.batch.put(delivery);
                Next::Message(())
            }
            Next::NotYet => Next::NotYet,
            Next::Over => Next::Over,
        }
    }

    fn ask(&mut self) -> Next<Delivery<S>> {
        let next = match &mut self.supply {
            Supply::Ready(supply) => supply.next(),
            Supply::Ahead(supply) => match supply.try_recv() {
                Err(TryRecvError::Empty) => return Next::NotYet,
                next => next.ok(),
            },
            Supply::Over => None,
        };
        match next {
            Some(delivery) => Next::Message(delivery),
            None => {
                self.supply = Supply::Over;
                Next::Over
            }
        }
    }
}
