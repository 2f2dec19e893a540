//! Defines [`Session`], the server's side of one connection: no socket, no clock, no thread.
//!
//! The laws of these files: octets leave only through the outbox; state changes only in `apply`, after a reply is
//! decided; no input makes anything grow that is not bounded (`LINE_LIMIT`, `RECIPIENTS_LIMIT`,
//! `ATTRIBUTES_LIMIT`, [`Body`], the outbox's packets).

mod answer;
mod apply;
mod body;
mod chaos;
mod command;
mod default_reply;
mod input;
mod magic;
mod offers;
mod outbox;
mod output;
mod play;
mod proxy;
mod run;
mod send;
mod step;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use self::output::{Handshake, Output, Secured};
use self::{
    body::Body,
    outbox::{Cut, Next, Outbox},
    play::Play,
};
use crate::{
    auth::Exchange,
    capture::{Envelope, Fault, Finding, Page, Path},
    random::Random,
    scenario::{Close, On, Scenario, TlsMode, print_duration},
    server::Server,
    sync::Change,
};

/// More recipients in a transaction are refused even when the scenario sets no limit: they are kept until its end. RFC 5321
/// §4.5.3.1.8 wants 100.
const RECIPIENTS_LIMIT: usize = 10_000;

/// More attributes from XCLIENT are refused: they are kept for the rest of the connection. Postfix knows ten names.
const ATTRIBUTES_LIMIT: usize = 100;

/// The longest command line: RFC 4954 §4 wants 12,288 octets for AUTH; more is answered with 500 and thrown away.
const LINE_LIMIT: usize = 16 * 1024;

/// Room for input that is kept for the next: what a driver reads at once, and a line that was not whole before.
const MOST_INPUT_ROOM: usize = 64 * 1024 + LINE_LIMIT;

/// The server's side of one connection.
///
/// Pass it the time and the client's octets, and do what [`poll`](Self::poll) returns:
///
/// ```
/// use core::time::Duration;
/// use smtp_mock::{Output, Scenario, Server};
///
/// let server = Server::new(Scenario::new());
/// let mut session = server.session();
/// session.now(Duration::ZERO);
/// assert_eq!(session.poll(), Output::Send(b"220 mock.example.test ESMTP smtp-mock\r\n".to_vec()));
/// assert_eq!(session.poll(), Output::NeedInput);
/// session.input(b"NOOP\r\n");
/// assert_eq!(session.poll(), Output::Send(b"250 ok\r\n".to_vec()));
/// ```
#[derive(Debug)]
pub struct Session {
    server: Server,
    number: u64,
    now: Duration,
    /// When the client was heard or served last.
    active: Duration,
    /// Octets came since the last `poll`.
    heard: bool,
    random: Random,
    input: Vec<u8>,
    /// The room of the line that is looked at, used again for the next.
    line: Vec<u8>,
    /// How much of `input` is done with.
    at: usize,
    /// The client's stream ended.
    ended: bool,
    outbox: Outbox,
    phase: Phase,
    play: Option<Play>,
    /// Whether the greeting has been sent, so that the client may speak.
    greeted: bool,
    secured: Option<Secured>,
    needs_hello_after_tls: bool,
    hello: Option<Hello>,
    user: Option<String>,
    attributes: Vec<(String, String)>,
    transaction: Option<Transaction>,
    /// Transactions begun and messages accepted on this connection.
    begun: u64,
    accepted: u64,
    exchanges: u64,
    /// What `default_reply` found out about AUTH, for `apply`.
    verdict: Option<Verdict>,
    /// The recipient whose reply to the mail data is being made (LMTP).
    recipient: Option<usize>,
    /// What was said and is still to be handed to the capture.
    page: Page,
    entry_count: usize,
    /// The entry that a rule is asked about.
    asked: usize,
    findings: Vec<Finding>,
    quit: bool,
    finished: bool,
    implicit_tls: bool,
    /// Whether messages and transcript are kept.
    keep: bool,
    /// Whether replies leave as they are, whole and together.
    plain_wire: bool,
}

#[derive(Debug)]
enum Phase {
    Start,
    Proxy,
    Handshake,
    Command,
    /// A line that is too long is being thrown away.
    LongLine,
    Auth(Exchange),
    Body(Body),
    Chunk {
        left: u64,
        last: bool,
    },
    Dialogue,
    Stalled,
    HalfClosed,
    Over(Close),
}

#[derive(Debug)]
struct Hello {
    on: On,
    domain: String,
}

#[derive(Debug, Default)]
struct Transaction {
    reverse_path: Path,
    recipients: Vec<Path>,
    /// The mail data of chunks so far.
    chunks: Option<Body>,
    /// A chunk was refused: those that follow are too.
    failed: bool,
}

#[derive(Debug)]
enum Verdict {
    Continue(Exchange),
    Authenticated(String),
}

impl Server {
    /// The session of the next connection.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }
}

impl Session {
    fn new(server: Server) -> Self {
        let number = server.session_began();
        let scenario = server.scenario();
        let (seed, keep) = (scenario.seed, !scenario.sink);
        let plain_wire = Cut::of(&scenario.wire).is_none() && !scenario.wire.separate;
        let implicit_tls = scenario.tls.mode == TlsMode::Implicit;
        let play = scenario.dialogue(number).cloned().map(Play::new);
        Self {
            server,
            number,
            now: Duration::ZERO,
            active: Duration::ZERO,
            heard: false,
            random: Random::new(seed, number),
            input: Vec::new(),
            line: Vec::new(),
            at: 0,
            ended: false,
            outbox: Outbox::new(keep),
            phase: Phase::Start,
            play,
            greeted: false,
            secured: None,
            needs_hello_after_tls: false,
            hello: None,
            user: None,
            attributes: Vec::new(),
            transaction: None,
            begun: 0,
            accepted: 0,
            exchanges: 0,
            verdict: None,
            recipient: None,
            page: Page::default(),
            entry_count: 0,
            asked: 0,
            findings: Vec::new(),
            quit: false,
            finished: false,
            implicit_tls,
            keep,
            plain_wire,
        }
    }

    /// The number of the connection, counted from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Begins with TLS, whatever the scenario says; before the first `poll`.
    pub fn begin_with_tls(&mut self) {
        self.implicit_tls = true;
    }

    /// Sets the time, as a duration since the driver's epoch. It must not go back.
    pub fn now(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// Passes octets of the client, in any cut, at any time.
    pub fn input(&mut self, octets: &[u8]) {
        self.heard = true;
        if !self.greeted && !matches!(self.phase, Phase::Proxy | Phase::Start | Phase::Handshake) {
            self.find(Fault::EarlyTalker, "");
            if let Some(reply) = self.scenario().server.early.clone() {
                self.outbox.abandon();
                self.send_reply(&reply.into());
                self.outbox.close(Close::Fin);
            }
        }
        if matches!(self.phase, Phase::Stalled | Phase::HalfClosed | Phase::Over(_)) {
            // It is never read: a client must not make us keep it.
            return;
        }
        let taken = self.take_mail_data(octets);
        self.input.extend_from_slice(&octets[taken..]);
    }

    /// Takes back what [`poll`](Self::poll) gave to send, so that the next packet needs no room of its own.
    pub fn reuse(&mut self, packet: Vec<u8>) {
        self.outbox.reuse(packet);
    }

    /// How many octets of input are welcome now; beyond it a driver should wait before it reads on.
    #[must_use]
    pub fn room(&self) -> usize {
        (256 * 1024_usize).saturating_sub(self.input.len() - self.at)
    }

    /// Reports that the client's stream has ended.
    pub fn eof(&mut self) {
        self.ended = true;
    }

    /// Reports that the connection is gone: reset, or not writable.
    pub fn lost(&mut self, why: &str) {
        if !matches!(self.phase, Phase::Over(_)) {
            self.note(why);
            self.over(Close::Rst);
        }
        self.finish();
    }

    /// Takes the octets that came before the handshake was asked for and are part of it, such as a client's hello in the
    /// same packet as the PROXY header. The handshake is to read them before the transport; what stays is thrown away.
    #[must_use]
    pub fn take_handshake_octets(&mut self) -> Vec<u8> {
        if !matches!(self.phase, Phase::Handshake) {
            return Vec::new();
        }
        let octets = self.rest().to_vec();
        self.consume(octets.len());
        octets
    }

    /// Reports that the TLS handshake is done.
    pub fn tls_up(&mut self, secured: Secured) {
        if !matches!(self.phase, Phase::Handshake) {
            return;
        }
        // What came in clear must not pass for something that was said under TLS.
        self.consume(self.rest().len());
        if secured.description.is_empty() {
            self.note("TLS is up");
        } else {
            self.note(&format!("TLS is up: {}", secured.description));
        }
        self.secured = Some(secured);
        // RFC 3207 §4.2: everything learnt before is forgotten.
        self.needs_hello_after_tls = self.hello.take().is_some();
        self.transaction = None;
        self.user = None;
        self.phase = match (&self.play, self.greeted) {
            (Some(_), _) => Phase::Dialogue,
            (None, true) => Phase::Command,
            (None, false) => Phase::Start,
        };
    }

    /// Reports that the TLS handshake failed, or that the fault in its place was done.
    pub fn tls_failed(&mut self, why: &str) {
        if matches!(self.phase, Phase::Handshake) {
            self.note(&format!("the TLS handshake failed: {why}"));
            self.over(Close::Fin);
            self.finish();
        }
    }

    /// The time at which [`poll`](Self::poll) is to be called again although it asked for input and none came: the
    /// client has been silent for as long as it may then. `None` where it may be silent for ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if matches!(self.phase, Phase::Stalled | Phase::Handshake | Phase::Over(_)) {
            // It waits for us, or the driver for its handshake.
            return None;
        }
        Some(self.active.saturating_add(self.scenario().limits.idle()?))
    }

    /// What to do next. Call it again after each thing that it asked for; it changes nothing by itself but the
    /// capture.
    pub fn poll(&mut self) -> Output {
        if core::mem::take(&mut self.heard) {
            self.active = self.now;
        }
        let output = self.next_output();
        match output {
            Output::NeedInput => {}
            // It is the server that waits.
            Output::WaitUntil(until) | Output::StopReading(until) => self.active = until,
            _ => self.active = self.now,
        }
        self.flush_log();
        if matches!(self.phase, Phase::Over(_)) {
            self.finish();
        }
        output
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    fn next_output(&mut self) -> Output {
        loop {
            if let Phase::Over(how) = self.phase {
                return Output::Close(how);
            }
            if let Some(next) = self.outbox.next(self.now) {
                self.collect_sent();
                match next {
                    Next::Send(octets) => return Output::Send(octets),
                    Next::WaitUntil(until) => return Output::WaitUntil(until),
                    Next::StopReading(until) => return Output::StopReading(until),
                    Next::Handshake(handshake) => {
                        // Before the greeting nothing but the client's hello can have come: the handshake wants it.
                        if self.greeted {
                            self.forget_clear_input();
                        }
                        self.phase = Phase::Handshake;
                        return Output::Handshake(handshake);
                    }
                    Next::Close(Close::HalfClose) => {
                        self.note("the server closed its direction");
                        self.phase = Phase::HalfClosed;
                        return Output::Close(Close::HalfClose);
                    }
                    Next::Close(how) => {
                        self.note(if how == Close::Rst {
                            "the server reset the connection"
                        } else {
                            "the server closed the connection"
                        });
                        self.over(how);
                    }
                    Next::Stall => {
                        self.note("the server answers no more");
                        self.phase = Phase::Stalled;
                    }
                }
                continue;
            }
            self.collect_sent();
            if self.advance() {
                continue;
            }
            if let Some(packet) = self.outbox.flush() {
                return Output::Send(packet);
            }
            if !matches!(self.phase, Phase::Over(_)) {
                if !matches!(self.phase, Phase::Start | Phase::Proxy | Phase::Handshake) {
                    self.greeted = true;
                }
                if self.deadline().is_some_and(|deadline| deadline <= self.now) {
                    self.end_silence();
                    continue;
                }
                return Output::NeedInput;
            }
        }
    }

    /// Processes the input; returns whether anything changed.
    fn advance(&mut self) -> bool {
        match &self.phase {
            Phase::Start => {
                self.begin();
                true
            }
            Phase::Proxy => self.read_proxy_header(),
            Phase::Command | Phase::LongLine | Phase::Auth(_) => self.read_line(),
            Phase::Body(_) => self.read_body(),
            Phase::Chunk { .. } => self.read_chunk(),
            Phase::Dialogue => self.play(),
            Phase::Stalled | Phase::HalfClosed => {
                self.input.clear();
                self.at = 0;
                if self.ended {
                    self.client_closed();
                }
                self.ended
            }
            Phase::Handshake => {
                if self.ended {
                    self.client_closed();
                }
                self.ended
            }
            Phase::Over(_) => false,
        }
    }

    /// The client was silent for too long: the connection ends.
    fn end_silence(&mut self) {
        let silence = print_duration(self.scenario().limits.idle);
        self.note(&format!("the client was silent for {silence}"));
        match self.phase {
            Phase::HalfClosed => self.over(Close::Fin),
            Phase::Dialogue => self.end_silence_in_dialogue(&silence),
            _ => {
                let reply = self.answer(421, "4.4.2", format!("silent for {silence}, closing"));
                self.send_reply(&reply);
                self.outbox.close(Close::Fin);
            }
        }
    }

    /// What comes first: PROXY header, TLS, dialogue or greeting.
    fn begin(&mut self) {
        self.active = self.now;
        if self.scenario().server.proxy != crate::scenario::ProxyHeader::None && self.attributes.is_empty() {
            self.phase = Phase::Proxy;
        } else if self.implicit_tls && self.secured.is_none() {
            self.start_tls();
        } else if self.play.is_some() {
            self.phase = Phase::Dialogue;
        } else {
            self.phase = Phase::Command;
            self.perform(command::Command::Connect, &[]);
        }
    }

    fn client_closed(&mut self) {
        self.note("the client closed the connection");
        if self.greeted
            && !self.quit
            && matches!(self.phase, Phase::Command | Phase::Auth(_) | Phase::Body(_))
        {
            self.find(Fault::MissingQuit, "");
        }
        self.over(Close::Fin);
    }

    fn over(&mut self, how: Close) {
        self.outbox.abandon();
        self.collect_sent();
        self.input = Vec::new();
        self.at = 0;
        self.phase = Phase::Over(how);
    }

    fn scenario(&self) -> &Scenario {
        &self.server.shared.scenario
    }

    /// The octets that are not done with.
    fn rest(&self) -> &[u8] {
        &self.input[self.at..]
    }

    /// Is done with this many octets.
    fn consume(&mut self, count: usize) {
        self.at += count;
        if self.at >= self.input.len() {
            if self.input.capacity() > MOST_INPUT_ROOM {
                // A large message must not leave its room allocated for as long as the connection lasts.
                self.input = Vec::new();
            }
            self.input.clear();
            self.at = 0;
        } else if self.at > 64 * 1024 {
            self.input.drain(..self.at);
            self.at = 0;
        }
    }

    fn envelope(&self, reverse_path: Path, forward_paths: Vec<Path>) -> Envelope {
        Envelope {
            hello: self.hello.as_ref().map(|hello| hello.domain.clone()).unwrap_or_default(),
            reverse_path,
            forward_paths,
            user: self.user.clone(),
            secure: self.secured.is_some(),
            attributes: self.attributes.clone(),
        }
    }

    /// Counts the end of the connection, once.
    fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.flush_log();
        let quit = u64::from(self.quit);
        self.server.session_ended();
        self.server.record(Change::Milestone, |capture, _| {
            capture.ended += 1;
            capture.quit += quit;
        });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.finish();
    }
}
