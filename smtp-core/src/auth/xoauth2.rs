//! Provides XOAUTH2, the predecessor of RFC 7628, defined by Google and offered by others too.

use super::oauth::Token;
use super::{Mechanism, MechanismError, joined};
use crate::secret::Secret;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// XOAUTH2: user name and bearer token (RFC 6750) in one response.
#[derive(Clone, Debug)]
pub struct XOAuth2 {
    user: String,
    token: Token,
}

impl XOAuth2 {
    /// Makes the login of `user` with `token`.
    ///
    /// # Errors
    /// When the user name is empty or has a control character, or the token has characters that are not allowed in
    /// tokens.
    pub fn new(user: &str, token: Secret) -> Result<Self, MechanismError> {
        if user.is_empty() || user.chars().any(char::is_control) {
            return Err(MechanismError::new("the user name is empty or holds a control character"));
        }
        Ok(Self { user: user.to_string(), token: Token::new(token)? })
    }
}

impl Mechanism for XOAuth2 {
    fn name(&self) -> &'static str {
        "XOAUTH2"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        self.token.begin();
        let (user, token) = (self.user.as_bytes(), self.token.secret().expose());
        Ok(Some(joined(&[b"user=", user, b"\x01auth=Bearer ", token, b"\x01\x01"])))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
        self.token.refuse(challenge)?;
        Ok(Secret::from(""))
    }

    fn succeed(&mut self) -> Result<(), MechanismError> {
        self.token.succeed()
    }

    fn refusal(&self) -> Option<MechanismError> {
        self.token.refusal()
    }

    fn secrets(&self) -> Vec<Secret> {
        alloc::vec![self.token.secret().clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_gets_an_empty_response_and_is_kept() {
        let mut mechanism = XOAuth2::new("alice", Secret::from("token")).unwrap();
        mechanism.initial_response().unwrap();
        assert_eq!(mechanism.refusal(), None);
        assert_eq!(mechanism.respond(br#"{"status":"401"}"#).unwrap().expose(), b"");
        assert_eq!(
            mechanism.refusal().unwrap().to_string(),
            r#"the server refused the token: {"status":"401"}"#
        );
        assert!(mechanism.succeed().is_err() && mechanism.respond(b"more").is_err());
    }

    #[test]
    fn characters_that_would_end_a_field_are_refused() {
        for (user, token) in
            [("", "t"), ("a\x01b", "t"), ("a", ""), ("a", "t\x01"), ("a", "t\n"), ("a", "t t")]
        {
            assert!(XOAuth2::new(user, Secret::from(token)).is_err());
        }
    }
}
