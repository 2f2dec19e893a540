//! Defines [`Message`], which is ready to be sent.

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

/// The extension that the server must offer for the body, as in the BODY parameter of MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BodyType {
    /// None: every byte is ASCII.
    #[default]
    SevenBit,
    /// 8BITMIME (RFC 6152).
    EightBitMime,
    /// BINARYMIME, which needs CHUNKING (RFC 3030).
    BinaryMime,
}

/// A complete message: header section and body, with CRLF line ends.
///
/// It stores its header section, short texts, and the sources of the rest, but not the content of sources; so does
/// each of its readers. It can be read any number of times while its files are unchanged. Dots are not doubled, which
/// is part of SMTP.
#[derive(Clone, Debug)]
// The name is that of the header field.
#[allow(clippy::struct_field_names)]
pub struct Message {
    plan: Plan,
    /// The length of the header section, which is in the head of the plan.
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
    /// Starts a new message.
    #[must_use]
    pub fn builder() -> MessageBuilder {
        MessageBuilder::default()
    }

    /// The exact length, for `SIZE=` and BDAT.
    #[must_use]
    pub fn encoded_len(&self) -> u64 {
        self.octets
    }

    /// The sender: the mailbox of Sender or From, usually the reverse-path.
    #[must_use]
    pub fn sender(&self) -> Option<&Mailbox> {
        self.sender.as_ref()
    }

    /// The mailboxes of To, Cc and Bcc without duplicates, in order, usually the forward-paths.
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

    /// The header section as it is sent, without the blank line after it.
    #[must_use]
    pub fn header_section(&self) -> &[u8] {
        &self.plan.head[..self.header]
    }

    /// Returns whether the server must offer SMTPUTF8 (RFC 6531): the header section or an address is not ASCII.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// Returns whether the server must offer 8BITMIME (RFC 6152) or more.
    #[must_use]
    pub fn needs_8bitmime(&self) -> bool {
        self.body_type != BodyType::SevenBit
    }

    /// The extension that the server must offer for the body.
    #[must_use]
    pub fn body_type(&self) -> BodyType {
        self.body_type
    }

    /// Returns the message with a field, including its line end, before all others.
    #[cfg(feature = "dkim")]
    pub(crate) fn with_field(&self, field: &[u8]) -> Self {
        let mut message = Self { message_id: self.message_id().map(Identifier::Given), ..self.clone() };
        message.plan.head.splice(0..0, field.iter().copied());
        message.header += field.len();
        message.octets += field.len() as u64;
        message
    }

    /// Returns a reader of the whole message, in chunks of constant size.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::of(self.plan.clone())
    }

    /// Converts to a reader, like [`Message::reader`].
    #[must_use]
    pub fn into_reader(self) -> Reader {
        Reader::of(self.plan)
    }

    /// Writes the whole message, and returns its length.
    ///
    /// # Errors
    /// When a file cannot be read or has changed, or the writer fails; the output is then not a valid message.
    pub fn write_to(&self, writer: &mut impl io::Write) -> Result<u64, Error> {
        let mut cursor = Cursor::default();
        let mut written = 0;
        loop {
            cursor.advance(&self.plan)?;
            let octets = cursor.current_bytes(&self.plan);
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
