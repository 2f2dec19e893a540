//! Provides [`first_line_of`]: the first line that a command prints, bounded in time and octets.

use super::cancel::Wait;
use std::fmt;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use std::vec::Vec;
use zeroize::Zeroizing;

/// Octets that a command may print: the first line counts, and the rest is read because a command with more to say would
/// fail for want of a reader.
const MOST: usize = 1 << 20;
/// How often to look whether a command has ended that holds its output open, or has closed it.
const LOOK: Duration = Duration::from_millis(10);

/// Why a command did not print a line, in words that follow its name.
#[derive(Debug)]
#[non_exhaustive]
pub enum CommandError {
    /// It cannot be started.
    Start(io::Error),
    /// It cannot be waited for.
    Lost(io::Error),
    /// Its output cannot be read.
    Read(io::Error),
    /// It failed.
    Failed(ExitStatus),
    /// It did not end before the wait was over.
    TimedOut,
    /// It printed without an end.
    TooLong,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(_) => f.write_str("cannot be started"),
            Self::Lost(_) => f.write_str("was lost"),
            Self::Read(_) => f.write_str("cannot be read"),
            Self::Failed(status) => write!(f, "failed ({status})"),
            Self::TimedOut => f.write_str("did not end in time and was killed"),
            Self::TooLong => {
                write!(f, "printed more than {MOST} octets and was killed; it is to print one line and end")
            }
        }
    }
}

impl std::error::Error for CommandError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) | Self::Lost(error) | Self::Read(error) => Some(error),
            Self::Failed(_) | Self::TimedOut | Self::TooLong => None,
        }
    }
}

/// Runs a command by the shell and returns the first line that it prints, without its line end: a password, for
/// [`Login::password_from`](crate::mailer::Login::password_from).
///
/// A command that does not end before `wait` does, or prints without an end, is killed. A process that it leaves in the
/// background is not waited for, once the line is there.
///
/// # Errors
/// If the command cannot be run, fails or does not end.
pub fn first_line_of(command: &str, wait: &Wait) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    // Only a process of the foreground group may ask something at the terminal.
    let has_group = cfg!(unix) && !has_terminal();
    let mut child = spawn(command, has_group).map_err(CommandError::Start)?;
    let printed = printed(&mut child, wait);
    if printed.is_err() {
        kill(&mut child, has_group);
    }
    let mut printed = printed?;
    let end = printed.iter().position(|&octet| octet == b'\n').unwrap_or(printed.len());
    printed.truncate(end);
    if printed.last() == Some(&b'\r') {
        printed.pop();
    }
    Ok(printed)
}

/// What the command printed before it ended.
fn printed(child: &mut Child, wait: &Wait) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        // A pipe knows no deadline, so a thread waits for it. It ends with the pipe, or when nobody listens any more.
        thread::Builder::new()
            .name("command".into())
            .spawn(move || pass_on(output, &sender))
            .map_err(CommandError::Lost)?;
    }
    let mut printed = Zeroizing::new(Vec::with_capacity(MOST + CHUNK));
    let (mut is_open, mut status) = (true, None);
    loop {
        if status.is_none() {
            status = child.try_wait().map_err(CommandError::Lost)?;
        }
        match status {
            Some(status) if !status.success() => return Err(CommandError::Failed(status)),
            Some(_) if !is_open || printed.contains(&b'\n') => return Ok(printed),
            _ => {}
        }
        let Some(slice) = wait.slice() else { return Err(CommandError::TimedOut) };
        match receiver.recv_timeout(slice.min(LOOK)) {
            Ok(Ok(chunk)) => printed.extend_from_slice(&chunk),
            Ok(Err(error)) => return Err(CommandError::Read(error)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                is_open = false;
                thread::sleep(slice.min(LOOK));
            }
        }
        if printed.len() > MOST {
            return Err(CommandError::TooLong);
        }
    }
}

/// Octets that are read at once.
const CHUNK: usize = 4096;

fn pass_on(mut output: impl Read, sender: &mpsc::Sender<io::Result<Zeroizing<Vec<u8>>>>) {
    let mut buffer = Zeroizing::new([0; CHUNK]);
    loop {
        let chunk = match output.read(&mut *buffer) {
            Ok(0) => return,
            Ok(count) => Ok(Zeroizing::new(buffer[..count].to_vec())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_failure = chunk.is_err();
        if sender.send(chunk).is_err() || is_failure {
            return;
        }
    }
}

#[cfg(unix)]
fn spawn(command: &str, has_group: bool) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::piped());
    if has_group {
        shell.process_group(0);
    }
    shell.spawn()
}

#[cfg(windows)]
fn spawn(command: &str, _has_group: bool) -> io::Result<Child> {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd.exe");
    // As it is: the rules by which arguments are quoted are not those of cmd.exe.
    shell.arg("/C").raw_arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// Whether the process has a terminal to ask at, whatever its standard input is.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Kills the command, and where it has a group of its own all that it started. What is gone already needs no killing.
fn kill(child: &mut Child, has_group: bool) {
    #[cfg(unix)]
    if has_group {
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(child),
            rustix::process::Signal::KILL,
        );
    }
    #[cfg(windows)]
    let _ = has_group;
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::blocking::Cancel;
    use std::format;
    use std::string::{String, ToString};
    use std::time::Instant;

    fn run(command: &str, limit: Duration) -> Result<Vec<u8>, String> {
        let wait = Wait::new(Instant::now() + limit, &Cancel::default());
        first_line_of(command, &wait).map(|line| line.to_vec()).map_err(|error| error.to_string())
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn the_first_line_is_what_counts() {
        assert_eq!(run("printf 'pass word\\r\\nmore'", LONG).unwrap(), b"pass word");
        assert_eq!(run("printf secret", LONG).unwrap(), b"secret");
        assert_eq!(run("true", LONG).unwrap(), b"");
        assert_eq!(run("set -e; echo secret; seq 1 100000", LONG).unwrap(), b"secret");
        assert!(run("echo secret; exit 3", LONG).unwrap_err().contains("failed ("));
        // Who closes the output has not ended.
        assert!(run("echo secret; exec >&-; sleep 0.2; exit 4", LONG).unwrap_err().contains("status: 4"));
    }

    #[test]
    fn a_command_that_prints_without_an_end_is_killed() {
        let begin = Instant::now();
        let error = run("yes", LONG).unwrap_err();
        assert!(error.contains("printed more than 1048576 octets and was killed"), "{error}");
        assert!(begin.elapsed() < LONG);
    }

    #[test]
    fn a_command_that_does_not_end_is_killed_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let pids = directory.path().join("pids");
        let command = format!("sleep 600 & echo $! $$ >{0}.new; mv {0}.new {0}; wait", pids.display());
        let error = run(&command, Duration::from_millis(500)).unwrap_err();
        assert_eq!(error, "did not end in time and was killed");
        let pids = std::fs::read_to_string(pids).unwrap();
        let deadline = Instant::now() + LONG;
        for pid in pids.split_whitespace().skip(usize::from(has_terminal())) {
            let stat = format!("/proc/{pid}/stat");
            // Whoever is dead may wait to be taken notice of.
            while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
                assert!(Instant::now() < deadline, "{pid} lives");
                thread::sleep(LOOK);
            }
        }
    }

    #[test]
    fn what_a_command_leaves_behind_is_not_waited_for() {
        let begin = Instant::now();
        assert_eq!(run("sleep 5 & echo secret", LONG).unwrap(), b"secret");
        assert!(begin.elapsed() < Duration::from_secs(5));
        let error = run("sleep 600 &", Duration::from_millis(300)).unwrap_err();
        assert!(error.contains("did not end in time"), "{error}");
    }
}
