//! Provides the same two messages for each composer, with the same values and output.

use std::{io, sync::Arc};

use smtp_mime::{Context, Date, Disposition, Entity, Mailbox, Message, MessageId, NameAddr, Source};

/// Composes a message (the large one if given, otherwise the small one), and returns its length.
pub(crate) type Compose = fn(&Context, Option<&Large>) -> u64;

/// The composers by name; the first one is compared with the others.
pub(crate) const COMPOSERS: [(&str, Compose); 3] =
    [("smtp-mime", ours), ("mail-builder", mail_builder), ("lettre", lettre)];

/// The messages by name: a text of 1 KB, and the large one.
pub(crate) fn messages(large: &Large) -> [(&'static str, Option<&Large>); 2] {
    [("1 KB", None), ("25 MB", Some(large))]
}

/// The time and the randomness of every message.
pub(crate) fn context() -> Context {
    Context::new(Date::from_unix(1_795_196_578, 0).expect("a date"), [7; Context::SEED])
}

/// The words of every text.
const TEXT: &str =
    "Hello,\n\nthe report of this week is attached. Please have a look before Friday.\n\nKind regards\n";

/// The content of the large message: 25 MB before encoding.
pub(crate) struct Large {
    text: String,
    html: String,
    image: Arc<Vec<u8>>,
    attachments: [Arc<Vec<u8>>; 3],
}

impl Large {
    pub(crate) fn new() -> Self {
        let octets = |count: usize| -> Arc<Vec<u8>> {
            let octets: Vec<_> = (0..=255_u8).cycle().step_by(7).take(count).collect();
            octets.into()
        };
        Self {
            text: TEXT.repeat(100),
            html: format!(
                "<html><body>{}<img src=\"cid:a@example.org\"></body></html>",
                "<p>Some words.</p>\n".repeat(500)
            ),
            image: octets(1_000_000),
            attachments: [octets(12_000_000), octets(8_000_000), octets(4_000_000)],
        }
    }
}

fn ours(context: &Context, large: Option<&Large>) -> u64 {
    let named = |name, address| {
        let mailbox = Mailbox::try_from(address).expect("an address");
        NameAddr::new(name, mailbox).expect("a name")
    };
    let builder = Message::builder()
        .from(named("Anna", "anna@example.org"))
        .to(named("Bernd", "bernd@example.net"))
        .subject("The report of this week");
    let builder = match large {
        None => builder.text(TEXT.repeat(10)),
        Some(large) => {
            let image = Entity::attachment("a.png", Source::shared(large.image.clone()))
                .expect("a name")
                .with_disposition(Disposition::Inline)
                .with_content_id(MessageId::new("a@example.org").expect("an identifier"));
            let builder = builder.text(large.text.as_str()).html(large.html.as_str()).inline(image);
            large.attachments.iter().enumerate().fold(builder, |builder, (index, octets)| {
                builder.attach(
                    Entity::attachment(&format!("{index}.bin"), Source::shared(octets.clone()))
                        .expect("a name"),
                )
            })
        }
    };
    let message = builder.build(context).expect("a message");
    let mut count = Count(0);
    message.write_to(&mut count).expect("a sink takes everything");
    count.0
}

fn mail_builder(_: &Context, large: Option<&Large>) -> u64 {
    let builder = mail_builder::MessageBuilder::new()
        .from(("Anna", "anna@example.org"))
        .to(("Bernd", "bernd@example.net"))
        .subject("The report of this week");
    let builder = match large {
        None => builder.text_body(TEXT.repeat(10)),
        Some(large) => {
            let builder = builder.text_body(large.text.as_str()).html_body(large.html.as_str()).inline(
                "image/png",
                "a@example.org",
                large.image.as_slice(),
            );
            large.attachments.iter().enumerate().fold(builder, |builder, (index, octets)| {
                builder.attachment("application/octet-stream", format!("{index}.bin"), octets.as_slice())
            })
        }
    };
    let mut count = Count(0);
    builder.write_to(&mut count).expect("a sink takes everything");
    count.0
}

fn lettre(_: &Context, large: Option<&Large>) -> u64 {
    use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart, header::ContentType};

    let named =
        |name: &str, address: &str| Mailbox::new(Some(name.to_owned()), address.parse().expect("an address"));
    let builder = Message::builder()
        .from(named("Anna", "anna@example.org"))
        .to(named("Bernd", "bernd@example.net"))
        .subject("The report of this week");
    let message = match large {
        None => builder.body(TEXT.repeat(10)),
        Some(large) => {
            let image = ContentType::parse("image/png").expect("a content type");
            let binary = ContentType::parse("application/octet-stream").expect("a content type");
            let related = MultiPart::related().singlepart(SinglePart::html(large.html.clone())).singlepart(
                Attachment::new_inline("a@example.org".to_owned()).body(large.image.to_vec(), image),
            );
            let alternative =
                MultiPart::alternative().singlepart(SinglePart::plain(large.text.clone())).multipart(related);
            let mixed = MultiPart::mixed().multipart(alternative);
            let mixed = large.attachments.iter().enumerate().fold(mixed, |mixed, (index, octets)| {
                mixed
                    .singlepart(Attachment::new(format!("{index}.bin")).body(octets.to_vec(), binary.clone()))
            });
            builder.multipart(mixed)
        }
    };
    message.expect("a message").formatted().len() as u64
}

/// Counts the bytes written.
struct Count(u64);

impl io::Write for Count {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 += octets.len() as u64;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
