//! Secrets stay secret: in what is shown, in errors, and in what observers get.

use crate::face::{Face, both};
use crate::tools::{Log, assert_accepted, options, titled};
use smtp_core::Secret;
use smtp_core::mailer::{Login, Options, Security};
use smtp_mock::{Certificate, Mock, On, Rule};
use std::error::Error as _;
use std::fmt::Write as _;

both!(
    no_secret_is_shown_by_a_mailer_its_options_or_its_observers,
    no_secret_is_shown_by_the_error_of_a_login,
    a_reply_that_repeats_the_password_is_masked,
);

const USER: &str = "you@example.org";
const PASSWORD: &str = "pa/ss:w@rd#%é";

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn percent_encoded() -> String {
    PASSWORD.bytes().fold(String::new(), |mut text, octet| {
        if octet.is_ascii_alphanumeric() {
            text.push(char::from(octet));
        } else {
            let _ = write!(text, "%{octet:02X}");
        }
        text
    })
}

/// Nothing of a password in any form.
#[track_caller]
fn assert_hidden(text: &str) {
    let forms = [
        PASSWORD.to_owned(),
        format!("{PASSWORD:?}").trim_matches('"').to_owned(),
        percent_encoded(),
        percent_encoded().to_lowercase(),
        base64(PASSWORD.as_bytes()),
        base64(format!("\0{USER}\0{PASSWORD}").as_bytes()),
        base64(format!("user={USER}\u{1}auth=Bearer {PASSWORD}\u{1}\u{1}").as_bytes()),
        format!("{:?}", PASSWORD.as_bytes()),
    ];
    for form in forms {
        assert!(!text.contains(&form), "{form} is in {text}");
    }
}

#[test]
fn what_is_looked_for_is_what_leaves() {
    assert_eq!(base64(b"\0a\0b"), "AGEAYg==");
    assert_eq!((base64(b"abc"), base64(b"ab")), ("YWJj".to_owned(), "YWI=".to_owned()));
    let mock = Mock::builder()
        .user(USER, PASSWORD)
        .plaintext_auth()
        .mechanisms([smtp_mock::Mechanism::Plain])
        .show_secrets()
        .start();
    crate::face::Blocking::new(options(&mock).user(USER).password(PASSWORD).reveal_secrets())
        .verify()
        .unwrap();
    let commands = mock.transcript().commands();
    let secret = base64(format!("\0{USER}\0{PASSWORD}").as_bytes());
    assert!(commands.iter().any(|line| line.contains(&secret)), "{commands:?}");
}

/// Options with this login for a server that lets it in by these mechanisms.
fn secured(mock: &Mock, login: Login) -> Options {
    options(mock).security(Security::StartTls).authorities(mock.ca_pem()).login(login)
}

/// Both kinds of login, with a secret that is given and one that a function gives.
fn logins() -> [Login; 4] {
    [
        Login::password(USER, PASSWORD),
        Login::password_from(USER, |_| Ok(Secret::from(PASSWORD))),
        Login::token(USER, PASSWORD),
        Login::token_from(USER, |_| Ok(Secret::from(PASSWORD))),
    ]
}

fn no_secret_is_shown_by_a_mailer_its_options_or_its_observers<F: Face>() {
    for mechanism in smtp_mock::Mechanism::ALL {
        let mock = Mock::builder()
            .starttls(Certificate::Good)
            .user(USER, PASSWORD)
            .token(USER, PASSWORD)
            .mechanisms([mechanism])
            .start();
        for login in logins() {
            let log = Log::default();
            let options = log.observe(secured(&mock, login.clone()));
            assert_hidden(&format!("{login:?} {options:?} {:?}", options.settings));
            let mailer = F::new(options);
            assert_hidden(&mailer.debug());
            // Whether it can log in by this mechanism is not looked at here.
            match mailer.send(&titled("hello")) {
                Ok(report) => assert_hidden(&format!("{report:?}")),
                Err(error) => assert_hidden(&format!("{error:?} {error}")),
            }
            let lines = log.lines();
            assert!(!lines.is_empty());
            assert_hidden(&lines.join("\n"));
            assert_hidden(&mailer.debug());
        }
    }
}

fn no_secret_is_shown_by_the_error_of_a_login<F: Face>() {
    let mock =
        Mock::builder().starttls(Certificate::Good).user(USER, "another").token(USER, "another").start();
    for login in logins() {
        let error = F::new(secured(&mock, login)).verify().unwrap_err();
        assert_hidden(&format!("{error:?} {error} {:#?} {:?}", error.kind(), error.source()));
    }
}

fn a_reply_that_repeats_the_password_is_masked<F: Face>() {
    let encoded = base64(format!("\0{USER}\0{PASSWORD}").as_bytes());
    for reply in [format!("535 5.7.8 not {encoded}"), format!("535 5.7.8 not {PASSWORD}")] {
        let mock = Mock::builder()
            .starttls(Certificate::Good)
            .user(USER, PASSWORD)
            .rule(Rule::on(On::Auth).reply(&reply))
            .start();
        let log = Log::default();
        let login = Login::password(USER, PASSWORD).with_mechanisms(["PLAIN"]);
        let error = F::new(log.observe(secured(&mock, login))).verify().unwrap_err();
        assert_hidden(&format!("{error:?} {error}"));
        let lines = log.lines().join("\n");
        assert!(lines.contains("535"), "{lines}");
        assert_hidden(&lines);
    }
}

#[test]
fn no_secret_is_shown_by_the_error_of_a_url() {
    for url in [
        format!("smtp://you:{PASSWORD}@example.org"),
        format!("smtp://you:{}@example.org:99999", percent_encoded()),
        format!("smtp://you:{}@", percent_encoded()),
        format!("smtps://you:{}@example.org?nonsense=1", percent_encoded()),
        format!("smtps://you:{}@example.org?tls=maybe", percent_encoded()),
        format!("nntp://you:{}@example.org", percent_encoded()),
        format!("smtp://you:{}%zz@example.org", percent_encoded()),
        format!("smtp://example.org?proxy=socks5://you:{}@proxy:99999", percent_encoded()),
        format!("you:{}@example.org", percent_encoded()),
    ] {
        match Options::from_url(&url) {
            Ok(options) => assert_hidden(&format!("{options:?}")),
            Err(error) => assert_hidden(&format!("{error:?} {error}")),
        }
        if let Err(error) = smtp_core::blocking::Mailer::from_url(&url) {
            assert_hidden(&format!("{error:?} {error}"));
        }
    }
}

#[test]
fn a_password_with_any_character_comes_out_of_a_url_as_it_went_in() {
    let mock = Mock::builder().user(USER, PASSWORD).plaintext_auth().start();
    let user = USER.replace('@', "%40");
    let url = format!("smtp://{user}:{}@{}", percent_encoded(), mock.addr());
    let mailer = smtp_core::blocking::Mailer::new(Options::from_url(&url).unwrap().reveal_secrets());
    assert_accepted(&mailer.send(&titled("hello")));
    assert_eq!(mock.messages()[0].envelope.user.as_deref(), Some(USER));
}
