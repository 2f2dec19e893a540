//! A client and a server in one thread, connected by two buffers and a simulated network.
//!
//! It counts the round trips of a hundred messages.
//!
//! ```text
//! cargo run -p smtp-core --example in_memory
//! ```

use smtp_core::{Client, Config, End, Envelope, Event, Input, Instant, Outcome, Output, Transmit};
use std::error::Error;
use std::time::Duration;

/// The time of a round trip.
const ROUND_TRIP: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    for offers in [&[][..], &["PIPELINING"], &["PIPELINING", "CHUNKING"]] {
        let (delivered, time) = send(100, offers)?;
        println!("{delivered} messages in {:>5.2} s, extensions: {}", time.as_secs_f64(), offers.join(" "));
    }
    Ok(())
}

/// Sends `count` messages to a server that offers `extensions`; returns the number accepted and the time.
fn send(count: usize, extensions: &[&str]) -> Result<(usize, Duration), Box<dyn Error>> {
    let mut client = Client::new(Config::default());
    client.hello("client.example".parse()?)?;
    for _ in 0..count {
        client.send(Envelope::new("<alice@example.org>".parse()?, ["<bob@example.net>".parse()?]))?;
    }
    client.quit()?;

    let mut server = Server::new(extensions);
    let (mut transmit, mut now, mut delivered) = (Transmit::new(), Instant::EPOCH, 0);
    loop {
        match client.poll(now, &mut transmit) {
            Output::Write { .. } => {
                server.take(transmit.octets());
                client.handle(Input::Sent);
            }
            Output::Read { .. } => {
                now = now + ROUND_TRIP;
                client.handle(Input::Received(&std::mem::take(&mut server.replies)));
            }
            Output::Body(_) => {
                client.body(b"Subject: hello\r\n\r\nIt works.\r\n");
                client.end_of_body();
            }
            Output::Event(Event::Done { end: End::Delivered(outcomes), .. }) => {
                delivered +=
                    outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count();
            }
            Output::Event(_) => {}
            Output::Handshake { .. } | Output::Idle => {
                return Err("neither TLS nor another goal was asked for".into());
            }
            Output::Closed => return Ok((delivered, now.since_epoch())),
        }
    }
}

/// A server that accepts everything.
struct Server {
    offer: Vec<u8>,
    replies: Vec<u8>,
    is_in_data: bool,
}

impl Server {
    fn new(extensions: &[&str]) -> Self {
        let mut lines = vec!["mx.example.net"];
        lines.extend_from_slice(extensions);
        let last = lines.len() - 1;
        let line =
            |(at, text): (usize, &&str)| format!("250{}{text}\r\n", if at == last { ' ' } else { '-' });
        let offer = lines.iter().enumerate().map(line).collect::<String>().into_bytes();
        Self { offer, replies: b"220 mx.example.net\r\n".to_vec(), is_in_data: false }
    }

    fn take(&mut self, mut octets: &[u8]) {
        while let Some(end) = octets.windows(2).position(|two| two == b"\r\n") {
            let line = &octets[..end];
            octets = &octets[end + 2..];
            match line.split(|octet| matches!(octet, b' ' | b':')).next() {
                _ if self.is_in_data && line != b"." => continue,
                Some(b"EHLO") => self.replies.extend_from_slice(&self.offer),
                Some(b"QUIT") => self.replies.extend_from_slice(b"221 bye\r\n"),
                Some(b"DATA") => self.replies.extend_from_slice(b"354 go\r\n"),
                Some(b"BDAT") => {
                    let length = line
                        .split(|octet| *octet == b' ')
                        .nth(1)
                        .and_then(|word| std::str::from_utf8(word).ok());
                    octets = &octets[length.and_then(|length| length.parse().ok()).unwrap_or(0)..];
                    self.replies.extend_from_slice(b"250 queued\r\n");
                }
                _ => self.replies.extend_from_slice(b"250 ok\r\n"),
            }
            self.is_in_data = line == b"DATA";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extensions_determine_the_number_of_round_trips() {
        let turns = |extensions: &[&str]| {
            let (delivered, time) = send(100, extensions).unwrap();
            assert_eq!(delivered, 100);
            time.as_millis() / ROUND_TRIP.as_millis()
        };
        // greeting, hello, QUIT, and four for each message
        assert_eq!(turns(&[]), 403);
        // greeting, hello, the first envelope, and one for each message
        assert_eq!(turns(&["PIPELINING"]), 103);
        // greeting, hello, and one for each message
        assert_eq!(turns(&["PIPELINING", "CHUNKING"]), 102);
    }
}
