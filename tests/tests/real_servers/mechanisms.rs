//! Logins by each mechanism: at Dovecot's own submission server, and at Postfix, which asks Dovecot.
//!
//! What cannot be tried here, and why: the -PLUS mechanisms, which Dovecot has from 2.4 on; EXTERNAL at Postfix, which
//! tells Dovecot of no client certificate; ANONYMOUS at Dovecot's submission server, which never offers it.

use std::net::SocketAddr;

use native_tls::{Certificate, Identity, TlsConnector};
use smtp_core::{
    Client, Config, Credentials, End, Envelope, Event, Mechanism, Outcome, Reason, Secret, Verb,
};
use smtp_tests::driver::{Passed, drive};
use smtp_tests::lab::{Dovecot, PASSWORD, Postfix, USER, User, users};
use smtp_tests::program::smtp_cli;
use smtp_tests::secrets::leak;

const WITH_PASSWORD: [&str; 5] = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"];
const WITH_TOKEN: [&str; 2] = ["OAUTHBEARER", "XOAUTH2"];
const MESSAGE: &[u8] = b"From: you@example.org\r\nSubject: login\r\n\r\nIt works.\r\n";

#[test]
fn each_mechanism_that_dovecot_offers_logs_in_and_sends() {
    let postfix = start(&[User::new(USER, PASSWORD)]);
    let mut sent = 0;
    for door in [Door::Submission, Door::Submissions] {
        for name in Dovecot::MECHANISMS {
            let passed = send(&postfix, door, vec![mechanism(&postfix, name)], name == "EXTERNAL");
            authenticated(&passed, name, &postfix);
            assert!(matches!(outcome(&passed), Outcome::Accepted(_)), "{name}: {:?}", passed.events);
            sent += 1;
        }
    }
    let landed = postfix.maildir("friend@example.net").wait(sent).unwrap();
    assert_eq!(landed.len(), sent, "{}", postfix.log());
    for message in &landed {
        assert!(message.message().ends_with(MESSAGE), "{message:?}");
    }
    for name in Dovecot::MECHANISMS {
        let logins = format!("method={name},");
        assert_eq!(postfix.dovecot().log().matches(&logins).count(), 2, "{}", postfix.dovecot().log());
    }
}

#[test]
fn each_mechanism_that_postfix_asks_dovecot_for_logs_in_and_sends() {
    let postfix = start(&[User::new(USER, PASSWORD)]);
    let names: Vec<&str> = Dovecot::MECHANISMS.into_iter().filter(|name| *name != "EXTERNAL").collect();
    for name in &names {
        let passed = send(&postfix, Door::Postfix, vec![mechanism(&postfix, name)], false);
        authenticated(&passed, name, &postfix);
        assert!(matches!(outcome(&passed), Outcome::Accepted(_)), "{name}: {:?}", passed.events);
    }
    let landed = postfix.maildir("friend@example.net").wait(names.len()).unwrap();
    assert_eq!(landed.len(), names.len());
    for name in names {
        assert!(postfix.log().contains(&format!("sasl_method={name},")), "{name}: {}", postfix.log());
    }
}

#[test]
fn anonymous_logs_in_at_postfix_which_takes_nothing_from_nobody() {
    let postfix = start(&[User::new(USER, PASSWORD)]);
    let anonymous = Credentials::anonymous(Some("trace@example.org")).mechanism("ANONYMOUS").unwrap();
    let passed = send(&postfix, Door::Postfix, vec![anonymous], false);
    authenticated(&passed, "ANONYMOUS", &postfix);
    let Outcome::Refused { verb: Verb::Rcpt, reply } = outcome(&passed) else {
        panic!("{:?}", passed.events)
    };
    assert_eq!(reply.code().value(), 554);
}

#[test]
fn each_mechanism_logs_in_with_each_password() {
    let users = users();
    let postfix = start(&users);
    for User { name, password } in &users {
        let credentials = credentials(name, password);
        for door in [Door::Submissions, Door::Postfix] {
            for mechanism in WITH_PASSWORD {
                let passed = log_in(&postfix, door, credentials.mechanism(mechanism).unwrap());
                authenticated(&passed, &format!("{mechanism} {password:?}"), &postfix);
            }
        }
    }
}

#[test]
fn what_is_wrong_is_refused_by_each_and_nothing_is_sent() {
    let postfix = start(&[User::new(USER, PASSWORD)]);
    for door in [Door::Submissions, Door::Postfix] {
        for name in WITH_PASSWORD {
            for (user, password) in
                [(USER, "wrong"), (USER, "open sesame & 1001 night"), ("nobody@example.org", PASSWORD)]
            {
                let mechanism = credentials(user, password).mechanism(name).unwrap();
                refused(&log_in(&postfix, door, mechanism), name);
            }
        }
        let mut forged = postfix.dovecot().token(USER).unwrap();
        // the last character holds bits that are not looked at, the one before it does not
        let at = forged.len() - 2;
        let other = if forged.ends_with("AA") || &forged[at..=at] == "A" { "B" } else { "A" };
        forged.replace_range(at..=at, other);
        for name in WITH_TOKEN {
            let token = Credentials::token(USER, Secret::from(forged.as_str()));
            refused(&log_in(&postfix, door, token.mechanism(name).unwrap()), name);
        }
    }
    let external = Credentials::certificate().mechanism("EXTERNAL").unwrap();
    refused(&log_in(&postfix, Door::Submissions, external), "EXTERNAL without a certificate");
    postfix.settle().unwrap();
    assert!(postfix.maildir("friend@example.net").messages().unwrap().is_empty());
}

#[test]
fn the_strongest_is_chosen_and_no_weaker_one_where_it_is_refused() {
    let postfix = start(&[User::new(USER, PASSWORD)]);
    for door in [Door::Submission, Door::Postfix] {
        for (password, is_right) in [(PASSWORD, true), ("wrong", false)] {
            let passed = send(&postfix, door, credentials(USER, password).mechanisms().unwrap(), false);
            let commands: Vec<_> =
                passed.writes.iter().filter(|octets| octets.starts_with(b"AUTH ")).collect();
            assert_eq!(commands.len(), 1);
            assert!(commands[0].starts_with(b"AUTH SCRAM-SHA-256 "));
            if is_right {
                authenticated(&passed, "the strongest", &postfix);
            } else {
                refused(&passed, "the strongest");
            }
        }
    }
}

#[test]
fn the_program_logs_in_by_each_mechanism() {
    let postfix = start(&[User::new(USER, PASSWORD)]);
    let certificate = postfix.authority().issue(&[USER]).unwrap();
    let server = postfix.dovecot().submissions().to_string();
    let token = postfix.dovecot().token(USER).unwrap();
    let mut sent = 0;
    for name in Dovecot::MECHANISMS {
        let run =
            smtp_cli(["send", "-v", "--server", &server, "--tls", "implicit", "--auth", name, "--ca-file"])
                .arg(postfix.ca_file())
                .args([
                    "--from",
                    USER,
                    "--to",
                    "friend@example.net",
                    "--subject",
                    name,
                    "--body",
                    "It works.",
                ])
                .env("SECRET", if WITH_TOKEN.contains(&name) { &token } else { PASSWORD });
        let run = match name {
            "EXTERNAL" => run
                .arg("--client-cert")
                .arg(&certificate.certificate)
                .arg("--client-key")
                .arg(&certificate.key),
            _ if WITH_TOKEN.contains(&name) => run.args(["--user", USER, "--token-env", "SECRET"]),
            _ => run.args(["--user", USER, "--password-env", "SECRET"]),
        };
        let finished = run.finish().unwrap();
        assert_eq!(finished.status, Some(0), "{name}: {}\n{}", finished.error(), postfix.log());
        for secret in [PASSWORD, &token] {
            for octets in [&finished.output, &finished.error] {
                assert_eq!(leak(octets, USER, secret), None, "{name}");
            }
        }
        sent += 1;
    }
    let landed = postfix.maildir("friend@example.net").wait(sent).unwrap();
    assert_eq!(landed.len(), sent);
    for name in Dovecot::MECHANISMS {
        assert!(postfix.dovecot().log().contains(&format!("method={name},")), "{}", postfix.dovecot().log());
    }
}

/// Where to log in.
#[derive(Clone, Copy, Debug)]
enum Door {
    /// Dovecot, by STARTTLS.
    Submission,
    /// Dovecot, under implicit TLS.
    Submissions,
    /// Postfix, by STARTTLS.
    Postfix,
}

impl Door {
    fn address(self, postfix: &Postfix) -> SocketAddr {
        match self {
            Self::Submission => postfix.dovecot().submission(),
            Self::Submissions => postfix.dovecot().submissions(),
            Self::Postfix => postfix.submission(),
        }
    }
}

/// Both servers; Postfix takes ANONYMOUS for what it is.
fn start(users: &[User]) -> Postfix {
    // without the setting it leaves the mechanism out of what it offers
    Postfix::start_for(users, &[("smtpd_sasl_security_options", ""), ("smtpd_sasl_tls_security_options", "")])
        .unwrap()
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials::password(user, Secret::from(password)).with_nonce("rOprNGfwEbeRWgbNEkqO")
}

/// The mechanism with what it takes to log in.
fn mechanism(postfix: &Postfix, name: &str) -> Box<dyn Mechanism> {
    let credentials = match name {
        "EXTERNAL" => Credentials::certificate(),
        _ if WITH_TOKEN.contains(&name) => {
            let token = Secret::from(postfix.dovecot().token(USER).unwrap());
            Credentials::token(USER, token).with_server("localhost", 587)
        }
        _ => credentials(USER, PASSWORD),
    };
    credentials.mechanism(name).unwrap()
}

/// A session that logs in and quits.
fn log_in(postfix: &Postfix, door: Door, mechanism: Box<dyn Mechanism>) -> Passed {
    let mut client = begun(door);
    client.authenticate(vec![mechanism]).unwrap();
    client.quit().unwrap();
    run(postfix, door, client, false)
}

/// A session that logs in, sends a message and quits.
fn send(
    postfix: &Postfix,
    door: Door,
    mechanisms: Vec<Box<dyn Mechanism>>,
    shows_certificate: bool,
) -> Passed {
    let mut client = begun(door);
    client.authenticate(mechanisms).unwrap();
    let to = "<friend@example.net>".parse().unwrap();
    client.send(Envelope::new("<you@example.org>".parse().unwrap(), [to])).unwrap();
    client.quit().unwrap();
    run(postfix, door, client, shows_certificate)
}

/// A client whose session is secured before the login.
fn begun(door: Door) -> Client {
    let mut config = Config::default();
    config.implicit_tls = matches!(door, Door::Submissions);
    let mut client = Client::new(config);
    let hello = || "client.example".parse().unwrap();
    client.hello(hello()).unwrap();
    if !matches!(door, Door::Submissions) {
        client.start_tls().unwrap();
        client.hello(hello()).unwrap();
    }
    client
}

fn run(postfix: &Postfix, door: Door, mut client: Client, shows_certificate: bool) -> Passed {
    let authority = Certificate::from_pem(&std::fs::read(postfix.ca_file()).unwrap()).unwrap();
    let mut tls = TlsConnector::builder();
    tls.add_root_certificate(authority);
    if shows_certificate {
        let files = postfix.authority().issue(&[USER]).unwrap();
        let [certificate, key] = [files.certificate, files.key].map(|file| std::fs::read(file).unwrap());
        tls.identity(Identity::from_pkcs8(&certificate, &key).unwrap());
    }
    drive(&mut client, door.address(postfix), &tls.build().unwrap(), MESSAGE).unwrap()
}

/// The login was accepted.
#[track_caller]
fn authenticated(passed: &Passed, what: &str, postfix: &Postfix) {
    let is_login = |event: &Event| matches!(event, Event::Done { end: End::Authenticated(_), .. });
    assert!(passed.events.iter().any(is_login), "{what}: {:?}\n{}", passed.events, postfix.log());
}

/// What became of the message's one recipient.
#[track_caller]
fn outcome(passed: &Passed) -> Outcome {
    let outcome = passed.events.iter().find_map(|event| match event {
        Event::Done { end: End::Delivered(outcomes), .. } => outcomes.first().cloned(),
        _ => None,
    });
    outcome.unwrap_or_else(|| panic!("no message was sent: {:?}", passed.events))
}

/// The login was refused by 535, and no message left.
#[track_caller]
fn refused(passed: &Passed, what: &str) {
    let is_refused = |event: &Event| match event {
        Event::Done {
            end: End::Undone(Reason::Refused(reply) | Reason::LoginRefused { reply, .. }), ..
        } => reply.code().value() == 535,
        _ => false,
    };
    assert!(passed.events.iter().any(is_refused), "{what}: {:?}", passed.events);
    let text: Vec<_> = passed.writes.iter().map(|octets| String::from_utf8_lossy(octets)).collect();
    assert!(!text.iter().any(|write| write.contains("MAIL FROM")), "{what}: {text:?}");
}
