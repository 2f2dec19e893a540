//! Tests of mail data in pieces: what is taken before it is looked at must come out as what waits in its turn.

use super::*;
use crate::Kind;

/// Lines with dots at their beginnings, and what they are on the wire.
fn dotted(lines: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut message, mut wire) = (Vec::new(), Vec::new());
    for line in 0..lines {
        let text = format!("{}line {line}.\r\n", if line % 3 == 0 { "." } else { "" });
        message.extend_from_slice(text.as_bytes());
        if line % 3 == 0 {
            wire.push(b'.');
        }
        wire.extend_from_slice(text.as_bytes());
    }
    wire.extend_from_slice(b".\r\n");
    (message, wire)
}

/// Gives a session these pieces, polled after each or only at the end; gives what it said and what it kept.
fn receive(sink: bool, pieces: &[&[u8]], poll_each: bool) -> (Vec<u8>, Vec<Vec<u8>>, Vec<String>, u64) {
    let mut scenario = Scenario::new();
    scenario.sink = sink;
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    let before = talk.packets.len();
    for piece in pieces {
        talk.session.input(piece);
        if poll_each {
            talk.run();
        }
    }
    talk.run();
    let messages = talk.server.messages().iter().map(|message| message.octets.clone()).collect();
    let transcript = talk.server.transcript().lines();
    (talk.packets[before..].concat(), messages, transcript, talk.server.accepted())
}

fn data_and_chunks(lines: usize) -> (Vec<u8>, Vec<u8>) {
    let (message, wire) = dotted(lines);
    let mut octets = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n".to_vec();
    octets.extend_from_slice(&wire);
    octets.extend_from_slice(b"MAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\n");
    let half = message.len() / 2;
    octets.extend_from_slice(format!("BDAT {half}\r\n").as_bytes());
    octets.extend_from_slice(&message[..half]);
    octets.extend_from_slice(format!("BDAT {} LAST\r\n", message.len() - half).as_bytes());
    octets.extend_from_slice(&message[half..]);
    octets.extend_from_slice(b"NOOP\r\n");
    (octets, message)
}

#[test]
fn every_cut_of_mail_data_keeps_the_same_octets_and_transcript() {
    let (octets, message) = data_and_chunks(5);
    let whole = receive(false, &[&octets], true);
    assert_eq!(whole.1, [message.clone(), message.clone()]);
    assert_eq!(whole.3, 2);
    let (sunk, ..) = receive(true, &[&octets], true);
    assert_eq!(sunk, whole.0);
    for cut in 0..octets.len() {
        let pieces = [&octets[..cut], &octets[cut..]];
        for poll_each in [true, false] {
            assert_eq!(receive(false, &pieces, poll_each), whole, "cut at {cut}");
            let sunk = receive(true, &pieces, poll_each);
            assert_eq!((sunk.0, sunk.3), (whole.0.clone(), 2), "cut at {cut}");
        }
    }
    let single: Vec<_> = octets.chunks(1).collect();
    assert_eq!(receive(false, &single, true), whole);
    assert_eq!(receive(false, &single, false), whole);
}

#[test]
fn blocks_of_any_size_keep_the_same_octets() {
    let (octets, message) = data_and_chunks(20_000);
    assert!(message.len() > 3 * 64 * 1024);
    for size in [64 * 1024, 64 * 1024 - 1, 16 * 1024 + 3, 1460, 977] {
        let pieces: Vec<_> = octets.chunks(size).collect();
        let (said, messages, transcript, _) = receive(false, &pieces, true);
        assert!(messages == [message.clone(), message.clone()], "blocks of {size}");
        assert!(said.ends_with(b"queued as 1.2\r\n250 2.0.0 ok\r\n"));
        let (_, wire) = dotted(20_000);
        assert!(transcript.contains(&format!("C: <{} octets of mail data>", wire.len())));
    }
}

#[test]
fn the_end_of_the_mail_data_across_every_border() {
    let (_, wire) = dotted(3);
    let begin = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n";
    for length in 1..=6 {
        let border = wire.len() - length;
        let behind = [&wire[border..], b"QUIT\r\n"].concat();
        for first in 0..behind.len() {
            let pieces = [begin, &wire[..border], &behind[..first], &behind[first..]];
            let (said, messages, ..) = receive(false, &pieces, true);
            assert_eq!(messages.len(), 1);
            assert!(said.ends_with(b"queued as 1.1\r\n221 2.0.0 bye\r\n"), "{length} {first}");
        }
    }
}

#[test]
fn mail_data_that_comes_while_a_reply_waits_is_not_lost() {
    let mut scenario = Scenario::new();
    scenario.rules.push(Rule::on(On::Data).delay(Duration::from_secs(1)).default_reply());
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n");
    assert_eq!(talk.last, Output::WaitUntil(Duration::from_secs(1)));
    talk.session.input(b"..a\r\n.");
    assert_eq!(talk.session.room(), 256 * 1024 - 6);
    talk.session.input(b"\r\n");
    talk.session.now(Duration::from_secs(1));
    talk.run();
    assert_eq!(talk.server.messages()[0].octets, b".a\r\n");
}

#[test]
fn a_message_is_kept_in_no_more_room_than_it_needs() {
    let mut talk = Talk::new(Scenario::new());
    talk.send("EHLO x.test\r\nMAIL FROM:<a@b.test> SIZE=60000000\r\nRCPT TO:<c@d.test>\r\nDATA\r\n");
    talk.send("small\r\n.\r\n");
    let messages = talk.server.messages();
    assert!(messages[0].octets.capacity() <= 2 * messages[0].octets.len());
}

#[test]
fn many_replies_leave_in_packets_of_bounded_size() {
    let mut talk = Talk::new(Scenario::new());
    let said = talk.send(&"NOOP\r\n".repeat(20_000));
    assert_eq!(said.len(), 20_000 * b"250 ok\r\n".len());
    assert!(talk.packets.len() > 4 && talk.packets.iter().all(|packet| packet.len() < 33 * 1024));
    let transcript = talk.server.transcript();
    let entries = transcript.entries();
    assert_eq!(entries.len(), 1 + 2 * 20_000);
    assert!(entries[1..].chunks(2).all(|pair| {
        pair[0].kind == Kind::Command && pair[1].kind == Kind::Reply && pair[1].octets == b"250 ok\r\n"
    }));
}
