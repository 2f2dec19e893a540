//! Delivers messages over one or several sessions, in rounds: transient failures are tried again in the next.

use super::lane::Lane;
use super::queue::{Queue, Supply};
use super::session::{Session, SessionStep};
use crate::mailer::{
    After, Attempts, Delivery, Error, ErrorKind, Notice, Pace, Reach, StopReason, Submission, Submitted,
    Work, ends_rounds, wait_before,
};
use crate::network::jitter;
use crate::{Cause, Event, Goal, Instant};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::string::String;
use std::sync::{Mutex, PoisonError};
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

/// Delivers all messages that `supply` gives; each is asked for when a session has room for it.
pub(super) async fn deliver<S: Submission>(plan: Plan<'_, S>, supply: Supply<'_, S>) {
    let queue = Queue::new(supply);
    let mut error = None;
    for round in 0..=plan.retries {
        if round > 0 {
            if !queue.begin_round().await {
                break;
            }
            plan.sleep(wait_before(round, jitter())).await;
        }
        error = run_round(&plan, &queue, round < plan.retries).await;
        if error.as_ref().is_some_and(ends_rounds) {
            break;
        }
    }
    for delivery in queue.drain() {
        plan.finish(delivery, error.clone()).await;
    }
    while let Some(delivery) = queue.ask().await {
        plan.finish(delivery, error.clone()).await;
    }
}

/// One round over all sessions; returns why the last session that failed did.
async fn run_round<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    has_later: bool,
) -> Option<Error> {
    let mut sessions: FuturesUnordered<_> =
        plan.lanes.iter().map(|lane| work(plan, queue, has_later, lane)).collect();
    let mut error = None;
    while let Some(done) = sessions.next().await {
        if let Err(failed) = done {
            error = Some(failed);
        }
    }
    // As long as others delivered everything, a session that failed has done no harm.
    if queue.is_over().await { None } else { error }
}

/// Sends messages until none is left in this round, over one session after the other if they break.
async fn work<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    has_later: bool,
    lane: &Lane<'_>,
) -> Result<(), Error> {
    let done = send_over_sessions(plan, queue, has_later, lane).await;
    lane.release();
    done
}

async fn send_over_sessions<S: Submission>(
    plan: &Plan<'_, S>,
    queue: &Queue<'_, S>,
    has_later: bool,
    lane: &Lane<'_>,
) -> Result<(), Error> {
    let mut attempts = Attempts::new(plan.lanes.len(), true);
    while !queue.is_over().await {
        if plan.deadline.is_some_and(|deadline| std::time::Instant::now() >= deadline) {
            return Err(ErrorKind::DeadlinePassed.into());
        }
        lane.admit().await?;
        // Others may have taken the last one meanwhile.
        let Some(first) = queue.claim() else { continue };
        let opened = match lane.open().await {
            Ok(opened) => opened,
            Err(error) => {
                queue.put_back(first);
                return Err(error);
            }
        };
        queue.opened();
        let policy = attempts.policy(has_later);
        let work = Work::new(plan.reach, policy).reused(opened.is_reused).with_quota(opened.messages);
        let mut run = Run { session: Some(opened.session), plan, queue, work, lane, first: Some(first) };
        let error = run.finish().await;
        if attempts.ended(&run.work) {
            return error.map_or(Ok(()), Err);
        }
    }
    Ok(())
}

/// A session and the messages that it has.
struct Run<'a, 'q, S: Submission> {
    /// `None` once it is given away.
    session: Option<Session>,
    plan: &'a Plan<'a, S>,
    queue: &'a Queue<'q, S>,
    work: Work<S>,
    lane: &'a Lane<'a>,
    /// The message that it was opened for.
    first: Option<Delivery<S>>,
}

impl<S: Submission> Run<'_, '_, S> {
    /// Sends until the queue is empty, or the session over or broken; returns why it broke.
    async fn finish(&mut self) -> Option<Error> {
        loop {
            self.fill().await;
            if self.work.is_spent() && self.work.may_keep() {
                // Its messages are answered: no result waits for the reply to QUIT.
                self.session.take()?.part().await;
                return None;
            }
            let session = self.session.as_mut()?;
            match session.step().await {
                SessionStep::Body(goal) => self.feed(goal).await,
                SessionStep::Event(event) => self.take(event).await,
                // Everything was sent, and nothing is due.
                SessionStep::Idle
                    if self.work.is_empty() && (self.work.is_over() || self.queue.is_over().await) =>
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
        match self.work.cause() {
            None | Some(Cause::Quit | Cause::Aborted) => None,
            Some(cause) => Some(session.error(cause)),
        }
    }

    /// Gives the session as many messages as it is to have.
    async fn fill(&mut self) {
        let depth = self.work.depth(self.plan.in_flight);
        while self.work.wants(depth) {
            let first = self.first.take();
            // The replies of those under way are not kept waiting for the supply.
            let Some(delivery) = first.or_else(|| self.queue.take()) else { break };
            let Some(session) = &mut self.session else { return };
            match self.work.submit(session.connection(), delivery) {
                Submitted::Underway => {}
                Submitted::Failed(delivery) => self.plan.finish(delivery, None).await,
                Submitted::TurnedDown(delivery) => {
                    self.queue.put(delivery);
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
        if let Event::Closed(cause) = &event
            && *cause != Cause::Quit
        {
            let error = session.error(cause);
            session.connection().notice(&Notice::Failed(&error));
        }
        let Some((delivery, after)) = self.work.event(session.connection(), event) else { return };
        let finished = self.queue.settle(delivery, after);
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
