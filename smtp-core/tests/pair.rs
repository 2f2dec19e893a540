//! Provides [`Pair`], a client connected to a scripted peer in memory, with simulated time.

use smtp_core::*;
use std::collections::VecDeque;
use std::time::Duration;

/// One step of a scripted peer.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these octets.
    Say(&'static str),
    /// Requires exactly these octets since the peer last sent something.
    Expect(String),
    /// The TLS handshake succeeds.
    Secure,
    /// Ends the transport.
    Lose,
    /// The next write fails.
    FailWrite,
}

/// The result of a run: everything that an application and a wire can see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// All output of the client, write by write.
    pub(crate) writes: Vec<String>,
    /// All events.
    pub(crate) events: Vec<Event>,
}

/// The source of a client's bodies, one after the other.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// These octets.
    Whole(Vec<u8>),
    /// These octets, then a read error.
    Broken(Vec<u8>),
}

/// A client connected to a script.
pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) bodies: VecDeque<Body>,
    pub(crate) now: Instant,
    pub(crate) run: Run,
    transmit: Transmit,
    /// Octets written since the peer last checked.
    wire: Vec<u8>,
    /// How the octets of the peer and of the bodies are divided.
    cuts: Cuts,
    body_at: usize,
    fails_writes: bool,
}

/// How octets are divided on their way to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cuts {
    Whole,
    /// Every octet alone.
    Octets,
    /// Once, after this many octets of all that the peer sends.
    At(usize),
}

impl Pair {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            client: Client::new(config),
            bodies: VecDeque::new(),
            now: Instant::EPOCH,
            run: Run::default(),
            transmit: Transmit::new(),
            wire: Vec::new(),
            cuts: Cuts::Whole,
            body_at: 0,
            fails_writes: false,
        }
    }

    pub(crate) fn with_cuts(mut self, cuts: Cuts) -> Self {
        self.cuts = cuts;
        self
    }

    pub(crate) fn with_body(mut self, body: &str) -> Self {
        self.bodies.push_back(Body::Whole(body.as_bytes().to_vec()));
        self
    }

    /// Runs the client until it waits for the peer; returns its last output.
    pub(crate) fn settle(&mut self) -> Output {
        loop {
            match self.client.poll(self.now, &mut self.transmit) {
                Output::Write { until } => {
                    assert!(until > self.now, "a write that is late before it begins");
                    let octets = self.transmit.octets().to_vec();
                    let spans: usize = self.transmit.spans().map(|(_, span)| span.len()).sum();
                    assert_eq!(spans, octets.len(), "spans cover all octets");
                    self.run.writes.push(String::from_utf8_lossy(&octets).into_owned());
                    if self.fails_writes {
                        self.client.handle(Input::WriteFailed);
                        continue;
                    }
                    self.wire.extend_from_slice(&octets);
                    self.client.handle(Input::Sent);
                }
                Output::Body(_) => self.feed(),
                Output::Event(event) => self.run.events.push(event),
                waits @ (Output::Read { .. } | Output::Handshake { .. } | Output::Idle | Output::Closed) => {
                    return waits;
                }
            }
        }
    }

    /// Sends `text` from the peer, divided as configured.
    pub(crate) fn say(&mut self, text: &str) {
        let octets = text.as_bytes();
        match self.cuts {
            Cuts::Whole => self.receive(octets),
            Cuts::Octets => octets.chunks(1).for_each(|octet| self.receive(octet)),
            Cuts::At(at) => {
                let (before, after) = octets.split_at(at.min(octets.len()));
                self.cuts = if at > octets.len() { Cuts::At(at - octets.len()) } else { Cuts::Whole };
                self.receive(before);
                self.receive(after);
            }
        }
    }

    /// Returns what the client wrote since the last call.
    pub(crate) fn written(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.wire)).unwrap()
    }

    /// Plays a script to its end.
    pub(crate) fn play(mut self, script: &[Step]) -> Run {
        self.settle();
        for step in script {
            match step {
                Step::Say(text) => self.say(text),
                Step::Expect(text) => {
                    assert_eq!(self.written(), *text, "events so far: {:#?}", self.run.events);
                }
                Step::Secure => {
                    self.client.handle(Input::Secured);
                    self.settle();
                }
                Step::Lose => {
                    self.client.handle(Input::Lost);
                    self.settle();
                }
                Step::FailWrite => self.fails_writes = true,
            }
        }
        self.run
    }

    /// Advances the time; returns what the client then waits for.
    pub(crate) fn pass(&mut self, time: Duration) -> Output {
        self.now = self.now + time;
        self.settle()
    }

    /// The events of goals that ended, in order.
    pub(crate) fn ends(&self) -> Vec<End> {
        ends(&self.run.events)
    }

    fn receive(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.client.handle(Input::Received(octets));
            self.settle();
        }
    }

    fn feed(&mut self) {
        let (octets, is_whole) = match self.bodies.front() {
            Some(Body::Whole(octets)) => (octets, true),
            Some(Body::Broken(octets)) => (octets, false),
            None => panic!("a body is asked for and there is none"),
        };
        let rest = &octets[self.body_at..];
        if !rest.is_empty() {
            let length = if self.cuts == Cuts::Whole { rest.len() } else { 1 };
            self.body_at += self.client.body(&rest[..length]);
            return;
        }
        if is_whole {
            self.client.end_of_body();
        } else {
            self.client.abort_body();
        }
        self.bodies.pop_front();
        self.body_at = 0;
    }
}

/// Returns the ends among `events`.
pub(crate) fn ends(events: &[Event]) -> Vec<End> {
    let end = |event: &Event| match event {
        Event::Done { end, .. } => Some(end.clone()),
        _ => None,
    };
    events.iter().filter_map(end).collect()
}

/// Plays `script` against a client from `start`: whole, divided once at every octet, and octet by octet.
///
/// The events and the octets sent must be the same every time.
pub(crate) fn play(start: impl Fn() -> Pair, script: &[Step]) -> Run {
    let length: usize =
        script.iter().map(|step| if let Step::Say(text) = step { text.len() } else { 0 }).sum();
    let whole = start().play(script);
    for cuts in (0..=length).map(Cuts::At).chain([Cuts::Octets]) {
        let cut = start().with_cuts(cuts).play(script);
        assert_eq!(cut.events, whole.events, "{cuts:?}");
        assert_eq!(cut.writes.concat(), whole.writes.concat(), "{cuts:?}");
    }
    whole
}

pub(crate) fn say(text: &'static str) -> Step {
    Step::Say(text)
}

pub(crate) fn expect(text: impl Into<String>) -> Step {
    Step::Expect(text.into())
}

pub(crate) fn domain() -> EhloDomain {
    "client.example".parse().unwrap()
}

pub(crate) fn envelope(to: &[&str]) -> Envelope {
    let from: Mailbox = "alice@example.org".parse().unwrap();
    Envelope::new(ReversePath::new(from), to.iter().map(|to| ForwardPath::new(to.parse().unwrap())))
}

/// Gives a client these replies, one after the other, and lets it write after each.
pub(crate) fn hear(client: &mut Client, transmit: &mut Transmit, replies: &[&str]) {
    for reply in replies {
        client.handle(Input::Received(reply.as_bytes()));
        while let Output::Event(_) | Output::Write { .. } = client.poll(Instant::EPOCH, transmit) {
            client.handle(Input::Sent);
        }
    }
}

/// Makes a pair whose client sends a hello and one message for each list of recipients.
pub(crate) fn sending(config: Config, messages: &[&[&str]]) -> Pair {
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    for to in messages {
        pair.client.send(envelope(to)).unwrap();
        pair.bodies.push_back(Body::Whole(b"Subject: x\r\n\r\nhello\r\n".to_vec()));
    }
    pair
}

/// The message that [`sending`] sends.
pub(crate) const MESSAGE: &str = "Subject: x\r\n\r\nhello\r\n";

pub(crate) const PIPELINING: &str = "250-mx.example\r\n250 PIPELINING\r\n";
pub(crate) const CHUNKING: &str = "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n";

pub(crate) fn reply(text: &str) -> Reply {
    let code = Code::new(text[..3].parse().unwrap()).unwrap();
    Reply::new(code, text.get(4..).unwrap_or_default())
}

pub(crate) fn accepted(text: &str) -> Outcome {
    Outcome::Accepted(reply(text))
}

pub(crate) fn refused(verb: Verb, text: &str) -> Outcome {
    Outcome::Refused { verb, reply: reply(text) }
}
