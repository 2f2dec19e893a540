//! Provides locks, and a signal for waiters on the capture, which costs nothing while there are none.

use core::time::Duration;
use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Locks. A poisoned lock only says that some thread of the test panicked; what it guards is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What has changed, or what a waiter waits for; each includes those after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// Something was said.
    Entry,
    /// A message was kept, or a connection ended.
    Milestone,
    /// Someone outside wants the waiters to look again.
    #[cfg_attr(not(feature = "program"), allow(dead_code, reason = "the program alone calls"))]
    Call,
}

/// Three levels of waiting, so that a session that sends replies need not wake a waiter for messages: a wake-up is a system
/// call and a change of threads, which is more than all else that a reply costs.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    levels: [Level; 3],
}

#[derive(Debug, Default)]
struct Level {
    waiting: AtomicUsize,
    changed: Condvar,
}

impl Signal {
    /// Wakes the waiters for this change. What changed must be under the lock that waiters hold.
    pub(crate) fn notify(&self, change: Change) {
        for level in &self.levels[..=change as usize] {
            if level.waiting.load(Ordering::SeqCst) > 0 {
                level.changed.notify_all();
            }
        }
    }

    /// Waits for a change, at most for `limit`.
    pub(crate) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        change: Change,
        limit: Duration,
    ) -> MutexGuard<'a, T> {
        let level = &self.levels[change as usize];
        // Counted while the lock is held: a later change sees the waiter.
        level.waiting.fetch_add(1, Ordering::SeqCst);
        let guard = level.changed.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0;
        level.waiting.fetch_sub(1, Ordering::SeqCst);
        guard
    }
}
