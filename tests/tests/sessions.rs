//! Connections that end, or fall silent, at each step: the exit status says whether to try again.

use smtp_mock::{Builder, Certificate, Close, Mock, On, Rule, Step};
use smtp_tests::lab::{PASSWORD, USER};
use smtp_tests::program::{Finished, Run, smtp_cli};

/// Each step, the phase of `--timeout` that it belongs to, and the exit statuses when the connection ends there
/// and when nothing comes.
const STEPS: [(On, &str, i32, i32); 9] = [
    (On::Connect, "greeting", 75, 75),
    (On::Ehlo, "hello", 75, 75),
    (On::Starttls, "tls", 75, 75),
    (On::Auth, "auth", 75, 75),
    (On::Mail, "mail", 75, 75),
    (On::Rcpt, "rcpt", 75, 75),
    (On::Data, "data", 75, 75),
    // it may have been delivered
    (On::Body, "end", 80, 80),
    // what QUIT does then does not matter
    (On::Quit, "quit", 0, 0),
];

#[test]
fn a_connection_that_ends_at_any_step_is_reported() {
    for close in [Close::Fin, Close::Rst] {
        for (step, _, status, _) in STEPS {
            let mock = server().rule(Rule::on(step).close(close)).start();
            let finished = send(&mock).finish().unwrap();
            reported(&finished, status, &format!("{close:?} at {step:?}"));
            mock.wait_closed(1);
            assert_eq!(mock.messages().len(), usize::from(step == On::Quit), "{close:?} at {step:?}");
            assert_eq!(mock.connections(), 1, "it does not try again by itself");
        }
    }
}

#[test]
fn silence_at_any_step_is_given_up_in_time_and_names_the_phase() {
    for (step, phase, _, status) in STEPS {
        let mock = server().rule(Rule::on(step).step(Step::Stall)).start();
        let finished = send(&mock).args(["--timeout", &format!("{phase}=100ms")]).finish().unwrap();
        reported(&finished, status, &format!("{step:?}"));
        if status == 75 {
            assert!(finished.error().contains(&format!("--timeout {phase}=DUR")), "{}", finished.error());
        }
        assert_eq!(mock.connections(), 1, "it does not try again by itself");
    }
}

#[test]
fn a_busy_server_is_temporary_wherever_it_says_so() {
    for (step, _, _, _) in STEPS {
        let rule = Rule::on(step).reply("421 4.3.2 shutting down");
        let mock = server().rule(rule).start();
        let finished = send(&mock).finish().unwrap();
        let status = if step == On::Quit { 0 } else { 75 };
        reported(&finished, status, &format!("{step:?}"));
        if status == 75 {
            assert!(finished.error().contains("421 4.3.2 shutting down"), "{step:?}: {}", finished.error());
        }
    }
}

/// A server without CHUNKING, so that each step is one of its own.
fn server() -> Builder {
    Mock::builder()
        .extensions(["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"])
        .starttls(Certificate::Good)
        .user(USER, PASSWORD)
        .require_auth()
}

fn send(mock: &Mock) -> Run {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, mock.ca_pem()).unwrap();
    smtp_cli(["send", "--server", &format!("localhost:{}", mock.addr().port()), "--tls", "starttls"])
        .args(["--from", "you@example.org", "--to", "friend@example.net"])
        .args(["--subject", "Session", "--body", "It works.", "--user", USER, "--password-env", "SECRET"])
        .env("SECRET", PASSWORD)
        .arg("--ca-file")
        .arg(ca_file)
        .keep(directory)
}

#[track_caller]
fn reported(finished: &Finished, status: i32, case: &str) {
    let error = finished.error();
    assert_eq!(finished.status, Some(status), "{case}: {error}");
    if status == 0 {
        assert_eq!(error, "", "{case}");
    } else {
        assert!(error.starts_with("smtp-cli: ") && error.lines().count() == 1, "{case}: {error}");
        assert!(!error.contains(PASSWORD), "{case}: {error}");
    }
}
