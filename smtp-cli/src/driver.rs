//! Provides [`Driver`], the one `match` over what the protocol machine asks for.

use crate::interrupt::Interrupt;
use crate::measure::{Measure, phase_of};
use crate::tls::{Failure, Tls};
use crate::transcript::Observer;
use crate::transport::Transport;
use smtp_core::{Client, Config, Content, Event, Goal, Input, Output, Timer, Transmit, Verb};
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// What the driver cannot do by itself.
#[derive(Debug)]
pub(crate) enum Step {
    /// Something happened.
    Event(Event),
    /// Octets of this goal's message are wanted.
    Body(Goal),
    /// Nothing is due: a goal may be set.
    Idle,
    /// The connection is over.
    Closed,
}

/// A connection and the protocol machine that it serves.
///
/// It listens while it writes: a reply goes to the machine at once, which then decides whether the rest of the write
/// still makes sense. So a refusal in the middle of a message ends it, and two ends that both write do not wait for
/// each other.
pub(crate) struct Driver {
    pub(crate) client: Client,
    transport: Transport,
    tls: Option<Tls>,
    observers: Vec<Box<dyn Observer>>,
    interrupt: Interrupt,
    /// Whether an interrupt ended the session.
    is_interrupted: bool,
    /// What the core calls time zero.
    epoch: Instant,
    transmit: Transmit,
    /// How much of `transmit` was written, from when it is to be written until all of it is.
    written: Option<usize>,
    /// Whether the observers were shown it.
    is_shown: bool,
    /// Whether a write was given up, so that nothing may follow it.
    is_torn: bool,
    /// Why a write or a read failed, where that is not that the server ended the connection.
    failed: Option<io::Error>,
    /// For how long what explains a failed write is awaited, and until when, once one failed.
    last_words: (Duration, Option<Instant>),
    /// How many writes are complete since the last read.
    unheard: usize,
    bodies: Bodies,
    buffer: Box<[u8]>,
    /// Why the handshake failed, if it did.
    failure: Option<Failure>,
    /// Whether each reply is told, so that its phase gets the time that it took.
    accounts: bool,
    /// What the session cost so far.
    measure: Measure,
    /// Until when time was put to an account.
    accounted: Instant,
    /// Whether something was written since the last read.
    has_written: bool,
    /// Whether the greeting came.
    is_greeted: bool,
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
    /// The one that ended last, where its end has not left.
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

/// As much as one read may take; nothing stays in it.
const BUFFER: usize = 16 * 1024;
/// So long may a TLS farewell take.
const FAREWELL: Duration = Duration::from_secs(1);
/// So long after an interrupt is the reply to a whole message awaited.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

impl Driver {
    /// Serves a machine of that configuration over `transport`; without `tls` no handshake can be done.
    pub(crate) fn new(
        config: Config,
        transport: Transport,
        tls: Option<Tls>,
        observers: Vec<Box<dyn Observer>>,
        interrupt: &Interrupt,
    ) -> Self {
        let now = Instant::now();
        Self {
            accounts: config.report_replies,
            failed: None,
            last_words: (config.timeouts.limit(Timer::LastWords), None),
            client: Client::new(config),
            transport,
            tls,
            observers,
            interrupt: interrupt.clone(),
            is_interrupted: false,
            epoch: now,
            transmit: Transmit::new(),
            written: None,
            is_shown: false,
            is_torn: false,
            unheard: 0,
            bodies: Bodies::default(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            failure: None,
            measure: Measure::default(),
            accounted: now,
            has_written: false,
            is_greeted: false,
        }
    }

    /// Does what is due until there is something that it cannot do.
    pub(crate) fn step(&mut self) -> Step {
        loop {
            let stops = self.stops();
            let now = smtp_core::Instant::from_epoch(self.epoch.elapsed());
            let output = self.client.poll(now, &mut self.transmit);
            match output {
                Output::Write { .. } => _ = self.written.get_or_insert(0),
                Output::Event(_) | Output::Closed => {}
                // The machine goes on without the write under way, if there is one.
                _ => self.is_torn |= self.written.is_some(),
            }
            match output {
                // What has left is awaited; nothing more leaves.
                Output::Write { until } | Output::Read { until } | Output::Handshake { until } if stops => {
                    self.read(until);
                }
                Output::Body(_) | Output::Idle if stops => self.read(now + PATIENCE),
                Output::Write { until } => self.write(until),
                Output::Read { until } => self.read(until),
                Output::Handshake { until } => self.handshake(until),
                Output::Body(goal) => {
                    self.bodies.asked = Some(goal);
                    return Step::Body(goal);
                }
                Output::Event(event) => {
                    if let Event::Done { goal, .. } = &event {
                        let is_cut = self.written.is_some_and(|written| written < self.end_of_mail_data());
                        self.bodies.ended(*goal, is_cut);
                    }
                    self.show(&event);
                    return Step::Event(event);
                }
                Output::Idle => return Step::Idle,
                Output::Closed => {
                    // A farewell says that nothing was cut off, and may take the rest of a TLS record along.
                    if self.written.is_none() {
                        self.transport.close(Instant::now() + FAREWELL);
                    }
                    return Step::Closed;
                }
            }
        }
    }

    /// Whether the program is asked to stop: then the session ends as soon as no whole message awaits its reply, or has
    /// awaited it for long enough.
    fn stops(&mut self) -> bool {
        let Some(seen) = self.interrupt.seen() else { return false };
        let patience = if self.bodies.outstanding.is_empty() { Duration::ZERO } else { PATIENCE };
        self.transport.set_patience(patience);
        if seen.elapsed() >= patience && !self.is_interrupted {
            self.is_interrupted = true;
            self.client.handle(Input::Lost);
        }
        true
    }

    /// Writes what there is room for, and takes what the server says meanwhile.
    fn write(&mut self, until: smtp_core::Instant) {
        if self.is_torn {
            return self.client.handle(Input::WriteFailed);
        }
        if !self.is_shown {
            // Whoever only writes would not hear a refusal; with one write and one read in turn nothing is looked for.
            if self.unheard > 0 && self.take_what_came() {
                return;
            }
            self.is_shown = true;
            for observer in &mut self.observers {
                observer.sent(&self.transmit, self.client.is_secured());
            }
        }
        match self.write_some() {
            Ok(true) => self.sent(),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !self.take_what_came() {
                    // When the deadline has passed, the next poll says what follows from that.
                    let _ = self.transport.wait(self.epoch + until.since_epoch());
                }
            }
            Err(error) => {
                self.is_torn = true;
                if !self.may_have_arrived() {
                    self.last_words.1 = Some(Instant::now() + self.last_words.0);
                }
                self.fail(error);
                self.client.handle(Input::WriteFailed);
            }
        }
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

    /// Keeps why the connection failed, as far as the system says more than that the server ended it.
    fn fail(&mut self, error: io::Error) {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        let is_ended = matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset);
        if error.raw_os_error().is_some() && !is_ended {
            self.failed.get_or_insert(error);
        }
    }

    /// Goes on with the write under way as far as there is room; says whether all has left.
    fn write_some(&mut self) -> io::Result<bool> {
        let octets = self.transmit.octets();
        let written = self.written.get_or_insert(0);
        if let Some(rest) = octets.get(*written..).filter(|rest| !rest.is_empty()) {
            let count = self.transport.try_write(rest)?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *written += count;
            self.measure.sent += count as u64;
            self.has_written = true;
        }
        if *written < octets.len() {
            return Ok(false);
        }
        self.transport.try_flush()?;
        Ok(true)
    }

    /// All of a write has left.
    fn sent(&mut self) {
        self.written = None;
        self.is_shown = false;
        self.unheard += 1;
        if self.end_of_mail_data() > 0 {
            self.bodies.outstanding.append(&mut self.bodies.complete);
        }
        self.client.handle(Input::Sent);
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

    fn read(&mut self, until: smtp_core::Instant) {
        self.measure.turns += u64::from(std::mem::take(&mut self.has_written));
        let until = self.epoch + until.since_epoch();
        let last_words = self.last_words.1;
        let deadline = last_words.map_or(until, |last_words| last_words.min(until));
        let read = self.transport.read(&mut self.buffer, deadline);
        // When the deadline has passed, the next poll says what follows from that, unless it was ours.
        if !self.take(read) && last_words.is_some_and(|last_words| Instant::now() >= last_words) {
            self.client.handle(Input::Lost);
        }
    }

    /// Takes what is there, without waiting for more; says whether there was anything.
    pub(crate) fn take_what_came(&mut self) -> bool {
        let read = self.transport.try_read(&mut self.buffer);
        self.take(read)
    }

    /// Takes what a read gave; says whether that was anything.
    fn take(&mut self, read: io::Result<usize>) -> bool {
        match read {
            Ok(0) => self.lose(),
            Ok(count) => {
                self.measure.received += count as u64;
                self.client.handle(Input::Received(&self.buffer[..count]));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                return false;
            }
            Err(error) => {
                if matches!(self.client.answered(), None | Some(Verb::StartTls)) {
                    self.failure = Failure::of_alert(&error);
                }
                self.fail(error);
                self.lose();
            }
        }
        self.unheard = 0;
        true
    }

    /// The server ended the stream.
    fn lose(&mut self) {
        for observer in &mut self.observers {
            observer.ended();
        }
        self.client.handle(Input::Lost);
    }

    fn handshake(&mut self, until: smtp_core::Instant) {
        let deadline = self.epoch + until.since_epoch();
        let done = match &self.tls {
            Some(tls) => self.transport.handshake(tls, deadline),
            None => Err(Failure::new("TLS was not set up")),
        };
        match done {
            Ok(()) => {
                self.account("tls");
                self.inform("TLS is up");
                self.client.handle(Input::Secured);
            }
            Err(_) if Instant::now() >= deadline || self.interrupt.is_requested() => {}
            Err(failure) => {
                self.failure = Some(failure);
                self.client.handle(Input::Lost);
            }
        }
    }

    /// Puts the time since the last call to a phase's account.
    fn account(&mut self, phase: &'static str) {
        if !self.accounts {
            return;
        }
        let now = Instant::now();
        self.measure.add(phase, now.saturating_duration_since(self.accounted));
        self.accounted = now;
    }

    fn show(&mut self, event: &Event) {
        self.is_greeted |= matches!(event, Event::Greeting(_));
        if let Event::Reply { verb, reply, wanted } = event {
            self.account(phase_of(*verb));
            for observer in &mut self.observers {
                observer.received(*verb, reply, *wanted, self.client.is_secured());
            }
        }
    }

    /// Says something in the transcript.
    pub(crate) fn inform(&mut self, text: &str) {
        for observer in &mut self.observers {
            observer.information(text);
        }
    }

    /// Says in the transcript what went wrong.
    pub(crate) fn complain(&mut self, text: &str) {
        for observer in &mut self.observers {
            observer.error(text);
        }
    }

    /// What the session cost since this was last asked.
    pub(crate) fn take_measure(&mut self) -> Measure {
        std::mem::take(&mut self.measure)
    }

    /// Notes how long the connection took.
    pub(crate) fn connected_in(&mut self, time: Duration) {
        self.measure.add("connect", time);
    }

    /// Why the handshake failed, if it did.
    pub(crate) const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Says that the message whose octets were asked for is complete.
    pub(crate) fn end_of_body(&mut self) {
        self.bodies.complete.extend(self.bodies.asked.take());
        self.client.end_of_body();
    }

    /// Whether the end of that message, the one that ended last, has not left.
    pub(crate) fn is_cut(&self, goal: Goal) -> bool {
        self.bodies.cut == Some(goal)
    }

    /// Whether an interrupt ended the session.
    pub(crate) const fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Why a write or a read failed, where that is not that the server ended the connection.
    pub(crate) const fn failed(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    /// Where in the session it is, by the last reply that came.
    pub(crate) fn place(&self) -> String {
        match self.client.answered() {
            Some(verb) => format!("after its reply to {verb}"),
            None if self.is_greeted => "after its greeting".to_string(),
            None => "before its greeting".to_string(),
        }
    }

    /// The connection itself.
    pub(crate) const fn transport(&self) -> &Transport {
        &self.transport
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("client", &self.client).finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::socket::Socket;
    use smtp_core::{EhloDomain, End, Outcome};
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{Ipv4Addr, Shutdown};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    fn event(driver: &mut Driver) -> Event {
        match driver.step() {
            Step::Event(event) => event,
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn an_end_of_which_no_octet_left_is_cut() {
        let (near, far) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || {
            let (mut input, mut output) = (BufReader::new(far.try_clone().unwrap()), far);
            output.write_all(b"220 mx\r\n").unwrap();
            for reply in ["250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "250 ok\r\n", "250 ok\r\n"] {
                input.read_line(&mut String::new()).unwrap();
                output.write_all(reply.as_bytes()).unwrap();
            }
            input.read_line(&mut String::new()).unwrap();
            input.read_exact(&mut [0; 8]).unwrap();
            output.shutdown(Shutdown::Both).unwrap();
        });
        let interrupt = Interrupt::default();
        let mut config = Config::default();
        config.limits.chunk = 8;
        config.report_recipients = false;
        let transport = Transport::new(Socket::unix(near), &interrupt);
        let mut driver = Driver::new(config, transport, None, Vec::new(), &interrupt);
        driver.client.hello(EhloDomain::from(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST))).unwrap();
        let mail = crate::mail::example(&["you@example.net"]);
        let goal = driver.client.send(Arc::clone(&mail.envelope)).unwrap();
        assert!(matches!(event(&mut driver), Event::Greeting(_)));
        assert!(matches!(event(&mut driver), Event::Done { .. }));
        for line in [&b"abcdef\r\n"[..], b"last\r\n"] {
            assert!(matches!(driver.step(), Step::Body(_)));
            assert_eq!(driver.client.body(line), line.len());
        }
        assert!(matches!(driver.step(), Step::Body(_)));
        // The server is gone before the write that holds the end, and after one that was not answered.
        server.join().unwrap();
        driver.end_of_body();
        let Event::Done { goal: done, end: End::Delivered(outcomes) } = event(&mut driver) else {
            panic!("an end")
        };
        assert_eq!(done, goal);
        assert!(matches!(outcomes[..], [Outcome::Unconfirmed(_)]), "{outcomes:?}");
        assert!(driver.is_cut(goal));
    }
}
