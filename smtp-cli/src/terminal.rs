//! Defines [`Terminal`], all of the outside that a command talks to besides files and the network.

use crate::args::GlobalArgs;
use crate::error::Error;
use crate::interrupt::{Interrupt, SLICE};
use crate::shown;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Asks a question and gives the answer.
pub type Ask = Box<dyn FnMut(&str) -> io::Result<String> + Send>;
/// Gives the value of an environment variable.
pub type Environment = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;
/// Gives the seconds since the beginning of 1970 in UTC, and those by which the local clock is ahead of it.
pub type Clock = Box<dyn Fn() -> (i64, i32) + Send + Sync>;
/// Fills a buffer with random octets.
pub type Random = Box<dyn Fn(&mut [u8]) -> io::Result<()> + Send + Sync>;

/// Lets time pass.
pub type Sleep = Box<dyn Fn(Duration) + Send + Sync>;

/// Standard input and output, the question for a password and the environment.
///
/// The process has one, [`Terminal::system`]; a test makes its own and reads what was written.
pub struct Terminal {
    /// Standard input.
    pub input: Box<dyn BufRead + Send>,
    /// Standard output: results.
    pub output: Stream,
    /// Standard error: transcript and errors.
    pub error: Stream,
    /// Warnings: standard error, or nowhere with `--quiet`.
    pub warnings: Stream,
    /// Whether standard input is a terminal, so that somebody can be asked.
    pub input_is_terminal: bool,
    /// Whether standard output is a terminal, which would obey what stands in a message.
    pub output_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub error_is_terminal: bool,
    /// Whether a line editor may have the terminal, because standard input and output of the process are one that can
    /// move its cursor.
    pub has_line_editor: bool,
    /// Asks for a password, without showing what is typed.
    pub password: Ask,
    /// The value of an environment variable, if it is set.
    pub environment: Environment,
    /// The time: seconds since the beginning of 1970 in UTC, and those by which the local clock is ahead of it.
    pub clock: Clock,
    /// Fills a buffer with octets that nobody can guess.
    pub random: Random,
    /// Lets time pass between tries.
    pub sleep: Sleep,
    /// What asks the program to stop.
    pub interrupt: Interrupt,
}

/// An answer of more octets is cut.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// What messages take from outside: the time and randomness.
#[derive(Clone, Copy)]
pub(crate) struct Outside<'a> {
    /// The time.
    pub(crate) clock: &'a Clock,
    /// Randomness.
    pub(crate) random: &'a Random,
}

impl Terminal {
    /// That of the process.
    #[must_use]
    pub fn system() -> Self {
        let interrupt = Interrupt::system();
        let (asking, sleeping) = (interrupt.clone(), interrupt.clone());
        Self {
            input: Box::new(BufReader::new(io::stdin())),
            output: Stream::new(io::stdout()),
            error: Stream::new(io::stderr()),
            warnings: Stream::new(io::stderr()),
            input_is_terminal: io::stdin().is_terminal(),
            output_is_terminal: io::stdout().is_terminal(),
            error_is_terminal: io::stderr().is_terminal(),
            has_line_editor: io::stdin().is_terminal()
                && io::stdout().is_terminal()
                && (cfg!(windows)
                    || std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")),
            password: Box::new(move |question| ask_for_password(question, &asking)),
            environment: Box::new(variable),
            clock: Box::new(smtp_mime::Date::system_clock),
            random: Box::new(random),
            sleep: Box::new(move |duration| sleeping.sleep(duration)),
            interrupt,
        }
    }

    /// One that nobody sits at: standard input is empty, nothing is in the environment.
    #[must_use]
    pub fn detached(output: Stream, error: Stream) -> Self {
        Self {
            input: Box::new(io::empty()),
            output,
            warnings: error.clone(),
            error,
            input_is_terminal: false,
            output_is_terminal: false,
            error_is_terminal: false,
            has_line_editor: false,
            password: Box::new(|_| Err(io::ErrorKind::UnexpectedEof.into())),
            environment: Box::new(|_| None),
            clock: Box::new(smtp_mime::Date::system_clock),
            random: Box::new(random),
            sleep: Box::new(std::thread::sleep),
            interrupt: Interrupt::default(),
        }
    }

    /// Time and randomness alone, which several threads may use.
    pub(crate) fn outside(&self) -> Outside<'_> {
        Outside { clock: &self.clock, random: &self.random }
    }

    /// Whether standard error shows colours: a terminal that has them, where nobody objects (no-color.org).
    pub(crate) fn has_colours(&self) -> bool {
        let is_set = |name: &str| self.variable(name).is_some_and(|value| !value.is_empty());
        self.error_is_terminal
            && !is_set("NO_COLOR")
            && (cfg!(not(windows)) || is_set("WT_SESSION"))
            && self.variable("TERM").as_deref() != Some("dumb")
    }

    /// Prints lines to standard output; what a terminal would obey is escaped.
    pub(crate) fn print(&mut self, text: &str) -> crate::error::Result<()> {
        self.print_octets(shown::lines(text).as_bytes())
    }

    /// Prints to standard output what this program wrote itself, octet for octet.
    pub(crate) fn print_octets(&mut self, octets: &[u8]) -> crate::error::Result<()> {
        let written = self.output.write_all(octets).and_then(|()| self.output.flush());
        printed(written)
    }

    /// Prints what `write` writes: to a terminal lines, in which what it would obey is escaped, else octet for octet.
    pub(crate) fn print_message(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> crate::error::Result<()> {
        let written = if self.output_is_terminal {
            let mut octets = smtp_mime::EscapedWriter::new(&mut self.output);
            write(&mut octets).and_then(|()| octets.end())
        } else {
            write(&mut self.output).and_then(|()| self.output.flush())
        };
        printed(written)
    }

    /// Prints no warnings from now on, where only errors are wanted.
    pub(crate) fn obey(&mut self, global: &GlobalArgs) {
        self.warnings = if global.quiet { Stream::new(io::sink()) } else { self.error.clone() };
    }

    /// Asks for a line, which must not be empty; a question is put to a terminal only.
    pub(crate) fn ask(&mut self, question: &str) -> crate::error::Result<String> {
        loop {
            match self.ask_for_any(question)? {
                line if line.is_empty() => {}
                line => return Ok(line),
            }
        }
    }

    /// Asks for a line, which may be empty.
    pub(crate) fn ask_for_any(&mut self, question: &str) -> crate::error::Result<String> {
        let ended = || Error::usage(format!("the input ended at the question {:?}", question.trim_end()));
        self.put(question).map_err(|_| ended())?;
        let mut line = String::new();
        match (&mut self.input).take(LONGEST_ANSWER).read_line(&mut line) {
            Ok(0) | Err(_) => {
                // The complaint is not to stand behind the question.
                let _ = self.error.write_all(b"\n");
                Err(ended())
            }
            Ok(_) => Ok(line.trim().to_string()),
        }
    }

    /// Asks for lines up to one with a lone dot, or the end of the input.
    pub(crate) fn ask_for_lines(&mut self, question: &str) -> crate::error::Result<String> {
        let failed = |error: io::Error| {
            Error::new(
                crate::exit::Exit::IO,
                format!("cannot read standard input: {}", crate::error::Reworded(&error)),
            )
        };
        self.put(question).map_err(failed)?;
        let mut text = String::new();
        loop {
            let begin = text.len();
            if self.input.read_line(&mut text).map_err(failed)? == 0 {
                return Ok(text);
            }
            if text[begin..].trim_end_matches(['\r', '\n']) == "." {
                text.truncate(begin);
                return Ok(text);
            }
        }
    }

    /// Shows a question on standard error.
    pub(crate) fn put(&mut self, question: &str) -> io::Result<()> {
        self.error.write_all(shown::lines(question).as_bytes()).and_then(|()| self.error.flush())
    }

    /// Asks for a password; the question is shown, what is typed is not.
    pub(crate) fn ask_for_password(&mut self, question: &str) -> io::Result<String> {
        (self.password)(&shown::lines(question))
    }

    /// An environment variable as text; `None` when it is not set.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).map(|value| value.to_string_lossy().into_owned())
    }
}

/// The outcome of printing: whoever read may have read enough.
fn printed(written: io::Result<()>) -> crate::error::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Error::output(&error)),
    }
}

/// Asks for a password on the terminal itself. A signal meanwhile ends the process, after the terminal has its echo
/// again.
fn ask_for_password(question: &str, interrupt: &Interrupt) -> io::Result<String> {
    let restore_echo = echo_restorer();
    let armed = interrupt.arm();
    let (sender, receiver) = mpsc::channel();
    let asked = question.to_string();
    // Nothing ends a read of a terminal, so a thread waits in it.
    std::thread::Builder::new()
        .name("password".to_string())
        .spawn(move || drop(sender.send(rpassword::prompt_password(asked))))?;
    let answer = loop {
        match receiver.recv_timeout(SLICE) {
            Err(RecvTimeoutError::Timeout) if !interrupt.is_requested() => {}
            Ok(answer) if !interrupt.is_requested() => break answer,
            Err(RecvTimeoutError::Disconnected) => break Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {
                restore_echo();
                interrupt.end_process();
            }
        }
    };
    drop(armed);
    answer
}

/// Gives what lets the terminal of the process show what is typed as it does now.
#[cfg(unix)]
fn echo_restorer() -> impl FnOnce() {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    let terminal = std::fs::File::options().read(true).write(true).open("/dev/tty").ok();
    let attributes = terminal.as_ref().and_then(|terminal| tcgetattr(terminal).ok());
    move || {
        if let Some((mut terminal, attributes)) = terminal.zip(attributes) {
            // A terminal that is gone needs no echo.
            let _ = tcsetattr(&terminal, OptionalActions::Now, &attributes);
            let _ = terminal.write_all(b"\n");
        }
    }
}

/// Nothing: Windows sets a console anew for each program.
#[cfg(windows)]
fn echo_restorer() -> impl FnOnce() {
    || ()
}

/// An environment variable; who has no HOME, as under some init systems, has one in the system's list of users.
fn variable(name: &str) -> Option<OsString> {
    let home = || if name == "HOME" { std::env::home_dir().map(OsString::from) } else { None };
    std::env::var_os(name).or_else(home)
}

fn random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(io::Error::other)
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("input_is_terminal", &self.input_is_terminal)
            .field("error_is_terminal", &self.error_is_terminal)
            .finish_non_exhaustive()
    }
}

/// Where lines are written to, by several threads at once if need be: each write is whole.
#[derive(Clone)]
pub struct Stream(Arc<Mutex<dyn Write + Send>>);

impl Stream {
    /// One that writes to `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Warns of something that does not keep the command from being carried out.
    pub(crate) fn warn(&mut self, text: &str) {
        // What cannot be written is no reason to stop.
        let _ = writeln!(self, "smtp-cli: warning: {}", crate::error::Escaped(text));
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(octets)
    }

    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(octets)
    }

    /// Formatted first: a formatter writes a character at a time, which would be as many system calls on standard error.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}
