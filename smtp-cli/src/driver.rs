//! Provides [`Driver`], the one `match` over what the protocol machine asks for.

use crate::measure::{Measure, phase_of};
use crate::tls::{Failure, Tls};
use crate::transcript::Observer;
use crate::transport::Transport;
use smtp_core::{Client, Config, Event, Goal, Input, Output, Transmit, Verb};
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
pub(crate) struct Driver {
    pub(crate) client: Client,
    transport: Transport,
    tls: Option<Tls>,
    observers: Vec<Box<dyn Observer>>,
    /// What the core calls time zero.
    epoch: Instant,
    transmit: Transmit,
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

/// As much as one read may take; nothing stays in it.
const BUFFER: usize = 16 * 1024;
/// So long may it take to read what is there already.
const GLANCE: Duration = Duration::from_millis(50);
/// So long may a TLS farewell take.
const FAREWELL: Duration = Duration::from_secs(1);

impl Driver {
    /// Serves a machine of that configuration over `transport`; without `tls` no handshake can be done.
    pub(crate) fn new(
        config: Config,
        transport: Transport,
        tls: Option<Tls>,
        observers: Vec<Box<dyn Observer>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            accounts: config.report_replies,
            client: Client::new(config),
            transport,
            tls,
            observers,
            epoch: now,
            transmit: Transmit::new(),
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
            let now = smtp_core::Instant::from_epoch(self.epoch.elapsed());
            match self.client.poll(now, &mut self.transmit) {
                Output::Write { until } => self.write(until),
                Output::Read { until } => self.read(until),
                Output::Handshake { until } => self.handshake(until),
                Output::Body(goal) => return Step::Body(goal),
                Output::Event(event) => {
                    self.show(&event);
                    return Step::Event(event);
                }
                Output::Idle => return Step::Idle,
                Output::Closed => {
                    self.transport.close(Instant::now() + FAREWELL);
                    return Step::Closed;
                }
            }
        }
    }

    fn write(&mut self, until: smtp_core::Instant) {
        for observer in &mut self.observers {
            observer.sent(&self.transmit, self.client.is_secured());
        }
        match self.transport.write_all(self.transmit.octets(), self.epoch + until.since_epoch()) {
            Ok(()) => {
                self.measure.sent += self.transmit.octets().len() as u64;
                self.has_written = true;
                self.client.handle(Input::Sent);
            }
            // The deadline has passed, and the next poll says what follows from that.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Err(_) => self.client.handle(Input::WriteFailed),
        }
    }

    fn read(&mut self, until: smtp_core::Instant) {
        self.measure.turns += u64::from(std::mem::take(&mut self.has_written));
        // When the deadline has passed, the next poll says what follows from that.
        self.take(self.epoch + until.since_epoch());
    }

    /// Takes what comes by `deadline`; says whether anything came.
    fn take(&mut self, deadline: Instant) -> bool {
        match self.transport.read(&mut self.buffer, deadline) {
            Ok(0) => self.lose(),
            Ok(count) => {
                self.measure.received += count as u64;
                self.client.handle(Input::Received(&self.buffer[..count]));
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return false,
            Err(error) => {
                if matches!(self.client.answered(), None | Some(Verb::StartTls)) {
                    self.failure = Failure::of_alert(&error);
                }
                self.lose();
            }
        }
        true
    }

    /// The server ended the stream.
    fn lose(&mut self) {
        for observer in &mut self.observers {
            observer.ended();
        }
        self.client.handle(Input::Lost);
    }

    /// Reads what came while nothing was due, without waiting for more; says whether there was anything.
    pub(crate) fn take_what_came(&mut self) -> bool {
        // What is there may be a TLS record that holds nothing for us, or not the whole of one.
        self.transport.has_input() && self.take(Instant::now() + GLANCE)
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
            Err(_) if Instant::now() >= deadline => {}
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
