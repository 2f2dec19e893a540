//! Defines what the connections of one mock share: their clock, their limits, and the means to end them all.

use std::{
    collections::HashMap,
    net::Shutdown,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::socket::Socket;
use crate::{scenario::Scenario, sync::lock, tls::Acceptors};

/// The open connections of one mock.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) acceptors: Acceptors,
    /// How long a client may be silent, where that is limited.
    idle: Option<Duration>,
    /// Whether what was read is acknowledged at once.
    acknowledges: bool,
    epoch: Instant,
    /// How many may be open at once.
    limit: usize,
    state: Mutex<State>,
    /// The mock stops.
    stopping: Condvar,
    /// Another connection may be open, or the mock stops.
    room: Condvar,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// A handle on each open connection, by which a stop can end it.
    open: HashMap<u64, Socket>,
    running: usize,
}

impl Connections {
    pub(crate) fn new(acceptors: Acceptors, scenario: &Scenario, limit: usize) -> Self {
        Self {
            acceptors,
            idle: scenario.limits.idle(),
            acknowledges: scenario.quick_ack,
            epoch: Instant::now(),
            limit: limit.max(1),
            state: Mutex::default(),
            stopping: Condvar::new(),
            room: Condvar::new(),
            next: AtomicU64::new(0),
        }
    }

    /// How long a client may be silent, where that is limited.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// Acknowledges what was just read, where the scenario wants that at once.
    pub(crate) fn acknowledge(&self, socket: &Socket) {
        if self.acknowledges {
            socket.acknowledge();
        }
    }

    /// The moment from which the time of all sessions counts.
    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The time since the epoch.
    #[cfg(unix)]
    pub(crate) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Waits until another connection may be open, and counts this one; gives its number, or `None` when the mock stops or
    /// `closing` is set meanwhile.
    pub(crate) fn admit(&self, socket: &Socket, closing: &AtomicBool) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut state = lock(&self.state);
        while state.running >= self.limit && !state.stopped && !closing.load(Ordering::Acquire) {
            // The rest wait in the listener's backlog: they cost the kernel's memory, not ours.
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped || closing.load(Ordering::Acquire) {
            return None;
        }
        state.open.insert(number, socket.clone());
        state.running += 1;
        Some(number)
    }

    /// Makes room for another connection.
    pub(crate) fn ended(&self, number: u64) {
        let mut state = lock(&self.state);
        state.open.remove(&number);
        state.running -= 1;
        if state.running + 1 >= self.limit {
            self.room.notify_all();
        }
    }

    /// Drops the handle by which a stop would end the connection.
    pub(crate) fn forget(&self, number: u64) {
        lock(&self.state).open.remove(&number);
    }

    /// Lets time pass; `false` when the mock stops meanwhile.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let begin = Instant::now();
        let mut state = lock(&self.state);
        while !state.stopped {
            let Some(left) = duration.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) else {
                return true;
            };
            state = self.stopping.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Ends every connection, whatever its session does, and admits no other. It waits for nothing.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        for socket in state.open.values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.stopping.notify_all();
        self.room.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    /// Lets listeners that wait for room check whether they are closed.
    pub(crate) fn wake_listeners(&self) {
        // Under the lock, so that none can be between its check and its wait.
        let _state = lock(&self.state);
        self.room.notify_all();
    }
}
