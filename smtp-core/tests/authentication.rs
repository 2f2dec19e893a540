//! Tests AUTH (RFC 4954): the choice of mechanism, the octets sent, hostile servers, and that no secret is shown.

use crate::pair::*;
use smtp_core::*;
use std::fmt::Write as _;

const PLAIN: &str = "AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n";
const OFFER_BOTH: &str = "250-mx\r\n250 AUTH LOGIN PLAIN\r\n";

fn mechanisms() -> Vec<Box<dyn Mechanism>> {
    vec![
        Box::new(Plain::new("alice", Secret::from("s3cret")).unwrap()),
        Box::new(Login::new("alice", Secret::from("s3cret")).unwrap()),
    ]
}

fn clear() -> Config {
    let mut config = Config::default();
    config.reveal = Reveal::Always;
    config.report_replies = true;
    config
}

fn logging_in(config: Config, mechanisms: Vec<Box<dyn Mechanism>>) -> Pair {
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    pair.client.authenticate(mechanisms).unwrap();
    pair
}

#[test]
fn plain_with_an_initial_response() {
    let run = play(
        || logging_in(clear(), mechanisms()),
        &[
            say("220 mx\r\n"),
            say(OFFER_BOTH),
            expect(format!("EHLO client.example\r\n{PLAIN}")),
            say("235 2.7.0 welcome\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Authenticated(reply("235 2.7.0 welcome")));
}

#[test]
fn login_answers_two_challenges() {
    let run = play(
        || logging_in(clear(), mechanisms()),
        &[
            say("220 mx\r\n"),
            say("250-mx\r\n250 AUTH=LOGIN\r\n"),
            expect("EHLO client.example\r\nAUTH LOGIN\r\n"),
            say("334 VXNlcm5hbWU6\r\n"),
            expect("YWxpY2U=\r\n"),
            say("334 UGFzc3dvcmQ6\r\n"),
            expect("czNjcmV0\r\n"),
            say("235 ok\r\n"),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Authenticated(reply("235 ok")));
}

#[test]
fn a_long_initial_response_follows_the_334() {
    let password = "p".repeat(400);
    let long = || {
        vec![Box::new(Plain::new("alice", Secret::from(password.as_str())).unwrap()) as Box<dyn Mechanism>]
    };
    let run = play(
        || logging_in(clear(), long()),
        &[
            say("220 mx\r\n"),
            say(OFFER_BOTH),
            expect("EHLO client.example\r\nAUTH PLAIN\r\n"),
            say("334 \r\n"),
            say("235 ok\r\n"),
        ],
    );
    assert!(run.writes[2].starts_with("AGFsaWNlAHBwcHBw") && run.writes[2].len() > 512);
    assert_eq!(ends(&run.events)[1], End::Authenticated(reply("235 ok")));
}

#[test]
fn a_504_continues_with_the_next_mechanism_and_a_535_does_not() {
    for (refusal, goes_on) in [
        ("504 no\r\n", true),
        ("534 weak\r\n", true),
        ("535 bad\r\n", false),
        ("454 later\r\n", false),
        ("500 x\r\n", false),
    ] {
        let run = play(
            || logging_in(clear(), mechanisms()),
            &[say("220 mx\r\n"), say(OFFER_BOTH), Step::Say(refusal)],
        );
        assert_eq!(run.writes.last().unwrap() == "AUTH LOGIN\r\n", goes_on, "{refusal}");
        if !goes_on {
            assert_eq!(ends(&run.events)[1], End::Undone(Reason::Refused(reply(refusal.trim_end()))));
        }
    }
}

/// A mechanism that hides the password, like SCRAM.
#[derive(Debug)]
struct Hiding;

impl Mechanism for Hiding {
    fn name(&self) -> &'static str {
        "X-HIDING"
    }
    fn reveals_password(&self) -> bool {
        false
    }
    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        Ok(Some(Secret::from("")))
    }
    fn respond(&mut self, _: &[u8]) -> Result<Secret, MechanismError> {
        Ok(Secret::from("proof"))
    }
    fn succeed(&mut self) -> Result<(), MechanismError> {
        Err(MechanismError::new("the server did not prove itself"))
    }
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}

#[test]
fn a_mechanism_that_hides_the_password_never_leads_to_one_that_reveals_it() {
    let start = || {
        let mut list: Vec<Box<dyn Mechanism>> = vec![Box::new(Hiding)];
        list.extend(mechanisms());
        logging_in(clear(), list)
    };
    let run = play(
        start,
        &[
            say("220 mx\r\n"),
            say("250-mx\r\n250 AUTH X-HIDING PLAIN LOGIN\r\n"),
            expect("EHLO client.example\r\nAUTH X-HIDING =\r\n"),
            say("504 no\r\n"),
            expect(""),
        ],
    );
    assert_eq!(ends(&run.events)[1], End::Undone(Reason::Refused(reply("504 no"))));
}

#[test]
fn a_235_before_the_proof_is_not_accepted() {
    let run = play(
        || logging_in(clear(), vec![Box::new(Hiding)]),
        &[say("220 mx\r\n"), say("250-mx\r\n250 AUTH X-HIDING\r\n"), say("235 welcome\r\n")],
    );
    assert_eq!(
        ends(&run.events)[1],
        End::Undone(Reason::Mechanism("the server did not prove itself".into()))
    );
    assert!(matches!(
        run.events.last(),
        Some(Event::Closed(Cause::Violation(Violation::UnexpectedReply(_))))
    ));
}

#[test]
fn no_password_is_sent_in_clear() {
    for reveal in [Reveal::Secured, Reveal::Never] {
        let mut config = Config::default();
        config.reveal = reveal;
        let run = play(
            || logging_in(config.clone(), mechanisms()),
            &[say("220 mx\r\n"), say(OFFER_BOTH), expect("EHLO client.example\r\n")],
        );
        assert_eq!(ends(&run.events)[1], End::Undone(Reason::WouldRevealPassword));
    }
}

#[test]
fn a_login_that_is_not_possible_is_an_error_and_no_mail_follows() {
    for (offer, reason) in
        [("250 mx\r\n", Reason::NotOffered("AUTH")), ("250-mx\r\n250 AUTH GSSAPI\r\n", Reason::NoMechanism)]
    {
        let start = || {
            let mut pair = logging_in(clear(), mechanisms());
            pair.client.send(envelope(&["bob@example.net"])).unwrap();
            pair.client.quit().unwrap();
            pair
        };
        let run =
            play(start, &[say("220 mx\r\n"), Step::Say(offer), expect("EHLO client.example\r\nQUIT\r\n")]);
        assert_eq!(
            ends(&run.events)[1..],
            [End::Undone(reason), End::Delivered(vec![Outcome::Unsent(Reason::Prerequisite)])]
        );
    }
}

#[test]
fn a_refused_login_can_be_tried_again_with_other_credentials() {
    let mut pair = logging_in(clear(), mechanisms());
    pair.settle();
    pair.say("220 mx\r\n");
    pair.say(OFFER_BOTH);
    assert_eq!(pair.client.authenticate(mechanisms()), Err(Misuse::AlreadyAuthenticated));
    pair.say("535 5.7.8 no\r\n");
    pair.written();
    pair.client
        .authenticate(vec![Box::new(Plain::new("alice@example.org", Secret::from("s3cret")).unwrap())])
        .unwrap();
    pair.settle();
    assert_eq!(pair.written(), "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHMzY3JldA==\r\n");
    pair.say("235 ok\r\n");
    assert!(pair.client.is_authenticated());
}

#[test]
fn hostile_challenges_are_cancelled() {
    for (challenge, why) in [
        ("334 %%%\r\n", "the server sent a challenge that is not base64"),
        ("334 QQ\r\n", "the server sent a challenge that is not base64"),
        ("334 \r\n", "the server sent a challenge, and PLAIN has none"),
    ] {
        let run = play(
            || logging_in(clear(), mechanisms()),
            &[
                say("220 mx\r\n"),
                say("250-mx\r\n250 AUTH PLAIN\r\n"),
                Step::Say(challenge),
                expect(format!("EHLO client.example\r\n{PLAIN}*\r\n")),
                say("501 cancelled\r\n"),
            ],
        );
        assert_eq!(ends(&run.events)[1], End::Undone(Reason::Mechanism(why.into())));
    }
}

#[test]
fn a_challenge_that_is_too_long_and_rounds_without_end_are_cancelled() {
    let mut config = clear();
    config.limits.challenge = 8;
    let run = play(
        || logging_in(config.clone(), vec![Box::new(Hiding)]),
        &[
            say("220 mx\r\n"),
            say("250-mx\r\n250 AUTH X-HIDING\r\n"),
            say("334 QUFBQUFBQUFB\r\n"),
            say("501 ok\r\n"),
        ],
    );
    assert_eq!(run.writes.last().unwrap(), "*\r\n");
    let mut script = vec![say("220 mx\r\n"), say("250-mx\r\n250 AUTH X-HIDING\r\n")];
    script.extend(std::iter::repeat_n(say("334 QUFB\r\n"), 11));
    script.push(say("501 ok\r\n"));
    let run = play(|| logging_in(clear(), vec![Box::new(Hiding)]), &script);
    assert_eq!(run.writes.last().unwrap(), "*\r\n");
    assert_eq!(
        ends(&run.events)[1],
        End::Undone(Reason::Mechanism("the server sent too many challenges".into()))
    );
}

#[test]
fn success_or_a_challenge_after_a_cancellation_is_a_violation() {
    for odd in ["235 welcome\r\n", "334 QUFB\r\n"] {
        let run = play(
            || logging_in(clear(), mechanisms()),
            &[say("220 mx\r\n"), say("250-mx\r\n250 AUTH PLAIN\r\n"), say("334 %\r\n"), Step::Say(odd)],
        );
        assert!(matches!(
            run.events.last(),
            Some(Event::Closed(Cause::Violation(Violation::UnexpectedReply(_))))
        ));
    }
}

#[test]
fn secrets_are_marked_and_replies_that_echo_them_are_masked() {
    let mut client = Client::new(clear());
    let mut transmit = Transmit::new();
    client.hello(domain()).unwrap();
    client.authenticate(mechanisms()).unwrap();
    let (mut shown, mut secret) = (String::new(), String::new());
    for text in [
        "220 mx\r\n",
        OFFER_BOTH,
        "535-5.7.8 not AGFsaWNlAHMzY3JldA==\r\n535 s3cret is wrong, AHMzY3Jl too\r\n",
    ] {
        client.handle(Input::Received(text.as_bytes()));
        loop {
            match client.poll(Instant::EPOCH, &mut transmit) {
                Output::Event(event) => writeln!(shown, "{event:?}").unwrap(),
                Output::Write { .. } => {
                    for (content, span) in transmit.spans() {
                        let text = std::str::from_utf8(span).unwrap();
                        if content == Content::Secret { secret.push_str(text) } else { shown.push_str(text) }
                    }
                    client.handle(Input::Sent);
                }
                _ => break,
            }
        }
    }
    assert_eq!(secret, "AGFsaWNlAHMzY3JldA==");
    assert!(shown.contains("AUTH PLAIN \r\n"), "{shown}");
    for needle in ["s3cret", "AGFsaWNl", "czNjcmV0", "MzY3JldA", "M2NyZXQ", "AHMzY3Jl"] {
        assert!(!shown.contains(needle), "{needle} in {shown}");
        assert!(!format!("{client:?}{transmit:?}").contains(needle), "{needle} in Debug");
    }
}

#[test]
fn challenges_that_help_to_guess_a_password_are_not_shown() {
    let run = play(
        || logging_in(clear(), vec![Box::new(Hiding)]),
        &[
            say("220 mx\r\n"),
            say("250-mx\r\n250 AUTH X-HIDING\r\n"),
            say("334 c2FsdCBhbmQgbm9uY2U=\r\n"),
            say("535 no\r\n"),
        ],
    );
    let shown = format!("{:?}", run.events);
    assert!(!shown.contains("c2FsdCBhbmQgbm9uY2U") && shown.contains("334 ***"), "{shown}");
}
