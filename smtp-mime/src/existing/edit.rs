//! Provides changes to the header section of a message that exists.

use super::{ExistingMessage, Field, seven_bit};
use crate::{
    Context, Error, Message,
    message::{field_from, generated},
};

/// Changes to the header section of an [`ExistingMessage`]; fields that are not named stay as they are, octet for octet.
#[derive(Clone, Debug)]
pub struct Edit {
    existing: ExistingMessage,
}

impl Edit {
    pub(super) fn new(existing: ExistingMessage) -> Self {
        Self { existing }
    }

    /// Adds Date and Message-ID if they are missing, the latter at the domain of the sender.
    ///
    /// # Errors
    /// When Message-ID is missing and there is no From to take a domain from.
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

    /// Removes every field of a name; of Bcc, Resent-Bcc goes too.
    #[must_use]
    pub fn remove(mut self, name: &str) -> Self {
        let bcc = name.eq_ignore_ascii_case("Bcc");
        self.existing.header.fields.retain(|field| !(field.is(name) || (bcc && field.is("Resent-Bcc"))));
        self
    }

    /// Adds a field behind the others; the value is checked and written as
    /// [`MessageBuilder::header`](crate::MessageBuilder::header) does it.
    ///
    /// # Errors
    /// When the name or the value breaks a rule, or the field cannot be given by hand.
    pub fn add(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let field = field_from(name, value)?;
        self.existing.header.fields.push(Field::written(field));
        Ok(self)
    }

    /// Sets a field: the first of its name is replaced, the others are removed, and if there is none it is added.
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

    /// The message with these changes. Its recipients are those that its fields name now, and those of a Bcc that was
    /// removed are not among them: ask [`ExistingMessage::recipients`] before.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn build(self) -> Result<Message, Error> {
        self.existing.message()
    }

    /// The same for a server that does not offer 8BITMIME (RFC 6152 §3): parts outside ASCII are encoded in
    /// quoted-printable or base64, all others stay as they are.
    ///
    /// # Errors
    /// When a part cannot be encoded anew: it is signed or encrypted, its own fields are not ASCII, or it says that it
    /// is encoded and is not; and as [`Edit::build`].
    pub fn build_seven_bit(self) -> Result<Message, Error> {
        seven_bit::message(&self.existing)
    }

    fn push(&mut self, field: String) {
        self.existing.header.fields.push(Field::written(field.into_bytes()));
    }
}
