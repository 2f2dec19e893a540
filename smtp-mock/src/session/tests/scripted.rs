//! Tests of what departs from the correct server: guards, hooks, mechanisms by rule, limits, cuts.

use super::*;

/// One whole message with these header fields.
fn message(talk: &mut Talk, from: &str, fields: &str) -> String {
    talk.send(&format!("MAIL FROM:<{from}>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n"));
    talk.send(&format!("{fields}\r\n\r\nbody\r\n.\r\n"))
}

#[test]
fn guards_hold_a_rule_back() {
    let mut scenario = with_user();
    for rule in [
        Rule::on(On::Body).header("Subject: *spam*").reply("554 5.7.1 spam"),
        Rule::on(On::Body).from("slow@*").larger_than(20).reply("552 5.3.4 large"),
        Rule::on(On::Noop).secure(true).reply("250 secure"),
        Rule::on(On::Noop).authenticated(true).reply("250 authenticated"),
        Rule::on(On::Vrfy).line("VRFY a*").reply("250 a"),
        Rule::on(On::Mail).larger_than(1000).reply("552 5.3.4 declared large"),
    ] {
        scenario.rules.push(rule);
    }
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    assert!(message(&mut talk, "a@b.test", "Subject: More SPAM\r\n here").starts_with("554"));
    assert!(message(&mut talk, "a@b.test", "X-Subject: spam").starts_with("250"));
    assert!(message(&mut talk, "slow@b.test", "Subject: a longer one").starts_with("552 5.3.4 large"));
    assert!(message(&mut talk, "slow@b.test", "X: y").starts_with("250"));
    assert!(talk.send("MAIL FROM:<> SIZE=1001\r\n").starts_with("552 5.3.4 declared"));
    assert_eq!(talk.send("VRFY bob\r\nVRFY alice\r\n").matches("250 a\r\n").count(), 1);
    assert_eq!(talk.send("NOOP\r\n"), "250 2.0.0 ok\r\n");
    talk.send(&format!("AUTH PLAIN {}\r\n", encode(b"\0alice\0secret")));
    assert_eq!(talk.send("NOOP\r\n"), "250 authenticated\r\n");
}

#[test]
fn a_rule_on_tls_comes_before_the_handshake_or_in_its_place() {
    let scenario = |rule| {
        let mut scenario = Scenario::new();
        scenario.tls.mode = TlsMode::Starttls;
        scenario.rules.push(rule);
        scenario
    };
    let mut talk = Talk::new(scenario(Rule::on(On::Tls).delay(Duration::from_secs(9)).default_reply()));
    talk.send("EHLO x.test\r\nSTARTTLS\r\n");
    assert_eq!(talk.last, Output::WaitUntil(Duration::from_secs(9)));
    talk.session.now(Duration::from_secs(9));
    talk.run();
    assert!(matches!(talk.last, Output::Handshake(_)));
    let mut talk = Talk::new(scenario(Rule::on(On::Tls).close(Close::Rst)));
    talk.send("EHLO x.test\r\nSTARTTLS\r\n");
    assert_eq!(talk.last, Output::Close(Close::Rst));
}

#[test]
fn a_rule_can_challenge_without_end() {
    let mut scenario = with_user();
    scenario.rules.push(Rule::on(On::Auth).reply("334 c3RpbGwgbm90"));
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    assert_eq!(talk.send("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"), "334 c3RpbGwgbm90\r\n");
    for _ in 0..50 {
        assert_eq!(talk.send("AA==\r\n"), "334 c3RpbGwgbm90\r\n");
    }
    assert!(!talk.server.transcript().to_string().contains("C: AA=="));
}

#[test]
fn every_mechanism_ends_in_235_or_in_535() {
    let mut scenario = with_user();
    scenario.auth.mechanisms = Some(Mechanism::ALL.to_vec());
    scenario.auth.tokens.insert("alice".to_owned(), "token".to_owned());
    for (mechanism, good, bad) in [
        ("PLAIN", &b"\0alice\0secret"[..], &b"\0alice\0wrong"[..]),
        ("XOAUTH2", b"user=alice\x01auth=Bearer token\x01\x01", b"user=alice\x01auth=Bearer stale\x01\x01"),
        (
            "OAUTHBEARER",
            b"n,a=alice,\x01auth=Bearer token\x01\x01",
            b"n,a=alice,\x01auth=Bearer stale\x01\x01",
        ),
        ("EXTERNAL", b"alice", b"mallory"),
        ("ANONYMOUS", b"trace", b"trace"),
    ] {
        for (response, code) in [(good, "235"), (bad, if mechanism == "ANONYMOUS" { "235" } else { "535" })] {
            let mut talk = Talk::new(scenario.clone());
            talk.send("EHLO x.test\r\n");
            let mut reply = talk.send(&format!("AUTH {mechanism} {}\r\n", encode(response)));
            if reply.starts_with("334") {
                // OAuth tells its error first, and wants an answer to it.
                reply = talk.send(&format!("{}\r\n", encode(b"\x01")));
            }
            assert!(reply.starts_with(code), "{mechanism}: {reply}");
        }
    }
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    assert!(talk.send("AUTH EXTERNAL =\r\n").starts_with("235"));
}

#[test]
fn a_sink_counts_and_keeps_nothing() {
    let mut scenario = Scenario::new();
    scenario.sink = true;
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    for _ in 0..3 {
        assert!(message(&mut talk, "a@b.test", "X: y").starts_with("250"));
    }
    assert_eq!(talk.server.accepted(), 3);
    assert!(talk.server.messages().is_empty() && talk.server.transcript().entries().is_empty());
}

#[test]
fn rates_are_by_the_minute() {
    let mut scenario = Scenario::new();
    scenario.limits.messages_per_minute = Some(2);
    let server = Server::new(scenario);
    let reply = |second: u64| {
        let mut session = server.session();
        session.now(Duration::from_secs(second));
        session.input(b"EHLO x.test\r\nMAIL FROM:<>\r\n");
        let mut said = Vec::new();
        while let Output::Send(octets) = session.poll() {
            said.extend(octets);
        }
        let text = String::from_utf8(said).unwrap();
        text.lines().last().unwrap()[..3].to_owned()
    };
    assert_eq!([0, 10, 20, 59].map(reply), ["250", "250", "421", "421"]);
    assert_eq!([60, 61, 70].map(reply), ["250", "421", "250"]);
}

#[test]
fn wire_settings_cut_every_reply() {
    let mut scenario = Scenario::new();
    scenario.wire.separate = true;
    let mut talk = Talk::new(scenario);
    let before = talk.packets.len();
    talk.send("NOOP\r\nNOOP\r\nNOOP\r\n");
    assert_eq!(talk.packets.len(), before + 3);
    let mut scenario = Scenario::new();
    scenario.wire.split_lines = Some(Duration::from_millis(5));
    let mut talk = Talk::new(scenario);
    talk.send("EHLO x.test\r\n");
    assert_eq!(talk.last, Output::WaitUntil(Duration::from_millis(5)));
}

#[test]
fn a_rule_without_steps_counts_and_changes_nothing() {
    let mut scenario = Scenario::new();
    scenario.rules.push(Rule::on(On::Noop).expect(2));
    let mut talk = Talk::new(scenario);
    assert_eq!(talk.send("NOOP\r\nNOOP\r\n"), "250 ok\r\n250 ok\r\n");
    assert!(talk.server.report().is_satisfied());
}

#[test]
fn nothing_prints_octets_as_numbers_or_secrets_at_all() {
    let mut talk = Talk::new(with_user());
    talk.send("EHLO x.test\r\n");
    message(&mut talk, "a@b.test", "X: \u{1}");
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        talk.server.messages(),
        talk.last,
        Output::Send(b"250 a\r\n".to_vec()),
        talk.server.scenario()
    );
    assert!(shown.contains("X: \\x01\\r\\n") && shown.contains("Send(\"250 a\\r\\n\")"), "{shown}");
    assert!(!shown.contains("[50, 53") && !shown.contains("\"secret\""), "{shown}");
}

#[test]
fn what_comes_in_clear_before_the_handshake_is_given_to_it_and_to_nothing_else() {
    let mut scenario = Scenario::new();
    scenario.tls.mode = TlsMode::Implicit;
    scenario.server.proxy = ProxyHeader::Any;
    let server = Server::new(scenario);
    for taken in [true, false] {
        let mut session = server.session();
        assert_eq!(session.poll(), Output::NeedInput);
        session.input(b"PROXY UNKNOWN\r\nQUIT\r\n");
        assert!(session.take_handshake_octets().is_empty());
        assert!(matches!(session.poll(), Output::Handshake(_)));
        if taken {
            assert_eq!(session.take_handshake_octets(), b"QUIT\r\n");
            assert!(session.take_handshake_octets().is_empty());
        }
        session.tls_up(Secured::default());
        assert_eq!(session.poll(), Output::Send(b"220 mock.example.test ESMTP smtp-mock\r\n".to_vec()));
        assert_eq!(session.poll(), Output::NeedInput);
    }
}

/// Lets time pass without a word of the client.
fn after(talk: &mut Talk, time: Duration) -> String {
    let before = talk.packets.len();
    talk.session.now(time);
    talk.run();
    String::from_utf8_lossy(&talk.packets[before..].concat()).into_owned()
}

#[test]
fn a_client_that_is_silent_for_five_minutes_gets_421() {
    let minutes = Duration::from_mins;
    let mut talk = Talk::new(Scenario::new());
    after(&mut talk, minutes(4));
    talk.send("EHLO client.test\r\n");
    assert_eq!(talk.session.deadline(), Some(minutes(9)));
    assert_eq!(after(&mut talk, minutes(8)), "");
    // Half a line is a word too.
    assert_eq!(talk.send("NO"), "");
    assert_eq!(talk.session.deadline(), Some(minutes(13)));
    assert_eq!(after(&mut talk, minutes(13)), "421 4.4.2 silent for 5m, closing\r\n");
    assert_eq!(talk.last, Output::Close(Close::Fin));
}

#[test]
fn silence_that_the_scenario_makes_is_no_silence_of_the_client() {
    let hour = Duration::from_hours(1);
    let mut scenario = Scenario::new();
    scenario.rules.push(Rule::on(On::Noop).times(1).delay(hour).default_reply());
    scenario.rules.push(Rule::on(On::Noop).step(Step::Stall));
    let mut talk = Talk::new(scenario);
    talk.send("NOOP\r\n");
    assert_eq!(after(&mut talk, hour), "250 ok\r\n");
    assert_eq!(talk.session.deadline(), Some(hour + Duration::from_mins(5)));
    talk.send("NOOP\r\n");
    assert_eq!((talk.session.deadline(), after(&mut talk, 3 * hour)), (None, String::new()));
}

#[test]
fn without_a_limit_silence_lasts_and_in_a_dialogue_it_is_a_mismatch() {
    let scenario = Scenario::parse("idle.toml", "[limits]\nidle = \"0s\"\n").unwrap();
    let mut talk = Talk::new(scenario);
    assert_eq!((talk.session.deadline(), after(&mut talk, Duration::from_hours(9))), (None, String::new()));
    let mut talk =
        Talk::new(Scenario::parse_dialogue("idle.smtp", "S: 220 hi\nC: QUIT\nS: 221 bye\n").unwrap());
    assert!(
        after(&mut talk, Duration::from_mins(5))
            .starts_with("421 4.5.0 this is not what the dialogue expects")
    );
    assert_eq!(talk.last, Output::Close(Close::Fin));
    let mismatch = &talk.server.report().mismatches[0];
    assert_eq!(
        (mismatch.expected.as_str(), mismatch.got.as_str()),
        ("QUIT", "(the client was silent for 5m)")
    );
}
