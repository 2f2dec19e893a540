//! Defines [`Server`], what all sessions of one mock share: the scenario, the rules' counters, limits and the capture.

use core::{cell::Cell, time::Duration};
#[cfg(feature = "program")]
use std::sync::Condvar;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

#[cfg(feature = "program")]
use crate::capture::Backlog;
#[cfg(feature = "net")]
use crate::capture::StoreError;
use crate::{
    capture::{Capture, CaptureLimits, Message, Page, Path, Transcript, header_fields, unfolded},
    random::Random,
    report::{Finding, Nearest, Report, RuleUse},
    scenario::{On, Rule, Scenario, When},
    session::{Session, offers::Offers},
    signal::{Change, Signal},
};

/// Room for messages that is asked for at once: below what the C library gives back or maps by itself.
const ROOM: usize = 96 * 1024;

/// What a message of ordinary length takes besides its octets: envelope, strings and the allocator's own.
const BESIDES: usize = 1024;

/// What all sessions of one mock share. Clones are handles on the same server.
///
/// It makes [`Session`]s and keeps what they took; it has neither socket nor thread nor clock.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) offers: Offers,
    pub(crate) limits: CaptureLimits,
    rules: Mutex<Vec<RuleState>>,
    // Read before the lock is taken: without rules, sessions never meet.
    has_rules: AtomicBool,
    capture: Mutex<Capture>,
    signal: Signal,
    /// The backlog has room again.
    #[cfg(feature = "program")]
    room: Condvar,
    connections: AtomicU64,
    open: AtomicU64,
    rates: Mutex<Rates>,
    // Read before the lock is taken, as with rules.
    #[cfg(feature = "net")]
    has_store: AtomicBool,
    #[cfg(feature = "net")]
    store: Mutex<Option<crate::capture::Store>>,
}

#[derive(Debug)]
struct RuleState {
    rule: Arc<Rule>,
    seen: u64,
    fired: u64,
    nearest: Option<Nearest>,
}

/// When messages and connections came, within the last minute.
#[derive(Debug, Default)]
struct Rates {
    messages: VecDeque<Duration>,
    connections: VecDeque<Duration>,
}

/// What a rule's hook and guards are held against.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) on: On,
    pub(crate) line: &'a [u8],
    /// The recipient that the command names.
    pub(crate) to: Option<&'a str>,
    /// The recipients that were accepted before.
    pub(crate) recipients: &'a [Path],
    pub(crate) from: Option<&'a str>,
    pub(crate) connection: u64,
    pub(crate) message: u64,
    pub(crate) secure: bool,
    pub(crate) authenticated: bool,
    pub(crate) size: Option<u64>,
    pub(crate) octets: Option<&'a [u8]>,
    /// The entry of the connection's transcript, counted from 1.
    pub(crate) entry: usize,
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
        let rules: Vec<_> = scenario.rules.iter().cloned().map(RuleState::new).collect();
        Self {
            shared: Arc::new(Shared {
                has_rules: AtomicBool::new(!rules.is_empty()),
                rules: Mutex::new(rules),
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

    /// The session of the next connection.
    #[must_use]
    pub fn session(&self) -> Session {
        let number = self.shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        Session::new(self.clone(), number)
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

    /// Whether the store, where there is one, has room for so many octets.
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

    /// Entries of the transcript from a position on, and the position behind them; for whoever prints as they come.
    #[must_use]
    pub fn entries_since(&self, position: u64) -> (Vec<crate::Entry>, u64) {
        self.capture().log.since(position)
    }

    /// Puts a rule before all others, from now on.
    pub fn set(&self, rule: Rule) {
        lock(&self.shared.rules).insert(0, RuleState::new(rule));
        self.shared.has_rules.store(true, Ordering::Release);
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
        let rules: Vec<_> = lock(&self.shared.rules).iter().map(RuleState::to_use).collect();
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

    /// Changes what was kept, and wakes those who wait for it.
    pub(crate) fn record<T>(&self, change: Change, act: impl FnOnce(&mut Capture, &CaptureLimits) -> T) -> T {
        let value = {
            let mut capture = self.capture();
            capture.touch(change);
            act(&mut capture, &self.shared.limits)
        };
        self.shared.signal.notify(change);
        value
    }

    /// Keeps a message behind the transcript and the findings up to it, and wakes those who wait for it; waits itself until
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

    /// No session waits from now on: for whoever stops them and then takes what is left.
    #[cfg(feature = "program")]
    pub(crate) fn close_backlog(&self) {
        if let Some(backlog) = &mut self.capture().backlog {
            backlog.close();
        }
        self.shared.room.notify_all();
    }

    /// Wakes those who wait, so that they look again.
    #[cfg(feature = "program")]
    pub(crate) fn wake(&self) {
        self.record(Change::Call, |_, _| ());
    }

    pub(crate) fn session_ended(&self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there was ever a rule; without any, sessions need not gather facts.
    pub(crate) fn has_rules(&self) -> bool {
        self.shared.has_rules.load(Ordering::Acquire)
    }

    /// The rule that fires, if one does; it is counted.
    pub(crate) fn choose(&self, facts: &Facts<'_>, random: &mut Random) -> Option<Arc<Rule>> {
        for state in lock(&self.shared.rules).iter_mut() {
            if state.rule.on != facts.on && state.rule.on != On::Any {
                continue;
            }
            if let Some(guard) = first_unmet(&state.rule.when, facts) {
                state.nearest = Some(Nearest { connection: facts.connection, entry: facts.entry, guard });
                continue;
            }
            state.seen += 1;
            let spent = state.rule.times.is_some_and(|times| state.fired >= times);
            if state.seen <= state.rule.skip || spent {
                continue;
            }
            if let Some(chance) = state.rule.chance
                && !random.chance(chance)
            {
                continue;
            }
            state.fired += 1;
            return Some(Arc::clone(&state.rule));
        }
        None
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

impl RuleState {
    fn new(rule: Rule) -> Self {
        Self { rule: Arc::new(rule), seen: 0, fired: 0, nearest: None }
    }

    fn to_use(&self) -> RuleUse {
        RuleUse {
            rule: self.rule.describe(),
            fired: self.fired,
            expected: self.rule.expect,
            nearest: self.nearest.clone().filter(|_| self.fired == 0),
        }
    }
}

/// A poisoned lock only says that some thread of the test panicked; what it guards is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The first guard that does not hold.
fn first_unmet(when: &When, facts: &Facts<'_>) -> Option<&'static str> {
    let unless = |word: &'static str, holds: bool| (!holds).then_some(word);
    if let Some(connection) = when.connection
        && connection != facts.connection
    {
        return Some("connection");
    }
    if let Some(message) = when.message
        && message != facts.message
    {
        return Some("message");
    }
    if let Some(secure) = when.secure
        && secure != facts.secure
    {
        return Some("secure");
    }
    if let Some(authenticated) = when.authenticated
        && authenticated != facts.authenticated
    {
        return Some("authenticated");
    }
    if let Some(line) = &when.line
        && !line.matches(facts.line)
    {
        return Some("line");
    }
    if let Some(from) = &when.from
        && !facts.from.is_some_and(|mailbox| from.matches(mailbox.as_bytes()))
    {
        return Some("from");
    }
    if let Some(to) = &when.to {
        let holds = match facts.to {
            Some(mailbox) => to.matches(mailbox.as_bytes()),
            None => facts.recipients.iter().any(|path| to.matches(path.mailbox.as_bytes())),
        };
        if !holds {
            return Some("to");
        }
    }
    if let Some(least) = when.larger_than
        && facts.size.is_none_or(|size| size <= least)
    {
        return Some("larger-than");
    }
    when.header.as_ref().and_then(|pattern| {
        let holds = facts.octets.is_some_and(|octets| {
            header_fields(octets).any(|(name, value)| {
                let line = [name, b": ", unfolded(value).as_bytes()].concat();
                pattern.matches(&line)
            })
        });
        unless("header", holds)
    })
}

#[cfg(all(test, feature = "program"))]
mod tests {
    use super::*;

    fn message(octets: usize) -> Message {
        Message {
            number: 0,
            connection: 1,
            time: Duration::ZERO,
            envelope: crate::Envelope::default(),
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
