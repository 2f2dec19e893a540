//! Provides [`Batch`], the messages of several sessions in rounds, and the waits between the rounds.

use super::delivery::{After, Delivery};
use alloc::collections::VecDeque;
use core::time::Duration;

/// The messages of a batch that wait: those that came back from a session, and those of the next round.
///
/// What the application still supplies is the driver's, which takes from here first.
#[derive(Debug)]
pub struct Batch<S> {
    /// Came back, to be sent in this round.
    again: VecDeque<Delivery<S>>,
    /// To be sent in the next round.
    later: VecDeque<Delivery<S>>,
}

impl<S> Default for Batch<S> {
    fn default() -> Self {
        Self { again: VecDeque::new(), later: VecDeque::new() }
    }
}

impl<S> Batch<S> {
    /// The next message of this round that came back.
    pub fn take(&mut self) -> Option<Delivery<S>> {
        self.again.pop_front()
    }

    /// Whether no message of this round waits here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.again.is_empty()
    }

    /// Puts a message into this round, in the order of the messages.
    pub fn put(&mut self, delivery: Delivery<S>) {
        let place = self.again.iter().position(|other| other.index() > delivery.index());
        self.again.insert(place.unwrap_or(self.again.len()), delivery);
    }

    /// Takes a message that was settled; returns it if it is finished.
    pub fn settle(&mut self, delivery: Delivery<S>, after: After) -> Option<Delivery<S>> {
        match after {
            After::Finished => return Some(delivery),
            After::Again => self.put(delivery),
            After::Later => self.later.push_back(delivery),
        }
        None
    }

    /// Begins the next round with the messages that wait for it; returns whether there are any.
    pub fn begin_round(&mut self) -> bool {
        for mut delivery in core::mem::take(&mut self.later) {
            delivery.begin_round();
            self.again.push_back(delivery);
        }
        !self.again.is_empty()
    }

    /// The messages that wait, of this round and the next, when no more are sent.
    pub fn drain(&mut self) -> impl Iterator<Item = Delivery<S>> {
        let later = core::mem::take(&mut self.later);
        later.into_iter().chain(core::mem::take(&mut self.again))
    }
}

/// The wait before the second round; it doubles for each further one.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait, without its random part.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The wait before a round, counted from 1: twice the one before, and up to half more by `jitter` from 0 to 1, so that
/// many clients do not come back at the same moment.
#[must_use]
pub fn wait_before(round: u32, jitter: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(round.saturating_sub(1)));
    doubled.min(LONGEST_WAIT).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_waits_double_up_to_a_limit_and_differ() {
        let seconds: Vec<_> = (1..9).map(|round| wait_before(round, 0.0).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 120, 120]);
        assert_eq!(wait_before(1, 1.0), Duration::from_secs(3));
    }
}
