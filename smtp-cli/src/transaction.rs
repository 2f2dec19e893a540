//! Provides the transactions of a session that is kept for more than one: [`deliver`] and [`check`].

use crate::driver::Step;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mail::{Mail, Next, Policy, Progress, turned_down};
use crate::session::Session;
use smtp_core::{Cause, End, Envelope, Event, Goal, Misuse, Outcome, Reason};
use smtp_mime::Reader;

/// What a server says of recipients.
#[derive(Debug)]
pub(crate) struct Checked {
    /// One for each recipient, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// Why the session ended before all were asked for, if it did.
    pub(crate) ending: Option<Error>,
}

/// What fails stays so: whoever keeps the session decides what follows.
const ONCE: Policy = Policy { has_later: false, moves: 0, free_moves: 0 };

/// Sends a message, in several transactions if the server takes no more recipients in one.
pub(crate) fn deliver(session: &mut Session<'_>, mail: &mut Mail) {
    loop {
        if let Err(error) = mail.fit(session.extensions()) {
            return mail.leave(error);
        }
        let count = mail.pending();
        let goal = match session.submit(mail.transaction()) {
            Ok(goal) => goal,
            Err(misuse) => return mail.leave(not_begun(&misuse)),
        };
        let (end, unreadable) = {
            let mut reader = mail.message.reader();
            end_of(session, goal, Some(&mut reader))
        };
        mail.unreadable = unreadable;
        let outcomes = session.outcomes_of(goal, end, count);
        mail.measure.join(&session.take_measure());
        mail.ending = ending_of(&outcomes, session);
        if mail.settle(outcomes, ONCE, Progress::Begun) != Next::Again {
            return;
        }
    }
}

/// Asks whether the recipients of an envelope would be taken, in several transactions if the server takes no more of them in one.
///
/// # Errors
/// Where the envelope cannot be said at all.
pub(crate) fn check(session: &mut Session<'_>, envelope: &Envelope) -> Result<Checked> {
    let count = envelope.recipients.len();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; count];
    let mut pending: Vec<usize> = (0..count).collect();
    let mut ending = None;
    while !pending.is_empty() {
        let mut part = envelope.clone();
        part.recipients = pending.iter().map(|&index| envelope.recipients[index].clone()).collect();
        let goal = session.check(part.into()).map_err(|misuse| not_begun(&misuse))?;
        let (end, _) = end_of(session, goal, None);
        let found = session.outcomes_of(goal, end, pending.len());
        ending = ending_of(&found, session);
        let any_accepted = found.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_)));
        let mut again = Vec::new();
        for (index, outcome) in std::mem::take(&mut pending).into_iter().zip(found) {
            if any_accepted && matches!(outcome, Outcome::Unsent(Reason::TooManyRecipients(_))) {
                again.push(index);
            }
            outcomes[index] = Some(outcome);
        }
        pending = again;
    }
    // Each was in a transaction at least once.
    Ok(Checked { outcomes: outcomes.into_iter().flatten().collect(), ending })
}

/// The words for why the session ended within a transaction, if it did.
pub(crate) fn ending_of(outcomes: &[Outcome], session: &Session<'_>) -> Option<Error> {
    let cause = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Unsent(Reason::Closed(cause)) | Outcome::Unconfirmed(cause) => Some(cause),
        _ => None,
    })?;
    let is_unknown = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unconfirmed(_)));
    // To try again is no good advice where it may duplicate a message.
    Some(if is_unknown { session.ended(cause) } else { session.closed(cause) })
}

/// Goes on until the goal has ended; the error is why the message could not be read to its end.
fn end_of(session: &mut Session<'_>, goal: Goal, mut message: Option<&mut Reader>) -> (End, Option<Error>) {
    let mut unreadable = None;
    loop {
        match session.step() {
            Step::Body(_) => {
                let passed = message.as_mut().map(|reader| session.pass_on(*reader));
                if let Some(Err(error)) = &passed {
                    unreadable = Some(Error::new(Exit::NO_INPUT, error.to_string()));
                }
                if !matches!(passed, Some(Ok(()))) {
                    // Nothing of it may pass for the whole.
                    session.give_up();
                }
            }
            Step::Event(Event::Done { goal: done, end }) if done == goal => return (end, unreadable),
            Step::Event(_) => {}
            Step::Idle | Step::Closed => {
                return (End::Undone(Reason::Closed(Cause::Lost)), unreadable);
            }
        }
    }
}

/// The words for a transaction that was turned down before anything left.
fn not_begun(misuse: &Misuse) -> Error {
    match misuse {
        Misuse::Closed | Misuse::AfterQuit => {
            Error::new(Exit::TEMPORARY, "the connection is over, connect again")
        }
        misuse => turned_down(misuse),
    }
}
