//! Delivers messages over one or several sessions, in rounds: transient failures are tried again in the next.

use super::lane::Lane;
use super::session::{Session, SessionStep};
use crate::mailer::{
    After, Batch, Delivery, Error, ErrorKind, Notice, Pace, Policy, Reach, StopReason, Submission, Submitted,
    Work, wait_before,
};
use crate::network::jitter;
use crate::{Cause, Event, Goal, Instant};
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use std::boxed::Box;
use std::pin::Pin;
use std::string::String;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::vec::Vec;
use tokio::sync::mpsc::Sender;

/// How messages are delivered.
pub(super) struct Plan<'a, S> {
    /// Where sessions come from, one lane for each that there is at once.
    pub(super) lanes: Vec<Lane<'a>>,
    /// Takes each message for which nothing more can be done, and why no session took it up where none did.
    pub(super) finished: Sender<(Delivery<S>, Option<Error>)>,
    /// How many messages may await their final reply at once in a session.
    pub(super) in_flight: usize,
    /// How many more rounds there are for transient failures.
    pub(super) retries: u32,
    /// How far each message goes.
    pub(super) reach: Reach,
    /// When everything must be over.
    pub(super) deadline: Option<std::time::Instant>,
    /// The rate limit, and what it calls time zero.
    pub(super) pace: Option<(&'a Mutex<Pace>, std::time::Instant)>,
    /// The server, for reports.
    pub(super) server: String,
}

/// The messages that an application supplies.
pub(super) type Supply<'a, S> = Pin<Box<dyn Stream<Item = Delivery<S>> + Send + 'a>>;

/// How often a message may move to another session when there are several.
const MOVES: usize = 3;
/// So many sessions in a row may break without a reply to a message, where there are several sessions.
const FRUITLESS: usize = 3;
/// The same of one session that the server ended by 421, or that was stale.
const TURNED_AWAY: usize = 2;

/// Delivers all messages that `supply` gives; each is asked for when a session has room for it.
pub(super) async fn deliver<S: Submission>(plan: Plan<'_, S>, supply: Supply<'_, S>) {
    let queue = Queue { supply: tokio::sync::Mutex::new(Some(supply)), batch: Mutex::new(Batch::default()) };
    let mut error = None;
    for round in 0..=plan.retries {
        if round > 0 {
            if !queue.begin_round().await {
                break;
            }
            plan.lanes.iter().for_each(Lane::release);
            plan.sleep(wait_before(round, jitter())).await;
        }
        let moves = if plan.lanes.len() > 1 { MOVES } else { 0 };
        let policy = Policy::new(round < plan.retries, moves, 1);
        error = run_round(&plan, &queue, policy).await;
        // What will fail again is not tried again.
        if error.as_ref().is_some_and(|error| !error.is_transient()) {
            break;
        }
    }
    let left: Vec<_> = queue.lock().drain().collect();
    for delivery in left {
        plan.finish(delivery, error.clone()).await;
    }
    while let Some(delivery) = queue.take(true).await {
        plan.finish(delivery, error.clone()).await;
    }
}

/// One round over all sessions; returns why the last session that failed did.
async fn run_round<S: Submission>(plan: &Plan<'_, S>, queue: &Queue<'_, S>, policy: Policy) -> Option<Error> {
    let mut sessions: FuturesUnordered<_> =
        plan.lanes.iter().map(|lane| work(plan, queue, policy, lane)).collect();
    let mut error = None;
    while let Some(done) = sessions.next().await {
        if let Err(failed) = done {
            error = Some(failed);
        }
    }
    // As long as others delivered everything, a session that failed has done no harm.
    if queue.is_empty().await { None } else { error }
}

/// Sends messages until none is left in this round, over one session after the other if they break.
async fn work<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    policy: Policy,
    lane: &Lane<'_>,
) -> Result<(), Error> {
    let mut fruitless = 0;
    while !queue.is_empty().await {
        if plan.deadline.is_some_and(|deadline| std::time::Instant::now() >= deadline) {
            return Err(ErrorKind::DeadlinePassed.into());
        }
        let opened = lane.open().await?;
        let work = Work::new(plan.reach, policy).reused(opened.is_reused).with_quota(opened.messages);
        let run = Run { session: Some(opened.session), plan, queue, work, lane };
        let Some(broken) = run.finish().await else { return Ok(()) };
        if broken.answered > 0 {
            fruitless = 0;
        } else {
            fruitless += 1;
        }
        let limit = match &broken.cause {
            _ if plan.lanes.len() > 1 => FRUITLESS,
            Some(Cause::Unavailable(_)) => TURNED_AWAY,
            _ if broken.was_stale => TURNED_AWAY,
            _ => 1,
        };
        if fruitless >= limit {
            return match &broken.cause {
                None | Some(Cause::Quit | Cause::Aborted) => Ok(()),
                Some(cause) => Err(broken.session.error(cause)),
            };
        }
    }
    Ok(())
}

/// A session that ended, and what it did.
struct Broken {
    session: Session,
    answered: usize,
    cause: Option<Cause>,
    was_stale: bool,
}

/// A session and the messages that it has.
struct Run<'a, 'q, S: Submission> {
    /// `None` once it is given away.
    session: Option<Session>,
    plan: &'a Plan<'a, S>,
    queue: &'a Queue<'q, S>,
    work: Work<S>,
    lane: &'a Lane<'a>,
}

impl<S: Submission> Run<'_, '_, S> {
    /// Sends until the queue is empty or the session over; returns the session, unless it is kept.
    async fn finish(mut self) -> Option<Broken> {
        loop {
            self.fill().await;
            let Some(session) = &mut self.session else { return None };
            match session.step().await {
                SessionStep::Body(goal) => self.feed(goal).await,
                SessionStep::Event(event) => self.take(event).await,
                // Everything was sent, and nothing is due.
                SessionStep::Idle
                    if self.work.is_empty() && (self.work.is_over() || self.queue.is_empty().await) =>
                {
                    if self.work.may_keep() {
                        let session = self.session.take()?;
                        self.lane.keep(session, self.work.answered()).await;
                        return None;
                    }
                    session.quit();
                }
                SessionStep::Idle => {}
                SessionStep::Closed => break,
            }
        }
        // The first promise of the machine leaves none; should it ever, none is lost.
        for delivery in self.work.drain() {
            self.plan.finish(delivery, None).await;
        }
        let session = self.session.take()?;
        let (answered, was_stale) = (self.work.answered(), self.work.was_stale());
        Some(Broken { session, answered, cause: self.work.cause().cloned(), was_stale })
    }

    /// Gives the session as many messages as it is to have.
    async fn fill(&mut self) {
        let depth = self.work.depth(self.plan.in_flight);
        while self.work.wants(depth) {
            // While messages are under way, their replies are not kept waiting for the supply.
            let Some(delivery) = self.queue.take(self.work.is_empty()).await else { break };
            let Some(session) = &mut self.session else { return };
            match self.work.submit(session.connection(), delivery) {
                Submitted::Underway => {}
                Submitted::Failed(delivery) => self.plan.finish(delivery, None).await,
                Submitted::TurnedDown(delivery) => {
                    self.queue.lock().put(delivery);
                    break;
                }
            }
            self.plan.keep_pace().await;
        }
        if let Some(session) = &mut self.session
            && self.work.is_spent()
        {
            session.quit();
        }
    }

    async fn feed(&mut self, goal: Goal) {
        let Some(session) = &mut self.session else { return };
        let Some(source) = self.work.take_source(session.connection(), goal) else { return };
        match session.feed(goal, source).await {
            Ok(source) => self.work.put_back(goal, source),
            Err(error) => self.work.unreadable(session.connection(), goal, error),
        }
    }

    async fn take(&mut self, event: Event) {
        let Some(session) = &mut self.session else { return };
        let Some((delivery, after)) = self.work.event(session.connection(), event) else { return };
        let finished = self.queue.lock().settle(delivery, after);
        if let Some(delivery) = finished {
            self.plan.finish(delivery, None).await;
        }
    }
}

impl<S: Submission> Drop for Run<'_, '_, S> {
    /// The application dropped the future: the observers are told what became of the messages that were under way, and the
    /// connection is closed at once, so that no half message passes for a whole one.
    fn drop(&mut self) {
        let Some(session) = &mut self.session else { return };
        if self.work.is_empty() {
            return;
        }
        let connection = session.connection();
        connection.stop(StopReason::Cancelled, Instant::EPOCH, Duration::ZERO);
        let mut last = Instant::EPOCH + Duration::from_hours(24 * 365);
        loop {
            last = last + Duration::from_secs(1);
            match connection.poll(last) {
                crate::mailer::Demand::Event(event) => {
                    if let Some((delivery, After::Finished | After::Again | After::Later)) =
                        self.work.event(connection, event)
                    {
                        connection.notice(&Notice::Abandoned(&delivery.report(&self.plan.server, None)));
                    }
                }
                crate::mailer::Demand::Closed { .. } => return,
                _ if self.work.is_empty() => return,
                _ => {}
            }
        }
    }
}

impl<S> Plan<'_, S> {
    async fn finish(&self, delivery: Delivery<S>, left: Option<Error>) {
        // The application may not want any more.
        let _ = self.finished.send((delivery, left)).await;
    }

    /// Waits until the rate limit allows the message that was taken.
    async fn keep_pace(&self) {
        if let Some((pace, epoch)) = self.pace {
            let now = Instant::from_epoch(epoch.elapsed());
            let wait = pace.lock().unwrap_or_else(PoisonError::into_inner).reserve(now);
            self.sleep(wait).await;
        }
    }

    async fn sleep(&self, time: Duration) {
        let end = std::time::Instant::now() + time;
        let end = self.deadline.map_or(end, |deadline| deadline.min(end));
        tokio::time::sleep_until(end.into()).await;
    }
}

/// The messages of all sessions.
struct Queue<'a, S> {
    supply: tokio::sync::Mutex<Option<Supply<'a, S>>>,
    batch: Mutex<Batch<S>>,
}

impl<S> Queue<'_, S> {
    fn lock(&self) -> MutexGuard<'_, Batch<S>> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next message of this round; the supply is awaited only if `waits`.
    async fn take(&self, waits: bool) -> Option<Delivery<S>> {
        let came_back = self.lock().take();
        match came_back {
            Some(delivery) => Some(delivery),
            None if waits => self.ask().await,
            None => self.ask().now_or_never().flatten(),
        }
    }

    /// Whether no message is left in this round.
    async fn is_empty(&self) -> bool {
        if !self.lock().is_empty() {
            return false;
        }
        match self.ask().await {
            Some(delivery) => {
                self.lock().put(delivery);
                false
            }
            None => true,
        }
    }

    async fn begin_round(&self) -> bool {
        self.lock().begin_round();
        !self.is_empty().await
    }

    async fn ask(&self) -> Option<Delivery<S>> {
        let mut supply = self.supply.lock().await;
        let next = supply.as_mut()?.next().await;
        if next.is_none() {
            *supply = None;
        }
        next
    }
}
