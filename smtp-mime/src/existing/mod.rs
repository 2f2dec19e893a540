//! Provides existing messages, as in `.eml` files: reads and edits their header sections only.

mod bare_text;
mod edit;
mod header;
mod qualify;
mod seven_bit;
pub(crate) mod structure;

use smtp_core::Mailbox;

pub use bare_text::with_blank_line;
pub use edit::Edit;
#[cfg(feature = "dkim")]
pub(crate) use header::fields_of;
pub(crate) use header::{Field, HeaderSection};

use crate::{
    BodyType, Error, Message, Source, address,
    encoding::{Encoder, LineEnds},
    entity::{Plan, Segment},
    message::{Identifier, Parts, finish},
};

/// An existing message, of which only the header section is read.
///
/// ```
/// use smtp_mime::{Context, Date, ExistingMessage, Source};
///
/// let eml = "From: you@example.org\nTo: Friend <friend@example.net>\nBcc: hidden@example.net\n\nIt works.\n";
/// let existing = ExistingMessage::open(Source::from(eml))?;
/// assert_eq!(existing.recipients()?.len(), 2);
///
/// let context = Context::new(Date::from_unix(0, 0)?, [7; Context::SEED]);
/// let message = existing.edit().complete(&context)?.remove("Bcc").build()?;
/// let header = String::from_utf8_lossy(message.header_section()).into_owned();
/// assert!(header.contains("Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n") && !header.contains("hidden"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExistingMessage {
    source: Source,
    header: HeaderSection,
}

impl ExistingMessage {
    /// The maximum length of the header section in octets; large mail systems allow far less.
    pub const HEADER_LIMIT: usize = header::LIMIT;

    /// Reads the header section; an mbox line before it (`From …` without a colon) is skipped.
    ///
    /// # Errors
    /// When the source cannot be read, a line before the first blank line is not a header field, or the header
    /// section is longer than [`ExistingMessage::HEADER_LIMIT`].
    pub fn open(source: Source) -> Result<Self, Error> {
        let header = HeaderSection::read(&source)?;
        Ok(Self { source, header })
    }

    /// The values of a field, in order: unfolded but not decoded.
    pub fn values(&self, name: &str) -> impl Iterator<Item = String> {
        self.header.named(name).map(Field::unfolded)
    }

    /// The mailboxes of To, Cc and Bcc without duplicates, or those of the Resent- fields.
    ///
    /// Resent-To, Resent-Cc and Resent-Bcc take precedence if there is one (RFC 5322 §3.6.6).
    ///
    /// # Errors
    /// When a field is not a valid address list; the error names it.
    pub fn recipients(&self) -> Result<Vec<Mailbox>, Error> {
        let resent = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
        let names =
            if resent.iter().any(|name| self.header.has(name)) { resent } else { ["To", "Cc", "Bcc"] };
        let mut recipients: Vec<Mailbox> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for field in names.iter().flat_map(|name| self.header.named(name)) {
            for mailbox in mailboxes(field)? {
                if seen.insert(mailbox.clone()) {
                    recipients.push(mailbox);
                }
            }
        }
        Ok(recipients)
    }

    /// The sender: the mailbox of Resent-Sender, Resent-From, Sender or From, whichever comes first in this order.
    ///
    /// # Errors
    /// When that field is not a valid address list.
    pub fn sender(&self) -> Result<Option<Mailbox>, Error> {
        for name in ["Resent-Sender", "Resent-From", "Sender", "From"] {
            for field in self.header.named(name) {
                if let Some(mailbox) = mailboxes(field)?.into_iter().next() {
                    return Ok(Some(mailbox));
                }
            }
        }
        Ok(None)
    }

    /// Starts an edit of the header section.
    #[must_use]
    pub fn edit(&self) -> Edit {
        Edit::new(self.clone())
    }

    /// Returns the message unchanged except for line ends, which become CRLF; it keeps its Bcc, if any.
    ///
    /// Sender and recipients are those of its fields; there are none if a field cannot be parsed, and then
    /// [`ExistingMessage::recipients`] returns the reason.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn message(&self) -> Result<Message, Error> {
        self.with_header(&self.header)
    }

    fn with_header(&self, header: &HeaderSection) -> Result<Message, Error> {
        let mut lines = LineEnds::complete();
        let mut reader = self.source.open_range(header.body, self.source.size())?;
        let mut converted = Vec::new();
        let (mut octets, mut is_ascii) = (0, true);
        while !reader.is_at_end() {
            let chunk = reader.chunk(&self.source)?;
            octets += lines.count(chunk, &mut converted);
            is_ascii &= chunk.is_ascii();
        }
        converted.clear();
        lines.finish(&mut converted);
        octets += converted.len() as u64;
        // If the length is unchanged, so are all bytes.
        let is_as_it_was = header.body.saturating_add(octets) == self.source.size();
        let encoder = if is_as_it_was { Encoder::Verbatim } else { Encoder::Lines(LineEnds::complete()) };
        let body = Segment::Encoded {
            source: self.source.clone(),
            from: header.body,
            until: self.source.size(),
            encoder,
            octets,
        };
        let body_type = if is_ascii { BodyType::SevenBit } else { BodyType::EightBitMime };
        Ok(self.finished(header, &Plan { head: Vec::new(), segments: vec![body] }, body_type))
    }

    fn finished(&self, header: &HeaderSection, body: &Plan, body_type: BodyType) -> Message {
        let mut head = header.octets();
        let (header_octets, header_outside_ascii) = (head.len(), !head.is_ascii());
        head.extend_from_slice(b"\r\n");
        let mut plan = Plan { head, segments: Vec::new() };
        plan.append(body);
        let message_id = header.named("Message-ID").next().and_then(|field| field.unfolded().parse().ok());
        finish(
            plan,
            Parts {
                header: header_octets,
                header_outside_ascii,
                body_type,
                sender: self.sender().unwrap_or_default(),
                recipients: self.recipients().unwrap_or_default().into(),
                message_id: message_id.map(Identifier::Given),
            },
        )
    }
}

fn mailboxes(field: &Field) -> Result<Vec<Mailbox>, Error> {
    let value = field.unfolded();
    let list = address::lenient(&value).map_err(Error::field(field.name()))?;
    let mailboxes: Vec<Mailbox> = list.mailboxes().cloned().collect();
    // The replacement character stands for invalid bytes, so the address is not the original one.
    match mailboxes.iter().find(|mailbox| mailbox.as_str().contains('\u{fffd}')) {
        Some(mailbox) => Err(Error::field(field.name())(crate::ValueError::Address {
            address: mailbox.to_string(),
            error: smtp_core::SyntaxError::NotAscii { value: "mailbox" },
        })),
        None => Ok(mailboxes),
    }
}

#[cfg(test)]
mod tests;
