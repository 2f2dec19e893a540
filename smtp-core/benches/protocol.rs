//! Measures the protocol within a process, next to crates with the same purpose: `cargo bench -p smtp-core`.
//!
//! The names are `ours` or the other crate's; `copy` copies the memory only and is the lower bound.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use smtp_core::{Client, Config, End, Envelope, Event, Input, Instant, Limits, Outcome, Output, Transmit};

fn main() {
    // a measurement takes seconds, so skip it when a test run only checks that it starts
    if std::env::args().any(|argument| argument == "--bench") {
        divan::main();
    }
}

/// A reply of one line and one of ten, as servers send them.
const REPLIES: [(&str, &[u8]); 2] = [
    ("one line", b"250 2.0.0 Ok: queued as 4XyZ1dQbTkz1Vh\r\n"),
    (
        "ten lines",
        b"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-VRFY\r\n250-ETRN\r\n250-STARTTLS\r\n\
          250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 CHUNKING\r\n",
    ),
];

/// The names of the replies.
const LINES: [&str; 2] = [REPLIES[0].0, REPLIES[1].0];

/// The reply of that name.
fn reply_of(name: &str) -> &'static [u8] {
    REPLIES.iter().find(|(of, _)| *of == name).map(|(_, octets)| *octets).expect("it is one of them")
}

mod reply {
    use super::{Bencher, LINES, Limits, black_box, reply_of};

    /// The number of iterations per sample, because one is too short for the clock.
    const SAMPLE: u32 = 1000;

    /// Borrows the received octets.
    #[divan::bench(args = LINES, sample_size = SAMPLE)]
    fn ours_borrowed(bencher: Bencher<'_, '_>, name: &str) {
        let reply = reply_of(name);
        let limits = Limits::default();
        bencher.bench(|| {
            smtp_core::reply::parse(black_box(reply), &limits)
                .map(|found| found.map(|(found, length)| (found.code(), length)))
        });
    }

    /// Copies the reply, as events hold it.
    #[divan::bench(args = LINES, sample_size = SAMPLE)]
    fn ours_owned(bencher: Bencher<'_, '_>, name: &str) {
        let reply = reply_of(name);
        let limits = Limits::default();
        bencher.bench(|| {
            let (found, _) = smtp_core::reply::parse(black_box(reply), &limits).ok()??;
            Some(found.to_reply())
        });
    }

    #[divan::bench(args = LINES, sample_size = SAMPLE)]
    fn smtp_proto(bencher: Bencher<'_, '_>, name: &str) {
        let reply = reply_of(name);
        bencher.bench(|| {
            smtp_proto::response::parser::ResponseReceiver::default().parse(&mut black_box(reply).iter())
        });
    }

    #[divan::bench(args = LINES, sample_size = SAMPLE)]
    fn lettre(bencher: Bencher<'_, '_>, name: &str) {
        let reply = reply_of(name);
        let text = std::str::from_utf8(reply).expect("the replies are ASCII");
        bencher.bench(|| black_box(text).parse::<lettre::transport::smtp::response::Response>());
    }
}

mod ehlo {
    use super::{Bencher, REPLIES, black_box, greeted};

    /// The whole cost: makes a client, greets it, and completes its hello.
    #[divan::bench]
    fn ours_from_the_greeting(bencher: Bencher<'_, '_>) {
        bencher.bench(|| greeted(black_box(REPLIES[1].1)));
    }

    #[divan::bench]
    fn smtp_proto(bencher: Bencher<'_, '_>) {
        bencher.bench(|| smtp_proto::EhloResponse::parse(&mut black_box(REPLIES[1].1).iter()));
    }

    #[divan::bench]
    fn lettre(bencher: Bencher<'_, '_>) {
        let text = std::str::from_utf8(REPLIES[1].1).expect("the replies are ASCII");
        bencher.bench(|| {
            let reply: lettre::transport::smtp::response::Response =
                black_box(text).parse().expect("it is a reply");
            lettre::transport::smtp::extension::ServerInfo::from_response(&reply)
        });
    }
}

mod transaction {
    use super::{Bencher, BytesCount, Envelope, ItemsCount, black_box, greeted, send};

    /// The server's offers and their names here.
    const OFFERS: [(&str, &[u8]); 3] = [
        ("alone", b"250 mx\r\n"),
        ("PIPELINING", b"250-mx\r\n250 PIPELINING\r\n"),
        ("CHUNKING", b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
    ];

    /// Sends one message of 1 KiB, from the goal to its outcomes. No other crate has a protocol without a socket.
    #[divan::bench(args = [("alone", 1), ("PIPELINING", 1), ("PIPELINING", 50), ("CHUNKING", 1), ("CHUNKING", 50)])]
    fn ours(bencher: Bencher<'_, '_>, (offer, recipients): (&str, usize)) {
        let (_, offer) = OFFERS.iter().find(|(name, _)| *name == offer).expect("it is one of them");
        let (mut client, mut transmit) = greeted(offer);
        let to = (0..recipients).map(|index| format!("r{index}@example.net").parse().expect("an address"));
        let envelope =
            Envelope::new("alice@example.org".parse().expect("an address"), to.collect::<Vec<_>>());
        let message = "This line is as long as the lines of a text are.\r\n".repeat(20);
        bencher.counter(BytesCount::of_str(&message)).counter(ItemsCount::new(1_usize)).bench_local(|| {
            send(&mut client, &mut transmit, envelope.clone(), black_box(message.as_bytes()))
        });
    }
}

mod transparency {
    use super::{
        Bencher, BytesCount, Client, Envelope, Input, Instant, Output, Transmit, black_box, greeted,
    };

    /// The size of a piece of mail data, which stays in the cache.
    const PIECE: usize = 32 * 1024;

    fn text(line: &str) -> Vec<u8> {
        line.bytes().cycle().take(PIECE / line.len() * line.len()).collect()
    }

    /// Makes a client that streams a message and requests more of it.
    fn streaming() -> (Client, Transmit) {
        let (mut client, mut transmit) = greeted(b"250 mx\r\n");
        let envelope = Envelope::new(
            "alice@example.org".parse().expect("an address"),
            ["bob@example.net".parse().expect("an address")],
        );
        client.send(envelope).expect("accepted");
        loop {
            match client.poll(Instant::EPOCH, &mut transmit) {
                Output::Write { .. } => client.handle(Input::Sent),
                Output::Read { .. } if transmit.octets() == b"DATA\r\n" => {
                    client.handle(Input::Received(b"354 go\r\n"));
                }
                Output::Read { .. } => client.handle(Input::Received(b"250 ok\r\n")),
                Output::Body(_) => return (client, transmit),
                _ => {}
            }
        }
    }

    fn stream(bencher: Bencher<'_, '_>, line: &str) {
        let (mut client, mut transmit) = streaming();
        let text = text(line);
        bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
            let mut rest = black_box(text.as_slice());
            loop {
                match client.poll(Instant::EPOCH, &mut transmit) {
                    Output::Body(_) if rest.is_empty() => return,
                    Output::Body(_) => rest = &rest[client.body(rest)..],
                    Output::Write { .. } => client.handle(Input::Sent),
                    _ => {}
                }
            }
        });
    }

    /// Text with CRLF line ends, without a dot at the start of a line.
    #[divan::bench]
    fn ours_clean(bencher: Bencher<'_, '_>) {
        stream(bencher, "This line is as long as the lines of a text are, or a little longer than that.\r\n");
    }

    /// Text that needs a repair in each line.
    #[divan::bench]
    fn ours_lone_line_feeds(bencher: Bencher<'_, '_>) {
        stream(bencher, "This line is as long as the lines of a text are, or a little longer than that.\n");
    }

    /// Text that needs a dot in each line.
    #[divan::bench]
    fn ours_dots(bencher: Bencher<'_, '_>) {
        stream(bencher, ".his line is as long as the lines of a text are, or a little longer than that.\r\n");
    }

    #[divan::bench]
    fn copy(bencher: Bencher<'_, '_>) {
        let text = text("This line is as long as the lines of a text are, or a little longer than that.\r\n");
        let mut copied = Vec::with_capacity(2 * PIECE);
        bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
            copied.clear();
            copied.extend_from_slice(black_box(&text));
            black_box(copied.len())
        });
    }
}

/// Makes a client after its hello to a server with this offer.
fn greeted(offer: &[u8]) -> (Client, Transmit) {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello("client.example".parse().expect("a domain")).expect("accepted");
    for reply in [b"220 mx\r\n", offer] {
        client.handle(Input::Received(reply));
        while let Output::Event(_) | Output::Write { .. } = client.poll(Instant::EPOCH, &mut transmit) {
            client.handle(Input::Sent);
        }
    }
    (client, transmit)
}

/// Sends a message to a server that accepts everything.
fn send(client: &mut Client, transmit: &mut Transmit, envelope: Envelope, message: &[u8]) -> Vec<Outcome> {
    let recipients = envelope.recipients.len();
    client.send(envelope).expect("accepted");
    let mut rest = message;
    loop {
        match client.poll(Instant::EPOCH, transmit) {
            Output::Write { .. } => {
                let octets = transmit.octets();
                let (is_end, asks) = (octets.ends_with(b"\r\n.\r\n"), octets.ends_with(b"DATA\r\n"));
                let commands = if is_end {
                    1
                } else if asks || octets.starts_with(b"MAIL") || octets.starts_with(b"RCPT") {
                    replies_to(octets, recipients)
                } else {
                    0
                };
                client.handle(Input::Sent);
                for _ in 0..commands {
                    client.handle(Input::Received(b"250 2.0.0 Ok\r\n"));
                }
                if asks {
                    client.handle(Input::Received(b"354 End data with <CR><LF>.<CR><LF>\r\n"));
                }
            }
            Output::Body(_) if rest.is_empty() => client.end_of_body(),
            Output::Body(_) => rest = &rest[client.body(rest)..],
            Output::Event(Event::Done { end: End::Delivered(outcomes), .. }) => return outcomes,
            Output::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Counts the expected replies to these commands: those to MAIL, to each RCPT and to BDAT.
fn replies_to(octets: &[u8], recipients: usize) -> usize {
    if octets.starts_with(b"RCPT") {
        return 1;
    }
    let is_group = octets.ends_with(b"DATA\r\n");
    let is_whole = !is_group && octets.windows(5).any(|five| five == b"BDAT ");
    if octets == b"DATA\r\n" {
        0
    } else if is_whole {
        recipients + 2
    } else if is_group {
        recipients + 1
    } else {
        1
    }
}
