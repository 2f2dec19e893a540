//! Provides [`Session`], a connection that is opened as its settings say, and sends.

use super::cancel::{Cancel, Wait};
use super::connect::connect;
use super::stream::Stream;
use crate::mailer::{
    After, BoxError, Check, Connection, Delivery, Demand, Error, ErrorKind, Login, Measure, Notice, Observer,
    Opening, OpeningStep, Policy, Reach, SecretRequest, Source, Step, StopReason, Submission, Submitted,
    TlsFault, Until, Work, is_proof, misused, undone,
};
use crate::network::{Opener, cause_of, nonce, scratch};
use crate::{
    Cause, Client, End, Event, Extensions, Goal, Instant, Misuse, Reason, Reply, Verb, XclientAttribute,
};
use std::boxed::Box;
use std::fmt;
use std::io;
use std::string::ToString as _;
use std::time::Duration;
use std::vec::Vec;

/// A connection that is opened as its settings say, and sends.
///
/// The [`Mailer`](super::Mailer) opens and keeps sessions by itself; this is for applications that send single commands,
/// like a test or a shell.
pub struct Session {
    connection: Connection,
    stream: Stream,
    opener: Opener,
    cancel: Cancel,
    /// When everything must be over.
    deadline: Option<std::time::Instant>,
    /// What the protocol machine calls time zero.
    epoch: std::time::Instant,
    /// Why the connection ended, once that was seen here.
    cause: Option<Cause>,
}

/// What a session cannot do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // an application that forgets an arm must not compile
pub enum SessionStep {
    /// Something happened.
    Event(Event),
    /// Octets of this goal's message are wanted: [`Session::feed`].
    Body(Goal),
    /// Nothing is due: a goal may be set.
    Idle,
    /// The connection is over.
    Closed,
}

/// The reply by which an idle session proves that it is still served may take so long.
const PROOF: Duration = Duration::from_secs(10);
/// A TLS farewell may take so long.
const FAREWELL: Duration = Duration::from_secs(1);

impl Session {
    /// Connects, and opens a session as far as `until`.
    ///
    /// # Errors
    /// Why there is no session; the connection is closed, with QUIT where the server still listens.
    pub fn open(
        opener: &Opener,
        until: Until,
        observers: Vec<Box<dyn Observer>>,
        cancel: &Cancel,
        deadline: Option<std::time::Instant>,
    ) -> Result<Self, Error> {
        let server = opener.settings().server.to_string();
        let mut session = Self::connect(opener, observers, cancel, deadline)
            .map_err(|error| error.with_server(&*server))?;
        if let Err(error) = session.open_until(until) {
            let error = error.with_server(&*server);
            session.farewell();
            session.connection.notice(&Notice::Failed(&error));
            return Err(error);
        }
        Ok(session)
    }

    fn connect(
        opener: &Opener,
        mut observers: Vec<Box<dyn Observer>>,
        cancel: &Cancel,
        deadline: Option<std::time::Instant>,
    ) -> Result<Self, Error> {
        let settings = opener.settings();
        let begin = std::time::Instant::now();
        // Settings that TLS cannot use are reported before anything leaves.
        let connected = opener.prepare().and_then(|()| {
            let limit = begin + settings.timeouts.connect;
            let wait = Wait::new(deadline.map_or(limit, |deadline| deadline.min(limit)), cancel);
            let mut tell =
                |notice: &Notice<'_>| observers.iter_mut().for_each(|observer| observer.notice(notice));
            connect(&settings.server, &settings.route, &wait, &mut tell)
        });
        let stream = connected.map_err(|error| {
            let error = match (cancel.is_requested(), deadline) {
                (true, _) => ErrorKind::Cancelled.into(),
                (_, Some(deadline)) if std::time::Instant::now() >= deadline => {
                    ErrorKind::DeadlinePassed.into()
                }
                _ => error,
            };
            for observer in &mut observers {
                observer.notice(&Notice::Failed(&error));
            }
            error
        })?;
        let mut config = settings.config();
        config.report_replies |= !observers.is_empty();
        let mut connection = Connection::new(config, observers, Instant::EPOCH);
        connection.connected_in(begin.elapsed());
        Ok(Self {
            connection,
            stream,
            opener: opener.clone(),
            cancel: cancel.clone(),
            deadline,
            epoch: std::time::Instant::now(),
            cause: None,
        })
    }

    fn open_until(&mut self, until: Until) -> Result<(), Error> {
        let hello = self.opener.hello(self.stream.local_address());
        let mut opening = Opening::new(self.opener.settings(), hello, until);
        loop {
            match opening.next(&mut self.connection)? {
                OpeningStep::Done => return Ok(()),
                OpeningStep::Secret(request) => {
                    let Some(login) = self.opener.settings().login.clone() else { return Ok(()) };
                    let mechanisms = self.mechanisms(&login, request)?;
                    opening.log_in(&mut self.connection, mechanisms)?;
                }
                OpeningStep::Drive => match self.step() {
                    SessionStep::Event(event) => opening.event(&mut self.connection, event)?,
                    SessionStep::Body(_) => self.connection.abort_body(),
                    SessionStep::Idle => {}
                    SessionStep::Closed => return Err(opening.closed(&self.connection)),
                },
            }
        }
    }

    fn mechanisms(
        &self,
        login: &Login,
        request: SecretRequest,
    ) -> Result<Vec<Box<dyn crate::Mechanism>>, Error> {
        let secret = login.secret(request)?;
        let server = &self.opener.settings().server;
        login.mechanisms(secret.as_ref(), &nonce()?, self.stream.channel_binding(), server)
    }

    /// Does what is due until there is something that it cannot do.
    pub fn step(&mut self) -> SessionStep {
        loop {
            self.heed();
            let now = self.now();
            match self.connection.poll(now) {
                Demand::Write { until } => self.write(until),
                Demand::Read { until } => self.read(until),
                Demand::Handshake { until } => self.handshake(until),
                Demand::Body(goal) => return SessionStep::Body(goal),
                Demand::Event(event) => {
                    if let Event::Closed(cause) = &event {
                        self.cause = Some(cause.clone());
                    }
                    return SessionStep::Event(event);
                }
                Demand::Idle => return SessionStep::Idle,
                Demand::Closed { farewell } => {
                    if farewell {
                        self.stream.close(std::time::Instant::now() + FAREWELL);
                    }
                    return SessionStep::Closed;
                }
            }
        }
    }

    /// Hands in the next octets of the message that is asked for, or that it is complete.
    ///
    /// # Errors
    /// If the source fails; [`abandon`](Self::abandon) the message then.
    pub fn feed(&mut self, goal: Goal, source: &mut dyn Source) -> Result<(), BoxError> {
        if !self.connection.leftover(goal) {
            let mut buffer = scratch::take();
            let read = source.read(&mut buffer);
            if let Ok(count) = read {
                self.connection.body(goal, buffer.get(..count).unwrap_or_default());
            }
            scratch::give(buffer);
            read?;
        }
        Ok(())
    }

    /// Abandons the message that is asked for, so that no part of it can pass for the whole.
    pub fn abandon(&mut self) {
        self.connection.abort_body();
    }

    /// Sends the name of this machine anew, as after XCLIENT or STARTTLS.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn hello(&mut self) -> Result<(), Error> {
        let hello = self.opener.hello(self.stream.local_address());
        self.do_step(Step::Hello, |client| client.hello(hello)).map(drop)
    }

    /// Sends STARTTLS and does the handshake, after which a further hello is due.
    ///
    /// # Errors
    /// If the server refuses it, or the handshake fails.
    pub fn start_tls(&mut self) -> Result<(), Error> {
        self.do_step(Step::StartTls, Client::start_tls).map(drop)
    }

    /// Sends XCLIENT with these attributes, after which a further hello is due.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn xclient(&mut self, attributes: &[XclientAttribute]) -> Result<(), Error> {
        self.do_step(Step::Xclient, |client| client.xclient(attributes)).map(drop)
    }

    /// Logs in.
    ///
    /// # Errors
    /// If the server refuses it: another login may follow.
    pub fn log_in(&mut self, login: &Login) -> Result<(), Error> {
        let mechanisms = self.mechanisms(login, SecretRequest::Login)?;
        self.do_step(Step::Login, |client| client.authenticate(mechanisms)).map(drop)
    }

    /// Sends a command that one reply answers, like NOOP, and returns the reply.
    ///
    /// # Errors
    /// If the machine refuses it, or the connection ends.
    pub fn command(&mut self, set: impl FnOnce(&mut Client) -> Result<Goal, Misuse>) -> Result<Reply, Error> {
        match self.do_step(Step::Command, set)? {
            End::Replied(reply) => Ok(reply),
            end => Err(undone(Step::Command, end, &self.connection)),
        }
    }

    fn do_step(
        &mut self,
        step: Step,
        set: impl FnOnce(&mut Client) -> Result<Goal, Misuse>,
    ) -> Result<End, Error> {
        let done =
            set(self.connection.client_mut()).map_err(misused).and_then(|goal| match self.end_of(goal) {
                end @ (End::Replied(_) | End::Secured | End::Authenticated(_)) => Ok(end),
                end => Err(undone(step, end, &self.connection)),
            });
        done.map_err(|error| error.with_server(self.opener.settings().server.to_string()))
    }

    /// Goes on until that goal has ended.
    pub fn end_of(&mut self, goal: Goal) -> End {
        loop {
            match self.step() {
                SessionStep::Event(Event::Done { goal: done, end }) if done == goal => return end,
                SessionStep::Event(_) => {}
                SessionStep::Body(_) => self.connection.abort_body(),
                SessionStep::Idle | SessionStep::Closed => {
                    let cause = self.cause.clone().unwrap_or(Cause::Lost);
                    return End::Undone(Reason::Closed(cause));
                }
            }
        }
    }

    /// Carries a message as far as `reach`, in several transactions if the server accepts no more recipients in one. What
    /// became of it stands in the delivery that is returned; nothing is tried again, and the session stays open.
    #[must_use]
    pub fn transact<S: Submission>(&mut self, delivery: Delivery<S>, reach: Reach) -> Delivery<S> {
        let mut work = Work::new(reach, Policy::default());
        let mut submitted = work.submit(&mut self.connection, delivery);
        loop {
            match submitted {
                Submitted::Underway => {}
                Submitted::Failed(delivery) => return delivery,
                Submitted::TurnedDown(mut delivery) => {
                    delivery.leave(misused(Misuse::Closed));
                    return delivery;
                }
            }
            submitted = loop {
                match self.step() {
                    SessionStep::Body(goal) => self.feed_work(&mut work, goal),
                    SessionStep::Event(event) => match work.event(&mut self.connection, event) {
                        Some((delivery, After::Again)) => break work.submit(&mut self.connection, delivery),
                        Some((delivery, After::Finished | After::Later)) => return delivery,
                        None => {}
                    },
                    // The first promise of the machine leaves none; should it ever, it is not lost.
                    SessionStep::Idle | SessionStep::Closed => {
                        if let Some(delivery) = work.drain().pop() {
                            return delivery;
                        }
                    }
                }
            };
        }
    }

    /// Hands in the next octets of a message of that work.
    pub(super) fn feed_work<S: Submission>(&mut self, work: &mut Work<S>, goal: Goal) {
        let Some(mut source) = work.take_source(&mut self.connection, goal) else { return };
        let fed = self.feed(goal, &mut *source);
        work.put_back(goal, source);
        if let Err(error) = fed {
            work.unreadable(&mut self.connection, goal, error);
        }
    }

    /// Takes what came while nothing was awaited; returns why the connection ended, if it did.
    pub fn look(&mut self) -> Option<Cause> {
        loop {
            match self.step() {
                SessionStep::Event(_) => {}
                SessionStep::Body(_) => self.connection.abort_body(),
                SessionStep::Idle if self.take_what_came() => {}
                SessionStep::Idle => return None,
                SessionStep::Closed => return Some(self.cause.clone().unwrap_or(Cause::Lost)),
            }
        }
    }

    /// Queues QUIT, which leaves with what is queued before it.
    pub fn quit(&mut self) {
        // That the session is over already is as good.
        let _ = self.connection.client_mut().quit();
    }

    /// Sends QUIT and waits for the end.
    pub fn leave(mut self) {
        self.farewell();
    }

    /// Sends QUIT and closes the connection, without waiting for anything: no message hangs on it.
    pub(crate) fn part(mut self) {
        self.quit();
        let now = self.now();
        // QUIT is small: it leaves at once, or the server does not read any more.
        for _ in 0..8 {
            match self.connection.poll(now) {
                Demand::Write { .. } => self.write(now),
                Demand::Event(_) => {}
                Demand::Closed { farewell: true } => {
                    return self.stream.close(std::time::Instant::now());
                }
                _ => return,
            }
        }
    }

    fn farewell(&mut self) {
        self.quit();
        while !matches!(self.step(), SessionStep::Closed | SessionStep::Idle) {}
    }

    /// What the server offers.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        self.connection.client().extensions()
    }

    /// Whether TLS is up.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        self.connection.client().is_secured()
    }

    /// Whether a login was accepted.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.connection.client().is_authenticated()
    }

    /// The command of the last reply.
    #[must_use]
    pub const fn answered(&self) -> Option<Verb> {
        self.connection.client().answered()
    }

    /// The connection, to set goals and to tell observers.
    pub const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The transport below.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What opened it.
    #[must_use]
    pub const fn opener(&self) -> &Opener {
        &self.opener
    }

    /// Why the connection ended, once it has.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The error for a connection that ended by this cause.
    #[must_use]
    pub fn error(&self, cause: &Cause) -> Error {
        self.connection.error(cause).with_server(self.opener.settings().server.to_string())
    }

    /// What the session cost since this was last called.
    pub fn take_measure(&mut self) -> Measure {
        self.connection.take_measure()
    }

    /// Prepares it for its next use: another handle that cancels, another deadline.
    pub fn begin(&mut self, cancel: &Cancel, deadline: Option<std::time::Instant>) {
        self.cancel = cancel.clone();
        self.stream.set_cancel(cancel);
        self.deadline = deadline;
        self.connection.reuse();
    }

    /// Whether the server still serves a session that was idle, as far as `check` looks.
    pub(crate) fn still_serves(&mut self, check: Check) -> bool {
        if self.take_what_came() {
            // Nobody asked for it; observers see it all the same.
            self.look();
            return false;
        }
        match check {
            Check::Look => true,
            // A server may lack RSET; then the session is not used again.
            Check::Prove => {
                let deadline = self.deadline;
                let proof = std::time::Instant::now() + PROOF;
                self.deadline = Some(deadline.map_or(proof, |deadline| deadline.min(proof)));
                let reply = self.command(Client::reset);
                self.deadline = deadline;
                self.connection.resume();
                reply.is_ok_and(|reply| is_proof(&reply))
            }
        }
    }

    /// Releases memory that the next message allocates anew.
    pub(crate) fn rest(&mut self) {
        self.connection.rest();
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Ends the session early where that was asked for.
    fn heed(&mut self) {
        let since = |at: std::time::Instant, epoch| Instant::from_epoch(at.saturating_duration_since(epoch));
        if let Some(seen) = self.cancel.seen() {
            self.connection.stop(StopReason::Cancelled, since(seen, self.epoch), Connection::PATIENCE);
        } else if let Some(deadline) = self.deadline
            && std::time::Instant::now() >= deadline
        {
            self.connection.stop(StopReason::DeadlinePassed, since(deadline, self.epoch), Duration::ZERO);
        }
        let patience = match (self.cancel.seen(), self.connection.stops_at()) {
            (Some(seen), Some(end)) => end.saturating_since(since(seen, self.epoch)),
            _ => Duration::ZERO,
        };
        self.stream.set_patience(patience);
    }

    /// Until when to wait for what the machine awaits until then.
    fn limit(&self, until: Instant) -> std::time::Instant {
        let now = std::time::Instant::now();
        // A time that is too far away for this clock is as good as a day.
        let until = self.epoch.checked_add(until.since_epoch());
        let until = until.unwrap_or(now + Duration::from_hours(24));
        self.deadline.map_or(until, |deadline| deadline.min(until))
    }

    /// Writes what there is room for, and takes what the server sends meanwhile.
    fn write(&mut self, until: Instant) {
        if self.connection.should_read_first() && self.take_what_came() {
            return;
        }
        let octets = self.connection.unwritten();
        let written = if octets.is_empty() {
            Ok(0)
        } else {
            match self.stream.try_write(octets) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                written => written,
            }
        };
        let done = written.and_then(|count| {
            if self.connection.wrote(count) {
                self.stream.try_flush()?;
                self.connection.flushed();
            }
            Ok(())
        });
        match done {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !self.take_what_came() {
                    // When the deadline has passed, the next poll says what follows.
                    let _ = self.stream.wait(self.limit(until));
                }
            }
            Err(error) => {
                let now = self.now();
                self.connection.write_failed(now, cause_of(error));
            }
        }
    }

    fn read(&mut self, until: Instant) {
        self.connection.about_to_read();
        let limit = self.limit(until);
        let mut buffer = scratch::take();
        let read = self.stream.read(&mut buffer, limit);
        let is_anything = self.take(read, &buffer);
        scratch::give(buffer);
        if !is_anything {
            let now = self.now();
            self.connection.nothing_came(now);
        }
    }

    /// Takes what is there without waiting; returns whether there was anything.
    pub fn take_what_came(&mut self) -> bool {
        let mut buffer = scratch::take();
        let read = self.stream.try_read(&mut buffer);
        let is_anything = self.take(read, &buffer);
        scratch::give(buffer);
        is_anything
    }

    /// Takes what a read gave, into this buffer; returns whether that was anything.
    fn take(&mut self, read: io::Result<usize>, buffer: &[u8]) -> bool {
        match read {
            Ok(0) => self.connection.ended(None),
            Ok(count) => self.connection.received(buffer.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                return false;
            }
            Err(error) => match TlsFault::of_read_error(&error) {
                Some(fault) => self.connection.ended_by_alert(fault),
                None => self.connection.ended(cause_of(error)),
            },
        }
        true
    }

    fn handshake(&mut self, until: Instant) {
        let limit = self.limit(until);
        let done = match self.opener.connector() {
            Ok(connector) => self.stream.handshake(connector, limit),
            // It was set up before the connection was made.
            Err(_) => Err(TlsFault::Protocol.into()),
        };
        match done {
            Ok(()) => {
                let now = self.now();
                self.connection.secured(now);
            }
            // The next poll says what follows.
            Err(_) if std::time::Instant::now() >= limit || self.cancel.is_requested() => {}
            Err(failure) => self.connection.handshake_failed(failure.fault, failure.source),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connection", &self.connection).finish_non_exhaustive()
    }
}
