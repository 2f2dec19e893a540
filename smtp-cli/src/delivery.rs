//! Delivers messages over one or several sessions, in rounds: what failed for now is tried again in the next.

mod queue;
mod worker;

pub(crate) use queue::Supply;

use crate::error::{Error, Reworded};
use crate::exit::Exit;
use crate::mail::{Mail, Policy};
use crate::session::Session;
use crate::settings::Settings;
use crate::transcript::Observer;
use queue::Queue;
use smtp_core::Secret;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Makes the observers of the session of that number.
pub(crate) type Observers<'a> = dyn Fn(usize) -> Vec<Box<dyn Observer>> + Sync + 'a;
/// Looks at a session that is open, before anything is sent.
pub(crate) type Inspection<'a> = dyn Fn(&Session<'_>) -> crate::error::Result<()> + Sync + 'a;

/// How far messages go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// MAIL and RSET: would the sender be taken?
    Sender,
    /// MAIL, RCPT and RSET: would the recipients be taken?
    Recipients,
    /// Up to the reply to DATA, behind which the connection is closed.
    Data,
    /// To the end.
    #[default]
    Message,
}

impl Reach {
    /// Whether the server is only asked, and no message is sent.
    pub(crate) fn is_check(self) -> bool {
        self != Self::Message
    }
}

/// How messages are delivered.
pub(crate) struct Plan<'a> {
    /// The connection.
    pub(crate) settings: &'a Settings,
    /// The password, if there is a login.
    pub(crate) password: Option<&'a Secret>,
    /// Who looks on.
    pub(crate) observers: &'a Observers<'a>,
    /// What a session must offer.
    pub(crate) inspection: &'a Inspection<'a>,
    /// Hears of each message for which nothing more can be done, and why nobody took it up where nobody did.
    pub(crate) finished: &'a (dyn Fn(&Mail, Option<&Error>) + Sync),
    /// How many sessions there are at once.
    pub(crate) connections: usize,
    /// How many further rounds there are for what failed for now.
    pub(crate) retries: u32,
    /// How far each message goes.
    pub(crate) reach: Reach,
    /// Whether a message that had not begun when the server said 421 goes once over a new session.
    pub(crate) may_reconnect: bool,
    /// Waits between the rounds.
    pub(crate) wait: &'a (dyn Fn(Duration) + Sync),
    /// A number between 0 and 1 that nobody can foresee, so that many senders do not come back at the same moment.
    pub(crate) jitter: &'a (dyn Fn() -> f64 + Sync),
}

/// How often a message may move to another session when there are several.
const MOVES: usize = 3;
/// The wait before the second round; it doubles for each further one.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Delivers all that `supply` gives; the error is why a session could not be opened, or messages were left.
pub(crate) fn deliver(plan: &Plan<'_>, supply: Supply<'_>) -> Option<Error> {
    let queue = Queue::new(supply);
    let mut error = None;
    for round in 0..=plan.retries {
        if round > 0 {
            if !queue.begin_round() {
                break;
            }
            (plan.wait)(wait_before(round, (plan.jitter)()));
        }
        if let Err(interrupted) = plan.settings.interrupt.check() {
            error = Some(interrupted);
            break;
        }
        let policy = Policy {
            has_later: round < plan.retries,
            moves: if plan.connections > 1 { MOVES } else { 0 },
            free_moves: usize::from(plan.may_reconnect),
        };
        error = run_round(plan, &queue, policy);
        // What will fail again is not tried again.
        if error.as_ref().is_some_and(|error| error.exit() != Exit::TEMPORARY) {
            break;
        }
    }
    queue.close(plan.finished, error.as_ref()).or(error)
}

/// One round over all sessions; the error is that of the last session that could not be opened or kept.
fn run_round(plan: &Plan<'_>, queue: &Queue<'_>, policy: Policy) -> Option<Error> {
    let error = Mutex::new(None);
    let work = |number: usize| {
        if let Err(failed) = worker::work(plan, queue, policy, number) {
            *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
        }
    };
    if plan.connections > 1 {
        std::thread::scope(|scope| {
            for number in 1..=plan.connections {
                let thread = std::thread::Builder::new().name(format!("session {number}"));
                if let Err(failed) = thread.spawn_scoped(scope, move || work(number)) {
                    // Those that there are deliver as well; without any, this is why nothing was.
                    let failed =
                        Error::new(Exit::OS, format!("cannot start a thread: {}", Reworded(&failed)));
                    error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
                    break;
                }
            }
        });
    } else {
        work(0);
    }
    let error = error.into_inner().unwrap_or_else(PoisonError::into_inner);
    let error = plan.settings.interrupt.check().err().or(error);
    // As long as others delivered everything, a session that failed has done no harm.
    if queue.is_empty() { None } else { error }
}

/// The wait before that round: twice the one before, and up to half more.
pub(crate) fn wait_before(round: u32, jitter: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(round.saturating_sub(1)));
    doubled.min(LONGEST_WAIT).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_up_to_a_limit_and_differ() {
        let seconds: Vec<_> = (1..9).map(|round| wait_before(round, 0.0).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 120, 120]);
        assert_eq!(wait_before(1, 1.0), Duration::from_secs(3));
    }
}
