//! What a server says while a message is on its way to it: a refusal ends the message, whether or not the server goes on
//! reading, and two ends that both write do not wait for each other.

use crate::raw_server::{Server, Stream, Way, at_message, bdat, large_message, read_line, say, skip};
use crate::support::{Ran, smtp_cli};
use smtp_cli::Exit;
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

/// Octets of the message.
const SIZE: usize = 10 << 20;
/// The block timer, so far above what a run takes that no machine is slow enough to mistake one for the other.
const LIMIT: Duration = Duration::from_mins(1);
/// After so many octets of the message the server speaks.
const EARLY: usize = 200_000;

/// What the server does in the middle of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Says this, and reads no more.
    StopsReading(&'static str),
    /// Says this, and reads everything.
    GoesOn(&'static str),
}

impl Server<usize> {
    /// One that takes a message by DATA or, with `chunking`, by BDAT, and does in its middle what `then` says.
    fn start(way: Way, chunking: bool, then: Then) -> Self {
        Self::with(way, move |stream, client_ended| {
            let (mut stream, mut line) = at_message(stream, way, chunking);
            let mut got = 0;
            if chunking {
                // Whole chunks, so that the reply is one to a command.
                while got < EARLY {
                    let size = bdat(&line);
                    skip(&mut stream, size);
                    got += size;
                    if got < EARLY {
                        say(stream.get_mut(), "250 taken\r\n");
                        line = read_line(&mut stream);
                    }
                }
            } else {
                skip(&mut stream, EARLY);
                got = EARLY;
            }
            match then {
                Then::StopsReading(reply) => {
                    say(stream.get_mut(), reply);
                    let _ = client_ended.recv();
                    got
                }
                Then::GoesOn(reply) => {
                    say(stream.get_mut(), reply);
                    got + rest(&mut stream, chunking)
                }
            }
        })
    }

    /// Sends a large message to it; gives what the client said, how long it took, and what the server read of it.
    fn takes(self, way: Way, arguments: &[&str]) -> (Ran, Duration, usize) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), large_message(SIZE)).unwrap();
        let begin = Instant::now();
        let encryption = if way == Way::Tls { ["--tls", "starttls"] } else { ["--tls", "none"] };
        let ran = smtp_cli(["send", "--server", &self.address, "--helo", "client.example"])
            .with_all(&["--from", "a@example.org", "--to", "b@example.net", "--insecure"])
            .with_all(&encryption)
            .with(["--eml".to_string(), file.path().display().to_string()])
            .with(["--timeout".to_string(), format!("block={0},rcpt={0},end={0}", LIMIT.as_secs())])
            .with_all(arguments)
            .run();
        let time = begin.elapsed();
        drop(self.client_ended);
        (ran, time, self.thread.join().unwrap())
    }
}

/// Reads everything that is left; gives how many octets of the message were among it.
fn rest(stream: &mut BufReader<Box<dyn Stream>>, chunking: bool) -> usize {
    let mut got = 0;
    if !chunking {
        // The end of the stream, or of what the client can send before it breaks.
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            got += count;
        }
        return got;
    }
    loop {
        let mut line = String::new();
        if !stream.read_line(&mut line).is_ok_and(|count| count > 0) {
            return got;
        }
        if line.starts_with("BDAT") {
            let size = bdat(&line);
            skip(stream, size);
            got += size;
            say(stream.get_mut(), "503 5.5.1 refused already\r\n");
        } else {
            say(stream.get_mut(), if line.starts_with("QUIT") { "221 bye\r\n" } else { "250 ok\r\n" });
        }
    }
}

fn ways() -> impl Iterator<Item = (Way, bool)> {
    let ways = if cfg!(unix) { &[Way::Clear, Way::Tls, Way::Unix][..] } else { &[Way::Clear, Way::Tls] };
    ways.iter().flat_map(|&way| [(way, false), (way, true)])
}

/// Sends to a server that refuses the message in its middle and then reads no more.
fn refused_in_the_middle(way: Way, chunking: bool) {
    for (reply, exit) in
        [("552 5.3.4 too large\r\n", Exit::DATA), ("452 4.3.1 disk full\r\n", Exit::TEMPORARY)]
    {
        let server = Server::start(way, chunking, Then::StopsReading(reply));
        let (ran, time, _) = server.takes(way, &[]);
        assert_eq!(ran.exit, exit, "{way:?} {}{}", ran.output, ran.error);
        let words = format!("refused   b@example.net  at the message: {}", reply.trim());
        assert!(ran.output.contains(&words), "{way:?} {}", ran.output);
        assert!(time < LIMIT / 2, "{way:?}: {time:?}");
    }
}

#[test]
fn a_refusal_in_the_middle_of_a_message_ends_it_though_nobody_reads_on() {
    for (way, _) in ways().filter(|(_, chunking)| !chunking) {
        refused_in_the_middle(way, false);
    }
}

#[test]
fn a_refusal_of_a_chunk_ends_the_message_though_nobody_reads_on() {
    for (way, _) in ways().filter(|(_, chunking)| *chunking) {
        refused_in_the_middle(way, true);
    }
}

#[test]
fn a_421_in_the_middle_of_a_message_ends_it_as_unsent() {
    for (way, chunking) in ways() {
        let server = Server::start(way, chunking, Then::StopsReading("421 4.3.2 shutting down\r\n"));
        let (ran, time, _) = server.takes(way, &[]);
        assert_eq!(ran.exit, Exit::TEMPORARY, "{way:?} {chunking} {}{}", ran.output, ran.error);
        assert!(ran.output.contains("421 4.3.2 shutting down"), "{}", ran.output);
        assert!(time < LIMIT / 2, "{way:?} {chunking}: {time:?}");
    }
}

#[test]
fn the_rest_of_a_message_that_was_refused_stays_here() {
    for (way, chunking) in ways() {
        let server = Server::start(way, chunking, Then::GoesOn("552 5.3.4 too large\r\n"));
        let (ran, time, octets) = server.takes(way, &[]);
        assert_eq!(ran.exit, Exit::DATA, "{way:?} {chunking} {}{}", ran.output, ran.error);
        assert!(ran.output.contains("552 5.3.4 too large"), "{}", ran.output);
        assert!(octets < SIZE - EARLY, "{way:?} {chunking}: {octets} octets of {SIZE}");
        assert!(time < LIMIT / 2, "{way:?} {chunking}: {time:?}");
    }
}

#[test]
fn two_ends_that_both_write_do_not_wait_for_each_other() {
    /// As long as a reply may be.
    const REPLY: usize = 60_000;
    for way in [Way::Clear, Way::Tls, Way::Unix] {
        if way == Way::Unix && cfg!(not(unix)) {
            continue;
        }
        let server = Server::with(way, move |stream, _| {
            let (mut stream, mut line) = at_message(stream, way, true);
            let line_of_many = format!("250-{}\r\n", "x".repeat(400));
            let reply = line_of_many.repeat(REPLY / line_of_many.len()) + "250 taken\r\n";
            let mut got = 0;
            loop {
                // Many chunks at once, and then many replies at once: more than the buffers between the two hold.
                let mut count = 0;
                let is_last = loop {
                    let size = bdat(&line);
                    skip(&mut stream, size);
                    got += size;
                    count += 1;
                    let is_last = line.contains("LAST");
                    if is_last || count == 60 {
                        break is_last;
                    }
                    line = read_line(&mut stream);
                };
                for _ in 0..count {
                    say(stream.get_mut(), &reply);
                }
                if is_last {
                    break;
                }
                line = read_line(&mut stream);
            }
            assert_eq!(read_line(&mut stream), "QUIT\r\n");
            say(stream.get_mut(), "221 bye\r\n");
            got
        });
        let (ran, time, octets) = server.takes(way, &[]);
        assert_eq!(ran.exit, Exit::OK, "{way:?} {}{}", ran.output, ran.error);
        assert!(octets >= SIZE, "{way:?}: {octets} octets of {SIZE}");
        assert!(time < LIMIT / 2, "{way:?}: {time:?}");
    }
}
