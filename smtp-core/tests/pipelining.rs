//! Tests PIPELINING (RFC 2920): what is sent together, what waits, and the number of round trips.

use crate::pair::*;
use smtp_core::*;

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";

/// A server that accepts everything, and counts how often the client waits for it.
struct Server {
    offers: &'static str,
    pair: Pair,
    turns: usize,
}

impl Server {
    fn serve(offers: &'static str, pair: Pair) -> Self {
        let mut server = Self { offers, pair, turns: 0 };
        server.pair.settle();
        server.pair.say("220 mx\r\n");
        let mut is_in_data = false;
        loop {
            let written = server.pair.written();
            if written.is_empty() {
                return server;
            }
            server.turns += 1;
            let mut replies = String::new();
            let mut rest = written.as_str();
            while !rest.is_empty() {
                if is_in_data {
                    let end = rest.find("\r\n.\r\n").expect("the whole message in one write");
                    rest = &rest[end + 5..];
                    is_in_data = false;
                    replies.push_str("250 queued\r\n");
                    continue;
                }
                let (line, after) = rest.split_once("\r\n").expect("whole lines");
                rest = after;
                let verb = line.split([' ', ':']).next().unwrap();
                replies.push_str(match verb {
                    "EHLO" => server.offers,
                    "DATA" => {
                        is_in_data = true;
                        "354 go\r\n"
                    }
                    "BDAT" => {
                        let length: usize = line.split(' ').nth(1).unwrap().parse().unwrap();
                        rest = &rest[length..];
                        "250 queued\r\n"
                    }
                    "QUIT" => "221 bye\r\n",
                    "MAIL" | "RCPT" | "RSET" => "250 ok\r\n",
                    other => panic!("{other}"),
                });
            }
            server.pair.say(&replies);
        }
    }
}

fn recipients(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user{number}@example.net")).collect()
}

fn turns(offers: &'static str, count: usize, messages: usize, config: Config) -> usize {
    let to = recipients(count);
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut pair = sending(config, &vec![to.as_slice(); messages]);
    pair.client.quit().unwrap();
    let server = Server::serve(offers, pair);
    let ends = server.pair.ends();
    assert_eq!(ends.len(), messages + 2);
    for end in &ends[1..=messages] {
        assert_eq!(*end, End::Delivered(vec![accepted("250 queued"); count]));
    }
    server.turns
}

#[test]
fn one_message_is_one_round_trip_with_chunking_and_two_without_for_any_number_of_recipients() {
    for count in [1, 10, 100] {
        // hello, then the message with QUIT
        assert_eq!(turns(CHUNKING, count, 1, Config::default()), 2);
        // hello, MAIL RCPT DATA, then the message with QUIT
        assert_eq!(turns(PIPELINING, count, 1, Config::default()), 3);
        // hello, MAIL, each RCPT, DATA, the message, QUIT
        assert_eq!(turns("250 mx\r\n", count, 1, Config::default()), 5 + count);
    }
}

#[test]
fn a_hundred_messages_are_a_hundred_and_two_round_trips_at_most() {
    assert_eq!(turns(PIPELINING, 1, 100, Config::default()), 102);
    assert_eq!(turns(CHUNKING, 1, 100, Config::default()), 101);
}

#[test]
fn messages_in_flight_share_round_trips() {
    let mut config = Config::default();
    config.limits.in_flight = 10;
    assert!(turns(CHUNKING, 1, 100, config) <= 12);
}

#[test]
fn mail_rcpt_and_data_are_sent_in_one_write() {
    let run = play(
        || sending(Config::default(), &[&["bob@example.net", "eve@example.net"]]),
        &[
            say("220 mx\r\n"),
            say(PIPELINING),
            say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
            say("250 queued\r\n"),
        ],
    );
    let group = format!("{MAIL}RCPT TO:<bob@example.net>\r\nRCPT TO:<eve@example.net>\r\nDATA\r\n");
    assert_eq!(run.writes[1..], [group, format!("{MESSAGE}.\r\n")]);
}

#[test]
fn spans_are_marked_however_the_message_is_divided() {
    let (mut client, mut transmit) = (Client::new(Config::default()), Transmit::new());
    client.hello(domain()).unwrap();
    for to in ["bob@example.net", "eve@example.net"] {
        client.send(envelope(&[to])).unwrap();
    }
    hear(&mut client, &mut transmit, &["220 mx\r\n", PIPELINING, "250 ok\r\n250 ok\r\n354 go\r\n"]);
    for octet in b"hello".chunks(1) {
        assert!(matches!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(_)));
        client.body(octet);
    }
    client.end_of_body();
    assert!(matches!(client.poll(Instant::EPOCH, &mut transmit), Output::Write { .. }));
    let spans: Vec<_> =
        transmit.spans().map(|(content, octets)| (content, String::from_utf8_lossy(octets))).collect();
    let group = format!("{MAIL}RCPT TO:<eve@example.net>\r\nDATA\r\n");
    assert_eq!(spans, [(Content::Message, "hello\r\n.\r\n".into()), (Content::Command, group.into())]);
}

#[test]
fn the_next_envelope_is_sent_with_the_end_of_the_previous_message() {
    let run = play(
        || {
            let mut pair = sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]);
            pair.client.quit().unwrap();
            pair
        },
        &[
            say("220 mx\r\n"),
            say(PIPELINING),
            say("250 ok\r\n250 ok\r\n354 go\r\n"),
            say("554 spam\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
            say("250 queued\r\n221 bye\r\n"),
        ],
    );
    assert_eq!(
        run.writes[1..],
        [
            format!("{MAIL}RCPT TO:<bob@example.net>\r\nDATA\r\n"),
            format!("{MESSAGE}.\r\n{MAIL}RCPT TO:<eve@example.net>\r\nDATA\r\n"),
            format!("{MESSAGE}.\r\nQUIT\r\n"),
        ]
    );
    let ends = ends(&run.events);
    assert_eq!(ends[1], End::Delivered(vec![refused(Verb::Message, "554 spam")]));
    assert_eq!(ends[2], End::Delivered(vec![accepted("250 queued")]));
}

#[test]
fn all_recipients_refused_then_354_gets_a_lone_dot() {
    let run = play(
        || sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]),
        &[
            say("220 mx\r\n"),
            say(PIPELINING),
            expect(format!("EHLO client.example\r\n{MAIL}RCPT TO:<bob@example.net>\r\nDATA\r\n")),
            say("250 ok\r\n550 no\r\n354 go\r\n"),
            expect(format!(".\r\n{MAIL}RCPT TO:<eve@example.net>\r\nDATA\r\n")),
            say("554 5.5.1 no valid recipients\r\n250 ok\r\n250 ok\r\n354 go\r\n"),
            expect(format!("{MESSAGE}.\r\n")),
            say("250 queued\r\n"),
        ],
    );
    assert_eq!(
        ends(&run.events)[1..],
        [End::Delivered(vec![refused(Verb::Rcpt, "550 no")]), End::Delivered(vec![accepted("250 queued")]),]
    );
}

#[test]
fn a_refused_sender_in_a_group_refuses_all_recipients_and_the_next_message_begins_with_rset() {
    let run = play(
        || sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]),
        &[
            say("220 mx\r\n"),
            say(PIPELINING),
            expect(format!("EHLO client.example\r\n{MAIL}RCPT TO:<bob@example.net>\r\nDATA\r\n")),
            say("550 not you\r\n503 need MAIL\r\n503 need RCPT\r\n"),
            expect(format!("RSET\r\n{MAIL}RCPT TO:<eve@example.net>\r\nDATA\r\n")),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Delivered(vec![refused(Verb::Mail, "550 not you")]));
}

#[test]
fn no_lone_dot_if_it_would_send_an_empty_message() {
    let run = play(
        || sending(Config::default(), &[&["bob@example.net"]]),
        &[
            say("220 mx\r\n"),
            say(PIPELINING),
            expect(format!("EHLO client.example\r\n{MAIL}RCPT TO:<bob@example.net>\r\nDATA\r\n")),
            say("503 nested MAIL\r\n250 ok\r\n354 go\r\n"),
            expect(""),
        ],
    );
    let violation = Violation::UnexpectedReply(reply("354 go"));
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
}

#[test]
fn the_window_bounds_the_outstanding_replies() {
    let to = recipients(10_000);
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut config = Config::default();
    config.limits.window = 50;
    let mut pair = sending(config, &[&to]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.written();
    pair.say(PIPELINING);
    let (mut accepted, mut largest) = (0, 0);
    loop {
        let written = pair.written();
        if written.contains("DATA") && accepted + 50 >= 10_000 {
            break;
        }
        let lines = written.lines().count();
        largest = largest.max(lines);
        accepted += lines;
        pair.say(&"250 ok\r\n".repeat(lines));
    }
    assert_eq!(largest, 50);
}

#[test]
fn a_full_window_is_refilled_when_half_of_it_is_free() {
    let to = recipients(100);
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut config = Config::default();
    config.limits.window = 10;
    let mut pair = sending(config, &[&to]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(PIPELINING);
    assert_eq!(pair.written().lines().count(), 1 + 10);
    for _ in 0..4 {
        pair.say("250 ok\r\n");
        assert_eq!(pair.written(), "", "not reply by reply");
    }
    pair.say("250 ok\r\n");
    assert_eq!(pair.written().lines().count(), 5);
}

#[test]
fn a_window_of_one_is_lock_step_and_so_is_an_ignored_extension() {
    let mut lock_step = Config::default();
    lock_step.limits.window = 1;
    let mut ignoring = Config::default();
    ignoring.ignored_extensions.push("PIPELINING".into());
    for config in [lock_step, ignoring] {
        assert_eq!(turns(PIPELINING, 1, 1, config), 6);
    }
}

#[test]
fn ten_thousand_recipients_through_a_pipe_of_4_kib_do_not_deadlock() {
    // the driver never reads while it writes: the replies to one write must fit in the pipe
    let to = recipients(10_000);
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut config = Config::default();
    config.limits.window = 64;
    let mut pair = sending(config, &[&to]);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.written();
    pair.say(PIPELINING);
    let mut answered = 0;
    while answered < 10_002 {
        let written = pair.written();
        let replies: String =
            written
                .lines()
                .map(|line| {
                    if line == "DATA" { "354 go\r\n".into() } else { format!("250 2.1.5 {line:.40} ok\r\n") }
                })
                .collect();
        assert!(!written.is_empty(), "stuck after {answered} replies");
        assert!(replies.len() <= 4096, "{} octets of replies", replies.len());
        answered += written.lines().count();
        pair.say(&replies);
    }
    pair.written();
    pair.say("250 queued\r\n");
    assert_eq!(pair.ends()[1], End::Delivered(vec![accepted("250 queued"); 10_000]));
}

/// Returns the events and the octets sent for three recipients.
///
/// The server sends `replies` to MAIL, to each RCPT and to DATA, in pieces of `piece` octets, accepts the message if
/// there is one, and then closes.
fn events_and_octets(reports: bool, replies: &str, piece: usize) -> (Vec<Event>, Vec<u8>) {
    let mut config = Config::default();
    config.report_recipients = reports;
    let mut client = Client::new(config);
    client.hello(domain()).unwrap();
    client.send(envelope(&["a@example.net", "b@example.net", "c@example.net"])).unwrap();
    let mut input = vec!["220 mx\r\n".as_bytes(), b"250-mx\r\n250 PIPELINING\r\n"];
    input.extend(replies.as_bytes().chunks(piece));
    let mut input = input.into_iter();
    let (mut events, mut wire, mut transmit) = (Vec::new(), Vec::new(), Transmit::new());
    let mut takes_message = true;
    loop {
        match client.poll(Instant::EPOCH, &mut transmit) {
            Output::Write { .. } => {
                wire.extend_from_slice(transmit.octets());
                client.handle(Input::Sent);
            }
            Output::Read { .. } | Output::Idle => match input.next() {
                Some(octets) => client.handle(Input::Received(octets)),
                None if std::mem::take(&mut takes_message) && wire.ends_with(b"\r\n.\r\n") => {
                    client.handle(Input::Received(b"250 queued\r\n"));
                }
                None => client.handle(Input::Lost),
            },
            Output::Body(_) => client.end_of_body(),
            Output::Event(Event::Recipient { .. }) => {}
            Output::Event(event) => events.push(event),
            Output::Handshake { .. } => unreachable!("nothing asks for TLS"),
            Output::Closed => return (events, wire),
        }
    }
}

#[test]
fn a_run_of_accepted_recipients_has_the_same_outcomes_as_single_ones() {
    let replies = [
        "250 ok\r\n",
        "251 2.1.5 will forward\r\n",
        "250-two\r\n250 lines\r\n",
        "550 5.1.1 who?\r\n",
        "452 4.5.3 too many\r\n",
        "421 4.3.2 bye\r\n",
        "221 bye\r\n",
        "354 too early\r\n",
    ];
    for mail in ["250 ok\r\n", "550 no\r\n"] {
        for a in replies {
            for b in replies {
                for c in replies {
                    for data in ["354 go\r\n", "503 no\r\n"] {
                        let text = [mail, a, b, c, data].concat();
                        let expected = events_and_octets(true, &text, text.len());
                        for piece in [1, 5, text.len()] {
                            assert_eq!(
                                events_and_octets(false, &text, piece),
                                expected,
                                "{text:?} in pieces of {piece}"
                            );
                        }
                    }
                }
            }
        }
    }
}
