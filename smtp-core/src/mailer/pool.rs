//! Provides [`Pool`], the connections that are open between messages, and the rules for their reuse.

use crate::Instant;
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
    idle: Vec<Pooled<C>>,
}

/// A connection with what its reuse depends on.
#[derive(Debug)]
pub struct Pooled<C> {
    connection: C,
    opened: Instant,
    idle_since: Instant,
    messages: usize,
}

/// What to do with a connection that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum Check {
    /// Look whether something came; if not, use it.
    Look,
    /// Look whether something came; if not, get a reply before any message leaves.
    Prove,
}

impl<C> Pooled<C> {
    /// A connection that was opened at `now`.
    pub const fn new(connection: C, now: Instant) -> Self {
        Self { connection, opened: now, idle_since: now, messages: 0 }
    }

    /// The connection.
    pub const fn connection(&self) -> &C {
        &self.connection
    }

    /// The connection, to be used.
    pub const fn connection_mut(&mut self) -> &mut C {
        &mut self.connection
    }

    /// The connection, to be closed.
    pub fn into_connection(self) -> C {
        self.connection
    }

    /// Counts messages that it carried.
    pub const fn add_messages(&mut self, count: usize) {
        self.messages += count;
    }

    /// How many more messages it may carry.
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

    /// Takes the connection that was used last, and how to check it. Those that are too old go to `closed`.
    pub fn take(&mut self, now: Instant, closed: &mut Vec<C>) -> Option<(Pooled<C>, Check)> {
        closed.extend(self.expire(now));
        let pooled = self.idle.pop()?;
        let rested = now.saturating_since(pooled.idle_since);
        Some((pooled, if rested > self.limits.unproven { Check::Prove } else { Check::Look }))
    }

    /// Puts a connection back that may be used again; returns it if it is to be closed instead.
    pub fn put(&mut self, mut pooled: Pooled<C>, now: Instant) -> Option<C> {
        pooled.idle_since = now;
        if self.is_spent(&pooled, now) {
            return Some(pooled.connection);
        }
        self.idle.push(pooled);
        None
    }

    /// Takes the connections out that may not be used any more.
    pub fn expire(&mut self, now: Instant) -> Vec<C> {
        let (spent, idle) =
            core::mem::take(&mut self.idle).into_iter().partition(|pooled| self.is_spent(pooled, now));
        self.idle = idle;
        let spent: Vec<_> = spent;
        spent.into_iter().map(Pooled::into_connection).collect()
    }

    /// Takes all connections out.
    pub fn drain(&mut self) -> Vec<C> {
        core::mem::take(&mut self.idle).into_iter().map(Pooled::into_connection).collect()
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

    fn is_spent(&self, pooled: &Pooled<C>, now: Instant) -> bool {
        pooled.messages >= self.limits.messages
            || now.saturating_since(pooled.opened) >= self.limits.lifetime
            || now.saturating_since(pooled.idle_since) >= self.limits.idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn at(seconds: u64) -> Instant {
        Instant::from_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn idle_time_lifetime_and_messages_hold_at_return_and_at_use() {
        let limits = PoolLimits {
            idle: Duration::from_secs(30),
            lifetime: Duration::from_secs(100),
            messages: 2,
            ..PoolLimits::default()
        };
        let mut pool = Pool::new(limits);
        let mut closed = Vec::new();
        assert_eq!(pool.put(Pooled::new('a', at(0)), at(1)), None);
        let (mut pooled, check) = pool.take(at(5), &mut closed).unwrap();
        assert_eq!(check, Check::Look);
        pooled.add_messages(1);
        assert_eq!(pool.put(pooled, at(5)), None);
        let (mut pooled, check) = pool.take(at(11), &mut closed).unwrap();
        assert_eq!(check, Check::Prove, "it was idle for more than 5 seconds");
        pooled.add_messages(1);
        assert_eq!(pool.put(pooled, at(11)), Some('a'), "it carried its messages");
        assert_eq!(pool.put(Pooled::new('b', at(11)), at(11)), None);
        assert!(pool.take(at(41), &mut closed).is_none(), "it was idle too long");
        assert_eq!(closed, vec!['b']);
        assert_eq!(pool.put(Pooled::new('c', at(0)), at(100)), Some('c'), "it is too old");
    }

    #[test]
    fn the_connection_that_was_used_last_is_used_again() {
        let mut pool = Pool::new(PoolLimits::default());
        for name in ['a', 'b'] {
            assert_eq!(pool.put(Pooled::new(name, at(0)), at(0)), None);
        }
        let (pooled, _) = pool.take(at(1), &mut Vec::new()).unwrap();
        assert_eq!(pooled.into_connection(), 'b');
    }
}
