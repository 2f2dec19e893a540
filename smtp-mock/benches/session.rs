//! Plays whole sessions in memory: greeting, EHLO, messages, QUIT; how fast, with how many allocations for a message.
//!
//! `cargo bench -p smtp-mock`; no socket and no thread takes part, so what is measured is the session and its capture.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use smtp_mock::{CaptureLimits, Output, Scenario, Server, Session};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const MESSAGES: usize = 100;

/// How a client sends its messages.
#[derive(Clone, Copy)]
enum Way {
    /// Each command waits for the reply to the one before it.
    LockStep,
    /// MAIL, RCPT and DATA leave together (RFC 2920).
    Pipelined,
    /// MAIL, RCPT and BDAT leave together, with the message (RFC 3030).
    Chunked,
}

impl Way {
    /// What the client writes for one message, packet by packet.
    fn packets(self, message: &[u8]) -> Vec<Vec<u8>> {
        let envelope = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n";
        match self {
            Self::LockStep => {
                let mut packets: Vec<_> =
                    envelope.split_inclusive(|&octet| octet == b'\n').map(<[u8]>::to_vec).collect();
                packets.push(b"DATA\r\n".to_vec());
                packets.push([message, b".\r\n"].concat());
                packets
            }
            Self::Pipelined => {
                vec![[&envelope[..], b"DATA\r\n"].concat(), [message, b".\r\n"].concat()]
            }
            Self::Chunked => {
                let command = format!("BDAT {} LAST\r\n", message.len());
                vec![[&envelope[..], command.as_bytes(), message].concat()]
            }
        }
    }
}

/// Polls until the session wants input or is over; gives the octets that it said.
fn drain(session: &mut Session) -> usize {
    let mut said = 0;
    loop {
        match session.poll() {
            Output::Send(octets) => {
                said += black_box(&octets).len();
                session.reuse(octets);
            }
            _ => return said,
        }
    }
}

fn play(server: &Server, packets: &[Vec<u8>], messages: usize) -> usize {
    let mut session = server.session();
    let mut said = drain(&mut session);
    session.input(b"EHLO client.test\r\n");
    said += drain(&mut session);
    for _ in 0..messages {
        for packet in packets {
            // As a socket gives it: at most so much at once.
            for part in packet.chunks(64 * 1024) {
                session.input(part);
                said += drain(&mut session);
            }
        }
    }
    session.input(b"QUIT\r\n");
    said + drain(&mut session)
}

fn server(sink: bool) -> Server {
    let mut scenario = Scenario::new();
    scenario.sink = sink;
    // Few are kept: the benchmark is to forget as a long run does.
    let limits = CaptureLimits { messages: 1000, transcript_octets: 1024 * 1024, ..CaptureLimits::default() };
    Server::with_limits(scenario, limits)
}

fn measure(name: &str, way: Way, message: &[u8], sink: bool) {
    let packets = way.packets(message);
    let server = server(sink);
    // The best of several rounds is what the machine can do.
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let (start, mut rounds) = (Instant::now(), 0_u32);
        while start.elapsed() < Duration::from_millis(200) {
            black_box(play(&server, &packets, MESSAGES));
            rounds += 1;
        }
        best = best.min(start.elapsed() / rounds);
    }
    assert!(server.accepted() >= 5 * MESSAGES as u64, "every message is taken");
    // The difference of two sessions is what a message costs, the session apart.
    let blocks = |messages: usize| {
        let profiler = dhat::Profiler::builder().testing().build();
        black_box(play(&server, &packets, messages));
        let heap = dhat::HeapStats::get();
        drop(profiler);
        heap.total_blocks
    };
    let (few, many) = (blocks(MESSAGES), blocks(2 * MESSAGES));
    #[allow(clippy::cast_precision_loss)]
    let (each, allocations) = (best.as_secs_f64() / MESSAGES as f64, (many - few) as f64 / MESSAGES as f64);
    #[allow(clippy::cast_precision_loss)]
    let megabytes = message.len() as f64 / 1e6 / each;
    println!(
        "{name:<20} {:>7} octets {:>7.2} us a message {:>8.0} messages/s {megabytes:>7.0} MB/s {allocations:>6.1} allocations",
        message.len(),
        each * 1e6,
        1.0 / each
    );
}

fn main() {
    let head = "From: a@b.test\r\nTo: c@d.test\r\nSubject: load\r\n\r\n";
    let line = "The quick brown fox jumps over the lazy dog, again and again!!!!\r\n";
    for octets in [1024, 100 * 1024] {
        let message = [head, &line.repeat((octets - head.len()) / line.len())].concat().into_bytes();
        measure("lock-step", Way::LockStep, &message, false);
        measure("PIPELINING", Way::Pipelined, &message, false);
        measure("CHUNKING", Way::Chunked, &message, false);
        measure("PIPELINING, sink", Way::Pipelined, &message, true);
    }
}
