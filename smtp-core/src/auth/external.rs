//! Provides EXTERNAL (RFC 4422 appendix A).

use super::{Mechanism, MechanismError, no_challenge, without_nul};
use crate::secret::Secret;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// EXTERNAL (RFC 4422 appendix A): the server authenticates the client by its TLS certificate.
#[derive(Clone, Debug, Default)]
pub struct External {
    authorization_identity: String,
}

impl External {
    /// Makes the login as the owner of the certificate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the authorization identity to act as.
    ///
    /// # Errors
    /// When it has a NUL.
    pub fn with_authorization_identity(mut self, identity: &str) -> Result<Self, MechanismError> {
        without_nul("authorization identity", identity.as_bytes())?;
        self.authorization_identity = identity.to_string();
        Ok(self)
    }
}

impl Mechanism for External {
    fn name(&self) -> &'static str {
        "EXTERNAL"
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        Ok(Some(Secret::from(self.authorization_identity.as_str())))
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Secret, MechanismError> {
        Err(no_challenge("EXTERNAL"))
    }

    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}
