//! Chooses faults by chance; the same seed chooses the same ones at the same places.

use core::time::Duration;

use super::{Session, command::Command};
use crate::scenario::{ChaosFault, Close, Drip, Octets, Reply, Step};

impl Session {
    /// The steps of a fault, if chance wants one here.
    pub(super) fn chaos_steps(&mut self, command: &Command) -> Option<Vec<Step>> {
        let chaos = self.scenario().chaos.as_ref()?.clone();
        if matches!(command, Command::Handshake) || !self.random.chance(chaos.chance) {
            return None;
        }
        let fault = *chaos.faults.get(self.random.below(chaos.faults.len()))?;
        let greeting = matches!(command, Command::Connect);
        Some(match fault {
            ChaosFault::Temporary => vec![Step::Reply(Reply::new(451, "4.3.0 chaos, try again"))],
            ChaosFault::Permanent if greeting => {
                vec![Step::Reply(Reply::new(554, "5.3.0 chaos, no service")), Step::Close(Close::Fin)]
            }
            ChaosFault::Permanent => vec![Step::Reply(Reply::new(550, "5.3.0 chaos, never"))],
            ChaosFault::Unavailable => Step::Reply(Reply::new(421, "4.3.2 chaos, closing")).alone(),
            ChaosFault::UnavailableContinues => vec![Step::UnavailableContinues],
            ChaosFault::Rst => vec![Step::Close(Close::Rst)],
            ChaosFault::Fin => vec![Step::Close(Close::Fin)],
            ChaosFault::DropMidReply => {
                let octets = self.default_reply(command).to_octets();
                let half = octets[..octets.len() / 2].to_vec();
                vec![Step::Raw(Octets(half)), Step::Close(Close::Fin)]
            }
            ChaosFault::Stall => vec![Step::Stall],
            ChaosFault::Drip => Step::Drip(Drip { bytes: 1, every: Duration::from_millis(10) }).alone(),
            ChaosFault::Delay => {
                let milliseconds = u64::try_from(self.random.below(2000)).unwrap_or(0);
                Step::Delay(Duration::from_millis(milliseconds)).alone()
            }
            ChaosFault::Garbage => vec![Step::Garbage(64), Step::Close(Close::Fin)],
        })
    }
}
