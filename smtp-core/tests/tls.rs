//! Tests STARTTLS (RFC 3207) and implicit TLS (RFC 8314).

use crate::pair::*;
use smtp_core::*;

const OFFER: &str = "250-mx\r\n250-SIZE 10\r\n250 STARTTLS\r\n";

fn upgrading() -> Pair {
    let mut pair = Pair::new(Config::default());
    pair.client.hello(domain()).unwrap();
    pair.client.start_tls().unwrap();
    pair.client.hello(domain()).unwrap();
    pair.client.send(envelope(&["bob@example.net"])).unwrap();
    pair.client.quit().unwrap();
    pair.with_body(MESSAGE)
}

#[test]
fn everything_learnt_in_clear_is_forgotten() {
    let start = || {
        let mut pair = upgrading();
        pair.client = Client::new(Config::default());
        pair.client.hello(domain()).unwrap();
        pair.client.start_tls().unwrap();
        pair.client.hello(domain()).unwrap();
        let mut envelope = envelope(&["bob@example.net"]);
        envelope.size = Some(1000);
        pair.client.send(envelope).unwrap();
        pair
    };
    let run = play(
        start,
        &[
            say("220 mx\r\n"),
            say(OFFER),
            expect("EHLO client.example\r\nSTARTTLS\r\n"),
            say("220 go\r\n"),
            expect(""),
            Step::Secure,
            expect("EHLO client.example\r\n"),
            say("250 mx\r\n"),
            // SIZE 10 was offered before TLS, not after it
            expect("MAIL FROM:<alice@example.org>\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Secured);
}

#[test]
fn after_the_handshake_no_extension_is_known_and_a_hello_is_required() {
    let mut pair = Pair::new(Config::default());
    pair.client.hello(domain()).unwrap();
    pair.client.start_tls().unwrap();
    pair.settle();
    for text in ["220 mx\r\n", OFFER, "220 go\r\n"] {
        pair.say(text);
    }
    assert!(pair.client.extensions().has("SIZE"));
    pair.client.handle(Input::Secured);
    pair.settle();
    assert_eq!(pair.client.extensions().iter().count(), 0);
    assert_eq!(pair.client.send(envelope(&["bob@example.net"])), Err(Misuse::HelloFirst));
}

#[test]
fn the_handshake_follows_the_220_and_has_a_timer() {
    let mut pair = upgrading();
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(OFFER);
    pair.say("220 go\r\n");
    assert_eq!(pair.settle(), Output::Handshake { until: Instant::EPOCH + Timeouts::default().tls });
    assert!(!pair.client.is_secured());
    pair.client.handle(Input::Secured);
    pair.settle();
    assert!(pair.client.is_secured());
}

#[test]
fn a_failed_handshake_ends_the_connection() {
    let run = play(upgrading, &[say("220 mx\r\n"), say(OFFER), say("220 go\r\n"), Step::Lose]);
    assert_eq!(ends(&run.events)[1], End::Undone(Reason::Closed(Cause::Lost)));
    assert_eq!(run.writes, ["EHLO client.example\r\n", "STARTTLS\r\n"]);
}

#[test]
fn implicit_tls_begins_with_the_handshake() {
    let mut config = Config::default();
    config.implicit_tls = true;
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    assert!(matches!(pair.settle(), Output::Handshake { .. }));
    assert_eq!(pair.client.start_tls(), Err(Misuse::AlreadySecured));
    pair.client.handle(Input::Secured);
    assert!(matches!(pair.settle(), Output::Read { .. }));
    pair.say("220 mx\r\n");
    assert_eq!(pair.written(), "EHLO client.example\r\n");
    assert!(pair.client.is_secured());
}

#[test]
fn octets_in_clear_before_an_implicit_handshake_are_a_violation() {
    let mut config = Config::default();
    config.implicit_tls = true;
    let mut pair = Pair::new(config);
    pair.settle();
    pair.say("220 mx\r\n");
    assert_eq!(pair.run.events, [Event::Closed(Cause::Violation(Violation::InjectedOctets))]);
}

#[test]
fn a_250_to_starttls_is_a_violation() {
    let run = play(upgrading, &[say("220 mx\r\n"), say(OFFER), say("250 go\r\n")]);
    let violation = Violation::UnexpectedReply(reply("250 go"));
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
}
