//! Defines [`Mechanism`] (RFC 4422) and the mechanisms themselves.

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

/// A SASL mechanism: a small state machine that answers challenges.
///
/// The core does what all of them share (RFC 4954 §4): base64, the `=` of an empty initial response, `*` to
/// cancel, the length of lines and the number of rounds.
pub trait Mechanism: fmt::Debug + Send {
    /// Its name in the reply to EHLO.
    fn name(&self) -> &'static str;

    /// Whether the server, or whoever reads along, learns the password or token from the exchange.
    fn reveals_password(&self) -> bool;

    /// Is told what the server offers, before the exchange begins.
    fn offered(&mut self, _extensions: &Extensions) {}

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

    /// What the server said in the exchange itself about why it refuses, if it did.
    fn refusal(&self) -> Option<MechanismError> {
        None
    }

    /// What must not be seen even where a reply echoes it, besides the responses in base64; asked for again after
    /// each response.
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

/// A challenge where the mechanism has none.
fn no_challenge(name: &'static str) -> MechanismError {
    MechanismError::new(alloc::format!("the server sent a challenge, and {name} has none"))
}

/// Puts `parts` together in a buffer of the exact size, so that growing leaves no copy of a secret behind.
fn joined(parts: &[&[u8]]) -> Secret {
    let mut octets = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        octets.extend_from_slice(part);
    }
    Secret::from(octets)
}

/// A name as RFC 5801 §4 and RFC 5802 §5.1 write it in a header whose parts are parted by commas.
fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// What a server wrote, fit to be shown: no control character, and no more than a few lines of it.
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
    fn what_a_server_wrote_is_shown_without_control_characters_and_cut() {
        assert_eq!(shown(b"a\x1b[2J\xe2\x80\xaeb\xff"), "a\\u{1b}[2J\\u{202e}b\u{fffd}");
        assert_eq!(shown(&[b'x'; 400]).chars().count(), 301);
    }

    #[test]
    fn names_lose_no_comma_and_no_equals_sign() {
        assert_eq!(saslname("a=b,c=2C"), "a=3Db=2Cc=3D2C");
    }
}
