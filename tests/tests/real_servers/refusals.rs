//! What Postfix refuses: one clear line, the exit status, and nothing that should not have been sent.

use smtp_tests::lab::Postfix;
use smtp_tests::program::{Finished, Run, smtp_cli};

#[test]
fn a_bad_password_is_refused_and_nothing_is_sent() {
    let postfix = Postfix::start().unwrap();
    for (server, tls) in [(postfix.submission(), "starttls"), (postfix.smtps(), "implicit")] {
        for mechanism in ["PLAIN", "LOGIN"] {
            let finished = mail(&postfix, &server.to_string(), tls, "friend@example.net")
                .args(["--user", postfix.user(), "--password-env", "SECRET", "--auth", mechanism])
                .env("SECRET", "not the password")
                .finish()
                .unwrap();
            assert_eq!(finished.status, Some(77), "{}", finished.error());
            one_line(&finished, &["refused the login of you@example.org", "535 5.7.8"]);
        }
    }
    nothing_lands(&postfix);
}

#[test]
fn without_login_a_submission_server_takes_nothing() {
    let postfix = Postfix::start().unwrap();
    let finished =
        mail(&postfix, &postfix.smtps().to_string(), "implicit", "friend@example.net").finish().unwrap();
    // «554 5.7.1 Client host rejected: Access denied» to RCPT
    assert_eq!(finished.status, Some(67), "{}", finished.error());
    one_line(&finished, &["friend@example.net", "554 5.7.1"]);
    nothing_lands(&postfix);
}

#[test]
fn a_refused_recipient_is_named_and_stops_no_other() {
    let postfix = Postfix::start().unwrap();
    let plain = postfix.plain().to_string();

    let finished = mail(&postfix, &plain, "none", "nobody@example.net").finish().unwrap();
    assert_eq!(finished.status, Some(67), "{}", finished.error());
    one_line(&finished, &["nobody@example.net", "550 5.1.1"]);
    nothing_lands(&postfix);

    let both = mail(&postfix, &plain, "none", "nobody@example.net").args(["--to", "friend@example.net"]);
    let finished = both.finish().unwrap();
    assert_eq!(finished.status, Some(79), "{}", finished.error());
    one_line(&finished, &["1 of 2 recipients", "nobody@example.net", "550 5.1.1"]);
    assert_eq!(postfix.maildir("friend@example.net").wait(1).unwrap().len(), 1);
}

#[test]
fn all_or_nothing_is_nothing_when_one_is_refused() {
    let postfix = Postfix::start().unwrap();
    let run = mail(&postfix, &postfix.plain().to_string(), "none", "friend@example.net").args([
        "--to",
        "nobody@example.net",
        "--require-all",
    ]);
    let finished = run.finish().unwrap();
    assert_eq!(finished.status, Some(67), "{}", finished.error());
    one_line(&finished, &["nobody@example.net", "550 5.1.1"]);
    nothing_lands(&postfix);
}

#[test]
fn an_untrusted_certificate_ends_the_session_before_anything_is_said() {
    let postfix = Postfix::start().unwrap();
    for (server, tls) in [(postfix.submission(), "starttls"), (postfix.smtps(), "implicit")] {
        for trust in
            [vec![], vec!["--ca-file", postfix.ca_file().to_str().unwrap(), "--tls-name", "other.example"]]
        {
            let finished = smtp_cli(["send", "--server", &server.to_string(), "--tls", tls])
                .args([
                    "--from",
                    "you@example.org",
                    "--to",
                    "friend@example.net",
                    "--subject",
                    "x",
                    "--body",
                    "x",
                ])
                .args(["--user", postfix.user(), "--password-env", "SECRET"])
                .env("SECRET", postfix.password())
                .args(&trust)
                .finish()
                .unwrap();
            assert_eq!(finished.status, Some(77), "{}", finished.error());
            one_line(&finished, &["certificate", "not trusted", "--ca-file"]);
        }
    }
    nothing_lands(&postfix);
    assert!(!postfix.log().contains("sasl_username"), "{}", postfix.log());
}

#[test]
fn a_password_does_not_leave_in_clear() {
    let postfix = Postfix::start_with(&[
        ("smtpd_sasl_auth_enable", "yes"),
        ("smtpd_tls_auth_only", "no"),
        ("smtpd_sasl_security_options", "noanonymous"),
    ])
    .unwrap();
    let run = |options: &[&str]| {
        mail(&postfix, &postfix.plain().to_string(), "none", "friend@example.net")
            .args(["--user", postfix.user(), "--password-env", "SECRET", "--auth", "PLAIN"])
            .env("SECRET", postfix.password())
            .args(options)
            .finish()
            .unwrap()
    };
    let finished = run(&[]);
    assert_eq!(finished.status, Some(77), "{}", finished.error());
    one_line(&finished, &["in clear", "--allow-plaintext-auth"]);
    nothing_lands(&postfix);

    let finished = run(&["--allow-plaintext-auth"]);
    assert_eq!(finished.status, Some(0), "{}", finished.error());
    let landed = postfix.maildir("friend@example.net").wait(1).unwrap();
    assert!(landed[0].trace("Received").unwrap().contains(" with ESMTPA "), "{landed:?}");
}

#[test]
fn a_message_that_is_too_large_is_not_sent() {
    let postfix = Postfix::start_with(&[("message_size_limit", "1000")]).unwrap();
    let body = "a line of text\n".repeat(100);
    let run = letter(&postfix, &postfix.plain().to_string(), "none", "friend@example.net", &body);
    let finished = run.finish().unwrap();
    assert_eq!(finished.status, Some(65), "{}", finished.error());
    one_line(&finished, &["1000"]);
    nothing_lands(&postfix);
}

fn mail(postfix: &Postfix, server: &str, tls: &str, to: &str) -> Run {
    letter(postfix, server, tls, to, "It works.")
}

fn letter(postfix: &Postfix, server: &str, tls: &str, to: &str, body: &str) -> Run {
    smtp_cli(["send", "--server", server, "--tls", tls, "--from", "you@example.org", "--to", to])
        .args(["--subject", "Refused", "--body", body, "--ca-file"])
        .arg(postfix.ca_file())
}

/// Standard error is one line that holds all of `parts`.
#[track_caller]
fn one_line(finished: &Finished, parts: &[&str]) {
    let error = finished.error();
    assert!(error.ends_with('\n') && error.lines().count() == 1, "{error}");
    assert!(error.starts_with("smtp-cli: "), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} in {error}");
    }
}

#[track_caller]
fn nothing_lands(postfix: &Postfix) {
    postfix.settle().unwrap();
    for mailbox in Postfix::MAILBOXES {
        assert!(postfix.maildir(mailbox).messages().unwrap().is_empty(), "{}", postfix.log());
    }
}
