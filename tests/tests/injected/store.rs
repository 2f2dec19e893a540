//! `smtp-mock --store`: a message that was acknowledged is in a file, and no file holds half of one.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use smtp_tests::injected::{calls, each, injections, noted};
use smtp_tests::living;
use smtp_tests::program::smtp_mock_path;
use smtp_tests::waiting::{kill, wait_within};

use super::every;

/// How long the client waits for a reply; a server that was hit where it cannot hear of it may give none.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the program may take to end after each of three signals.
const END: Duration = Duration::from_secs(5);

/// Two messages, longer than one write and read of a pipe or a socket buffer would be for sure.
fn messages() -> [String; 2] {
    ["one", "two"].map(|name| {
        let lines: Vec<String> = (0..200).map(|line| format!("line {line} of {name} ..........")).collect();
        format!("Subject: {name}\r\n\r\n{}\r\n", lines.join("\r\n"))
    })
}

#[test]
fn a_message_that_was_acknowledged_is_whole_in_a_file_of_its_own() {
    injected("eml", |store| {
        let mut found = BTreeSet::new();
        for name in names(store)? {
            if let Some(number) = name.strip_suffix(".eml") {
                let envelope = read(&store.join(format!("{number}.envelope")))?;
                let told = "hello x.test\nfrom <a@b.test>\nto <c@d.test>\ntls false\n";
                if envelope != told {
                    return Err(format!("the envelope of {name} is «{envelope}»"));
                }
                found.insert(read(&store.join(&name))?);
            }
        }
        Ok(found)
    });
}

#[test]
fn a_message_that_was_acknowledged_is_whole_in_a_maildir() {
    injected("maildir", |store| {
        let directory = store.join("new");
        names(&directory)?.iter().map(|name| read(&directory.join(name))).collect()
    });
}

#[test]
fn a_message_that_was_acknowledged_is_whole_in_an_mbox_and_not_glued_to_another() {
    injected("mbox", |store| {
        let path = store.join("mbox");
        let text = if path.exists() { read(&path)? } else { String::new() };
        let mut found = BTreeSet::new();
        // none of the lines of the messages begins so
        for entry in text.split_inclusive("\n\nFrom ").map(|part| part.strip_suffix("From ").unwrap_or(part))
        {
            let Some((_, message)) = entry.split_once('\n') else {
                return Err(format!("«{entry}» is no message"));
            };
            let message = message.strip_suffix('\n').ok_or_else(|| format!("«{entry}» has no end"))?;
            found.insert(message.replace('\n', "\r\n"));
        }
        Ok(found)
    });
}

/// Runs the program with every fault; `stored` gives the messages that a store holds.
fn injected(format: &str, stored: impl Fn(&Path) -> Result<BTreeSet<String>, String> + Sync) {
    let run = |wrapper: &[OsString]| {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let store = directory.path().join("store");
        let mut server = Started::new(wrapper, &store, format);
        let acknowledged = server.address.map(send).unwrap_or_default();
        server.stop()?;
        let found = if store.exists() { stored(&store)? } else { BTreeSet::new() };
        let sent: BTreeSet<String> = messages().into();
        if let Some(half) = found.difference(&sent).next() {
            return Err(format!("this was never sent: «{half}»"));
        }
        match acknowledged.difference(&found).next() {
            Some(lost) => Err(format!("this was acknowledged and is not there: «{}»", &lost[..20])),
            None => Ok(acknowledged.len()),
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes");
    // without a fault both arrive
    assert_eq!(run(&noted(&notes)), Ok(2));
    let all = injections(&calls(&notes).unwrap());
    assert!(all.len() > 100, "{}", all.len());
    each(&all, every(), |wrapper, _| run(wrapper).map(drop)).assert();
}

/// Sends each message once, on a connection of its own, and gives those that were acknowledged.
fn send(address: SocketAddr) -> BTreeSet<String> {
    let attempt = |message: &str| -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut replies = BufReader::new(stream.try_clone()?);
        let mut reply = || -> io::Result<String> {
            loop {
                let mut line = String::new();
                if replies.read_line(&mut line)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if line.as_bytes().get(3) != Some(&b'-') {
                    return Ok(line);
                }
            }
        };
        reply()?;
        for command in ["EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"] {
            write!(stream, "{command}\r\n")?;
            if !reply()?.starts_with(['2', '3']) {
                return Ok(false);
            }
        }
        write!(stream, "{message}.\r\n")?;
        let taken = reply()?.starts_with("250 ");
        // what becomes of QUIT changes nothing
        let _ = stream.write_all(b"QUIT\r\n").and_then(|()| reply());
        Ok(taken)
    };
    messages().into_iter().filter(|message| attempt(message).unwrap_or(false)).collect()
}

/// The program under strace.
struct Started {
    strace: Child,
    /// Where it listens, when it came so far.
    address: Option<SocketAddr>,
    /// The program itself.
    program: Option<rustix::fd::OwnedFd>,
}

impl Started {
    fn new(wrapper: &[OsString], store: &Path, format: &str) -> Self {
        let mut strace = Command::new(&wrapper[0])
            .args(&wrapper[1..])
            .arg(smtp_mock_path().unwrap())
            .args(["--format", format, "--store"])
            .arg(store)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`.ci/setup` has installed strace");
        let line = first_line(strace.stdout.take().unwrap());
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let address = line["smtp"].as_str().and_then(|address| address.parse().ok());
        // it has no other parent than strace, which has just heard of it
        let number = line["pid"].as_i64().and_then(|number| Pid::from_raw(i32::try_from(number).ok()?));
        let number = number.or_else(|| {
            let children = living::below(strace.id());
            children.first().and_then(|child| Pid::from_raw(i32::try_from(child.number).ok()?))
        });
        let program = number.and_then(|number| pidfd_open(number, PidfdFlags::empty()).ok());
        Self { strace, address, program }
    }

    /// Ends it in order. It may miss one signal, when that is where the fault is.
    fn stop(&mut self) -> Result<(), String> {
        for _ in 0..3 {
            self.signal(Signal::TERM);
            if wait_within(END, "the end", || self.strace.try_wait()).is_ok() {
                return Ok(());
            }
        }
        Err(format!("it does not end:\n{}", living::dump()))
    }

    fn signal(&self, signal: Signal) {
        if let Some(program) = &self.program {
            // it may have ended
            let _ = pidfd_send_signal(program, signal);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // strace alone would leave the program to itself
        self.signal(Signal::KILL);
        let _ = kill(&mut self.strace, "strace");
    }
}

/// The first line of a program, or none when it ends or hangs before; the rest finds a reader.
fn first_line(output: ChildStdout) -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let _ = output.read_line(&mut line);
        let _ = sender.send(line);
        let _ = output.read_to_end(&mut Vec::new());
    });
    receiver.recv_timeout(Duration::from_secs(10)).unwrap_or_default()
}

fn names(directory: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()
        .map_err(|error| error.to_string())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
