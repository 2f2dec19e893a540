//! Provides [`Credentials`], which choose the mechanisms that can carry them.

#[cfg(feature = "cram-md5")]
use super::CramMd5;
use super::{
    Anonymous, ChannelBinding, External, Login, Mechanism, MechanismError, OAuthBearer, Plain, XOAuth2,
};
#[cfg(feature = "scram")]
use super::{Scram, ScramHash};
use crate::secret::Secret;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The credentials of a client, which choose SASL mechanisms for it.
///
/// The mechanisms are meant for [`Client::authenticate`](crate::Client::authenticate).
///
/// # The order of an automatic choice
///
/// [`mechanisms`](Self::mechanisms) returns the mechanisms that can carry the credentials, the strongest first; the
/// client uses the first one that the server offers.
///
/// | with | in this order |
/// |---|---|
/// | a password | SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, PLAIN, LOGIN |
/// | a token | OAUTHBEARER, XOAUTH2 |
/// | a certificate | EXTERNAL |
/// | nothing | ANONYMOUS |
///
/// Channel binding counts more than the hash, because it excludes a man in the middle. CRAM-MD5 comes before PLAIN
/// because it does not send the password, and LOGIN last because PLAIN does the same in one round trip. A mechanism
/// is skipped if the credentials do not suit it: -PLUS needs a channel binding, SCRAM needs a nonce, and LOGIN and
/// CRAM-MD5 cannot carry an authorization identity.
///
/// ```
/// use smtp_core::{Credentials, Secret};
///
/// let credentials = Credentials::password("alice", Secret::from("hunter2"));
/// let names: Vec<_> = credentials.mechanisms()?.iter().map(|mechanism| mechanism.name()).collect();
/// assert!(names.ends_with(&["PLAIN", "LOGIN"]));
///
/// let token = Credentials::token("alice@example.org", Secret::from("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"));
/// let names: Vec<_> = token.mechanisms()?.iter().map(|mechanism| mechanism.name()).collect();
/// assert_eq!(names, ["OAUTHBEARER", "XOAUTH2"]);
/// # Ok::<(), smtp_core::MechanismError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    kind: Kind,
    authorization_identity: Option<String>,
    channel_binding: Option<ChannelBinding>,
    nonce: Option<String>,
    server: Option<(String, u16)>,
}

#[derive(Clone, Debug)]
enum Kind {
    Password { user: String, password: Secret },
    Token { user: String, token: Secret },
    Certificate,
    Nothing { trace: Option<String> },
}

impl Kind {
    /// The names of the mechanisms for these credentials, the strongest first.
    fn names(&self) -> &'static [&'static str] {
        let all = &Credentials::MECHANISMS;
        match self {
            Self::Password { .. } => &all[..7],
            Self::Token { .. } => &all[7..9],
            Self::Certificate => &all[9..10],
            Self::Nothing { .. } => &all[10..],
        }
    }

    const fn describe(&self) -> &'static str {
        match self {
            Self::Password { .. } => "a password",
            Self::Token { .. } => "a token",
            Self::Certificate => "a certificate",
            Self::Nothing { .. } => "no credentials",
        }
    }
}

impl Credentials {
    /// The names of all mechanisms that this crate knows; some need a feature of it.
    pub const MECHANISMS: [&'static str; 11] = [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
        "OAUTHBEARER",
        "XOAUTH2",
        "EXTERNAL",
        "ANONYMOUS",
    ];

    /// Makes credentials of a user name and a password.
    #[must_use]
    pub fn password(user: &str, password: Secret) -> Self {
        Self::of(Kind::Password { user: user.to_string(), password })
    }

    /// Makes credentials of a user name and a bearer token (RFC 6750).
    #[must_use]
    pub fn token(user: &str, token: Secret) -> Self {
        Self::of(Kind::Token { user: user.to_string(), token })
    }

    /// Uses the certificate that the client presented in the TLS handshake.
    #[must_use]
    pub fn certificate() -> Self {
        Self::of(Kind::Certificate)
    }

    /// Uses no credentials, with an optional trace for the server's log (RFC 4505 §2).
    #[must_use]
    pub fn anonymous(trace: Option<&str>) -> Self {
        Self::of(Kind::Nothing { trace: trace.map(ToString::to_string) })
    }

    /// Sets the authorization identity to act as.
    #[must_use]
    pub fn with_authorization_identity(mut self, identity: &str) -> Self {
        self.authorization_identity = Some(identity.to_string());
        self
    }

    /// Sets the channel binding, for mechanisms that can be bound to the TLS session.
    #[must_use]
    pub fn with_channel_binding(mut self, binding: ChannelBinding) -> Self {
        self.channel_binding = Some(binding);
        self
    }

    /// Sets the nonce that SCRAM needs: fresh random text for one login.
    ///
    /// It has at least 16 visible ASCII characters other than the comma, for example 24 random bytes in base64.
    #[must_use]
    pub fn with_nonce(mut self, nonce: &str) -> Self {
        self.nonce = Some(nonce.to_string());
        self
    }

    /// Sets the host name and port that the client connected to, which OAUTHBEARER sends (RFC 7628 §3.1).
    #[must_use]
    pub fn with_server(mut self, host: &str, port: u16) -> Self {
        self.server = Some((host.to_string(), port));
        self
    }

    /// Returns the mechanisms that can carry these credentials, the strongest first.
    ///
    /// # Errors
    /// When there is none: the reason of the mechanism with the fewest requirements.
    pub fn mechanisms(&self) -> Result<Vec<Box<dyn Mechanism>>, MechanismError> {
        let mut mechanisms = Vec::new();
        let mut error = None;
        for name in self.kind.names() {
            match self.mechanism(name) {
                Ok(mechanism) => mechanisms.push(mechanism),
                // the last mechanism has the fewest requirements, so its error is the relevant one
                Err(why) => error = Some(why),
            }
        }
        match error {
            Some(error) if mechanisms.is_empty() => Err(error),
            _ => Ok(mechanisms),
        }
    }

    /// Returns the mechanism of that name, in any case, with these credentials.
    ///
    /// # Errors
    /// When the name is unknown, or the mechanism cannot carry the credentials.
    pub fn mechanism(&self, name: &str) -> Result<Box<dyn Mechanism>, MechanismError> {
        let upper = name.to_ascii_uppercase();
        match (upper.as_str(), &self.kind) {
            ("PLAIN", Kind::Password { user, password }) => {
                let mechanism = Plain::new(user, password.clone())?;
                Ok(Box::new(match &self.authorization_identity {
                    Some(identity) => mechanism.with_authorization_identity(identity)?,
                    None => mechanism,
                }))
            }
            ("LOGIN", Kind::Password { user, password }) => {
                self.without_authorization_identity("LOGIN")?;
                Ok(Box::new(Login::new(user, password.clone())?))
            }
            #[cfg(feature = "cram-md5")]
            ("CRAM-MD5", Kind::Password { user, password }) => {
                self.without_authorization_identity("CRAM-MD5")?;
                Ok(Box::new(CramMd5::new(user, password.clone())?))
            }
            #[cfg(feature = "scram")]
            ("SCRAM-SHA-1", Kind::Password { user, password }) => {
                self.scram(ScramHash::Sha1, false, user, password)
            }
            #[cfg(feature = "scram")]
            ("SCRAM-SHA-1-PLUS", Kind::Password { user, password }) => {
                self.scram(ScramHash::Sha1, true, user, password)
            }
            #[cfg(feature = "scram")]
            ("SCRAM-SHA-256", Kind::Password { user, password }) => {
                self.scram(ScramHash::Sha256, false, user, password)
            }
            #[cfg(feature = "scram")]
            ("SCRAM-SHA-256-PLUS", Kind::Password { user, password }) => {
                self.scram(ScramHash::Sha256, true, user, password)
            }
            ("OAUTHBEARER", Kind::Token { user, token }) => {
                let identity = self.authorization_identity.as_ref().unwrap_or(user);
                let mechanism = OAuthBearer::new(token.clone())?.with_authorization_identity(identity)?;
                Ok(Box::new(match &self.server {
                    Some((host, port)) => mechanism.with_server(host, *port)?,
                    None => mechanism,
                }))
            }
            ("XOAUTH2", Kind::Token { user, token }) => {
                let user = self.authorization_identity.as_ref().unwrap_or(user);
                Ok(Box::new(XOAuth2::new(user, token.clone())?))
            }
            ("EXTERNAL", Kind::Certificate) => Ok(Box::new(match &self.authorization_identity {
                Some(identity) => External::new().with_authorization_identity(identity)?,
                None => External::new(),
            })),
            ("ANONYMOUS", Kind::Nothing { trace }) => Ok(Box::new(match trace {
                Some(trace) => Anonymous::new().with_trace(trace)?,
                None => Anonymous::new(),
            })),
            _ => Err(MechanismError::new(format!(
                "no mechanism {upper} is known for {}",
                self.kind.describe()
            ))),
        }
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, authorization_identity: None, channel_binding: None, nonce: None, server: None }
    }

    fn without_authorization_identity(&self, name: &'static str) -> Result<(), MechanismError> {
        match self.authorization_identity {
            None => Ok(()),
            Some(_) => {
                Err(MechanismError::new(format!("{name} cannot carry an authorization identity, PLAIN can")))
            }
        }
    }

    #[cfg(feature = "scram")]
    fn scram(
        &self,
        hash: ScramHash,
        is_plus: bool,
        user: &str,
        password: &Secret,
    ) -> Result<Box<dyn Mechanism>, MechanismError> {
        let nonce = self.nonce.as_ref().ok_or_else(|| MechanismError::new("SCRAM needs a nonce"))?;
        let mut mechanism = Scram::new(hash, user, password, nonce)?;
        if let Some(identity) = &self.authorization_identity {
            mechanism = mechanism.with_authorization_identity(identity)?;
        }
        Ok(Box::new(match (&self.channel_binding, is_plus) {
            (Some(binding), true) => mechanism.with_channel_binding(binding.clone()),
            (Some(_), false) => mechanism.without_offered_channel_binding(),
            (None, false) => mechanism,
            (None, true) => {
                return Err(MechanismError::new(
                    "a mechanism whose name ends in -PLUS needs a channel binding",
                ));
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(credentials: &Credentials) -> Vec<&'static str> {
        credentials.mechanisms().unwrap().iter().map(|mechanism| mechanism.name()).collect()
    }

    fn password() -> Credentials {
        Credentials::password("alice", Secret::from("s3cret"))
    }

    #[cfg(all(feature = "scram", feature = "cram-md5"))]
    #[test]
    fn the_strongest_comes_first() {
        let binding = ChannelBinding::tls_server_end_point([7; 32]).unwrap();
        let all = password().with_nonce("rOprNGfwEbeRWgbNEkqO").with_channel_binding(binding);
        assert_eq!(names(&all), all.kind.names());
        let unbound = password().with_nonce("rOprNGfwEbeRWgbNEkqO");
        assert_eq!(names(&unbound), ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]);
        assert_eq!(
            names(&unbound.with_authorization_identity("bob")),
            ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
        );
        assert_eq!(names(&password()), ["CRAM-MD5", "PLAIN", "LOGIN"]);
        // PLAIN can carry a password that SASLprep prohibits
        let odd = Credentials::password("alice", Secret::from("a\x07")).with_nonce("rOprNGfwEbeRWgbNEkqO");
        assert_eq!(names(&odd), ["CRAM-MD5", "PLAIN", "LOGIN"]);
    }

    #[test]
    fn credentials_are_never_sent_with_a_mechanism_for_another_kind() {
        let token = Credentials::token("alice", Secret::from("t0ken"));
        assert_eq!(names(&token), ["OAUTHBEARER", "XOAUTH2"]);
        assert_eq!(names(&Credentials::certificate()), ["EXTERNAL"]);
        assert_eq!(names(&Credentials::anonymous(Some("sirhc"))), ["ANONYMOUS"]);
        assert!(token.mechanism("PLAIN").is_err() && password().mechanism("XOAUTH2").is_err());
        assert!(password().mechanism("GSSAPI").is_err());
        assert_eq!(password().mechanism("plain").unwrap().name(), "PLAIN");
    }

    #[test]
    fn credentials_that_no_mechanism_can_carry_are_an_error() {
        let error = Credentials::password("alice", Secret::from("a\0b")).mechanisms().unwrap_err();
        assert_eq!(error.to_string(), "the password holds a NUL, which cannot be sent");
    }
}
