//! Provides what OAUTHBEARER and XOAUTH2 share: the token, and the error round (RFC 7628 §3.2.2).

use super::{MechanismError, shown};
use crate::secret::Secret;

/// A bearer token (RFC 6750), and what the server said of it.
#[derive(Clone)]
pub(super) struct Token {
    token: Secret,
    error: Option<MechanismError>,
}

/// Says whether the server refused, never in which words: it may have repeated the token.
impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Token")
            .field("token", &self.token)
            .field("is_refused", &self.error.is_some())
            .finish_non_exhaustive()
    }
}

impl Token {
    /// Takes visible ASCII characters only: tokens are made of fewer (RFC 6750 §2.1), and of what else could be sent
    /// some would end the field that it stands in.
    pub(super) fn new(token: Secret) -> Result<Self, MechanismError> {
        if token.is_empty() {
            return Err(MechanismError::new("the token is empty"));
        }
        if !token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(MechanismError::new(
                "the token holds a blank or another character that no token has, try it without its line end",
            ));
        }
        Ok(Self { token, error: None })
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.token
    }

    /// Forgets an earlier exchange.
    pub(super) fn begin(&mut self) {
        self.error = None;
    }

    /// Takes the one challenge that there can be: the server says why it refuses the token.
    pub(super) fn refuse(&mut self, challenge: &[u8]) -> Result<(), MechanismError> {
        if self.error.is_some() {
            return Err(MechanismError::new("the server refused the token, and sent a further challenge"));
        }
        self.error = Some(MechanismError::new(if challenge.trim_ascii().is_empty() {
            "the server refused the token and does not say why".into()
        } else {
            alloc::format!("the server refused the token: {}", shown(challenge.trim_ascii()))
        }));
        Ok(())
    }

    /// RFC 7628 §3.2.3: behind the error there is no success.
    pub(super) fn succeed(&self) -> Result<(), MechanismError> {
        match self.error {
            None => Ok(()),
            Some(_) => Err(MechanismError::new("the server said success after it had refused the token")),
        }
    }

    pub(super) fn refusal(&self) -> Option<MechanismError> {
        self.error.clone()
    }
}
