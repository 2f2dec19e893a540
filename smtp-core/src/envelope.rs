//! Defines [`Envelope`]: who sends to whom (RFC 5321 §2.3.1), and what the server must know of the message.

use crate::address::{ForwardPath, ReversePath};
use crate::parameter::Parameter;
use alloc::vec::Vec;

/// Who sends to whom, and what the server must know of the message beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// Where failures are reported to.
    pub from: ReversePath,
    /// Parameters of MAIL besides those that the core sets itself (SIZE, BODY, SMTPUTF8). Those of extensions are checked
    /// against what the server offers before MAIL leaves.
    pub parameters: Vec<Parameter>,
    /// Who receives; at least one.
    pub recipients: Vec<Recipient>,
    /// Send to all recipients or, when one is refused, to none.
    pub all_or_nothing: bool,
    /// Octets of the message as they leave: with CRLF line ends, doubled dots not counted. Declared where SIZE is offered,
    /// and compared with the server's limit (RFC 1870), not with the body.
    pub size: Option<u64>,
    /// Which octets the message has; the core does not look.
    pub body: BodyType,
    /// Whether its header section holds UTF-8 (RFC 6532), which needs SMTPUTF8 like an address that is not ASCII.
    pub utf8_headers: bool,
}

/// One recipient of an [`Envelope`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipient {
    /// Whom to.
    pub to: ForwardPath,
    /// Parameters of RCPT, checked as those of MAIL are.
    pub parameters: Vec<Parameter>,
}

/// Which octets a message has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyType {
    /// ASCII only, lines of at most 998 octets.
    #[default]
    SevenBit,
    /// Octets above 127 too: needs 8BITMIME (RFC 6152).
    EightBitMime,
    /// Any octets in lines of any length: needs BINARYMIME and CHUNKING (RFC 3030), and leaves by BDAT as it is, without
    /// a repair of line ends.
    Binary,
}

impl Envelope {
    /// An envelope from `from` to `recipients`, 7-bit and of unknown size.
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

    /// Whether it can be sent only where SMTPUTF8 is offered (RFC 6531 §3.4).
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
