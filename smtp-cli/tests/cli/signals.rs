//! SIGINT and SIGTERM in each phase of a run: what was begun ends in order, no message is told as what it is not, and
//! all that a run tells is told.

use crate::dns_server::{DnsServer, Entry};
use crate::process::{LONG, Run, until};
use crate::raw_server::{Server, Way, at_message, bdat, large_message, skip};
use rustix::process::Signal;
use smtp_mock::{Builder, Certificate, Mock, On, Rule, Step};
use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A run that waits for nothing after a signal ends within this.
const SOON: Duration = Duration::from_secs(4);

/// Waits until the server has heard a command that begins so.
#[track_caller]
fn heard(mock: &Mock, command: &str) {
    until(command, || mock.transcript().commands().iter().any(|line| line.starts_with(command)));
}

/// Who sends to whom.
const ENVELOPE: &[&str] = &["--helo", "client.example", "--from", "a@example.org", "--to", "b@example.net"];
/// A small message.
const MESSAGE: &[&str] = &["--subject", "s", "--body", "b"];
const IN_CLEAR: &[&str] = &["--tls", "none"];

/// Starts `send` of a small message to a server, with further options.
fn send(server: &str, options: &[&str]) -> Run {
    Run::new(&[&["send", "--server", server], ENVELOPE, MESSAGE, options].concat())
}

/// A phase in which the server stalls, and what a signal makes of it.
struct Phase {
    name: &'static str,
    mock: fn() -> Builder,
    /// The command with which the phase begins; without one, the connection.
    begins: &'static str,
    arguments: &'static [&'static str],
    /// The exit status.
    status: i32,
    /// What the ledger says of the first recipient.
    outcome: &'static str,
    /// Messages that the server took.
    taken: usize,
}

fn stalls_at(on: On) -> Builder {
    Mock::builder().extensions(["PIPELINING"]).rule(Rule::on(on).step(Step::Stall))
}

fn phases() -> Vec<Phase> {
    let unsent = |name, begins, mock: fn() -> Builder, arguments| Phase {
        name,
        mock,
        begins,
        arguments,
        status: 75,
        outcome: "unsent    b@example.net",
        taken: 0,
    };
    vec![
        unsent("greeting", "", || stalls_at(On::Connect), IN_CLEAR),
        unsent("hello", "EHLO", || stalls_at(On::Ehlo), IN_CLEAR),
        unsent(
            "STARTTLS",
            "STARTTLS",
            || Mock::builder().starttls(Certificate::Good).rule(Rule::on(On::Starttls).step(Step::Stall)),
            &["--tls", "starttls"],
        ),
        unsent(
            "handshake",
            "STARTTLS",
            || Mock::builder().starttls(Certificate::Good).rule(Rule::on(On::Tls).step(Step::Stall)),
            &["--tls", "starttls"],
        ),
        unsent(
            "login",
            "AUTH",
            || Mock::builder().user("u", "p").plaintext_auth().rule(Rule::on(On::Auth).step(Step::Stall)),
            &["--tls", "none", "--user", "u", "--password-env", "SECRET", "--allow-plaintext-auth"],
        ),
        unsent("MAIL", "MAIL", || stalls_at(On::Mail), IN_CLEAR),
        unsent("RCPT", "RCPT", || stalls_at(On::Rcpt), IN_CLEAR),
        unsent("DATA", "DATA", || stalls_at(On::Data), IN_CLEAR),
        unsent(
            "several connections",
            "RCPT",
            || stalls_at(On::Rcpt),
            &["--tls", "none", "--repeat", "9", "--connections", "3"],
        ),
        Phase {
            status: 80,
            outcome: "unknown   b@example.net",
            ..unsent("after the dot", ".", || stalls_at(On::Body), IN_CLEAR)
        },
        Phase {
            status: 80,
            outcome: "unknown   b@example.net",
            ..unsent(
                "in flight",
                "BDAT",
                || {
                    Mock::builder()
                        .extensions(["PIPELINING", "CHUNKING"])
                        .rule(Rule::on(On::Body).step(Step::Stall))
                },
                &["--tls", "none", "--repeat", "9", "--in-flight", "3"],
            )
        },
        Phase {
            status: 0,
            outcome: "accepted  b@example.net",
            taken: 1,
            ..unsent(
                "a late reply",
                ".",
                || {
                    let late = Rule::on(On::Body).delay(Duration::from_secs(1)).default_reply();
                    Mock::builder().extensions(["PIPELINING"]).rule(late)
                },
                IN_CLEAR,
            )
        },
        Phase {
            status: 0,
            outcome: "accepted  b@example.net",
            taken: 1,
            ..unsent("QUIT", "QUIT", || stalls_at(On::Quit), IN_CLEAR)
        },
        Phase {
            outcome: "refused   b@example.net",
            ..unsent(
                "between retries",
                "QUIT",
                || Mock::builder().rule(Rule::on(On::Rcpt).reply("450 4.2.0 greylisted")),
                &["--tls", "none", "--retry", "5"],
            )
        },
    ]
}

#[test]
fn a_signal_in_each_phase_ends_the_run_in_order() {
    let mut table =
        format!("\n{:<20} {:<6} {:>6} {:>8}  {}\n", "phase", "signal", "status", "taken", "ledger");
    for phase in phases() {
        for signal in [Signal::INT, Signal::TERM] {
            let mock = (phase.mock)().start();
            let ca = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(ca.path(), mock.ca_pem()).unwrap();
            let (server, ca) = (format!("localhost:{}", mock.addr().port()), ca.path().display().to_string());
            let run = send(&server, &[&["-4", "--ca-file", &ca], phase.arguments].concat());
            match phase.begins {
                "" => until("the connection", || mock.connections() == 1),
                // The mail data is no command.
                "." => until("the dot", || mock.report().rules.iter().any(|rule| rule.fired > 0)),
                command => heard(&mock, command),
            }
            run.signal(signal);
            let ran = run.ends();
            let taken = mock.messages().len();
            let first = ran.output.lines().next().unwrap_or_default();
            let said = format!("{} {signal:?}\n{}{}", phase.name, ran.output, ran.error);
            let status = ran.status.code();
            let _ = writeln!(
                table,
                "{:<20} {:<6} {:>6} {taken:>8}  {first}",
                phase.name,
                if signal == Signal::INT { "INT" } else { "TERM" },
                status.map_or_else(|| "-".to_string(), |status| status.to_string()),
            );
            assert_eq!(status, Some(phase.status), "{said}");
            assert!(first.starts_with(phase.outcome), "{said}");
            assert_eq!(taken, phase.taken, "{said}");
            if matches!(phase.status, 75 | 80) && !phase.outcome.starts_with("refused") {
                let name = if signal == Signal::INT { "SIGINT" } else { "SIGTERM" };
                assert!(ran.output.contains(&format!("interrupted by {name}")), "{said}");
                assert!(ran.error.contains(&format!("interrupted by {name}")), "{said}");
            }
            if phase.arguments.contains(&"9") {
                assert_eq!(ran.output.lines().count(), 9, "each message has its line: {said}");
            }
            let limit = if phase.status == 80 { SOON + Duration::from_secs(5) } else { SOON };
            assert!(ran.time < limit, "{:?}: {said}", ran.time);
            if phase.status == 80 {
                assert!(ran.time >= Duration::from_secs(4), "{:?}: {said}", ran.time);
            }
        }
    }
    println!("{table}");
}

#[test]
fn a_body_under_way_is_cut_without_its_end() {
    for (way, chunking) in [(Way::Clear, false), (Way::Clear, true), (Way::Tls, false), (Way::Unix, true)] {
        for signal in [Signal::INT, Signal::TERM] {
            let (at_middle, middle) = mpsc::channel();
            let server = Server::with(way, move |stream, client_ended| {
                let (mut stream, line) = at_message(stream, way, chunking);
                if chunking {
                    skip(&mut stream, bdat(&line));
                } else {
                    skip(&mut stream, 100_000);
                }
                at_middle.send(()).unwrap();
                let _ = client_ended.recv();
                // All that left before the signal.
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest);
                rest
            });
            let size = 10 << 20;
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), large_message(size)).unwrap();
            let file = file.path().display().to_string();
            let tls = if way == Way::Tls { "starttls" } else { "none" };
            let start = ["send", "--server", &server.address];
            let run = Run::new(&[&start, ENVELOPE, &["--eml", &file, "--tls", tls, "--insecure"]].concat());
            middle.recv_timeout(LONG).unwrap();
            run.signal(signal);
            let ran = run.ends();
            drop(server.client_ended);
            let rest = server.thread.join().unwrap();
            let said = format!("{way:?} {chunking} {}{}", ran.output, ran.error);
            assert_eq!(ran.status.code(), Some(75), "{said}");
            assert!(ran.output.starts_with("unsent    b@example.net  interrupted by SIG"), "{said}");
            assert!(ran.time < SOON, "{:?} {said}", ran.time);
            assert!(rest.len() < size / 2, "{} octets, {said}", rest.len());
            let ends = |end: &[u8]| rest.windows(end.len()).any(|octets| octets == end);
            assert!(!ends(b"\r\n.\r\n") && !ends(b" LAST\r\n"), "{said}");
        }
    }
}

#[test]
fn what_is_behind_the_message_of_the_signal_is_told_as_unsent_and_the_one_before_as_accepted() {
    let second = Rule::on(On::Rcpt).skip(1).step(Step::Stall);
    let mock = Mock::builder().extensions(["PIPELINING"]).rule(second).start();
    let server = mock.addr().to_string();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (transcript, record, log, config) =
        (path("t.jsonl"), path("r.toml"), path("smtp.log"), path("config.toml"));
    std::fs::write(&config, format!("log-file = \"{log}\"\n")).unwrap();
    let files = ["--transcript", &transcript, "--record", &record];
    let options = ["--repeat", "3", "--format", "json", "--stats", "--config", &config];
    let run = send(&server, &[IN_CLEAR, &options, &files].concat());
    until("the second RCPT", || {
        mock.transcript().commands().iter().filter(|line| line.starts_with("RCPT")).count() == 2
    });
    run.signal(Signal::TERM);
    let ran = run.ends();
    let said = format!("{}{}", ran.output, ran.error);
    assert_eq!(ran.status.code(), Some(75), "{said}");
    assert!(ran.time < SOON, "{said}");
    let document: serde_json::Value = serde_json::from_str(&ran.output).expect("it is complete");
    let outcomes: Vec<_> = document["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["recipients"][0]["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["accepted", "unsent", "unsent"]);
    assert_eq!(document["exit"], 75);
    assert!(document["error"].as_str().unwrap().contains("interrupted by SIGTERM"), "{said}");
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert!(read(&transcript).lines().last().unwrap().contains("interrupted by SIGTERM"));
    smtp_mock::Scenario::parse(&record, &read(&record)).expect("the recording is complete");
    assert_eq!(read(&log).lines().filter(|line| line.contains("exit=75")).count(), 2, "{}", read(&log));
    assert_eq!(mock.messages().len(), 1);
}

#[test]
fn a_second_signal_ends_the_process() {
    let mock = stalls_at(On::Body).start();
    let server = mock.addr().to_string();
    let run = send(&server, IN_CLEAR);
    until("the dot", || mock.report().rules.iter().any(|rule| rule.fired > 0));
    run.signal(Signal::INT);
    run.signal(Signal::TERM);
    let ran = run.ends();
    let signal = ran.status.signal();
    assert!([Signal::INT.as_raw(), Signal::TERM.as_raw()].map(Some).contains(&signal), "{:?}", ran.status);
    assert!(ran.time < SOON);
}

#[test]
fn a_connection_that_does_not_come_is_interrupted() {
    let blackhole = Mock::blackhole().unwrap();
    let server = blackhole.addr().to_string();
    let run = send(&server, &["--tls", "none", "--verbose"]);
    said_by(run, "connecting to", |run| run.signal(Signal::INT), 75, "interrupted by SIGINT");
}

/// Waits until a run says `text` on standard error, does something to it, and checks how it ends.
#[track_caller]
fn said_by(mut run: Run, text: &str, act: impl FnOnce(&Run), status: i32, words: &str) {
    let mut error = run.0.stderr.take().expect("it is a pipe");
    let mut seen = Vec::new();
    let mut buffer = [0; 512];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let count = error.read(&mut buffer).unwrap();
        assert!(count > 0, "{:?} is not in {:?}", text, String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
    run.0.stderr = Some(error);
    act(&run);
    let ran = run.ends();
    assert_eq!(ran.status.code(), Some(status), "{}{}", ran.output, ran.error);
    assert!(ran.error.contains(words), "{}{}", ran.output, ran.error);
    assert!(ran.time < SOON, "{:?}", ran.time);
}

#[test]
fn a_password_command_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let started = directory.path().join("started");
    let command = format!("touch {}; sleep 600", started.display());
    for signal in [Signal::INT, Signal::TERM] {
        let login = ["--user", "u", "--password-command", &command, "--format", "json"];
        let run = send("127.0.0.1:9", &login);
        until("the command", || started.exists());
        run.signal(signal);
        let ran = run.ends();
        assert_eq!(ran.status.code(), Some(75), "{}{}", ran.output, ran.error);
        assert!(ran.error.contains("interrupted by SIG"), "{}", ran.error);
        let document: serde_json::Value = serde_json::from_str(&ran.output).expect("it is complete");
        assert_eq!(document["exit"], 75);
        assert!(ran.time < SOON, "{:?}", ran.time);
        std::fs::remove_file(&started).unwrap();
    }
}

#[test]
fn a_look_up_of_mail_exchangers_is_interrupted_and_so_is_their_session() {
    let stalled = stalls_at(On::Rcpt).start();
    let port = stalled.addr().port().to_string();
    let dns = DnsServer::start(&[
        ("slow.example", Entry::Silent),
        ("quick.example", Entry::Mx(1, "mx.example")),
        ("mx.example", Entry::Host("127.0.0.1")),
    ]);
    let option = dns.option();
    for domain in ["slow.example", "quick.example"] {
        let recipients = format!("b@{domain},c@other.example");
        let place = ["--mx", "--dns", &option, "--port", &port];
        let envelope = ["--helo", "client.example", "--from", "a@example.org", "--to", &recipients];
        let run =
            Run::new(&[&["send"], &place[..], &envelope, MESSAGE, IN_CLEAR, &["--retry", "3"]].concat());
        if domain.starts_with("slow") {
            until("the question", || dns.asked().iter().any(|name| name.contains("slow")));
        } else {
            heard(&stalled, "RCPT");
        }
        run.signal(Signal::TERM);
        let ran = run.ends();
        let said = format!("{domain} {}{}", ran.output, ran.error);
        assert_eq!(ran.status.code(), Some(75), "{said}");
        assert_eq!(ran.output.matches("unsent  ").count(), 2, "{said}");
        assert_eq!(ran.output.matches("interrupted by SIGTERM").count(), 2, "{said}");
        assert!(ran.time < SOON, "{:?} {said}", ran.time);
        assert!(stalled.messages().is_empty());
    }
}

#[test]
fn the_other_commands_that_talk_to_servers_are_interrupted() {
    let stalled = stalls_at(On::Rcpt).start();
    let silent = stalls_at(On::Ehlo).start();
    let (place, silent_place) = (stalled.addr().to_string(), silent.addr().to_string());
    let cases: [(&[&str], &Mock, &str); 3] = [
        (&["verify", "--server", &place, "--tls", "none", "b@example.net"], &stalled, "RCPT"),
        (&["probe", "--server", &silent_place], &silent, "EHLO"),
        (
            &["send", "--server", &silent_place, "--until", "auth", "--tls", "none", "--retry", "3"],
            &silent,
            "EHLO",
        ),
    ];
    for (arguments, mock, command) in cases {
        mock.clear();
        let run = Run::new(arguments);
        heard(mock, command);
        run.signal(Signal::INT);
        let ran = run.ends();
        assert_eq!(ran.status.code(), Some(75), "{arguments:?} {}{}", ran.output, ran.error);
        assert!(ran.error.contains("interrupted by SIGINT"), "{arguments:?} {}", ran.error);
        assert!(ran.time < SOON, "{:?}", ran.time);
    }
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let late = Rule::on(On::Rcpt).delay(Duration::from_secs(1)).default_reply();
    let mock = Mock::builder().rule(late).start();
    let program = env!("CARGO_BIN_EXE_smtp-cli");
    let server = mock.addr().to_string();
    let words = [&["send", "--server", &server], ENVELOPE, MESSAGE, IN_CLEAR].concat();
    let script = format!("trap '' HUP; exec {program} {}", words.join(" "));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]).env_clear().env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = Run(command.spawn().unwrap());
    heard(&mock, "RCPT");
    run.signal(Signal::HUP);
    let ran = run.ends();
    assert_eq!(ran.status.code(), Some(0), "{}{}", ran.output, ran.error);
    assert_eq!(mock.messages().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_wait_for_the_reader_of_a_fifo_ends_with_the_first_signal() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let mock = Mock::start();
    let address = mock.addr().to_string();
    let usual = ["--server", &address, "--tls", "none"];
    let send = [&["send"], ENVELOPE, MESSAGE].concat();
    for command in [&send[..], &["send", "--until", "hello"], &["verify", "b@example.net"], &["probe"]] {
        let files = ["--transcript", &path("transcript"), "--record", &path("fifo")];
        let run = Run::new(&[command, &usual, &files].concat());
        let stat = format!("/proc/{}/stat", run.0.id());
        let waits = || std::fs::read_to_string(&stat).unwrap().contains(") S ");
        // The FIFO is the next file that it opens.
        until("the transcript", || Path::new(&path("transcript")).exists() && waits());
        run.signal(Signal::TERM);
        let ran = run.ends();
        assert_eq!(
            ran.status.signal(),
            Some(Signal::TERM.as_raw()),
            "{command:?} {}{}",
            ran.output,
            ran.error
        );
        std::fs::remove_file(path("transcript")).unwrap();
    }
    assert!(mock.messages().is_empty());
}

#[test]
fn the_sendmail_personality_is_interrupted_too() {
    let mock = stalls_at(On::Rcpt).start();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    std::fs::write(&config, format!("[defaults]\nserver = \"{}\"\ntls = \"none\"\n", mock.addr())).unwrap();
    let message = directory.path().join("message");
    std::fs::write(&message, "From: a@example.org\nSubject: s\n\nb\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
    command.env_clear().env("HOME", "/nonexistent").env("SMTP_CLI_CONFIG", Path::new(&config));
    command.args(["sendmail", "-f", "a@example.org", "b@example.net"]);
    command.stdin(std::fs::File::open(&message).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = Run(command.spawn().unwrap());
    heard(&mock, "RCPT");
    run.signal(Signal::TERM);
    let ran = run.ends();
    assert_eq!(ran.status.code(), Some(75), "{}{}", ran.output, ran.error);
    assert!(ran.error.contains("interrupted by SIGTERM"), "{}", ran.error);
    assert!(mock.messages().is_empty());
}
