//! Provides PLAIN (RFC 4616).

use super::{Mechanism, MechanismError, joined, no_challenge, without_nul};
use crate::secret::Secret;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// PLAIN (RFC 4616): user name and password in one response.
#[derive(Clone, Debug)]
pub struct Plain {
    authorization_identity: String,
    user: String,
    password: Secret,
}

impl Plain {
    /// Makes the login of `user` with `password`.
    ///
    /// # Errors
    /// When either has a NUL.
    pub fn new(user: &str, password: Secret) -> Result<Self, MechanismError> {
        without_nul("user name", user.as_bytes())?;
        without_nul("password", password.expose())?;
        Ok(Self { authorization_identity: String::new(), user: user.to_string(), password })
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

impl Mechanism for Plain {
    fn name(&self) -> &'static str {
        "PLAIN"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        let (identity, user) = (self.authorization_identity.as_bytes(), self.user.as_bytes());
        Ok(Some(joined(&[identity, b"\0", user, b"\0", self.password.expose()])))
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Secret, MechanismError> {
        Err(no_challenge("PLAIN"))
    }

    fn secrets(&self) -> Vec<Secret> {
        alloc::vec![self.password.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_example_of_rfc_4616_section_4() {
        let mut plain = Plain::new("tim", Secret::from("tanstaaftanstaaf")).unwrap();
        assert_eq!(plain.initial_response().unwrap().unwrap().expose(), b"\0tim\0tanstaaftanstaaf");
    }

    #[test]
    fn the_second_example_of_rfc_4616_section_4() {
        let plain = Plain::new("Kurt", Secret::from("xipj3plmq")).unwrap();
        let mut plain = plain.with_authorization_identity("Ursel").unwrap();
        assert_eq!(plain.initial_response().unwrap().unwrap().expose(), b"Ursel\0Kurt\0xipj3plmq");
    }

    #[test]
    fn nul_is_refused() {
        assert!(Plain::new("a\0b", Secret::from("x")).is_err());
        assert!(Plain::new("a", Secret::from("x\0")).is_err());
    }
}
