//! Provides [`Measure`], what a session or a message cost.

use crate::{Timer, Verb};
use alloc::vec::Vec;
use core::time::Duration;

/// What a session or a message cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// Writes that waited for replies; connecting and the greeting are not counted.
    pub turns: u64,
    /// Octets sent, before encryption.
    pub sent: u64,
    /// Octets received, after decryption.
    pub received: u64,
    /// The time of each phase, in the order in which the phases began.
    pub phases: Vec<(Timer, Duration)>,
}

impl Measure {
    /// Adds time to a phase.
    pub fn add(&mut self, phase: Timer, time: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, total)) => *total += time,
            None => self.phases.push((phase, time)),
        }
    }

    /// Adds another measure.
    pub fn join(&mut self, other: &Self) {
        self.turns += other.turns;
        self.sent += other.sent;
        self.received += other.received;
        for &(phase, time) in &other.phases {
            self.add(phase, time);
        }
    }
}

/// The phase that a reply to the command `verb` ends; `None` is the greeting.
pub(super) const fn phase_of(verb: Option<Verb>) -> Timer {
    match verb {
        None => Timer::Greeting,
        Some(Verb::Ehlo | Verb::Helo | Verb::Lhlo) => Timer::Hello,
        Some(Verb::StartTls) => Timer::Tls,
        Some(Verb::Auth) => Timer::Auth,
        Some(Verb::Mail) => Timer::Mail,
        Some(Verb::Rcpt) => Timer::Rcpt,
        Some(Verb::Data) => Timer::Data,
        Some(Verb::Bdat) => Timer::Block,
        Some(Verb::Message) => Timer::End,
        Some(Verb::Quit) => Timer::Quit,
        Some(_) => Timer::Other,
    }
}
