//! A client in lock-step, as small as can be: it says its lines one by one and holds to a deadline for each reply.

use std::{collections::VecDeque, time::Duration};

use smtp_mock::{ClientCore, Turn};

/// How a client ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    Quit,
    TimedOut,
    Lost { unread: Vec<u8> },
    TooMuch,
}

#[derive(Debug)]
enum State {
    Handshake,
    AwaitReply,
    Ready,
    Writing,
}

/// The client.
#[derive(Debug)]
pub(crate) struct Client {
    lines: VecDeque<String>,
    state: State,
    timeout: Duration,
    deadline: Option<Duration>,
    limit: usize,
    received: usize,
    buffer: Vec<u8>,
    last: String,
    pub(crate) replies: Vec<String>,
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) ended: Option<Ended>,
}

impl Client {
    pub(crate) fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            lines: lines.into_iter().map(str::to_owned).collect(),
            state: State::AwaitReply,
            timeout: Duration::from_mins(5),
            deadline: None,
            limit: usize::MAX,
            received: 0,
            buffer: Vec::new(),
            last: String::new(),
            replies: Vec::new(),
            pieces: Vec::new(),
            ended: None,
        }
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn limit(mut self, octets: usize) -> Self {
        self.limit = octets;
        self
    }

    pub(crate) fn secure_first(mut self) -> Self {
        self.state = State::Handshake;
        self
    }

    pub(crate) fn push(&mut self, line: &str) {
        self.lines.push_back(line.to_owned());
    }

    /// Takes one whole reply out of the buffer.
    fn take_reply(&mut self) -> Option<String> {
        let mut at = 0;
        loop {
            let end = self.buffer[at..].windows(2).position(|pair| pair == b"\r\n")? + at + 2;
            let last = self.buffer.get(at + 3) != Some(&b'-');
            at = end;
            if last {
                let reply = self.buffer.drain(..at).collect();
                return Some(String::from_utf8(reply).expect("replies of these tests are UTF-8"));
            }
        }
    }
}

impl ClientCore for Client {
    fn received(&mut self, octets: &[u8]) {
        self.received += octets.len();
        self.pieces.push(octets.to_vec());
        self.buffer.extend_from_slice(octets);
        if self.received > self.limit {
            self.ended = Some(Ended::TooMuch);
        }
        if let State::AwaitReply = self.state
            && let Some(reply) = self.take_reply()
        {
            self.deadline = None;
            let (code, last) = (reply[..3].to_owned(), self.last.clone());
            self.replies.push(reply);
            self.state = if code == "220" && last == "STARTTLS" { State::Handshake } else { State::Ready };
            if last == "QUIT" {
                self.ended = Some(Ended::Quit);
            }
        }
    }

    fn sent(&mut self) {
        self.state = State::AwaitReply;
        self.deadline = None;
    }

    fn write_failed(&mut self) {
        self.ended.get_or_insert_with(|| Ended::Lost { unread: self.buffer.clone() });
    }

    fn secured(&mut self) {
        self.deadline = None;
        self.state = if self.replies.is_empty() { State::AwaitReply } else { State::Ready };
    }

    fn lost(&mut self) {
        self.ended.get_or_insert_with(|| Ended::Lost { unread: self.buffer.clone() });
    }

    fn poll(&mut self, now: Duration, transmit: &mut Vec<u8>) -> Turn {
        if self.ended.is_some() {
            return Turn::Closed;
        }
        let until = *self.deadline.get_or_insert(now + self.timeout);
        if now >= until {
            self.ended = Some(Ended::TimedOut);
            return Turn::Closed;
        }
        match self.state {
            State::Handshake => Turn::Handshake { until },
            State::AwaitReply | State::Writing => Turn::Read { until },
            State::Ready => {
                self.deadline = None;
                let Some(line) = self.lines.pop_front() else { return Turn::Idle { until: None } };
                transmit.extend_from_slice(line.as_bytes());
                transmit.extend_from_slice(b"\r\n");
                self.last = line;
                self.state = State::Writing;
                let until = now + self.timeout;
                self.deadline = Some(until);
                Turn::Write { until }
            }
        }
    }
}
