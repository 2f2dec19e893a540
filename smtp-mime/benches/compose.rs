//! Composes the same two messages with this crate, with mail-builder and with lettre: how fast, in how much memory.
//!
//! `cargo bench -p smtp-mime`

use std::{
    hint::black_box,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use smtp_mime::{AddressList, Context, Date, Disposition, Entity, Message, MessageId, Source};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const TEXT: &str =
    "Hello,\n\nthe report of this week is attached. Please have a look before Friday.\n\nKind regards\n";

/// What the large message is made of: 25 MB as they are before encoding.
struct Large {
    text: String,
    html: String,
    image: Arc<Vec<u8>>,
    attachments: [Arc<Vec<u8>>; 3],
}

impl Large {
    fn new() -> Self {
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
    let list = |text: &str| text.parse::<AddressList>().expect("an address");
    let builder = Message::builder()
        .from(list("Anna <anna@example.org>"))
        .to(list("Bernd <bernd@example.net>"))
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
    message.write_to(&mut io::sink()).expect("a sink takes everything")
}

fn mail_builder(large: Option<&Large>) -> u64 {
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

fn lettre(large: Option<&Large>) -> u64 {
    use lettre::message::{Attachment, Message, MultiPart, SinglePart, header::ContentType};

    let builder = Message::builder()
        .from("Anna <anna@example.org>".parse().expect("an address"))
        .to("Bernd <bernd@example.net>".parse().expect("an address"))
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

/// Counts what is written.
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

fn measure(name: &str, message: &str, mut compose: impl FnMut() -> u64) {
    let octets = compose();
    // Each composer has the same time; the best of several rounds is what the machine can do.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let (start, mut rounds) = (Instant::now(), 0_u32);
        while start.elapsed() < Duration::from_millis(200) {
            black_box(compose());
            rounds += 1;
        }
        best = best.min(start.elapsed() / rounds);
    }
    let profiler = dhat::Profiler::builder().testing().build();
    black_box(compose());
    let heap = dhat::HeapStats::get();
    drop(profiler);
    #[allow(clippy::cast_precision_loss)]
    let (megabytes, messages) = (octets as f64 / 1e6 / best.as_secs_f64(), 1.0 / best.as_secs_f64());
    println!(
        "{message:<6} {name:<13} {octets:>9} octets {megabytes:>8.0} MB/s {messages:>9.0} messages/s {:>9} octets at peak {:>6} allocations",
        heap.max_bytes, heap.total_blocks
    );
}

fn main() {
    let context = Context::new(Date::from_unix(1_795_196_578, 0).expect("a date"), [7; Context::SEED]);
    let large = Large::new();
    for (message, large) in [("1 KB", None), ("25 MB", Some(&large))] {
        measure("smtp-mime", message, || ours(&context, large));
        measure("mail-builder", message, || mail_builder(large));
        measure("lettre", message, || lettre(large));
    }
}
