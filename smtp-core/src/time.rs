//! Provides [`Instant`], the only way in which time enters the core.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time: the duration since an epoch of the driver's choosing.
///
/// A driver takes its own monotonic clock, picks an epoch (the moment of the connection, say) and
/// hands in what has passed since. Tests hand in what they like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The driver's epoch itself.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The point that lies `elapsed` after the epoch.
    #[must_use]
    pub const fn from_epoch(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the epoch this point lies.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this point lies; zero when it does not.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0.as_secs(), self.0.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_saturates_instead_of_overflowing() {
        let last = Instant::from_epoch(Duration::MAX);
        assert_eq!(last + Duration::from_secs(1), last);
    }

    #[test]
    fn a_later_point_is_no_time_before_an_earlier_one() {
        let later = Instant::EPOCH + Duration::from_secs(3);
        assert_eq!(Instant::EPOCH.saturating_since(later), Duration::ZERO);
        assert_eq!(later.saturating_since(Instant::EPOCH), Duration::from_secs(3));
    }
}
