//! Tests CHUNKING (RFC 3030): one group for a small message, chunks for a large one, refusals and their effects.

use crate::pair::*;
use smtp_core::*;

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";
const BOB: &str = "RCPT TO:<bob@example.net>\r\n";
const EVE: &str = "RCPT TO:<eve@example.net>\r\n";

fn bdat() -> String {
    format!("BDAT {} LAST\r\n{MESSAGE}", MESSAGE.len())
}

#[test]
fn a_small_message_is_sent_in_one_write() {
    let run = play(
        || {
            let mut pair = sending(Config::default(), &[&["bob@example.net"]]);
            pair.client.quit().unwrap();
            pair
        },
        &[say("220 mx\r\n"), say(CHUNKING), say("250 ok\r\n250 ok\r\n250 queued\r\n221 bye\r\n")],
    );
    assert_eq!(run.writes[1..], [format!("{MAIL}{BOB}{}QUIT\r\n", bdat())]);
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![accepted("250 queued")]));
}

#[test]
fn the_chunk_size_is_counted_after_line_end_repair_and_dots_are_not_doubled() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.with_body("a\n.\nb")
    };
    let run = play(start, &[say("220 mx\r\n"), say(CHUNKING)]);
    assert_eq!(run.writes[1], format!("{MAIL}{BOB}BDAT 9 LAST\r\na\r\n.\r\nb\r\n"));
}

#[test]
fn a_large_message_waits_for_the_recipients_and_is_sent_in_chunks() {
    let mut config = Config::default();
    config.limits.chunk = 8;
    let start = || {
        let mut pair = Pair::new(config.clone());
        pair.client.hello(domain()).unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.with_body("12345\r\n12345\r\n123\r\n")
    };
    let run = play(
        start,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            expect(format!("EHLO client.example\r\n{MAIL}{BOB}")),
            say("250 ok\r\n250 ok\r\n"),
            expect("BDAT 8\r\n12345\r\n1BDAT 8\r\n2345\r\n12BDAT 3 LAST\r\n3\r\n"),
            say("250 8 octets\r\n250 8 octets\r\n250 queued\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![accepted("250 queued")]));
}

#[test]
fn a_large_message_without_accepted_recipients_is_not_sent() {
    let mut config = Config::default();
    config.limits.chunk = 8;
    let start = || {
        let mut pair = sending(config.clone(), &[&["bob@example.net"]]);
        pair.client.noop().unwrap();
        pair
    };
    let run = play(
        start,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            expect(format!("EHLO client.example\r\n{MAIL}{BOB}")),
            say("250 ok\r\n550 no\r\n"),
            expect("NOOP\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![refused(Verb::Rcpt, "550 no")]));
}

#[test]
fn all_refused_then_503_to_bdat_with_the_next_message_in_flight() {
    let mut config = Config::default();
    config.limits.in_flight = 2;
    let start = || sending(config.clone(), &[&["bob@example.net"], &["eve@example.net"]]);
    let mut pair = start();
    pair.settle();
    pair.say("220 mx\r\n");
    pair.written();
    pair.say(CHUNKING);
    // without RSET, the second message would be sent with the first one's sender
    assert_eq!(pair.written(), format!("{MAIL}{BOB}{}RSET\r\n{MAIL}{EVE}{}", bdat(), bdat()));
    pair.say("250 ok\r\n550 no\r\n503 no recipients\r\n250 reset\r\n250 ok\r\n250 ok\r\n250 queued\r\n");
    assert_eq!(
        pair.ends()[1..],
        [End::Delivered(vec![refused(Verb::Rcpt, "550 no")]), End::Delivered(vec![accepted("250 queued")])]
    );
}

#[test]
fn a_message_refused_at_its_end_is_reset_before_the_next() {
    let start = || sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]);
    play(
        start,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            expect(format!("EHLO client.example\r\n{MAIL}{BOB}{}", bdat())),
            say("250 ok\r\n250 ok\r\n552 too much\r\n"),
            expect(format!("RSET\r\n{MAIL}{EVE}{}", bdat())),
        ],
    );
    play(
        start,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            expect(format!("EHLO client.example\r\n{MAIL}{BOB}{}", bdat())),
            say("250 ok\r\n250 ok\r\n250 queued\r\n"),
            expect(format!("{MAIL}{EVE}{}", bdat())),
        ],
    );
}

#[test]
fn a_refused_reset_before_mail_is_a_violation() {
    let start = || sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]);
    let run = play(
        start,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            say("250 ok\r\n250 ok\r\n552 too much\r\n"),
            say("500 what?\r\n250 ok\r\n250 ok\r\n250 queued\r\n"),
        ],
    );
    let cause = Cause::Violation(Violation::UnexpectedReply(reply("500 what?")));
    assert_eq!(ends(&run.events)[2], End::Delivered(vec![Outcome::Unconfirmed(cause)]));
}

#[test]
fn a_250_to_bdat_without_accepted_recipients_is_a_violation() {
    for replies in [
        "250 ok\r\n550 no\r\n250 queued\r\n",
        "550 not you\r\n503 no\r\n250 queued\r\n",
        "550 nested\r\n250 ok\r\n250 queued\r\n",
    ] {
        let run = play(
            || sending(Config::default(), &[&["bob@example.net"]]),
            &[say("220 mx\r\n"), say(CHUNKING), Step::Say(replies)],
        );
        let violation = Violation::AcceptedWithoutRecipients(reply("250 queued"));
        assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
    }
}

#[test]
fn a_refused_chunk_refuses_the_message_and_stops_it() {
    let mut config = Config::default();
    config.limits.chunk = 4;
    config.limits.window = 1;
    let start = || {
        let mut pair = sending(config.clone(), &[&["bob@example.net"]]);
        pair.client.noop().unwrap();
        pair
    };
    let run = play(
        start,
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            say("250 ok\r\n"),
            say("250 ok\r\n"),
            expect(format!("EHLO client.example\r\n{MAIL}{BOB}BDAT 4\r\nSubj")),
            say("552 too much\r\n"),
            expect("NOOP\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![refused(Verb::Message, "552 too much")]));
}

#[test]
fn a_refused_chunk_refuses_a_message_whose_end_was_sent_when_the_connection_ends() {
    let mut config = Config::default();
    config.limits.chunk = 16;
    // Exim runs octets after a refused chunk as commands, Dovecot counts them as commands: both end the connection
    for last_words in ["554 synchronization error\r\n", "503 no\r\n421 too many invalid commands\r\n", ""] {
        let start = || {
            let mut pair = sending(config.clone(), &[&["bob@example.net"]]);
            pair.settle();
            pair.say("220 mx\r\n");
            pair.say(CHUNKING);
            pair.say("250 ok\r\n250 ok\r\n");
            assert!(pair.written().contains(" LAST\r\n"));
            pair.say("552 too much\r\n");
            pair.say(last_words);
            pair
        };
        let mut pair = start();
        pair.client.handle(Input::Lost);
        pair.settle();
        let outcomes = End::Delivered(vec![refused(Verb::Message, "552 too much")]);
        assert_eq!(pair.ends()[1], outcomes, "{last_words:?}");
    }
}

#[test]
fn a_message_accepted_after_a_refused_chunk_is_unconfirmed() {
    let mut config = Config::default();
    config.limits.chunk = 16;
    let run = play(
        || sending(config.clone(), &[&["bob@example.net"]]),
        &[
            say("220 mx\r\n"),
            say(CHUNKING),
            say("250 ok\r\n250 ok\r\n"),
            say("552 too much\r\n250 queued\r\n"),
        ],
    );
    let cause = Cause::Violation(Violation::UnexpectedReply(reply("250 queued")));
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![Outcome::Unconfirmed(cause)]));
}

#[test]
fn chunking_can_be_switched_off() {
    let mut config = Config::default();
    config.ignored_extensions.push("CHUNKING".into());
    let run = play(|| sending(config.clone(), &[&["bob@example.net"]]), &[say("220 mx\r\n"), say(CHUNKING)]);
    assert_eq!(run.writes[1], format!("{MAIL}{BOB}DATA\r\n"));
}

#[test]
fn chunking_without_pipelining_is_lock_step() {
    play(
        || sending(Config::default(), &[&["bob@example.net"]]),
        &[
            say("220 mx\r\n"),
            say("250-mx\r\n250 CHUNKING\r\n"),
            expect(format!("EHLO client.example\r\n{MAIL}")),
            say("250 ok\r\n"),
            expect(BOB),
            say("250 ok\r\n"),
            expect(bdat()),
            say("250 queued\r\n"),
        ],
    );
}

#[test]
fn after_a_refused_chunk_the_timer_is_short() {
    let mut config = Config::default();
    config.limits.chunk = 8;
    let last_words = config.timeouts.last_words;
    let refused = End::Delivered(vec![refused(Verb::Message, "552 5.3.4 too much")]);
    // the replies to the chunks that were sent
    let mut pair = sending(config.clone(), &[&["bob@example.net"]]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(CHUNKING);
    pair.bodies[0] = Body::Whole(vec![b'x'; 4096]);
    pair.say("250 ok\r\n250 ok\r\n");
    pair.say("552 5.3.4 too much\r\n");
    assert_eq!(pair.settle(), Output::Read { until: pair.now + last_words });
    assert_eq!(pair.pass(last_words), Output::Closed);
    assert_eq!(pair.ends()[1], refused);
    // a chunk that cannot be written
    let (mut client, mut transmit) = (Client::new(config), Transmit::new());
    client.hello(domain()).unwrap();
    client.send(envelope(&["bob@example.net"])).unwrap();
    let mut replies = ["220 mx\r\n", CHUNKING, "250 ok\r\n250 ok\r\n"].into_iter();
    let mut writes = 0;
    let until = loop {
        match client.poll(Instant::EPOCH, &mut transmit) {
            Output::Write { until } if writes == 5 => break until,
            Output::Write { .. } => {
                writes += 1;
                client.handle(Input::Sent);
            }
            Output::Body(_) => assert!(client.body(&[b'x'; 8]) > 0),
            Output::Event(_) => {}
            Output::Read { .. } => client.handle(Input::Received(replies.next().unwrap().as_bytes())),
            other => panic!("{other:?}"),
        }
    };
    assert!(until > Instant::EPOCH + last_words, "{until:?}");
    assert!(transmit.octets().starts_with(b"BDAT "), "{:?}", transmit.octets());
    client.handle(Input::Received(b"552 5.3.4 too much\r\n"));
    assert_eq!(
        client.poll(Instant::EPOCH, &mut transmit),
        Output::Write { until: Instant::EPOCH + last_words }
    );
    let mut ended = Vec::new();
    loop {
        match client.poll(Instant::EPOCH + last_words, &mut transmit) {
            Output::Event(Event::Done { end, .. }) => ended.push(end),
            Output::Event(_) => {}
            other => break assert_eq!(other, Output::Closed),
        }
    }
    assert_eq!(ended, [refused]);
}
