//! `smtp-cli send`: whatever fails, what it reports of each message agrees with what the server accepted.

mod verdict;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smtp_mock::{Builder, Certificate, Message, Mock};
use smtp_tests::injected::{Injection, calls, each, injections, noted};
use smtp_tests::program::{smtp_cli, smtp_cli_path};
use smtp_tests::waiting::wait_within;

use self::verdict::{Files, Run};
use super::every;

/// The time that each phase of the program may take.
const PHASE: &str = "120";
/// The time that a whole run may take: a fault of ours is no reason to wait for a server until a phase is over.
const WHOLE: Duration = Duration::from_mins(1);
/// How long the server may take to notice that the client is gone.
const NOTICE: Duration = Duration::from_secs(30);
/// The size of a body that leaves in several writes.
const LARGE: usize = 200 * 1024;

#[test]
fn a_large_message_by_data() {
    large(|way| way.arguments.extend(["--no-extension", "CHUNKING"].map(OsString::from)), 15);
}

#[test]
fn a_large_message_by_bdat() {
    large(|_| (), 15);
}

#[test]
fn a_large_message_that_is_tried_twice() {
    large(|way| way.arguments.extend(["--no-extension", "CHUNKING", "--retry", "1"].map(OsString::from)), 60);
}

#[test]
fn several_messages_in_flight() {
    let (directory, mut way) = ready("socket(", &["one", "two", "three", "four", "five", "six"]);
    way.arguments.extend(["--in-flight", "4"].map(OsString::from));
    way.injected(15);
    drop(directory);
}

#[test]
fn several_messages_over_several_connections() {
    let (directory, mut way) = ready("socket(", &["one", "two", "three", "four", "five", "six"]);
    way.arguments.extend(["--connections", "2"].map(OsString::from));
    way.is_threaded = true;
    way.injected(20);
    drop(directory);
}

#[test]
fn under_tls_with_all_that_a_run_writes() {
    let (directory, mut way) = ready("openat(AT_FDCWD, \"transcript.jsonl\"", &["one"]);
    way.server = |_| Mock::builder().starttls(Certificate::Good).certificate_name("127.0.0.1");
    way.arguments.extend(
        ["--tls", "starttls", "--ca-file", "ca.pem", "--format", "json", "--stats"].map(OsString::from),
    );
    way.arguments
        .extend(["--transcript", "transcript.jsonl", "--record", "recording.toml"].map(OsString::from));
    way.files = Files { transcript: Some("transcript.jsonl"), recording: Some("recording.toml") };
    way.injected(25);
    drop(directory);
}

#[test]
fn two_recipients_by_lmtp_over_a_unix_socket() {
    let (directory, mut way) = ready("socket(", &["one"]);
    way.server = |directory| Mock::builder().lmtp().unix(directory.join("socket"));
    way.place = Place::Unix;
    way.arguments.extend(["--lmtp", "--to", "a@example.net,b@example.net"].map(OsString::from));
    way.injected(15);
    drop(directory);
}

#[test]
fn a_message_from_standard_input() {
    let way = Way {
        input: message("one"),
        arguments: ["--tls", "none", "--eml", "-"].map(OsString::from).into(),
        ..Way::new("read(0,")
    };
    way.injected(15);
}

/// A composed message with a body and an attachment from files.
fn large(set: fn(&mut Way), many: usize) {
    let directory = tempfile::tempdir().unwrap();
    let body = directory.path().join("body.txt");
    let attachment = directory.path().join("attachment.bin");
    fs::write(&body, text(LARGE)).unwrap();
    fs::write(&attachment, octets(LARGE / 4)).unwrap();
    let mut way = Way::new("socket(");
    way.arguments.extend(["--from", "you@example.org", "--to", "one@example.net"].map(OsString::from));
    way.arguments.extend(["--subject", "Large", "--body-file"].map(OsString::from));
    way.arguments.extend([body.into(), "--attach".into(), attachment.into()]);
    set(&mut way);
    way.is_whole = |message| {
        let text = message.text().unwrap_or_default().replace("\r\n", "\n");
        assert!(text == self::text(LARGE), "the body of {} octets is not the file", text.len());
        assert_eq!(message.attachments(), [("attachment.bin".to_owned(), octets(LARGE / 4))]);
    };
    way.injected(many);
}

/// Ready messages, each to a recipient of its own, from files.
fn ready(begin: &'static str, names: &[&str]) -> (tempfile::TempDir, Way) {
    let directory = tempfile::tempdir().unwrap();
    let mut way = Way::new(begin);
    for name in names {
        let path = directory.path().join(name).with_extension("eml");
        fs::write(&path, message(name)).unwrap();
        way.arguments.extend(["--eml".into(), path.into()]);
    }
    (directory, way)
}

fn message(name: &str) -> Vec<u8> {
    format!(
        "From: you@example.org\r\nTo: {name}@example.net\r\nSubject: {name}\r\n\
         Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{name}@example.org>\r\n\r\n{}",
        text(3000).replace('\n', "\r\n")
    )
    .into_bytes()
}

/// Lines, some of which begin with a dot, and are all different.
fn text(length: usize) -> String {
    let lines = (0..).map(|number| format!("{}line {number} ..........\n", &"...."[..number % 4]));
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() > length {
            break;
        }
        text.push_str(&line);
    }
    text
}

fn octets(length: usize) -> Vec<u8> {
    (0..=250)
        .flat_map(|step| (0..=u8::MAX).map(move |octet| octet.wrapping_mul(step)))
        .cycle()
        .take(length)
        .collect()
}

/// Where the server listens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Tcp,
    Unix,
}

/// A way to send.
struct Way {
    /// How the first call begins that is to fail.
    begin: &'static str,
    server: fn(&Path) -> Builder,
    place: Place,
    arguments: Vec<OsString>,
    /// What stands on standard input.
    input: Vec<u8>,
    files: Files,
    /// Whether several threads may meet a fault.
    is_threaded: bool,
    /// Asserts that a message is one of those that were to be sent.
    is_whole: fn(&Message),
}

impl Way {
    fn new(begin: &'static str) -> Self {
        Self {
            begin,
            server: |_| Mock::builder(),
            place: Place::Tcp,
            arguments: Vec::new(),
            input: Vec::new(),
            files: Files::default(),
            is_threaded: false,
            is_whole: |message| {
                let name = message.subject().unwrap();
                assert!(message.octets == self::message(&name), "{name} is not whole");
            },
        }
    }

    /// Sends with every fault, or one of so `many`.
    fn injected(&self, many: usize) {
        let directory = tempfile::tempdir().unwrap();
        let notes = directory.path().join("notes");
        let (run, _directory) = self.run(&noted(&notes), None).unwrap();
        assert_eq!((run.finished.status, run.finished.error().as_str()), (Some(0), ""));
        run.accepted.iter().for_each(|message| (self.is_whole)(message));
        let whole: BTreeMap<_, _> = run
            .accepted
            .iter()
            .map(|message| (verdict::recipients(message), verdict::fixed(message)))
            .collect();
        run.judge(&whole, &self.files).unwrap();
        let all = injections(&calls(&notes, self.begin).unwrap());
        assert!(all.len() > 50, "{}", all.len());
        println!("{} faults", all.len());
        each(&all, every(many), |wrapper, injection| {
            let (run, _directory) = self.run(wrapper, Some(injection))?;
            run.judge(&whole, &self.files)
        })
        .assert();
    }

    /// Runs the program once against a server of its own, in a directory of its own.
    fn run(
        &self,
        wrapper: &[OsString],
        injection: Option<&Injection>,
    ) -> Result<(Run, tempfile::TempDir), String> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = directory.path();
        let mock = (self.server)(path).start();
        fs::write(path.join("ca.pem"), mock.ca_pem()).map_err(|error| error.to_string())?;
        fs::create_dir(path.join("tmp")).map_err(|error| error.to_string())?;
        let server = match self.place {
            Place::Tcp => mock.addr().to_string(),
            Place::Unix => "unix:socket".to_owned(),
        };
        // built, if it is not, before time is taken
        smtp_cli_path().map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let finished = smtp_cli(["send", "--server", &server, "--timeout", PHASE])
            .args(self.arguments.iter().cloned())
            .under(wrapper.iter().cloned())
            .directory(path)
            .env("TMPDIR", path.join("tmp"))
            .input(self.input.clone())
            .finish()
            .map_err(|error| error.to_string())?;
        let took = begun.elapsed();
        // the server may be reading what is left of a client that is gone
        wait_within(NOTICE, "the end of the connections", || {
            Ok((mock.server().open_connections() == 0).then_some(()))
        })
        .map_err(|error| error.to_string())?;
        let accepted: Vec<Arc<Message>> = mock.messages();
        let transcript = mock.stop().transcript.lines();
        if took > WHOLE {
            return Err(format!("it took {took:?}: {}", finished.error()));
        }
        let run = Run {
            finished,
            injection: injection.cloned(),
            is_threaded: self.is_threaded,
            accepted,
            transcript,
            directory: path.to_owned(),
        };
        Ok((run, directory))
    }
}
