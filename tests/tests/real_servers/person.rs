//! The lab as a person starts it: one command that leaves nothing behind, however it ends.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

#[test]
fn it_stops_cleanly_twice_in_a_row() {
    for _ in 0..2 {
        let mut lab = Started::new();
        // seven servers at several addresses each, and their processes
        assert!(lab.addresses.len() >= 20, "{:?}", lab.addresses);
        for address in &lab.addresses {
            TcpStream::connect(address).unwrap();
        }
        assert!(lab.processes.len() >= 30, "{:?}", lab.processes);
        lab.signal(Signal::INT);
        assert!(lab.process.wait().unwrap().success());
        lab.is_gone();
    }
}

#[test]
fn it_is_cleaned_up_when_it_is_killed() {
    let mut lab = Started::new();
    lab.signal(Signal::KILL);
    lab.process.wait().unwrap();
    // the watchdogs do it, for whom nobody waits
    let end = Instant::now() + Duration::from_secs(30);
    while !lab.traces().is_empty() && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    lab.is_gone();
}

#[test]
fn it_is_cleaned_up_when_a_server_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    // longer than the path of a unix socket may be
    let place = directory.path().join("x".repeat(100));
    fs::create_dir(&place).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lab")).env("TMPDIR", &place).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("lab: Dovecot ended at its start"), "{error}");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

/// A lab that runs in a process and a directory of its own.
struct Started {
    process: Child,
    directory: TempDir,
    addresses: Vec<SocketAddr>,
    processes: BTreeSet<Process>,
}

/// A process: its number, and when it began, since numbers are used again.
type Process = (u32, String);

impl Started {
    /// Starts it and reads what it prints until it is ready.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // the servers have users of their own
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_lab"))
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (addresses, processes) = (Vec::new(), BTreeSet::new());
        let mut lab = Self { process, directory, addresses, processes };
        let mut output = BufReader::new(lab.process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Ctrl-C") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended before it was ready");
            let words = line.split_whitespace().skip_while(|word| *word != "--server");
            lab.addresses.extend(words.filter_map(|word| word.parse::<SocketAddr>().ok()));
        }
        // what it prints at its end must find a reader
        thread::spawn(move || output.read_to_end(&mut Vec::new()));
        lab.processes = descendants(lab.process.id());
        lab
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// What is left of it: files and processes.
    fn traces(&self) -> Vec<String> {
        let files = entries(self.directory.path()).into_iter();
        let running = processes().into_iter().map(|(process, _)| process);
        let left = running.filter(|process| self.processes.contains(process));
        files.chain(left.map(|process| format!("{process:?}"))).collect()
    }

    #[track_caller]
    fn is_gone(&self) {
        assert_eq!(self.traces(), [""; 0]);
        for address in &self.addresses {
            assert!(TcpStream::connect(address).is_err(), "{address}");
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // after a test that failed; nobody is left to hear that it has ended already
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn entries(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect()
}

/// The processes below one, by way of their parents.
fn descendants(of: u32) -> BTreeSet<Process> {
    let all = processes();
    let mut parents = BTreeSet::from([of]);
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for (process, parent) in &all {
            if parents.contains(parent) {
                parents.insert(process.0);
                found.insert(process.clone());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// The processes of the machine that run, each with its parent; those that end meanwhile are left out, and those that
/// have ended and wait for their parent.
fn processes() -> Vec<(Process, u32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let parsed = stats.filter_map(|stat| {
        // proc(5): «pid (name) state parent …», the 22nd field is the start; the name may hold anything
        let number = stat.split(' ').next()?.parse().ok()?;
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let is_running = *fields.first()? != "Z";
        is_running.then_some(((number, (*fields.get(19)?).to_owned()), fields.get(1)?.parse().ok()?))
    });
    parsed.collect()
}
