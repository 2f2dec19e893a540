//! The login: mechanisms, sources of the password, and what is never sent.

use crate::support::{PASSWORD, ca_file, send, send_to};
use smtp_cli::Exit;
use smtp_mock::{Certificate, Mechanism, Mock, On, Rule};

/// A server that lets the tests' user in, and nobody without login.
fn server() -> Mock {
    builder().start()
}

fn builder() -> smtp_mock::Builder {
    Mock::builder()
        .user("alice", PASSWORD)
        .require_auth()
        .starttls(Certificate::Good)
        .certificate_name("127.0.0.1")
}

#[test]
fn a_login_over_tls_succeeds_and_no_output_holds_the_password() {
    let mock = server();
    let (_file, ca) = ca_file(&mock);
    let ran = send(&mock).login().with(["--tls", "starttls", "--ca-file", &ca, "-v"]).exits(Exit::OK);
    assert!(ran.error.contains("~>  AUTH "), "{}", ran.error);
    assert!(ran.error.contains("***"), "{}", ran.error);
    assert_eq!(mock.messages()[0].envelope.user.as_deref(), Some("alice"));
    assert!(mock.messages()[0].envelope.secure);
}

#[test]
fn the_mechanisms_that_are_named_are_used_in_their_order() {
    for (names, first) in [("plain", "PLAIN"), ("LOGIN", "LOGIN"), ("login,plain", "LOGIN")] {
        let mock = server();
        let (_file, ca) = ca_file(&mock);
        let ran = send(&mock)
            .login()
            .with(["--tls", "starttls", "--ca-file", &ca, "-v", "--auth", names])
            .exits(Exit::OK);
        assert!(ran.error.contains(&format!("~>  AUTH {first}")), "{names}: {}", ran.error);
    }
}

#[test]
fn every_source_of_the_password_serves() {
    let mock = server();
    let (_file, ca) = ca_file(&mock);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    let path = file.path().display().to_string();
    let base = || send(&mock).with(["--tls", "starttls", "--ca-file", &ca, "--user", "alice"]);
    base().with(["--password-file", &path]).exits(Exit::OK);
    base().with(["--password-command", &format!("cat '{path}'")]).exits(Exit::OK);
    base().with(["--password-env", "SECRET"]).environment("SECRET", PASSWORD).exits(Exit::OK);
    base().at_terminal().typing(PASSWORD).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 4);
    base().exits(Exit::USAGE).complains(["alice", "--password-env"]);
    base().with(["--password-env", "UNSET"]).exits(Exit::USAGE).complains(["UNSET"]);
    base().with(["--password-file", "no/such/file"]).exits(Exit::NO_INPUT).complains(["no/such/file"]);
    base().with(["--password-command", "exit 1"]).exits(Exit::NO_INPUT).complains(["exit 1"]);
    base().with(["--password-env", "A", "--password-file", &path]).exits(Exit::USAGE);
    // The first line counts, whatever its end is and whatever follows.
    std::fs::write(file.path(), format!("{PASSWORD}\r\nmore\n")).unwrap();
    base().with(["--password-file", &path]).exits(Exit::OK);
    base().with(["--password-command", &format!("set -e; echo '{PASSWORD}'; seq 1 100000")]).exits(Exit::OK);
    std::fs::write(file.path(), vec![b'x'; 5000]).unwrap();
    base().with(["--password-file", &path]).exits(Exit::NO_INPUT).complains(["4096 octets"]);
    base().with(["--password-command", &format!("cat '{path}'")]).exits(Exit::NO_INPUT).complains(["4096"]);
    assert_eq!(mock.messages().len(), 6);
}

#[test]
fn the_user_may_stand_in_the_url() {
    let mock = server();
    let (_file, ca) = ca_file(&mock);
    send_to(&format!("smtp://alice@{}", mock.addr()))
        .with(["--tls", "starttls", "--ca-file", &ca, "--password-env", "SECRET"])
        .environment("SECRET", PASSWORD)
        .exits(Exit::OK);
}

#[test]
fn a_password_never_leaves_in_clear_unless_that_is_allowed() {
    let mock = Mock::builder().user("alice", PASSWORD).plaintext_auth().start();
    let ran = send(&mock).login().with(["--auth", "plain,login"]).exits(Exit::NO_PERMISSION);
    ran.complains(["in clear", "--allow-plaintext-auth"]);
    assert!(mock.messages().is_empty());
    assert!(
        !mock.transcript().commands().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL"))
    );
    send(&mock).login().with(["--auth", "plain,login", "--allow-plaintext-auth"]).exits(Exit::OK);
}

#[test]
fn a_certificate_that_nobody_checked_is_as_good_as_none() {
    let mock = server();
    send(&mock)
        .login()
        .with(["--auth", "plain"])
        .exits(Exit::NO_PERMISSION)
        .complains(["certificate", "--tls starttls"]);
    assert!(mock.messages().is_empty());
}

#[cfg(unix)]
#[test]
fn a_unix_socket_needs_no_encryption() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp.sock");
    let mock = Mock::builder().user("alice", PASSWORD).plaintext_auth().unix(&path).start();
    send_to(&format!("unix:{}", path.display())).login().exits(Exit::OK);
    assert_eq!(mock.messages()[0].envelope.user.as_deref(), Some("alice"));
}

#[test]
fn a_wrong_password_ends_it_and_nothing_is_sent() {
    let mock = builder().user("alice", "another").start();
    let (_file, ca) = ca_file(&mock);
    let ran =
        send(&mock).login().with(["--tls", "starttls", "--ca-file", &ca, "-v"]).exits(Exit::NO_PERMISSION);
    ran.complains(["alice", "535"]);
    assert!(ran.error.contains("<** 535"), "{}", ran.error);
    assert!(mock.messages().is_empty());
}

#[test]
fn a_login_that_fails_for_now_may_be_tried_again() {
    let mock = builder().rule(Rule::on(On::Auth).reply("454 4.7.0 later")).start();
    let (_file, ca) = ca_file(&mock);
    send(&mock)
        .login()
        .with(["--tls", "starttls", "--ca-file", &ca])
        .exits(Exit::TEMPORARY)
        .complains(["454"]);
}

#[test]
fn a_user_without_a_usable_mechanism_is_an_error_never_mail_without_login() {
    let mock = Mock::start();
    send(&mock)
        .login()
        .with(["--allow-plaintext-auth"])
        .exits(Exit::UNAVAILABLE)
        .complains(["AUTH", "nothing was sent"]);
    assert!(mock.messages().is_empty());
    let mock = builder().mechanisms([Mechanism::Login]).start();
    let (_file, ca) = ca_file(&mock);
    send(&mock)
        .login()
        .with(["--tls", "starttls", "--ca-file", &ca, "--auth", "plain"])
        .exits(Exit::UNAVAILABLE)
        .complains(["it offers LOGIN"]);
    assert!(mock.messages().is_empty());
    send(&mock).login().with(["--auth", "none"]).exits(Exit::NO_PERMISSION).complains(["530"]);
}

#[test]
fn an_echoed_secret_is_masked_in_the_transcript() {
    let mock = builder().rule(Rule::on(On::Auth).reply(&format!("535 5.7.8 not {PASSWORD} today"))).start();
    let (_file, ca) = ca_file(&mock);
    let ran =
        send(&mock).login().with(["--tls", "starttls", "--ca-file", &ca, "-v"]).exits(Exit::NO_PERMISSION);
    assert!(ran.error.contains("535 5.7.8 not"), "{}", ran.error);
}

#[test]
fn the_strongest_mechanism_is_used_and_a_token_has_its_own() {
    let mock = server();
    let (_file, ca) = ca_file(&mock);
    let tls = |run: crate::support::Run| run.with(["--tls", "starttls", "--ca-file", &ca, "-v"]);
    let ran = tls(send(&mock)).login().exits(Exit::OK);
    assert!(ran.error.contains("~>  AUTH SCRAM-SHA-256"), "{}", ran.error);
    for name in ["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"] {
        let ran = tls(send(&mock)).login().with(["--auth", name]).run();
        let offered = ran.exit != Exit::UNAVAILABLE;
        assert!(!offered || ran.exit == Exit::OK, "{name}: {}", ran.error);
        assert!(
            !offered || ran.error.contains(&format!("~>  AUTH {}", name.to_uppercase())),
            "{name}: {}",
            ran.error
        );
    }
    let mock = Mock::builder()
        .token("alice", PASSWORD.replace(' ', ""))
        .mechanisms([Mechanism::Xoauth2, Mechanism::Oauthbearer])
        .starttls(Certificate::Good)
        .certificate_name("127.0.0.1")
        .start();
    let (_file, ca) = ca_file(&mock);
    for name in ["auto", "xoauth2", "oauthbearer"] {
        let run = send(&mock).with(["--tls", "starttls", "--ca-file", &ca, "-v", "--user", "alice"]);
        let run = run
            .with(["--token-env", "TOKEN", "--auth", name])
            .environment("TOKEN", &PASSWORD.replace(' ', ""));
        let ran = run.exits(Exit::OK);
        assert!(!ran.error.contains(&PASSWORD.replace(' ', "")), "{}", ran.error);
    }
    let command = format!("echo {}", PASSWORD.replace(' ', ""));
    send(&mock)
        .with(["--tls", "starttls", "--ca-file", &ca, "--verbose", "--user", "alice"])
        .with(["--token-command", &command])
        .exits(Exit::OK);
    assert!(mock.messages().iter().all(|message| message.envelope.user.as_deref() == Some("alice")));
    send(&mock)
        .login()
        .with(["--token-env", "TOKEN"])
        .environment("TOKEN", "x")
        .exits(Exit::USAGE)
        .complains(["exclude"]);
}

#[test]
fn a_password_in_an_url_is_refused_and_not_repeated() {
    let ran = send_to(&format!("smtp://alice:{PASSWORD}@mx.example.org")).exits(Exit::USAGE);
    ran.complains(["--server", "--password-env"]);
}

#[test]
fn a_sender_other_than_the_login_name_is_warned_of_with_v() {
    let base = || {
        send_to("mock")
            .with(["--user", "other@example.org", "--password-env", "PASSWORD"])
            .environment("PASSWORD", PASSWORD)
    };
    let ran = base().with(["-v"]).exits(Exit::OK);
    assert!(ran.error.contains("warning: the sender you@example.org is not the login name"), "{}", ran.error);
    assert!(!base().exits(Exit::OK).error.contains("warning"));
}

#[test]
fn external_and_anonymous_need_no_password() {
    for (name, said) in [("external", "AUTH EXTERNAL ="), ("anonymous", "AUTH ANONYMOUS =")] {
        let script = format!(
            "S: 220 mx.example.net\nC: EHLO *\nS: 250-mx.example.net\nS: 250 AUTH EXTERNAL ANONYMOUS\n\
             C: {said}\nS: 235 2.7.0 welcome\nC: QUIT\nS: 221 bye\n"
        );
        let mock = Mock::dialogue(&script).unwrap().start();
        let ran = send(&mock).with(["--auth", name, "--until", "auth", "-v"]).exits(Exit::OK);
        assert!(ran.output.contains("logged in"), "{}", ran.output);
    }
}

/// A command that never ends, or prints without an end, is killed, and the run says so in one line.
#[cfg(unix)]
#[test]
fn a_command_for_a_password_or_a_token_is_bounded_in_time_and_octets() {
    let mock = server();
    let begin = std::time::Instant::now();
    for option in ["--password-command", "--token-command"] {
        for (command, words) in [
            ("yes", "printed more than 1048576 octets and was killed"),
            ("sleep 600", "did not end in time and was killed; give it more by --timeout auth=DUR"),
            // What holds the output open is behind it.
            ("sleep 600 &", "did not end in time and was killed; give it more by --timeout auth=DUR"),
            ("printf x; exec >&-; sleep 600", "did not end in time and was killed"),
        ] {
            send(&mock)
                .with(["--tls", "none", "--user", "alice", option, command, "--timeout", "auth=500ms"])
                .exits(Exit::NO_INPUT)
                .complains([option, command, words]);
        }
    }
    assert!(begin.elapsed() < std::time::Duration::from_mins(1), "{:?}", begin.elapsed());
    assert_eq!(mock.connections(), 0);
}
