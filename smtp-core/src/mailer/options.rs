//! Defines [`Options`], everything that a mailer needs to know.

use super::error::BoxError;
use super::login::{Login, LoginKind, SecretRequest};
use super::observer::Observer;
use super::pool::PoolLimits;
use super::security::{Identity, Pin, Security};
use super::server::{Proxy, Server};
use super::setting_error::SettingError;
use super::settings::Settings;
use crate::{EhloDomain, Secret, Timeouts};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// Makes the observers of a session; the number counts the sessions of a mailer from 1.
pub type Observers = dyn Fn(usize) -> Vec<Box<dyn Observer>> + Send + Sync;

/// Everything that a mailer needs to know; the defaults are the safe ones.
///
/// | what | default |
/// |---|---|
/// | TLS | required and verified; on loopback and unix sockets where it is offered |
/// | login | none; no password or token leaves in clear |
/// | a refused recipient | does not stop the others |
/// | timers | those of RFC 5321 §4.5.3.2, and no deadline for the whole |
/// | pool | [`PoolLimits`] |
/// | retries | none |
///
/// ```
/// use smtp_core::mailer::Options;
/// use std::time::Duration;
///
/// let options = Options::from_url("smtps://you@mx.example.org")?
///     .password("hunter2")
///     .deadline(Duration::from_secs(10))
///     .connections(4);
/// # let _ = options;
/// # Ok::<(), smtp_core::mailer::SettingError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How a session is opened.
    pub settings: Settings,
    /// How many connections are opened, and when one is used again.
    pub pool: PoolLimits,
    /// How long a send may take in all, the wait for a connection included.
    pub deadline: Option<Duration>,
    /// How many more rounds there are for what failed transiently.
    pub retries: u32,
    /// At most so many messages in so much time, over all connections.
    pub rate: Option<Rate>,
    /// Who looks on.
    pub observers: Option<Arc<Observers>>,
}

/// At most so many messages in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// How many messages.
    pub messages: u32,
    /// In how much time.
    pub time: Duration,
}

impl Options {
    /// The safe defaults for a server.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self {
            settings: Settings::new(server),
            pool: PoolLimits::default(),
            deadline: None,
            retries: 0,
            rate: None,
            observers: None,
        }
    }

    /// Sets the user name, for a password or a token that follows.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        self.login(Login::password(user, Secret::from("")))
    }

    /// Sets the password of the user.
    #[must_use]
    pub fn password(self, password: impl Into<Secret>) -> Self {
        let (user, mechanisms) = self.user_and_mechanisms();
        self.login(Login::password(user, password).with_mechanisms(mechanisms))
    }

    /// Sets the bearer token of the user (RFC 6750).
    #[must_use]
    pub fn token(self, token: impl Into<Secret>) -> Self {
        let (user, mechanisms) = self.user_and_mechanisms();
        self.login(Login::token(user, token).with_mechanisms(mechanisms))
    }

    /// Sets a function that supplies the bearer token of the user, once for each login and once more when the server
    /// refuses the token.
    #[must_use]
    pub fn token_from<F>(self, supply: F) -> Self
    where
        F: Fn(SecretRequest) -> Result<Secret, BoxError> + Send + Sync + 'static,
    {
        let (user, mechanisms) = self.user_and_mechanisms();
        self.login(Login::token_from(user, supply).with_mechanisms(mechanisms))
    }

    /// Sets who logs in.
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.settings.login = Some(login);
        self
    }

    /// Sets the mechanisms that the login may use, in this order.
    #[must_use]
    pub fn mechanisms(mut self, names: impl IntoIterator<Item = String>) -> Self {
        let login = self.settings.login.take().unwrap_or_else(|| Login::password("", Secret::from("")));
        self.settings.login = Some(login.with_mechanisms(names));
        self
    }

    /// Sets how TLS is used.
    #[must_use]
    pub const fn security(mut self, security: Security) -> Self {
        self.settings.security = security;
        self
    }

    /// Trusts these authorities, certificates in PEM, instead of the system's.
    #[must_use]
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.settings.trust.authorities = Some(pem.into());
        self
    }

    /// Trusts the server that has this public key, whatever its certificate says.
    #[must_use]
    pub const fn pin(mut self, pin: Pin) -> Self {
        self.settings.trust.pin = Some(pin);
        self
    }

    /// Shows the server this certificate.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.settings.trust.identity = Some(identity);
        self
    }

    /// Trusts any certificate. Whoever is on the way can then read and change the mail.
    #[must_use]
    pub const fn accept_any_certificate(mut self) -> Self {
        self.settings.trust.any_certificate = true;
        self
    }

    /// Lets passwords and tokens leave in clear.
    #[must_use]
    pub const fn reveal_secrets(mut self) -> Self {
        self.settings.reveals_secrets = true;
        self
    }

    /// Sets the name of this machine in EHLO.
    #[must_use]
    pub fn hello(mut self, name: EhloDomain) -> Self {
        self.settings.hello = Some(name);
        self
    }

    /// Connects through a proxy.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.route.proxy = Some(proxy);
        self
    }

    /// Connects through the proxy of a URL, `socks5://[user:password@]host[:port]` or `http://[user:password@]host:port`.
    ///
    /// # Errors
    /// If the URL is wrong.
    pub fn proxy_url(self, url: &str) -> Result<Self, SettingError> {
        Ok(self.proxy(url.parse()?))
    }

    /// Sets how long each phase may take.
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// Sets how long a send may take in all: waiting for a connection, DNS, TLS, login and the message.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets how many connections may be open at once; at least 1.
    #[must_use]
    pub fn connections(mut self, count: usize) -> Self {
        self.pool.connections = count.max(1);
        self
    }

    /// Sets all limits of the pool.
    #[must_use]
    pub fn pool(mut self, limits: PoolLimits) -> Self {
        self.pool = limits;
        self.connections(limits.connections)
    }

    /// Sets how many messages of [`send_all`](crate::mailer) may await their final reply at once on a connection, 1 to 64.
    #[must_use]
    pub fn in_flight(mut self, count: usize) -> Self {
        self.settings.limits.in_flight = count.clamp(1, 64);
        self
    }

    /// Sets how many more rounds there are for what failed transiently; never for what is unconfirmed.
    #[must_use]
    pub const fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// Sends at most `messages` in `time`, over all connections.
    #[must_use]
    pub const fn rate(mut self, messages: u32, time: Duration) -> Self {
        self.rate = Some(Rate { messages, time });
        self
    }

    /// Whether commands leave together if the server offers PIPELINING (RFC 2920); on by default.
    #[must_use]
    pub fn pipelining(self, wanted: bool) -> Self {
        self.extension("PIPELINING", wanted)
    }

    /// Whether messages leave by BDAT if the server offers CHUNKING (RFC 3030); on by default.
    #[must_use]
    pub fn chunking(self, wanted: bool) -> Self {
        self.extension("CHUNKING", wanted)
    }

    /// Lets observers look on, for a transcript or a log: `make` is called for each session with its number from 1.
    #[must_use]
    pub fn observers<F>(mut self, make: F) -> Self
    where
        F: Fn(usize) -> Vec<Box<dyn Observer>> + Send + Sync + 'static,
    {
        self.observers = Some(Arc::new(make));
        self
    }

    fn extension(mut self, keyword: &str, wanted: bool) -> Self {
        self.settings.ignored_extensions.retain(|other| other != keyword);
        if !wanted {
            self.settings.ignored_extensions.push(keyword.to_string());
        }
        self
    }

    fn user_and_mechanisms(&self) -> (String, Vec<String>) {
        let login = self.settings.login.as_ref();
        let login = login.filter(|login| matches!(login.kind(), LoginKind::Password | LoginKind::Token));
        login.map(|login| (login.user().to_string(), login.mechanism_names().to_vec())).unwrap_or_default()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("settings", &self.settings)
            .field("pool", &self.pool)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}
