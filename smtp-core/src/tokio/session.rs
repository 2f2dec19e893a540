//! Provides [`Session`], a connection that is opened as its settings say, and sends.

use super::connect::connect;
use super::stream::Stream;
use crate::mailer::{
    BoxError, Check, Connection, Demand, Error, ErrorKind, Login, Notice, Observer, Opening, OpeningStep,
    SecretRequest, Source, StopReason, TlsFault, Until, is_proof, misused, undone,
};
use crate::network::{Opener, cause_of, nonce, scratch};
use crate::{Cause, Client, End, Event, Goal, Instant, Misuse, Reason, Reply, Secret};
use std::boxed::Box;
use std::fmt;
use std::io;
use std::string::ToString as _;
use std::time::Duration;
use std::vec::Vec;
use tokio::time::timeout_at;

/// A connection that is opened as its settings say, and sends.
pub(super) struct Session {
    connection: Connection,
    stream: Stream,
    opener: Opener,
    /// When everything must be over.
    deadline: Option<std::time::Instant>,
    /// What the protocol machine calls time zero.
    epoch: std::time::Instant,
    /// Why the connection ended, once that was seen here.
    cause: Option<Cause>,
    /// Whether a send uses it, so that its observers are told if that is dropped.
    is_used: bool,
}

/// The observers of a connection that is not there yet; they are told if the send is dropped.
struct Watched(Option<Vec<Box<dyn Observer>>>);

impl Watched {
    fn notice(&mut self, notice: &Notice<'_>) {
        self.0.iter_mut().flatten().for_each(|observer| observer.notice(notice));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.notice(&Notice::Failed(&ErrorKind::Cancelled.into()));
        }
    }
}

/// What a session cannot do by itself.
#[derive(Debug)]
pub(super) enum SessionStep {
    /// Something happened.
    Event(Event),
    /// Octets of this goal's message are wanted.
    Body(Goal),
    /// Nothing is due.
    Idle,
    /// The connection is over.
    Closed,
}

/// The reply by which an idle session proves that it is still served may take so long.
const PROOF: Duration = Duration::from_secs(10);
/// A TLS farewell may take so long.
const FAREWELL: Duration = Duration::from_secs(1);

impl Session {
    /// Connects, and opens a session that is ready to send.
    pub(super) async fn open(
        opener: &Opener,
        observers: Vec<Box<dyn Observer>>,
        deadline: Option<std::time::Instant>,
    ) -> Result<Self, Error> {
        let server = opener.settings().server.to_string();
        let connected = Self::connect(opener, observers, deadline).await;
        let mut session = connected.map_err(|error| error.with_server(&*server))?;
        if let Err(error) = session.make_ready().await {
            let error = error.with_server(&*server);
            session.farewell().await;
            session.is_used = false;
            session.connection.notice(&Notice::Failed(&error));
            return Err(error);
        }
        Ok(session)
    }

    async fn connect(
        opener: &Opener,
        observers: Vec<Box<dyn Observer>>,
        deadline: Option<std::time::Instant>,
    ) -> Result<Self, Error> {
        let settings = opener.settings();
        let begin = std::time::Instant::now();
        let mut watched = Watched(Some(observers));
        // Settings that TLS cannot use are reported before anything leaves.
        let connected = match opener.prepare() {
            Ok(()) => {
                let limit = begin + settings.timeouts.connect;
                let limit = deadline.map_or(limit, |deadline| deadline.min(limit));
                let mut tell = |notice: &Notice<'_>| watched.notice(notice);
                connect(&settings.server, &settings.route, limit, &mut tell).await
            }
            Err(error) => Err(error),
        };
        let mut observers = watched.0.take().unwrap_or_default();
        let stream = connected.map_err(|error| {
            let error = match deadline {
                Some(deadline) if std::time::Instant::now() >= deadline => ErrorKind::DeadlinePassed.into(),
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
            deadline,
            epoch: std::time::Instant::now(),
            cause: None,
            is_used: true,
        })
    }

    async fn make_ready(&mut self) -> Result<(), Error> {
        let hello = self.opener.hello(self.stream.local_address());
        let mut opening = Opening::new(self.opener.settings(), hello, Until::Ready);
        loop {
            match opening.next(&mut self.connection)? {
                OpeningStep::Done => return Ok(()),
                OpeningStep::Secret(request) => {
                    let Some(login) = self.opener.settings().login.clone() else { return Ok(()) };
                    let secret = secret_of(&login, request, self.deadline).await?;
                    let mechanisms = self.mechanisms(&login, secret.as_ref())?;
                    opening.log_in(&mut self.connection, mechanisms)?;
                }
                OpeningStep::Drive => match self.step().await {
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
        secret: Option<&Secret>,
    ) -> Result<Vec<Box<dyn crate::Mechanism>>, Error> {
        let server = &self.opener.settings().server;
        login.mechanisms(secret, &nonce()?, self.stream.channel_binding(), server)
    }

    /// Does what is due until there is something that it cannot do.
    ///
    /// Dropped before it is done, it leaves the connection where it is: then it is only to be dropped too.
    pub(super) async fn step(&mut self) -> SessionStep {
        loop {
            self.heed();
            let now = self.now();
            match self.connection.poll(now) {
                Demand::Write { until } => self.write(until).await,
                Demand::Read { until } => self.read(until).await,
                Demand::Handshake { until } => self.handshake(until).await,
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
                        self.farewell_of_tls(FAREWELL).await;
                    }
                    return SessionStep::Closed;
                }
            }
        }
    }

    /// Hands in the next octets of the message that is asked for, or that it is complete. A source that may wait is read on
    /// a thread of its own.
    pub(super) async fn feed(
        &mut self,
        goal: Goal,
        mut source: Box<dyn Source>,
    ) -> Result<Box<dyn Source>, BoxError> {
        if self.connection.leftover(goal) {
            return Ok(source);
        }
        if !source.may_wait() {
            let mut buffer = scratch::take();
            let read = source.read(&mut buffer);
            if let Ok(count) = read {
                self.connection.body(goal, buffer.get(..count).unwrap_or_default());
            }
            scratch::give(buffer);
            return read.map(|_| source);
        }
        let mut buffer = scratch::take();
        let reading = tokio::task::spawn_blocking(move || {
            let read = source.read(&mut buffer);
            (source, buffer, read)
        });
        let reading = match self.deadline {
            Some(deadline) => {
                timeout_at(deadline.into(), reading).await.map_err(|_| ErrorKind::DeadlinePassed)
            }
            None => Ok(reading.await),
        };
        let Ok(reading) = reading else {
            return Err(Error::new(ErrorKind::DeadlinePassed).into());
        };
        let (source, buffer, read) = reading?;
        if let Ok(count) = read {
            self.connection.body(goal, buffer.get(..count).unwrap_or_default());
        }
        scratch::give(buffer);
        read.map(|_| source)
    }

    /// Goes on until that goal has ended.
    async fn end_of(&mut self, goal: Goal) -> End {
        loop {
            match self.step().await {
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

    /// Takes what came while nothing was awaited; returns whether the connection goes on.
    async fn look(&mut self) -> bool {
        loop {
            match self.step().await {
                SessionStep::Event(_) => {}
                SessionStep::Body(_) => self.connection.abort_body(),
                SessionStep::Idle if self.take_what_came() => {}
                SessionStep::Idle => return true,
                SessionStep::Closed => return false,
            }
        }
    }

    /// Whether the server still serves a session that was idle, as far as `check` looks.
    pub(super) async fn still_serves(&mut self, check: Check) -> bool {
        self.is_used = self.passes(check).await;
        self.is_used
    }

    async fn passes(&mut self, check: Check) -> bool {
        if self.stream.is_stale() || !self.look().await {
            return false;
        }
        match check {
            Check::Look => true,
            // A server may lack RSET; then the session is not used again.
            Check::Prove => {
                let deadline = self.deadline;
                let proof = std::time::Instant::now() + PROOF;
                self.deadline = Some(deadline.map_or(proof, |deadline| deadline.min(proof)));
                let reply = self.command(Client::reset).await;
                self.deadline = deadline;
                self.connection.resume();
                reply.is_ok_and(|reply| is_proof(&reply))
            }
        }
    }

    async fn command(
        &mut self,
        set: impl FnOnce(&mut Client) -> Result<Goal, Misuse>,
    ) -> Result<Reply, Error> {
        let goal = set(self.connection.client_mut()).map_err(misused)?;
        match self.end_of(goal).await {
            End::Replied(reply) => Ok(reply),
            end => Err(undone(crate::mailer::Step::Command, end, &self.connection)),
        }
    }

    /// Queues QUIT, which leaves with what is queued before it.
    pub(super) fn quit(&mut self) {
        // That the session is over already is as good.
        let _ = self.connection.client_mut().quit();
    }

    /// Sends QUIT and closes the connection, without waiting for anything: no message hangs on it.
    pub(super) async fn part(mut self) {
        self.is_used = false;
        self.quit();
        let now = self.now();
        // QUIT is small: it leaves at once, or the server does not read any more.
        for _ in 0..8 {
            match self.connection.poll(now) {
                Demand::Write { .. } => self.write(now).await,
                Demand::Event(_) => {}
                Demand::Closed { farewell: true } => {
                    return self.farewell_of_tls(Duration::ZERO).await;
                }
                _ => return,
            }
        }
    }

    /// Sends a TLS `close_notify`.
    async fn farewell_of_tls(&mut self, limit: Duration) {
        let limit = std::time::Instant::now() + limit;
        // The session is over; that the server does not hear it does not change its outcome.
        let _ = timeout_at(limit.into(), self.stream.close()).await;
    }

    /// Sends QUIT and waits for the end.
    pub(super) async fn farewell(&mut self) {
        self.quit();
        while !matches!(self.step().await, SessionStep::Closed | SessionStep::Idle) {}
    }

    /// The connection, to set goals and to tell observers.
    pub(super) const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The error for a connection that ended by this cause.
    pub(super) fn error(&self, cause: &Cause) -> Error {
        self.connection.error(cause).with_server(self.opener.settings().server.to_string())
    }

    /// Prepares it for its next use, with another deadline.
    pub(super) fn begin(&mut self, deadline: Option<std::time::Instant>) {
        self.deadline = deadline;
        self.is_used = true;
        self.connection.reuse();
    }

    /// Releases memory that the next message allocates anew.
    pub(super) fn rest(&mut self) {
        self.is_used = false;
        self.connection.rest();
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Ends the session early where its deadline passed.
    fn heed(&mut self) {
        if let Some(deadline) = self.deadline
            && std::time::Instant::now() >= deadline
        {
            let at = Instant::from_epoch(deadline.saturating_duration_since(self.epoch));
            self.connection.stop(StopReason::DeadlinePassed, at, Duration::ZERO);
        }
    }

    /// Until when to wait for what the machine awaits until then.
    fn limit(&self, until: Instant) -> tokio::time::Instant {
        let now = std::time::Instant::now();
        // A time that is too far away for this clock is as good as a day.
        let until = self.epoch.checked_add(until.since_epoch());
        let until = until.unwrap_or(now + Duration::from_hours(24));
        self.deadline.map_or(until, |deadline| deadline.min(until)).into()
    }

    /// Writes what there is room for, and takes what the server sends meanwhile.
    async fn write(&mut self, until: Instant) {
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
                    // When the time is over, the next poll says what follows.
                    let _ = timeout_at(self.limit(until), self.stream.ready()).await;
                }
            }
            Err(error) => {
                let now = self.now();
                self.connection.write_failed(now, cause_of(error));
            }
        }
    }

    async fn read(&mut self, until: Instant) {
        self.connection.about_to_read();
        let limit = self.limit(until);
        while !self.take_what_came() {
            match timeout_at(limit, self.stream.ready()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return self.connection.ended(cause_of(error)),
                Err(_) => {
                    let now = self.now();
                    return self.connection.nothing_came(now);
                }
            }
        }
    }

    /// Takes what is there without waiting; returns whether there was anything.
    fn take_what_came(&mut self) -> bool {
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

    async fn handshake(&mut self, until: Instant) {
        let limit = self.limit(until);
        let done = match self.opener.connector() {
            Ok(connector) => timeout_at(limit, self.stream.handshake(connector)).await,
            // It was set up before the connection was made.
            Err(_) => Ok(Err(TlsFault::Protocol.into())),
        };
        match done {
            Ok(Ok(())) => {
                let now = self.now();
                self.connection.secured(now);
            }
            Ok(Err(failure)) => self.connection.handshake_failed(failure.fault, failure.source),
            // The next poll says what follows.
            Err(_) => {}
        }
    }
}

/// The send was dropped: its observers are told.
impl Drop for Session {
    fn drop(&mut self) {
        if self.is_used && self.cause.is_none() {
            self.connection.notice(&Notice::Failed(&ErrorKind::Cancelled.into()));
        }
    }
}

/// The secret of a login; a function that may wait is called on a thread of its own.
async fn secret_of(
    login: &Login,
    request: SecretRequest,
    deadline: Option<std::time::Instant>,
) -> Result<Option<Secret>, Error> {
    if !login.may_wait() {
        return login.secret(request);
    }
    let waiting = login.clone();
    let secret = tokio::task::spawn_blocking(move || waiting.secret(request));
    let secret = match deadline {
        Some(deadline) => timeout_at(deadline.into(), secret).await.map_err(|_| ErrorKind::DeadlinePassed)?,
        None => secret.await,
    };
    secret.map_err(|error| Error::new(ErrorKind::Secret).with_source(error))?
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connection", &self.connection).finish_non_exhaustive()
    }
}
