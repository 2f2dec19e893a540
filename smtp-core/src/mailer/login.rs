//! Defines [`Login`], who logs in and with which secret.

use super::error::{BoxError, Error, ErrorKind};
use super::server::Server;
use crate::{ChannelBinding, Credentials, Mechanism, Secret};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Who logs in, and with which secret.
///
/// A password and a token have constructors of their own, as their mechanisms differ: no text means either. The secret
/// is given once, or by a function that is called for each login.
#[derive(Clone)]
pub struct Login {
    user: String,
    kind: LoginKind,
    secret: SecretSource,
    mechanisms: Vec<String>,
}

/// What a login proves who it is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoginKind {
    /// A user name and a password.
    Password,
    /// A user name and a bearer token (RFC 6750).
    Token,
    /// The client's certificate of the TLS handshake.
    Certificate,
    /// Nothing (RFC 4505).
    Anonymous,
}

/// Why the secret of a login is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretRequest {
    /// A login begins.
    Login,
    /// The server refused the token that was given last: it has expired, or is not valid.
    TokenRefused,
}

/// The function of an application that supplies a secret; it may wait.
type Supply = dyn Fn(SecretRequest) -> Result<Secret, BoxError> + Send + Sync;

#[derive(Clone)]
enum SecretSource {
    None,
    Given(Secret),
    Function(Arc<Supply>),
}

impl Login {
    /// A user name and a password.
    pub fn password(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::of(user, LoginKind::Password, SecretSource::Given(password.into()))
    }

    /// A user name and a function that supplies the password; it is called once for each login.
    pub fn password_from<F>(user: impl Into<String>, supply: F) -> Self
    where
        F: Fn(SecretRequest) -> Result<Secret, BoxError> + Send + Sync + 'static,
    {
        Self::of(user, LoginKind::Password, SecretSource::Function(Arc::new(supply)))
    }

    /// A user name and a bearer token (RFC 6750).
    pub fn token(user: impl Into<String>, token: impl Into<Secret>) -> Self {
        Self::of(user, LoginKind::Token, SecretSource::Given(token.into()))
    }

    /// A user name and a function that supplies the token; it is called once for each login, and once more when the server
    /// refuses the token.
    pub fn token_from<F>(user: impl Into<String>, supply: F) -> Self
    where
        F: Fn(SecretRequest) -> Result<Secret, BoxError> + Send + Sync + 'static,
    {
        Self::of(user, LoginKind::Token, SecretSource::Function(Arc::new(supply)))
    }

    /// The certificate that the client shows in the TLS handshake.
    #[must_use]
    pub fn certificate() -> Self {
        Self::of("", LoginKind::Certificate, SecretSource::None)
    }

    /// Nothing, but a trace for the server's log, which may be empty (RFC 4505 §2).
    pub fn anonymous(trace: impl Into<String>) -> Self {
        Self::of(trace, LoginKind::Anonymous, SecretSource::None)
    }

    fn of(user: impl Into<String>, kind: LoginKind, secret: SecretSource) -> Self {
        Self { user: user.into(), kind, secret, mechanisms: Vec::new() }
    }

    /// The same by these mechanisms only, in this order; without any, the strongest that the server offers come first.
    #[must_use]
    pub fn with_mechanisms<M: AsRef<str>>(mut self, names: impl IntoIterator<Item = M>) -> Self {
        self.mechanisms = names.into_iter().map(|name| name.as_ref().to_string()).collect();
        self
    }

    /// The user name, or the trace of an anonymous login.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The names of the mechanisms that it may use; none for all.
    #[must_use]
    pub fn mechanism_names(&self) -> &[String] {
        &self.mechanisms
    }

    /// What it proves who it is by.
    #[must_use]
    pub const fn kind(&self) -> LoginKind {
        self.kind
    }

    /// The secret, from the function that supplies it where there is one, which may wait.
    ///
    /// # Errors
    /// If the function fails.
    pub fn secret(&self, request: SecretRequest) -> Result<Option<Secret>, Error> {
        match &self.secret {
            SecretSource::None => Ok(None),
            SecretSource::Given(secret) => Ok(Some(secret.clone())),
            SecretSource::Function(supply) => {
                supply(request).map(Some).map_err(|error| Error::new(ErrorKind::Secret).with_source(error))
            }
        }
    }

    /// Whether a function supplies the secret, so that [`secret`](Self::secret) may wait.
    #[must_use]
    pub const fn may_wait(&self) -> bool {
        matches!(self.secret, SecretSource::Function(_))
    }

    /// Whether another secret may do, after the server refused the last one.
    pub(super) const fn has_fresh_token(&self) -> bool {
        matches!((self.kind, &self.secret), (LoginKind::Token, SecretSource::Function(_)))
    }

    /// The mechanisms to try, in order.
    ///
    /// `nonce` is random text for this login: 16 or more visible ASCII characters other than the comma.
    ///
    /// # Errors
    /// If none can carry user name and secret.
    pub fn mechanisms(
        &self,
        secret: Option<&Secret>,
        nonce: &str,
        binding: Option<ChannelBinding>,
        server: &Server,
    ) -> Result<Vec<Box<dyn Mechanism>>, Error> {
        let secret = || secret.cloned().unwrap_or_else(|| Secret::from(""));
        let mut credentials = match self.kind {
            LoginKind::Password => Credentials::password(&self.user, secret()).with_nonce(nonce),
            LoginKind::Token => Credentials::token(&self.user, secret()),
            LoginKind::Certificate => Credentials::certificate(),
            LoginKind::Anonymous => {
                Credentials::anonymous(Some(self.user.as_str()).filter(|trace| !trace.is_empty()))
            }
        };
        if let Some(binding) = binding {
            credentials = credentials.with_channel_binding(binding);
        }
        if let Server::Host { name, port } = server {
            credentials = credentials.with_server(name, *port);
        }
        let mechanisms = match self.mechanisms.as_slice() {
            [] => credentials.mechanisms(),
            names => names.iter().map(|name| credentials.mechanism(name)).collect(),
        };
        mechanisms.map_err(|error| ErrorKind::Login(error.to_string()).into())
    }
}

/// Shows the user name and the mechanisms, never the secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("kind", &self.kind)
            .field("mechanisms", &self.mechanisms)
            .finish_non_exhaustive()
    }
}
