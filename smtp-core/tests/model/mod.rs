//! Plays random sessions between the client and a strict [`Server`].
//!
//! Compares the reported outcomes with what the server accepted: body, sender, recipient and count.

mod choices;
mod server;

pub(crate) use choices::Choices;
pub(crate) use server::{AcceptedMessage, After421};
use server::{Nature, Server};
use smtp_core::*;
use std::collections::VecDeque;

/// The parameters and results of a session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) transfer: Transfer,
    pub(crate) in_flight: usize,
    pub(crate) after_421: After421,
    /// Whether the server sent 421.
    pub(crate) has_421: bool,
    /// The number of recipients by outcome: accepted, refused, unconfirmed, unsent.
    pub(crate) outcomes: [usize; 4],
}

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transfer {
    Data,
    Bdat,
    Lmtp,
}

/// A message of the application.
#[derive(Debug)]
struct Message {
    goal: Goal,
    number: usize,
    recipients: usize,
    is_check: bool,
    /// The body that the application supplies, and how much of it was accepted.
    body: Vec<u8>,
    handed_in: usize,
    is_ended: bool,
    /// The number of octets after which the application aborts.
    aborts_at: Option<usize>,
    outcomes: Option<Vec<Outcome>>,
}

/// A request of the application.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Send,
    Check,
    Reset,
    Noop,
    Quit,
}

/// A client, a server, and the connection between them.
struct Play<'c, 'o> {
    choices: &'c mut Choices<'o>,
    client: Client,
    server: Server,
    now: Instant,
    transmit: Transmit,
    /// How much of the current write was written.
    writing: Option<usize>,
    /// Octets on their way to the server.
    wire: Vec<u8>,
    /// All octets that were transmitted.
    transmitted: Vec<u8>,
    /// The number of reply octets that the client received.
    received: usize,
    wishes: VecDeque<Wish>,
    goals: Vec<Goal>,
    done: usize,
    messages: Vec<Message>,
    is_closed: bool,
    has_pipelining: bool,
}

/// Plays one session; panics if an outcome is wrong or a guarantee broken.
pub(crate) fn play(choices: &mut Choices<'_>) -> Session {
    let transfer = choices.one_of(&[Transfer::Bdat, Transfer::Data, Transfer::Lmtp]);
    let mut nature = Nature {
        is_lmtp: transfer == Transfer::Lmtp,
        has_ehlo: transfer != Transfer::Data || !choices.happens(5),
        has_pipelining: !choices.happens(20),
        has_chunking: transfer == Transfer::Bdat || (transfer == Transfer::Lmtp && choices.happens(50)),
        faults: choices.one_of(&[2, 0, 5, 15, 40]),
        after_421: choices.one_of(&[After421::GoesOn, After421::Closes, After421::Either]),
        is_sloppy: choices.happens(10),
        sends_stray_421: choices.happens(10),
    };
    nature.sends_stray_421 &= !nature.is_sloppy;
    let mut config = Config::default();
    config.protocol = if nature.is_lmtp { Protocol::Lmtp } else { Protocol::Esmtp };
    config.limits.in_flight = choices.one_of(&[8, 1, 2, 64]);
    config.limits.window = choices.one_of(&[128, 1, 2, 5, 16]);
    config.limits.chunk = choices.one_of(&[16 * 1024, 1, 7, 40, 200]);
    config.report_replies = choices.happens(50);
    config.report_recipients = choices.happens(50);
    let in_flight = config.limits.in_flight;
    let mut play = Play {
        client: Client::new(config),
        server: Server::new(nature, choices),
        choices,
        now: Instant::EPOCH,
        transmit: Transmit::new(),
        writing: None,
        wire: Vec::new(),
        transmitted: Vec::new(),
        received: 0,
        wishes: VecDeque::new(),
        goals: Vec::new(),
        done: 0,
        messages: Vec::new(),
        is_closed: false,
        has_pipelining: nature.has_pipelining,
    };
    play.wish();
    play.run();
    Session {
        transfer,
        in_flight,
        after_421: nature.after_421,
        has_421: play.server.first_421.is_some(),
        outcomes: play.check_outcomes(in_flight),
    }
}

impl Play<'_, '_> {
    /// Decides what the application wants, and requests the first part of it.
    fn wish(&mut self) {
        let count = 1 + self.choices.below(8);
        for _ in 0..count {
            let kinds = [
                Wish::Send,
                Wish::Send,
                Wish::Send,
                Wish::Send,
                Wish::Send,
                Wish::Check,
                Wish::Reset,
                Wish::Noop,
            ];
            let wish = self.choices.one_of(&kinds);
            self.wishes.push_back(wish);
        }
        if self.choices.happens(70) {
            self.wishes.push_back(Wish::Quit);
        }
        self.goals.extend(self.client.hello("client.example".parse().expect("this is a domain")));
        for _ in 0..self.choices.one_of(&[10, 1, 2]) {
            self.ask();
        }
    }

    /// Sets the next goal; returns whether there was one.
    fn ask(&mut self) -> bool {
        let Some(wish) = self.wishes.pop_front() else { return false };
        let set = match wish {
            Wish::Send | Wish::Check => self.set_message(matches!(wish, Wish::Check)),
            Wish::Reset => self.client.reset(),
            Wish::Noop => self.client.noop(),
            Wish::Quit => self.client.quit(),
        };
        self.goals.extend(set);
        true
    }

    fn set_message(&mut self, is_check: bool) -> Result<Goal, Misuse> {
        let number = self.messages.len();
        let recipients = 1 + self.choices.below(4);
        let path = |text: String| text.parse::<Mailbox>().expect("this is a mailbox");
        let to = (0..recipients).map(|index| ForwardPath::new(path(recipient(number, index))));
        let mut envelope = Envelope::new(ReversePath::new(path(sender(number))), to);
        envelope.all_or_nothing = self.choices.happens(10);
        let goal = if is_check { self.client.check(envelope)? } else { self.client.send(envelope)? };
        let mut body = format!("message {number}\r\n").into_bytes();
        for _ in 0..self.choices.below(4) {
            let line =
                self.choices.one_of(&["", ".", "..", "text", ".dot", "a longer line of text for the chunks"]);
            body.extend_from_slice(line.as_bytes());
            body.extend_from_slice(self.choices.one_of(&[b"\r\n".as_slice(), b"\n", b"\r"]));
        }
        body.extend_from_slice(end_line(number).as_bytes());
        if self.choices.happens(80) {
            body.extend_from_slice(b"\r\n");
        }
        let aborts_at = self.choices.happens(3).then(|| self.choices.below(body.len()));
        self.messages.push(Message {
            goal,
            number,
            recipients,
            is_check,
            body,
            handed_in: 0,
            is_ended: false,
            aborts_at,
            outcomes: None,
        });
        Ok(goal)
    }

    fn run(&mut self) {
        loop {
            let output = self.client.poll(self.now, &mut self.transmit);
            if !matches!(output, Output::Write { .. } | Output::Event(_)) {
                // abandoned: the rest is never written
                self.writing = None;
            }
            match output {
                Output::Event(event) => self.take_event(event),
                Output::Body(goal) => self.feed(goal),
                Output::Closed => return,
                Output::Handshake { .. } => panic!("TLS was not requested"),
                Output::Write { until } => {
                    assert!(until > self.now, "a write that is late before it begins");
                    if self.writing.is_none() {
                        self.begin_write();
                    }
                    self.pass(Some(until));
                }
                Output::Read { until } => {
                    assert!(until > self.now, "a read that is late before it begins");
                    self.pass(Some(until));
                }
                Output::Idle => self.pass(None),
            }
        }
    }

    fn begin_write(&mut self) {
        let octets = self.transmit.octets();
        assert!(!octets.is_empty(), "there is something to write");
        let was_told = self.server.first_421.is_some_and(|end| self.received >= end);
        assert!(!was_told, "new octets after a 421: {:?}", String::from_utf8_lossy(octets));
        assert!(
            self.has_pipelining || self.server.is_in_data() || self.server.output.is_empty(),
            "a command before the reply to the last one, without PIPELINING: {:?}",
            String::from_utf8_lossy(octets)
        );
        self.transmitted.extend_from_slice(octets);
        self.writing = Some(0);
    }

    /// Performs one step between client and server; if there is none, time passes.
    fn pass(&mut self, until: Option<Instant>) {
        let can_write = self.writing.is_some();
        let can_read = !self.server.output.is_empty();
        let can_serve = !self.wire.is_empty() && !self.server.is_closed;
        let mut kinds: Vec<fn(&mut Self)> = Vec::new();
        if can_write {
            kinds.push(Self::write);
        }
        if can_serve {
            kinds.push(Self::serve);
        }
        if can_read {
            kinds.push(Self::read);
        } else if self.server.is_closed {
            kinds.push(|play| play.client.handle(Input::Lost));
        }
        if until.is_none() && kinds.is_empty() && !self.ask() {
            return self.client.handle(Input::Lost);
        }
        match kinds.len() {
            0 => self.now = until.unwrap_or(self.now),
            count => {
                let act = kinds[self.choices.below(count)];
                act(self);
            }
        }
    }

    fn write(&mut self) {
        let octets = self.transmit.octets();
        let at = self.writing.unwrap_or_default();
        if self.server.is_closed && self.choices.happens(50) {
            self.writing = None;
            return self.client.handle(Input::WriteFailed);
        }
        let count = 1 + self.cut(octets.len() - at - 1);
        let octets = &self.transmit.octets()[at..at + count];
        self.wire.extend_from_slice(octets);
        if at + count == self.transmit.octets().len() {
            self.writing = None;
            self.client.handle(Input::Sent);
        } else {
            self.writing = Some(at + count);
        }
    }

    fn serve(&mut self) {
        let count = 1 + self.cut(self.wire.len() - 1);
        let octets: Vec<u8> = self.wire.drain(..count).collect();
        self.server.receive(&octets, self.choices);
    }

    fn read(&mut self) {
        let count = 1 + self.cut(self.server.output.len() - 1);
        let octets: Vec<u8> = self.server.output.drain(..count).collect();
        self.received += count;
        self.client.handle(Input::Received(&octets));
    }

    /// Returns how many of `most` octets to transfer: usually all of them.
    fn cut(&mut self, most: usize) -> usize {
        if self.choices.happens(25) { self.choices.below(most + 1) } else { most }
    }

    fn feed(&mut self, goal: Goal) {
        let message = self.messages.iter_mut().find(|message| message.goal == goal).expect("it was sent");
        assert!(!message.is_ended && !message.is_check, "no body is asked for twice, or for a check");
        if message.aborts_at.is_some_and(|at| message.handed_in >= at) {
            message.is_ended = true;
            return self.client.abort_body();
        }
        let rest = &message.body[message.handed_in..];
        if rest.is_empty() {
            message.is_ended = true;
            return self.client.end_of_body();
        }
        let count = if self.choices.happens(25) { 1 + self.choices.below(rest.len()) } else { rest.len() };
        message.handed_in += self.client.body(&rest[..count]);
    }

    fn take_event(&mut self, event: Event) {
        assert!(!self.is_closed, "Closed comes last");
        match event {
            Event::Done { goal, end } => {
                assert_eq!(
                    self.goals.get(self.done),
                    Some(&goal),
                    "goals end once, in the order in which they were set"
                );
                self.done += 1;
                if let End::Delivered(outcomes) | End::Checked(outcomes) = end {
                    let message = self.messages.iter_mut().find(|message| message.goal == goal);
                    message.expect("it is a message").outcomes = Some(outcomes);
                }
            }
            Event::Closed(_) => {
                assert_eq!(self.done, self.goals.len(), "every goal is told before Closed");
                self.is_closed = true;
            }
            _ => {}
        }
    }

    /// Compares the outcomes with what the server accepted.
    fn check_outcomes(&self, in_flight: usize) -> [usize; 4] {
        assert!(self.is_closed, "Closed comes once");
        let mut counts = [0; 4];
        let mut unconfirmed = 0;
        for message in &self.messages {
            let outcomes = message.outcomes.as_ref().expect("a message ends as delivered or checked");
            assert_eq!(outcomes.len(), message.recipients, "one outcome for each recipient");
            for (index, outcome) in outcomes.iter().enumerate() {
                let to = recipient(message.number, index);
                let accepted: Vec<_> =
                    self.server.accepted.iter().filter(|accepted| accepted.recipient == to).collect();
                self.check_delivered(message, &accepted);
                let context =
                    || format!("{outcome:?} of {to}, which the server accepted {} times", accepted.len());
                let kind = match outcome {
                    Outcome::Accepted(_) => {
                        assert!(message.is_check || accepted.len() == 1, "{}", context());
                        0
                    }
                    Outcome::Refused { .. } => {
                        assert!(accepted.is_empty(), "{}", context());
                        1
                    }
                    Outcome::Unconfirmed(_) => {
                        assert!(accepted.len() <= 1, "{}", context());
                        assert!(
                            self.is_end_transmitted(message),
                            "{}: its end was not transmitted",
                            context()
                        );
                        2
                    }
                    Outcome::Unsent(_) => {
                        assert!(accepted.is_empty(), "{}", context());
                        3
                    }
                };
                counts[kind] += 1;
            }
            let is_unconfirmed = |outcome: &Outcome| matches!(outcome, Outcome::Unconfirmed(_));
            unconfirmed += usize::from(outcomes.iter().any(is_unconfirmed));
        }
        assert!(
            unconfirmed <= in_flight,
            "{unconfirmed} messages are unconfirmed where {in_flight} may be in flight"
        );
        let known = |accepted: &AcceptedMessage| {
            self.messages
                .iter()
                .any(|message| accepted.recipient.starts_with(&format!("r{}-", message.number)))
        };
        assert!(self.server.accepted.iter().all(known), "a recipient got mail that was not sent to it");
        counts
    }

    /// Asserts that the server accepted exactly the message.
    fn check_delivered(&self, message: &Message, accepted: &[&AcceptedMessage]) {
        for accepted in accepted {
            assert!(!message.is_check, "a check delivered");
            assert_eq!(
                String::from_utf8_lossy(&accepted.body),
                String::from_utf8_lossy(&complete(&message.body)),
                "the body of message {}",
                message.number
            );
            let is_lent = self.server.has_refused_reset;
            assert!(
                is_lent || accepted.sender == sender(message.number),
                "{} as the sender of message {}",
                accepted.sender,
                message.number
            );
        }
    }

    /// Returns whether all octets of the message were transmitted, with its end.
    fn is_end_transmitted(&self, message: &Message) -> bool {
        let body = complete(&message.body);
        if self.client.extensions().has("CHUNKING") {
            return chunked(&self.transmitted).contains(&body);
        }
        let end = format!("{}\r\n.\r\n", end_line(message.number));
        self.transmitted.windows(end.len()).any(|octets| octets == end.as_bytes())
    }
}

/// Returns the messages that were sent completely with BDAT.
fn chunked(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let (mut messages, mut message) = (Vec::new(), Vec::new());
    while let Some(end) = octets.windows(2).position(|two| two == b"\r\n") {
        let line = String::from_utf8_lossy(&octets[..end]);
        octets = &octets[end + 2..];
        let mut words = line.split(' ');
        if words.next() == Some("BDAT") {
            let size: usize = words.next().and_then(|size| size.parse().ok()).expect("BDAT has a size");
            message.extend_from_slice(&octets[..size]);
            octets = &octets[size..];
            if words.next() == Some("LAST") {
                messages.push(std::mem::take(&mut message));
            }
        } else {
            message.clear();
        }
    }
    messages
}

/// Returns the body as it must arrive: every line ends in CRLF, also the last one.
fn complete(body: &[u8]) -> Vec<u8> {
    let mut complete = Vec::new();
    let mut octets = body.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' => {
                octets.next_if_eq(&b'\n');
                complete.extend_from_slice(b"\r\n");
            }
            b'\n' => complete.extend_from_slice(b"\r\n"),
            other => complete.push(other),
        }
    }
    if !complete.ends_with(b"\r\n") {
        complete.extend_from_slice(b"\r\n");
    }
    complete
}

fn sender(number: usize) -> String {
    format!("s{number}@example.org")
}

fn recipient(number: usize, index: usize) -> String {
    format!("r{number}-{index}@example.net")
}

fn end_line(number: usize) -> String {
    format!("the end of {number}.")
}
