//! Defines [`Mock`], a server on loopback that lives as long as its guard, and its [`Builder`].

use core::{fmt, panic::Location, time::Duration};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    capture::{CaptureLimits, Message, Transcript},
    driver::listener::{Blackhole, Listener, Place, Shared},
    report::{Failure, Report},
    scenario::{Certificate, Mechanism, Protocol, Rule, Scenario, ScenarioError, TlsMode},
    server::Server,
    tls::{Acceptors, Authority, Chain},
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

/// Says what a mock shall be; [`start`](Self::start) makes it so.
#[derive(Clone, Debug)]
pub struct Builder {
    scenario: Scenario,
    limits: CaptureLimits,
    tcp: SocketAddr,
    smtps: Option<SocketAddr>,
    unix: Option<PathBuf>,
    sessions: usize,
    timeout: Duration,
    names: Vec<String>,
    chain: Option<Chain>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            scenario: Scenario::new(),
            limits: CaptureLimits::default(),
            tcp: (Ipv4Addr::LOCALHOST, 0).into(),
            smtps: None,
            unix: None,
            sessions: 2048,
            timeout: Duration::from_secs(5),
            names: Vec::new(),
            chain: None,
        }
    }
}

impl Builder {
    /// The whole scenario; what was set before is replaced.
    #[must_use]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.scenario = scenario;
        self
    }

    /// The name in the greeting, in the reply to EHLO and in the certificate.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.scenario.server.hostname = hostname.into();
        self
    }

    /// The lines of the reply to EHLO, STARTTLS and AUTH apart.
    #[must_use]
    pub fn extensions(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scenario.server.extensions = lines.into_iter().map(Into::into).collect();
        self
    }

    /// Takes an extension from the offer; it works all the same.
    #[must_use]
    pub fn hide(mut self, keyword: impl Into<String>) -> Self {
        self.scenario.server.hide.push(keyword.into());
        self
    }

    /// Offers STARTTLS with this certificate.
    #[must_use]
    pub fn starttls(mut self, certificate: Certificate) -> Self {
        self.scenario.tls.mode = TlsMode::Starttls;
        self.scenario.tls.cert = certificate;
        self
    }

    /// Begins every connection with TLS and this certificate.
    #[must_use]
    pub fn implicit_tls(mut self, certificate: Certificate) -> Self {
        self.scenario.tls.mode = TlsMode::Implicit;
        self.scenario.tls.cert = certificate;
        self
    }

    /// Lets this user in.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.scenario.auth.users.insert(user.into(), password.into());
        self
    }

    /// Lets this user in with an OAuth token.
    #[must_use]
    pub fn token(mut self, user: impl Into<String>, token: impl Into<String>) -> Self {
        self.scenario.auth.tokens.insert(user.into(), token.into());
        self
    }

    /// The mechanisms on offer.
    #[must_use]
    pub fn mechanisms(mut self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        self.scenario.auth.mechanisms = Some(mechanisms.into_iter().collect());
        self
    }

    /// Offers mechanisms that reveal the password without TLS too.
    #[must_use]
    pub fn plaintext_auth(mut self) -> Self {
        self.scenario.auth.plaintext_ok = true;
        self
    }

    /// Refuses MAIL before AUTH.
    #[must_use]
    pub fn require_auth(mut self) -> Self {
        self.scenario.auth.require = true;
        self
    }

    /// Refuses MAIL and AUTH before TLS.
    #[must_use]
    pub fn require_tls(mut self) -> Self {
        self.scenario.tls.require = true;
        self
    }

    /// Speaks LMTP.
    #[must_use]
    pub fn lmtp(mut self) -> Self {
        self.scenario.server.protocol = Protocol::Lmtp;
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.scenario.rules.push(rule);
        self
    }

    /// Lets local-parts such as `450-4.2.2` decide.
    #[must_use]
    pub fn magic(mut self) -> Self {
        self.scenario.magic = true;
        self
    }

    /// Counts messages and keeps nothing, for load.
    #[must_use]
    pub fn sink(mut self) -> Self {
        self.scenario.sink = true;
        self
    }

    /// The seed of everything random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.scenario.seed = seed;
        self
    }

    /// Shows what AUTH carries in transcripts.
    #[must_use]
    pub fn show_secrets(mut self) -> Self {
        self.scenario.show_secrets = true;
        self
    }

    /// How much is kept.
    #[must_use]
    pub fn limits(mut self, limits: CaptureLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How many sessions may run at once (default 2,048); more wait for their greeting.
    #[must_use]
    pub fn sessions(mut self, count: usize) -> Self {
        self.sessions = count;
        self
    }

    /// How long [`Mock::wait_for`] and its like wait (default 5 s).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The TCP address (default 127.0.0.1, a free port).
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.tcp = address;
        self
    }

    /// A second TCP address, where TLS begins at once.
    #[must_use]
    pub fn smtps(mut self, address: SocketAddr) -> Self {
        self.smtps = Some(address);
        self
    }

    /// A unix socket at this path, beside TCP.
    #[must_use]
    pub fn unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix = Some(path.into());
        self
    }

    /// A certificate chain of one's own, shown as the good one.
    #[must_use]
    pub fn chain(mut self, chain: Chain) -> Self {
        self.chain = Some(chain);
        self
    }

    /// A further name or address in the good certificate.
    #[must_use]
    pub fn certificate_name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When it cannot; see [`try_start`](Self::try_start).
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Mock {
        match self.try_start() {
            Ok(mock) => mock,
            Err(StartError::Bind { place, error }) => panic!("smtp-mock: cannot listen on {place}: {error}"),
            Err(error) => panic!("smtp-mock: {error}"),
        }
    }

    /// Starts the server.
    ///
    /// # Errors
    /// When a listener cannot be opened or certificates cannot be made.
    #[track_caller]
    pub fn try_start(self) -> Result<Mock, StartError> {
        let narrow = self.scenario.stops_reading();
        let mut names = vec![self.scenario.server.hostname.clone()];
        names.extend(self.names);
        let authority = Arc::new(Authority::new(names).map_err(StartError::Certificates)?);
        let server = Server::with_limits(self.scenario, self.limits);
        let acceptors = Acceptors::new(Arc::clone(&authority), self.chain);
        let shared = Shared::new(server.clone(), acceptors, self.sessions);
        let open = |place: Place, implicit: bool| {
            Listener::open(&place, implicit, narrow, &shared).map_err(|error| StartError::Bind {
                place: match &place {
                    Place::Tcp(address) => address.to_string(),
                    Place::Unix(path) => path.display().to_string(),
                },
                error,
            })
        };
        let tcp = open(Place::Tcp(self.tcp), false)?;
        let smtps = self.smtps.map(|address| open(Place::Tcp(address), true)).transpose()?;
        let unix = self.unix.map(|path| open(Place::Unix(path), false)).transpose()?;
        Ok(Mock {
            server,
            shared,
            authority,
            tcp,
            smtps,
            unix,
            timeout: self.timeout,
            started: Location::caller(),
            settled: false,
        })
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
    shared: Arc<Shared>,
    authority: Arc<Authority>,
    tcp: Listener,
    smtps: Option<Listener>,
    unix: Option<Listener>,
    timeout: Duration,
    started: &'static Location<'static>,
    settled: bool,
}

impl Mock {
    /// Says what the mock shall be.
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

    /// Starts what a scenario file says.
    ///
    /// # Errors
    /// When the file cannot be read or is refused, as text with file, line and column.
    pub fn scenario(path: impl AsRef<Path>) -> Result<Builder, String> {
        let path = path.as_ref();
        let source = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let name = path.display().to_string();
        let is_dialogue = path.extension().is_some_and(|extension| extension == "smtp");
        let scenario = if is_dialogue {
            Scenario::parse_dialogue(&name, &source)
        } else {
            Scenario::parse(&name, &source)
        };
        Ok(Builder::default().scenario(scenario.map_err(|error| error.to_string())?))
    }

    /// Starts a server that plays a dialogue on every connection.
    ///
    /// # Errors
    /// When the script is refused.
    pub fn dialogue(script: &str) -> Result<Builder, ScenarioError> {
        Ok(Builder::default().scenario(Scenario::parse_dialogue("dialogue", script)?))
    }

    /// The TCP address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.tcp.address().expect("the first listener is a TCP one")
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

    /// What was said so far.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.server.transcript()
    }

    /// The judgement on the run so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.server.report()
    }

    /// Puts a rule before all others, from now on.
    pub fn set(&self, rule: Rule) {
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

    /// Waits for a message, so long.
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
            .wait_until(limit, |server| {
                server.capture().messages.iter().find(|message| wanted(message)).cloned()
            })
            .ok_or_else(|| {
                let count = self.messages().len();
                let limit = crate::scenario::print_duration(limit);
                self.failure(format!("no such message within {limit}, {count} others came"), caller)
            })
    }

    /// Waits until so many messages were accepted, and gives those that were kept.
    ///
    /// # Panics
    /// When fewer come in time, with the report, at the caller's line.
    #[track_caller]
    pub fn wait_n(&self, count: u64) -> Vec<Arc<Message>> {
        let caller = Location::caller();
        let found = self
            .server
            .wait_until(self.timeout, |server| (server.accepted() >= count).then(|| server.messages()));
        match found {
            Some(messages) => messages,
            None => {
                let limit = crate::scenario::print_duration(self.timeout);
                let came = self.server.accepted();
                panic!(
                    "{}",
                    self.failure(format!("{count} messages awaited, {came} came within {limit}"), caller)
                )
            }
        }
    }

    /// Waits until so many connections have ended.
    ///
    /// # Panics
    /// When fewer do in time, with the report, at the caller's line.
    #[track_caller]
    pub fn wait_closed(&self, count: u64) {
        let caller = Location::caller();
        if self
            .server
            .wait_until(self.timeout, |server| (server.ended_connections() >= count).then_some(()))
            .is_none()
        {
            let limit = crate::scenario::print_duration(self.timeout);
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

    /// Forgets messages, transcripts and findings so far.
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

    /// Stops the server and gives the report, satisfied or not.
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
        Failure { what, caller: Some(caller), report: self.server.report() }
    }

    fn shut_down(&mut self) {
        self.pause();
        self.shared.stop();
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.shut_down();
        if self.settled || std::thread::panicking() {
            return;
        }
        let report = self.server.report();
        if !report.is_satisfied() {
            panic!("{}", self.failure("the run is not what the scenario expects".to_owned(), self.started));
        }
    }
}
