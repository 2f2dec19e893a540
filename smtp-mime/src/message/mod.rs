//! Defines the message that is ready to be sent.

mod builder;
mod free;
mod reader;
mod write;

use std::{io, sync::Arc};

use smtp_core::Mailbox;

pub use builder::MessageBuilder;
pub(crate) use free::field_from;
pub use free::{AutoSubmitted, Importance};
pub use reader::Reader;
pub(crate) use write::{Parts, finish, generated};

use crate::{
    Error, MessageId,
    entity::{Plan, Segment},
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
/// It holds its header section and where the rest comes from, not the rest itself. It can be read any number of times,
/// as long as its files stay as they are. Dots are not stuffed: that is the business of SMTP.
#[derive(Clone, Debug)]
// The word is the name of the header field.
#[allow(clippy::struct_field_names)]
pub struct Message {
    plan: Arc<Plan>,
    /// How many octets the header section has, all in the first segment of the plan.
    header: usize,
    octets: u64,
    sender: Option<Mailbox>,
    recipients: Vec<Mailbox>,
    message_id: Option<MessageId>,
    body_type: BodyType,
    smtputf8: bool,
}

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
    pub fn message_id(&self) -> Option<&MessageId> {
        self.message_id.as_ref()
    }

    /// The header section as it is sent, without the blank line behind it.
    #[must_use]
    pub fn header_section(&self) -> &[u8] {
        match self.plan.segments.first() {
            Some(Segment::Octets(octets)) => &octets[..self.header],
            _ => &[],
        }
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
        let mut plan = Plan::clone(&self.plan);
        if let Some(Segment::Octets(octets)) = plan.segments.first_mut() {
            octets.splice(0..0, field.iter().copied());
        }
        Self {
            octets: plan.octets(),
            plan: Arc::new(plan),
            header: field.len() + self.header,
            ..self.clone()
        }
    }

    /// A reader of all its octets, in chunks of constant size.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self)
    }

    /// As [`Message::reader`], when the message is needed no more.
    #[must_use]
    pub fn into_reader(self) -> Reader {
        Reader::new(&self)
    }

    /// Writes all its octets, and says how many these were.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it was, or the writer fails; then what was written is no message.
    pub fn write_to(&self, writer: &mut impl io::Write) -> Result<u64, Error> {
        let mut reader = self.reader();
        let mut written = 0;
        loop {
            let chunk = reader.chunk()?;
            if chunk.is_empty() {
                return Ok(written);
            }
            writer.write_all(chunk).map_err(Error::Write)?;
            written += chunk.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests;
