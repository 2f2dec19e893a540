//! Defines [`Outgoing`], a message as this program sends it.

use smtp_core::Envelope;
use smtp_core::mailer::{BoxError, Delivery, InMemory, Source, Submission};
use smtp_mime::{Edit, Message};
use std::sync::Arc;

/// A message on its way.
pub(crate) type Mail = Delivery<Outgoing>;

/// A message with its envelope.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its number, from 1.
    pub(crate) number: usize,
    /// The same for each time that a message is sent.
    pub(crate) envelope: Arc<Envelope>,
    /// The message.
    pub(crate) message: Arc<Message>,
    /// Its octets, where they are at hand because it is sent many times.
    pub(crate) octets: Option<Arc<[u8]>>,
    /// From what it can be encoded anew, for a server without 8BITMIME.
    pub(crate) edit: Option<Arc<Edit>>,
}

impl Outgoing {
    /// A message that is sent once.
    pub(crate) fn new(
        number: usize,
        envelope: impl Into<Arc<Envelope>>,
        message: impl Into<Arc<Message>>,
    ) -> Self {
        Self { number, envelope: envelope.into(), message: message.into(), octets: None, edit: None }
    }

    /// The message on its way, before any transaction.
    pub(crate) fn into_mail(self) -> Mail {
        let (number, envelope) = (self.number, Arc::clone(&self.envelope));
        Delivery::with_envelope(self, number, envelope)
    }
}

impl Submission for Outgoing {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        Ok(Envelope::clone(&self.envelope))
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        match &self.octets {
            Some(octets) => Ok(Box::new(InMemory::new(Arc::clone(octets)))),
            None => Submission::open(&*self.message),
        }
    }

    fn seven_bit(&self) -> Option<Result<Box<dyn Submission>, BoxError>> {
        let edit = Edit::clone(self.edit.as_deref()?);
        Some(encoded_anew(edit, &self.envelope).map_err(Into::into))
    }
}

/// The message in 7 bits, with the envelope that it has then.
fn encoded_anew(edit: Edit, envelope: &Envelope) -> crate::error::Result<Box<dyn Submission>> {
    use crate::error::Error;
    use crate::exit::Exit;
    let message = edit.build_seven_bit().map_err(|error| match Error::of_mime(&error) {
        error if error.exit() == Exit::USAGE => Error::new(
            Exit::UNAVAILABLE,
            format!("the server does not offer 8BITMIME, which the message needs, and {error}"),
        ),
        error => error,
    })?;
    let mut envelope = envelope.clone();
    envelope.body = smtp_core::BodyType::SevenBit;
    envelope.size = Some(message.encoded_len());
    Ok(Box::new(Outgoing::new(0, envelope, message)))
}

/// A small message of that number to these recipients, for tests.
#[cfg(test)]
pub(crate) fn example(number: usize, recipients: &[&str]) -> Mail {
    example_of(number, recipients, false)
}

/// The same, to all of them or, when one is refused, to none.
#[cfg(test)]
pub(crate) fn example_of(number: usize, recipients: &[&str], all_or_nothing: bool) -> Mail {
    let context = smtp_mime::Context::new(
        smtp_mime::Date::from_unix(0, 0).expect("1970 is a year"),
        [0; smtp_mime::Context::SEED],
    );
    let from: smtp_mime::AddressList = "you@example.org".parse().expect("this is an address");
    let message = Message::builder().from(from).without_recipients().build(&context).expect("it is complete");
    let recipients = recipients.iter().map(|address| address.parse().expect("these are addresses"));
    let from = "you@example.org".parse().expect("this is an address");
    let mut envelope = Envelope::new(from, recipients);
    envelope.all_or_nothing = all_or_nothing;
    Outgoing::new(number, envelope, message).into_mail()
}
