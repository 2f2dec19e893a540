//! Plays cases against other clients that fail them: that is how it is known that a case can fail.
//!
//! What a client does is judged as ours is. A later version may mend what is listed here; the case then needs another
//! client, or this list an entry less.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use smtp_mock::Mock;
use smtp_tests::waiting::kill;

use super::case::{Case, Peer, Tls, USER, cases};
use super::judge::judge;
use super::program::{seen, start};

/// How long a client may go on behind the fault of a server, when it was told to wait for a second at most.
const HUNG: Duration = Duration::from_secs(3);
/// How long a client may take in all, on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many run at once: those that hang do nothing but wait.
const AT_ONCE: usize = 8;

#[test]
fn each_listed_client_fails_its_case() {
    let cases = cases();
    let pairs: Vec<(&Case, &Peer)> =
        cases.iter().flat_map(|case| case.peers.iter().map(move |peer| (case, peer))).collect();
    let next = Mutex::new(pairs.iter());
    let failures: Vec<String> = thread::scope(|scope| {
        let run_next = || {
            let mut failures = Vec::new();
            loop {
                let Some((case, peer)) = next.lock().unwrap().next() else { return failures };
                // on a machine that is busy with others a client may not come as far the first time
                let tried = try_client(case, peer).or_else(|_| try_client(case, peer));
                failures.extend(tried.err());
            }
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run_next)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut failed_by: Vec<&str> = pairs.iter().map(|(_, peer)| peer.client.as_str()).collect();
    failed_by.sort_unstable();
    failed_by.dedup();
    let failing = cases.iter().filter(|case| !case.peers.is_empty()).count();
    let text = format!(
        "hostile dialogues that another client fails: {failing}, in {} runs of {}\n",
        pairs.len(),
        failed_by.join(", ")
    );
    io::stdout().write_all(text.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), pairs.len(), failures.join("\n"));
    assert!(failing >= 30, "{text}");
}

/// Lets the client do what the case asks; an error when it does not fail as it should.
fn try_client(case: &Case, peer: &Peer) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let mock = start(case);
    std::fs::write(directory.path().join("ca.pem"), mock.ca_pem()).unwrap();
    let message = message(case);
    std::fs::write(directory.path().join("message.eml"), &message).unwrap();
    let mut command = command(case, peer, &mock);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory.path())
        .env("NODE_PATH", "/usr/share/nodejs")
        .env("SECRET", case.secret())
        .env("MAILRC", "/dev/null")
        .current_dir(directory.path())
        // so that what it starts ends with it
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("{}: {error}, see .ci/setup", peer.client))?;
    let hangs = peer.flaw == "hangs";
    // the time of one that hangs begins where the server makes it wait
    let waits = || {
        let report = hangs.then(|| mock.report());
        report.is_some_and(|report| report.connections > 0 && report.rules.iter().all(|rule| rule.fired > 0))
    };
    let (status, printed) = finish(child, message, waits);
    let seen = seen(case, mock, status, printed);
    let flaws = judge(case, &seen);
    let reached = !hangs || seen.report.rules.iter().all(|rule| rule.fired > 0);
    if reached && flaws.iter().any(|flaw| flaw.word() == peer.flaw) {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&seen.printed);
    let (client, flaw) = (&peer.client, &peer.flaw);
    Err(format!(
        "{client}, {}: «{flaw}» is not among {flaws:?}\n{status:?} {printed}\n{}",
        case.name, seen.report
    ))
}

/// What the client is to send, as octets.
fn message(case: &Case) -> Vec<u8> {
    let composed = || {
        let Case { from, subject, body, .. } = case;
        format!("From: {from}\r\nTo: friend@example.net\r\nSubject: {subject}\r\n\r\n{body}\r\n")
    };
    case.message.clone().unwrap_or_else(composed).into_bytes()
}

/// Waits for the end of a client, or ends it: some time after it began to wait for the server.
fn finish(mut child: Child, input: Vec<u8>, waits: impl Fn() -> bool) -> (Option<i32>, Vec<u8>) {
    let mut stdin = child.stdin.take().expect("it was asked for");
    // one that does not read its input is no fault of the test
    let feeder = thread::spawn(move || stdin.write_all(&input));
    let readers: Vec<_> = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    .map(|mut pipe| {
        thread::spawn(move || {
            let mut octets = Vec::new();
            // what came before a failed read is worth a look
            let _ = pipe.read_to_end(&mut octets);
            octets
        })
    })
    .collect();
    let mut end = Instant::now() + PATIENCE;
    let mut is_waiting = false;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if Instant::now() >= end {
            kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
            kill(&mut child, "a client").unwrap();
            break None;
        }
        if !is_waiting && waits() {
            is_waiting = true;
            end = Instant::now() + HUNG;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let _ = feeder.join().unwrap();
    (status, readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect())
}

/// The command line that asks the client for what the case asks ours; each tells as much as it can, and is told to
/// wait for a second at most where it can be told so.
fn command(case: &Case, peer: &Peer, mock: &Mock) -> Command {
    let port = mock.addr().port().to_string();
    match peer.client.as_str() {
        "curl" => curl(case, &port),
        "msmtp" => msmtp(case, &port),
        "swaks" => swaks(case, &port),
        "s-nail" => s_nail(case, &port),
        "smtplib" => script("python3", "-c", SMTPLIB, case, &port),
        "nodemailer" => script("node", "-e", NODEMAILER, case, &port),
        other => panic!("no client {other}"),
    }
}

/// The recipients of the envelope.
fn recipients(case: &Case) -> Vec<&String> {
    case.rcpt.as_ref().map_or_else(|| case.to.iter().collect(), |rcpt| vec![rcpt])
}

fn curl(case: &Case, port: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sSv", "--max-time", if case.limit.is_some() { "1" } else { "30" }]);
    command.args(["--url", &format!("smtp://localhost:{port}/client.example"), "--mail-from", &case.from]);
    for to in recipients(case) {
        command.args(["--mail-rcpt", to]);
    }
    if case.tls == Tls::Starttls {
        command.args(["--ssl-reqd", "--cacert", "ca.pem"]);
    }
    if case.login.is_some() {
        command.args(["--user", &format!("{USER}:{}", case.secret())]);
    }
    command.args(["-T", "message.eml"]);
    command
}

fn msmtp(case: &Case, port: &str) -> Command {
    let mut command = Command::new("msmtp");
    command.args(["--file=/dev/null", "--debug", "--host=localhost", &format!("--port={port}")]);
    command.args([
        format!("--from={}", case.from),
        format!("--timeout={}", if case.limit.is_some() { 1 } else { 30 }),
    ]);
    command.arg(format!("--domain={}", case.helo.as_deref().unwrap_or("client.example")));
    match case.tls {
        Tls::Starttls => command.args(["--tls=on", "--tls-starttls=on", "--tls-trust-file=ca.pem"]),
        _ => command.arg("--tls=off"),
    };
    if case.login.is_some() {
        command.args(["--auth=plain", &format!("--user={USER}"), "--passwordeval=printenv SECRET"]);
    }
    command.arg("--").args(recipients(case));
    command
}

fn swaks(case: &Case, port: &str) -> Command {
    let mut command = Command::new("swaks");
    command.args(["--server", "localhost", "--port", port, "--from", &case.from]);
    command.args(["--helo", case.helo.as_deref().unwrap_or("client.example")]);
    command.args(["--timeout", if case.limit.is_some() { "1" } else { "30" }]);
    let to: Vec<&str> = recipients(case).into_iter().map(String::as_str).collect();
    command.args(["--to", &to.join(",")]);
    if case.tls == Tls::Starttls {
        command.args(["--tls", "--tls-verify", "--tls-ca-path", "ca.pem"]);
    }
    if let Some(mechanism) = &case.login {
        command.args(["--auth", if mechanism == "auto" { "PLAIN" } else { mechanism }]);
        command.args(["--auth-user", USER, "--auth-password", case.secret()]);
    }
    if case.server.contains("PIPELINING") {
        command.arg("--pipeline");
    }
    match case.message {
        Some(_) => command.args(["--data", "@message.eml"]),
        None => command.args(["--header", &format!("Subject: {}", case.subject), "--body", &case.body]),
    };
    command
}

fn s_nail(case: &Case, port: &str) -> Command {
    let login = case
        .login
        .as_ref()
        .map_or_else(String::new, |_| "you%40example.org:open%20sesame%20%26%201001%20nights@".to_owned());
    let mechanism = match case.login.as_deref() {
        None => "none",
        Some("auto") => "plain",
        Some("CRAM-MD5") => "cram-md5",
        Some(other) => &other.to_lowercase(),
    };
    let mut command = Command::new("s-nail");
    command.args(["-:/", "-vv", "-S", "v15-compat", "-S", "sendwait", "-S", "ttycharset=utf-8"]);
    command.args([
        "-S",
        &format!("mta=smtp://{login}localhost:{port}"),
        "-S",
        &format!("smtp-auth={mechanism}"),
    ]);
    if case.tls == Tls::Starttls {
        command.args(["-S", "smtp-use-starttls", "-S", "tls-ca-no-defaults", "-S", "tls-ca-file=ca.pem"]);
    }
    command.args(["-S", &format!("from={}", case.from), "-r", &case.from, "-s", &case.subject]);
    command.args(recipients(case));
    command
}

/// A client that is a library, driven by a few lines of its language.
fn script(program: &str, flag: &str, text: &str, case: &Case, port: &str) -> Command {
    let mut command = Command::new(program);
    let limit = if case.limit.is_some() { "1" } else { "30" };
    let user = if case.login.is_some() { USER } else { "" };
    let helo = case.helo.as_deref().unwrap_or("client.example");
    command.args([flag, text, port, case.tls.as_str(), user, limit, helo, &case.from]).args(recipients(case));
    command
}

const SMTPLIB: &str = "
import os, smtplib, sys
port, tls, user, limit, helo, sender, *to = sys.argv[1:]
smtplib.SMTP.debuglevel = 1
client = smtplib.SMTP('localhost', int(port), helo, int(limit))
if tls == 'starttls':
    # by default it looks at no certificate
    client.starttls()
if user:
    client.login(user, os.environ['SECRET'])
client.sendmail(sender, to, open('message.eml', 'rb').read())
client.quit()
";

const NODEMAILER: &str = "
const [port, tls, user, limit, name, from, ...to] = process.argv.slice(1);
const fs = require('fs');
require('nodemailer').createTransport({
    host: 'localhost', port: Number(port), name, logger: true, debug: true,
    requireTLS: tls === 'starttls', tls: { ca: fs.readFileSync('ca.pem') },
    auth: user ? { user, pass: process.env.SECRET } : undefined,
    connectionTimeout: limit * 1000, greetingTimeout: limit * 1000, socketTimeout: limit * 1000,
}).sendMail({ envelope: { from, to: to.length > 1 ? to : to[0] }, raw: fs.readFileSync('message.eml') })
    .catch((error) => { console.error(error); process.exitCode = 1; });
";
