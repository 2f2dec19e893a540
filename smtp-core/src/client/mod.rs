//! Defines [`Client`], the protocol state machine.
//!
//! The flow of one connection through the files of this folder: a goal becomes a [`job`]; [`commands`] queues its
//! commands and records each expected reply; [`replies`] matches the replies in that order; [`draining`] reads on
//! when nothing more may be sent; [`ending`] ends the remaining goals when the connection ends.

mod commands;
mod draining;
mod ending;
mod exchange;
mod goals;
mod job;
mod replies;
mod transaction;

use crate::config::{Config, Timer};
use crate::envelope::Envelope;
use crate::event::{Event, Goal, Input, Output, Verb};
use crate::extensions::Extensions;
use crate::fault::Cause;
use crate::mask::Mask;
use crate::reply::{Parser, Reply};
use crate::time::Instant;
use crate::transmit::{Content, Transmit};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use job::{Expect, Job, Outstanding, Task};
use transaction::Stage;

/// An SMTP client for one connection, without I/O.
///
/// There are three kinds of method:
///
/// * **goals** request what the application wants: [`hello`](Self::hello), [`send`](Self::send), [`quit`](Self::quit)
///   and others. They are queued.
/// * [`handle`](Self::handle) takes the driver's report: received bytes, a finished write, a lost connection.
/// * [`poll`](Self::poll) returns the next action. All output leaves through it, and it is the only one that takes
///   the time.
///
/// # Guarantees
///
/// 1. Every accepted goal ends in exactly one [`Event::Done`], in the order in which the goals were set.
/// 2. [`Event::Closed`] comes exactly once, as the last event.
/// 3. A delivery has one outcome for each recipient.
/// 4. It makes no difference how the input or the body is divided into pieces.
/// 5. [`Limits`](crate::Limits), one chunk and the goals set bound the memory.
#[derive(Debug)]
pub struct Client {
    config: Config,
    phase: Phase,
    extensions: Extensions,
    is_secured: bool,
    is_hello_done: bool,
    is_authenticated: bool,
    /// The expected state after all accepted goals, if they succeed.
    planned: PlannedState,
    jobs: VecDeque<Job>,
    /// The last envelope whose commands fit in the line limit.
    checked: Option<Arc<Envelope>>,
    next_goal: u64,
    /// The job whose commands are being queued; all commands of earlier jobs are queued.
    cursor: usize,
    outstanding: VecDeque<Outstanding>,
    /// The number of outstanding replies whose commands were transmitted.
    outstanding_transmitted: usize,
    /// The number of outstanding replies to the end of a message.
    outstanding_final: usize,
    /// The last queued command ends its group (RFC 2920 §3.1): nothing may follow before its reply.
    is_group_ended: bool,
    /// The window was full; it is refilled once half of it is free, not after each reply.
    is_window_full: bool,
    /// The connection was idle and may be gone: mail data waits for a reply.
    is_suspect: bool,
    /// The goal whose transaction may be unfinished at the server.
    open_transaction: Option<Goal>,
    /// That transaction may have recipients, who would receive the next message: send RSET alone.
    has_open_recipients: bool,
    /// Mail data gathered for a BDAT.
    chunk: Vec<u8>,
    /// Something happened since the last attempt to queue a command.
    has_changed: bool,
    /// Queued, not transmitted.
    pending: Transmit,
    /// The total number of transmitted octets.
    transmitted: u64,
    /// The number of octets that the driver reported as sent.
    sent: u64,
    /// The timer of the current write.
    writing: Option<Timer>,
    /// The 421 with which the server announced that it is closing.
    unavailable: Option<Reply>,
    parser: Parser,
    /// The command that the last reply belongs to.
    answered: Option<Verb>,
    mask: Mask,
    events: VecDeque<Event>,
    /// The start of the current timer.
    timer_began: Instant,
    /// The timer restarts at the next poll.
    restarts_timer: bool,
}

/// The phase of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Implicit TLS: the handshake is next.
    Handshake,
    Greeting,
    Open,
    /// STARTTLS was accepted: the handshake is next.
    Upgrade,
    /// After a 421 or a failed write: nothing more is sent, and replies are read until the connection ends.
    Draining,
    Closed,
}

#[derive(Clone, Copy, Debug, Default)]
struct PlannedState {
    hello: bool,
    secured: bool,
    authenticated: bool,
    quit: bool,
}

impl Client {
    /// Makes a client for a transport that is connected already; a limit of zero counts as one.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        let limits = &mut config.limits;
        limits.chunk = limits.chunk.max(1);
        limits.window = limits.window.max(1);
        limits.in_flight = limits.in_flight.clamp(1, 64);
        let phase = if config.implicit_tls { Phase::Handshake } else { Phase::Greeting };
        Self {
            planned: PlannedState { secured: config.implicit_tls, ..PlannedState::default() },
            config,
            phase,
            extensions: Extensions::default(),
            is_secured: false,
            is_hello_done: false,
            is_authenticated: false,
            jobs: VecDeque::new(),
            checked: None,
            next_goal: 0,
            cursor: 0,
            outstanding: VecDeque::new(),
            outstanding_transmitted: 0,
            outstanding_final: 0,
            is_group_ended: false,
            is_window_full: false,
            is_suspect: false,
            open_transaction: None,
            has_open_recipients: false,
            chunk: Vec::new(),
            has_changed: true,
            pending: Transmit::new(),
            transmitted: 0,
            sent: 0,
            writing: None,
            unavailable: None,
            parser: Parser::default(),
            answered: None,
            mask: Mask::default(),
            events: VecDeque::new(),
            timer_began: Instant::EPOCH,
            restarts_timer: true,
        }
    }

    /// Handles what the driver reports.
    pub fn handle(&mut self, input: Input<'_>) {
        if self.phase == Phase::Closed {
            return;
        }
        self.has_changed = true;
        match input {
            Input::Received(octets) => self.receive(octets),
            Input::Sent => {
                if self.writing.take().is_some() {
                    self.sent = self.transmitted;
                    self.restarts_timer = true;
                }
            }
            Input::WriteFailed => self.write_failed(),
            Input::Secured => self.secure(),
            Input::Lost => self.close(Cause::Lost),
        }
    }

    /// Says that the connection was idle, so that it may be gone without a sign: until the next reply no mail data leaves.
    ///
    /// A message whose end leaves on a dead connection ends as [`Unconfirmed`](crate::Outcome::Unconfirmed), while commands
    /// alone may be repeated on a new one.
    pub const fn suspect(&mut self) {
        self.is_suspect = true;
    }

    /// Returns the next action for the driver.
    ///
    /// Poll after every [`handle`](Self::handle), every goal, every piece of a [`body`](Self::body), and at `until`:
    /// a timer has expired when `now` is `until` or later. After an [`Event`](Output::Event) only another poll is
    /// needed; [`Closed`](Output::Closed) repeats forever.
    ///
    /// Use the same `transmit` for the life of the client. It is filled once for each write: a poll before
    /// [`Input::Sent`] returns [`Output::Write`] again and leaves the octets in `transmit`, so that an interrupted
    /// driver can continue where it stopped. No other output changes it.
    pub fn poll(&mut self, now: Instant, transmit: &mut Transmit) -> Output {
        if self.restarts_timer {
            self.restarts_timer = false;
            self.timer_began = now;
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Output::Event(event);
            }
            if let Some(timer) = self.writing {
                match self.until(timer, now) {
                    Some(until) => return Output::Write { until },
                    None => continue,
                }
            }
            let timer = match self.phase {
                Phase::Closed => return Output::Closed,
                Phase::Handshake | Phase::Upgrade => match self.until(Timer::Tls, now) {
                    Some(until) => return Output::Handshake { until },
                    None => continue,
                },
                Phase::Greeting => Timer::Greeting,
                Phase::Draining => self.draining_timer(),
                Phase::Open => {
                    self.queue_commands();
                    if !self.events.is_empty() {
                        continue;
                    }
                    if self.pending.len() < self.config.limits.chunk
                        && let Some(goal) = self.wanted_body()
                    {
                        // the time that the application takes does not count as the server's
                        self.restarts_timer = true;
                        return Output::Body(goal);
                    }
                    if !self.pending.is_empty() {
                        self.move_pending(transmit);
                        self.timer_began = now;
                        continue;
                    }
                    match self.outstanding.front() {
                        Some(&awaited) => self.reply_timer(awaited),
                        None => return Output::Idle,
                    }
                }
            };
            if let Some(until) = self.until(timer, now) {
                return Output::Read { until };
            }
        }
    }

    /// The extensions in the server's last reply to EHLO.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Returns whether TLS is active.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// Returns whether a login was accepted.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// The command that the last reply belongs to; `None` before the first one, not counting the greeting.
    #[must_use]
    pub const fn answered(&self) -> Option<Verb> {
        self.answered
    }

    /// The octets of an incomplete or malformed reply, to be shown when the connection fails.
    #[must_use]
    pub fn rejected_octets(&self) -> &[u8] {
        self.parser.incomplete()
    }

    /// Returns the timer of that reply: a short one after a refused chunk, because the reply then decides nothing.
    fn reply_timer(&mut self, awaited: Outstanding) -> Timer {
        let is_idle = awaited.expect == Expect::Chunk
            && self.outstanding_final == 0
            && self.transaction(awaited.goal).is_some_and(|transaction| transaction.is_chunk_refused());
        if is_idle { Timer::LastWords } else { awaited.expect.timer() }
    }

    /// Returns the expiry of the current timer, or closes the connection if it has expired.
    fn until(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        let until = self.timer_began + self.config.timeouts.limit(timer);
        if now < until {
            return Some(until);
        }
        self.close(match timer {
            Timer::LastWords => Cause::Lost,
            timer => Cause::TimedOut(timer),
        });
        None
    }

    /// Moves the queued octets to the caller's buffer.
    fn move_pending(&mut self, transmit: &mut Transmit) {
        self.has_changed = true;
        transmit.clear();
        core::mem::swap(&mut self.pending, transmit);
        self.transmitted += transmit.len() as u64;
        let waits_for =
            self.outstanding.get(self.outstanding_transmitted).map(|awaited| awaited.expect.timer());
        self.outstanding_transmitted = self.outstanding.len();
        let is_data = transmit.spans.iter().any(|&(content, _)| content == Content::Message);
        self.writing = Some(if is_data { Timer::Block } else { waits_for.unwrap_or(Timer::Block) });
    }

    /// Returns the position in the output stream, including queued octets.
    fn output_position(&self) -> u64 {
        self.transmitted + self.pending.len() as u64
    }

    fn secure(&mut self) {
        self.restarts_timer = true;
        match self.phase {
            Phase::Handshake => {
                self.is_secured = true;
                self.phase = Phase::Greeting;
            }
            Phase::Upgrade => self.secured_by_start_tls(),
            _ => {}
        }
    }

    fn job_index(&self, goal: Goal) -> Option<usize> {
        // goals are numbered in queue order without gaps
        let distance = usize::try_from(self.next_goal - goal.0).ok()?;
        self.jobs.len().checked_sub(distance)
    }

    /// Returns the transaction of that goal.
    fn transaction(&mut self, goal: Goal) -> Option<&mut transaction::Transaction> {
        let index = self.job_index(goal)?;
        match &mut self.jobs.get_mut(index)?.task {
            Task::Send(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// Returns the message whose mail data is being sent after DATA.
    fn streaming(&self) -> Option<Goal> {
        let job = self.jobs.get(self.cursor)?;
        matches!(&job.task, Task::Send(transaction) if transaction.stage == Stage::Data).then_some(job.goal)
    }
}
