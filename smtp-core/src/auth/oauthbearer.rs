//! Provides OAUTHBEARER (RFC 7628).

use super::oauth::Token;
use super::{Mechanism, MechanismError, joined, saslname};
use crate::secret::Secret;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// OAUTHBEARER (RFC 7628): a bearer token (RFC 6750) and an authorization identity.
#[derive(Clone, Debug)]
pub struct OAuthBearer {
    authorization_identity: String,
    server: Option<(String, u16)>,
    token: Token,
}

impl OAuthBearer {
    /// Makes the login with `token`, as the user that it was issued to.
    ///
    /// # Errors
    /// When the token has characters that are not allowed in tokens.
    pub fn new(token: Secret) -> Result<Self, MechanismError> {
        Ok(Self { authorization_identity: String::new(), server: None, token: Token::new(token)? })
    }

    /// Sets the authorization identity; most servers expect the user name here (RFC 7628 §3.1).
    ///
    /// # Errors
    /// When it has a control character.
    pub fn with_authorization_identity(mut self, identity: &str) -> Result<Self, MechanismError> {
        without_control("authorization identity", identity)?;
        self.authorization_identity = identity.to_string();
        Ok(self)
    }

    /// Sets the host name and port that the client connected to (RFC 7628 §3.1).
    ///
    /// # Errors
    /// When the name is empty or has a control character.
    pub fn with_server(mut self, host: &str, port: u16) -> Result<Self, MechanismError> {
        without_control("name of the server", host)?;
        if host.is_empty() {
            return Err(MechanismError::new("the name of the server is empty"));
        }
        self.server = Some((host.to_string(), port));
        Ok(self)
    }
}

impl Mechanism for OAuthBearer {
    fn name(&self) -> &'static str {
        "OAUTHBEARER"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        self.token.begin();
        let identity = if self.authorization_identity.is_empty() {
            String::new()
        } else {
            alloc::format!("a={}", saslname(&self.authorization_identity))
        };
        let server = self.server.as_ref();
        let server = server.map(|(host, port)| alloc::format!("host={host}\x01port={port}\x01"));
        let token = self.token.secret().expose();
        Ok(Some(joined(&[
            b"n,",
            identity.as_bytes(),
            b",\x01",
            server.unwrap_or_default().as_bytes(),
            b"auth=Bearer ",
            token,
            b"\x01\x01",
        ])))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
        self.token.refuse(challenge)?;
        // the dummy response of RFC 7628 §3.2.3: it lets the server end the exchange by its reply
        Ok(Secret::from("\x01"))
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

fn without_control(what: &'static str, value: &str) -> Result<(), MechanismError> {
    if value.chars().any(char::is_control) {
        return Err(MechanismError::new(alloc::format!("the {what} holds a control character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_servers_cannot_end_a_field() {
        let plain = OAuthBearer::new(Secret::from("t")).unwrap();
        assert_eq!(
            plain.clone().initial_response().unwrap().unwrap().expose(),
            b"n,,\x01auth=Bearer t\x01\x01"
        );
        let mut named = plain.clone().with_authorization_identity("a,b=c").unwrap();
        assert_eq!(
            named.initial_response().unwrap().unwrap().expose(),
            b"n,a=a=2Cb=3Dc,\x01auth=Bearer t\x01\x01"
        );
        assert!(plain.clone().with_authorization_identity("a\x01").is_err());
        assert!(plain.clone().with_server("a\x01", 25).is_err() && plain.with_server("", 25).is_err());
    }
}
