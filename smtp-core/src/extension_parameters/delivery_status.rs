//! Defines the parameters of DSN (RFC 3461): RET, ENVID, NOTIFY and ORCPT.

use super::{printed, value_of};
use crate::address::{Mailbox, SyntaxError};
use crate::parameter::Parameter;
use crate::xtext;
use alloc::boxed::Box;
use alloc::string::String;

/// RET on MAIL (RFC 3461 §4.3): how much of the message a failure report includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the RFC has these two
pub enum Ret {
    /// The whole message.
    Full,
    /// The header section.
    Headers,
}

impl From<Ret> for Parameter {
    fn from(ret: Ret) -> Self {
        printed("RET", if ret == Ret::Full { "FULL" } else { "HDRS" })
    }
}

impl TryFrom<&Parameter> for Ret {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        match value_of(parameter, "RET")? {
            value if value.eq_ignore_ascii_case("FULL") => Ok(Self::Full),
            value if value.eq_ignore_ascii_case("HDRS") => Ok(Self::Headers),
            _ => Err(SyntaxError::Malformed { value: "RET", rule: "it is neither FULL nor HDRS" }),
        }
    }
}

/// ENVID on MAIL (RFC 3461 §4.4): an identifier for the envelope, which reports repeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId {
    text: Box<str>,
}

impl EnvelopeId {
    /// The maximum length in characters when encoded (RFC 3461 §4.4).
    pub const LIMIT: usize = 100;

    /// Accepts visible ASCII characters and spaces.
    ///
    /// # Errors
    /// When the text is empty or too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        let octets = xtext::encode(text, "ENVID")?.len();
        match octets {
            0 => Err(SyntaxError::Empty { value: "ENVID" }),
            1..=Self::LIMIT => Ok(Self { text: text.into() }),
            _ => Err(SyntaxError::TooLong { value: "ENVID", octets, limit: Self::LIMIT }),
        }
    }

    /// The text, not encoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<EnvelopeId> for Parameter {
    fn from(id: EnvelopeId) -> Self {
        printed("ENVID", &xtext::encode(&id.text, "ENVID").expect("it was encoded when it was made"))
    }
}

impl TryFrom<&Parameter> for EnvelopeId {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        Self::new(&xtext::decode(value_of(parameter, "ENVID")?, "ENVID")?)
    }
}

/// NOTIFY on RCPT (RFC 3461 §4.1): when to send a report; all three `false` means `NEVER`.
///
/// ```
/// use smtp_core::{Notify, Parameter};
///
/// let notify = Notify { success: true, failure: true, delay: false };
/// assert_eq!(Parameter::from(notify).as_str(), "NOTIFY=SUCCESS,FAILURE");
/// assert_eq!(Parameter::from(Notify::default()).as_str(), "NOTIFY=NEVER");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // the RFC has these three
pub struct Notify {
    /// When the message was delivered.
    pub success: bool,
    /// When the message could not be delivered.
    pub failure: bool,
    /// When delivery is delayed.
    pub delay: bool,
}

impl From<Notify> for Parameter {
    fn from(notify: Notify) -> Self {
        let named = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
        let mut value = String::new();
        for (_, name) in named.into_iter().filter(|(is_wanted, _)| *is_wanted) {
            if !value.is_empty() {
                value.push(',');
            }
            value.push_str(name);
        }
        printed("NOTIFY", if value.is_empty() { "NEVER" } else { &value })
    }
}

impl TryFrom<&Parameter> for Notify {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        let value = value_of(parameter, "NOTIFY")?;
        let mut notify = Self::default();
        if value.eq_ignore_ascii_case("NEVER") {
            return Ok(notify);
        }
        for name in value.split(',') {
            match name {
                _ if name.eq_ignore_ascii_case("SUCCESS") => notify.success = true,
                _ if name.eq_ignore_ascii_case("FAILURE") => notify.failure = true,
                _ if name.eq_ignore_ascii_case("DELAY") => notify.delay = true,
                _ => {
                    let rule = "it is neither NEVER nor a list of SUCCESS, FAILURE and DELAY";
                    return Err(SyntaxError::Malformed { value: "NOTIFY", rule });
                }
            }
        }
        Ok(notify)
    }
}

/// ORCPT on RCPT (RFC 3461 §4.2, RFC 6533 §3): the original recipient, before aliases and lists changed it.
///
/// ```
/// use smtp_core::{OriginalRecipient, Parameter};
///
/// let recipient = OriginalRecipient::new("rfc822", "bob+lists@example.net")?;
/// assert_eq!(Parameter::from(recipient).as_str(), "ORCPT=rfc822;bob+2Blists@example.net");
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient {
    address_type: Box<str>,
    address: Box<str>,
}

impl OriginalRecipient {
    /// The maximum length of the parameter's value in characters (RFC 3461 §4.2).
    pub const LIMIT: usize = 500;

    /// Takes an address and its type from the IANA registry: `rfc822`, `utf-8`, `x400` and others.
    ///
    /// # Errors
    /// When either is empty, both together are too long, the type has characters other than letters, digits and
    /// hyphens, or the address has control characters, or non-ASCII characters with a type other than `utf-8`.
    pub fn new(address_type: &str, address: &str) -> Result<Self, SyntaxError> {
        if address_type.is_empty() || address.is_empty() {
            return Err(SyntaxError::Empty { value: "ORCPT" });
        }
        let other = |character: &char| !(character.is_ascii_alphanumeric() || *character == '-');
        if let Some((position, character)) = address_type.char_indices().find(|(_, found)| other(found)) {
            return Err(SyntaxError::Unexpected { value: "ORCPT", character, position });
        }
        let recipient =
            Self { address_type: address_type.to_ascii_lowercase().into(), address: address.into() };
        let octets = recipient.value()?.len();
        if octets > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: "ORCPT", octets, limit: Self::LIMIT });
        }
        Ok(recipient)
    }

    /// The type, in lower case.
    #[must_use]
    pub fn address_type(&self) -> &str {
        &self.address_type
    }

    /// The address, not encoded.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn value(&self) -> Result<String, SyntaxError> {
        let is_utf8 = &*self.address_type == "utf-8";
        let encode = if is_utf8 { xtext::encode_utf8 } else { xtext::encode };
        Ok(alloc::format!("{};{}", self.address_type, encode(&self.address, "ORCPT")?))
    }
}

/// Uses the type `rfc822`, or `utf-8` for a mailbox that is not ASCII.
impl TryFrom<&Mailbox> for OriginalRecipient {
    type Error = SyntaxError;

    fn try_from(mailbox: &Mailbox) -> Result<Self, SyntaxError> {
        Self::new(if mailbox.is_ascii() { "rfc822" } else { "utf-8" }, mailbox.as_str())
    }
}

impl From<OriginalRecipient> for Parameter {
    fn from(recipient: OriginalRecipient) -> Self {
        printed("ORCPT", &recipient.value().expect("it was encoded when it was made"))
    }
}

impl TryFrom<&Parameter> for OriginalRecipient {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        let value = value_of(parameter, "ORCPT")?;
        let (address_type, address) = value
            .split_once(';')
            .ok_or(SyntaxError::Incomplete { value: "ORCPT", missing: "a semicolon" })?;
        let is_utf8 = address_type.eq_ignore_ascii_case("utf-8");
        let decode = if is_utf8 { xtext::decode_utf8 } else { xtext::decode };
        Self::new(address_type, &decode(address, "ORCPT")?)
    }
}
