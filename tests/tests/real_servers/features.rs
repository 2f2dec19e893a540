//! Every server, with everything that it can do beside taking a letter: each test goes through all servers, and names
//! those that it leaves out with the reason.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::thread;

use smtp_tests::attachments::{attachments, sha256};
use smtp_tests::lab::abilities::{Address, Feature, Kind, Listener, MECHANISMS, Server, Tls};
use smtp_tests::lab::{FULL, SIZE, USER, users};
use smtp_tests::program::Finished;
use smtp_tests::waiting;

use super::everyone::{
    FRIEND, Letter, accepted, door, end_of_log, lab, publish, session, status, with_certificate,
};

/// A second mailbox of every server.
const COLLEAGUE: &str = "colleague@example.net";

/// A mailbox of the same domain that there is not.
const NOBODY: &str = "nobody@example.net";

/// A mailbox that is not ASCII.
const PELE: &str = "pelé@example.net";

#[test]
fn with_pipelining_the_envelope_leaves_at_once_and_without_it_turn_by_turn() {
    let send = |server: &dyn Server| {
        let letter = Letter::new(server, "pipelining");
        // with CHUNKING there would be no DATA
        let run = letter.post(server).args(["--to", FRIEND, "--to", COLLEAGUE, "--no-extension", "CHUNKING"]);
        let finished = run.finish().unwrap();
        accepted(&finished, server);
        letter.lands(server, FRIEND);
        letter.lands(server, COLLEAGUE);
        let said = finished.error();
        let lines = said.lines().skip_while(|line| !line.contains(" MAIL FROM:"));
        let lines = lines.take_while(|line| !line.ends_with(" DATA"));
        lines.filter(|line| line.starts_with("<-") || line.starts_with("~<")).count()
    };
    each(
        Feature::Pipelining,
        |server| assert_eq!(send(server), 0, "replies within the group"),
        |server| {
            assert!(!offers(server, "PIPELINING"));
            assert_eq!(send(server), 3, "replies to MAIL, RCPT and RCPT");
        },
    );
}

#[test]
fn with_chunking_a_letter_leaves_by_bdat_and_without_it_by_data() {
    let send = |server: &dyn Server| {
        let letter = Letter::new(server, "chunking");
        let finished = letter.post(server).args(["--to", FRIEND]).finish().unwrap();
        accepted(&finished, server);
        letter.lands(server, FRIEND);
        (commands(&finished, "BDAT ").len(), commands(&finished, "DATA").len())
    };
    each(
        Feature::Chunking,
        |server| assert_eq!(send(server), (1, 0)),
        |server| {
            assert!(!offers(server, "CHUNKING"));
            assert_eq!(send(server), (0, 1));
        },
    );
}

#[test]
fn text_of_8_bits_is_declared_and_lands_as_it_was() {
    let test = |server: &dyn Server| {
        let letter = Letter::with(server, "8bit", "8bit", "Grüße – na\u{ef}ve\r\n.\u{1f600}\r\n");
        let finished = letter.post(server).args(["--to", FRIEND]).finish().unwrap();
        accepted(&finished, server);
        assert!(commands(&finished, "MAIL FROM:")[0].contains(" BODY=8BITMIME"), "{}", finished.error());
        letter.lands(server, FRIEND);
    };
    each(Feature::EightBitMime, test, |server| assert!(!offers(server, "8BITMIME")));
}

#[test]
fn an_address_that_is_not_ascii_gets_mail_where_smtputf8_is_offered_and_none_elsewhere() {
    let send = |server: &dyn Server| {
        let letter = Letter::with(server, "utf8", "8bit", "Olá\r\n");
        (letter.post(server).args(["--to", PELE]).finish().unwrap(), letter)
    };
    each(
        Feature::SmtpUtf8,
        |server| {
            let (finished, letter) = send(server);
            accepted(&finished, server);
            assert!(commands(&finished, "MAIL FROM:")[0].contains(" SMTPUTF8"), "{}", finished.error());
            letter.lands(server, PELE);
        },
        |server| {
            assert!(!offers(server, "SMTPUTF8"));
            let (finished, _) = send(server);
            status(&finished, server, 69);
            assert_eq!(commands(&finished, "MAIL FROM:"), [""; 0]);
        },
    );
}

#[test]
fn a_notification_has_no_sender() {
    let test = |server: &dyn Server| {
        let letter = Letter::new(server, "notification");
        let run = letter.post(server).args(["--envelope-from", "<>", "--to", FRIEND]);
        accepted(&run.finish().unwrap(), server);
        letter.lands_from(server, FRIEND, "");
    };
    each(Feature::NullReversePath, test, |_| {});
}

#[test]
fn a_letter_that_is_too_large_is_not_sent_and_refused_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.bin");
    fs::write(&path, vec![b'x'; usize::try_from(SIZE).unwrap() * 3 / 4 + 1]).unwrap();
    let test = |server: &dyn Server| {
        let name = server.abilities().name;
        let (listener, mechanism) = door(server);
        let send = |options: &[&str]| {
            let run = session(server, &listener, mechanism).args(["--from", USER, "--to", FRIEND]);
            let run =
                run.args(["--subject", &format!("too large for {name}"), "--body", "See the attachment."]);
            run.args(options).arg("--attach").arg(&path).finish().unwrap()
        };
        let finished = send(&[]);
        status(&finished, server, 65);
        assert_eq!(commands(&finished, "MAIL FROM:"), [""; 0], "{}", finished.error());
        // the program does not heed what it is told not to see
        let finished = send(&["--no-extension", "SIZE"]);
        status(&finished, server, 65);
        let last_line = last_line(&finished);
        assert!(last_line.contains(" 552") || last_line.contains(" 5.3.4 "), "{name}: {last_line}");
        let behind = Letter::new(server, "behind-too-large");
        accepted(&behind.post(server).args(["--to", FRIEND]).finish().unwrap(), server);
        behind.lands(server, FRIEND);
        assert_eq!(server.maildir(FRIEND).holding(&format!("too large for {name}\r\n")).unwrap(), []);
    };
    each(Feature::Size, test, |server| assert!(!offers(server, "SIZE")));
}

#[test]
fn a_report_of_the_delivery_comes_when_it_is_asked_for() {
    let test = |server: &dyn Server| {
        let letter = Letter::new(server, "dsn");
        let asked = ["--notify", "success", "--ret", "hdrs", "--envid", "envelope-of-the-lab"];
        let finished = letter.post(server).args(["--to", FRIEND]).args(asked).finish().unwrap();
        accepted(&finished, server);
        let delivered = letter.lands(server, FRIEND);
        let Some(parameters) = delivered.trace("X-Mail-Parameters") else {
            // the header of the letter comes back with it
            let report = server.maildir(USER).find(letter.id()).unwrap();
            let text = String::from_utf8_lossy(report.message()).into_owned();
            assert!(text.contains("Action: delivered") && text.contains(FRIEND), "{text}");
            return;
        };
        // a script of the lab's keeps what it was told
        assert!(parameters.contains("RET=HDRS"), "{parameters}");
        assert!(parameters.contains("ENVID=envelope-of-the-lab"), "{parameters}");
        assert_eq!(delivered.trace("X-Recipient-Parameters"), Some("NOTIFY=SUCCESS"));
    };
    each(Feature::Dsn, test, |server| assert!(!offers(server, "DSN")));
}

#[test]
fn an_unknown_user_is_named_and_stops_no_other() {
    let test = |server: &dyn Server| {
        let letter = Letter::new(server, "partial");
        let finished = letter.post(server).args(["--to", NOBODY, "--to", FRIEND]).finish().unwrap();
        status(&finished, server, 79);
        assert!(last_line(&finished).contains(NOBODY), "{}", finished.error());
        letter.lands(server, FRIEND);
    };
    each(Feature::PartialRefusal, test, |_| {});
}

#[test]
fn an_unknown_user_alone_gets_nothing() {
    let test = |server: &dyn Server| {
        let finished = Letter::new(server, "unknown").post(server).args(["--to", NOBODY]).finish().unwrap();
        status(&finished, server, 67);
        assert!(last_line(&finished).contains(NOBODY), "{}", finished.error());
    };
    each(Feature::UnknownUser, test, |_| {});
}

#[test]
fn a_bad_password_is_refused_by_every_mechanism() {
    let test = |server: &dyn Server| {
        for tls in [Tls::StartTls, Tls::Implicit] {
            for name in passwords_by(server, tls) {
                let letter = Letter::new(server, &format!("bad-password-{name}"));
                let run = letter.send(server, &server.listener(Kind::Tls(tls)).unwrap(), Some(name));
                let finished = run.env("SECRET", "not it").args(["--to", FRIEND]).finish().unwrap();
                status(&finished, server, 77);
                assert_eq!(commands(&finished, "MAIL FROM:"), [""; 0], "{name}: {}", finished.error());
            }
        }
    };
    each(Feature::BadPassword, test, |_| {});
}

#[test]
fn each_password_logs_in_by_every_mechanism() {
    let test = |server: &dyn Server| {
        let listener = server.listener(Kind::Tls(Tls::StartTls)).unwrap();
        for user in users() {
            for name in passwords_by(server, Tls::StartTls) {
                let run = session(server, &listener, None).args(["--from", USER, "--to", FRIEND]);
                let run = run.args(["--auth", name, "--user", &user.name, "--password-env", "SECRET"]);
                let finished = run.args(["--until", "auth"]).env("SECRET", &user.password).finish().unwrap();
                let case = format!("{name} {:?}: {}", user.password, finished.error());
                assert_eq!(finished.status, Some(0), "{case}\n{}", end_of_log(server));
                assert!(finished.error().lines().any(|line| line.starts_with("~<  235")), "{case}");
            }
        }
    };
    each(Feature::Passwords, test, |_| {});
}

#[test]
fn mail_for_others_is_not_relayed_without_a_login() {
    let test = |server: &dyn Server| {
        let (listener, mechanism) = door(server);
        assert_eq!(mechanism, None);
        let run =
            Letter::new(server, "relay").send(server, &listener, None).args(["--to", "x@elsewhere.example"]);
        let finished = run.finish().unwrap();
        status(&finished, server, 67);
        assert!(last_line(&finished).contains(" at RCPT: 55"), "{}", finished.error());
    };
    each(Feature::RelayDenied, test, |_| {});
}

#[test]
fn a_client_certificate_opens_the_listener_that_wants_one() {
    let test = |server: &dyn Server| {
        let wants_one = |listener: &Listener| matches!(listener.kind, Kind::Certificate(_));
        let listener = server.listeners().into_iter().find(wants_one).unwrap();
        let letter = Letter::new(server, "certificate");
        let run = letter.send(server, &listener, None).args(["--to", FRIEND]);
        accepted(&with_certificate(run, server).finish().unwrap(), server);
        letter.lands(server, FRIEND);

        let letter = Letter::new(server, "no-certificate");
        let finished = letter.send(server, &listener, None).args(["--to", FRIEND]).finish().unwrap();
        // by the handshake, before or after its end, or in words
        let refused = [Some(67), Some(69), Some(75), Some(76), Some(77)];
        assert!(refused.contains(&finished.status), "{}", finished.error());
        letter.is_lost(server, FRIEND);
    };
    each(Feature::ClientCertificate, test, |_| {});
}

#[test]
fn an_attachment_of_25_megabytes_lands_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.bin");
    let octets: Vec<u8> =
        (0..25_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&path, &octets).unwrap();
    let digest = sha256(&octets);
    let test = |server: &dyn Server| {
        let (listener, mechanism) = door(server);
        let subject = format!("large for {}", server.abilities().name);
        let run = session(server, &listener, mechanism).args(["--from", USER, "--to", COLLEAGUE]);
        let run = run.args(["--subject", &subject, "--body", "See the attachment.", "--attach"]);
        accepted(&run.arg(&path).finish().unwrap(), server);
        let delivered = server.maildir(COLLEAGUE).find(&subject).unwrap();
        let [found] = &attachments(delivered.message())[..] else { panic!("one attachment") };
        assert_eq!((found.name.as_str(), sha256(&found.octets)), ("large.bin", digest.clone()));
    };
    each(Feature::LargeAttachment, test, |_| {});
}

#[test]
fn messages_by_the_hundred_land_by_one_connection() {
    const COUNT: usize = 200;
    let test = |server: &dyn Server| {
        let letter = Letter::new(server, "many");
        let run = letter.post(server).args(["--to", COLLEAGUE, "--repeat", &COUNT.to_string()]);
        let finished = run.finish().unwrap();
        accepted(&finished, server);
        let connected = finished.error().matches("=== connecting to").count();
        assert_eq!(connected, 1, "{}", finished.error());
        let found = server.maildir(COLLEAGUE).find_all(letter.id(), COUNT);
        let found = found.unwrap_or_else(|error| panic!("{error}:\n{}", end_of_log(server)));
        assert_eq!(found.len(), COUNT);
        assert!(found.iter().all(|delivered| delivered.message() == found[0].message()));
        letter.lands(server, COLLEAGUE);
    };
    each(Feature::ManyMessages, test, |_| {});
}

#[test]
fn each_recipient_has_a_result_of_its_own_over_lmtp() {
    let test = |server: &dyn Server| {
        for (kind, id) in [(Kind::Tls(Tls::None), "mixed-tcp"), (Kind::Unix, "mixed-unix")] {
            let letter = Letter::new(server, id);
            let run = letter.send(server, &server.listener(kind).unwrap(), None);
            let finished = run.args(["--to", FULL, "--to", NOBODY, "--to", FRIEND]).finish().unwrap();
            status(&finished, server, 79);
            let output = finished.output();
            let line = |mailbox: &str| output.lines().find(|line| line.contains(mailbox)).unwrap().to_owned();
            assert!(line(FRIEND).starts_with("accepted"), "{output}");
            // one when the message was there, one before
            assert!(line(FULL).starts_with("refused") && line(FULL).contains("552 5.2.2"), "{output}");
            assert!(line(NOBODY).starts_with("refused") && line(NOBODY).contains("550 5.1.1"), "{output}");
            letter.lands(server, FRIEND);
            assert_eq!(server.maildir(FULL).holding(letter.id()).unwrap(), []);
        }
    };
    each(Feature::MixedResults, test, |_| {});
}

#[test]
fn a_letter_lands_by_a_unix_socket() {
    let test = |server: &dyn Server| {
        let letter = Letter::new(server, "unix");
        let run = letter.send(server, &server.listener(Kind::Unix).unwrap(), None);
        accepted(&run.args(["--to", FRIEND]).finish().unwrap(), server);
        letter.lands(server, FRIEND);
    };
    each(Feature::UnixSocket, test, |server| assert!(server.listener(Kind::Unix).is_none()));
}

#[test]
fn every_feature_is_tried_with_a_server() {
    for feature in Feature::ALL {
        let without = lab().servers().filter(|server| server.abilities().lack(feature).is_some()).count();
        assert!(without < lab().servers().count(), "{feature:?}");
    }
}

/// Runs `test` with every server that has a feature, all at once, and `other` with those that have not, and prints
/// which are which.
fn each(feature: Feature, test: impl Fn(&dyn Server) + Sync, other: impl Fn(&dyn Server) + Sync) {
    let mut table = format!("\n{feature:?}\n");
    thread::scope(|scope| {
        for server in lab().servers() {
            let name = server.abilities().name;
            let (test, other) = (&test, &other);
            match server.abilities().lack(feature) {
                None => {
                    writeln!(table, "  {name}: yes").unwrap();
                    scope.spawn(move || test(server));
                }
                Some(reason) => {
                    writeln!(table, "  {name}: no, {reason}").unwrap();
                    scope.spawn(move || other(server));
                }
            }
        }
    });
    // only when no thread panicked
    publish(&format!("feature-{feature:?}.txt"), &table);
}

/// The mechanisms with a password that a server offers.
fn passwords_by(server: &dyn Server, tls: Tls) -> Vec<&'static str> {
    let with_password = |name: &&str| !["XOAUTH2", "OAUTHBEARER", "EXTERNAL"].contains(name);
    let offered = |name: &&str| server.abilities().reason(tls, Some(name)).is_none();
    let names: Vec<_> = MECHANISMS.into_iter().filter(with_password).filter(offered).collect();
    assert!(!names.is_empty());
    names
}

/// What the program says at its end.
fn last_line(finished: &Finished) -> String {
    finished.error().lines().last().unwrap_or_default().to_owned()
}

/// The commands of a transcript that begin with `start`.
fn commands(finished: &Finished, start: &str) -> Vec<String> {
    let error = finished.error();
    let sent =
        error.lines().filter_map(|line| line.strip_prefix("->  ").or_else(|| line.strip_prefix("~>  ")));
    sent.filter(|line| line.starts_with(start)).map(ToOwned::to_owned).collect()
}

/// Whether a server's reply to EHLO or LHLO in clear holds a keyword, as read without the program.
fn offers(server: &dyn Server, keyword: &str) -> bool {
    let Listener { address: Address::Tcp(address), .. } = server.listener(Kind::Tls(Tls::None)).unwrap()
    else {
        panic!("TLS needs TCP")
    };
    let mut stream = waiting::connect(address).unwrap();
    stream.write_all(b"EHLO client.example\r\nLHLO client.example\r\nQUIT\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.filter(|line| line.starts_with("250")).any(|line| line[4..].split(' ').next() == Some(keyword))
}
