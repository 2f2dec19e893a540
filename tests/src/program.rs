//! Provides the program under test as a process of its own: built when it is not, run with a clean environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{iter, thread};

use crate::secrets::Watch;
use crate::waiting::{collect, end_of, kill, output_within};
use crate::{living, watch};
use smtp_cli::{Stream, Terminal};
use tempfile::TempDir;

/// How long a run may take before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the program may take to be built.
const BUILD: Duration = Duration::from_mins(20);

/// A run of the program that is about to begin; by default with nothing on standard input and an environment
/// that holds nothing but what the system needs.
#[derive(Debug)]
#[must_use]
pub struct Run {
    wrapper: Vec<OsString>,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    input: Vec<u8>,
    kept: Option<TempDir>,
}

/// How a run ended and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub output: Vec<u8>,
    /// What it wrote to standard error.
    pub error: Vec<u8>,
}

/// A run of `smtp-cli` with these arguments.
pub fn smtp_cli<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Run {
    let arguments = arguments.into_iter().map(Into::into).collect();
    Run {
        wrapper: Vec::new(),
        arguments,
        environment: BTreeMap::new(),
        directory: None,
        input: Vec::new(),
        kept: None,
    }
}

impl Run {
    /// Adds an argument behind the others.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments behind the others.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Runs it in this directory.
    pub fn directory(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Gives it these octets on standard input.
    pub fn input(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.input = octets.into();
        self
    }

    /// Keeps a directory, whose files the arguments name, until the program has ended.
    pub fn keep(mut self, directory: TempDir) -> Self {
        self.kept = Some(directory);
        self
    }

    /// Lets another program run it, like `strace -o FILE`: these words come before the program's name.
    pub fn under<A: Into<OsString>>(mut self, wrapper: impl IntoIterator<Item = A>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When the program cannot be built or started; `TimedOut` when it does not end within a minute: it is killed
    /// then, and the message holds what it printed; and when what it printed or wrote holds a secret that it was
    /// given, in any form.
    pub fn finish(self) -> io::Result<Finished> {
        watch::this_test();
        let watch = self.watch();
        let program = smtp_cli_path()?;
        let mut words = self.wrapper.iter().map(OsString::as_os_str).chain([program.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or(program.as_os_str()));
        command
            .args(words)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            // no configuration of the person who runs the tests
            .env("HOME", "/nonexistent")
            .envs(&self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        kept(&watch, supervise(command.spawn()?, self.input)?)
    }

    fn watch(&self) -> Watch {
        Watch::new(&self.arguments, |name| self.environment.get(OsStr::new(name)).cloned())
    }

    /// Runs it within this process, with a clock that stands still and randomness that repeats: the same
    /// options compose the same octets each time.
    ///
    /// # Errors
    /// `InvalidInput` for a run with a wrapper or a directory, which only a process has, and as
    /// [`finish`](Self::finish) where a secret leaks.
    pub fn finish_in_process(self) -> io::Result<Finished> {
        watch::this_test();
        if self.directory.is_some() || !self.wrapper.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let watch = self.watch();
        let (output, error) = (Printed::default(), Printed::default());
        let mut terminal = Terminal::detached(Stream::new(output.clone()), Stream::new(error.clone()));
        let environment = self.environment;
        terminal.environment = Box::new(move |name| environment.get(OsStr::new(name)).cloned());
        terminal.input = Box::new(io::Cursor::new(self.input));
        // 20 November 2026, one hour ahead of UTC
        terminal.clock = Box::new(|| (1_795_190_400, 3600));
        terminal.random = Box::new(|octets| {
            octets.iter_mut().zip(0..).for_each(|(octet, value)| *octet = value);
            Ok(())
        });
        let arguments = iter::once("smtp-cli".into()).chain(self.arguments);
        let exit = smtp_cli::run(arguments, &mut terminal);
        kept(
            &watch,
            Finished { status: Some(exit.status().into()), output: output.take(), error: error.take() },
        )
    }
}

/// How a run ended, unless it leaked what it was given.
fn kept(watch: &Watch, finished: Finished) -> io::Result<Finished> {
    match watch.leak(&[("standard output", &finished.output), ("standard error", &finished.error)]) {
        Some(leaked) => Err(io::Error::other(format!("a secret is not kept: {leaked}"))),
        None => Ok(finished),
    }
}

/// What is printed within this process.
#[derive(Clone, Debug, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Printed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Finished {
    /// Standard output as text.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn error(&self) -> String {
        String::from_utf8_lossy(&self.error).into_owned()
    }
}

/// Feeds a process, collects what it prints and waits for its end.
fn supervise(mut child: Child, input: Vec<u8>) -> io::Result<Finished> {
    if let Some(mut pipe) = child.stdin.take() {
        // a program that ends without reading its input is no fault: the write fails and nobody minds
        thread::spawn(move || pipe.write_all(&input));
    }
    let output = collect(child.stdout.take());
    let error = collect(child.stderr.take());
    let end = Instant::now() + PATIENCE;
    let printed = wait(&output, end).and_then(|output| Ok((output, wait(&error, end)?)));
    if let Ok((output, error)) = printed {
        return Ok(Finished { status: end_of(&mut child, "the program")?.code(), output, error });
    }
    let lives = living::dump();
    kill(&mut child, "the program")?;
    // standard error tells most; it ends now, unless a process of the child's holds it
    let said = error.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let message = format!("the program did not end within {} s: {said}\n{lives}", PATIENCE.as_secs());
    Err(io::Error::new(io::ErrorKind::TimedOut, message))
}

fn wait(receiver: &mpsc::Receiver<Vec<u8>>, end: Instant) -> Result<Vec<u8>, RecvTimeoutError> {
    receiver.recv_timeout(end.saturating_duration_since(Instant::now()))
}

/// Where the `smtp-cli` of this build is; it is built first, since Cargo builds a package's programs for the
/// tests of that package only.
///
/// # Errors
/// When it cannot be built.
pub fn smtp_cli_path() -> io::Result<&'static Path> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PATH.get_or_init(|| build("smtp-cli").map_err(|error| error.to_string())) {
        Ok(path) => Ok(path),
        Err(message) => Err(io::Error::other(message.as_str())),
    }
}

/// Where the `smtp-mock` of this build is, built as [`smtp_cli_path`] has it.
///
/// # Errors
/// When it cannot be built.
pub fn smtp_mock_path() -> io::Result<&'static Path> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PATH.get_or_init(|| build("smtp-mock").map_err(|error| error.to_string())) {
        Ok(path) => Ok(path),
        Err(message) => Err(io::Error::other(message.as_str())),
    }
}

/// Builds a program of the workspace with the profile, and into the target directory, of these tests.
fn build(name: &str) -> io::Result<PathBuf> {
    // TARGET/PROFILE/deps/all-0123456789abcdef
    let tests = std::env::current_exe()?;
    let directory = tests.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    let target = directory.parent().ok_or(io::ErrorKind::NotFound)?;
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => return Err(io::ErrorKind::NotFound.into()),
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        // the whole workspace, or features would be resolved anew and the libraries built twice
        .args(["build", "--quiet", "--workspace", "--bin", name, "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let built = output_within(BUILD, &mut cargo)?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        return Err(io::Error::other(format!("cannot build {name}:\n{said}")));
    }
    Ok(directory.join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_gives_status_and_both_streams() {
        let mut command = Command::new("sh");
        command.args(["-c", "read -r line; echo \"out $line\"; echo err >&2; exit 7"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let finished = supervise(command.spawn().unwrap(), b"in\n".to_vec()).unwrap();
        let expected = Finished { status: Some(7), output: b"out in\n".to_vec(), error: b"err\n".to_vec() };
        assert_eq!(finished, expected);
    }
}
