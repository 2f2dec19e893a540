//! Counts allocations; in a program of its own because the allocator is global.

use smtp_core::*;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The server's replies to EHLO.
const OFFERS: [&[u8]; 3] =
    [b"250 mx\r\n", b"250-mx\r\n250 PIPELINING\r\n", b"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"];

/// Sends `count` messages of `length` octets each to one recipient; returns the number of allocations.
fn send(client: &mut Client, transmit: &mut Transmit, count: usize, length: u64) -> u64 {
    const BLOCK: [u8; 16 * 1024] = [b'x'; 16 * 1024];
    let envelopes = vec![
        Envelope::new(
            "<alice@example.org>".parse().expect("valid"),
            ["<bob@example.net>".parse().expect("valid")],
        );
        count
    ];
    let before = dhat::HeapStats::get().total_blocks;
    for envelope in envelopes {
        client.send(envelope).expect("accepted");
        let mut left = length;
        let mut data_ends = false;
        loop {
            match client.poll(Instant::EPOCH, transmit) {
                Output::Write { .. } => {
                    let octets = transmit.octets();
                    let chunks = octets.windows(5).filter(|five| five == b"BDAT ").count();
                    let commands =
                        octets.windows(4).filter(|four| matches!(*four, b"MAIL" | b"RCPT" | b"RSET")).count();
                    let asks_for_data = octets.ends_with(b"DATA\r\n");
                    data_ends |= octets.ends_with(b"\r\n.\r\n");
                    client.handle(Input::Sent);
                    for _ in 0..chunks + commands {
                        client.handle(Input::Received(b"250 2.0.0 ok\r\n"));
                    }
                    if asks_for_data {
                        client.handle(Input::Received(b"354 go ahead\r\n"));
                    }
                    if std::mem::take(&mut data_ends) {
                        client.handle(Input::Received(b"250 2.0.0 queued\r\n"));
                    }
                }
                Output::Body(_) if left == 0 => client.end_of_body(),
                Output::Body(_) => {
                    let piece = usize::try_from(left.min(BLOCK.len() as u64)).expect("at most a block");
                    left -= client.body(&BLOCK[..piece]) as u64;
                }
                Output::Event(Event::Done { end: End::Delivered(outcomes), .. }) => {
                    assert!(matches!(outcomes[..], [Outcome::Accepted(_)]), "{outcomes:?}");
                    break;
                }
                Output::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    dhat::HeapStats::get().total_blocks - before
}

/// Makes a client after its hello.
fn greeted(offer: &[u8]) -> (Client, Transmit) {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello("client.example".parse().expect("valid")).expect("accepted");
    for text in [b"220 mx\r\n", offer] {
        client.handle(Input::Received(text));
        while let Output::Event(_) | Output::Write { .. } = client.poll(Instant::EPOCH, &mut transmit) {
            client.handle(Input::Sent);
        }
    }
    (client, transmit)
}

/// One test, because the counts are those of the whole program.
#[test]
fn a_message_costs_a_handful_of_allocations_and_a_gigabyte_one_chunk() {
    const GIGABYTE: u64 = 1 << 30;
    let profiler = dhat::Profiler::builder().testing().build();
    for offer in OFFERS {
        let (mut client, mut transmit) = greeted(offer);
        send(&mut client, &mut transmit, 10, 1000);
        let each = send(&mut client, &mut transmit, 100, 1000) / 100;
        println!(
            "{each} allocations for a message to one recipient, server: {:?}",
            std::str::from_utf8(offer)
        );
        assert!(each <= 6, "{each} allocations");
    }
    drop(profiler);

    let length = if cfg!(debug_assertions) { GIGABYTE / 16 } else { GIGABYTE };
    for offer in &OFFERS[1..] {
        let _profiler = dhat::Profiler::builder().testing().build();
        let (mut client, mut transmit) = greeted(offer);
        send(&mut client, &mut transmit, 1, length);
        let peak = dhat::HeapStats::get().max_bytes;
        println!("{peak} octets held at most for a message of {length}");
        assert!(peak <= 8 * Limits::default().chunk, "{peak} octets");
    }
}
