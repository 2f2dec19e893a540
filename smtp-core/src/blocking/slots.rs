//! Provides [`Slots`], the right to have a connection open: so many at once, in the order of those who wait.

use super::cancel::{Cancel, SLICE};
use super::session::Session;
use crate::Instant;
use crate::mailer::{Check, Error, ErrorKind, Pool, PoolLimits, Tenure};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// The right to have a connection open: so many at once, in the order of those who wait.
///
/// As an idle connection is always taken before a new one is opened, no more are open than there are slots.
pub(super) struct Slots {
    state: Mutex<State>,
    freed: Condvar,
    epoch: std::time::Instant,
}

struct State {
    idle: Pool<Session>,
    /// How many slots are in use.
    used: usize,
    /// Those who wait, the first one first.
    queue: VecDeque<u64>,
    /// The number of the next one who waits.
    next: u64,
    is_closed: bool,
    /// The process that the connections belong to.
    process: u32,
}

/// The right to have one connection open; it is returned when this is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    process: u32,
    /// Whether it was returned with its session.
    is_returned: bool,
    /// What the reuse of its connection depends on.
    pub(super) tenure: Tenure,
    /// Whether it had a session.
    is_used: bool,
}

/// A session that was idle, and how to check it.
type Idle = (Session, Check);

impl Slots {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            state: Mutex::new(State {
                idle: Pool::new(limits),
                used: 0,
                queue: VecDeque::new(),
                next: 0,
                is_closed: false,
                process: std::process::id(),
            }),
            freed: Condvar::new(),
            epoch: std::time::Instant::now(),
        }
    }

    /// Waits for a slot.
    pub(super) fn take(
        self: &Arc<Self>,
        cancel: &Cancel,
        deadline: Option<std::time::Instant>,
    ) -> Result<Slot, Error> {
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        state.queue.push_back(ticket);
        loop {
            let why = if state.is_closed {
                Some(ErrorKind::MailerClosed)
            } else if cancel.is_requested() {
                Some(ErrorKind::Cancelled)
            } else if deadline.is_some_and(|deadline| std::time::Instant::now() >= deadline) {
                Some(ErrorKind::DeadlinePassed)
            } else {
                None
            };
            if let Some(why) = why {
                state.queue.retain(|other| *other != ticket);
                self.wake(state);
                return Err(why.into());
            }
            if state.queue.front() == Some(&ticket) && state.used < state.idle.limits().connections {
                break;
            }
            let slice = deadline.map_or(SLICE, |deadline| {
                deadline.saturating_duration_since(std::time::Instant::now()).min(SLICE)
            });
            state = self.freed.wait_timeout(state, slice).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.queue.pop_front();
        state.used += 1;
        let process = state.process;
        // The next one may find a slot too.
        self.wake(state);
        let tenure = Tenure::new(self.now());
        Ok(Slot { slots: Arc::clone(self), process, is_returned: false, tenure, is_used: false })
    }

    /// Takes the idle sessions out, and refuses every later wait.
    pub(super) fn close(&self) -> Vec<Session> {
        let mut state = self.lock();
        state.is_closed = true;
        let sessions = state.idle.drain();
        self.wake(state);
        sessions
    }

    /// Wakes those who wait, which takes a system call where there are some.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let anyone_waits = !state.queue.is_empty();
        drop(state);
        if anyone_waits {
            self.freed.notify_all();
        }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// The state. In a process that was forked, sockets and slots of its parent are forgotten: the parent still uses them.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if state.process != process {
            state.process = process;
            state.used = 0;
            state.queue.clear();
            drop(state.idle.drain());
        }
        state
    }
}

impl Slot {
    /// Takes an idle session, if there is one; only once, so that a stale one is followed by a new one.
    pub(super) fn idle(&mut self) -> Option<Idle> {
        if std::mem::replace(&mut self.is_used, true) {
            return None;
        }
        let now = self.slots.now();
        let mut state = self.slots.lock();
        let expired = state.idle.expire(now);
        let idle = state.idle.take(now);
        drop(state);
        // What is too old is closed without a word, which no server minds and nobody waits for.
        drop(expired);
        let (session, tenure, check) = idle?;
        self.tenure = tenure;
        Some((session, check))
    }

    /// Puts a session back that may be used again, and returns the slot; gives the session back if it is to be closed.
    pub(super) fn put(mut self, session: Session) -> Option<Session> {
        let now = self.slots.now();
        let mut state = self.slots.lock();
        if state.is_closed || state.process != self.process {
            return Some(session);
        }
        let spent = state.idle.put(session, self.tenure, now);
        if spent.is_none() {
            state.used = state.used.saturating_sub(1);
            self.is_returned = true;
            self.slots.wake(state);
        }
        spent
    }

    /// Its connection is a new one.
    pub(super) fn renew(&mut self) {
        self.tenure = Tenure::new(self.slots.now());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.is_returned {
            return;
        }
        let mut state = self.slots.lock();
        if state.process == self.process {
            state.used = state.used.saturating_sub(1);
        }
        self.slots.wake(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Envelope;
    use crate::blocking::{Mailer, Options, RawMessage};
    use smtp_mock::{Certificate, Mock};
    use std::format;

    #[test]
    fn a_process_that_was_forked_touches_no_socket_of_its_parent() {
        let mock = Mock::builder().starttls(Certificate::Good).start();
        let mailer =
            Mailer::new(Options::from_url(&format!("smtp://{}", mock.addr())).unwrap().connections(1));
        let envelope =
            Envelope::new("<a@example.org>".parse().unwrap(), ["<b@example.net>".parse().unwrap()]);
        let message = RawMessage::new(envelope, "Subject: x\r\n\r\nIt works.\r\n");
        assert!(mailer.send(&message).unwrap().is_accepted());
        let slots = mailer.slots();
        let of_the_parent = slots.take(&Cancel::default(), None).unwrap();
        // A process that another one forked differs from it in its number.
        slots.state.lock().unwrap().process ^= 1;
        assert!(mailer.send(&message).unwrap().is_accepted());
        assert_eq!(mock.connections(), 2);
        mock.wait_closed(1);
        let first = mock.transcript().connection(1);
        assert!(!first.commands().iter().any(|line| line == "QUIT"), "{:?}", first.lines());
        // The slots of the parent's sends are not this process's.
        drop(of_the_parent);
        assert_eq!(slots.lock().used, 0);
    }
}
