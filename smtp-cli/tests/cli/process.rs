//! Provides the program as a process, which can be signalled.

use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Whatever is awaited comes long before this.
pub(crate) const LONG: Duration = Duration::from_mins(1);
/// A run of the program.
pub(crate) struct Run(pub(crate) Child);

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) error: String,
    /// How long it took to end, since the signal.
    pub(crate) time: Duration,
}

impl Run {
    /// Starts it with these arguments.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
        // No configuration of the person who runs the tests.
        command.env_clear().env("HOME", "/nonexistent").env("SECRET", "p").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the program can be started"))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(mut self) -> Ran {
        let begin = Instant::now();
        let read = |mut pipe: Box<dyn Read + Send>| {
            thread::spawn(move || {
                let mut text = String::new();
                pipe.read_to_string(&mut text).expect("output is UTF-8");
                text
            })
        };
        let output = read(Box::new(self.0.stdout.take().expect("it is a pipe")));
        let error = read(Box::new(self.0.stderr.take().expect("it is a pipe")));
        let status = loop {
            if let Some(status) = self.0.try_wait().expect("it was started here") {
                break status;
            }
            if begin.elapsed() > LONG {
                self.0.kill().expect("it runs");
                panic!("it does not end");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let time = begin.elapsed();
        let text = |thread: thread::JoinHandle<String>| thread.join().expect("it can be read");
        Ran { status, output: text(output), error: text(error), time }
    }
}

/// Waits until `is_so`.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LONG, "{what} does not come");
        thread::sleep(Duration::from_millis(5));
    }
}
