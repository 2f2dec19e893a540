//! Delivers messages over one or several sessions, in rounds: transient failures are tried again in the next.

use super::cancel::Cancel;
use super::session::{Session, SessionStep};
use crate::mailer::{
    Batch, Delivery, Error, ErrorKind, Notice, Policy, Reach, Submission, Submitted, Work, wait_before,
};
use crate::{Cause, Event};
use std::boxed::Box;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How messages are delivered.
pub struct Plan<'a, S> {
    /// Opens the session of that number: 0 where there is one only, else from 1.
    pub open: &'a Open<'a>,
    /// Takes a session that may be used again, with the number of messages that it got a reply for; without it, QUIT leaves
    /// with the last message.
    pub keep: Option<&'a Keep<'a>>,
    /// Takes each message for which nothing more can be done, and why no session took it up where none did.
    pub finished: &'a Finished<'a, S>,
    /// How many sessions there are at once.
    pub connections: usize,
    /// How many messages may await their final reply at once in a session.
    pub in_flight: usize,
    /// How many more rounds there are for transient failures.
    pub retries: u32,
    /// How far each message goes.
    pub reach: Reach,
    /// Whether a message that had not begun when the server said 421 goes once over a new session.
    pub may_reconnect: bool,
    /// Waits between the rounds.
    pub wait: &'a (dyn Fn(Duration) + Sync),
    /// A number from 0 to 1 that cannot be foreseen, so that many clients do not come back at the same moment.
    pub jitter: &'a (dyn Fn() -> f64 + Sync),
    /// What ends the delivery early.
    pub cancel: &'a Cancel,
}

/// A session that is open, and how it may be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// Whether it was idle before, so that it may be stale.
    pub is_reused: bool,
    /// How many messages it may carry.
    pub messages: usize,
}

/// A new session that may carry any number of messages.
impl From<Session> for Opened {
    fn from(session: Session) -> Self {
        Self { session, is_reused: false, messages: usize::MAX }
    }
}

/// Opens the session of that number.
pub type Open<'a> = dyn Fn(usize) -> Result<Opened, Error> + Sync + 'a;
/// Takes the session of that number back, which may be used again, with the number of messages that it carried.
pub type Keep<'a> = dyn Fn(usize, Session, usize) + Sync + 'a;
/// Takes each message for which nothing more can be done.
pub type Finished<'a, S> = dyn Fn(Delivery<S>, Option<&Error>) + Sync + 'a;

/// How often a message may move to another session when there are several.
const MOVES: usize = 3;
/// So many sessions in a row may break without a reply to a message, where there are several sessions.
const FRUITLESS: usize = 3;
/// The same of one session that the server ended by 421, or that was stale.
const TURNED_AWAY: usize = 2;

/// Delivers all messages that `supply` gives; each is asked for when a session has room for it.
///
/// Returns why a session could not be opened or messages were left, where that happened.
pub fn deliver<'a, S: Submission + 'a>(
    plan: &Plan<'_, S>,
    supply: impl Iterator<Item = Delivery<S>> + Send + 'a,
) -> Option<Error> {
    let queue = Queue(Mutex::new(Inside { supply: Some(Box::new(supply)), batch: Batch::default() }));
    let mut error = None;
    for round in 0..=plan.retries {
        if round > 0 {
            if !queue.lock().begin_round() {
                break;
            }
            (plan.wait)(wait_before(round, (plan.jitter)()));
        }
        if plan.cancel.is_requested() {
            error = Some(ErrorKind::Cancelled.into());
            break;
        }
        let moves = if plan.connections > 1 { MOVES } else { 0 };
        let policy = Policy::new(round < plan.retries, moves, usize::from(plan.may_reconnect));
        error = run_round(plan, &queue, policy);
        // What will fail again is not tried again.
        if error.as_ref().is_some_and(|error| !error.is_transient()) {
            break;
        }
    }
    let mut inside = queue.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    for delivery in inside.batch.drain() {
        (plan.finished)(delivery, error.as_ref());
    }
    while let Some(delivery) = inside.take() {
        (plan.finished)(delivery, error.as_ref());
    }
    error
}

/// One round over all sessions; returns why the last session that failed did.
fn run_round<S: Submission>(plan: &Plan<'_, S>, queue: &Queue<'_, S>, policy: Policy) -> Option<Error> {
    let error = Mutex::new(None);
    let note = |failed: Error| *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    if plan.connections > 1 {
        std::thread::scope(|scope| {
            for number in 1..=plan.connections {
                let thread = std::thread::Builder::new().name(std::format!("session {number}"));
                let run = move || {
                    if let Err(failed) = work(plan, queue, policy, number) {
                        note(failed);
                    }
                };
                if let Err(failed) = thread.spawn_scoped(scope, run) {
                    // Those that there are deliver as well; without any, this is why no message was sent.
                    let failed = Error::new(ErrorKind::System).with_source(failed);
                    error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failed);
                    break;
                }
            }
        });
    } else if let Err(failed) = work(plan, queue, policy, 0) {
        note(failed);
    }
    let error = error.into_inner().unwrap_or_else(PoisonError::into_inner);
    let error = if plan.cancel.is_requested() { Some(ErrorKind::Cancelled.into()) } else { error };
    // As long as others delivered everything, a session that failed has done no harm.
    if queue.lock().is_empty() { None } else { error }
}

/// Sends messages until none is left in this round, over one session after the other if they break.
fn work<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    policy: Policy,
    number: usize,
) -> Result<(), Error> {
    let mut fruitless = 0;
    while !plan.cancel.is_requested() && !queue.lock().is_empty() {
        let Opened { session, is_reused, messages } = (plan.open)(number)?;
        let work = Work::new(plan.reach, policy).reused(is_reused).with_quota(messages);
        let run = Run { session, plan, queue, work, number };
        let Some((work, session)) = run.finish() else { return Ok(()) };
        if work.answered() > 0 {
            fruitless = 0;
        } else {
            fruitless += 1;
        }
        let limit = match work.cause() {
            _ if plan.connections > 1 => FRUITLESS,
            Some(Cause::Unavailable(_)) if plan.may_reconnect => TURNED_AWAY,
            _ if work.was_stale() => TURNED_AWAY,
            _ => 1,
        };
        if fruitless >= limit {
            return match work.cause() {
                None | Some(Cause::Quit | Cause::Aborted) => Ok(()),
                Some(cause) => Err(session.error(cause)),
            };
        }
    }
    Ok(())
}

/// A session and the messages that it has.
struct Run<'a, 'q, S> {
    session: Session,
    plan: &'a Plan<'a, S>,
    queue: &'a Queue<'q, S>,
    work: Work<S>,
    number: usize,
}

impl<S: Submission> Run<'_, '_, S> {
    /// Sends until the queue is empty and the session over, or broken; returns both, unless the session is kept.
    fn finish(mut self) -> Option<(Work<S>, Session)> {
        loop {
            self.fill();
            match self.session.step() {
                SessionStep::Body(goal) => self.feed(goal),
                SessionStep::Event(event) => self.take(event),
                // Everything was sent, and nothing is due.
                SessionStep::Idle
                    if self.work.is_empty() && (self.work.is_over() || self.queue.lock().is_empty()) =>
                {
                    match self.plan.keep {
                        Some(keep) if self.work.may_keep() => {
                            keep(self.number, self.session, self.work.answered());
                            return None;
                        }
                        _ => self.session.quit(),
                    }
                }
                SessionStep::Idle => {}
                SessionStep::Closed => break,
            }
        }
        // The first promise of the machine leaves none; should it ever, none is lost.
        for delivery in self.work.drain() {
            (self.plan.finished)(delivery, None);
        }
        Some((self.work, self.session))
    }

    /// Gives the session as many messages as it is to have; with the last of them, QUIT.
    fn fill(&mut self) {
        let depth = self.work.depth(self.plan.in_flight);
        while self.work.wants(depth) && !self.plan.cancel.is_requested() {
            let Some(delivery) = self.queue.lock().take() else {
                if self.plan.keep.is_none() {
                    self.session.quit();
                }
                return;
            };
            match self.work.submit(self.session.connection(), delivery) {
                Submitted::Underway => {}
                Submitted::Failed(delivery) => (self.plan.finished)(delivery, None),
                Submitted::TurnedDown(delivery) => {
                    self.queue.lock().batch.put(delivery);
                    return;
                }
            }
        }
        if self.work.is_spent() {
            self.session.quit();
        }
    }

    fn feed(&mut self, goal: crate::Goal) {
        self.session.feed_work(&mut self.work, goal);
    }

    fn take(&mut self, event: Event) {
        if let Event::Closed(cause) = &event {
            let is_abandoned = self.plan.reach == Reach::Data && *cause == Cause::Aborted;
            let error = self.session.error(cause);
            match cause {
                Cause::Quit => {}
                _ if is_abandoned => self.session.connection().notice(&Notice::ClosedWithoutQuit),
                _ => self.session.connection().notice(&Notice::Failed(&error)),
            }
        }
        let Some((delivery, after)) = self.work.event(self.session.connection(), event) else { return };
        let finished = self.queue.lock().batch.settle(delivery, after);
        if let Some(delivery) = finished {
            (self.plan.finished)(delivery, None);
        }
    }
}

/// The messages of all sessions.
struct Queue<'a, S>(Mutex<Inside<'a, S>>);

struct Inside<'a, S> {
    supply: Option<Box<dyn Iterator<Item = Delivery<S>> + Send + 'a>>,
    batch: Batch<S>,
}

impl<'a, S> Queue<'a, S> {
    fn lock(&self) -> MutexGuard<'_, Inside<'a, S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Inside<'_, S> {
    /// The next message of this round.
    fn take(&mut self) -> Option<Delivery<S>> {
        self.batch.take().or_else(|| self.ask())
    }

    /// Whether no message is left in this round.
    fn is_empty(&mut self) -> bool {
        self.refill();
        self.batch.is_empty()
    }

    fn begin_round(&mut self) -> bool {
        self.batch.begin_round();
        self.refill();
        !self.batch.is_empty()
    }

    /// Asks the supply if no message waits.
    fn refill(&mut self) {
        if self.batch.is_empty()
            && let Some(delivery) = self.ask()
        {
            self.batch.put(delivery);
        }
    }

    fn ask(&mut self) -> Option<Delivery<S>> {
        let next = self.supply.as_mut()?.next();
        if next.is_none() {
            self.supply = None;
        }
        next
    }
}

impl<S> fmt::Debug for Plan<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("connections", &self.connections)
            .field("in_flight", &self.in_flight)
            .field("retries", &self.retries)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
