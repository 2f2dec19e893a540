//! Provides the header section of a new message (RFC 5322 §3.6).

use std::{collections::HashSet, io::Write as _, sync::Arc};

use smtp_core::{DomainPart, Mailbox};

use super::{BodyType, Message, MessageBuilder};
use crate::{
    Address, AddressList, Context, Entity, Error, MessageId, NameAddr, ValueError,
    address::{self, Style},
    entity::{Plan, Requirements, Segment, plan},
    header::{fold::Folder, unstructured},
};

/// Most header sections are no longer.
const HEADER: usize = 1024;

/// Writes a message: header section first, then what `entity` makes.
pub(super) fn message(
    builder: &MessageBuilder,
    entity: &Entity,
    context: &Context,
    requirements: Requirements,
) -> Result<Message, Error> {
    let smtputf8 = requirements.smtputf8;
    let sender = sender(builder)?;
    let recipients = recipients(builder, smtputf8)?;
    if recipients.is_empty() && !builder.without_recipients {
        return Err(Error::NoRecipients);
    }
    let envelope_sender =
        address::ready(sender.mailbox(), smtputf8).map_err(Error::field("From"))?.into_owned();
    let message_id = match &builder.message_id {
        Some(message_id) => message_id.clone(),
        None => generated(context, &envelope_sender)?,
    };
    let mut header = Vec::with_capacity(HEADER);
    let style = Style { smtputf8, brackets: entity.shows_html() };
    fields(builder, sender, context, &message_id, style, &mut header)?;
    let (plan, body_type) = plan(header, entity, context, requirements)?;
    Ok(finish(
        plan,
        Parts { body_type, sender: Some(envelope_sender), recipients, message_id: Some(message_id) },
    ))
}

/// What is known of a message beside its octets.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) body_type: BodyType,
    pub(crate) sender: Option<Mailbox>,
    pub(crate) recipients: Vec<Mailbox>,
    pub(crate) message_id: Option<MessageId>,
}

/// A message of all its octets, whose header section and blank line stand at the beginning of the first segment.
pub(crate) fn finish(plan: Plan, parts: Parts) -> Message {
    let header = match plan.segments.first() {
        Some(Segment::Octets(octets)) => &octets[..end_of_header(octets)],
        _ => &[],
    };
    let outside_ascii = |mailboxes: &[Mailbox]| mailboxes.iter().any(|mailbox| !mailbox.is_ascii());
    Message {
        octets: plan.octets(),
        smtputf8: !header.is_ascii()
            || outside_ascii(&parts.recipients)
            || outside_ascii(parts.sender.as_slice()),
        header: header.len(),
        plan: Arc::new(plan),
        sender: parts.sender,
        recipients: parts.recipients,
        message_id: parts.message_id,
        body_type: parts.body_type,
    }
}

/// Behind the last field of a header section that a blank line follows.
fn end_of_header(octets: &[u8]) -> usize {
    if octets.starts_with(b"\r\n") {
        return 0;
    }
    memchr::memmem::find(octets, b"\r\n\r\n").map_or(octets.len(), |at| at + 2)
}

/// The fields in the order that people and programs expect.
fn fields(
    builder: &MessageBuilder,
    sender: &NameAddr,
    context: &Context,
    message_id: &MessageId,
    style: Style,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let list = |out: &mut Vec<u8>, name: &str, list: &AddressList| -> Result<(), Error> {
        if list.is_empty() { Ok(()) } else { address::field(out, name, list, style) }
    };
    list(out, "From", &builder.from)?;
    let mut authors = builder.from.mailboxes();
    // Sender says nothing new when it is the only author (RFC 5322 §3.6.2).
    if !(authors.next() == Some(sender.mailbox()) && authors.next().is_none()) {
        list(out, "Sender", &sender.clone().into())?;
    }
    list(out, "Reply-To", &builder.reply_to)?;
    list(out, "To", &builder.to)?;
    list(out, "Cc", &builder.cc)?;
    if builder.to.is_empty() && builder.cc.is_empty() {
        // A message without To is taken for spam sooner than one to an empty group.
        let mut folder = Folder::new(out, "To");
        folder.word(" ", "undisclosed-recipients:;");
        folder.end();
    }
    unstructured::check("subject", &builder.subject).map_err(Error::field("Subject"))?;
    unstructured::write(out, "Subject", &builder.subject, style.smtputf8);
    let date = builder.date.as_ref().unwrap_or_else(|| context.date());
    // Writing to octets in memory cannot fail.
    let _ = write!(out, "Date: {date}\r\nMessage-ID: {message_id}\r\n");
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
    Ok(())
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

fn recipients(builder: &MessageBuilder, smtputf8: bool) -> Result<Vec<Mailbox>, Error> {
    let mut recipients = Vec::new();
    for (name, list) in [("To", &builder.to), ("Cc", &builder.cc), ("Bcc", &builder.bcc)] {
        for mailbox in list.mailboxes() {
            recipients.push(address::ready(mailbox, smtputf8).map_err(Error::field(name))?.into_owned());
        }
    }
    if recipients.len() < 2 {
        return Ok(recipients);
    }
    let mut seen = HashSet::with_capacity(recipients.len());
    let mut first = recipients.iter().map(|mailbox| seen.insert(mailbox)).collect::<Vec<_>>().into_iter();
    recipients.retain(|_| first.next().unwrap_or(true));
    Ok(recipients)
}

/// A Message-ID at the domain of the sender: the time, randomness, the domain.
pub(crate) fn generated(context: &Context, sender: &Mailbox) -> Result<MessageId, Error> {
    let domain = match sender.domain() {
        DomainPart::Domain(domain) => domain
            .to_ascii()
            .map(|domain| domain.to_string())
            .map_err(|error| ValueError::Address { address: sender.to_string(), error }),
        DomainPart::AddressLiteral(literal) => Ok(literal.to_string()),
    }
    .map_err(Error::field("Message-ID"))?;
    let time = crate::context::short_base36(context.date().unix().unsigned_abs());
    MessageId::new(&format!("{time}.{}@{domain}", context.message_token()))
        .map_err(Error::field("Message-ID"))
}
