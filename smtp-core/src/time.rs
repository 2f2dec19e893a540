//! Provides [`Instant`], the time that a driver passes to the client.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time, as the duration since an epoch that the driver chooses.
///
/// A driver with a monotonic clock chooses an epoch, such as the start of the connection, and passes the time since
/// then. Tests pass any values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The epoch.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The point `elapsed` after the epoch.
    #[must_use]
    pub const fn from_epoch(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time since the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time since `earlier`, or zero if that is later.
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
    fn the_time_since_a_later_point_is_zero() {
        let later = Instant::EPOCH + Duration::from_secs(3);
        assert_eq!(Instant::EPOCH.saturating_since(later), Duration::ZERO);
        assert_eq!(later.saturating_since(Instant::EPOCH), Duration::from_secs(3));
    }
}
