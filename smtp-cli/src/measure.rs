//! Tells what sessions cost: turns, octets and the time that each phase took.

use serde::Serialize;
use smtp_core::mailer::Measure;

/// What a session or a message cost, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    turns: u64,
    octets_sent: u64,
    octets_received: u64,
    milliseconds: serde_json::Map<String, serde_json::Value>,
}

/// The same as a line for people.
pub(crate) fn text(measure: &Measure) -> String {
    let phases: Vec<_> = measure
        .phases
        .iter()
        .map(|(phase, time)| format!("{} {:.1}", phase.name(), time.as_secs_f64() * 1000.0))
        .collect();
    format!(
        "{} turns, {} octets sent, {} received, milliseconds: {}",
        measure.turns,
        measure.sent,
        measure.received,
        phases.join(", ")
    )
}

impl From<&Measure> for Measured {
    fn from(measure: &Measure) -> Self {
        let milliseconds = measure
            .phases
            .iter()
            .map(|(phase, time)| (phase.name().to_string(), (time.as_secs_f64() * 1000.0).into()))
            .collect();
        Self {
            turns: measure.turns,
            octets_sent: measure.sent,
            octets_received: measure.received,
            milliseconds,
        }
    }
}
