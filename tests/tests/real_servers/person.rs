//! The lab as a person starts it: one command that leaves nothing behind, however it ends.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use smtp_tests::living;
use smtp_tests::waiting::{connect, end_of, kill, output_within, wait_for};
use tempfile::TempDir;

/// How long the lab may take to start, a few ports that were taken included.
const START: Duration = Duration::from_mins(2);

#[test]
fn it_stops_cleanly_twice_in_a_row() {
    for _ in 0..2 {
        let mut lab = Started::new();
        // seven servers at several addresses each, and their processes
        assert!(lab.addresses.len() >= 20, "{:?}", lab.addresses);
        for address in &lab.addresses {
            connect(*address).unwrap();
        }
        assert!(lab.processes.len() >= 30, "{:?}", lab.processes);
        lab.signal(Signal::INT);
        assert!(end_of(&mut lab.process, "the lab").unwrap().success());
        lab.is_gone();
    }
}

#[test]
fn it_is_cleaned_up_when_it_is_killed() {
    let mut lab = Started::new();
    lab.signal(Signal::KILL);
    end_of(&mut lab.process, "the lab").unwrap();
    // the watchdogs do it, for whom nobody waits
    wait_for("the end of the lab's servers", || Ok(lab.traces().is_empty().then_some(()))).unwrap();
    lab.is_gone();
}

#[test]
fn it_is_cleaned_up_when_a_server_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    // longer than the path of a unix socket may be
    let place = directory.path().join("x".repeat(100));
    fs::create_dir(&place).unwrap();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = output_within(START, lab.env("TMPDIR", &place)).unwrap();
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
    processes: BTreeSet<Identity>,
}

/// A process: its number, and when it began, since numbers are used again.
type Identity = (u32, u64);

fn identity(process: &living::Process) -> Identity {
    (process.number, process.started)
}

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
        let output = BufReader::new(lab.process.stdout.take().unwrap());
        // it reads to the end: what the lab prints then must find a reader
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let end = Instant::now() + START;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = lines
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("it is not ready: {error}\n{}", living::dump()));
            if line.starts_with("Ctrl-C") {
                break;
            }
            let words = line.split_whitespace().skip_while(|word| *word != "--server");
            lab.addresses.extend(words.filter_map(|word| word.parse::<SocketAddr>().ok()));
        }
        lab.processes = living::below(lab.process.id()).iter().map(identity).collect();
        lab
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// What is left of it: files and processes.
    fn traces(&self) -> Vec<String> {
        let files = entries(self.directory.path()).into_iter();
        let running = living::processes().into_iter().filter(living::Process::runs);
        let left = running.filter(|process| self.processes.contains(&identity(process)));
        files.chain(left.map(|process| format!("{process:?}"))).collect()
    }

    #[track_caller]
    fn is_gone(&self) {
        assert_eq!(self.traces(), [""; 0]);
        for address in &self.addresses {
            assert!(connect(*address).is_err(), "{address}");
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // after a test that failed; nobody is left to hear that it has ended already
        let _ = kill(&mut self.process, "the lab");
    }
}

fn entries(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect()
}
