//! A client that waits for an acknowledgement before it sends the rest of a message.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use smtp_mock::Mock;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long so many messages take a client that writes each in pieces and leaves Nagle's algorithm on: the second piece
/// then waits until the first is acknowledged, which the system delays by 40 ms.
fn time_of_messages(server: &Mock, count: u32) -> Duration {
    let stream = TcpStream::connect(server.addr()).unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap());
    let mut reply = || {
        let mut line = String::new();
        while line.get(3..4).is_none_or(|mark| mark != " ") {
            line.clear();
            assert!(replies.read_line(&mut line).unwrap() > 0, "the server ended the connection");
        }
        line
    };
    reply();
    let mut command = |text: &str| (&stream).write_all(text.as_bytes()).map(|()| reply()).unwrap();
    command("EHLO client.test\r\n");
    let begin = Instant::now();
    for _ in 0..count {
        command("MAIL FROM:<a@x.test>\r\n");
        command("RCPT TO:<b@x.test>\r\n");
        command("DATA\r\n");
        (&stream).write_all(b"Subject: hello\r\n").unwrap();
        assert!(command("\r\nIt works.\r\n.\r\n").starts_with("250"));
    }
    begin.elapsed()
}

#[test]
fn a_client_that_waits_for_acknowledgements_does_not_stall() {
    const COUNT: u32 = 20;
    let stalling = time_of_messages(&Mock::builder().start(), COUNT);
    assert!(
        stalling >= COUNT * Duration::from_millis(30),
        "without it there is nothing to see: {stalling:?}"
    );
    let quick = time_of_messages(&Mock::builder().quick_ack().start(), COUNT);
    assert!(quick < stalling / 4, "{quick:?} instead of {stalling:?}");
}
