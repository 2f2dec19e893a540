//! Defines [`Client`], the protocol machine: goals and input in, output out.
//!
//! The flow of one connection through the files of this folder: a goal becomes a [`job`]; [`commands`] puts its
//! commands out and notes each reply that is then owed; [`replies`] takes the replies in that order;
//! [`draining`] reads on when nothing more may be put out; [`ending`] ends what is left when the connection does.

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
use job::{Expect, Job, Owed, Task};
use transaction::Stage;

/// An SMTP client for one connection, without the connection.
///
/// There are three kinds of call and no fourth:
///
/// * **goals** say what the application wants: [`hello`](Self::hello), [`send`](Self::send), [`quit`](Self::quit) and
///   the others. They queue up.
/// * [`handle`](Self::handle) takes what the world did.
/// * [`poll`](Self::poll) gives what to do next. Everything leaves through it, and time enters only there.
///
/// # Promises
///
/// 1. Every goal that is taken ends in exactly one [`Event::Done`], in the order in which they were set.
/// 2. [`Event::Closed`] comes once, and last.
/// 3. A delivery has one outcome for each recipient.
/// 4. Cutting the input or the body differently changes nothing.
/// 5. Memory is bounded by [`Limits`](crate::Limits), one chunk and the goals that were set.
#[derive(Debug)]
pub struct Client {
    config: Config,
    phase: Phase,
    extensions: Extensions,
    is_secured: bool,
    is_hello_done: bool,
    is_authenticated: bool,
    /// What the goals that were taken will have done, if all goes well.
    plan: Plan,
    jobs: VecDeque<Job>,
    /// The last envelope whose commands were found to fit.
    checked: Option<Arc<Envelope>>,
    next_goal: u64,
    /// The job whose commands are being put out; all before it are out.
    cursor: usize,
    owed: VecDeque<Owed>,
    /// How many of those owed belong to commands that were handed out.
    owed_handed_out: usize,
    /// How many of those owed are about the end of a message.
    owed_final: usize,
    /// The last command that was put out ends its group (RFC 2920 §3.1): nothing may follow before its reply.
    is_group_ended: bool,
    /// The window was full; it is filled again when half of it is free, not reply by reply.
    is_window_full: bool,
    /// The connection was idle and may be gone: mail data waits for a reply.
    is_suspect: bool,
    /// Whose transaction the server may hold unfinished.
    open_transaction: Option<Goal>,
    /// That transaction may have recipients, who would get the next message: nothing rides with the RSET before it.
    has_open_recipients: bool,
    /// Mail data gathered for a BDAT.
    chunk: Vec<u8>,
    /// Something happened since no further command could be put out.
    has_changed: bool,
    /// Put out, not handed out.
    pending: Transmit,
    /// Octets handed out, all in all.
    handed_out: u64,
    /// Octets of which the driver said that they were sent.
    sent: u64,
    /// The write that is under way, and its timer.
    writing: Option<Timer>,
    /// The 421 by which the server said that it is closing.
    unavailable: Option<Reply>,
    parser: Parser,
    /// The command that the last reply was to.
    answered: Option<Verb>,
    mask: Mask,
    events: VecDeque<Event>,
    /// When the running timer began.
    timer_began: Instant,
    /// The timer begins anew at the next poll.
    restarts_timer: bool,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Implicit TLS: the handshake is due.
    Handshake,
    Greeting,
    Open,
    /// STARTTLS was taken: the handshake is due.
    Upgrade,
    /// The server said 421, or a write failed: nothing more is put out, and replies are read until the connection ends.
    Draining,
    Closed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    hello: bool,
    secured: bool,
    authenticated: bool,
    quit: bool,
}

impl Client {
    /// A client for a transport that is connected already. A limit of zero is taken for one.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        let limits = &mut config.limits;
        limits.chunk = limits.chunk.max(1);
        limits.window = limits.window.max(1);
        limits.in_flight = limits.in_flight.clamp(1, 64);
        let phase = if config.implicit_tls { Phase::Handshake } else { Phase::Greeting };
        Self {
            plan: Plan { secured: config.implicit_tls, ..Plan::default() },
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
            owed: VecDeque::new(),
            owed_handed_out: 0,
            owed_final: 0,
            is_group_ended: false,
            is_window_full: false,
            is_suspect: false,
            open_transaction: None,
            has_open_recipients: false,
            chunk: Vec::new(),
            has_changed: true,
            pending: Transmit::new(),
            handed_out: 0,
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

    /// Takes what the world did.
    pub fn handle(&mut self, input: Input<'_>) {
        if self.phase == Phase::Closed {
            return;
        }
        self.has_changed = true;
        match input {
            Input::Received(octets) => self.receive(octets),
            Input::Sent => {
                if self.writing.take().is_some() {
                    self.sent = self.handed_out;
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

    /// Gives what to do next.
    ///
    /// Poll after every [`handle`](Self::handle), every goal, every piece of a [`body`](Self::body), and when `until` has
    /// come: a timer has run out when `now` is `until` or later. An [`Event`](Output::Event) wants nothing but another
    /// poll, and [`Closed`](Output::Closed) is repeated for ever.
    ///
    /// Use one `transmit` for the life of the client. It is filled once for each write: polled again before
    /// [`Input::Sent`], the answer is [`Output::Write`] again with the same octets still in `transmit`, so that a driver
    /// that was interrupted goes on where it stopped. With any other answer it is left alone.
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
                    self.put_out_commands();
                    if !self.events.is_empty() {
                        continue;
                    }
                    if self.pending.len() < self.config.limits.chunk
                        && let Some(goal) = self.wanted_body()
                    {
                        // the time that the application takes is not the server's
                        self.restarts_timer = true;
                        return Output::Body(goal);
                    }
                    if !self.pending.is_empty() {
                        self.hand_out(transmit);
                        self.timer_began = now;
                        continue;
                    }
                    match self.owed.front() {
                        Some(&owed) => self.reply_timer(owed),
                        None => return Output::Idle,
                    }
                }
            };
            if let Some(until) = self.until(timer, now) {
                return Output::Read { until };
            }
        }
    }

    /// What the server offered in its last reply to EHLO.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether TLS is up.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        self.is_secured
    }

    /// Whether a login was accepted.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// The command that the last reply was to; `None` before the first one, the greeting left out.
    #[must_use]
    pub const fn answered(&self) -> Option<Verb> {
        self.answered
    }

    /// What came of a reply that is incomplete, or the beginning of what was none; to be shown when the connection fails.
    #[must_use]
    pub fn rejected_octets(&self) -> &[u8] {
        self.parser.incomplete()
    }

    /// The timer of that reply: a short one where a chunk of the message was refused, since it then decides nothing more.
    fn reply_timer(&mut self, owed: Owed) -> Timer {
        let is_idle = owed.expect == Expect::Chunk
            && self.owed_final == 0
            && self.transaction(owed.goal).is_some_and(|transaction| transaction.is_given_up());
        if is_idle { Timer::LastWords } else { owed.expect.timer() }
    }

    /// When the running timer runs out; closes when it has.
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

    /// Moves what was put out to the caller's buffer.
    fn hand_out(&mut self, transmit: &mut Transmit) {
        self.has_changed = true;
        transmit.clear();
        core::mem::swap(&mut self.pending, transmit);
        self.handed_out += transmit.len() as u64;
        let waits_for = self.owed.get(self.owed_handed_out).map(|owed| owed.expect.timer());
        self.owed_handed_out = self.owed.len();
        let is_data = transmit.spans.iter().any(|&(content, _)| content == Content::Message);
        self.writing = Some(if is_data { Timer::Block } else { waits_for.unwrap_or(Timer::Block) });
    }

    /// How far the output has come, handed out or not.
    fn put_out(&self) -> u64 {
        self.handed_out + self.pending.len() as u64
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
        // goals are numbered in the order of the queue, without a gap
        let behind = usize::try_from(self.next_goal - goal.0).ok()?;
        self.jobs.len().checked_sub(behind)
    }

    /// The transaction of that goal.
    fn transaction(&mut self, goal: Goal) -> Option<&mut transaction::Transaction> {
        let index = self.job_index(goal)?;
        match &mut self.jobs.get_mut(index)?.task {
            Task::Send(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// The message that streams after DATA at this moment.
    fn streaming(&self) -> Option<Goal> {
        let job = self.jobs.get(self.cursor)?;
        matches!(&job.task, Task::Send(transaction) if transaction.stage == Stage::Data).then_some(job.goal)
    }
}
