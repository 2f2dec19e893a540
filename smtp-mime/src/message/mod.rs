//! Defines the message that is ready to be sent.

mod builder;
mod free;
mod reader;
mod submission;
mod write;

use std::{io, ops::Range};

use smallvec::SmallVec;
use smtp_core::Mailbox;

pub use builder::MessageBuilder;
pub(crate) use free::field_from;
pub use free::{AutoSubmitted, Importance};
pub use reader::Reader;
pub use submission::EnvelopeError;
pub(crate) use write::{Identifier, Parts, finish, generated};

use crate::{
    Error, MessageId,
    entity::{Cursor, Plan},
};

/// What a message needs the server to offer for its body, as the parameter BODY of MAIL says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BodyType {
    /// Nothing: every octet is ASCII.
    #[default]
    SevenBit,
    /// 8BITMIME (RFC 6152).
    EightBitMime,
    /// BINARYMIME, which needs CHUNKING (RFC 3030).
    BinaryMime,
}

/// A message whose every octet is decided: header section and body, with CRLF at the end of each line.
///
/// It holds its header section, texts that are short, and where the rest comes from, not the rest itself; so does each of
/// its readers. It can be read any number of times, as long as its files stay as they are. Dots are not stuffed: that is
/// the business of SMTP.
#[derive(Clone, Debug)]
// The word is the name of the header field.
#[allow(clippy::struct_field_names)]
pub struct Message {
    plan: Plan,
    /// How many octets the header section has, all in the head of the plan.
    header: usize,
    octets: u64,
    sender: Option<Mailbox>,
    recipients: Recipients,
    message_id: Option<Identifier>,
    body_type: BodyType,
    smtputf8: bool,
}

/// Most messages have one recipient.
pub(crate) type Recipients = SmallVec<[Mailbox; 1]>;

impl Message {
    /// Begins a new message.
    #[must_use]
    pub fn builder() -> MessageBuilder {
        MessageBuilder::default()
    }

    /// Exactly how many octets it has, as `SIZE=` and BDAT announce it.
    #[must_use]
    pub fn encoded_len(&self) -> u64 {
        self.octets
    }

    /// Whoever sends it: the mailbox of Sender, or else of From. The natural reverse-path.
    #[must_use]
    pub fn sender(&self) -> Option<&Mailbox> {
        self.sender.as_ref()
    }

    /// The mailboxes of To, Cc and Bcc, each once, in their order. The natural forward-paths.
    #[must_use]
    pub fn recipients(&self) -> &[Mailbox] {
        &self.recipients
    }

    /// The Message-ID.
    #[must_use]
    pub fn message_id(&self) -> Option<MessageId> {
        match self.message_id.as_ref()? {
            Identifier::Given(message_id) => Some(message_id.clone()),
            Identifier::Written(Range { start, end }) => {
                let octets = self.plan.head.get(*start..*end)?;
                std::str::from_utf8(octets).ok()?.parse().ok()
            }
        }
    }

    /// The header section as it is sent, without the blank line behind it.
    #[must_use]
    pub fn header_section(&self) -> &[u8] {
        &self.plan.head[..self.header]
    }

    /// Whether the server must offer SMTPUTF8 (RFC 6531): the header section or an address is not ASCII.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// Whether the server must offer 8BITMIME (RFC 6152) or more.
    #[must_use]
    pub fn needs_8bitmime(&self) -> bool {
        self.body_type != BodyType::SevenBit
    }

    /// What the server must offer for the body.
    #[must_use]
    pub fn body_type(&self) -> BodyType {
        self.body_type
    }

    /// The same with a field, its line end included, before all others.
    #[cfg(feature = "dkim")]
    pub(crate) fn with_field(&self, field: &[u8]) -> Self {
        let mut message = Self { message_id: self.message_id().map(Identifier::Given), ..self.clone() };
        message.plan.head.splice(0..0, field.iter().copied());
        message.header += field.len();
        message.octets += field.len() as u64;
        message
    }

    /// A reader of all its octets, in chunks of constant size.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::of(self.plan.clone())
    }

    /// As [`Message::reader`], when the message is needed no more.
    #[must_use]
    pub fn into_reader(self) -> Reader {
        Reader::of(self.plan)
    }

    /// Writes all its octets, and says how many these were.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it was, or the writer fails; then what was written is no message.
    pub fn write_to(&self, writer: &mut impl io::Write) -> Result<u64, Error> {
        let mut cursor = Cursor::default();
        let mut written = 0;
        loop {
            cursor.advance(&self.plan)?;
            let octets = cursor.at_hand(&self.plan);
            if octets.is_empty() {
                return Ok(written);
            }
            writer.write_all(octets).map_err(Error::Write)?;
            written += octets.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests;
