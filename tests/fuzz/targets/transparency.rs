//! Any body, however it is handed in, leaves as lines that a strict server reads back, and ends where it ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_core::{Client, Config, Envelope, Input, Instant, Output, Transmit};

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (body, size) = input;
    let size = usize::from(size).max(1);
    let whole = data(&body, body.len().max(1));
    assert_eq!(data(&body, size), whole, "cut differently");
    assert!(whole.ends_with(b".\r\n"));

    // what a server takes it for
    let mut lines = Vec::new();
    let mut rest = whole.as_slice();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("whole lines");
        let line = &rest[..end];
        rest = &rest[end + 2..];
        assert!(!line.contains(&b'\r') && !line.contains(&b'\n'), "a bare line end");
        if line == b"." {
            break;
        }
        lines.push(line.strip_prefix(b".").unwrap_or(line).to_vec());
    }
    assert!(rest.is_empty(), "an end of the mail data inside of it");
    assert_eq!(lines, lines_of(&body));
});

/// The lines of a text with line ends of any kind.
fn lines_of(body: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut line, mut octets) = (Vec::new(), Vec::new(), body.iter().peekable());
    let mut is_open = false;
    while let Some(&octet) = octets.next() {
        is_open = !matches!(octet, b'\r' | b'\n');
        if is_open {
            line.push(octet);
            continue;
        }
        if octet == b'\r' && octets.peek() == Some(&&b'\n') {
            octets.next();
        }
        lines.push(std::mem::take(&mut line));
    }
    if is_open {
        lines.push(line);
    }
    lines
}

/// What leaves behind DATA when the body is handed in `size` octets at a time.
fn data(body: &[u8], size: usize) -> Vec<u8> {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello("client.example".parse().expect("a domain")).expect("taken");
    let to = ["<bob@example.net>".parse().expect("a path")];
    client.send(Envelope::new("<alice@example.org>".parse().expect("a path"), to)).expect("taken");
    let (mut replies, mut rest, mut leaves) =
        (["220 a\r\n", "250 b\r\n", "250 c\r\n", "250 d\r\n", "354 e\r\n"].into_iter(), body, Vec::new());
    let mut is_in_data = false;
    loop {
        match client.poll(Instant::EPOCH, &mut transmit) {
            Output::Write { .. } => {
                if is_in_data {
                    leaves.extend_from_slice(transmit.octets());
                }
                client.handle(Input::Sent);
            }
            Output::Body(_) => {
                is_in_data = true;
                if rest.is_empty() {
                    client.end_of_body();
                } else {
                    rest = &rest[client.body(&rest[..size.min(rest.len())])..];
                }
            }
            Output::Read { .. } => match replies.next() {
                Some(text) => client.handle(Input::Received(text.as_bytes())),
                None => return leaves,
            },
            Output::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
