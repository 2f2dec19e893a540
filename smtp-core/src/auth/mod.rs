//! Defines [`Mechanism`] (RFC 4422) and its implementations.

mod anonymous;
mod channel_binding;
#[cfg(feature = "cram-md5")]
mod cram_md5;
mod credentials;
mod external;
mod login;
mod oauth;
mod oauthbearer;
mod plain;
#[cfg(feature = "scram")]
mod scram;
mod xoauth2;

pub use anonymous::Anonymous;
pub use channel_binding::ChannelBinding;
#[cfg(feature = "cram-md5")]
pub use cram_md5::CramMd5;
pub use credentials::Credentials;
pub use external::External;
pub use login::Login;
pub use oauthbearer::OAuthBearer;
pub use plain::Plain;
#[cfg(feature = "scram")]
pub use scram::{Scram, ScramHash};
pub use xoauth2::XOAuth2;

use crate::extensions::Extensions;
use crate::secret::Secret;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A SASL mechanism: a small state machine that responds to challenges.
///
/// The client does what all mechanisms share (RFC 4954 §4): base64, the `=` of an empty initial response, `*` to
/// cancel, the maximum line length and the number of rounds.
pub trait Mechanism: fmt::Debug + Send {
    /// Its name in the reply to EHLO.
    fn name(&self) -> &'static str;

    /// Returns whether the server or an eavesdropper learns the password or token from the exchange.
    fn reveals_password(&self) -> bool;

    /// Receives the server's extensions before the exchange begins.
    fn offered(&mut self, _extensions: &Extensions) {}

    /// Begins an exchange and returns the initial response, or `None` if the server must send a challenge first.
    ///
    /// # Errors
    /// The reason why there can be no exchange.
    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError>;

    /// Responds to a decoded challenge.
    ///
    /// # Errors
    /// The reason to cancel the exchange.
    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError>;

    /// Checks, when the server reports success, that it has authenticated itself as the mechanism requires.
    ///
    /// # Errors
    /// The missing proof.
    fn succeed(&mut self) -> Result<(), MechanismError> {
        Ok(())
    }

    /// The reason for a refusal that the server sent within the exchange, if any.
    fn refusal(&self) -> Option<MechanismError> {
        None
    }

    /// The secrets to mask in replies, besides the responses in base64.
    ///
    /// The client asks for them again after each response.
    fn secrets(&self) -> Vec<Secret>;
}

/// The reason why a mechanism gave up an exchange; holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MechanismError(Cow<'static, str>);

impl MechanismError {
    /// Makes an error with this message.
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

/// Refuses a NUL, which no text-based mechanism can carry (RFC 4616 §2).
fn without_nul(what: &'static str, value: &[u8]) -> Result<(), MechanismError> {
    if value.contains(&0) {
        return Err(MechanismError::new(alloc::format!("the {what} holds a NUL, which cannot be sent")));
    }
    Ok(())
}

/// The error for an unexpected challenge.
fn no_challenge(name: &'static str) -> MechanismError {
    MechanismError::new(alloc::format!("the server sent a challenge, and {name} has none"))
}

/// Joins `parts` in a buffer of the exact size, because growth would leave copies of a secret in memory.
fn joined(parts: &[&[u8]]) -> Secret {
    let mut octets = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        octets.extend_from_slice(part);
    }
    Secret::from(octets)
}

/// Encodes a name for a header whose parts are separated by commas (RFC 5801 §4, RFC 5802 §5.1).
fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// Makes text from the server printable: no control characters, and at most a few lines.
fn shown(octets: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(octets);
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        if crate::is_shown(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_text_is_shown_without_control_characters_and_truncated() {
        assert_eq!(shown(b"a\x1b[2J\xe2\x80\xaeb\xff"), "a\\u{1b}[2J\\u{202e}b\u{fffd}");
        assert_eq!(shown(&[b'x'; 400]).chars().count(), 301);
    }

    #[test]
    fn commas_and_equals_signs_in_names_are_escaped() {
        assert_eq!(saslname("a=b,c=2C"), "a=3Db=2Cc=3D2C");
    }
}
