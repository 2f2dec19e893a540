//! Tests one message and its recipients, in lock step: who was accepted, who was refused, and at which command.

use crate::pair::*;
use smtp_core::*;

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";
const BOB: &str = "RCPT TO:<bob@example.net>\r\n";
const EVE: &str = "RCPT TO:<eve@example.net>\r\n";

fn one() -> Pair {
    sending(Config::default(), &[&["bob@example.net"]])
}

fn two() -> Pair {
    sending(Config::default(), &[&["bob@example.net", "eve@example.net"]])
}

fn greeted(rest: &[Step]) -> Vec<Step> {
    let mut script = vec![say("220 mx\r\n"), expect("EHLO client.example\r\n"), say("250 mx\r\n")];
    script.extend_from_slice(rest);
    script
}

fn outcomes(run: &Run) -> Vec<Outcome> {
    let delivered = |event: &Event| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => Some(outcomes.clone()),
        _ => None,
    };
    run.events.iter().find_map(delivered).expect("a delivery that ended")
}

#[test]
fn a_server_without_extensions_gets_one_command_at_a_time() {
    let run = play(
        two,
        &greeted(&[
            expect(MAIL),
            say("250 ok\r\n"),
            expect(BOB),
            say("250 ok\r\n"),
            expect(EVE),
            say("251 will forward\r\n"),
            expect("DATA\r\n"),
            say("354 go ahead\r\n"),
            expect(format!("{MESSAGE}.\r\n")),
            say("250 2.0.0 queued\r\n"),
        ]),
    );
    assert_eq!(outcomes(&run), [accepted("250 2.0.0 queued"), accepted("250 2.0.0 queued")]);
}

#[test]
fn one_refused_recipient_does_not_stop_the_other() {
    let run = play(
        two,
        &greeted(&[
            say("250 ok\r\n"),
            say("550 5.1.1 who?\r\n"),
            say("250 ok\r\n"),
            say("354 go ahead\r\n"),
            say("250 queued\r\n"),
        ]),
    );
    assert_eq!(outcomes(&run), [refused(Verb::Rcpt, "550 5.1.1 who?"), accepted("250 queued")]);
    let reported: Vec<_> =
        run.events.iter().filter(|event| matches!(event, Event::Recipient { .. })).collect();
    assert_eq!(reported.len(), 2, "each recipient is reported as it comes");
}

#[test]
fn without_reports_of_recipients_the_outcomes_are_the_same() {
    let quiet = || {
        let mut config = Config::default();
        config.report_recipients = false;
        config
    };
    let script = greeted(&[
        expect(MAIL),
        say("250 ok\r\n"),
        expect(BOB),
        say("250 2.1.5 taken\r\n"),
        expect(EVE),
        say("550 5.1.1 who?\r\n"),
        expect("DATA\r\n"),
        say("354 go ahead\r\n"),
        expect(format!("{MESSAGE}.\r\n")),
        say("250 queued\r\n"),
    ]);
    let run = play(|| sending(quiet(), &[&["bob@example.net", "eve@example.net"]]), &script);
    assert_eq!(outcomes(&run), [accepted("250 queued"), refused(Verb::Rcpt, "550 5.1.1 who?")]);
    assert!(!run.events.iter().any(|event| matches!(event, Event::Recipient { .. })));
    // in a check the reply is the outcome, with its text
    let check = || {
        let mut pair = Pair::new(quiet());
        pair.client.hello(domain()).unwrap();
        pair.client.check(envelope(&["bob@example.net"])).unwrap();
        pair
    };
    let run = play(
        check,
        &greeted(&[
            expect(MAIL),
            say("250 ok\r\n"),
            expect(BOB),
            say("250 2.1.5 taken\r\n"),
            expect("RSET\r\n"),
            say("250 ok\r\n"),
        ]),
    );
    assert_eq!(ends(&run.events)[1], End::Checked(vec![accepted("250 2.1.5 taken")]));
}

#[test]
fn a_refused_sender_ends_the_message_without_further_commands() {
    let run = play(two, &greeted(&[expect(MAIL), say("550 5.7.1 not you\r\n"), expect("")]));
    assert_eq!(
        outcomes(&run),
        [refused(Verb::Mail, "550 5.7.1 not you"), refused(Verb::Mail, "550 5.7.1 not you")]
    );
}

#[test]
fn all_recipients_refused_means_no_data_and_a_reset_before_the_next() {
    let start = || sending(Config::default(), &[&["bob@example.net"], &["eve@example.net"]]);
    let run = play(
        start,
        &greeted(&[
            expect(MAIL),
            say("250 ok\r\n"),
            expect(BOB),
            say("550 no\r\n"),
            expect("RSET\r\n"),
            say("250 ok\r\n"),
            expect(MAIL),
            say("250 ok\r\n"),
            expect(EVE),
            say("250 ok\r\n"),
            expect("DATA\r\n"),
            say("354 go\r\n"),
            expect(format!("{MESSAGE}.\r\n")),
            say("250 queued\r\n"),
        ]),
    );
    let ends = ends(&run.events);
    assert_eq!(ends[1], End::Delivered(vec![refused(Verb::Rcpt, "550 no")]));
    assert_eq!(ends[2], End::Delivered(vec![accepted("250 queued")]));
}

#[test]
fn data_refused() {
    let run = play(one, &greeted(&[say("250 ok\r\n"), say("250 ok\r\n"), say("451 4.3.0 later\r\n")]));
    assert_eq!(outcomes(&run), [refused(Verb::Data, "451 4.3.0 later")]);
}

#[test]
fn message_refused_after_the_dot() {
    let run = play(
        one,
        &greeted(&[say("250 ok\r\n"), say("250 ok\r\n"), say("354 go\r\n"), say("554 5.6.0 spam\r\n")]),
    );
    assert_eq!(outcomes(&run), [refused(Verb::Message, "554 5.6.0 spam")]);
}

#[test]
fn too_many_recipients_are_unsent_and_fit_another_transaction() {
    for reply_text in [
        "452 4.5.3 too many recipients\r\n",
        "450 4.5.3 too many recipients\r\n",
        "550 5.5.3 too many recipients\r\n",
        "452 4.3.1 no room for more\r\n",
        "452 too many recipients\r\n",
        "552 too many\r\n",
    ] {
        let run = play(
            two,
            &greeted(&[
                say("250 ok\r\n"),
                say("250 ok\r\n"),
                Step::Say(reply_text),
                say("354 go\r\n"),
                say("250 ok\r\n"),
            ]),
        );
        let reason = Reason::TooManyRecipients(reply(reply_text.trim_end()));
        assert_eq!(outcomes(&run), [accepted("250 ok"), Outcome::Unsent(reason)]);
    }
}

#[test]
fn a_full_mailbox_is_not_mistaken_for_too_many_recipients() {
    let run = play(
        two,
        &greeted(&[
            say("250 ok\r\n"),
            say("250 ok\r\n"),
            say("452 4.2.2 full\r\n"),
            say("354 go\r\n"),
            say("250 ok\r\n"),
        ]),
    );
    assert_eq!(outcomes(&run)[1], refused(Verb::Rcpt, "452 4.2.2 full"));
    let run = play(one, &greeted(&[say("250 ok\r\n"), say("452 no room\r\n")]));
    assert_eq!(outcomes(&run)[0], refused(Verb::Rcpt, "452 no room"));
}

#[test]
fn all_or_nothing_with_one_refusal_sends_nothing() {
    for hello in ["250 mx\r\n", PIPELINING, CHUNKING] {
        let start = || {
            let mut pair = Pair::new(Config::default());
            pair.client.hello(domain()).unwrap();
            let mut envelope = envelope(&["bob@example.net", "eve@example.net"]);
            envelope.all_or_nothing = true;
            pair.client.send(envelope).unwrap();
            pair.client.noop().unwrap();
            pair.with_body(MESSAGE)
        };
        let (first, rest): (String, &[Step]) = match hello {
            "250 mx\r\n" => (
                MAIL.into(),
                &[say("250 ok\r\n"), expect(BOB), say("250 ok\r\n"), expect(EVE), say("550 no\r\n")],
            ),
            _ => (format!("{MAIL}{BOB}{EVE}"), &[say("250 ok\r\n250 ok\r\n550 no\r\n")]),
        };
        let mut script =
            vec![say("220 mx\r\n"), expect("EHLO client.example\r\n"), Step::Say(hello), expect(first)];
        script.extend_from_slice(rest);
        script.push(expect("NOOP\r\n"));
        let run = play(start, &script);
        assert_eq!(outcomes(&run), [Outcome::Unsent(Reason::AnotherRefused), refused(Verb::Rcpt, "550 no")]);
    }
}

#[test]
fn all_or_nothing_with_no_refusal_is_sent() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        let mut envelope = envelope(&["bob@example.net", "eve@example.net"]);
        envelope.all_or_nothing = true;
        pair.client.send(envelope).unwrap();
        pair.with_body(MESSAGE)
    };
    let script = [
        say("220 mx\r\n"),
        expect("EHLO client.example\r\n"),
        say(PIPELINING),
        expect(format!("{MAIL}{BOB}{EVE}")),
        say("250 ok\r\n250 ok\r\n250 ok\r\n"),
        expect("DATA\r\n"),
        say("354 go\r\n"),
        expect(format!("{MESSAGE}.\r\n")),
        say("250 queued\r\n"),
    ];
    assert_eq!(outcomes(&play(start, &script)), [accepted("250 queued"), accepted("250 queued")]);
}

#[test]
fn a_check_sends_no_message() {
    for (hello, exchange) in [
        (
            "250 mx\r\n",
            vec![
                expect(MAIL),
                say("250 ok\r\n"),
                expect(BOB),
                say("250 ok\r\n"),
                expect(EVE),
                say("550 no\r\n"),
                expect("RSET\r\n"),
            ],
        ),
        (
            PIPELINING,
            vec![expect(format!("{MAIL}{BOB}{EVE}RSET\r\n")), say("250 ok\r\n250 ok\r\n550 no\r\n")],
        ),
    ] {
        let start = || {
            let mut pair = Pair::new(Config::default());
            pair.client.hello(domain()).unwrap();
            pair.client.check(envelope(&["bob@example.net", "eve@example.net"])).unwrap();
            pair
        };
        let mut script = vec![say("220 mx\r\n"), expect("EHLO client.example\r\n"), Step::Say(hello)];
        script.extend(exchange);
        script.push(say("250 ok\r\n"));
        let run = play(start, &script);
        assert_eq!(
            ends(&run.events)[1],
            End::Checked(vec![accepted("250 ok"), refused(Verb::Rcpt, "550 no")])
        );
    }
}

#[test]
fn a_check_keeps_its_replies_when_the_connection_is_lost() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        pair.client.check(envelope(&["bob@example.net", "eve@example.net"])).unwrap();
        pair
    };
    let run = play(start, &[say("220 mx\r\n"), say(PIPELINING), say("250 ok\r\n250 bob\r\n"), Step::Lose]);
    let unsent = Outcome::Unsent(Reason::Closed(Cause::Lost));
    assert_eq!(ends(&run.events)[1], End::Checked(vec![accepted("250 bob"), unsent]));
}

#[test]
fn a_check_of_the_sender_sends_no_rcpt() {
    for (hello, exchange, outcome) in [
        (
            "250 mx\r\n",
            vec![expect(MAIL), say("250 ok\r\n"), expect("RSET\r\n"), say("250 reset\r\n")],
            accepted("250 ok"),
        ),
        ("250 mx\r\n", vec![expect(MAIL), say("550 no\r\n")], refused(Verb::Mail, "550 no")),
        (
            PIPELINING,
            vec![expect(format!("{MAIL}RSET\r\n")), say("250 ok\r\n250 reset\r\n")],
            accepted("250 ok"),
        ),
        (
            PIPELINING,
            vec![expect(format!("{MAIL}RSET\r\n")), say("550 no\r\n250 reset\r\n")],
            refused(Verb::Mail, "550 no"),
        ),
        ("250-mx\r\n250 SIZE 10\r\n", vec![], Outcome::Unsent(Reason::TooLarge { limit: 10 })),
    ] {
        let start = || {
            let mut pair = Pair::new(Config::default());
            pair.client.hello(domain()).unwrap();
            let mut asked = envelope(&["bob@example.net"]);
            asked.size = hello.contains("SIZE").then_some(11);
            pair.client.check_sender(asked).unwrap();
            pair
        };
        let mut script = vec![say("220 mx\r\n"), expect("EHLO client.example\r\n"), Step::Say(hello)];
        script.extend(exchange);
        assert_eq!(ends(&play(start, &script).events)[1], End::Checked(vec![outcome]));
    }
}

#[test]
fn a_missing_extension_is_reported_before_mail() {
    type Change = fn(&mut Envelope);
    let cases: [(&'static str, Change, Reason); 5] = [
        ("250 mx\r\n", |envelope| envelope.body = BodyType::EightBitMime, Reason::NotOffered("8BITMIME")),
        ("250 mx\r\n", |envelope| envelope.utf8_headers = true, Reason::NotOffered("SMTPUTF8")),
        (
            "250 mx\r\n",
            |envelope| envelope.recipients[0].to = "<björn@example.net>".parse().unwrap(),
            Reason::NotOffered("SMTPUTF8"),
        ),
        ("250-mx\r\n250 SIZE 100\r\n", |envelope| envelope.size = Some(101), Reason::TooLarge { limit: 100 }),
        (
            "250-mx\r\n250-SIZE 100\r\n250 PIPELINING\r\n",
            |envelope| envelope.size = Some(101),
            Reason::TooLarge { limit: 100 },
        ),
    ];
    for (hello, change, reason) in cases {
        let start = || {
            let mut pair = Pair::new(Config::default());
            pair.client.hello(domain()).unwrap();
            let mut envelope = envelope(&["bob@example.net"]);
            change(&mut envelope);
            pair.client.send(envelope).unwrap();
            pair
        };
        let run = play(
            start,
            &[say("220 mx\r\n"), expect("EHLO client.example\r\n"), Step::Say(hello), expect("")],
        );
        assert_eq!(outcomes(&run), [Outcome::Unsent(reason)]);
    }
}

#[test]
fn needed_extensions_are_declared_if_offered() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        let mut envelope = envelope(&["björn@example.net"]);
        envelope.body = BodyType::EightBitMime;
        envelope.size = Some(100);
        envelope.parameters.push("X-ODD=1".parse().unwrap());
        envelope.recipients[0].parameters.push("NOTIFY=NEVER".parse().unwrap());
        pair.client.send(envelope).unwrap();
        pair
    };
    let script = [
        say("220 mx\r\n"),
        expect("EHLO client.example\r\n"),
        say("250-mx\r\n250-SIZE 100\r\n250-DSN\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n"),
        expect("MAIL FROM:<alice@example.org> SIZE=100 BODY=8BITMIME SMTPUTF8 X-ODD=1\r\n"),
        say("250 ok\r\n"),
        expect("RCPT TO:<björn@example.net> NOTIFY=NEVER\r\n"),
    ];
    play(start, &script);
}

#[test]
fn the_null_reverse_path_and_postmaster() {
    let start = || {
        let mut pair = Pair::new(Config::default());
        pair.client.hello(domain()).unwrap();
        pair.client.send(Envelope::new(ReversePath::null(), [ForwardPath::postmaster()])).unwrap();
        pair
    };
    let script = [
        say("220 mx\r\n"),
        expect("EHLO client.example\r\n"),
        say(PIPELINING),
        expect("MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n"),
    ];
    play(start, &script);
}

#[test]
fn replies_of_the_wrong_kind_are_violations() {
    for (script, odd) in [
        (vec![say("354 what\r\n")], "354 what"),
        (vec![say("250 ok\r\n"), say("354 what\r\n")], "354 what"),
        (vec![say("250 ok\r\n"), say("250 ok\r\n"), say("250 go\r\n")], "250 go"),
        (vec![say("250 ok\r\n"), say("250 ok\r\n"), say("354 go\r\n"), say("354 more\r\n")], "354 more"),
    ] {
        let run = play(one, &greeted(&script));
        let violation = Violation::UnexpectedReply(reply(odd));
        assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(violation.clone()))));
        let unknown = odd == "354 more";
        match &outcomes(&run)[0] {
            Outcome::Unconfirmed(cause) => assert!(unknown && *cause == Cause::Violation(violation)),
            Outcome::Unsent(Reason::Closed(cause)) => {
                assert!(!unknown && *cause == Cause::Violation(violation));
            }
            other => panic!("{other:?}"),
        }
    }
}
