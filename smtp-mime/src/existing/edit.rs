//! Edits the header section of an existing message.

use super::{ExistingMessage, Field, seven_bit};
use crate::{
    Context, Error, Message,
    message::{field_from, generated},
};

/// Changes to the header section of an [`ExistingMessage`]; all other fields remain unchanged.
#[derive(Clone, Debug)]
pub struct Edit {
    existing: ExistingMessage,
}

impl Edit {
    pub(super) fn new(existing: ExistingMessage) -> Self {
        Self { existing }
    }

    /// Adds missing Date and Message-ID fields, the latter with the sender's domain.
    ///
    /// # Errors
    /// When Message-ID is missing and there is no From whose domain could be used.
    pub fn complete(mut self, context: &Context) -> Result<Self, Error> {
        if !self.existing.header.has("Date") {
            self.push(format!("Date: {}\r\n", context.date()));
        }
        if !self.existing.header.has("Message-ID") {
            let sender = self.existing.sender()?.ok_or(Error::Missing { field: "From" })?;
            self.push(format!("Message-ID: {}\r\n", generated(context, &sender)?));
        }
        Ok(self)
    }

    /// Removes every field of a name; with Bcc also Resent-Bcc.
    #[must_use]
    pub fn remove(mut self, name: &str) -> Self {
        let bcc = name.eq_ignore_ascii_case("Bcc");
        self.existing.header.fields.retain(|field| !(field.is(name) || (bcc && field.is("Resent-Bcc"))));
        self
    }

    /// Adds a field after the others.
    ///
    /// The value is checked and written as by [`MessageBuilder::header`](crate::MessageBuilder::header).
    ///
    /// # Errors
    /// When the name or the value is invalid, or the field cannot be set by name.
    pub fn add(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let field = field_from(name, value)?;
        self.existing.header.fields.push(Field::written(field));
        Ok(self)
    }

    /// Sets a field: replaces the first one of its name and removes the others, or adds it.
    ///
    /// # Errors
    /// As [`Edit::add`].
    pub fn replace(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let field = Field::written(field_from(name, value)?);
        let fields = &mut self.existing.header.fields;
        let place = fields.iter().position(|field| field.is(name)).unwrap_or(fields.len());
        fields.retain(|field| !field.is(name));
        fields.insert(place, field);
        Ok(self)
    }

    /// Returns the message with these changes.
    ///
    /// Its recipients are those in its fields now, without those of a removed Bcc: call
    /// [`ExistingMessage::recipients`] before.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn build(self) -> Result<Message, Error> {
        self.existing.message()
    }

    /// Returns the message for a server that does not offer 8BITMIME (RFC 6152 §3).
    ///
    /// Parts that are not ASCII are encoded in quoted-printable or base64; all others remain unchanged.
    ///
    /// # Errors
    /// When a part cannot be re-encoded: it is signed or encrypted, its own fields are not ASCII, or its declared
    /// encoding is wrong; also as [`Edit::build`].
    pub fn build_seven_bit(self) -> Result<Message, Error> {
        seven_bit::message(&self.existing)
    }

    fn push(&mut self, field: String) {
        self.existing.header.fields.push(Field::written(field.into_bytes()));
    }
}
