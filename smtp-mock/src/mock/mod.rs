//! Defines [`Mock`], a server on loopback that lives as long as its guard, and its [`Builder`].

mod builder;

use core::{fmt, panic::Location, time::Duration};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

pub use self::builder::Builder;
use crate::{
    capture::{Message, Transcript},
    driver::{Blackhole, Dispatcher, Listener},
    report::{Failure, Report},
    scenario::{Protocol, Rule, Scenario, ScenarioError, TlsMode, print_duration},
    server::Server,
    sync::Change,
    tls::Authority,
};

/// Why a mock could not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A listener could not be opened there.
    Bind {
        /// The address or path.
        place: String,
        /// Why.
        error: io::Error,
    },
    /// The certificates could not be made.
    Certificates(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { place, .. } => write!(formatter, "cannot listen on {place}, try port 0"),
            Self::Certificates(why) => write!(formatter, "cannot make certificates: {why}"),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Bind { error, .. } => Some(error),
            Self::Certificates(_) => None,
        }
    }
}

/// A server that runs in threads of its own, on loopback, until it is dropped.
///
/// ```
/// use smtp_mock::{Mock, On, Rule};
/// use std::{io::{Read, Write}, net::TcpStream};
///
/// let mock = Mock::builder().rule(Rule::on(On::Noop).reply("250 as you like")).start();
/// let mut client = TcpStream::connect(mock.addr()).unwrap();
/// client.write_all(b"NOOP\r\nQUIT\r\n").unwrap();
/// let mut said = String::new();
/// client.read_to_string(&mut said).unwrap();
/// assert!(said.contains("250 as you like\r\n221 bye\r\n"));
/// mock.transcript().assert("
///     S: 220 *
///     C: NOOP
///     S: 250 as you like
///     C: QUIT
///     S: 221 *
/// ");
/// ```
///
/// Dropping it stops the server, joins its threads and, unless the thread is panicking already, panics with the
/// report when an expectation of the scenario does not hold; [`stop`](Self::stop) gives the report instead.
#[derive(Debug)]
pub struct Mock {
    server: Server,
    dispatcher: Arc<Dispatcher>,
    authority: Arc<Authority>,
    tcp: Listener,
    addr: SocketAddr,
    smtps: Option<Listener>,
    unix: Option<Listener>,
    timeout: Duration,
    started: &'static Location<'static>,
    settled: bool,
}

impl Mock {
    /// Begins the configuration of a mock.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a correct server.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Builder::default().start()
    }

    /// Configures a mock from a scenario file.
    ///
    /// # Errors
    /// When the file cannot be read or is refused, as text with file, line and column.
    pub fn scenario(path: impl AsRef<Path>) -> Result<Builder, String> {
        Ok(Builder::default().scenario(Scenario::read(path.as_ref())?))
    }

    /// Configures a mock that plays a dialogue on every connection.
    ///
    /// # Errors
    /// When the script is refused.
    pub fn dialogue(script: &str) -> Result<Builder, ScenarioError> {
        Ok(Builder::default().scenario(Scenario::parse_dialogue("dialogue", script)?))
    }

    /// The TCP address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The TCP address where TLS begins at once, if there is one beside [`addr`](Self::addr).
    #[must_use]
    pub fn smtps_addr(&self) -> Option<SocketAddr> {
        self.smtps.as_ref()?.address()
    }

    /// `smtp://…`, `smtps://…` or `lmtp://…`.
    #[must_use]
    pub fn uri(&self) -> String {
        let scenario = self.server.scenario();
        let scheme = match (scenario.server.protocol, scenario.tls.mode) {
            (Protocol::Lmtp, _) => "lmtp",
            (_, TlsMode::Implicit) => "smtps",
            _ => "smtp",
        };
        format!("{scheme}://{}", self.addr())
    }

    /// The certificate of the mock's authority in PEM, for the client to trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.authority.pem()
    }

    /// What the sessions share: capture, rules and report.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The messages that were kept, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.server.messages()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// The transcript so far.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.server.transcript()
    }

    /// The report on the run so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.server.report()
    }

    /// Puts a rule before all others, from now on.
    ///
    /// # Panics
    /// When the rule can never fire or its steps make no sense, as a scenario file would be refused.
    #[track_caller]
    pub fn set(&self, rule: Rule) {
        if let Err(error) = rule.check() {
            panic!("smtp-mock: {}: {error}", rule.describe());
        }
        self.server.set(rule);
    }

    /// Waits for a message.
    ///
    /// # Panics
    /// When none comes in time, with the report, at the caller's line.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl FnMut(&Message) -> bool) -> Arc<Message> {
        match self.try_wait_for(self.timeout, wanted) {
            Ok(message) => message,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Waits for a message, at most for `limit`.
    ///
    /// # Errors
    /// When none comes in time.
    #[track_caller]
    pub fn try_wait_for(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&Message) -> bool,
    ) -> Result<Arc<Message>, Failure> {
        let caller = Location::caller();
        self.server
            .wait_for_change(Change::Milestone, limit, |server| {
                server.capture().messages.iter().find(|message| wanted(message)).cloned()
            })
            .ok_or_else(|| {
                let count = self.messages().len();
                let limit = print_duration(limit);
                self.failure(format!("no such message within {limit}, {count} others came"), caller)
            })
    }

    /// Waits until `count` messages were accepted, and returns those that were kept.
    ///
    /// # Panics
    /// When fewer come in time, with the report, at the caller's line.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "waiting is what it is called for as often as the messages")]
    pub fn wait_n(&self, count: u64) -> Vec<Arc<Message>> {
        let caller = Location::caller();
        let found = self.server.wait_for_change(Change::Milestone, self.timeout, |server| {
            (server.accepted() >= count).then(|| server.messages())
        });
        found.unwrap_or_else(|| {
            let limit = print_duration(self.timeout);
            let came = self.server.accepted();
            panic!(
                "{}",
                self.failure(format!("{count} messages awaited, {came} came within {limit}"), caller)
            )
        })
    }

    /// Waits until `count` connections have ended.
    ///
    /// # Panics
    /// When fewer do in time, with the report, at the caller's line.
    #[track_caller]
    pub fn wait_closed(&self, count: u64) {
        let caller = Location::caller();
        if self
            .server
            .wait_for_change(Change::Milestone, self.timeout, |server| {
                (server.ended_connections() >= count).then_some(())
            })
            .is_none()
        {
            let limit = print_duration(self.timeout);
            let ended = self.server.ended_connections();
            panic!(
                "{}",
                self.failure(
                    format!("{count} closed connections awaited, {ended} came within {limit}"),
                    caller
                )
            )
        }
    }

    /// Drops the messages, transcripts and findings so far.
    pub fn clear(&self) {
        self.server.clear();
    }

    /// Closes the listeners: the next client is refused. Open connections go on.
    pub fn pause(&mut self) {
        for listener in [Some(&mut self.tcp), self.smtps.as_mut(), self.unix.as_mut()].into_iter().flatten() {
            listener.close();
        }
    }

    /// Opens the listeners again, at the same ports.
    ///
    /// # Errors
    /// When a port is taken by now.
    pub fn resume(&mut self) -> io::Result<()> {
        for listener in [Some(&mut self.tcp), self.smtps.as_mut(), self.unix.as_mut()].into_iter().flatten() {
            listener.reopen()?;
        }
        Ok(())
    }

    /// Whether the listeners are open.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.tcp.is_open()
    }

    /// Stops the server and returns the report, satisfied or not.
    #[allow(clippy::must_use_candidate, reason = "stopping is what it is called for as often as the report")]
    pub fn stop(mut self) -> Report {
        self.shut_down();
        self.settled = true;
        self.server.report()
    }

    /// An address on loopback that refuses connections.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn unreachable() -> io::Result<SocketAddr> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
    }

    /// An address that never answers a connect.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub fn blackhole() -> io::Result<Blackhole> {
        Blackhole::open()
    }

    fn failure(&self, what: String, caller: &'static Location<'static>) -> Failure {
        Failure { what, caller: Some(caller), report: Box::new(self.server.report()) }
    }

    fn shut_down(&mut self) {
        // The sessions first: what they hold may be what a listener waits for.
        self.dispatcher.stop();
        self.pause();
        self.dispatcher.join();
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.shut_down();
        if self.settled || std::thread::panicking() {
            return;
        }
        let report = self.server.report();
        let failure = self.failure("the run is not what the scenario expects".to_owned(), self.started);
        assert!(report.is_satisfied(), "{failure}");
    }
}
