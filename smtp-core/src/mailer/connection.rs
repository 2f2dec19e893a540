//! Provides [`Connection`], a [`Client`] together with what a driver has to remember of the octets that left.

use super::error::{BoxError, Closing, Error, ErrorKind, TlsFault};
use super::measure::{Measure, phase_of};
use super::observer::{Notice, Observer};
use crate::{Cause, Client, Config, Content, Event, Goal, Input, Instant, Output, Timer, Transmit, Verb};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// A [`Client`] together with what a driver has to remember of the octets that left.
///
/// It does no I/O: [`poll`](Self::poll) says what to do next, the other methods take what came of it. A driver reads
/// while it writes, so that a refusal in the middle of a message ends it, and two ends that both write do not wait for
/// each other.
pub struct Connection {
    client: Client,
    observers: Vec<Box<dyn Observer>>,
    transmit: Transmit,
    /// How much of `transmit` was written, while it is being written.
    written: Option<usize>,
    /// Whether the observers saw the write under way.
    is_shown: bool,
    /// Whether a write was abandoned, so that nothing may follow it.
    is_torn: bool,
    /// How many writes are complete since the last read.
    unheard: usize,
    bodies: Bodies,
    /// How long to wait for a reply that explains a failed write, and until when once one failed.
    last_words: (Duration, Option<Instant>),
    stop: Option<Stop>,
    /// Why the connection failed, where that is known better than «lost».
    failure: Option<Failure>,
    /// Whether each reply is reported, so that its phase gets the time that it took.
    measures: bool,
    measure: Measure,
    /// Until when time was added to a phase.
    measured: Instant,
    /// Whether something was written since the last read.
    has_written: bool,
    is_greeted: bool,
    /// Octets of a message that the machine did not accept yet.
    leftover: Leftover,
    /// Whether it was idle between messages, and nothing came since.
    is_reused: bool,
}

/// Octets of a message that were read, but not accepted yet.
#[derive(Default)]
struct Leftover {
    goal: Option<Goal>,
    octets: Vec<u8>,
    start: usize,
}

/// What a driver has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum Demand {
    /// Write [`Connection::unwritten`], all of it or a part, and call [`Connection::wrote`]; poll again when there is room
    /// again, something came, or at `until`.
    Write {
        /// When the timer runs out.
        until: Instant,
    },
    /// Read, and call [`Connection::received`] or [`Connection::ended`]; poll again at `until`, after
    /// [`Connection::nothing_came`].
    Read {
        /// When the timer runs out.
        until: Instant,
    },
    /// Do the TLS handshake, and call [`Connection::secured`] or [`Connection::handshake_failed`]; poll again at `until`.
    Handshake {
        /// When the timer runs out.
        until: Instant,
    },
    /// Hand in octets of this goal's message by [`Connection::body`], or end it.
    Body(Goal),
    /// Something for the application.
    Event(Event),
    /// Nothing is due: a goal may be set.
    Idle,
    /// The connection is over: close the transport.
    Closed {
        /// Whether to send a TLS `close_notify` first: nothing was cut off.
        farewell: bool,
    },
}

/// A request to end the session early.
#[derive(Clone, Copy, Debug)]
struct Stop {
    at: Instant,
    /// How long a reply to a whole message is awaited.
    patience: Duration,
    reason: StopReason,
    /// Whether it ended the session.
    is_done: bool,
}

/// Why a session ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there are two
pub enum StopReason {
    /// The application cancelled it.
    Cancelled,
    /// The deadline of the whole send passed.
    DeadlinePassed,
}

/// Why a connection failed.
#[derive(Clone, Debug)]
enum Failure {
    Tls { fault: TlsFault, source: Option<Arc<BoxError>> },
    Transport(Arc<BoxError>),
}

/// The messages whose last octets are on their way.
#[derive(Debug, Default)]
struct Bodies {
    /// The one whose octets were asked for last.
    asked: Option<Goal>,
    /// Those that are complete, but whose end has not left.
    complete: Vec<Goal>,
    /// Those whose end has left, and is not answered.
    outstanding: Vec<Goal>,
    /// The one that ended last, if its end has not left.
    cut: Option<Goal>,
}

impl Bodies {
    /// Notes that a message ended; `is_cut` says that the end of the last complete one has not left.
    fn ended(&mut self, goal: Goal, is_cut: bool) {
        self.cut = (is_cut && self.complete.last() == Some(&goal)).then_some(goal);
        self.complete.retain(|other| *other != goal);
        self.outstanding.retain(|other| *other != goal);
    }
}

impl Connection {
    /// After a cancellation the reply to a whole message is awaited for so long.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// A connection of this configuration, which began at `now`.
    #[must_use]
    pub fn new(config: Config, observers: Vec<Box<dyn Observer>>, now: Instant) -> Self {
        Self {
            measures: config.report_replies,
            last_words: (config.timeouts.limit(Timer::LastWords), None),
            client: Client::new(config),
            observers,
            transmit: Transmit::new(),
            written: None,
            is_shown: false,
            is_torn: false,
            unheard: 0,
            bodies: Bodies::default(),
            stop: None,
            failure: None,
            measure: Measure::default(),
            measured: now,
            has_written: false,
            is_greeted: false,
            leftover: Leftover::default(),
            is_reused: false,
        }
    }

    /// The protocol machine, to set goals and to read what the server offers.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The protocol machine, to set goals.
    pub const fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// What to do next.
    pub fn poll(&mut self, now: Instant) -> Demand {
        loop {
            let stops = self.stops(now);
            let output = self.client.poll(now, &mut self.transmit);
            match output {
                Output::Write { .. } => _ = self.written.get_or_insert(0),
                Output::Event(_) | Output::Closed => {}
                // The machine goes on without the write under way, if there is one.
                _ => self.is_torn |= self.written.is_some(),
            }
            return match output {
                // What has left is awaited; nothing more leaves.
                Output::Write { until } | Output::Read { until } | Output::Handshake { until } if stops => {
                    Demand::Read { until }
                }
                Output::Body(_) | Output::Idle if stops => Demand::Read { until: now + Self::PATIENCE },
                Output::Write { .. } if self.is_torn => {
                    self.client.handle(Input::WriteFailed);
                    continue;
                }
                Output::Write { until } => Demand::Write { until },
                Output::Read { until } => Demand::Read {
                    until: self.last_words.1.map_or(until, |last_words| last_words.min(until)),
                },
                Output::Handshake { until } => Demand::Handshake { until },
                Output::Body(goal) => {
                    self.bodies.asked = Some(goal);
                    Demand::Body(goal)
                }
                Output::Event(event) => {
                    if let Event::Done { goal, .. } = &event {
                        let is_cut = self.written.is_some_and(|written| written < self.end_of_mail_data());
                        self.bodies.ended(*goal, is_cut);
                    }
                    self.show(&event, now);
                    Demand::Event(event)
                }
                Output::Idle => Demand::Idle,
                // A farewell says that nothing was cut off, and may take the rest of a TLS record along.
                Output::Closed => Demand::Closed { farewell: self.written.is_none() },
            };
        }
    }

    /// Whether the driver should look for replies, without waiting, before the next write: it has only written since it
    /// last read, and would not hear a refusal.
    #[must_use]
    pub const fn should_read_first(&self) -> bool {
        !self.is_shown && self.unheard > 0
    }

    /// The octets that remain to be written; none when all that remains is to flush them.
    pub fn unwritten(&mut self) -> &[u8] {
        if !self.is_shown {
            self.is_shown = true;
            let is_secured = self.client.is_secured();
            for observer in &mut self.observers {
                observer.sent(&self.transmit, is_secured);
            }
        }
        let written = self.written.unwrap_or_default();
        self.transmit.octets().get(written..).unwrap_or_default()
    }

    /// So many octets were written, perhaps none; returns whether all of them are, so that they are to be flushed.
    pub fn wrote(&mut self, count: usize) -> bool {
        let written = self.written.get_or_insert(0);
        *written += count;
        self.measure.sent += count as u64;
        self.has_written |= count > 0;
        *written >= self.transmit.octets().len()
    }

    /// All that was written was flushed.
    pub fn flushed(&mut self) {
        self.written = None;
        self.is_shown = false;
        self.unheard += 1;
        if self.may_hold_an_end() {
            self.bodies.outstanding.append(&mut self.bodies.complete);
        }
        self.client.handle(Input::Sent);
    }

    /// A write or flush failed; what the server sent before may still be read.
    pub fn write_failed(&mut self, now: Instant, why: Option<BoxError>) {
        self.is_torn = true;
        if !self.may_have_arrived() {
            self.last_words.1 = Some(now + self.last_words.0);
        }
        self.fail(why);
        self.client.handle(Input::WriteFailed);
    }

    /// The driver is about to wait for a reply.
    pub fn about_to_read(&mut self) {
        self.measure.turns += u64::from(core::mem::take(&mut self.has_written));
    }

    /// These octets came.
    pub fn received(&mut self, octets: &[u8]) {
        self.measure.received += octets.len() as u64;
        self.unheard = 0;
        self.is_reused = false;
        self.client.handle(Input::Received(octets));
    }

    /// The server ended the stream, or reading failed: `why`, where the system says more than that.
    pub fn ended(&mut self, why: Option<BoxError>) {
        self.unheard = 0;
        self.fail(why);
        self.notice(&Notice::Ended);
        self.client.handle(Input::Lost);
    }

    /// The server ended the stream by a TLS alert.
    pub fn ended_by_alert(&mut self, fault: TlsFault) {
        if matches!(self.client.answered(), None | Some(Verb::StartTls)) {
            self.failure = Some(Failure::Tls { fault, source: None });
        }
        self.ended(None);
    }

    /// A read ended without octets at `now`.
    pub fn nothing_came(&mut self, now: Instant) {
        // When a timer of the machine ran out, its next poll says what follows.
        if self.last_words.1.is_some_and(|last_words| now >= last_words) {
            self.client.handle(Input::Lost);
        }
    }

    /// The TLS handshake is done, and the certificate is trusted.
    pub fn secured(&mut self, now: Instant) {
        self.account(Timer::Tls, now);
        self.notice(&Notice::Secured);
        self.client.handle(Input::Secured);
    }

    /// The TLS handshake failed.
    pub fn handshake_failed(&mut self, fault: TlsFault, source: Option<BoxError>) {
        self.failure = Some(Failure::Tls { fault, source: source.map(Arc::new) });
        self.client.handle(Input::Lost);
    }

    /// Hands in octets of this message that an earlier call of [`body`](Self::body) kept; returns whether there were any.
    pub fn leftover(&mut self, goal: Goal) -> bool {
        let Leftover { goal: of, octets, start } = &mut self.leftover;
        let rest = octets.get(*start..).unwrap_or_default();
        if *of != Some(goal) || rest.is_empty() {
            return false;
        }
        *start += self.client.body(rest);
        true
    }

    /// Hands in octets of the message that was asked for, and keeps those that are not accepted yet; none say that it is
    /// complete.
    pub fn body(&mut self, goal: Goal, octets: &[u8]) {
        if octets.is_empty() {
            return self.end_of_body();
        }
        let accepted = self.client.body(octets);
        self.leftover.goal = Some(goal);
        self.leftover.start = 0;
        self.leftover.octets.clear();
        self.leftover.octets.extend_from_slice(octets.get(accepted..).unwrap_or_default());
    }

    /// The message that was asked for is complete.
    pub fn end_of_body(&mut self) {
        self.bodies.complete.extend(self.bodies.asked.take());
        self.client.end_of_body();
    }

    /// Abandons the message that was asked for, so that no part of it can pass for the whole.
    pub fn abort_body(&mut self) {
        self.client.abort_body();
    }

    /// Notes that it was idle, and is about to be used again: until something comes it may be stale.
    pub fn reuse(&mut self) {
        self.is_reused = true;
        self.stop = None;
        self.client.suspect();
    }

    /// Releases memory that the next message allocates anew, before it is idle.
    pub fn rest(&mut self) {
        self.leftover = Leftover::default();
    }

    /// Whether it was idle between messages, and nothing came since.
    #[must_use]
    pub const fn may_be_stale(&self) -> bool {
        self.is_reused
    }

    /// Ends the session early, because of `reason` at `at`; only the first call counts.
    ///
    /// From then on nothing leaves. A whole message that has left is given `patience` for its reply.
    pub fn stop(&mut self, reason: StopReason, at: Instant, patience: Duration) {
        self.stop.get_or_insert(Stop { at, patience, reason, is_done: false });
    }

    /// Until when waits may go on, where the session is to end early.
    #[must_use]
    pub fn stops_at(&self) -> Option<Instant> {
        let stop = self.stop?;
        Some(stop.at + if self.bodies.outstanding.is_empty() { Duration::ZERO } else { stop.patience })
    }

    /// Forgets a request to end early that did not end the session.
    pub fn resume(&mut self) {
        self.stop = None;
    }

    /// Why the session was ended early, if it was.
    #[must_use]
    pub fn stopped(&self) -> Option<StopReason> {
        self.stop.filter(|stop| stop.is_done).map(|stop| stop.reason)
    }

    /// Whether the end of that message, the one that ended last, has not left.
    #[must_use]
    pub fn is_cut(&self, goal: Goal) -> bool {
        self.bodies.cut == Some(goal)
    }

    /// The time that the connection took.
    pub fn connected_in(&mut self, time: Duration) {
        self.measure.add(Timer::Connect, time);
    }

    /// What the session cost since this was last called.
    pub fn take_measure(&mut self) -> Measure {
        core::mem::take(&mut self.measure)
    }

    /// Tells the observers.
    pub fn notice(&mut self, notice: &Notice<'_>) {
        for observer in &mut self.observers {
            observer.notice(notice);
        }
    }

    /// Replaces the observers, and returns those before.
    pub fn observe(&mut self, observers: Vec<Box<dyn Observer>>) -> Vec<Box<dyn Observer>> {
        core::mem::replace(&mut self.observers, observers)
    }

    /// Why the session ended, for the application.
    #[must_use]
    pub fn error(&self, cause: &Cause) -> Error {
        if let Some(reason) = self.stopped() {
            return ErrorKind::from(reason).into();
        }
        match &self.failure {
            Some(Failure::Tls { fault, source }) => {
                with_shared(ErrorKind::Tls(fault.clone()), source.as_ref())
            }
            failure => {
                let source = match failure {
                    Some(Failure::Transport(source)) if *cause == Cause::Lost => Some(source),
                    _ => None,
                };
                let closing = Closing {
                    cause: cause.clone(),
                    answered: self.client.answered(),
                    is_greeted: self.is_greeted,
                    rejected: self.client.rejected_octets().to_vec(),
                };
                with_shared(ErrorKind::Closed(closing), source)
            }
        }
    }

    /// Whether the session is to end early: as soon as no whole message awaits its reply, or has awaited it long enough.
    fn stops(&mut self, now: Instant) -> bool {
        let Some(end) = self.stops_at() else { return false };
        if let Some(stop) = &mut self.stop
            && now >= end
            && !stop.is_done
        {
            stop.is_done = true;
            self.client.handle(Input::Lost);
        }
        true
    }

    /// Whether the end of a message that is not answered has left, or may have with the part of a write that did.
    fn may_have_arrived(&self) -> bool {
        let written = self.written.unwrap_or_default();
        let is_in_part = match self.bodies.complete.len() {
            0 => false,
            1 => written >= self.end_of_mail_data(),
            _ => written > 0,
        };
        is_in_part || !self.bodies.outstanding.is_empty()
    }

    /// Whether the last write may hold the end of a message: one of envelopes alone does not.
    fn may_hold_an_end(&self) -> bool {
        self.transmit.spans().any(|(content, octets)| match content {
            Content::Message => true,
            // A message may end with a BDAT of no octets, or with a lone dot.
            Content::Command => octets.split(|&octet| octet == b'\n').any(|line| {
                line.starts_with(b".") || line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
            }),
            Content::Secret => false,
        })
    }

    /// Where in the octets of the last write its mail data ends; 0 where it has none.
    fn end_of_mail_data(&self) -> usize {
        let (mut place, mut end) = (0, 0);
        for (content, octets) in self.transmit.spans() {
            place += octets.len();
            if content == Content::Message {
                end = place;
            }
        }
        end
    }

    fn fail(&mut self, why: Option<BoxError>) {
        if let Some(why) = why {
            self.failure.get_or_insert_with(|| Failure::Transport(Arc::new(why)));
        }
    }

    /// Adds the time since the last call to a phase.
    fn account(&mut self, phase: Timer, now: Instant) {
        if self.measures {
            self.measure.add(phase, now.saturating_since(self.measured));
            self.measured = now;
        }
    }

    fn show(&mut self, event: &Event, now: Instant) {
        self.is_greeted |= matches!(event, Event::Greeting(_));
        if let Event::Reply { verb, reply, wanted } = event {
            self.account(phase_of(*verb), now);
            let is_secured = self.client.is_secured();
            for observer in &mut self.observers {
                observer.received(*verb, reply, *wanted, is_secured);
            }
        }
    }
}

impl From<StopReason> for ErrorKind {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Cancelled => Self::Cancelled,
            StopReason::DeadlinePassed => Self::DeadlinePassed,
        }
    }
}

/// An error of this kind, which an error that is kept caused.
fn with_shared(kind: ErrorKind, source: Option<&Arc<BoxError>>) -> Error {
    let error = Error::new(kind);
    match source {
        Some(source) => error.with_source(Shared(Arc::clone(source))),
        None => error,
    }
}

/// An error that several errors share as their source.
#[derive(Debug)]
struct Shared(Arc<BoxError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Shared {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&**self.0)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("client", &self.client).finish_non_exhaustive()
    }
}
