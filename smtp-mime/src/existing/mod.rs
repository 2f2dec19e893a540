//! Provides messages that exist already, as files with the ending `.eml` have them: reading and editing them by their
//! header section alone.

mod edit;
mod header;
mod qualify;
mod seven_bit;
pub(crate) mod structure;

use smtp_core::Mailbox;

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

/// A message that exists: its header section is read, its body stays where it is.
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
    /// How many octets the header section may have. The largest mail systems refuse far less.
    pub const HEADER_LIMIT: usize = header::LIMIT;

    /// Reads the header section. A line of an mbox file before it (`From …` without a colon) is no part of the message.
    ///
    /// # Errors
    /// When the source cannot be read, a line before the first blank one is no header field, or the header section is
    /// longer than [`ExistingMessage::HEADER_LIMIT`].
    pub fn open(source: Source) -> Result<Self, Error> {
        let header = HeaderSection::read(&source)?;
        Ok(Self { source, header })
    }

    /// The values of a field, in order: as they stand in the message, unfolded, not decoded.
    pub fn values(&self, name: &str) -> impl Iterator<Item = String> {
        self.header.named(name).map(Field::unfolded)
    }

    /// The mailboxes of To, Cc and Bcc, each once; those of Resent-To, Resent-Cc and Resent-Bcc instead if there are any
    /// (RFC 5322 §3.6.6).
    ///
    /// # Errors
    /// When a field is no address list; it is named.
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

    /// Whoever sent it: the mailbox of Resent-Sender, Resent-From, Sender or From, the first of these that there is.
    ///
    /// # Errors
    /// When that field holds no address list.
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

    /// Begins to change its header section.
    #[must_use]
    pub fn edit(&self) -> Edit {
        Edit::new(self.clone())
    }

    /// The message as it is but for its line ends, which become CRLF. A Bcc that it has is still in it.
    ///
    /// Its sender and recipients are those that its fields name; none if a field cannot be read, and then
    /// [`ExistingMessage::recipients`] says why.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn message(&self) -> Result<Message, Error> {
        self.with_header(&self.header)
    }

    fn with_header(&self, header: &HeaderSection) -> Result<Message, Error> {
        let mut lines = LineEnds::complete();
        let mut reader = self.source.open_range(header.body, self.source.octets())?;
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
        // Where no octet is added, none is changed.
        let is_as_it_was = header.body.saturating_add(octets) == self.source.octets();
        let encoder = if is_as_it_was { Encoder::Verbatim } else { Encoder::Lines(LineEnds::complete()) };
        let body = Segment::Encoded {
            source: self.source.clone(),
            from: header.body,
            until: self.source.octets(),
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
    // What stands in place of octets that are not UTF-8 is no address of anyone.
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
