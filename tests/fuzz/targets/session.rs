//! Whatever the world and the application do, the five promises of the client hold.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use smtp_core::{
    Client, Config, End, Envelope, Event, ForwardPath, Goal, Input, Instant, Login, Misuse, Output, Plain,
    Protocol, Reveal, Secret, Transmit,
};
use std::time::Duration;

#[derive(Arbitrary, Debug)]
struct Walk {
    window: u8,
    chunk: u8,
    in_flight: u8,
    protocol: u8,
    is_implicit: bool,
    reports: bool,
    acts: Vec<Act>,
}

#[derive(Arbitrary, Debug)]
enum Act {
    Say(u8),
    Receive(Vec<u8>),
    Lose,
    FailWrite,
    Secure,
    Pass(u16),
    Set(u8),
    Body(Vec<u8>),
    EndBody,
    AbortBody,
}

const REPLIES: [&str; 24] = [
    "220 mx\r\n",
    "250 ok\r\n",
    "250 ok\r\n250 ok\r\n",
    "354 go\r\n",
    "250 ok\r\n250 ok\r\n354 go\r\n",
    "334 QUFB\r\n",
    "334 \r\n",
    "235 ok\r\n",
    "221 bye\r\n",
    "421 bye\r\n",
    "450 later\r\n",
    "452 4.5.3 many\r\n",
    "503 no\r\n",
    "504 no\r\n",
    "535 no\r\n",
    "550 no\r\n",
    "554 no\r\n",
    "251 ok\r\n",
    "250-mx\r\n250 PIPELINING\r\n",
    "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    "250-mx\r\n250-PIPELINING\r\n250-SIZE 10\r\n250-STARTTLS\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
    "25",
    "0 x\r\n",
    "250-",
];

fuzz_target!(|walk: Walk| {
    let mut config = Config::default();
    config.limits.window = usize::from(walk.window % 8) + 1;
    config.limits.chunk = usize::from(walk.chunk % 32) + 1;
    config.limits.in_flight = usize::from(walk.in_flight % 5);
    config.protocol = [Protocol::Esmtp, Protocol::Smtp, Protocol::Lmtp][usize::from(walk.protocol % 3)];
    config.implicit_tls = walk.is_implicit;
    config.report_replies = walk.reports;
    config.reveal = Reveal::Always;
    let (mut client, mut transmit, mut now) = (Client::new(config), Transmit::new(), Instant::EPOCH);
    let (mut goals, mut told, mut is_closed): (Vec<(Goal, usize)>, usize, bool) = (Vec::new(), 0, false);
    let mut acts = walk.acts.iter();
    loop {
        let mut fails = false;
        match client.poll(now, &mut transmit) {
            Output::Event(event) => {
                assert!(!is_closed, "Closed comes last, and once");
                match event {
                    Event::Done { goal, end } => {
                        assert_eq!(goals[told].0, goal, "in the order in which they were set");
                        if let End::Delivered(outcomes) | End::Checked(outcomes) = end {
                            assert_eq!(outcomes.len(), goals[told].1, "one outcome for each recipient");
                        }
                        told += 1;
                    }
                    Event::Closed(_) => {
                        is_closed = true;
                        assert_eq!(told, goals.len(), "every goal is told before");
                    }
                    _ => {}
                }
                continue;
            }
            Output::Closed => {
                assert!(is_closed);
                return;
            }
            Output::Write { until } => {
                assert!(until > now && !transmit.is_empty());
                check_lines(&transmit);
                fails = matches!(acts.clone().next(), Some(Act::FailWrite));
                if !fails {
                    client.handle(Input::Sent);
                    continue;
                }
            }
            Output::Read { until } | Output::Handshake { until } => assert!(until > now),
            Output::Body(_) | Output::Idle => {}
        }
        match acts.next() {
            None | Some(Act::Lose) => client.handle(Input::Lost),
            Some(Act::Say(which)) => {
                client.handle(Input::Received(REPLIES[usize::from(*which) % REPLIES.len()].as_bytes()))
            }
            Some(Act::Receive(octets)) => client.handle(Input::Received(octets)),
            Some(Act::FailWrite) if fails => client.handle(Input::WriteFailed),
            Some(Act::FailWrite) => {}
            Some(Act::Secure) => client.handle(Input::Secured),
            Some(Act::Pass(seconds)) => now = now + Duration::from_secs(u64::from(*seconds)),
            Some(Act::Set(which)) => goals.extend(set(&mut client, *which).ok()),
            Some(Act::Body(octets)) => assert!(client.body(octets) <= octets.len()),
            Some(Act::EndBody) => client.end_of_body(),
            Some(Act::AbortBody) => client.abort_body(),
        }
    }
});

/// No line end that is not CRLF ever leaves.
fn check_lines(transmit: &Transmit) {
    let octets = transmit.octets();
    for (at, &octet) in octets.iter().enumerate() {
        match octet {
            b'\n' => assert!(at > 0 && octets[at - 1] == b'\r', "a bare LF"),
            b'\r' => assert_eq!(octets.get(at + 1), Some(&b'\n'), "a bare CR"),
            _ => {}
        }
    }
}

fn set(client: &mut Client, which: u8) -> Result<(Goal, usize), Misuse> {
    let envelope = |count: usize, is_all: bool| {
        let to = ["<a@example.net>", "<b@example.net>", "<c@example.net>"];
        let to = to[..count].iter().map(|to| to.parse::<ForwardPath>().expect("a path"));
        let mut envelope = Envelope::new("<alice@example.org>".parse().expect("a path"), to);
        envelope.all_or_nothing = is_all;
        envelope.size = Some(20);
        envelope
    };
    let secret = || Secret::from("pass");
    Ok(match which % 14 {
        0 | 1 => (client.hello("client.example".parse().expect("a domain"))?, 0),
        2 => (client.start_tls()?, 0),
        3 => (client.authenticate(vec![Box::new(Login::new("a", secret()).expect("valid"))])?, 0),
        4 => {
            let (plain, login) =
                (Plain::new("a", secret()).expect("valid"), Login::new("a", secret()).expect("valid"));
            (client.authenticate(vec![Box::new(plain), Box::new(login)])?, 0)
        }
        5 | 6 => (client.send(envelope(1, false))?, 1),
        7 => (client.send(envelope(3, false))?, 3),
        8 => (client.send(envelope(2, true))?, 2),
        9 => (client.check(envelope(2, false))?, 2),
        10 => (client.reset()?, 0),
        11 => (client.noop()?, 0),
        12 => (client.raw("XODD 1".parse().expect("text"))?, 0),
        _ => (client.quit()?, 0),
    })
}
