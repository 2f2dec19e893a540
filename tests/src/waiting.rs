//! Provides waits with a limit: one that is met ends in an error that says what still [lives](crate::living).

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::{living, watch};

/// How long a server or a program may take to start, to deliver or to stop.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a wait looks away between two looks at something that cannot be waited for.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks until `look` finds something; fails with `TimedOut`, naming `what`, after 30 seconds.
///
/// Processes and spools of foreign programs offer nothing to wait on, hence this bounded polling.
///
/// # Errors
/// What `look` gives, and `TimedOut`.
pub fn wait_for<T>(what: &str, look: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    wait_within(PATIENCE, what, look)
}

/// As [`wait_for`], within this time.
///
/// # Errors
/// As [`wait_for`].
pub fn wait_within<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<T> {
    watch::this_test();
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(too_late(limit, what));
        }
        thread::sleep(INTERVAL);
    }
}

/// Waits for the end of a child, at most 30 seconds.
///
/// # Errors
/// `TimedOut`, and what the system gives.
pub fn end_of(child: &mut Child, what: &str) -> io::Result<ExitStatus> {
    wait_for(&format!("the end of {what}"), || child.try_wait())
}

/// Kills a child and reaps it.
///
/// # Errors
/// `TimedOut` when it does not end even so, after 30 seconds.
pub fn kill(child: &mut Child, what: &str) -> io::Result<()> {
    // one that has ended by itself cannot be killed, and need not be
    let _ = child.kill();
    end_of(child, what).map(drop)
}

/// Runs a program to its end with nothing on its standard input, and gives what it printed.
///
/// # Errors
/// When it cannot be started; `TimedOut` when it has not ended, or somebody holds its output, at the limit: it is
/// killed then.
pub fn output_within(limit: Duration, command: &mut Command) -> io::Result<Output> {
    watch::this_test();
    let what = format!("the end of {}", command.get_program().display());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let end = Instant::now() + limit;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let take = |printed: &mpsc::Receiver<Vec<u8>>| {
        let left = end.saturating_duration_since(Instant::now());
        printed.recv_timeout(left).map_err(|_| too_late(limit, &what))
    };
    let printed = take(&stdout).and_then(|stdout| Ok((stdout, take(&stderr)?)));
    match printed {
        Ok((stdout, stderr)) => Ok(Output { status: end_of(&mut child, &what)?, stdout, stderr }),
        Err(error) => {
            kill(&mut child, &what)?;
            Err(error)
        }
    }
}

/// Connects to a loopback address, with limits on the connect and on every read and write.
///
/// # Errors
/// What the system gives.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads a pipe to its end on a thread of its own, so that none of two can fill up meanwhile.
pub(crate) fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut octets = Vec::new();
        // what came before a failed read is worth showing
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut octets));
        sender.send(octets)
    });
    receiver
}

fn too_late(limit: Duration, what: &str) -> io::Error {
    let message = format!("{what} did not happen within {limit:?}\n{}", living::dump());
    io::Error::new(io::ErrorKind::TimedOut, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_takes_too_long_says_what_lives() {
        let mut sleeper = Command::new("sleep").arg("65432").spawn().unwrap();
        let limit = Duration::from_millis(20);
        let error = wait_within(limit, "the end of a sleeper", || sleeper.try_wait()).unwrap_err();
        kill(&mut sleeper, "a sleeper").unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let text = error.to_string();
        assert!(text.starts_with("the end of a sleeper did not happen within 20ms\n"), "{text}");
        assert!(text.contains("sleep 65432"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; exec sleep 76543"]);
        let error = output_within(Duration::from_millis(100), &mut command).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(living::below(std::process::id()).iter().all(|process| process.command != "sleep 76543"));
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let output = output_within(PATIENCE, &mut command).unwrap();
        assert_eq!((output.status.code(), output.stdout), (Some(3), b"out\n".to_vec()));
        assert_eq!(output.stderr, b"err\n");
    }
}
