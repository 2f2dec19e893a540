//! Tests of the server that says 421 and goes on: what follows is as if the command had failed.

use super::*;
use crate::ChaosSettings;

const SAID: &str = "421 4.3.2 not available, the session goes on\r\n";
const ENVELOPE: &str = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n";
const ENVELOPE_OK: &str = "250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n";

/// A session, after its EHLO, whose server says 421 once at this place.
fn once(on: On) -> Talk {
    let source = format!("[[rule]]\non = '{on}'\ntimes = 1\nthen = ['421-continue']\n");
    let mut talk = Talk::new(Scenario::parse("once.toml", &source).unwrap());
    talk.send("EHLO x.test\r\n");
    talk
}

/// Says each line and expects what follows it; the session is open afterwards.
fn play(mut talk: Talk, dialogue: &[(&str, &str)]) -> Talk {
    for (said, reply) in dialogue {
        assert_eq!(talk.send(said), *reply, "after {said}");
    }
    assert_eq!(talk.last, Output::NeedInput);
    assert_eq!(talk.send("NOOP\r\nQUIT\r\n"), "250 2.0.0 ok\r\n221 2.0.0 bye\r\n");
    assert_eq!(talk.last, Output::Close(Close::Fin));
    talk
}

fn octets(talk: &Talk) -> Vec<String> {
    let messages = talk.server.messages();
    messages.iter().map(|message| String::from_utf8(message.octets.clone()).unwrap()).collect()
}

#[test]
fn after_mail_there_is_no_transaction() {
    let talk = play(
        once(On::Mail),
        &[
            ("MAIL FROM:<a@b.test>\r\n", SAID),
            ("RCPT TO:<c@d.test>\r\n", "503 5.5.1 say MAIL first\r\n"),
            ("BDAT 3 LAST\r\nx\r\n", "503 5.5.1 say MAIL first\r\n"),
            (ENVELOPE, ENVELOPE_OK),
            ("BDAT 3 LAST\r\ny\r\n", "250 2.0.0 queued as 1.1\r\n"),
        ],
    );
    assert_eq!(octets(&talk), ["y\r\n"]);
}

#[test]
fn after_rcpt_this_recipient_alone_is_missing() {
    let talk = play(
        once(On::Rcpt),
        &[
            (
                "MAIL FROM:<a@b.test>\r\nRCPT TO:<one@d.test>\r\nRCPT TO:<two@d.test>\r\nDATA\r\n",
                &format!(
                    "250 2.1.0 sender ok\r\n{SAID}250 2.1.5 recipient ok\r\n354 end with a dot on a line by itself\r\n"
                ),
            ),
            ("x\r\n.\r\n", "250 2.0.0 queued as 1.1\r\n"),
        ],
    );
    assert_eq!(talk.server.messages()[0].to(), ["two@d.test"]);
}

#[test]
fn after_data_the_transaction_is_as_it_was() {
    let talk = play(
        once(On::Data),
        &[
            (ENVELOPE, ENVELOPE_OK),
            ("DATA\r\n", SAID),
            ("DATA\r\n", "354 end with a dot on a line by itself\r\n"),
            ("x\r\n.\r\n", "250 2.0.0 queued as 1.1\r\n"),
        ],
    );
    assert_eq!(octets(&talk), ["x\r\n"]);
}

#[test]
fn after_a_chunk_its_octets_are_consumed_and_the_rest_is_refused() {
    let talk = play(
        once(On::Bdat),
        &[
            (ENVELOPE, ENVELOPE_OK),
            ("BDAT 6\r\nNOOP\r\n", SAID),
            ("BDAT 6\r\nRSET\r\n", "503 5.5.1 a chunk was refused, say RSET\r\n"),
            ("BDAT 0 LAST\r\n", "503 5.5.1 a chunk was refused, say RSET\r\n"),
        ],
    );
    assert!(talk.server.messages().is_empty());
}

#[test]
fn after_the_last_chunk_and_after_the_dot_the_message_is_gone_and_the_next_is_taken() {
    let next = "250 2.0.0 queued as 1.1\r\n";
    for on in [On::Bdat, On::Body] {
        let dialogue: &[(&str, &str)] = &[
            (ENVELOPE, ENVELOPE_OK),
            ("BDAT 3 LAST\r\nx\r\n", SAID),
            ("BDAT 0 LAST\r\n", "503 5.5.1 say MAIL first\r\n"),
            (ENVELOPE, ENVELOPE_OK),
            ("BDAT 3 LAST\r\ny\r\n", next),
        ];
        assert_eq!(octets(&play(once(on), dialogue)), ["y\r\n"]);
    }
    let dialogue: &[(&str, &str)] = &[
        (ENVELOPE, ENVELOPE_OK),
        ("DATA\r\n", "354 end with a dot on a line by itself\r\n"),
        ("x\r\n.\r\n", SAID),
        (ENVELOPE, ENVELOPE_OK),
        ("DATA\r\n", "354 end with a dot on a line by itself\r\n"),
        ("y\r\n.\r\n", next),
    ];
    assert_eq!(octets(&play(once(On::Body), dialogue)), ["y\r\n"]);
}

#[test]
fn after_rset_the_transaction_is_still_there_and_noop_changes_nothing() {
    let envelope = (ENVELOPE, ENVELOPE_OK);
    let end = ("BDAT 3 LAST\r\nx\r\n", "250 2.0.0 queued as 1.1\r\n");
    play(once(On::Rset), &[envelope, ("RSET\r\n", SAID), end]);
    play(once(On::Noop), &[envelope, ("NOOP\r\n", SAID), end]);
}

#[test]
fn the_greeting_and_quit_do_not_end_the_session_either() {
    let mut talk = once(On::Connect);
    assert!(talk.packets.concat().starts_with(SAID.as_bytes()));
    talk = play(talk, &[(ENVELOPE, ENVELOPE_OK), ("RSET\r\n", "250 2.0.0 ok\r\n")]);
    assert!(!talk.faults().contains(&Fault::EarlyTalker));
    play(once(On::Quit), &[("QUIT\r\n", SAID)]);
}

#[test]
fn after_the_dot_of_lmtp_it_is_for_one_recipient() {
    let mut scenario = Scenario::new();
    scenario.server.protocol = Protocol::Lmtp;
    scenario.rules.push(Rule::on(On::Body).to("two@*").step(Step::UnavailableContinues));
    for end in ["DATA\r\nx\r\n.\r\n", "BDAT 3 LAST\r\nx\r\n"] {
        let mut talk = Talk::new(scenario.clone());
        talk.send("LHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<one@d.test>\r\nRCPT TO:<two@d.test>\r\nRCPT TO:<three@d.test>\r\n");
        let said = talk.send(end);
        let said = said.strip_prefix("354 end with a dot on a line by itself\r\n").unwrap_or(&said);
        assert_eq!(said, format!("250 2.0.0 queued as 1.1\r\n{SAID}250 2.0.0 queued as 1.1\r\n"));
        assert_eq!(talk.server.messages()[0].to(), ["one@d.test", "three@d.test"]);
        play(talk, &[]);
    }
}

#[test]
fn chaos_and_magic_addresses_go_on_too_and_a_reply_of_421_still_ends() {
    let mut scenario = Scenario::new();
    scenario.chaos =
        Some(ChaosSettings { chance: 1.0, faults: vec![crate::ChaosFault::UnavailableContinues] });
    let mut talk = Talk::new(scenario);
    for said in ["EHLO x.test\r\n", "MAIL FROM:<>\r\n", "NOOP\r\n", "QUIT\r\n"] {
        assert_eq!((talk.send(said).as_str(), &talk.last), (SAID, &Output::NeedInput));
    }
    let mut talk = Talk::new(Scenario { magic: true, ..Scenario::new() });
    talk.send("EHLO x.test\r\nMAIL FROM:<>\r\n");
    assert_eq!(talk.send("RCPT TO:<421-continue@d.test>\r\n"), SAID);
    assert_eq!(talk.send("RCPT TO:<c@d.test>\r\n"), "250 2.1.5 recipient ok\r\n");
    let mut scenario = Scenario::new();
    scenario.rules.push(Rule::on(On::Noop).reply("421 4.3.2 closing"));
    let mut talk = Talk::new(scenario);
    assert_eq!(talk.send("NOOP\r\n"), "421 4.3.2 closing\r\n");
    assert_eq!(talk.last, Output::Close(Close::Fin));
}
