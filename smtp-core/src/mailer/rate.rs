//! Provides [`Pace`], the times at which messages may leave under a rate limit.

use super::options::Rate;
use crate::Instant;
use core::time::Duration;

/// The times at which messages may leave: evenly spread, with no more than one message saved up.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// The pace of a rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { interval: rate.time / rate.messages.max(1), next: Instant::EPOCH }
    }

    /// Reserves the next place; returns how long to wait for it from `now`.
    pub fn reserve(&mut self, now: Instant) -> Duration {
        let place = self.next.max(now);
        self.next = place + self.interval;
        place.saturating_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_spread_evenly_and_idle_time_is_not_saved_up() {
        let mut pace = Pace::new(Rate { messages: 10, time: Duration::from_secs(1) });
        let now = Instant::from_epoch(Duration::from_secs(5));
        let waits: [_; 3] = core::array::from_fn(|_| pace.reserve(now).as_millis());
        assert_eq!(waits, [0, 100, 200]);
        assert_eq!(pace.reserve(now + Duration::from_mins(1)), Duration::ZERO);
    }
}
