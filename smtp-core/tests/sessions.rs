//! Tests greeting, hello, RSET, NOOP, QUIT and the queries.

use crate::pair::*;
use smtp_core::*;

fn greeted(config: Config) -> Pair {
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    pair
}

#[test]
fn hello_waits_for_the_greeting() {
    let run = play(
        || greeted(Config::default()),
        &[
            expect(""),
            say("220-mx.example\r\n220 ESMTP\r\n"),
            expect("EHLO client.example\r\n"),
            say("250-mx.example\r\n250-SIZE 1000\r\n250 X-NEW a b\r\n"),
            expect(""),
        ],
    );
    assert_eq!(run.events[0], Event::Greeting(reply("220 mx.example\nESMTP")));
    assert_eq!(ends(&run.events), [End::Replied(reply("250 mx.example\nSIZE 1000\nX-NEW a b"))]);
}

#[test]
fn extensions_are_known_after_hello_unknown_ones_too() {
    let mut pair = greeted(Config::default());
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say("250-mx\r\n250-SIZE 1000\r\n250 X-NEW a b\r\n");
    assert_eq!(pair.client.extensions().size_limit(), Some(1000));
    assert_eq!(pair.client.extensions().parameters("x-new"), Some("a b"));
}

#[test]
fn helo_follows_a_permanent_refusal_of_ehlo() {
    for refusal in ["500 what?\r\n", "502 no\r\n", "550 no\r\n"] {
        let script = [
            say("220 mx\r\n"),
            expect("EHLO client.example\r\n"),
            Step::Say(refusal),
            expect("HELO client.example\r\n"),
            say("250 mx\r\n"),
        ];
        let run = play(|| greeted(Config::default()), &script);
        assert_eq!(ends(&run.events), [End::Replied(reply("250 mx"))]);
    }
}

#[test]
fn no_helo_follows_a_transient_refusal_of_ehlo() {
    let run = play(|| greeted(Config::default()), &[say("220 mx\r\n"), say("450 later\r\n")]);
    assert_eq!(run.writes, ["EHLO client.example\r\n"]);
    assert_eq!(ends(&run.events), [End::Undone(Reason::Refused(reply("450 later")))]);
}

#[test]
fn helo_on_demand() {
    let mut config = Config::default();
    config.protocol = Protocol::Smtp;
    let run = play(
        || greeted(config.clone()),
        &[say("220 mx\r\n"), expect("HELO client.example\r\n"), say("250 mx\r\n")],
    );
    assert_eq!(ends(&run.events), [End::Replied(reply("250 mx"))]);
}

#[test]
fn the_reply_to_helo_offers_no_extension() {
    let mut config = Config::default();
    config.protocol = Protocol::Smtp;
    let mut pair = greeted(config);
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(CHUNKING);
    assert_eq!(pair.client.extensions().iter().count(), 0);
}

#[test]
fn a_negative_greeting_ends_the_connection() {
    let run = play(|| greeted(Config::default()), &[say("554 no SMTP service here\r\n"), expect("")]);
    let cause = Cause::Refused(reply("554 no SMTP service here"));
    assert_eq!(ends(&run.events), [End::Undone(Reason::Closed(cause.clone()))]);
    assert_eq!(run.events.last(), Some(&Event::Closed(cause)));
}

#[test]
fn an_intermediate_greeting_is_a_violation() {
    let run = play(|| greeted(Config::default()), &[say("354 go\r\n"), expect("")]);
    let violation = Violation::UnexpectedReply(reply("354 go"));
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
}

#[test]
fn a_greeting_of_421_means_that_the_server_is_unavailable() {
    let run = play(|| greeted(Config::default()), &[say("421 4.3.2 shutting down\r\n")]);
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Unavailable(reply("421 4.3.2 shutting down")))));
}

#[test]
fn an_invalid_greeting_is_refused_at_once_and_can_be_shown() {
    let mut pair = greeted(Config::default());
    pair.settle();
    pair.say("HTTP/1.1 400 Bad Request\r\n");
    assert_eq!(pair.run.events.last(), Some(&Event::Closed(Cause::Violation(Violation::MalformedReply))));
    assert_eq!(pair.client.rejected_octets(), b"HTTP/1.1 400 Bad Request\r\n");
}

#[test]
fn each_query_expects_one_reply() {
    let start = || {
        let mut pair = greeted(Config::default());
        pair.client.vrfy("smith".parse().unwrap()).unwrap();
        pair.client.expn("list".parse().unwrap()).unwrap();
        pair.client.help(None).unwrap();
        pair.client.help(Some("MAIL".parse().unwrap())).unwrap();
        pair.client.raw("XODD one two".parse().unwrap()).unwrap();
        pair.client.noop().unwrap();
        pair.client.reset().unwrap();
        pair.client.quit().unwrap();
        pair
    };
    let script = [
        say("220 mx\r\n"),
        expect("EHLO client.example\r\n"),
        say("250 mx\r\n"),
        expect("VRFY smith\r\n"),
        say("252 cannot tell\r\n"),
        expect("EXPN list\r\n"),
        say("550 no\r\n"),
        expect("HELP\r\n"),
        say("214 try MAIL\r\n"),
        expect("HELP MAIL\r\n"),
        say("214 MAIL FROM:<..>\r\n"),
        expect("XODD one two\r\n"),
        say("500 what?\r\n"),
        expect("NOOP\r\n"),
        say("250 ok\r\n"),
        expect("RSET\r\n"),
        say("250 ok\r\n"),
        expect("QUIT\r\n"),
        say("221 bye\r\n"),
    ];
    let run = play(start, &script);
    let texts = [
        "252 cannot tell",
        "550 no",
        "214 try MAIL",
        "214 MAIL FROM:<..>",
        "500 what?",
        "250 ok",
        "250 ok",
        "221 bye",
    ];
    assert_eq!(ends(&run.events)[1..], texts.map(|text| End::Replied(reply(text))));
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Quit)));
}

#[test]
fn group_enders_end_their_group_under_pipelining() {
    let start = || {
        let mut pair = greeted(Config::default());
        pair.client.reset().unwrap();
        pair.client.noop().unwrap();
        pair.client.noop().unwrap();
        pair
    };
    let script = [
        say("220 mx\r\n"),
        expect("EHLO client.example\r\n"),
        say(PIPELINING),
        expect("RSET\r\nNOOP\r\n"),
        say("250 ok\r\n250 ok\r\n"),
        expect("NOOP\r\n"),
    ];
    play(start, &script);
}

#[test]
fn misuse_is_rejected_and_nothing_is_sent() {
    let mut client = Client::new(Config::default());
    assert_eq!(client.send(envelope(&["bob@example.net"])), Err(Misuse::HelloFirst));
    assert_eq!(client.start_tls(), Err(Misuse::HelloFirst));
    client.hello(domain()).unwrap();
    assert_eq!(client.send(envelope(&[])), Err(Misuse::NoRecipients));
    assert_eq!(client.authenticate(Vec::new()), Err(Misuse::NoMechanism));
    for command in
        ["DATA", "bdat 5 LAST", "StartTLS", "AUTH PLAIN", "EHLO x", "HELO x", "LHLO x", "XCLIENT A=B"]
    {
        assert_eq!(client.raw(command.parse().unwrap()), Err(Misuse::StateChangingCommand), "{command}");
    }
    client.start_tls().unwrap();
    assert_eq!(client.start_tls(), Err(Misuse::HelloFirst));
    client.hello(domain()).unwrap();
    assert_eq!(client.start_tls(), Err(Misuse::AlreadySecured));
    client.quit().unwrap();
    assert_eq!(client.noop(), Err(Misuse::AfterQuit));
    client.handle(Input::Lost);
    assert_eq!(client.noop(), Err(Misuse::Closed));
}

#[test]
fn a_421_while_idle_ends_the_connection() {
    let run = play(
        || greeted(Config::default()),
        &[say("220 mx\r\n"), say("250 mx\r\n"), say("421 4.4.2 idle too long\r\n")],
    );
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Unavailable(reply("421 4.4.2 idle too long")))));
}

#[test]
fn an_unsolicited_reply_is_a_violation() {
    let run =
        play(|| greeted(Config::default()), &[say("220 mx\r\n"), say("250 mx\r\n"), say("250 extra\r\n")]);
    let violation = Violation::UnsolicitedReply(reply("250 extra"));
    assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
}

#[test]
fn an_unsolicited_reply_before_the_next_command_is_sent_is_a_violation() {
    let mut config = Config::default();
    config.limits.in_flight = 2;
    let (mut client, mut transmit) = (Client::new(config), Transmit::new());
    client.hello(domain()).unwrap();
    hear(&mut client, &mut transmit, &["220 mx\r\n", CHUNKING]);
    let first = client.send(envelope(&["bob@example.net"])).unwrap();
    let second = client.send(envelope(&["eve@example.net"])).unwrap();
    assert_eq!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(first));
    client.body(MESSAGE.as_bytes());
    client.end_of_body();
    // the commands of the first message wait for the second one, to be sent with it
    assert_eq!(client.poll(Instant::EPOCH, &mut transmit), Output::Body(second));
    client.handle(Input::Received(b"250 extra\r\n"));
    let mut events = Vec::new();
    while let Output::Event(event) = client.poll(Instant::EPOCH, &mut transmit) {
        events.push(event);
    }
    let violation = Violation::UnsolicitedReply(reply("250 extra"));
    assert_eq!(events.last(), Some(&Event::Closed(Cause::Violation(violation))));
}

#[test]
fn only_a_refused_reset_is_repeated_before_the_next_message() {
    for (ask_for_reset, answer, is_said_again) in
        [(true, "250 ok\r\n", false), (true, "500 what?\r\n", true), (false, "500 what?\r\n", false)]
    {
        let start = || {
            let mut pair = greeted(Config::default());
            let asked = if ask_for_reset { pair.client.reset() } else { pair.client.noop() };
            asked.unwrap();
            pair.client.send(envelope(&["bob@example.net"])).unwrap();
            pair.with_body(MESSAGE)
        };
        let verb = if ask_for_reset { "RSET\r\n" } else { "NOOP\r\n" };
        let next = if is_said_again { "RSET\r\n" } else { "MAIL FROM:<alice@example.org>\r\n" };
        play(
            start,
            &[
                say("220 mx\r\n"),
                expect("EHLO client.example\r\n"),
                say("250 mx\r\n"),
                expect(verb),
                say(answer),
                expect(next),
            ],
        );
    }
}

#[test]
fn an_accepted_reset_is_not_repeated() {
    let start = || {
        let mut pair = greeted(Config::default());
        for to in ["bob@example.net", "eve@example.net"] {
            pair.client.send(envelope(&[to])).unwrap();
        }
        pair
    };
    let mail = "MAIL FROM:<alice@example.org>\r\n";
    play(
        start,
        &[
            say("220 mx\r\n"),
            expect("EHLO client.example\r\n"),
            say("250 mx\r\n"),
            expect(mail),
            say("250 ok\r\n"),
            expect("RCPT TO:<bob@example.net>\r\n"),
            say("550 no\r\n"),
            expect("RSET\r\n"),
            say("250 ok\r\n"),
            expect(mail),
        ],
    );
}

#[test]
fn only_a_refused_reset_after_a_check_is_repeated() {
    for (answer, next) in [("250 ok\r\n", "MAIL FROM:<alice@example.org>\r\n"), ("500 what?\r\n", "RSET\r\n")]
    {
        let start = || {
            let mut pair = greeted(Config::default());
            pair.client.check(envelope(&["bob@example.net"])).unwrap();
            pair.client.send(envelope(&["eve@example.net"])).unwrap();
            pair
        };
        play(
            start,
            &[
                say("220 mx\r\n"),
                say("250 mx\r\n"),
                say("250 ok\r\n"),
                say("250 ok\r\n"),
                expect(
                    "EHLO client.example\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nRSET\r\n",
                ),
                say(answer),
                expect(next),
            ],
        );
    }
}

#[test]
fn a_query_in_utf_8_declares_it_and_raw_is_sent_unchanged() {
    let start = || {
        let mut pair = greeted(Config::default());
        pair.client.vrfy("größe".parse().unwrap()).unwrap();
        pair.client.raw("XPFÖRTNER".parse().unwrap()).unwrap();
        pair
    };
    play(
        start,
        &[
            say("220 mx\r\n"),
            expect("EHLO client.example\r\n"),
            say("250-mx\r\n250 SMTPUTF8\r\n"),
            expect("VRFY größe SMTPUTF8\r\n"),
            say("252 perhaps\r\n"),
            expect("XPFÖRTNER\r\n"),
        ],
    );
}

#[test]
fn the_challenges_of_a_mechanism_that_reveals_the_password_are_shown() {
    let mut config = Config::default();
    config.report_replies = true;
    config.reveal = Reveal::Always;
    let mut pair = greeted(config);
    pair.client.authenticate(vec![Box::new(Login::new("alice", Secret::from("s3cret")).unwrap())]).unwrap();
    pair.settle();
    for text in ["220 mx\r\n", "250-mx\r\n250 AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"] {
        pair.say(text);
    }
    let shown = Event::Reply { verb: Some(Verb::Auth), reply: reply("334 VXNlcm5hbWU6"), wanted: true };
    assert!(pair.run.events.contains(&shown), "{:?}", pair.run.events);
}

#[test]
fn a_refused_reset_pipelined_with_mail_is_a_violation() {
    for hello in [PIPELINING, CHUNKING] {
        let start = || {
            let mut pair = greeted(Config::default());
            pair.client.reset().unwrap();
            pair.client.send(envelope(&["bob@example.net"])).unwrap();
            pair.with_body(MESSAGE)
        };
        let run = play(start, &[say("220 mx\r\n"), say(hello), say("500 what?\r\n")]);
        assert!(run.writes.concat().contains("RSET\r\nMAIL FROM:"), "{:?}", run.writes);
        let violation = Violation::UnexpectedReply(reply("500 what?"));
        assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation))));
    }
}

#[test]
fn a_reset_is_sent_alone_if_the_server_may_have_recipients() {
    let raw = || {
        let mut pair = greeted(Config::default());
        pair.client.raw("RCPT TO:<eve@example.net>".parse().unwrap()).unwrap();
        pair.client.reset().unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.with_body(MESSAGE)
    };
    let check = || {
        let mut pair = greeted(Config::default());
        pair.client.check(envelope(&["eve@example.net"])).unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.with_body(MESSAGE)
    };
    let all_or_nothing = || {
        let mut pair = greeted(Config::default());
        let mut both = envelope(&["eve@example.net", "zoe@example.net"]);
        both.all_or_nothing = true;
        pair.client.send(both).unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.with_body(MESSAGE).with_body(MESSAGE)
    };
    let starts: [(&dyn Fn() -> Pair, &'static str); 3] = [
        (&raw, "250 ok\r\n"),
        (&check, "250 ok\r\n250 ok\r\n"),
        (&all_or_nothing, "250 ok\r\n250 ok\r\n550 no\r\n"),
    ];
    for (start, replies) in starts {
        for hello in [PIPELINING, CHUNKING] {
            let run = play(start, &[say("220 mx\r\n"), say(hello), Step::Say(replies)]);
            assert!(run.writes.concat().ends_with("RSET\r\n"), "{:?}", run.writes);
            // it was not done: the client repeats it, again on its own
            let run = play(start, &[say("220 mx\r\n"), say(hello), Step::Say(replies), say("451 later\r\n")]);
            let written = run.writes.concat();
            assert!(!written.contains("RCPT TO:<bob@example.net>"), "{written}");
            let run = play(start, &[say("220 mx\r\n"), say(hello), Step::Say(replies), say("250 reset\r\n")]);
            assert!(run.writes.concat().contains("RCPT TO:<bob@example.net>"), "{:?}", run.writes);
        }
    }
}

#[test]
fn a_query_that_cannot_be_sent_does_not_affect_the_next_goal() {
    let start = || {
        let mut pair = greeted(Config::default());
        pair.client.vrfy("größe".parse().unwrap()).unwrap();
        pair.client.noop().unwrap();
        pair
    };
    let run = play(
        start,
        &[say("220 mx\r\n"), say(PIPELINING), expect("EHLO client.example\r\nNOOP\r\n"), say("250 ok\r\n")],
    );
    assert_eq!(
        ends(&run.events)[1..],
        [End::Undone(Reason::NotOffered("SMTPUTF8")), End::Replied(reply("250 ok"))]
    );
}

#[test]
fn a_negative_greeting_is_reported_as_unwanted() {
    let mut config = Config::default();
    config.report_replies = true;
    let run = play(|| greeted(config.clone()), &[say("554 no\r\n")]);
    assert_eq!(run.events[0], Event::Reply { verb: None, reply: reply("554 no"), wanted: false });
}

#[test]
fn replies_are_reported_with_their_command_if_enabled() {
    let mut config = Config::default();
    config.report_replies = true;
    let run = play(|| greeted(config.clone()), &[say("220 mx\r\n"), say("502 no\r\n"), say("250 mx\r\n")]);
    let reported: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Reply { verb, reply, wanted } => Some((*verb, reply.code().value(), *wanted)),
            _ => None,
        })
        .collect();
    assert_eq!(reported, [(None, 220, true), (Some(Verb::Ehlo), 502, false), (Some(Verb::Helo), 250, true)]);
}

#[test]
fn a_challenge_and_a_354_are_wanted_and_other_intermediate_replies_are_not() {
    let mut config = Config::default();
    config.report_replies = true;
    config.reveal = Reveal::Always;
    let start = || {
        let mut pair = greeted(config.clone());
        pair.client
            .authenticate(vec![Box::new(Login::new("alice", Secret::from("s3cret")).unwrap())])
            .unwrap();
        pair.client.send(envelope(&["bob@example.net"])).unwrap();
        pair.with_body(MESSAGE)
    };
    let script = [
        say("220 mx\r\n"),
        say("250-mx\r\n250 AUTH LOGIN\r\n"),
        say("334 VXNlcm5hbWU6\r\n"),
        say("334 UGFzc3dvcmQ6\r\n"),
        say("235 ok\r\n"),
        say("250 ok\r\n"),
        say("250 ok\r\n"),
        say("354 go\r\n"),
        say("354 odd\r\n"),
    ];
    let run = play(start, &script);
    let reported: Vec<_> = run
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Reply { reply, wanted, .. } => Some((reply.code().value(), *wanted)),
            _ => None,
        })
        .collect();
    let codes = [220, 250, 334, 334, 235, 250, 250, 354, 354];
    assert_eq!(reported, codes.iter().enumerate().map(|(at, code)| (*code, at != 8)).collect::<Vec<_>>());
}
