//! Any octets are replies or refused, whole and in any cut alike; what is parsed stays within the limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_core::reply::parse;
use smtp_core::{Client, Config, Event, Input, Instant, Limits, Output, Transmit};

fuzz_target!(|octets: &[u8]| {
    let limits = Limits::default();
    let mut rest = octets;
    while let Ok(Some((reply, length))) = parse(rest, &limits) {
        assert!(length <= limits.reply_octets && length <= rest.len() && length > 0);
        let owned = reply.to_reply();
        assert_eq!(owned.code(), reply.code());
        assert_eq!(owned.enhanced(), reply.enhanced());
        assert_eq!(owned.lines().count(), reply.lines().count());
        assert!(!owned.to_string().contains(['\r', '\n', '\u{1b}']));
        rest = &rest[length..];
    }
    assert_eq!(told(octets, octets.len().max(1)), told(octets, 1));
});

/// What a client tells of these octets, `size` at a time, up to the end of the connection.
fn told(octets: &[u8], size: usize) -> Vec<Event> {
    let (mut client, mut transmit, mut events) =
        (Client::new(Config::default()), Transmit::new(), Vec::new());
    for chunk in octets.chunks(size) {
        client.handle(Input::Received(chunk));
        while let Output::Event(event) = client.poll(Instant::EPOCH, &mut transmit) {
            events.push(event);
        }
    }
    events
}
