//! Defines [`Builder`], the configuration of a mock.

use core::{panic::Location, time::Duration};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use super::{Mock, StartError};
use crate::{
    capture::{CaptureLimits, Store},
    driver::{Connections, Dispatcher, Listener, Place},
    scenario::{Certificate, Dialogue, Mechanism, Protocol, Rule, Scenario, ScenarioError, TlsMode},
    server::Server,
    tls::{Acceptors, Authority, Chain},
};

/// Configures a mock; [`start`](Self::start) starts it.
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
    store: Option<Store>,
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
            store: None,
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
    ///
    /// # Panics
    /// When the rule can never fire or its steps make no sense, as a scenario file would be refused.
    #[must_use]
    #[track_caller]
    pub fn rule(mut self, rule: Rule) -> Self {
        if let Err(error) = rule.check() {
            panic!("smtp-mock: {}: {error}", rule.describe());
        }
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

    /// Acknowledges at once what a client sends (`TCP_QUICKACK`, on Linux).
    #[must_use]
    pub fn quick_ack(mut self) -> Self {
        self.scenario.quick_ack = true;
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

    /// How many sessions may run at once (default 2,048).
    ///
    /// More clients are not refused: they wait for their greeting in the listen backlog, which holds 1,024 of them or
    /// what the system allows. [`idle`](Self::idle) makes room; `[limits] connections` refuses with 421 instead.
    #[must_use]
    pub fn sessions(mut self, count: usize) -> Self {
        self.sessions = count;
        self
    }

    /// How long a client may be silent, or read nothing, before the connection ends with 421 (default 5 minutes); zero is
    /// for ever.
    #[must_use]
    pub fn idle(mut self, limit: Duration) -> Self {
        self.scenario.limits.idle = limit;
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

    /// Writes each message into a store before it is acknowledged.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Plays a dialogue, on one connection (counted from 1) or on all that have none.
    ///
    /// # Errors
    /// When the script is refused, with its line.
    pub fn dialogue(mut self, connection: Option<u64>, script: &str) -> Result<Self, ScenarioError> {
        self.scenario.dialogues.push(Dialogue::read(connection, script)?);
        Ok(self)
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
        if let Some(store) = self.store {
            server.set_store(store);
        }
        let acceptors = Acceptors::new(Arc::clone(&authority), self.chain);
        let connections = Connections::new(acceptors, server.scenario(), self.sessions);
        let dispatcher = Arc::new(Dispatcher::new(server.clone(), connections));
        let open = |place: Place, implicit: bool| {
            Listener::open(&place, implicit, narrow, &dispatcher).map_err(|error| StartError::Bind {
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
        let addr = tcp.address().unwrap_or(self.tcp);
        Ok(Mock {
            server,
            dispatcher,
            authority,
            tcp,
            addr,
            smtps,
            unix,
            timeout: self.timeout,
            started: Location::caller(),
            settled: false,
        })
    }
}
