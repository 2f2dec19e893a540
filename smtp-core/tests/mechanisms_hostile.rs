//! Tests hostile and broken servers within each mechanism: the exchange ends properly, and no secret is shown.

use crate::mechanisms::*;
use crate::pair::*;
use smtp_core::*;

const PASSWORD: &str = "correct horse battery";
const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb";

type Make = fn() -> Box<dyn Mechanism>;

/// Returns every mechanism by its name.
fn every_mechanism() -> Vec<(&'static str, Make)> {
    vec![
        ("PLAIN", || Box::new(Plain::new("alice", Secret::from(PASSWORD)).unwrap())),
        ("LOGIN", || Box::new(Login::new("alice", Secret::from(PASSWORD)).unwrap())),
        ("XOAUTH2", || Box::new(XOAuth2::new("alice", Secret::from(TOKEN)).unwrap())),
        ("OAUTHBEARER", || Box::new(OAuthBearer::new(Secret::from(TOKEN)).unwrap())),
        ("EXTERNAL", || Box::new(External::new())),
        ("ANONYMOUS", || Box::new(Anonymous::new())),
        #[cfg(feature = "cram-md5")]
        ("CRAM-MD5", || Box::new(CramMd5::new("alice", Secret::from(PASSWORD)).unwrap())),
        #[cfg(feature = "scram")]
        ("SCRAM-SHA-1", || scram::of(ScramHash::Sha1)),
        #[cfg(feature = "scram")]
        ("SCRAM-SHA-256", || scram::of(ScramHash::Sha256)),
    ]
}

/// Returns the reason for a cancellation, which the server confirmed.
fn cancelled(run: &Run) -> String {
    assert_eq!(run.writes.last().unwrap(), "*\r\n", "{run:#?}");
    match last_end(run) {
        End::Undone(Reason::Mechanism(why)) => why.into_owned(),
        end => panic!("{end:?}"),
    }
}

fn is_violation(run: &Run) -> bool {
    matches!(run.events.last(), Some(Event::Closed(Cause::Violation(Violation::UnexpectedReply(_)))))
}

#[test]
fn a_challenge_that_is_not_base64_is_cancelled_by_each() {
    for (name, mechanism) in every_mechanism() {
        for garbage in ["334 %%%\r\n", "334 QQ\r\n", "334 Q=Q=\r\n", "334 dGlt\u{7f}\r\n"] {
            let run = play_twice(
                || logging_in(vec![mechanism()]),
                &[offers(name), Step::Say(garbage), say("501 cancelled\r\n")],
            );
            assert_eq!(cancelled(&run), "the server sent a challenge that is not base64", "{name}");
        }
    }
}

#[test]
fn no_mechanism_answers_challenges_without_end() {
    for (name, mechanism) in every_mechanism() {
        let mut script = vec![offers(name)];
        script.extend(std::iter::repeat_n(challenge("r=x"), 11));
        let mut pair = logging_in(vec![mechanism()]);
        pair.settle();
        let mut rounds = 0;
        while pair.run.writes.last().is_none_or(|write| write != "*\r\n") {
            assert!(rounds < 4, "{name} goes on after {rounds} challenges");
            let Step::Say(text) = &script[rounds] else { unreachable!() };
            pair.say(text);
            rounds += 1;
        }
        pair.say("501 cancelled\r\n");
        assert!(matches!(pair.ends().last(), Some(End::Undone(Reason::Mechanism(_)))), "{name}");
    }
}

#[test]
fn a_challenge_where_none_belongs_is_cancelled() {
    for (name, mechanism) in every_mechanism() {
        if !matches!(name, "PLAIN" | "EXTERNAL" | "ANONYMOUS") {
            continue;
        }
        let run = play_twice(
            || logging_in(vec![mechanism()]),
            &[offers(name), challenge("really?"), say("501 cancelled\r\n")],
        );
        assert_eq!(cancelled(&run), format!("the server sent a challenge, and {name} has none"));
    }
}

#[test]
fn early_success_is_a_violation() {
    for (name, mechanism) in every_mechanism() {
        if !(name.starts_with("SCRAM") || name == "CRAM-MD5") {
            continue;
        }
        let run = play_twice(|| logging_in(vec![mechanism()]), &[offers(name), say("235 2.7.0 welcome\r\n")]);
        assert!(is_violation(&run), "{name}");
        let End::Undone(Reason::Mechanism(why)) = &ends(&run.events)[1] else { panic!("{run:?}") };
        assert!(why.starts_with("the server reported success before"), "{name}: {why}");
    }
}

#[test]
fn success_after_a_refused_token_is_a_violation() {
    for (name, mechanism) in every_mechanism() {
        if !name.contains("OAUTH") {
            continue;
        }
        let run = play_twice(
            || logging_in(vec![mechanism()]),
            &[offers(name), challenge("{\"status\":\"401\"}"), say("235 2.7.0 welcome\r\n")],
        );
        assert!(is_violation(&run), "{name}");
    }
}

#[test]
fn server_text_within_the_exchange_shows_no_secret_and_no_control_character() {
    for (name, mechanism) in every_mechanism() {
        if !name.contains("OAUTH") {
            continue;
        }
        let error = format!("{{\"status\":\"{TOKEN} is wrong\x1b[2J\"}}");
        let run = play_twice(
            || logging_in(vec![mechanism()]),
            &[offers(name), challenge(error), say("535 no\r\n")],
        );
        let End::Undone(Reason::LoginRefused { why, .. }) = last_end(&run) else { panic!("{run:?}") };
        assert_eq!(why, "the server refused the token: {\"status\":\"*** is wrong\\u{1b}[2J\"}");
        assert!(!format!("{:?}", run.events).contains(TOKEN));
    }
}

#[test]
fn no_mechanism_shows_its_secret() {
    for (name, mechanism) in every_mechanism() {
        let mut mechanism = mechanism();
        let _ = mechanism.initial_response();
        for step in ["r=abcdefghijklmnopqrstuvwx,s=QSXCR+Q6sek8bf92,i=4096", "x"] {
            let response = mechanism.respond(step.as_bytes());
            let shown = format!("{mechanism:?} {response:?}");
            for secret in [PASSWORD, TOKEN, "correct", "ya29"] {
                assert!(!shown.contains(secret), "{name}: {shown}");
            }
            // nor as a list of numbers
            assert!(!shown.contains("99, 111, 114"), "{name}: {shown}");
        }
    }
}

#[test]
fn only_mechanisms_that_transmit_a_password_or_token_reveal_it() {
    for (name, mechanism) in every_mechanism() {
        let reveals = matches!(name, "PLAIN" | "LOGIN" | "XOAUTH2" | "OAUTHBEARER");
        assert_eq!(mechanism().reveals_password(), reveals, "{name}");
    }
}

#[cfg(feature = "scram")]
mod scram {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    pub(super) fn of(hash: ScramHash) -> Box<dyn Mechanism> {
        Box::new(Scram::new(hash, "user", &Secret::from(PASSWORD), NONCE).unwrap())
    }

    fn refuses(first: &str) -> String {
        let start = || logging_in(vec![of(ScramHash::Sha256)]);
        cancelled(&play_twice(start, &[offers("SCRAM-SHA-256"), challenge(first), say("501 cancelled\r\n")]))
    }

    #[test]
    fn a_nonce_that_does_not_extend_ours_is_refused() {
        for nonce in [NONCE, "rOprNGfwEbeRWgbNEkq", "xOprNGfwEbeRWgbNEkqOextended", "x"] {
            let why = refuses(&format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
            assert_eq!(why, "the server's nonce does not extend ours", "{nonce}");
        }
    }

    #[test]
    fn too_few_and_too_many_iterations_are_refused_before_anything_is_computed() {
        for iterations in ["1", "4095", "2000001", "4294967295"] {
            let why = refuses(&format!("r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={iterations}"));
            let expected =
                format!("the server asks for {iterations} iterations, and 4096 to 2000000 are accepted");
            assert_eq!(why, expected);
        }
        let why = refuses(&format!("r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999999999999"));
        assert!(why.contains("iterations"), "{why}");
    }

    #[test]
    fn malformed_challenges_are_refused() {
        for (first, what) in [
            (String::new(), "nonce"),
            ("x".into(), "nonce"),
            (format!("r={NONCE}\u{e9},s=QUFB,i=4096"), "nonce"),
            (format!("r={NONCE}x"), "salt"),
            (format!("r={NONCE}x,i=4096,s=QUFB"), "salt"),
            (format!("r={NONCE}x,s=,i=4096"), "salt"),
            (format!("r={NONCE}x,s=Q,i=4096"), "salt"),
            (format!("r={NONCE}x,s=QUFB"), "number of iterations"),
            (format!("r={NONCE}x,s=QUFB,i="), "number of iterations"),
            (format!("r={NONCE}x,s=QUFB,i=+4096"), "number of iterations"),
            (format!("r={NONCE}x,s=QUFB,i=04096"), "number of iterations"),
            (format!("r={NONCE}x,s=QUFB,i=4096x"), "number of iterations"),
        ] {
            let why = refuses(&first);
            assert_eq!(why, format!("the server sent a challenge without a valid {what}"), "{first}");
        }
        assert!(refuses(&format!("m=x,r={NONCE}x,s=QUFB,i=4096")).contains("extension"));
        assert!(refuses("e=other-error").contains("other-error"));
    }

    #[test]
    fn a_wrong_or_missing_signature_is_refused() {
        for (last, why) in [
            ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "the server's signature is wrong"),
            ("v=", "the server's signature is wrong"),
            ("v=AAAA", "the server's signature is wrong"),
            ("v=%", "without a valid signature"),
            ("", "without a valid signature"),
            (FIRST, "without a valid signature"),
        ] {
            let run = play_twice(
                || logging_in(vec![of(ScramHash::Sha256)]),
                &[offers("SCRAM-SHA-256"), challenge(FIRST), challenge(last), say("501 cancelled\r\n")],
            );
            assert!(cancelled(&run).contains(why), "{last}: {}", cancelled(&run));
        }
    }

    #[test]
    fn success_between_proof_and_signature_is_a_violation() {
        let run = play_twice(
            || logging_in(vec![of(ScramHash::Sha256)]),
            &[offers("SCRAM-SHA-256"), challenge(FIRST), say("235 2.7.0 welcome\r\n")],
        );
        assert!(is_violation(&run));
        assert!(
            !run.events.iter().any(|event| matches!(event, Event::Done { end: End::Authenticated(_), .. }))
        );
        assert_eq!(
            ends(&run.events)[1],
            End::Undone(Reason::Mechanism(
                "the server reported success before it proved that it knows the password".into()
            ))
        );
    }

    #[test]
    fn success_after_an_error_is_a_violation() {
        let run = play_twice(
            || logging_in(vec![of(ScramHash::Sha256)]),
            &[offers("SCRAM-SHA-256"), challenge(FIRST), challenge("e=unknown-user"), say("235 ok\r\n")],
        );
        assert!(is_violation(&run));
    }

    #[test]
    fn a_refused_scram_login_never_leads_to_plain() {
        for refusal in ["504 5.5.4 no\r\n", "534 5.7.9 weak\r\n", "535 5.7.8 no\r\n"] {
            let start = || {
                let credentials = Credentials::password("user", Secret::from(PASSWORD)).with_nonce(NONCE);
                logging_in(credentials.mechanisms().unwrap())
            };
            let run = play_twice(
                start,
                &[
                    offers("LOGIN PLAIN SCRAM-SHA-256"),
                    Step::Say(refusal),
                    expect_nothing_but_scram(),
                    expect(""),
                ],
            );
            assert_eq!(last_end(&run), End::Undone(Reason::Refused(reply(refusal.trim_end()))));
        }
    }

    fn expect_nothing_but_scram() -> Step {
        expect("EHLO client.example\r\nAUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n")
    }

    #[test]
    fn a_504_leads_from_one_hash_to_the_other() {
        let start = || {
            let credentials = Credentials::password("user", Secret::from(PASSWORD)).with_nonce(NONCE);
            logging_in(credentials.mechanisms().unwrap())
        };
        let run = start().play(&[offers("SCRAM-SHA-1 SCRAM-SHA-256 PLAIN"), say("504 no\r\n")]);
        assert!(run.writes.last().unwrap().starts_with("AUTH SCRAM-SHA-1 "));
    }

    #[test]
    fn the_flag_declares_channel_binding() {
        let binding = ChannelBinding::tls_server_end_point([7; 32]).unwrap();
        let with = || {
            let credentials = Credentials::password("user", Secret::from("pencil")).with_nonce(NONCE);
            credentials.with_channel_binding(binding.clone())
        };
        let without = || Credentials::password("user", Secret::from("pencil")).with_nonce(NONCE);
        let message = |credentials: Credentials, offer: &str| {
            let run = logging_in(credentials.mechanisms().unwrap()).play(&[offers(offer)]);
            let mut words = run.writes.last().unwrap().trim_end().splitn(3, ' ').skip(1);
            let name = words.next().unwrap().to_string();
            let response =
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, words.next().unwrap());
            (name, String::from_utf8(response.unwrap()).unwrap())
        };
        let named = |name: &str, header: &str| (name.to_string(), format!("{header}n=user,r={NONCE}"));
        assert_eq!(
            message(with(), "SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN"),
            named("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,")
        );
        assert_eq!(message(with(), "SCRAM-SHA-256 PLAIN"), named("SCRAM-SHA-256", "y,,"));
        assert_eq!(message(without(), "SCRAM-SHA-256-PLUS SCRAM-SHA-256"), named("SCRAM-SHA-256", "n,,"));
        // -PLUS was offered and refused: y would be wrong, and the server would treat it as an attack
        let run = logging_in(with().mechanisms().unwrap())
            .play(&[offers("SCRAM-SHA-256-PLUS SCRAM-SHA-256"), say("504 no\r\n")]);
        assert!(run.writes.last().unwrap().starts_with("AUTH SCRAM-SHA-256 biwsbj"), "{:?}", run.writes);
    }

    #[test]
    fn a_nonce_is_used_for_one_login_only() {
        let mut mechanism = of(ScramHash::Sha1);
        mechanism.initial_response().unwrap();
        assert!(mechanism.initial_response().is_err());
        for nonce in [
            "",
            "short",
            "has,a,comma,in,the,middle",
            "has a blank in the middle",
            "hät einen Umlaut in sich",
        ] {
            assert!(Scram::new(ScramHash::Sha1, "user", &Secret::from("x"), nonce).is_err(), "{nonce}");
        }
    }

    #[test]
    fn the_proof_is_masked_where_a_reply_echoes_it() {
        let run = play_twice(
            || {
                logging_in(vec![Box::new(
                    Scram::new(ScramHash::Sha256, "user", &Secret::from("pencil"), NONCE).unwrap(),
                )])
            },
            &[
                offers("SCRAM-SHA-256"),
                challenge(FIRST),
                say("535 5.7.8 proof dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ= is bad\r\n"),
            ],
        );
        assert_eq!(last_end(&run), End::Undone(Reason::Refused(reply("535 5.7.8 proof *** is bad"))));
    }
}
