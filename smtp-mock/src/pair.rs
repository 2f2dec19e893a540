//! Joins a client core and a [`Session`] in one thread: octets carried by hand, time that jumps to the next deadline.
//!
//! A timeout of five minutes takes microseconds and is exact; every cut of the octets can be tried; a failing case is
//! the scenario, the seed and the cuts, and happens again.

use core::time::Duration;
use std::collections::VecDeque;

use crate::{
    scenario::{Close, HandshakeFault},
    session::{Handshake, Output, Secured, Session},
};

/// What a client core wants next. Exhaustive on purpose: an adapter that forgets one must not compile.
#[allow(clippy::exhaustive_enums)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Send what was put into `transmit`, then [`ClientCore::sent`].
    Write {
        /// When the client gives up.
        until: Duration,
    },
    /// Wait for octets.
    Read {
        /// When the client gives up.
        until: Duration,
    },
    /// Do the client's half of a TLS handshake, then [`ClientCore::secured`].
    Handshake {
        /// When the client gives up.
        until: Duration,
    },
    /// An event or a request for mail data was dealt with inside of `poll`: call again.
    Again,
    /// Nothing to do; octets are welcome.
    Idle {
        /// When the client wants to be polled again, if ever.
        until: Option<Duration>,
    },
    /// The client is done with the connection.
    Closed,
}

/// What a client core must offer to be joined; an adapter of a few lines for any sans-IO client.
pub trait ClientCore {
    /// Takes octets of the server.
    fn received(&mut self, octets: &[u8]);
    /// All of what was transmitted has left.
    fn sent(&mut self);
    /// What was transmitted could not leave.
    fn write_failed(&mut self);
    /// The TLS handshake is done.
    fn secured(&mut self);
    /// The connection has ended, or its handshake failed.
    fn lost(&mut self);
    /// Returns what to do next at this time, and appends octets to write to `transmit`.
    fn poll(&mut self, now: Duration, transmit: &mut Vec<u8>) -> Turn;
}

/// How one direction's octets are cut on their way.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cuts {
    /// As they were sent.
    #[default]
    Whole,
    /// At most this many octets at a time.
    Every(usize),
    /// At these offsets of the direction's whole stream.
    At(Vec<u64>),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ending {
    /// The client has nothing to do and the server nothing to say; set goals and run on.
    Idle,
    /// The client is done with the connection.
    Closed,
    /// The client wants what can never come, and names no time at which it would give up.
    Stuck,
}

/// A client core and a session, joined.
#[derive(Debug)]
pub struct Pair<C> {
    client: C,
    session: Session,
    now: Duration,
    to_client: VecDeque<Vec<u8>>,
    to_server: VecDeque<u8>,
    client_cuts: Cutter,
    server_cuts: Cutter,
    capacity: usize,
    end_point: Option<Vec<u8>>,
    /// What the client is writing and what of it is still to leave, with its deadline.
    writing: Option<(VecDeque<u8>, Duration)>,
    server: Server,
    writes: Vec<Vec<u8>>,
}

/// What the server's side is waiting for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Server {
    Reading,
    Waiting(Duration),
    Deaf(Duration),
    Handshake(Handshake),
    HalfClosed,
    /// Closed, and whether the client has written since.
    Fin {
        written: bool,
    },
    Rst,
}

impl<C: ClientCore> Pair<C> {
    /// Joins the two at time zero.
    pub fn new(client: C, session: Session) -> Self {
        Self {
            client,
            session,
            now: Duration::ZERO,
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            client_cuts: Cutter::new(Cuts::Whole),
            server_cuts: Cutter::new(Cuts::Whole),
            capacity: 64 * 1024,
            end_point: None,
            writing: None,
            server: Server::Reading,
            writes: Vec::new(),
        }
    }

    /// Cuts the client's octets.
    #[must_use]
    pub fn cut_client(mut self, cuts: Cuts) -> Self {
        self.client_cuts = Cutter::new(cuts);
        self
    }

    /// Cuts the server's octets, each packet of the session at least.
    #[must_use]
    pub fn cut_server(mut self, cuts: Cuts) -> Self {
        self.server_cuts = Cutter::new(cuts);
        self
    }

    /// How many octets fit between the two before a write blocks (default 64 KiB).
    #[must_use]
    pub fn capacity(mut self, octets: usize) -> Self {
        self.capacity = octets.max(1);
        self
    }

    /// The octets of tls-server-end-point that both sides see.
    #[must_use]
    pub fn end_point(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.end_point = Some(octets.into());
        self
    }

    /// The client.
    pub fn client(&mut self) -> &mut C {
        &mut self.client
    }

    /// The time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The octets of each write of the client so far.
    pub fn writes(&self) -> &[Vec<u8>] {
        &self.writes
    }

    /// Lets time pass while the client is idle.
    pub fn sleep(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// Gives back the client.
    pub fn into_client(self) -> C {
        self.client
    }

    /// Runs until the client is idle, closed or stuck.
    pub fn run(&mut self) -> Ending {
        let mut stuck = 0_u32;
        loop {
            self.pump_server();
            if self.writing.is_some() {
                if self.push_writing() {
                    continue;
                }
                if let Some((_, until)) = self.writing
                    && !self.wait(Some(until))
                {
                    // The deadline of the write has passed: the client may say so.
                    self.writing = None;
                } else {
                    continue;
                }
            }
            let mut transmit = Vec::new();
            let before = self.now;
            match self.client.poll(self.now, &mut transmit) {
                Turn::Again => continue,
                Turn::Closed => {
                    self.session.eof();
                    self.pump_server();
                    return Ending::Closed;
                }
                Turn::Write { until } => {
                    self.writes.push(transmit.clone());
                    self.writing = Some((transmit.into(), until));
                    stuck = 0;
                }
                Turn::Read { until } => {
                    if self.deliver() {
                        stuck = 0;
                    } else {
                        self.wait(Some(until));
                    }
                }
                Turn::Handshake { until } => {
                    if self.shake_hands() {
                        stuck = 0;
                    } else {
                        self.wait(Some(until));
                    }
                }
                Turn::Idle { until } => {
                    if self.deliver() {
                        stuck = 0;
                    } else if !self.wait(until) && self.now == before {
                        return Ending::Idle;
                    }
                }
            }
            if self.now > before {
                stuck = 0;
            } else {
                stuck += 1;
            }
            // A core that is told that its deadline has passed must act on it within a few polls.
            if stuck > 1000 {
                return Ending::Stuck;
            }
        }
    }

    /// Lets the server send and read what it can.
    fn pump_server(&mut self) {
        self.session.now(self.now);
        loop {
            if matches!(self.server, Server::Fin { .. } | Server::Rst | Server::Handshake(_)) {
                return;
            }
            // A server that talks without end is held by the client's full window, as it would be by TCP.
            if self.to_client.iter().map(Vec::len).sum::<usize>() >= self.capacity {
                return;
            }
            match self.session.poll() {
                Output::Send(octets) => {
                    let cuts = &mut self.server_cuts;
                    let mut rest = octets.as_slice();
                    while !rest.is_empty() {
                        let (piece, after) = rest.split_at(cuts.next(rest.len()));
                        self.to_client.push_back(piece.to_vec());
                        rest = after;
                    }
                    continue;
                }
                Output::Handshake(handshake) => {
                    self.server = Server::Handshake(handshake);
                    return;
                }
                Output::Close(Close::HalfClose) => {
                    self.server = Server::HalfClosed;
                    continue;
                }
                Output::Close(Close::Fin) => {
                    self.server = Server::Fin { written: false };
                    return;
                }
                Output::Close(Close::Rst) => {
                    self.server = Server::Rst;
                    self.to_client.clear();
                    return;
                }
                Output::StopReading(until) => {
                    self.server = Server::Deaf(until);
                    return;
                }
                Output::WaitUntil(until) => self.server = Server::Waiting(until),
                Output::NeedInput => {
                    if self.server != Server::HalfClosed {
                        self.server = Server::Reading;
                    }
                }
            }
            if self.to_server.is_empty() {
                return;
            }
            let count = self.client_cuts.next(self.to_server.len());
            let piece: Vec<u8> = self.to_server.drain(..count).collect();
            self.session.input(&piece);
        }
    }

    /// Moves what the client writes towards the server; returns whether all of it has left.
    fn push_writing(&mut self) -> bool {
        let Some((rest, _)) = &mut self.writing else { return false };
        match self.server {
            Server::Rst | Server::Fin { written: true } => {
                self.writing = None;
                self.client.write_failed();
                return true;
            }
            Server::Fin { written: false } => {
                // The first write after a FIN is answered with RST: it seems to succeed, the next one fails.
                self.writing = None;
                self.server = Server::Fin { written: true };
                self.client.sent();
                return true;
            }
            _ => {}
        }
        let room = self.capacity.saturating_sub(self.to_server.len()).min(rest.len());
        self.to_server.extend(rest.drain(..room));
        if rest.is_empty() {
            self.writing = None;
            self.client.sent();
            return true;
        }
        room > 0
    }

    /// Hands one piece, or the end of the connection, to the client.
    fn deliver(&mut self) -> bool {
        if let Some(piece) = self.to_client.pop_front() {
            self.client.received(&piece);
            return true;
        }
        if matches!(self.server, Server::Fin { .. } | Server::Rst | Server::HalfClosed) {
            self.client.lost();
            return true;
        }
        false
    }

    /// Brings the two halves of a handshake together.
    fn shake_hands(&mut self) -> bool {
        match self.server {
            Server::Handshake(Handshake { fault: None, .. }) => {
                self.server = Server::Reading;
                let secured = Secured { end_point: self.end_point.clone(), description: String::new() };
                self.session.tls_up(secured);
                self.client.secured();
                true
            }
            Server::Handshake(Handshake { fault: Some(HandshakeFault::Stall), .. }) => false,
            Server::Handshake(Handshake { fault: Some(fault), .. }) => {
                self.session.tls_failed("by plan");
                self.server =
                    if fault == HandshakeFault::Rst { Server::Rst } else { Server::Fin { written: false } };
                self.client.lost();
                true
            }
            Server::Fin { .. } | Server::Rst | Server::HalfClosed => {
                self.client.lost();
                true
            }
            _ => {
                // What the server says in clear is no handshake.
                if self.to_client.is_empty() {
                    false
                } else {
                    self.to_client.clear();
                    self.session.lost("the client met octets that are no TLS");
                    self.server = Server::Fin { written: false };
                    self.client.lost();
                    true
                }
            }
        }
    }

    /// Jumps to what comes next: the server's time or the client's deadline. `false` when it was the deadline, or
    /// when there is nothing to come.
    fn wait(&mut self, until: Option<Duration>) -> bool {
        let server = match self.server {
            Server::Waiting(time) | Server::Deaf(time) => Some(time.max(self.now)),
            // Silence ends only while the client itself waits for something, and longer.
            Server::Reading | Server::HalfClosed => {
                self.session.deadline().filter(|&time| until.is_some_and(|until| time < until))
            }
            _ => None,
        };
        match (server, until) {
            (Some(server), until) if until.is_none_or(|until| server <= until) => {
                self.now = server;
                true
            }
            (_, Some(until)) => {
                self.now = self.now.max(until);
                false
            }
            (_, None) => false,
        }
    }
}

/// Cuts one direction's stream.
#[derive(Debug)]
struct Cutter {
    cuts: Cuts,
    position: u64,
}

impl Cutter {
    fn new(cuts: Cuts) -> Self {
        Self { cuts, position: 0 }
    }

    /// The length of the next piece, at least 1 and at most what there is.
    fn next(&mut self, available: usize) -> usize {
        let length = match &self.cuts {
            Cuts::Whole => available,
            Cuts::Every(length) => available.min((*length).max(1)),
            Cuts::At(offsets) => {
                let next = offsets.iter().filter(|&&offset| offset > self.position).min();
                next.map_or(available, |next| {
                    usize::try_from(next - self.position).map_or(available, |gap| gap.min(available))
                })
            }
        };
        self.position += length as u64;
        length
    }
}
