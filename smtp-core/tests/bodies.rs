//! Tests mail data: it is sent the same however it is supplied, in constant memory.

use crate::pair::*;
use smtp_core::*;

#[test]
fn a_repaired_message_ends_at_the_same_position() {
    for (body, leaves) in [
        ("", ".\r\n"),
        ("a", "a\r\n.\r\n"),
        ("a\r\n", "a\r\n.\r\n"),
        ("a\r\n\r\n", "a\r\n\r\n.\r\n"),
        (".a", "..a\r\n.\r\n"),
    ] {
        let start = || {
            let mut pair = Pair::new(Config::default());
            pair.client.hello(domain()).unwrap();
            pair.client.send(envelope(&["bob@example.net"])).unwrap();
            pair.with_body(body)
        };
        let run = play(start, &[say("220 mx\r\n"), say(PIPELINING), say("250 ok\r\n250 ok\r\n354 go\r\n")]);
        assert_eq!(run.writes[2..].concat(), leaves);
    }
}

/// Sends `length` octets of text; returns the size of the largest write and of all writes after the replies.
fn stream(offers: &str, length: usize) -> (usize, usize) {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello(domain()).unwrap();
    client.send(envelope(&["bob@example.net"])).unwrap();
    let line = [&[b'x'; 76][..], b"\r\n"].concat();
    let block = line.repeat(100);
    let (mut left, mut largest, mut total) = (length, 0, 0);
    let mut replies = vec!["354 go\r\n", "250 ok\r\n", "250 ok\r\n", offers, "220 mx\r\n"];
    if offers == CHUNKING {
        replies.remove(0);
    }
    loop {
        match client.poll(Instant::EPOCH, &mut transmit) {
            Output::Write { .. } => {
                largest = largest.max(transmit.octets().len());
                total += transmit.octets().len();
                let chunks = transmit.octets().windows(5).filter(|five| *five == b"BDAT ").count();
                client.handle(Input::Sent);
                for _ in 0..chunks {
                    client.handle(Input::Received(b"250 ok\r\n"));
                }
            }
            Output::Body(_) if left == 0 => client.end_of_body(),
            Output::Body(_) => left -= client.body(&block[..block.len().min(left)]),
            Output::Event(Event::Done { end: End::Delivered(outcomes), .. }) => {
                assert_eq!(outcomes, [accepted("250 ok")]);
                return (largest, total);
            }
            Output::Event(_) => {}
            Output::Read { .. } => {
                let text = replies.pop().unwrap_or("250 ok\r\n");
                client.handle(Input::Received(text.as_bytes()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_large_message_is_never_held_whole() {
    const LENGTH: usize = 64 << 20;
    let chunk = Limits::default().chunk;
    for offers in [PIPELINING, CHUNKING] {
        let (largest, total) = stream(offers, LENGTH);
        assert!(total > LENGTH);
        assert!(largest <= 2 * chunk + 1024, "{largest} octets in one write");
    }
}

#[test]
fn octets_that_were_not_requested_are_not_accepted() {
    let mut client = Client::new(Config::default());
    assert_eq!(client.body(b"x"), 0);
    client.end_of_body();
    client.abort_body();
    assert_eq!(
        client.poll(Instant::EPOCH, &mut Transmit::new()),
        Output::Read { until: Instant::EPOCH + Timeouts::default().greeting }
    );
}
