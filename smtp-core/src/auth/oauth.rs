//! Provides what OAUTHBEARER and XOAUTH2 share: the token, and the error round (RFC 7628 §3.2.2).

use super::{MechanismError, shown};
use crate::secret::Secret;

/// A bearer token (RFC 6750), and the server's error, if it sent one.
#[derive(Clone)]
pub(super) struct Token {
    token: Secret,
    error: Option<MechanismError>,
}

/// Shows whether the server refused, but not its text, which may repeat the token.
impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Token")
            .field("token", &self.token)
            .field("is_refused", &self.error.is_some())
            .finish_non_exhaustive()
    }
}

impl Token {
    /// Accepts visible ASCII characters only.
    ///
    /// Tokens use a subset of these (RFC 6750 §2.1), and some other characters would end the field.
    pub(super) fn new(token: Secret) -> Result<Self, MechanismError> {
        if token.is_empty() {
            return Err(MechanismError::new("the token is empty"));
        }
        if !token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(MechanismError::new(
                "the token has a space or another character that is not allowed, try it without its line end",
            ));
        }
        Ok(Self { token, error: None })
    }

    pub(super) const fn secret(&self) -> &Secret {
        &self.token
    }

    /// Resets the state of an earlier exchange.
    pub(super) fn begin(&mut self) {
        self.error = None;
    }

    /// Handles the only possible challenge, in which the server gives the reason for refusing the token.
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

    /// Success after an error is a protocol violation (RFC 7628 §3.2.3).
    pub(super) fn succeed(&self) -> Result<(), MechanismError> {
        match self.error {
            None => Ok(()),
            Some(_) => Err(MechanismError::new("the server reported success after it had refused the token")),
        }
    }

    pub(super) fn refusal(&self) -> Option<MechanismError> {
        self.error.clone()
    }
}
