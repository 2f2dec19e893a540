//! Writes the header section of a new message (RFC 5322 §3.6).

use std::{borrow::Cow, collections::HashSet, ops::Range};

use smtp_core::Mailbox;

use super::{BodyType, Message, MessageBuilder, Recipients};
use crate::{
    Address, AddressList, Context, Entity, Error, MessageId, NameAddr, ValueError,
    address::{self, Style},
    context::push_base36,
    entity::{Plan, Requirements, plan},
    header::{fold::Folder, unstructured},
};

/// Longer than most header sections.
const HEADER: usize = 768;

/// Writes a message: the header section, then the body of `entity`.
pub(super) fn message(
    builder: MessageBuilder,
    entity: &Entity,
    context: &Context,
    requirements: Requirements,
) -> Result<Message, Error> {
    let smtputf8 = requirements.smtputf8;
    let sender = sender(&builder)?;
    let lists = [&builder.to, &builder.cc, &builder.bcc];
    if !builder.without_recipients && !lists.iter().any(|list| list.any(|_| true)) {
        return Err(Error::NoRecipients);
    }
    let reverse_path = address::ready(sender.mailbox(), smtputf8).map_err(Error::field("From"))?;
    let mut header = Vec::with_capacity(HEADER + entity.expected_octets());
    let style = Style { smtputf8, brackets: entity.shows_html() };
    let written = fields(&builder, sender, context, &reverse_path, style, &mut header)?;
    let reverse_path = match reverse_path {
        Cow::Owned(mailbox) => Some(mailbox),
        Cow::Borrowed(_) => None,
    };
    let (plan, header, body_type) = plan(header, entity, context, requirements)?;
    // The builder's values are moved into the envelope, not copied.
    let MessageBuilder { from, sender, to, cc, bcc, message_id, .. } = builder;
    let sender = reverse_path.or_else(|| sender.map(NameAddr::into_mailbox)).or_else(|| first_of(from));
    let recipients = recipients([("To", to), ("Cc", cc), ("Bcc", bcc)], smtputf8)?;
    let message_id = message_id.map_or(Identifier::Written(written), Identifier::Given);
    let parts = Parts {
        header,
        // Only with UTF-8 can there be non-ASCII bytes.
        header_outside_ascii: smtputf8 && !plan.head[..header].is_ascii(),
        body_type,
        sender,
        recipients,
        message_id: Some(message_id),
    };
    Ok(finish(plan, parts))
}

/// The properties of a message besides its bytes.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The length of the header section.
    pub(crate) header: usize,
    /// Whether it has non-ASCII bytes.
    pub(crate) header_outside_ascii: bool,
    pub(crate) body_type: BodyType,
    pub(crate) sender: Option<Mailbox>,
    pub(crate) recipients: Recipients,
    pub(crate) message_id: Option<Identifier>,
}

/// The Message-ID of a message.
#[derive(Clone, Debug)]
pub(crate) enum Identifier {
    Given(MessageId),
    /// Its position in the header section; it is parsed only on request.
    Written(Range<usize>),
}

/// Makes a message of a plan whose head starts with the header section and the blank line.
pub(crate) fn finish(plan: Plan, parts: Parts) -> Message {
    let outside_ascii = |mailboxes: &[Mailbox]| mailboxes.iter().any(|mailbox| !mailbox.is_ascii());
    Message {
        octets: plan.octets(),
        smtputf8: parts.header_outside_ascii
            || outside_ascii(&parts.recipients)
            || outside_ascii(parts.sender.as_slice()),
        header: parts.header,
        plan,
        sender: parts.sender,
        recipients: parts.recipients,
        message_id: parts.message_id,
        body_type: parts.body_type,
    }
}

/// Writes the fields in the usual order; returns the position of the Message-ID.
fn fields(
    builder: &MessageBuilder,
    sender: &NameAddr,
    context: &Context,
    reverse_path: &Mailbox,
    style: Style,
    out: &mut Vec<u8>,
) -> Result<Range<usize>, Error> {
    let list = |out: &mut Vec<u8>, name: &str, list: &AddressList| -> Result<(), Error> {
        if list.is_empty() { Ok(()) } else { address::field(out, name, list, style) }
    };
    list(out, "From", &builder.from)?;
    // A Sender equal to the only author is redundant (RFC 5322 §3.6.2).
    let is_author = |author: &NameAddr| std::ptr::eq(author, sender) || author.mailbox() == sender.mailbox();
    let mut first = true;
    if builder.from.any(|author| !(std::mem::take(&mut first) && is_author(author))) {
        address::field_of_one(out, "Sender", sender, style)?;
    }
    list(out, "Reply-To", &builder.reply_to)?;
    list(out, "To", &builder.to)?;
    list(out, "Cc", &builder.cc)?;
    if builder.to.is_empty() && builder.cc.is_empty() {
        // Filters rate a message without To worse than one to an empty group.
        let mut folder = Folder::new(out, "To");
        folder.word(" ", "undisclosed-recipients:;");
        folder.end();
    }
    unstructured::check("subject", &builder.subject).map_err(Error::field("Subject"))?;
    unstructured::write(out, "Subject", &builder.subject, style.smtputf8);
    out.extend_from_slice(b"Date: ");
    builder.date.as_ref().unwrap_or_else(|| context.date()).write(out);
    out.extend_from_slice(b"\r\nMessage-ID: ");
    let start = out.len();
    match &builder.message_id {
        Some(message_id) => out.extend_from_slice(message_id.as_str().as_bytes()),
        None => generate(context, reverse_path, out)?,
    }
    let written = start..out.len();
    out.extend_from_slice(b"\r\n");
    for (name, identifiers) in [("In-Reply-To", &builder.in_reply_to), ("References", &builder.references)] {
        if !identifiers.is_empty() {
            let mut folder = Folder::new(out, name);
            for identifier in identifiers {
                folder.word(" ", identifier.as_str());
            }
            folder.end();
        }
    }
    let (lists, others): (Vec<_>, Vec<_>) = builder
        .free
        .iter()
        .partition(|field| field.name().as_str().to_ascii_lowercase().starts_with("list-"));
    for field in lists.into_iter().chain(others) {
        field.write(out, style.smtputf8)?;
    }
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    Ok(written)
}

fn sender(builder: &MessageBuilder) -> Result<&NameAddr, Error> {
    if builder.from.addresses().iter().any(|address| matches!(address, Address::Group(_))) {
        return Err(Error::field("From")(ValueError::Malformed {
            value: "list of authors",
            rule: "a group cannot be an author (RFC 5322 §3.6.2)",
        }));
    }
    let first = builder.from.named_mailboxes().next().ok_or(Error::Missing { field: "From" })?;
    Ok(builder.sender.as_ref().unwrap_or(first))
}

fn first_of(list: AddressList) -> Option<Mailbox> {
    let mut first = None;
    // The error only ends the iteration early.
    let _ = list.try_into_mailboxes(|mailbox| {
        first = Some(mailbox);
        Err(())
    });
    first
}

fn recipients(lists: [(&str, AddressList); 3], smtputf8: bool) -> Result<Recipients, Error> {
    let mut recipients = Recipients::new();
    for (name, list) in lists {
        list.try_into_mailboxes(|mailbox| {
            let encoded = match address::ready(&mailbox, smtputf8).map_err(Error::field(name))? {
                Cow::Owned(encoded) => Some(encoded),
                Cow::Borrowed(_) => None,
            };
            recipients.push(encoded.unwrap_or(mailbox));
            Ok(())
        })?;
    }
    if recipients.len() < 2 {
        return Ok(recipients);
    }
    let mut seen = HashSet::with_capacity(recipients.len());
    let mut first = recipients.iter().map(|mailbox| seen.insert(mailbox)).collect::<Vec<_>>().into_iter();
    recipients.retain(|_| first.next().unwrap_or(true));
    Ok(recipients)
}

/// Makes a Message-ID with the sender's domain.
pub(crate) fn generated(context: &Context, sender: &Mailbox) -> Result<MessageId, Error> {
    let mut printed = Vec::new();
    generate(context, sender, &mut printed)?;
    MessageId::new(&String::from_utf8_lossy(&printed)).map_err(Error::field("Message-ID"))
}

/// Writes a Message-ID: time, randomness and the sender's domain.
///
/// It needs no check, because digits and letters are atoms, and a domain in A-labels or an address literal is valid
/// after the `@`.
fn generate(context: &Context, sender: &Mailbox, out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(b'<');
    push_base36(context.date().to_unix().unsigned_abs(), out);
    out.push(b'.');
    out.extend_from_slice(&context.message_token());
    out.push(b'@');
    if sender.domain_str().is_ascii() {
        out.extend_from_slice(sender.domain_str().as_bytes());
    } else {
        let domain = sender
            .domain()
            .to_ascii()
            .map_err(|error| ValueError::Address { address: sender.to_string(), error })
            .map_err(Error::field("Message-ID"))?;
        out.extend_from_slice(domain.as_str().as_bytes());
    }
    out.push(b'>');
    Ok(())
}
