//! Defines [`Envelope`]: the sender and recipients of a message (RFC 5321 §2.3.1), and its properties for the server.

use crate::address::{ForwardPath, ReversePath};
use crate::parameter::Parameter;
use alloc::vec::Vec;

/// The sender and recipients of a message, and its properties that the server needs in advance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The reverse-path, to which failures are reported.
    pub from: ReversePath,
    /// Parameters of MAIL besides those that the client sets (SIZE, BODY, SMTPUTF8).
    ///
    /// Before MAIL is sent, parameters of extensions are checked against the server's offer.
    pub parameters: Vec<Parameter>,
    /// The recipients; at least one.
    pub recipients: Vec<Recipient>,
    /// Whether to send to no recipient when one is refused.
    pub all_or_nothing: bool,
    /// The size of the message as sent: with CRLF line ends, without doubled dots.
    ///
    /// It is declared if the server offers SIZE, and compared with the server's limit (RFC 1870), but not with the
    /// body.
    pub size: Option<u64>,
    /// The kind of octets in the message; the client does not check it.
    pub body: BodyType,
    /// Whether the header section has UTF-8 (RFC 6532), which needs SMTPUTF8 as do addresses that are not ASCII.
    pub utf8_headers: bool,
}

/// One recipient of an [`Envelope`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipient {
    /// The address.
    pub to: ForwardPath,
    /// Parameters of RCPT, checked like those of MAIL.
    pub parameters: Vec<Parameter>,
}

/// The kind of octets in a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyType {
    /// ASCII only, in lines of at most 998 octets.
    #[default]
    SevenBit,
    /// Octets above 127 are included; needs 8BITMIME (RFC 6152).
    EightBitMime,
    /// Any octets, in lines of any length; needs BINARYMIME and CHUNKING (RFC 3030).
    ///
    /// The message is sent unchanged with BDAT; line ends are not repaired.
    Binary,
}

impl Envelope {
    /// Makes an envelope from `from` to `recipients`, 7-bit and of unknown size.
    pub fn new(from: ReversePath, recipients: impl IntoIterator<Item = ForwardPath>) -> Self {
        Self {
            from,
            parameters: Vec::new(),
            recipients: recipients.into_iter().map(Recipient::from).collect(),
            all_or_nothing: false,
            size: None,
            body: BodyType::SevenBit,
            utf8_headers: false,
        }
    }

    /// Returns whether it can be sent only if SMTPUTF8 is offered (RFC 6531 §3.4).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.utf8_headers
            || !self.from.is_ascii()
            || self.recipients.iter().any(|recipient| !recipient.to.is_ascii())
    }
}

impl From<ForwardPath> for Recipient {
    fn from(to: ForwardPath) -> Self {
        Self { to, parameters: Vec::new() }
    }
}
