//! Tests the vulnerabilities of other clients, one test for each, and what excludes it here.

use crate::pair::*;
use smtp_core::*;

#[test]
fn threat_1_cr_and_lf_in_an_address_cannot_be_expressed() {
    for octet in ['\r', '\n', '\0', '\u{7f}', '\u{1b}'] {
        for address in [
            format!("a{octet}b@example.org"),
            format!("\"a{octet}b\"@example.org"),
            format!("a@exam{octet}ple.org"),
        ] {
            assert!(address.parse::<Mailbox>().is_err(), "{address:?}");
            assert!(format!("<{address}>").parse::<ReversePath>().is_err());
            assert!(format!("<{address}>").parse::<ForwardPath>().is_err());
        }
    }
    // CVE-2025-7962: characters that become CR and LF when they are truncated to octets
    let wide: Mailbox = "a\u{760d}\u{760a}b@example.org".parse().unwrap();
    assert!(!wide.as_str().bytes().any(|octet| octet == b'\r' || octet == b'\n'));
}

#[test]
fn threat_2_cr_and_lf_in_a_hello_name_a_parameter_or_any_text_cannot_be_expressed() {
    for octet in ['\r', '\n', '\0'] {
        assert!(format!("client{octet}.example").parse::<EhloDomain>().is_err());
        assert!(format!("SIZE=1{octet}0").parse::<Parameter>().is_err());
        assert!(format!("smith{octet}QUIT").parse::<Text>().is_err());
    }
}

#[test]
fn threat_3_a_bracket_and_a_space_in_an_address_add_no_parameter() {
    for address in
        ["a@[x-tag:b>]", "a@example.org> SIZE=1", "a@example.org>", "a b@example.org", "<a@example.org"]
    {
        assert!(address.parse::<Mailbox>().is_err(), "{address}");
    }
    let quoted: Mailbox = "\"x> ORCPT=y\"@example.org".parse().unwrap();
    assert_eq!(ForwardPath::new(quoted).as_str(), "<\"x> ORCPT=y\"@example.org>");
}

#[test]
fn threat_6_and_7_transparency_and_smuggling_at_every_cut_of_the_body() {
    for body in [
        ".\r\n",
        "a\r\n.\r\nMAIL FROM:<eve@example.org>\r\n",
        "a\n.\nb",
        "a\n.\r\nb",
        "a\r.\rb",
        "a\r\n.\nb",
        "a\r.\r\nb",
        "\r\n\r\n.\r\n",
    ] {
        let start = || {
            let mut pair = Pair::new(Config::default());
            pair.client.hello(domain()).unwrap();
            pair.client.send(envelope(&["bob@example.net"])).unwrap();
            pair.with_body(body)
        };
        let run = play(
            start,
            &[say("220 mx\r\n"), say(PIPELINING), say("250 ok\r\n250 ok\r\n354 go\r\n"), say("250 ok\r\n")],
        );
        let data: String = run.writes[2..].concat();
        assert_eq!(data.matches("\r\n.\r\n").count() + usize::from(data.starts_with(".\r\n")), 1, "{data:?}");
        assert!(data.ends_with(".\r\n"));
        assert_eq!(data.matches('\r').count(), data.matches("\r\n").count());
        assert_eq!(data.matches('\n').count(), data.matches("\r\n").count());
    }
}

fn must_be_secured() -> Pair {
    let mut config = Config::default();
    config.reveal = Reveal::Always;
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    pair.client.start_tls().unwrap();
    pair.client.hello(domain()).unwrap();
    pair.client.authenticate(vec![Box::new(Plain::new("alice", Secret::from("s3cret")).unwrap())]).unwrap();
    pair.client.send(envelope(&["bob@example.net"])).unwrap();
    pair.client.quit().unwrap();
    pair
}

#[test]
fn threat_8_without_tls_only_quit_follows() {
    for (replies, clear) in [
        (&["220 mx\r\n", "250-mx\r\n250 AUTH PLAIN\r\n"][..], "EHLO client.example\r\nQUIT\r\n"),
        (
            &["220 mx\r\n", "502 no\r\n", "250 mx\r\n"],
            "EHLO client.example\r\nHELO client.example\r\nQUIT\r\n",
        ),
        (
            &["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "454 not now\r\n"],
            "EHLO client.example\r\nSTARTTLS\r\nQUIT\r\n",
        ),
        (
            &["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "554 never\r\n"],
            "EHLO client.example\r\nSTARTTLS\r\nQUIT\r\n",
        ),
    ] {
        let script: Vec<Step> = replies.iter().map(|text| Step::Say(text)).collect();
        let run = play(must_be_secured, &script);
        assert_eq!(run.writes.concat(), clear);
        assert!(matches!(ends(&run.events)[1], End::Undone(_)));
        assert_eq!(ends(&run.events)[4], End::Delivered(vec![Outcome::Unsent(Reason::Prerequisite)]));
    }
}

#[test]
fn threat_9_octets_after_the_220_of_starttls_end_the_connection() {
    for injected in [
        "220 go\r\n250 mx\r\n",
        "220 go\r\n250-mx\r\n250 AUTH PLAIN\r\n",
        "220 go\r\n235 you are eve\r\n",
        "220 go\r\n2",
    ] {
        let run = play(
            must_be_secured,
            &[say("220 mx\r\n"), say("250-mx\r\n250 STARTTLS\r\n"), Step::Say(injected)],
        );
        assert_eq!(run.writes.concat(), "EHLO client.example\r\nSTARTTLS\r\n");
        assert_eq!(run.events.last(), Some(&Event::Closed(Cause::Violation(Violation::InjectedOctets))));
    }
}

#[test]
fn threat_17_a_reply_without_end_is_bounded() {
    let limits = Limits::default();
    for (piece, violation) in [
        ("250-still going\r\n", Violation::TooManyReplyLines { limit: limits.reply_lines }),
        (
            "250 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            Violation::ReplyLineTooLong { limit: limits.reply_line },
        ),
    ] {
        let mut pair = Pair::new(Config::default());
        pair.settle();
        let mut said = 0;
        // a line without an end must continue as it began
        pair.say(piece);
        while pair.run.events.is_empty() {
            pair.say(if piece.ends_with('\n') { piece } else { "xxxxxxxxxxxxxxxxxxxx" });
            said += piece.len();
            assert!(said < 10 * limits.reply_octets, "never stopped");
        }
        assert_eq!(pair.run.events, [Event::Closed(Cause::Violation(violation))]);
    }
}

#[test]
fn threat_19_codes_outside_the_grammar_are_fatal() {
    for greeting in [
        "100 x\r\n",
        "199 x\r\n",
        "600 x\r\n",
        "260 x\r\n",
        "2200 x\r\n",
        "22 x\r\n",
        "0000000000000000000000000000000000000220 x\r\n",
    ] {
        let mut pair = Pair::new(Config::default());
        pair.settle();
        pair.say(greeting);
        assert_eq!(
            pair.run.events,
            [Event::Closed(Cause::Violation(Violation::MalformedReply))],
            "{greeting}"
        );
    }
}

#[test]
fn threat_19_mail_data_is_sent_after_354_and_no_other_intermediate_reply() {
    for odd in ["334 go\r\n", "334 \r\n", "350 go\r\n", "300 go\r\n", "359 go\r\n"] {
        let start = || sending(Config::default(), &[&["bob@example.net"]]);
        let script = [say("220 mx\r\n"), say("250 mx\r\n"), say("250 ok\r\n"), say("250 ok\r\n"), say(odd)];
        let run = play(start, &script);
        assert!(run.writes.concat().ends_with("DATA\r\n"), "{odd}: {:?}", run.writes);
        // the text of a 334 may be a challenge, which is not shown
        let Some(Event::Closed(Cause::Violation(Violation::UnexpectedReply(said)))) = run.events.last()
        else {
            panic!("{odd}: {:?}", run.events)
        };
        assert_eq!(said.code(), reply(odd.trim_end()).code(), "{odd}");
    }
}

#[test]
fn threat_20_early_replies_do_not_desynchronise() {
    // replies to commands that were not sent yet; divided elsewhere they would come later, so this is played whole
    let pair = sending(Config::default(), &[&["bob@example.net"]]);
    let run = pair
        .play(&[say("220 mx\r\n"), say("250 mx\r\n250 early\r\n250 early\r\n354 early\r\n250 early\r\n")]);
    assert!(matches!(
        run.events.last(),
        Some(Event::Closed(Cause::Violation(Violation::UnsolicitedReply(_))))
    ));
    assert!(!run.writes.concat().contains("DATA"));
}

#[test]
fn threat_23_one_argument_is_one_address() {
    for list in [
        "a@example.org,b@example.org",
        "a@example.org, b@example.org",
        "a@example.org b@example.org",
        "<a@example.org>,<b@example.org>",
    ] {
        assert!(list.parse::<Mailbox>().is_err(), "{list}");
        assert!(list.parse::<ForwardPath>().is_err(), "{list}");
    }
}
