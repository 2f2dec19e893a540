//! Provides [`Queue`], the messages of all sessions of a delivery.

use crate::mailer::{After, Batch, Delivery};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt as _};
use std::boxed::Box;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The messages that an application supplies.
pub(super) type Supply<'a, S> = Pin<Box<dyn Stream<Item = Delivery<S>> + Send + 'a>>;

/// The messages of all sessions of a delivery.
pub(super) struct Queue<'a, S> {
    supply: tokio::sync::Mutex<Option<Supply<'a, S>>>,
    inside: Mutex<Inside<S>>,
    changed: Notify,
}

struct Inside<S> {
    batch: Batch<S>,
    /// How many messages were taken for sessions that are being opened, and may come back.
    claimed: usize,
}

impl<'a, S> Queue<'a, S> {
    pub(super) fn new(supply: Supply<'a, S>) -> Self {
        Self {
            supply: tokio::sync::Mutex::new(Some(supply)),
            inside: Mutex::new(Inside { batch: Batch::default(), claimed: 0 }),
            changed: Notify::new(),
        }
    }
}

impl<S> Queue<'_, S> {
    /// The next message of this round, if one is there.
    pub(super) fn take(&self) -> Option<Delivery<S>> {
        let came_back = self.lock().batch.take();
        came_back.or_else(|| self.ask().now_or_never().flatten())
    }

    /// Waits until a message is there; returns whether none is left in this round.
    pub(super) async fn is_over(&self) -> bool {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if !self.lock().batch.is_empty() {
                return false;
            }
            // What comes back ends the wait for the supply too.
            let asked = {
                let asking = pin!(self.ask());
                match select(asking, changed.as_mut()).await {
                    Either::Left((asked, _)) => Some(asked),
                    Either::Right(_) => None,
                }
            };
            match asked {
                Some(Some(delivery)) => {
                    self.put(delivery);
                    return false;
                }
                Some(None) if self.has_claimed() => changed.await,
                Some(None) => return self.lock().batch.is_empty(),
                None => {}
            }
        }
    }

    /// Takes a message for a session that is to be opened; [`opened`](Self::opened) or [`put_back`](Self::put_back) follows.
    pub(super) fn claim(&self) -> Option<Delivery<S>> {
        let delivery = self.take()?;
        self.lock().claimed += 1;
        Some(delivery)
    }

    /// The session is open.
    pub(super) fn opened(&self) {
        self.lock().claimed -= 1;
        self.changed.notify_waiters();
    }

    /// The session could not be opened: others may send its message.
    pub(super) fn put_back(&self, delivery: Delivery<S>) {
        self.put(delivery);
        self.opened();
    }

    /// Puts a message into this round.
    pub(super) fn put(&self, delivery: Delivery<S>) {
        self.lock().batch.put(delivery);
        self.changed.notify_waiters();
    }

    /// Takes a message that was settled; returns it if it is finished.
    pub(super) fn settle(&self, delivery: Delivery<S>, after: After) -> Option<Delivery<S>> {
        let finished = self.lock().batch.settle(delivery, after);
        if finished.is_none() {
            self.changed.notify_waiters();
        }
        finished
    }

    /// Begins the next round; returns whether it has a message.
    pub(super) async fn begin_round(&self) -> bool {
        self.lock().batch.begin_round();
        !self.is_over().await
    }

    /// The messages that wait, when no more are sent.
    pub(super) fn drain(&self) -> std::vec::Vec<Delivery<S>> {
        self.lock().batch.drain().collect()
    }

    /// The next message of the supply.
    pub(super) async fn ask(&self) -> Option<Delivery<S>> {
        let mut supply = self.supply.lock().await;
        let next = supply.as_mut()?.next().await;
        if next.is_none() {
            *supply = None;
        }
        next
    }

    fn has_claimed(&self) -> bool {
        self.lock().claimed > 0
    }

    fn lock(&self) -> MutexGuard<'_, Inside<S>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
