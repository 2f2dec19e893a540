//! Measures sessions: turns, octets and the time that each phase took.

use serde::Serialize;
use smtp_core::Verb;
use std::time::Duration;

/// What a session or a message cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measure {
    /// Writes that waited for replies; connecting and the greeting count apart.
    pub(crate) turns: u64,
    /// Octets sent, below TLS not counted.
    pub(crate) sent: u64,
    /// Octets received.
    pub(crate) received: u64,
    /// The time of each phase, in the order in which they first came.
    pub(crate) phases: Vec<(&'static str, Duration)>,
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    turns: u64,
    octets_sent: u64,
    octets_received: u64,
    milliseconds: serde_json::Map<String, serde_json::Value>,
}

impl Measure {
    /// Adds time to a phase.
    pub(crate) fn add(&mut self, phase: &'static str, time: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, total)) => *total += time,
            None => self.phases.push((phase, time)),
        }
    }

    /// Adds another measure.
    pub(crate) fn join(&mut self, other: &Self) {
        self.turns += other.turns;
        self.sent += other.sent;
        self.received += other.received;
        for &(phase, time) in &other.phases {
            self.add(phase, time);
        }
    }

    /// As a line for people.
    pub(crate) fn text(&self) -> String {
        let phases: Vec<_> = self
            .phases
            .iter()
            .map(|(phase, time)| format!("{phase} {:.1}", time.as_secs_f64() * 1000.0))
            .collect();
        format!(
            "{} turns, {} octets sent, {} received, milliseconds: {}",
            self.turns,
            self.sent,
            self.received,
            phases.join(", ")
        )
    }

    /// As an object for programs.
    pub(crate) fn measured(&self) -> Measured {
        let milliseconds = self
            .phases
            .iter()
            .map(|(phase, time)| ((*phase).to_string(), (time.as_secs_f64() * 1000.0).into()))
            .collect();
        Measured { turns: self.turns, octets_sent: self.sent, octets_received: self.received, milliseconds }
    }
}

/// The phase that a reply belongs to, by the command that it is to.
pub(crate) const fn phase_of(verb: Option<Verb>) -> &'static str {
    match verb {
        None => "greeting",
        Some(Verb::Ehlo | Verb::Helo | Verb::Lhlo) => "hello",
        Some(Verb::StartTls) => "tls",
        Some(Verb::Auth) => "auth",
        Some(Verb::Mail) => "mail",
        Some(Verb::Rcpt) => "rcpt",
        Some(Verb::Data) => "data",
        Some(Verb::Bdat) => "block",
        Some(Verb::Message) => "end",
        Some(Verb::Quit) => "quit",
        Some(_) => "other",
    }
}
