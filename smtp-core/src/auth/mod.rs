//! Defines [`Mechanism`] (RFC 4422) and the mechanisms themselves.

mod login;
mod plain;

pub use login::Login;
pub use plain::Plain;

use crate::secret::Secret;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

/// A SASL mechanism: a small state machine that answers challenges.
///
/// The core does what all of them share (RFC 4954 §4): base64, the `=` of an empty initial response, `*` to
/// cancel, the length of lines and the number of rounds.
pub trait Mechanism: fmt::Debug + Send {
    /// Its name in the reply to EHLO.
    fn name(&self) -> &'static str;

    /// Whether the server, or whoever reads along, learns the password or token from the exchange.
    fn reveals_password(&self) -> bool;

    /// Begins an exchange: what is said before the first challenge, `None` where the server speaks first.
    ///
    /// # Errors
    /// Why there can be no exchange.
    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError>;

    /// Answers a challenge, which is decoded already.
    ///
    /// # Errors
    /// Why the exchange is to be cancelled.
    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError>;

    /// Says whether the server's word of success is to be believed, which it is not before it has proved itself.
    ///
    /// # Errors
    /// What proof is missing.
    fn succeed(&mut self) -> Result<(), MechanismError> {
        Ok(())
    }

    /// What must not be seen even where a reply echoes it, besides what the mechanism sends.
    fn secrets(&self) -> Vec<Secret>;
}

/// Why a mechanism gave up an exchange; holds nothing that is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MechanismError(Cow<'static, str>);

impl MechanismError {
    /// An error that says `why`.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }

    pub(crate) fn into_inner(self) -> Cow<'static, str> {
        self.0
    }
}

impl fmt::Display for MechanismError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for MechanismError {}

/// Refuses what no mechanism of strings can carry (RFC 4616 §2).
fn without_nul(what: &'static str, value: &[u8]) -> Result<(), MechanismError> {
    if value.contains(&0) {
        return Err(MechanismError::new(alloc::format!("the {what} holds a NUL, which cannot be sent")));
    }
    Ok(())
}
