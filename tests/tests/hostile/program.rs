//! Plays a case against the program, within this process.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use smtp_mock::Mock;
use smtp_tests::program::{Finished, Run, smtp_cli};

use super::case::{Case, Tls, USER};
use super::judge::{Seen, judge};

/// How long a run may take before it counts as hung, on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_mins(2);

/// Plays the case; panics with everything that is wrong.
pub(crate) fn play(case: &Case) {
    let mock = start(case);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ca.pem"), mock.ca_pem()).unwrap();
    let finished = finish(run(case, &mock, directory.path().to_str().unwrap()), &case.name);
    let printed = [&finished.output[..], &finished.error].concat();
    let seen = seen(case, mock, finished.status, printed);

    let shown = format!(
        "{} ({}, threats {:?})\n{}{}\n{}",
        case.name,
        case.group,
        case.threats,
        finished.output(),
        finished.error(),
        seen.report
    );
    let flaws = judge(case, &seen);
    assert!(flaws.is_empty(), "{flaws:?} in {shown}");
    assert_eq!(finished.status, Some(case.status), "exit status of {shown}");
    assert_eq!(outcome(&finished.output()), case.outcome, "outcome of {shown}");
    assert_eq!(seen.report.connections, case.connections, "connections of {shown}");
    told(case, &finished, &shown);
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let octets = std::fs::read(file.unwrap().path()).unwrap();
        assert_eq!(case.leak(&octets), None, "in a file of {shown}");
    }
}

/// A server that plays the case.
pub(crate) fn start(case: &Case) -> Mock {
    Mock::builder().scenario(case.scenario()).start()
}

/// What the server saw, once the client is gone.
pub(crate) fn seen(case: &Case, mock: Mock, status: Option<i32>, printed: Vec<u8>) -> Seen {
    // one that does not read does not see the end either
    if !case.server.contains("stop-reading") {
        let all_over = |server: &smtp_mock::Server| (server.open_connections() == 0).then_some(());
        mock.server().wait_until(Duration::from_secs(5), all_over);
    }
    let messages = mock.messages().iter().map(|message| message.octets.clone()).collect();
    Seen { status, printed, report: mock.stop(), messages }
}

/// The run that the case asks for; it tells all that it ever tells.
fn run(case: &Case, mock: &Mock, directory: &str) -> Run {
    let server = format!("localhost:{}", mock.addr().port());
    let mut run = smtp_cli(["send", "--server", &server, "--tls", case.tls.as_str(), "-v"]);
    run = run.args(["--from", &case.from]);
    for to in &case.to {
        run = run.args(["--to", to]);
    }
    // Where nothing is verified, a CA would contradict that.
    if !matches!(case.tls, Tls::None | Tls::Opportunistic) {
        run = run.arg("--ca-file").arg(format!("{directory}/ca.pem"));
    }
    if let Some(mechanisms) = &case.login {
        let secret = if case.token { "--token-env" } else { "--password-env" };
        run = run.args(["--user", USER, "--auth", mechanisms, secret, "SECRET"]).env("SECRET", case.secret());
    }
    if let Some(rcpt) = &case.rcpt {
        run = run.args(["--rcpt", rcpt]);
    }
    if let Some(helo) = &case.helo {
        run = run.args(["--helo", helo]);
    }
    if let Some(limit) = &case.limit {
        run = run.args(["--timeout", limit]);
    }
    run = match &case.message {
        Some(message) => run.args(["--eml", "-"]).input(message.clone()),
        None => run.args(["--subject", &case.subject, "--body", &case.body]),
    };
    run.args(case.options.iter().map(|option| option.replace("{directory}", directory)))
}

/// Runs it to its end, which must come.
fn finish(run: Run, name: &str) -> Finished {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(run.finish_in_process()));
    let finished = receiver.recv_timeout(PATIENCE);
    finished.unwrap_or_else(|_| panic!("{name}: the program does not end, or has panicked")).unwrap()
}

/// What became of the message, by the lines for its recipients.
fn outcome(output: &str) -> &str {
    let mut words: Vec<_> =
        output.lines().filter_map(|line| line.split("  ").next()).map(str::trim).collect();
    words.sort_unstable();
    words.dedup();
    match words[..] {
        [] => "nothing",
        [word] => word,
        _ => "partly",
    }
}

/// What goes to standard error is for people: the last line says what is wrong, and none plays with the terminal.
#[track_caller]
fn told(case: &Case, finished: &Finished, shown: &str) {
    let error = finished.error();
    assert!(!error.replace('\n', "").contains(char::is_control), "control characters in {shown}");
    assert!(!finished.output().replace('\n', "").contains(char::is_control), "control characters in {shown}");
    for words in &case.tells {
        assert!(error.contains(words), "{words:?} is not told in {shown}");
    }
    // in our words, not in those of the system
    assert!(!error.contains("os error"), "{shown}");
    // turned down for what the case is about
    assert!(!error.contains("cannot be used multiple times"), "{shown}");
    if case.status != 0 {
        let last = error.lines().last().unwrap_or_default();
        assert!(last.starts_with("smtp-cli: ") && !last.ends_with('.'), "the last line of {shown}");
    }
}
