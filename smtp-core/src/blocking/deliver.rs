//! Delivers messages over one or several sessions, in rounds: transient failures are tried again in the next.

use super::cancel::Cancel;
use super::queue::{Next, Queue, Supply};
use super::session::{Session, SessionStep};
use crate::mailer::{
    Attempts, Delivery, Error, ErrorKind, Notice, Reach, Submission, Submitted, Work, ends_rounds,
    wait_before,
};
use crate::{Cause, Event};
use std::boxed::Box;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How messages are delivered.
pub struct Plan<'a, S> {
    /// Opens the session of that number: 0 where there is one only, else from 1.
    pub open: &'a Open<'a>,
    /// Keeps the sessions that may be used again; without it, QUIT leaves with the last message.
    pub keep: Option<&'a dyn Keep>,
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
/// Keeps sessions for later deliveries, of which only so many may be open at once.
pub trait Keep: Sync {
    /// Waits until the session of that number may be opened.
    ///
    /// # Errors
    /// Why it may not.
    fn admit(&self, number: usize) -> Result<(), Error>;

    /// Takes the session of that number back, which may be used again, with the number of messages that it carried.
    fn keep(&self, number: usize, session: Session, messages: usize);

    /// No further session of that number is opened in this round.
    fn release(&self, number: usize);
}
/// Takes each message for which nothing more can be done.
pub type Finished<'a, S> = dyn Fn(Delivery<S>, Option<&Error>) + Sync + 'a;

/// Delivers all messages that `supply` gives; each is asked for when a session has room for it.
///
/// Returns why a session could not be opened or messages were left, where that happened.
pub fn deliver<'a, S: Submission + 'a>(
    plan: &Plan<'_, S>,
    supply: impl Iterator<Item = Delivery<S>> + Send + 'a,
) -> Option<Error> {
    deliver_from(plan, Queue::new(Supply::Ready(Box::new(supply)), Arc::default()))
}

/// The same of the messages of a queue.
pub(super) fn deliver_from<S: Submission>(plan: &Plan<'_, S>, queue: Queue<'_, S>) -> Option<Error> {
    let mut error = None;
    for round in 0..=plan.retries {
        if round > 0 {
            if !queue.begin_round(plan.cancel) {
                break;
            }
            (plan.wait)(wait_before(round, (plan.jitter)()));
        }
        if plan.cancel.is_requested() {
            error = Some(ErrorKind::Cancelled.into());
            break;
        }
        error = run_round(plan, &queue, round < plan.retries);
        if error.as_ref().is_some_and(ends_rounds) {
            break;
        }
    }
    queue.drain(|delivery| (plan.finished)(delivery, error.as_ref()));
    error
}

/// One round over all sessions; returns why the last session that failed did.
fn run_round<S: Submission>(plan: &Plan<'_, S>, queue: &Queue<'_, S>, has_later: bool) -> Option<Error> {
    let error = Mutex::new(None);
    let note = |failed: Error| *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    if plan.connections > 1 {
        std::thread::scope(|scope| {
            for number in 1..=plan.connections {
                let thread = std::thread::Builder::new().name(std::format!("session {number}"));
                let run = move || {
                    if let Err(failed) = work(plan, queue, has_later, number) {
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
    } else if let Err(failed) = work(plan, queue, has_later, 0) {
        note(failed);
    }
    let error = error.into_inner().unwrap_or_else(PoisonError::into_inner);
    let error = if plan.cancel.is_requested() { Some(ErrorKind::Cancelled.into()) } else { error };
    // As long as others delivered everything, a session that failed has done no harm.
    if queue.is_over(plan.cancel) { None } else { error }
}

/// Sends messages until none is left in this round, over one session after the other if they break.
fn work<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    has_later: bool,
    number: usize,
) -> Result<(), Error> {
    let done = send_over_sessions(plan, queue, has_later, number);
    if let Some(keep) = plan.keep {
        keep.release(number);
    }
    done
}

fn send_over_sessions<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    has_later: bool,
    number: usize,
) -> Result<(), Error> {
    let mut attempts = Attempts::new(plan.connections, plan.may_reconnect);
    while !plan.cancel.is_requested() && !queue.is_over(plan.cancel) {
        if let Some(keep) = plan.keep {
            keep.admit(number)?;
        }
        // Others may have taken the last one meanwhile.
        let Some(first) = queue.claim() else { continue };
        let Opened { session, is_reused, messages } = match (plan.open)(number) {
            Ok(opened) => opened,
            Err(error) => {
                queue.put_back(first);
                return Err(error);
            }
        };
        queue.opened();
        let work = Work::new(plan.reach, attempts.policy(has_later)).reused(is_reused).with_quota(messages);
        let run = Run { session, plan, queue, work, number, first: Some(first) };
        let (work, error) = run.finish();
        if attempts.ended(&work) {
            return error.map_or(Ok(()), Err);
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
    /// The message that it was opened for.
    first: Option<Delivery<S>>,
}

impl<S: Submission> Run<'_, '_, S> {
    /// Sends until the queue is empty, or the session over or broken; returns what it did, and why it broke.
    fn finish(mut self) -> (Work<S>, Option<Error>) {
        loop {
            self.fill();
            if self.plan.keep.is_some() && self.work.is_spent() && self.work.may_keep() {
                // Its messages are answered: no result waits for the reply to QUIT.
                self.session.part();
                return (self.work, None);
            }
            match self.session.step() {
                SessionStep::Body(goal) => self.feed(goal),
                SessionStep::Event(event) => self.take(event),
                // Everything was sent, and nothing is due.
                SessionStep::Idle
                    if self.work.is_empty()
                        && (self.work.is_over() || self.queue.is_over(self.plan.cancel)) =>
                {
                    match self.plan.keep {
                        Some(keep) if self.work.may_keep() => {
                            keep.keep(self.number, self.session, self.work.answered());
                            return (self.work, None);
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
        let error = match self.work.cause() {
            None | Some(Cause::Quit | Cause::Aborted) => None,
            Some(cause) => Some(self.session.error(cause)),
        };
        (self.work, error)
    }

    /// Gives the session as many messages as it is to have; with the last of them, QUIT.
    fn fill(&mut self) {
        let depth = self.work.depth(self.plan.in_flight);
        while self.work.wants(depth) && !self.plan.cancel.is_requested() {
            let delivery = match self.first.take().map_or_else(|| self.queue.take(), Next::Message) {
                Next::Message(delivery) => delivery,
                Next::NotYet => return,
                Next::Over => {
                    if self.plan.keep.is_none() {
                        self.session.quit();
                    }
                    return;
                }
            };
            match self.work.submit(self.session.connection(), delivery) {
                Submitted::Underway => {}
                Submitted::Failed(delivery) => (self.plan.finished)(delivery, None),
                Submitted::TurnedDown(delivery) => {
                    self.queue.put(delivery);
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
        let finished = self.queue.settle(delivery, after);
        if let Some(delivery) = finished {
            (self.plan.finished)(delivery, None);
        }
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
