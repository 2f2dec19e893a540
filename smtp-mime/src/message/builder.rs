//! Defines the builder of a message.

use std::borrow::Cow;

use super::{
    AutoSubmitted, BodyType, Importance, Message,
    free::{CustomField, ParsedField, parse_field, uris},
    write,
};
use crate::{
    AddressList, Context, Date, Entity, Error, FieldName, MessageId, NameAddr, Source, ValueError,
    entity::Requirements,
};

/// Builds a message; start with [`Message::builder`], end with [`MessageBuilder::build`].
///
/// Missing values get defaults that receivers expect: Date and Message-ID from the [`Context`], `MIME-Version`, a
/// structure for texts and attachments, and an encoding for each.
#[derive(Clone, Debug, Default)]
pub struct MessageBuilder {
    pub(super) from: AddressList,
    pub(super) sender: Option<NameAddr>,
    pub(super) reply_to: AddressList,
    pub(super) to: AddressList,
    pub(super) cc: AddressList,
    pub(super) bcc: AddressList,
    pub(super) subject: Cow<'static, str>,
    pub(super) date: Option<Date>,
    pub(super) message_id: Option<MessageId>,
    pub(super) in_reply_to: Vec<MessageId>,
    pub(super) references: Vec<MessageId>,
    pub(super) free: Vec<CustomField>,
    pub(super) without_recipients: bool,
    smtputf8: bool,
    body_type: BodyType,
    text: Option<Source>,
    html: Option<Source>,
    alternatives: Vec<Entity>,
    inline: Vec<Entity>,
    attachments: Vec<Entity>,
    body: Option<Box<Entity>>,
    #[cfg(feature = "html")]
    text_from_html: bool,
}

impl MessageBuilder {
    /// Adds an author (RFC 5322 §3.6.2); the first of several is the sender unless one is set.
    #[must_use]
    pub fn from(mut self, authors: impl Into<AddressList>) -> Self {
        self.from.append(authors.into());
        self
    }

    /// Sets the sender (RFC 5322 §3.6.2); it is omitted if it is the only author.
    #[must_use]
    pub fn sender(mut self, sender: impl Into<NameAddr>) -> Self {
        self.sender = Some(sender.into());
        self
    }

    /// Adds addresses for replies.
    #[must_use]
    pub fn reply_to(mut self, addresses: impl Into<AddressList>) -> Self {
        self.reply_to.append(addresses.into());
        self
    }

    /// Adds recipients.
    #[must_use]
    pub fn to(mut self, recipients: impl Into<AddressList>) -> Self {
        self.to.append(recipients.into());
        self
    }

    /// Adds recipients of a copy.
    #[must_use]
    pub fn cc(mut self, recipients: impl Into<AddressList>) -> Self {
        self.cc.append(recipients.into());
        self
    }

    /// Adds blind recipients: they are in [`Message::recipients`] but not in the message itself.
    #[must_use]
    pub fn bcc(mut self, recipients: impl Into<AddressList>) -> Self {
        self.bcc.append(recipients.into());
        self
    }

    /// Allows a message without recipients, for an envelope from another source.
    #[must_use]
    pub fn without_recipients(mut self) -> Self {
        self.without_recipients = true;
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<Cow<'static, str>>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets the date, instead of that of the context.
    #[must_use]
    pub fn date(mut self, date: Date) -> Self {
        self.date = Some(date);
        self
    }

    /// Sets the Message-ID, instead of one from the context with the sender's domain.
    #[must_use]
    pub fn message_id(mut self, message_id: MessageId) -> Self {
        self.message_id = Some(message_id);
        self
    }

    /// Adds a message that this one replies to (RFC 5322 §3.6.4).
    #[must_use]
    pub fn in_reply_to(mut self, message_id: MessageId) -> Self {
        self.in_reply_to.push(message_id);
        self
    }

    /// Adds a message of the thread, the oldest first (RFC 5322 §3.6.4).
    #[must_use]
    pub fn reference(mut self, message_id: MessageId) -> Self {
        self.references.push(message_id);
        self
    }

    /// Marks the message as automatic (RFC 3834).
    #[must_use]
    pub fn auto_submitted(self, kind: AutoSubmitted) -> Self {
        self.words("Auto-Submitted", vec![kind.as_str().to_owned()])
    }

    /// Sets the importance.
    #[must_use]
    pub fn importance(self, importance: Importance) -> Self {
        self.words("Importance", vec![importance.as_str().to_owned()])
    }

    /// Requests a notification when the message is displayed (RFC 8098 §2.1).
    #[must_use]
    pub fn disposition_notification_to(mut self, addresses: impl Into<AddressList>) -> Self {
        self.free.push(CustomField::Addresses(known("Disposition-Notification-To"), addresses.into()));
        self
    }

    /// Sets the List-Id, as in `List-Id: News of Example <news.example.org>` (RFC 2919).
    ///
    /// # Errors
    /// When the identifier is not words separated by dots, or the description has CR, LF or NUL.
    pub fn list_id(mut self, description: &str, identifier: &str) -> Result<Self, Error> {
        let failed = || Error::field("List-Id");
        let domain = smtp_core::Domain::new(identifier)
            .map_err(|error| ValueError::Address { address: identifier.to_owned(), error })
            .map_err(failed())?;
        if !domain.is_ascii() {
            return Err(failed()(ValueError::Malformed {
                value: "list identifier",
                rule: "it must be ASCII",
            }));
        }
        crate::header::unstructured::check("description of a list", description).map_err(failed())?;
        let field = CustomField::Identified(
            known("List-Id"),
            description.trim().to_owned(),
            format!("<{identifier}>"),
        );
        self.replace(field);
        Ok(self)
    }

    /// Sets URIs to unsubscribe from the list, preferably one `https:` and one `mailto:` (RFC 2369 §3.2).
    ///
    /// With `one_click`, a POST to the `https:` URI is enough (RFC 8058), which large providers require from bulk
    /// senders; a DKIM signature must then cover both fields.
    ///
    /// # Errors
    /// When a URI has a space, an angle bracket or a non-ASCII character, or `one_click` has no `https:` URI.
    pub fn list_unsubscribe(mut self, addresses: &[&str], one_click: bool) -> Result<Self, Error> {
        let failed = || Error::field("List-Unsubscribe");
        let words = uris(addresses).map_err(failed())?;
        if one_click && !addresses.iter().any(|uri| uri.to_ascii_lowercase().starts_with("https:")) {
            return Err(failed()(ValueError::Malformed {
                value: "URI",
                rule: "one click needs an https: address (RFC 8058 §3.1)",
            }));
        }
        self.replace(CustomField::Words(known("List-Unsubscribe"), words));
        if one_click {
            self = self.words("List-Unsubscribe-Post", vec!["List-Unsubscribe=One-Click".to_owned()]);
        }
        Ok(self)
    }

    /// Sets or adds a header field by name and value.
    ///
    /// The value is checked by the rules of the field: addresses for To, identifiers for References, a date for Date,
    /// text for unknown fields. To, Cc, Bcc and unknown fields are added to earlier ones; the others replace them.
    ///
    /// # Errors
    /// When the name is invalid, the value breaks a rule (CR, LF and NUL always do), or the field cannot be set by
    /// name: Content- fields, MIME-Version, Return-Path, DKIM-Signature.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        match parse_field(name, value)? {
            ParsedField::From(list) => self.from = list,
            ParsedField::Sender(list) => {
                let mut mailboxes = list.named_mailboxes();
                self.sender = match (mailboxes.next(), mailboxes.next()) {
                    (Some(sender), None) => Some(sender.clone()),
                    _ => {
                        return Err(Error::field("Sender")(ValueError::Malformed {
                            value: "mailbox",
                            rule: "it must be one address",
                        }));
                    }
                }
            }
            ParsedField::ReplyTo(list) => self.reply_to = list,
            ParsedField::To(list) => self.to.append(list),
            ParsedField::Cc(list) => self.cc.append(list),
            ParsedField::Bcc(list) => self.bcc.append(list),
            ParsedField::Subject(subject) => self.subject = subject.into(),
            ParsedField::Date(date) => self.date = Some(date),
            ParsedField::MessageId(message_id) => self.message_id = Some(message_id),
            ParsedField::InReplyTo(list) => self.in_reply_to = list,
            ParsedField::References(list) => self.references = list,
            ParsedField::Free(CustomField::Unstructured(name, text)) => {
                self.free.push(CustomField::Unstructured(name, text));
            }
            ParsedField::Free(field) => self.replace(field),
        }
        Ok(self)
    }

    /// Writes header fields in UTF-8 instead of encoded-words (RFC 6532); the server must offer SMTPUTF8.
    ///
    /// Otherwise UTF-8 is used only if an address has a non-ASCII local-part, which has no other form.
    #[must_use]
    pub fn smtputf8(mut self, wanted: bool) -> Self {
        self.smtputf8 = wanted;
        self
    }

    /// Sets the body type that the server accepts; the default is [`BodyType::SevenBit`].
    ///
    /// With a larger one texts are sent unencoded, and with [`BodyType::BinaryMime`] binary parts too.
    #[must_use]
    pub fn body_type(mut self, body_type: BodyType) -> Self {
        self.body_type = body_type;
        self
    }

    /// Sets the text, in UTF-8 with any line ends.
    #[must_use]
    pub fn text(mut self, text: impl Into<Source>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Sets the HTML text; together with a plain text it becomes an alternative.
    #[must_use]
    pub fn html(mut self, html: impl Into<Source>) -> Self {
        self.html = Some(html.into());
        self
    }

    /// Makes a plain text of the HTML if none is set.
    #[cfg(feature = "html")]
    #[must_use]
    pub fn text_from_html(mut self) -> Self {
        self.text_from_html = true;
        self
    }

    /// Adds a further form of the text, such as an invitation, after plain text and HTML.
    #[must_use]
    pub fn alternative(mut self, entity: Entity) -> Self {
        self.alternatives.push(entity);
        self
    }

    /// Adds a part that the HTML refers to by Content-ID.
    #[must_use]
    pub fn inline(mut self, entity: Entity) -> Self {
        self.inline.push(entity);
        self
    }

    /// Adds an attachment.
    #[must_use]
    pub fn attach(mut self, entity: Entity) -> Self {
        self.attachments.push(entity);
        self
    }

    /// Sets the whole structure, instead of texts and attachments.
    #[must_use]
    pub fn body(mut self, entity: Entity) -> Self {
        self.body = Some(Box::new(entity));
        self
    }

    /// Builds the message: checks values, chooses encodings and computes the length.
    ///
    /// # Errors
    /// When a value breaks a rule, From is missing, there are no recipients, or a file cannot be read.
    pub fn build(mut self, context: &Context) -> Result<Message, Error> {
        #[cfg(feature = "html")]
        if let (true, None, Some(html)) = (self.text_from_html, &self.text, &self.html) {
            self.text = Some(crate::html::text_from_source(html)?);
        }
        let entity = self.structure();
        let needs_utf8 =
            |mailbox: &NameAddr| !mailbox.mailbox().is_ascii() && !mailbox.mailbox().local_part().is_ascii();
        let needs_utf8 = [&self.from, &self.reply_to, &self.to, &self.cc, &self.bcc]
            .into_iter()
            .any(|list| list.any(needs_utf8))
            || self.sender.as_ref().is_some_and(needs_utf8);
        let requirements =
            Requirements { body_type: self.body_type, smtputf8: self.smtputf8 || needs_utf8, signed: false };
        write::message(self, &entity, context, requirements)
    }

    /// mixed( alternative( text, related( html, inline… ), … ), attachments… ), with only the necessary levels.
    fn structure(&mut self) -> Entity {
        if let Some(body) = self.body.take() {
            return if body.can_stand_alone() { *body } else { Entity::mixed(vec![*body]) };
        }
        if self.html.is_none()
            && self.alternatives.is_empty()
            && self.inline.is_empty()
            && self.attachments.is_empty()
        {
            // An empty message has an empty text.
            return Entity::text(self.text.take().unwrap_or_else(|| "".into()));
        }
        let mut alternatives = Vec::new();
        let html = self.html.take().map(Entity::html);
        let text = self.text.take().map(Entity::text);
        // A message with attachments needs no text.
        let empty = html.is_none() && self.alternatives.is_empty() && self.attachments.is_empty();
        alternatives.extend(text.or_else(|| empty.then(|| Entity::text(""))));
        let mut inline = std::mem::take(&mut self.inline);
        match html {
            Some(html) if !inline.is_empty() => {
                alternatives.push(Entity::related(html, std::mem::take(&mut inline)));
            }
            Some(html) => alternatives.push(html),
            None => {}
        }
        alternatives.append(&mut self.alternatives);
        let mut parts = match alternatives.len() {
            0 | 1 => alternatives,
            _ => vec![Entity::alternative(alternatives)],
        };
        // Without HTML there is nothing to show inline parts in: they are attached.
        parts.append(&mut inline);
        parts.append(&mut self.attachments);
        match <[Entity; 1]>::try_from(parts) {
            Ok([part]) if part.can_stand_alone() => part,
            Ok([part]) => Entity::mixed(vec![part]),
            Err(parts) => Entity::mixed(parts),
        }
    }

    fn words(mut self, name: &'static str, words: Vec<String>) -> Self {
        self.replace(CustomField::Words(known(name), words));
        self
    }

    fn replace(&mut self, field: CustomField) {
        self.free.retain(|other| other.name() != field.name());
        self.free.push(field);
    }
}

/// Makes a field name that is known to be valid.
fn known(name: &'static str) -> FieldName {
    FieldName::new(name).expect("the names of this crate's own fields are printable ASCII")
}
