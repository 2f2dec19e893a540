//! Joins messages to the mailer of smtp-core: a [`Message`] is a [`Submission`].

use super::{BodyType, Message, Reader};
use crate::Error;
use smtp_core::mailer::{BoxError, Source, Submission};
use smtp_core::{Envelope, ForwardPath, Mailbox, ReversePath};
use std::fmt;
use std::io::{self, Read};

/// A [`Message`] without a sender or a recipient, so that it has no envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It has neither Sender nor From.
    NoSender,
    /// It has no recipient in To, Cc and Bcc.
    NoRecipient,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSender => "the message has neither Sender nor From, so it has no reverse-path",
            Self::NoRecipient => "the message has no recipient in To, Cc or Bcc",
        })
    }
}

impl std::error::Error for EnvelopeError {}

impl Message {
    /// Its envelope: from [`sender`](Self::sender) to [`recipients`](Self::recipients), with size and body type.
    ///
    /// Domains in other scripts become A-labels, unless the local-part needs SMTPUTF8 anyway.
    ///
    /// # Errors
    /// If it has no sender, no recipient, or one whose domain has no A-labels.
    pub fn envelope(&self) -> Result<Envelope, BoxError> {
        let sender = self.sender().ok_or(EnvelopeError::NoSender)?;
        let recipients: Result<Vec<_>, _> =
            self.recipients().iter().map(|mailbox| on_the_wire(mailbox).map(ForwardPath::new)).collect();
        let recipients = recipients?;
        if recipients.is_empty() {
            return Err(EnvelopeError::NoRecipient.into());
        }
        let mut envelope = Envelope::new(ReversePath::new(on_the_wire(sender)?), recipients);
        envelope.size = Some(self.encoded_len());
        envelope.utf8_headers = self.needs_smtputf8();
        envelope.body = match self.body_type() {
            BodyType::SevenBit => smtp_core::BodyType::SevenBit,
            BodyType::EightBitMime => smtp_core::BodyType::EightBitMime,
            BodyType::BinaryMime => smtp_core::BodyType::Binary,
        };
        Ok(envelope)
    }
}

/// A mailbox as every server accepts it.
fn on_the_wire(mailbox: &Mailbox) -> Result<Mailbox, smtp_core::SyntaxError> {
    if mailbox.is_ascii() || !mailbox.local_part().is_ascii() {
        return Ok(mailbox.clone());
    }
    mailbox.to_ascii_domain()
}

impl Submission for Message {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        Self::envelope(self)
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(self.reader()))
    }
}

impl Source for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        // The error of the message itself, not wrapped in one of I/O.
        Read::read(self, buffer).map_err(|error: io::Error| match error.downcast::<Error>() {
            Ok(error) => error.into(),
            Err(error) => error.into(),
        })
    }

    fn may_wait(&self) -> bool {
        self.reads_files()
    }
}
