//! Does the steps of rules and dialogues, apart from what a reply decides.

use std::sync::Arc;

use super::{Session, outbox::Cut};
use crate::scenario::{LARGEST, Reply, Step};

/// The text of a 421 after which the session goes on.
const UNAVAILABLE_CONTINUES: &str = "4.3.2 not available, the session goes on";

impl Session {
    /// Does a step; `cut` is how replies are cut from then on.
    pub(super) fn do_step(&mut self, step: &Step, cut: &mut Cut, rule: Option<&Arc<str>>) {
        match step {
            Step::Drip(drip) => *cut = Cut { drip: Some(*drip), ..Cut::default() },
            Step::Split(offsets) => *cut = Cut { split: offsets.clone(), ..Cut::default() },
            Step::SplitLines(pause) => *cut = Cut { split_lines: Some(*pause), ..Cut::default() },
            Step::Delay(duration) => self.outbox.wait(*duration),
            Step::StopReading(duration) => self.outbox.stop_reading(*duration),
            Step::Close(how) => self.outbox.close(*how),
            Step::Stall => self.outbox.stall(),
            Step::Endless(line) => self.outbox.endless(line),
            // `run` does the one, the end of the transaction the other.
            Step::Default | Step::Capture(_) => {}
            step => {
                let octets = self.octets_of(step);
                self.send(octets, cut, rule);
            }
        }
    }

    /// The octets that a step sends.
    pub(super) fn octets_of(&mut self, step: &Step) -> Vec<u8> {
        match step {
            Step::Reply(reply) => reply.to_octets(),
            Step::UnavailableContinues => Reply::new(421, UNAVAILABLE_CONTINUES).to_octets(),
            Step::Raw(octets) | Step::RawHex(octets) => octets.0.clone(),
            Step::LongLine(length) => {
                let mut octets = b"250 ".to_vec();
                octets.resize((*length).clamp(4, LARGEST), b'x');
                octets.extend_from_slice(b"\r\n");
                octets
            }
            Step::Garbage(count) => self.random.octets((*count).min(LARGEST)),
            _ => Vec::new(),
        }
    }
}
