//! Whatever stands in the values of a message, it is refused, or the message keeps every rule by the letter, and another
//! parser reads the values back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_parser::{Address, MessageParser, MimeHeaders as _};
use smtp_mime::{
    AddressList, ContentType, Context, Date, Entity, ExistingMessage, Mailbox, Message, MessageBuilder,
    MessageId, NameAddr, Source,
};

#[path = "../../../smtp-mime/tests/messages/strict.rs"]
mod strict;

/// What stands in the message: parts of the input, with an octet of 255 between them. Of each the first octet says how
/// often what follows is repeated, so that long values are short to write.
#[derive(Debug)]
struct Values {
    marks: String,
    subject: String,
    file_name: String,
    parameter: String,
    description: String,
    reference: String,
    header: String,
    list: String,
    text: String,
    names: Vec<String>,
}

impl Values {
    fn read(octets: &[u8]) -> Self {
        let mut parts = octets.split(|&octet| octet == 255).map(piece);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            marks: next(),
            subject: next(),
            file_name: next(),
            parameter: next(),
            description: next(),
            reference: next(),
            header: next(),
            list: next(),
            text: next(),
            names: parts.take(4).collect(),
        }
    }

    fn is_utf8(&self) -> bool {
        self.marks.contains('8')
    }
}

/// Text out of octets: behind a digit it is repeated so often, squared.
fn piece(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets).into_owned();
    let Some(times) = text.chars().next().and_then(|first| first.to_digit(10)) else { return text };
    text[1..].repeat((times * times) as usize + 1)
}

fuzz_target!(|octets: &[u8]| {
    let values = Values::read(octets);
    let Some((builder, read)) = composed(&values) else { return };
    let context = Context::new(Date::from_unix(1_795_196_578, 0).expect("a date"), [7; Context::SEED]);
    let Ok(message) = builder.build(&context) else { return };
    let mut octets = Vec::new();
    message.write_to(&mut octets).expect("octets in memory can be read");
    assert_eq!(octets.len() as u64, message.encoded_len());

    let is_utf8 = message.needs_smtputf8();
    assert!(!is_utf8 || values.is_utf8(), "every address is ASCII");
    let mut broken: Vec<String> = strict::violations(&octets, strict::Allowed { utf8_headers: is_utf8 });
    if is_utf8 {
        // fields of a part in UTF-8 count as its container's body, which says nothing of them: under SMTPUTF8 every
        // server takes 8 bits (RFC 6531 §3.1)
        broken.retain(|rule| !rule.starts_with("8-bit octets in 7bit multipart/"));
    }
    assert!(broken.is_empty(), "{broken:?}\n{}", String::from_utf8_lossy(&octets));

    let existing = ExistingMessage::open(Source::from(octets.clone())).expect("what was written can be read");
    assert_eq!(existing.recipients().expect("addresses"), message.recipients());
    assert_eq!(existing.values("Subject").count(), 1);

    // the other parser takes UTF-8 in header fields for what it is, but not in all places
    if !is_utf8 {
        let parsed = MessageParser::default().parse(&octets).expect("a message");
        // a tab at the end is part of a subject, and of no name
        assert_eq!(parsed.subject().unwrap_or_default(), read.subject.trim_matches(' '));
        let Some(Address::List(to)) = parsed.to() else { panic!("To is no list") };
        let names: Vec<_> = to.iter().map(|address| address.name().unwrap_or_default()).collect();
        assert_eq!(names, read.names.iter().map(|name| trimmed(name)).collect::<Vec<_>>());
        if let Some(name) = &read.file_name {
            let found = parsed.parts.iter().find_map(|part| part.attachment_name());
            assert_eq!(found, Some(name.as_str()));
        }
    }
});

/// What the values are to be read back as.
struct Read {
    subject: String,
    names: Vec<String>,
    file_name: Option<String>,
}

fn composed(values: &Values) -> Option<(MessageBuilder, Read)> {
    let mailbox = Mailbox::try_from("someone@example.org".to_owned()).expect("a mailbox");
    let mut to = vec![NameAddr::new("", mailbox.clone()).expect("no name")];
    for name in &values.names {
        to.push(NameAddr::new(name.clone(), mailbox.clone()).ok()?);
    }
    let mut builder = Message::builder()
        .from(NameAddr::new("", mailbox).expect("no name"))
        .to(to.into_iter().collect::<AddressList>())
        .subject(values.subject.clone())
        .text(values.text.as_str())
        .smtputf8(values.is_utf8());
    for id in values.reference.split(' ').take(64) {
        if let Ok(id) = MessageId::new(id) {
            builder = builder.reference(id);
        }
    }
    if let Some((name, value)) = values.header.split_once(':') {
        // a field that the check below looks at is not given a second time
        let is_checked = ["from", "to", "cc", "bcc", "subject", "date", "message-id", "sender", "reply-to"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        // the check takes =? for the beginning of an encoded-word in a name, too, and in a field of words that are never
        // encoded
        if !is_checked && !name.contains("=?") && (is_unstructured(name) || !value.contains("=?")) {
            builder = builder.header(name, value).ok()?;
        }
    }
    if !values.list.is_empty() {
        builder = builder.list_id(&values.list, "news.example.org").ok()?;
    }
    let mut file_name = None;
    if !values.file_name.is_empty() {
        let mut content_type = ContentType::new("application", "octet-stream").expect("a media type");
        if let Some((attribute, value)) = values.parameter.split_once('=')
            && !["name", "boundary", "charset"].iter().any(|known| attribute.eq_ignore_ascii_case(known))
        {
            content_type = content_type.with_parameter(attribute, value).ok()?;
        }
        let mut entity =
            Entity::octets(content_type, &b"octets"[..]).with_file_name(&values.file_name).ok()?;
        if !values.description.is_empty() {
            entity = entity.with_description(&values.description).ok()?;
        }
        file_name = entity.file_name().map(str::to_owned);
        builder = builder.attach(entity);
    }
    let names = std::iter::once(String::new()).chain(values.names.iter().cloned()).collect();
    Some((builder, Read { subject: values.subject.clone(), names, file_name }))
}

/// Whether the value of a field of this name is surely text.
fn is_unstructured(name: &str) -> bool {
    name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"))
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
