//! Provides CRAM-MD5 (RFC 2195).

use super::{Mechanism, MechanismError, joined, without_nul};
use crate::secret::Secret;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use hmac::{Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

/// CRAM-MD5 (RFC 2195): a digest of the server's challenge, keyed by the password.
///
/// It hides the password from the server, but an eavesdropper can guess passwords offline, and the server does not
/// authenticate itself. Prefer SCRAM.
#[derive(Clone, Debug)]
pub struct CramMd5 {
    user: String,
    password: Secret,
    digest: Option<Secret>,
}

impl CramMd5 {
    /// Makes the login of `user` with `password`.
    ///
    /// # Errors
    /// When either has a NUL.
    pub fn new(user: &str, password: Secret) -> Result<Self, MechanismError> {
        without_nul("user name", user.as_bytes())?;
        without_nul("password", password.expose())?;
        Ok(Self { user: user.to_string(), password, digest: None })
    }
}

impl Mechanism for CramMd5 {
    fn name(&self) -> &'static str {
        "CRAM-MD5"
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        self.digest = None;
        Ok(None)
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
        if self.digest.is_some() {
            return Err(MechanismError::new("the server sent a second challenge, and CRAM-MD5 has one"));
        }
        if challenge.is_empty() {
            return Err(MechanismError::new(
                "the server sent an empty challenge, to which the response would never change",
            ));
        }
        let digest = digest(self.password.expose(), challenge);
        let response = joined(&[self.user.as_bytes(), b" ", digest.expose()]);
        self.digest = Some(digest);
        Ok(response)
    }

    fn succeed(&mut self) -> Result<(), MechanismError> {
        match self.digest {
            Some(_) => Ok(()),
            None => Err(MechanismError::new("the server reported success before it sent its challenge")),
        }
    }

    fn secrets(&self) -> Vec<Secret> {
        core::iter::once(&self.password).chain(&self.digest).cloned().collect()
    }
}

/// The digest in hexadecimal.
fn digest(password: &[u8], challenge: &[u8]) -> Secret {
    let mut mac = Hmac::<md5::Md5>::new_from_slice(password).expect("HMAC accepts a key of any length");
    mac.update(challenge);
    let digest = Zeroizing::new(<[u8; 16]>::from(mac.finalize().into_bytes()));
    let mut printed = String::with_capacity(32);
    for octet in digest.iter() {
        // Writing to a string cannot fail.
        let _ = write!(printed, "{octet:02x}");
    }
    Secret::from(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2195_section_2() {
        let mut mechanism = CramMd5::new("tim", Secret::from("tanstaaftanstaaf")).unwrap();
        assert_eq!(mechanism.initial_response(), Ok(None));
        assert!(mechanism.succeed().is_err());
        let response = mechanism.respond(b"<1896.697170952@postoffice.reston.mci.net>").unwrap();
        assert_eq!(response.expose(), b"tim b913a602c7eda7a495b4e6e7334d3890");
        assert!(mechanism.succeed().is_ok());
        assert!(mechanism.secrets().contains(&Secret::from("b913a602c7eda7a495b4e6e7334d3890")));
    }

    #[test]
    fn a_key_longer_than_a_block_is_hashed_first() {
        // RFC 2202 §2, test case 6
        let key = [0xaa; 80];
        let digest = digest(&key, b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(digest.expose(), b"6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }

    #[test]
    fn an_empty_or_second_challenge_is_refused() {
        let mut mechanism = CramMd5::new("tim", Secret::from("x")).unwrap();
        assert!(mechanism.respond(b"").is_err());
        mechanism.respond(b"<1@a>").unwrap();
        assert!(mechanism.respond(b"<2@a>").is_err());
    }
}
