//! Tests LMTP (RFC 2033): one reply for each accepted recipient.

use crate::pair::*;
use smtp_core::*;

const OFFER: &str = "250-mx\r\n250 PIPELINING\r\n";

fn three() -> Pair {
    let mut config = Config::default();
    config.protocol = Protocol::Lmtp;
    let mut pair = sending(config, &[&["pat@example.net", "jones@example.net", "green@example.net"]]);
    pair.client.quit().unwrap();
    pair
}

fn delivered(run: &Run) -> Vec<Outcome> {
    match &ends(&run.events)[1] {
        End::Delivered(outcomes) => outcomes.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_accepted_recipient_has_a_final_reply() {
    let run = play(
        three,
        &[
            say("220 mx\r\n"),
            expect("LHLO client.example\r\n"),
            say(OFFER),
            say("250 ok\r\n250 ok\r\n550 5.1.1 no such user\r\n250 ok\r\n354 go\r\n"),
            say("250 2.1.5 delivered\r\n452 4.2.2 full\r\n221 bye\r\n"),
        ],
    );
    assert_eq!(
        delivered(&run),
        [
            accepted("250 2.1.5 delivered"),
            refused(Verb::Rcpt, "550 5.1.1 no such user"),
            refused(Verb::Message, "452 4.2.2 full")
        ]
    );
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Quit)));
}

#[test]
fn all_accepted_and_the_connection_lost_between_the_replies() {
    let run = play(
        three,
        &[
            say("220 mx\r\n"),
            say(OFFER),
            say("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
            say("250 delivered\r\n"),
            Step::Lose,
        ],
    );
    let unknown = Outcome::Unconfirmed(Cause::Lost);
    assert_eq!(delivered(&run), [accepted("250 delivered"), unknown.clone(), unknown]);
}

#[test]
fn no_accepted_recipient_means_no_final_reply() {
    let run = play(
        three,
        &[
            say("220 mx\r\n"),
            say(OFFER),
            say("250 ok\r\n550 a\r\n550 b\r\n550 c\r\n503 no recipients\r\n"),
            say("221 bye\r\n"),
        ],
    );
    assert_eq!(
        delivered(&run),
        [refused(Verb::Rcpt, "550 a"), refused(Verb::Rcpt, "550 b"), refused(Verb::Rcpt, "550 c")]
    );
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Quit)));
}

#[test]
fn a_354_without_accepted_recipients_gets_a_lone_dot_and_expects_no_reply() {
    let run = play(
        three,
        &[
            say("220 mx\r\n"),
            say(OFFER),
            say("250 ok\r\n550 a\r\n550 b\r\n550 c\r\n354 go\r\n"),
            say("221 bye\r\n"),
        ],
    );
    assert!(run.writes.concat().ends_with("DATA\r\n.\r\nQUIT\r\n"));
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Quit)));
}

#[test]
fn chunks_wait_for_the_recipients() {
    let run = play(
        three,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            expect(
                "LHLO client.example\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<pat@example.net>\r\nRCPT TO:<jones@example.net>\r\nRCPT TO:<green@example.net>\r\n",
            ),
            say("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n"),
            expect(format!("BDAT {} LAST\r\n{MESSAGE}QUIT\r\n", MESSAGE.len())),
            say("250 one\r\n250 two\r\n221 bye\r\n"),
        ],
    );
    assert_eq!(delivered(&run), [accepted("250 one"), refused(Verb::Rcpt, "550 no"), accepted("250 two")]);
}

#[test]
fn lhlo_has_no_fallback() {
    let run =
        play(three, &[say("220 mx\r\n"), say("500 what?\r\n"), expect("LHLO client.example\r\nQUIT\r\n")]);
    assert_eq!(ends(&run.events)[0], End::Undone(Reason::Refused(reply("500 what?"))));
}

#[test]
fn a_421_between_the_final_replies_counts_for_one_recipient_and_the_rest_are_read() {
    let cause = Cause::Unavailable(reply("421 4.3.2 going down"));
    for (last, outcome) in [
        (say("250 delivered too\r\n"), accepted("250 delivered too")),
        (say("550 full\r\n"), refused(Verb::Message, "550 full")),
        (Step::Lose, Outcome::Unconfirmed(cause.clone())),
    ] {
        let run = play(
            three,
            &[
                say("220 mx\r\n"),
                say(OFFER),
                say("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
                say("250 delivered\r\n421 4.3.2 going down\r\n"),
                last,
                Step::Lose,
            ],
        );
        let refused = refused(Verb::Message, "421 4.3.2 going down");
        assert_eq!(delivered(&run), [accepted("250 delivered"), refused, outcome]);
        assert_eq!(run.events.last(), Some(&Event::Closed(cause.clone())));
    }
}
