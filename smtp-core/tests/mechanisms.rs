//! Tests the mechanisms with the examples of their RFCs, octet for octet, as dialogues over SMTP.

use crate::pair::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_core::*;

pub(crate) type Mechanisms = Vec<Box<dyn Mechanism>>;

/// Makes a pair whose client was greeted and logs in, in clear.
pub(crate) fn logging_in(mechanisms: Mechanisms) -> Pair {
    let mut config = Config::default();
    config.reveal = Reveal::Always;
    config.report_replies = true;
    let mut pair = Pair::new(config);
    pair.client.hello(domain()).unwrap();
    pair.client.authenticate(mechanisms).unwrap();
    pair.settle();
    pair.say("220 mx\r\n");
    pair
}

/// Makes a challenge of these octets.
pub(crate) fn challenge(octets: impl AsRef<[u8]>) -> Step {
    Step::Say(Box::leak(format!("334 {}\r\n", STANDARD.encode(octets)).into_boxed_str()))
}

/// Makes the reply of a server that offers these mechanisms.
pub(crate) fn offers(names: &str) -> Step {
    Step::Say(Box::leak(format!("250-mx\r\n250 AUTH {names}\r\n").into_boxed_str()))
}

/// Plays the script whole and octet by octet; hashing is too slow to divide it at every octet.
pub(crate) fn play_twice(start: impl Fn() -> Pair, script: &[Step]) -> Run {
    let whole = start().play(script);
    let cut = start().with_cuts(Cuts::Octets).play(script);
    assert_eq!(cut, whole);
    whole
}

pub(crate) fn last_end(run: &Run) -> End {
    ends(&run.events).last().cloned().unwrap()
}

/// Plays one login: the mechanism's name, then challenges and responses in turn, starting with AUTH.
fn succeeds(mechanism: impl Fn() -> Box<dyn Mechanism>, first: &str, rounds: &[(&str, &str)]) {
    let name = mechanism().name();
    let mut script = vec![offers(name), expect(format!("EHLO client.example\r\nAUTH {name}{first}\r\n"))];
    for (said, answered) in rounds {
        script.push(Step::Say(Box::leak(format!("334 {said}\r\n").into_boxed_str())));
        script.push(expect(format!("{answered}\r\n")));
    }
    script.push(say("235 2.7.0 welcome\r\n"));
    let run = play_twice(|| logging_in(vec![mechanism()]), &script);
    assert_eq!(last_end(&run), End::Authenticated(reply("235 2.7.0 welcome")));
}

#[test]
fn rfc_4616_section_4_plain() {
    succeeds(
        || Box::new(Plain::new("tim", Secret::from("tanstaaftanstaaf")).unwrap()),
        " AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
        &[],
    );
    succeeds(
        || {
            let kurt = Plain::new("Kurt", Secret::from("xipj3plmq")).unwrap();
            Box::new(kurt.with_authorization_identity("Ursel").unwrap())
        },
        " VXJzZWwAS3VydAB4aXBqM3BsbXE=",
        &[],
    );
}

#[cfg(feature = "cram-md5")]
#[test]
fn rfc_2195_section_2_cram_md5() {
    succeeds(
        || Box::new(CramMd5::new("tim", Secret::from("tanstaaftanstaaf")).unwrap()),
        "",
        &[(
            "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
            "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw",
        )],
    );
}

#[test]
fn rfc_4422_appendix_a_external() {
    succeeds(|| Box::new(External::new()), " =", &[]);
    succeeds(
        || Box::new(External::new().with_authorization_identity("fred@example.com").unwrap()),
        " ZnJlZEBleGFtcGxlLmNvbQ==",
        &[],
    );
}

#[test]
fn rfc_4505_section_5_anonymous() {
    succeeds(|| Box::new(Anonymous::new().with_trace("sirhc").unwrap()), " c2lyaGM=", &[]);
    succeeds(|| Box::new(Anonymous::new()), " =", &[]);
}

fn bearer() -> Box<dyn Mechanism> {
    let token = Secret::from("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
    let bearer = OAuthBearer::new(token).unwrap();
    let bearer = bearer.with_authorization_identity("user@example.com").unwrap();
    Box::new(bearer.with_server("server.example.com", 587).unwrap())
}

const BEARER: &str = " bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";

#[test]
fn rfc_7628_section_4_oauthbearer() {
    succeeds(bearer, BEARER, &[]);
}

#[test]
fn rfc_7628_section_4_oauthbearer_and_the_error_round() {
    let run = play_twice(
        || logging_in(vec![bearer()]),
        &[
            offers("PLAIN OAUTHBEARER"),
            expect(format!("EHLO client.example\r\nAUTH OAUTHBEARER{BEARER}\r\n")),
            say(
                "334 eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=\r\n",
            ),
            expect("AQ==\r\n"),
            say("535 5.7.8 no\r\n"),
            expect(""),
        ],
    );
    let why = r#"the server refused the token: {"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/openid-configuration"}"#;
    assert_eq!(
        last_end(&run),
        End::Undone(Reason::LoginRefused { reply: reply("535 5.7.8 no"), why: why.into() })
    );
}

fn xoauth2() -> Box<dyn Mechanism> {
    let token = Secret::from("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
    Box::new(XOAuth2::new("someuser@example.com", token).unwrap())
}

const XOAUTH2: &str = " dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==";

#[test]
fn googles_example_of_xoauth2() {
    succeeds(xoauth2, XOAUTH2, &[]);
}

#[test]
fn googles_example_of_xoauth2_and_the_error_round() {
    let run = play_twice(
        || logging_in(vec![xoauth2()]),
        &[
            offers("XOAUTH2"),
            expect(format!("EHLO client.example\r\nAUTH XOAUTH2{XOAUTH2}\r\n")),
            say(
                "334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K\r\n",
            ),
            expect("\r\n"),
            say("535-5.7.1 Username and Password not accepted.\r\n535 5.7.1 hx9sm5317360pbc.68\r\n"),
            expect(""),
        ],
    );
    let End::Undone(Reason::LoginRefused { why, .. }) = last_end(&run) else { panic!("{run:?}") };
    assert_eq!(
        why,
        r#"the server refused the token: {"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}"#
    );
}

#[cfg(feature = "scram")]
mod scram {
    use super::*;

    fn scram(hash: ScramHash, nonce: &'static str) -> Box<dyn Mechanism> {
        Box::new(Scram::new(hash, "user", &Secret::from("pencil"), nonce).unwrap())
    }

    fn succeeds(mechanism: impl Fn() -> Box<dyn Mechanism>, messages: [&str; 4]) {
        let [client_first, server_first, client_final, server_final] = messages;
        let name = mechanism().name();
        let first = STANDARD.encode(client_first);
        let run = play_twice(
            || logging_in(vec![mechanism()]),
            &[
                offers(name),
                expect(format!("EHLO client.example\r\nAUTH {name} {first}\r\n")),
                challenge(server_first),
                expect(format!("{}\r\n", STANDARD.encode(client_final))),
                challenge(server_final),
                expect("\r\n"),
                say("235 ok\r\n"),
            ],
        );
        assert_eq!(last_end(&run), End::Authenticated(reply("235 ok")));
    }

    #[test]
    fn rfc_5802_section_5_scram_sha_1() {
        succeeds(
            || scram(ScramHash::Sha1, "fyko+d2lbbFgONRv9qkxdawL"),
            [
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ],
        );
    }

    #[test]
    fn rfc_7677_section_3_scram_sha_256() {
        succeeds(
            || scram(ScramHash::Sha256, "rOprNGfwEbeRWgbNEkqO"),
            [
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ],
        );
    }

    #[test]
    fn rfc_5802_section_5_the_server_reports_the_error() {
        let run = play_twice(
            || logging_in(vec![scram(ScramHash::Sha1, "fyko+d2lbbFgONRv9qkxdawL")]),
            &[
                offers("SCRAM-SHA-1"),
                challenge("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"),
                challenge("e=invalid-proof"),
                say("535 5.7.8 no\r\n"),
            ],
        );
        assert_eq!(run.writes.last().unwrap(), "\r\n");
        assert_eq!(
            last_end(&run),
            End::Undone(Reason::LoginRefused {
                reply: reply("535 5.7.8 no"),
                why: "the server refused the login: invalid-proof".into()
            })
        );
    }
}
