//! Any text is a scenario that can be played, or refused with a place that is in it.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use smtp_mock::{
    Glob, Output, Reply, Scenario, ScenarioError, Secured, Server, Times, parse_duration, print_duration,
};

const CLIENT: [&[u8]; 8] = [
    b"EHLO client.example\r\n",
    b"STARTTLS\r\n",
    b"EHLO client.example\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",
    b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<delay-1@d.example>\r\nDATA\r\n",
    b"Subject: x\r\n\r\n..\r\n.\r\n",
    b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 2 LAST\r\nab",
    b"RSET\r\nNOOP\r\nVRFY a\r\nHELP\r\nXODD\r\n",
    b"QUIT\r\n",
];

/// How many octets of an endless or a large reply are enough.
const ENOUGH: usize = 256 * 1024;

fuzz_target!(|text: &str| {
    values(text);
    match Scenario::parse("fuzz.toml", text) {
        Ok(scenario) => play(scenario),
        Err(error) => is_in(&error, text),
    }
    match Scenario::parse_dialogue("fuzz.smtp", text) {
        Ok(scenario) => play(scenario),
        Err(error) => is_in(&error, text),
    }
});

fn is_in(error: &ScenarioError, text: &str) {
    assert!(error.line() >= 1 && error.column() >= 1, "{error:?}");
    // an error at the end stands behind the last line
    assert!(error.line() <= text.split('\n').count() + 1, "{error:?}");
    assert!(!error.message().is_empty() && !error.to_string().contains('\n'), "{error:?}");
}

fn values(text: &str) {
    if let Ok(duration) = parse_duration(text) {
        assert_eq!(parse_duration(&print_duration(duration)), Ok(duration), "{text:?}");
    }
    if let Ok(times) = Times::parse(text) {
        assert!(times.least <= times.most && times.holds(times.least) && times.holds(times.most));
    }
    if let Ok(reply) = Reply::parse(text) {
        let octets = reply.to_octets();
        assert!(octets.ends_with(b"\r\n"));
        assert_eq!(octets.iter().filter(|&&octet| octet == b'\n').count(), reply.lines().len().max(1));
    }
    if let Some((pattern, line)) = text.split_once('\n') {
        let glob = Glob::new(pattern);
        let agrees = glob.agrees_up_to(line.as_bytes());
        assert!(agrees <= line.len());
        let _ = glob.matches(line.as_bytes());
        assert!(Glob::new("*").matches(line.as_bytes()));
    }
}

/// A short session with two connections.
fn play(scenario: Scenario) {
    let server = Server::new(scenario);
    for _ in 0..2 {
        let (mut session, mut now, mut said) = (server.session(), Duration::ZERO, 0);
        let mut lines = CLIENT.iter();
        for _ in 0..2000 {
            match session.poll() {
                Output::Send(octets) => {
                    assert!(!octets.is_empty());
                    said += octets.len();
                    if said > ENOUGH {
                        break;
                    }
                }
                Output::WaitUntil(until) | Output::StopReading(until) => {
                    assert!(until > now, "a wait for what has passed");
                    now = until;
                    session.now(now);
                }
                Output::Handshake(handshake) if handshake.fault.is_some() => session.tls_failed("a fault"),
                Output::Handshake(_) => session.tls_up(Secured::default()),
                Output::NeedInput => match lines.next() {
                    Some(line) => session.input(line),
                    None => session.eof(),
                },
                Output::Close(_) if session.is_over() => break,
                Output::Close(_) => session.eof(),
            }
        }
        session.lost("the end");
    }
    let _ = (server.report().to_string(), server.transcript().to_string());
}
