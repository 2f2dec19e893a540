//! Plays random sessions between the client and a strict [`Server`], and holds what the client tells against what the
//! server really took: body, sender, recipient and count.

mod choices;
mod server;

pub(crate) use choices::Choices;
pub(crate) use server::{After421, Taken};
use server::{Nature, Server};
use smtp_core::*;
use std::collections::VecDeque;

/// What a session was like, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) transfer: Transfer,
    pub(crate) in_flight: usize,
    pub(crate) after_421: After421,
    /// Whether the server said 421.
    pub(crate) has_421: bool,
    /// How many recipients came to which outcome: accepted, refused, unconfirmed, unsent.
    pub(crate) outcomes: [usize; 4],
}

/// How messages leave.
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
    /// What the application hands in, and how much of it was taken.
    body: Vec<u8>,
    handed_in: usize,
    is_ended: bool,
    /// After so many octets the application gives up.
    aborts_at: Option<usize>,
    outcomes: Option<Vec<Outcome>>,
}

/// What the application asks for.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Send,
    Check,
    Reset,
    Noop,
    Quit,
}

/// A client, a server, and what is between them.
struct Play<'c, 'o> {
    choices: &'c mut Choices<'o>,
    client: Client,
    server: Server,
    now: Instant,
    transmit: Transmit,
    /// How much of the write under way was written.
    writing: Option<usize>,
    /// Octets on their way to the server.
    wire: Vec<u8>,
    /// All octets that were handed out.
    handed_out: Vec<u8>,
    /// Octets of replies that the client was given.
    received: usize,
    wishes: VecDeque<Wish>,
    goals: Vec<Goal>,
    done: usize,
    messages: Vec<Message>,
    is_closed: bool,
    has_pipelining: bool,
}

/// Plays one session; panics where an outcome is wrong or a promise broken.
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
        strays: choices.happens(10),
    };
    nature.strays &= !nature.is_sloppy;
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
        handed_out: Vec::new(),
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
        outcomes: play.judge(in_flight),
    }
}

impl Play<'_, '_> {
    /// Decides what the application wants, and asks for the first part of it.
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

    /// Asks for the next thing; says whether there was one.
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
                // given up: what was not written never is
                self.writing = None;
            }
            match output {
                Output::Event(event) => self.take_event(event),
                Output::Body(goal) => self.feed(goal),
                Output::Closed => return,
                Output::Handshake { .. } => panic!("nobody asked for TLS"),
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
        self.handed_out.extend_from_slice(octets);
        self.writing = Some(0);
    }

    /// One thing happens between client and server; where nothing can, time passes.
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

    /// How many of `most` octets go: mostly all of them.
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

    /// Holds the outcomes against what the server took.
    fn judge(&self, in_flight: usize) -> [usize; 4] {
        assert!(self.is_closed, "Closed comes once");
        let mut counts = [0; 4];
        let mut unconfirmed = 0;
        for message in &self.messages {
            let outcomes = message.outcomes.as_ref().expect("a message ends as delivered or checked");
            assert_eq!(outcomes.len(), message.recipients, "one outcome for each recipient");
            for (index, outcome) in outcomes.iter().enumerate() {
                let to = recipient(message.number, index);
                let taken: Vec<_> = self.server.taken.iter().filter(|taken| taken.recipient == to).collect();
                self.judge_taken(message, &taken);
                let context = || format!("{outcome:?} of {to}, which the server took {} times", taken.len());
                let kind = match outcome {
                    Outcome::Accepted(_) => {
                        assert!(message.is_check || taken.len() == 1, "{}", context());
                        0
                    }
                    Outcome::Refused { .. } => {
                        assert!(taken.is_empty(), "{}", context());
                        1
                    }
                    Outcome::Unconfirmed(_) => {
                        assert!(taken.len() <= 1, "{}", context());
                        assert!(self.is_end_handed_out(message), "{}: its end was not handed out", context());
                        2
                    }
                    Outcome::Unsent(_) => {
                        assert!(taken.is_empty(), "{}", context());
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
        let known = |taken: &Taken| {
            self.messages.iter().any(|message| taken.recipient.starts_with(&format!("r{}-", message.number)))
        };
        assert!(self.server.taken.iter().all(known), "somebody got mail whom nobody sent any");
        counts
    }

    /// What the server took is the message, the whole message and nothing but the message.
    fn judge_taken(&self, message: &Message, taken: &[&Taken]) {
        for taken in taken {
            assert!(!message.is_check, "a check delivered");
            assert_eq!(
                String::from_utf8_lossy(&taken.body),
                String::from_utf8_lossy(&complete(&message.body)),
                "the body of message {}",
                message.number
            );
            let is_lent = self.server.has_refused_reset;
            assert!(
                is_lent || taken.sender == sender(message.number),
                "{} as the sender of message {}",
                taken.sender,
                message.number
            );
        }
    }

    /// Whether all octets of the message left, and its end with them.
    fn is_end_handed_out(&self, message: &Message) -> bool {
        let body = complete(&message.body);
        if self.client.extensions().has("CHUNKING") {
            return chunked(&self.handed_out).contains(&body);
        }
        let end = format!("{}\r\n.\r\n", end_line(message.number));
        self.handed_out.windows(end.len()).any(|octets| octets == end.as_bytes())
    }
}

/// The messages that left whole by BDAT.
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

/// The body as it has to arrive: each line end is CRLF, the last one too.
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
