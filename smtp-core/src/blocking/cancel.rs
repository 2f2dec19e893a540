//! Provides [`Cancel`] and [`Wait`]: every wait is cut into slices and looks between them whether it is still wanted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// A wait looks after this time whether it is still wanted.
pub(super) const SLICE: Duration = Duration::from_millis(100);

/// Ends what another thread does: connecting, handshakes, sending and waiting end within 100 ms.
///
/// A message whose end has left is an exception: its reply is awaited for up to 5 seconds, so that it is not left
/// unconfirmed without need.
///
/// ```
/// use smtp_core::blocking::Cancel;
///
/// let cancel = Cancel::default();
/// let other = cancel.clone();
/// std::thread::spawn(move || other.request()).join().unwrap();
/// assert!(cancel.is_requested());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Not zero once it is requested.
    flag: Arc<AtomicUsize>,
    /// When that was first seen.
    seen: OnceLock<Instant>,
    /// What requests this too.
    parent: Option<Cancel>,
}

impl Cancel {
    /// Requests it; there is no way back.
    pub fn request(&self) {
        // A number that a signal handler has put there says more.
        let _ = self.0.flag.compare_exchange(0, usize::MAX, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Whether it is requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.flag_value() != 0 || self.0.parent.as_ref().is_some_and(Self::is_requested)
    }

    /// When it was first seen that it is requested; `None` while it is not.
    #[must_use]
    pub fn seen(&self) -> Option<Instant> {
        self.is_requested().then(|| *self.0.seen.get_or_init(Instant::now))
    }

    /// What requests it when it is not zero: a signal handler may store the number of its signal here.
    /// [`request`](Self::request) stores `usize::MAX`.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0.flag)
    }

    /// Another one that is requested with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(State { parent: Some(self.clone()), ..State::default() }))
    }

    /// Lets the time pass until `deadline`, or less of it when it is requested.
    pub fn sleep_until(&self, deadline: Instant) {
        self.sleep(deadline.saturating_duration_since(Instant::now()));
    }

    /// Lets the time pass, or less of it when it is requested.
    pub fn sleep(&self, duration: Duration) {
        // A time beyond what the clock can show ends by a request alone.
        let deadline = Instant::now().checked_add(duration);
        while let Some(slice) = deadline.map_or(Some(SLICE), |deadline| Wait::new(deadline, self).slice()) {
            if self.is_requested() {
                return;
            }
            thread::sleep(slice);
        }
    }

    fn flag_value(&self) -> usize {
        self.0.flag.load(Ordering::Relaxed)
    }
}

/// A wait that ends at a deadline, or early by a [`Cancel`].
#[derive(Clone, Debug)]
pub struct Wait {
    deadline: Instant,
    cancel: Cancel,
}

impl Wait {
    /// A wait that ends at `deadline`, or when `cancel` is requested.
    #[must_use]
    pub fn new(deadline: Instant, cancel: &Cancel) -> Self {
        Self { deadline, cancel: cancel.clone() }
    }

    /// How long to wait before looking again whether it is over; `None` when it is.
    #[must_use]
    pub fn slice(&self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (!left.is_zero() && !self.cancel.is_requested()).then(|| left.min(SLICE))
    }

    /// When it ends, if it is not cancelled.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What ends it early.
    #[must_use]
    pub const fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The same, or one that ends after `duration` if that is earlier.
    #[must_use]
    pub fn at_most(&self, duration: Duration) -> Self {
        let end = Instant::now().checked_add(duration);
        Self { deadline: end.map_or(self.deadline, |end| self.deadline.min(end)), ..self.clone() }
    }
}

/// How long a wait until `deadline` may go on before it looks again; `patience` is how long it goes on after a request.
pub(super) fn slice(deadline: Instant, cancel: &Cancel, patience: Duration) -> Option<Duration> {
    let end = match cancel.seen() {
        Some(seen) => deadline.min(seen + patience),
        None => deadline,
    };
    let left = end.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| left.min(SLICE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_ends_at_its_time_or_when_it_is_cancelled() {
        let cancel = Cancel::default();
        let begin = Instant::now();
        cancel.sleep(Duration::from_millis(150));
        assert!(begin.elapsed() >= Duration::from_millis(150));
        assert_eq!(cancel.seen(), None);
        cancel.request();
        for long in [Duration::from_mins(1), Duration::MAX] {
            cancel.sleep(long);
        }
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert_eq!(cancel.seen(), cancel.clone().seen());
    }

    #[test]
    fn the_number_of_a_signal_is_kept() {
        let cancel = Cancel::default();
        cancel.flag().store(15, Ordering::SeqCst);
        cancel.request();
        assert_eq!(cancel.flag().load(Ordering::SeqCst), 15);
        let wait = Wait::new(Instant::now() + Duration::from_mins(1), &cancel);
        assert_eq!(wait.slice(), None);
    }

    #[test]
    fn a_wait_ends_at_the_earlier_of_two_times() {
        let wait = Wait::new(Instant::now() + Duration::from_millis(50), &Cancel::default());
        assert_eq!(wait.at_most(Duration::MAX).deadline(), wait.deadline());
        assert!(wait.at_most(Duration::ZERO).slice().is_none());
    }
}
