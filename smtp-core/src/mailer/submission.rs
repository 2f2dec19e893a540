//! Defines [`Submission`], the trait by which a message gives its envelope and is pulled.

use super::error::BoxError;
use crate::Envelope;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A message that can be sent: it gives its envelope, and its octets as often as a transaction needs them.
///
/// A retry must send the same octets, so two sources of one submission give the same ones.
pub trait Submission: Send + Sync {
    /// Who sends to whom, with the size and the body type as far as they are known.
    ///
    /// # Errors
    /// If the message has no sender or no recipient.
    fn envelope(&self) -> Result<Envelope, BoxError>;

    /// A source of the octets, from the first one. Line ends may be CRLF or LF; dots are not stuffed.
    ///
    /// # Errors
    /// If the octets cannot be had, like those of a file that is gone.
    fn open(&self) -> Result<Box<dyn Source>, BoxError>;

    /// The same message in 7 bits, for a server that does not offer 8BITMIME (RFC 6152 §3); `None` where it can only be
    /// sent as it is.
    ///
    /// # Errors
    /// If it cannot be encoded anew.
    fn seven_bit(&self) -> Option<Result<Box<dyn Submission>, BoxError>> {
        None
    }
}

/// The octets of a message, from which a driver pulls.
pub trait Source: Send {
    /// Reads octets into the beginning of `buffer`; 0 says that the message is complete.
    ///
    /// # Errors
    /// If the next octets cannot be had: then the message is not sent.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError>;

    /// Whether [`read`](Self::read) may wait, for a disk or another program. Such a source is read on a thread of its own
    /// by an async driver.
    fn may_wait(&self) -> bool {
        true
    }
}

impl<S: Submission + ?Sized> Submission for &S {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        (**self).envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        (**self).open()
    }

    fn seven_bit(&self) -> Option<Result<Box<dyn Submission>, BoxError>> {
        (**self).seven_bit()
    }
}

impl<S: Submission + ?Sized> Submission for Box<S> {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        (**self).envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        (**self).open()
    }

    fn seven_bit(&self) -> Option<Result<Box<dyn Submission>, BoxError>> {
        (**self).seven_bit()
    }
}

impl<S: Submission + ?Sized> Submission for Arc<S> {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        (**self).envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        (**self).open()
    }

    fn seven_bit(&self) -> Option<Result<Box<dyn Submission>, BoxError>> {
        (**self).seven_bit()
    }
}

/// A message whose octets lie in memory, with an envelope of its own.
///
/// ```
/// use smtp_core::Envelope;
/// use smtp_core::mailer::RawMessage;
///
/// let envelope = Envelope::new("<a@example.org>".parse()?, ["<b@example.net>".parse()?]);
/// let message = RawMessage::new(envelope, "Subject: hello\r\n\r\nIt works.\r\n");
/// # let _ = message;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RawMessage {
    envelope: Envelope,
    octets: Arc<[u8]>,
}

impl RawMessage {
    /// A message of these octets: header section, blank line and body.
    ///
    /// Octets above 127 need 8BITMIME, which the envelope then asks for; the size is declared where the octets leave as
    /// they are.
    #[must_use]
    pub fn new(mut envelope: Envelope, octets: impl AsRef<[u8]>) -> Self {
        let octets: Arc<[u8]> = Arc::from(octets.as_ref());
        super::mail_data::describe(&mut envelope, &octets);
        Self { envelope, octets }
    }
}

impl Submission for RawMessage {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        Ok(self.envelope.clone())
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(InMemory::new(Arc::clone(&self.octets))))
    }
}

/// A [`Source`] of octets that lie in memory.
#[derive(Clone, Debug)]
pub struct InMemory {
    octets: Arc<[u8]>,
    place: usize,
}

impl InMemory {
    /// A source of these octets.
    #[must_use]
    pub fn new(octets: impl Into<Arc<[u8]>>) -> Self {
        Self { octets: octets.into(), place: 0 }
    }
}

impl Source for InMemory {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        let rest = &self.octets[self.place..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.place += count;
        Ok(count)
    }

    fn may_wait(&self) -> bool {
        false
    }
}

impl From<Vec<u8>> for InMemory {
    fn from(octets: Vec<u8>) -> Self {
        Self::new(octets)
    }
}
