//! Provides [`Pool`], the connections that are open between messages, and the rules for their reuse.

use crate::{Code, Instant, Reply};
use alloc::vec::Vec;
use core::time::Duration;

/// How many connections a mailer opens, and when it uses one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolLimits {
    /// Connections that are open at once, those that are being opened included; 10.
    pub connections: usize,
    /// How long a connection may be idle before it is closed; 60 seconds.
    pub idle: Duration,
    /// How long after its opening a connection may be used again; 10 minutes.
    pub lifetime: Duration,
    /// How many messages a connection carries before it is closed; 100.
    pub messages: usize,
    /// A connection that was idle longer than this first gets a reply to RSET, before any message; 5 seconds.
    pub unproven: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 10,
            idle: Duration::from_mins(1),
            lifetime: Duration::from_mins(10),
            messages: 100,
            unproven: Duration::from_secs(5),
        }
    }
}

/// The open connections that no message uses, and the rules for their reuse.
///
/// Rules are applied when a connection is taken and when it is put back, never by a task of its own.
#[derive(Debug)]
pub struct Pool<C> {
    limits: PoolLimits,
    idle: Vec<Idle<C>>,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    tenure: Tenure,
    since: Instant,
}

/// What the reuse of a connection depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    opened: Instant,
    messages: usize,
}

/// What to do with a connection that was taken, after looking whether something came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum Check {
    /// Use it.
    Look,
    /// Get a reply before any message leaves.
    Prove,
}

/// Whether this reply to RSET proves that the server still serves: 250 and no other, for 221 is completed too.
#[must_use]
pub fn is_proof(reply: &Reply) -> bool {
    reply.code() == Code::OK
}

impl Tenure {
    /// That of a connection that was opened at `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { opened: now, messages: 0 }
    }

    /// Counts messages that the connection carried.
    pub const fn add_messages(&mut self, count: usize) {
        self.messages += count;
    }

    /// How many more messages the connection may carry.
    #[must_use]
    pub const fn remaining(&self, limits: &PoolLimits) -> usize {
        limits.messages.saturating_sub(self.messages)
    }
}

impl<C> Pool<C> {
    /// A pool without connections.
    #[must_use]
    pub const fn new(limits: PoolLimits) -> Self {
        Self { limits, idle: Vec::new() }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &PoolLimits {
        &self.limits
    }

    /// Takes the connection that was used last, and how to check it. Call [`expire`](Self::expire) first.
    pub fn take(&mut self, now: Instant) -> Option<(C, Tenure, Check)> {
        let Idle { connection, tenure, since } = self.idle.pop()?;
        let rested = now.saturating_since(since);
        Some((connection, tenure, if rested > self.limits.unproven { Check::Prove } else { Check::Look }))
    }

    /// Puts a connection back that may be used again; returns it if it is to be closed instead.
    pub fn put(&mut self, connection: C, tenure: Tenure, now: Instant) -> Option<C> {
        if is_spent(&self.limits, &tenure, now) {
            return Some(connection);
        }
        self.idle.push(Idle { connection, tenure, since: now });
        None
    }

    /// Takes the connections out that may not be used any more.
    pub fn expire(&mut self, now: Instant) -> Vec<C> {
        let limits = self.limits;
        let is_over = |idle: &mut Idle<C>| {
            is_spent(&limits, &idle.tenure, now) || now.saturating_since(idle.since) >= limits.idle
        };
        self.idle.extract_if(.., is_over).map(|idle| idle.connection).collect()
    }

    /// Takes all connections out.
    pub fn drain(&mut self) -> Vec<C> {
        self.idle.drain(..).map(|idle| idle.connection).collect()
    }

    /// How many connections are idle.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idle.len()
    }

    /// Whether no connection is idle.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }
}

fn is_spent(limits: &PoolLimits, tenure: &Tenure, now: Instant) -> bool {
    tenure.messages >= limits.messages || now.saturating_since(tenure.opened) >= limits.lifetime
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn idle_time_lifetime_and_messages_hold_at_return_and_at_use() {
        let mut pool = Pool::new(PoolLimits {
            idle: Duration::from_secs(30),
            lifetime: Duration::from_secs(100),
            messages: 2,
            ..PoolLimits::default()
        });
        assert_eq!(pool.put('a', Tenure::new(at(0)), at(1)), None);
        let (_, mut tenure, check) = pool.take(at(5)).unwrap();
        assert_eq!(check, Check::Look);
        tenure.add_messages(1);
        assert_eq!(pool.put('a', tenure, at(5)), None);
        let (_, mut tenure, check) = pool.take(at(11)).unwrap();
        assert_eq!(check, Check::Prove, "it was idle for more than 5 seconds");
        tenure.add_messages(1);
        assert_eq!(pool.put('a', tenure, at(11)), Some('a'), "it carried its messages");
        assert_eq!(pool.put('b', Tenure::new(at(11)), at(11)), None);
        assert_eq!(pool.expire(at(41)), ['b'], "it was idle too long");
        assert!(pool.take(at(41)).is_none());
        assert_eq!(pool.put('c', Tenure::new(at(0)), at(100)), Some('c'), "it is too old");
    }

    #[test]
    fn the_connection_that_was_used_last_is_used_again() {
        let mut pool = Pool::new(PoolLimits::default());
        for name in ['a', 'b'] {
            assert_eq!(pool.put(name, Tenure::new(at(0)), at(0)), None);
        }
        assert_eq!(pool.take(at(1)).map(|(connection, ..)| connection), Some('b'));
    }
}
