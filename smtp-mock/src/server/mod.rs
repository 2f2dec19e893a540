//! Defines [`Server`], what all sessions of one mock share: the scenario, the rules' counters, limits and the capture.

mod rules;

use core::{cell::Cell, time::Duration};
#[cfg(feature = "net")]
use std::sync::atomic::AtomicBool;
#[cfg(feature = "program")]
use std::sync::{Condvar, PoisonError};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

pub(crate) use self::rules::Facts;
use self::rules::Rules;
#[cfg(feature = "program")]
use crate::capture::Backlog;
#[cfg(feature = "net")]
use crate::capture::StoreError;
use crate::{
    capture::{Capture, CaptureLimits, Entry, Finding, Message, Page, Transcript},
    report::Report,
    scenario::{Offers, Rule, Scenario},
    sync::{Change, Signal, lock},
};

/// Room for messages that is asked for at once: below what the C library gives back or maps by itself.
const ROOM: usize = 96 * 1024;

/// What a message of ordinary length takes besides its octets: envelope, strings and the allocator's own.
const BESIDES: usize = 1024;

/// What all sessions of one mock share. Clones are handles on the same server.
///
/// It makes [`Session`](crate::Session)s and keeps what they took; it has neither socket nor thread nor clock.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) offers: Offers,
    pub(crate) limits: CaptureLimits,
    pub(crate) rules: Rules,
    capture: Mutex<Capture>,
    signal: Signal,
    /// The backlog has room again.
    #[cfg(feature = "program")]
    room: Condvar,
    connections: AtomicU64,
    open: AtomicU64,
    rates: Mutex<Rates>,
    // Read before the lock is taken: without a store, sessions never meet.
    #[cfg(feature = "net")]
    has_store: AtomicBool,
    #[cfg(feature = "net")]
    store: Mutex<Option<crate::capture::Store>>,
}

/// When messages and connections came, within the last minute.
#[derive(Debug, Default)]
struct Rates {
    messages: VecDeque<Duration>,
    connections: VecDeque<Duration>,
}

impl Server {
    /// A server that does what the scenario says.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self::with_limits(scenario, CaptureLimits::default())
    }

    /// A server that keeps no more than this.
    #[must_use]
    pub fn with_limits(scenario: Scenario, limits: CaptureLimits) -> Self {
        Self {
            shared: Arc::new(Shared {
                rules: Rules::new(scenario.rules.iter().cloned()),
                offers: Offers::of(&scenario.server),
                scenario: Arc::new(scenario),
                limits,
                capture: Mutex::default(),
                signal: Signal::default(),
                #[cfg(feature = "program")]
                room: Condvar::default(),
                connections: AtomicU64::new(0),
                open: AtomicU64::new(0),
                rates: Mutex::default(),
                #[cfg(feature = "net")]
                has_store: AtomicBool::new(false),
                #[cfg(feature = "net")]
                store: Mutex::default(),
            }),
        }
    }

    /// Counts a connection that is open from now on; gives its number, counted from 1.
    pub(crate) fn session_began(&self) -> u64 {
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        self.shared.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.shared.scenario
    }

    /// Writes each message into a store before it is acknowledged, from now on.
    #[cfg(feature = "net")]
    pub fn set_store(&self, store: crate::capture::Store) {
        *lock(&self.shared.store) = Some(store);
        self.shared.has_store.store(true, Ordering::Release);
    }

    /// Writes a message into the store, where there is one.
    #[cfg(feature = "net")]
    pub(crate) fn store(&self, message: &Message) -> Result<(), String> {
        if !self.shared.has_store.load(Ordering::Acquire) {
            return Ok(());
        }
        let stored = match lock(&self.shared.store).as_mut() {
            Some(store) => store.write(message),
            None => Ok(()),
        };
        stored.map_err(|error| {
            let text = error.to_string();
            if matches!(error, StoreError::Failed(_)) {
                let mut capture = self.capture();
                capture.unstored += 1;
                capture.store_failure.get_or_insert_with(|| text.clone());
            }
            text
        })
    }

    /// Whether the store, where there is one, has room for this many octets.
    #[cfg(feature = "net")]
    pub(crate) fn store_has_room(&self, size: u64) -> Result<(), String> {
        let store = lock(&self.shared.store);
        store.as_ref().map_or(Ok(()), |store| store.has_room(size).map_err(|error| error.to_string()))
    }

    /// Without files there is always room.
    #[cfg(not(feature = "net"))]
    #[allow(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same call with and without the feature"
    )]
    pub(crate) fn store_has_room(&self, _: u64) -> Result<(), String> {
        Ok(())
    }

    /// Without files there is no store.
    #[cfg(not(feature = "net"))]
    #[allow(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same call with and without the feature"
    )]
    pub(crate) fn store(&self, _: &Message) -> Result<(), String> {
        Ok(())
    }

    /// Entries of the transcript from a position on, and the position after them, for printing as they come.
    #[must_use]
    pub fn entries_since(&self, position: u64) -> (Vec<Entry>, u64) {
        self.capture().log.since(position)
    }

    /// Puts a rule before all others, from now on.
    pub fn set(&self, rule: Rule) {
        self.shared.rules.put_first(rule);
    }

    /// The messages that were kept, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.capture().messages.iter().cloned().collect()
    }

    /// How many messages were accepted, kept or not.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.capture().accepted
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many connections have ended.
    #[must_use]
    pub fn ended_connections(&self) -> u64 {
        self.capture().ended
    }

    /// What was said.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.capture().transcript()
    }

    /// Forgets the messages, transcripts and findings so far; counters stay.
    pub fn clear(&self) {
        self.capture().clear();
    }

    /// What is to be said of the run so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let rules = self.shared.rules.uses();
        let capture = self.capture();
        Report::new(&self.shared.scenario, self.connections(), rules, &capture)
    }

    /// Waits, without polling, until `ready` gives something or the time is over.
    pub fn wait_until<T>(&self, limit: Duration, ready: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        self.wait_for_change(Change::Entry, limit, ready)
    }

    /// As [`wait_until`](Self::wait_until), woken only by this kind of change.
    pub(crate) fn wait_for_change<T>(
        &self,
        change: Change,
        limit: Duration,
        mut ready: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        let clock = std::time::Instant::now();
        loop {
            let before = self.capture().version(change);
            if let Some(value) = ready(self) {
                return Some(value);
            }
            let mut capture = self.capture();
            while capture.version(change) == before {
                let left = limit.checked_sub(clock.elapsed()).filter(|left| !left.is_zero())?;
                capture = self.shared.signal.wait(capture, change, left);
            }
        }
    }

    pub(crate) fn capture(&self) -> MutexGuard<'_, Capture> {
        lock(&self.shared.capture)
    }

    /// Changes what was kept, and wakes the waiters.
    pub(crate) fn record<T>(&self, change: Change, act: impl FnOnce(&mut Capture, &CaptureLimits) -> T) -> T {
        let value = {
            let mut capture = self.capture();
            capture.touch(change);
            act(&mut capture, &self.shared.limits)
        };
        self.shared.signal.notify(change);
        value
    }

    /// Keeps a message after the transcript and the findings up to it, and wakes the waiters; waits itself until
    /// those before it were told of.
    pub(crate) fn keep_message(&self, message: Message, page: &mut Page, findings: &mut Vec<Finding>) {
        make_room(message.octets.len() + BESIDES);
        {
            let mut capture = self.capture();
            #[cfg(feature = "program")]
            while capture.backlog.as_ref().is_some_and(Backlog::is_full) {
                capture = self.shared.room.wait(capture).unwrap_or_else(PoisonError::into_inner);
            }
            capture.touch(Change::Milestone);
            capture.keep_entries(page, &self.shared.limits);
            capture.keep_findings(findings, &self.shared.limits);
            capture.keep_message(message, &self.shared.limits);
        }
        self.shared.signal.notify(Change::Milestone);
    }

    /// Remembers each message until it was told of, also those that were kept before.
    #[cfg(feature = "program")]
    pub(crate) fn open_backlog(&self) {
        let mut capture = self.capture();
        let mut backlog = Backlog::default();
        capture.messages.iter().cloned().for_each(|message| backlog.push(message));
        capture.backlog = Some(backlog);
    }

    /// The messages that were not told of yet, in their order; sessions that waited go on.
    #[cfg(feature = "program")]
    pub(crate) fn take_backlog(&self) -> VecDeque<Arc<Message>> {
        let messages = self.capture().backlog.as_mut().map(Backlog::take).unwrap_or_default();
        self.shared.room.notify_all();
        messages
    }

    /// No session waits from now on; to be called before the sessions are stopped and the rest is taken.
    #[cfg(feature = "program")]
    pub(crate) fn close_backlog(&self) {
        if let Some(backlog) = &mut self.capture().backlog {
            backlog.close();
        }
        self.shared.room.notify_all();
    }

    /// Wakes the waiters, so that they check again.
    #[cfg(feature = "program")]
    pub(crate) fn wake(&self) {
        self.record(Change::Call, |_, _| ());
    }

    pub(crate) fn session_ended(&self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether one more connection exceeds a limit.
    pub(crate) fn connection_exceeds(&self, now: Duration) -> bool {
        let limits = &self.shared.scenario.limits;
        let too_many = limits.connections.is_some_and(|most| self.open_connections() > most);
        let too_often = limits
            .connections_per_minute
            .is_some_and(|most| exceeds(&mut lock(&self.shared.rates).connections, most, now));
        too_many || too_often
    }

    /// Whether one more message exceeds a limit.
    pub(crate) fn message_exceeds(&self, now: Duration, earlier_on_connection: u64) -> bool {
        let limits = &self.shared.scenario.limits;
        let too_many = limits.messages_per_connection.is_some_and(|most| earlier_on_connection >= most);
        let too_often = limits
            .messages_per_minute
            .is_some_and(|most| exceeds(&mut lock(&self.shared.rates).messages, most, now));
        too_many || too_often
    }
}

/// Lets the allocator ask the system for the room of many messages at once, when this thread has used up the last.
///
/// The C library's own asks for each page of a thread's heap by itself: half a system call for each message of 1 KiB.
/// What was allocated and freed at the end of the heap stays, and is what the next messages are made of.
fn make_room(size: usize) {
    thread_local! {
        static LEFT: Cell<usize> = const { Cell::new(0) };
    }
    if size > ROOM / 4 {
        return;
    }
    let left = LEFT.get().checked_sub(size).unwrap_or_else(|| {
        drop(core::hint::black_box(Vec::<u8>::with_capacity(ROOM)));
        ROOM - size
    });
    LEFT.set(left);
}

/// Counts this event unless the last minute is full.
fn exceeds(times: &mut VecDeque<Duration>, most: u64, now: Duration) -> bool {
    while times.front().is_some_and(|&first| now.saturating_sub(first) >= Duration::from_mins(1)) {
        times.pop_front();
    }
    if u64::try_from(times.len()).unwrap_or(u64::MAX) >= most {
        return true;
    }
    times.push_back(now);
    false
}

#[cfg(all(test, feature = "program"))]
mod tests {
    use super::*;

    fn message(octets: usize) -> Message {
        Message {
            number: 0,
            connection: 1,
            time: Duration::ZERO,
            envelope: crate::capture::Envelope::default(),
            octets: vec![b'x'; octets],
            code: Some(250),
        }
    }

    fn keep(server: &Server, octets: usize) {
        server.keep_message(message(octets), &mut Page::default(), &mut Vec::new());
    }

    /// Eight sessions keep messages while they are taken; gives how many were taken at most at once.
    fn most_at_once(each: u64, octets: usize) -> usize {
        let limits = CaptureLimits { messages: 1, ..CaptureLimits::default() };
        let server = Server::with_limits(Scenario::new(), limits);
        keep(&server, octets);
        server.open_backlog();
        let (mut told, mut most) = (0, 0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..each).for_each(|_| keep(&server, octets)));
            }
            while told < 8 * each + 1 {
                let news = server
                    .wait_for_change(Change::Milestone, Duration::from_secs(20), |server| {
                        Some(server.take_backlog()).filter(|news| !news.is_empty())
                    })
                    .expect("messages come");
                most = most.max(news.len());
                for message in news {
                    told += 1;
                    assert_eq!(message.number, told);
                }
            }
        });
        assert_eq!((server.accepted(), server.messages().len()), (told, 1));
        most
    }

    #[test]
    fn every_message_is_told_of_in_order_although_one_is_kept_and_few_wait() {
        assert!(most_at_once(1000, 10) <= 1024);
        assert!(most_at_once(10, 9 * 1024 * 1024) <= 2);
    }

    #[test]
    fn sessions_that_wait_go_on_when_the_backlog_closes() {
        let server = Server::new(Scenario::new());
        server.open_backlog();
        std::thread::scope(|scope| {
            let session = scope.spawn(|| (0..1500).for_each(|_| keep(&server, 1)));
            let full = server
                .wait_until(Duration::from_secs(20), |server| (server.accepted() == 1024).then_some(()));
            assert!(full.is_some());
            assert!(!session.is_finished());
            server.close_backlog();
        });
        let numbers: Vec<_> = server.take_backlog().iter().map(|message| message.number).collect();
        assert_eq!(numbers, (1..=1500).collect::<Vec<_>>());
    }
}
