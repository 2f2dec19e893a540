//! Provides [`Slots`], the right to have a connection open: so many at once, in the order of those who wait.

use super::session::Session;
use crate::Instant;
use crate::mailer::{Check, Error, ErrorKind, Pool, PoolLimits, Tenure};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The right to have a connection open: so many at once, in the order of those who wait.
///
/// As an idle connection is always taken before a new one is opened, no more are open than there are permits.
pub(super) struct Slots {
    idle: Mutex<Pool<Idle>>,
    permits: Arc<Semaphore>,
    epoch: std::time::Instant,
}

/// A session that no message uses, and the runtime that it belongs to.
#[derive(Debug)]
struct Idle {
    session: Session,
    runtime: Id,
}

/// The right to have one connection open; it is returned when this is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    _permit: OwnedSemaphorePermit,
    /// What the reuse of its connection depends on.
    pub(super) tenure: Tenure,
    /// Whether it had a session.
    is_used: bool,
}

impl Slots {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
            idle: Mutex::new(Pool::new(limits)),
            epoch: std::time::Instant::now(),
        }
    }

    /// Waits for a slot.
    pub(super) async fn take(self: &Arc<Self>, deadline: Option<std::time::Instant>) -> Result<Slot, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), permit)
                .await
                .map_err(|_| ErrorKind::DeadlinePassed)?,
            None => permit.await,
        };
        let permit = permit.map_err(|_| ErrorKind::MailerClosed)?;
        Ok(Slot { slots: Arc::clone(self), _permit: permit, tenure: Tenure::new(self.now()), is_used: false })
    }

    /// Takes the idle sessions of this runtime out, and refuses every later wait.
    pub(super) fn close(&self) -> Vec<Session> {
        self.permits.close();
        let runtime = Handle::current().id();
        let idle = self.lock().drain();
        idle.into_iter().filter(|idle| idle.runtime == runtime).map(|idle| idle.session).collect()
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Pool<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Takes an idle session, if there is one; only once, so that a stale one is followed by a new one.
    pub(super) fn idle(&mut self) -> Option<(Session, Check)> {
        if std::mem::replace(&mut self.is_used, true) {
            return None;
        }
        let now = self.slots.now();
        let runtime = Handle::current().id();
        let mut pool = self.slots.lock();
        let mut discarded: Vec<_> = pool.expire(now);
        let found = loop {
            match pool.take(now) {
                // A socket serves the runtime that it was made in.
                Some((idle, ..)) if idle.runtime != runtime => discarded.push(idle),
                found => break found,
            }
        };
        drop(pool);
        drop(discarded);
        let (idle, tenure, check) = found?;
        self.tenure = tenure;
        Some((idle.session, check))
    }

    /// Puts a session back that may be used again, and returns the slot; gives the session back if it is to be closed.
    pub(super) fn put(self, session: Session) -> Option<Session> {
        if self.slots.permits.is_closed() {
            return Some(session);
        }
        let now = self.slots.now();
        let idle = Idle { session, runtime: Handle::current().id() };
        self.slots.lock().put(idle, self.tenure, now).map(|idle| idle.session)
    }

    /// Its connection is a new one.
    pub(super) fn renew(&mut self) {
        self.tenure = Tenure::new(self.slots.now());
    }
}
