//! Provides [`Lane`], one connection after the other for one send or one part of a batch.

use super::session::Session;
use super::slots::{Slot, Slots};
use crate::mailer::{Error, ErrorKind, Options};
use crate::network::Opener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What the lanes of a mailer share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) opener: Opener,
    pub(super) slots: Arc<Slots>,
    /// How many sessions were opened.
    pub(super) sessions: AtomicUsize,
}

/// One connection after the other, for one send or one part of a batch.
pub(super) struct Lane<'a> {
    shared: &'a Shared,
    deadline: Option<Instant>,
    slot: Mutex<Option<Slot>>,
}

/// A session that is open, and how it may be used.
pub(super) struct Opened {
    pub(super) session: Session,
    /// Whether it was idle before, so that it may be stale.
    pub(super) is_reused: bool,
    /// How many messages it may carry.
    pub(super) messages: usize,
}

impl<'a> Lane<'a> {
    pub(super) const fn new(shared: &'a Shared, deadline: Option<Instant>) -> Self {
        Self { shared, deadline, slot: Mutex::new(None) }
    }

    /// Waits for the right to have a connection open.
    pub(super) async fn admit(&self) -> Result<(), Error> {
        let is_admitted = self.lock().is_some();
        if !is_admitted {
            let slot = self.shared.slots.take(self.deadline).await?;
            *self.lock() = Some(slot);
        }
        Ok(())
    }

    /// A session: an idle one that still serves, or a new one. After one that did not, a new one.
    pub(super) async fn open(&self) -> Result<Opened, Error> {
        let limits = &self.shared.options.pool;
        let idle = match self.lock().as_mut() {
            Some(slot) => slot.idle().map(|idle| (idle, slot.tenure.remaining(limits))),
            None => return Err(ErrorKind::MailerClosed.into()),
        };
        if let Some(((mut session, check), messages)) = idle {
            session.begin(self.deadline);
            if session.still_serves(check).await {
                return Ok(Opened { session, is_reused: true, messages });
            }
        }
        let number = self.shared.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let observers = self.shared.options.observers.as_ref().map(|make| make(number)).unwrap_or_default();
        let session = Session::open(&self.shared.opener, observers, self.deadline).await?;
        if let Some(slot) = self.lock().as_mut() {
            slot.renew();
        }
        Ok(Opened { session, is_reused: false, messages: limits.messages })
    }

    /// Takes a session back that may be used again.
    pub(super) async fn keep(&self, mut session: Session, messages: usize) {
        let slot = self.lock().take();
        let Some(mut slot) = slot else { return };
        slot.tenure.add_messages(messages);
        session.rest();
        if let Some(mut spent) = slot.put(session) {
            spent.begin(None);
            spent.part().await;
        }
    }

    /// Lets others have the connection.
    pub(super) fn release(&self) {
        let slot = self.lock().take();
        drop(slot);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Slot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
