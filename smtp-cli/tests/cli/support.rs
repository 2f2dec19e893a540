//! Provides a run of the program whose output can be read, and what the tests share.

use crate::secrets::Watch;
use smtp_cli::{Exit, Stream, Terminal, run};
use smtp_mock::Mock;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The password of all tests; no output may hold it.
pub(crate) const PASSWORD: &str = "corre+ct h0rse/battery";

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) output: String,
    pub(crate) error: String,
    /// How long it waited between tries, without anybody having waited.
    pub(crate) waits: Vec<Duration>,
}

/// A run that is being prepared.
pub(crate) struct Run {
    arguments: Vec<OsString>,
    environment: HashMap<String, OsString>,
    input: Vec<u8>,
    is_terminal: bool,
    passwords: Vec<String>,
    random: u8,
    now: i64,
}

/// A run of `smtp-cli` with these arguments.
pub(crate) fn smtp_cli<const N: usize>(arguments: [&str; N]) -> Run {
    called(&["smtp-cli"]).with(arguments)
}

/// A run of the program by the first of these words, with the others as arguments.
pub(crate) fn called(words: &[&str]) -> Run {
    Run {
        arguments: words.iter().map(OsString::from).collect(),
        environment: HashMap::new(),
        input: Vec::new(),
        is_terminal: false,
        passwords: Vec::new(),
        random: 7,
        now: 1_795_196_578,
    }
}

/// `smtp-cli send` of a small message to that server, in the server's place if it is a mock.
pub(crate) fn send(mock: &Mock) -> Run {
    send_to(&mock.addr().to_string())
}

/// `smtp-cli send` of a small message to that server.
pub(crate) fn send_to(server: &str) -> Run {
    smtp_cli([
        "send",
        "--server",
        server,
        "--helo",
        "client.example",
        "--from",
        "you@example.org",
        "--to",
        "friend@example.net",
        "--subject",
        "Hello",
        "--body",
        "It works.",
    ])
}

/// The certificate of the mock's authority in a file, which lives as long as its guard, and the path of that.
pub(crate) fn ca_file(mock: &Mock) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), mock.ca_pem()).expect("it can be written");
    let path = file.path().display().to_string();
    (file, path)
}

impl Run {
    pub(crate) fn with<const N: usize>(mut self, arguments: [impl Into<OsString>; N]) -> Self {
        self.arguments.extend(arguments.map(Into::into));
        self
    }

    /// As [`with`](Self::with), of any number.
    pub(crate) fn with_all(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self
    }

    /// The time, in seconds since the beginning of 1970.
    pub(crate) fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// What every random octet is.
    pub(crate) fn random(mut self, octet: u8) -> Self {
        self.random = octet;
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &(impl AsRef<std::ffi::OsStr> + ?Sized)) -> Self {
        self.environment.insert(name.to_string(), value.as_ref().to_os_string());
        self
    }

    /// The login of the tests, its password from the environment.
    pub(crate) fn login(self) -> Self {
        self.with(["--user", "alice", "--password-env", "PASSWORD"]).environment("PASSWORD", PASSWORD)
    }

    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Somebody sits at a terminal and types the input.
    pub(crate) fn at_terminal(mut self) -> Self {
        self.is_terminal = true;
        self
    }

    /// What is typed where a password is asked for.
    pub(crate) fn typing(mut self, password: &str) -> Self {
        self.passwords.push(password.to_string());
        self
    }

    /// Runs it; no output and no file that it writes may hold a password in any form.
    #[track_caller]
    pub(crate) fn run(self) -> Ran {
        let mut watch = Watch::new(&self.arguments, |name| self.environment.get(name).cloned());
        watch.add(PASSWORD);
        self.passwords.iter().for_each(|password| watch.add(password));
        let (output, error) = (Buffer::default(), Buffer::default());
        let waits = Arc::new(Mutex::new(Vec::new()));
        let environment = self.environment;
        let mut passwords = self.passwords.into_iter();
        let mut terminal = Terminal {
            input: Box::new(Cursor::new(self.input)),
            input_is_terminal: self.is_terminal,
            error_is_terminal: self.is_terminal,
            password: Box::new(move |_| passwords.next().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())),
            environment: Box::new(move |name| environment.get(name).cloned()),
            sleep: Box::new({
                let waits = Arc::clone(&waits);
                move |wait| waits.lock().expect("no test panics while it waits").push(wait)
            }),
            clock: Box::new(move || (self.now, 3600)),
            random: Box::new(move |buffer| {
                buffer.fill(self.random);
                Ok(())
            }),
            ..Terminal::detached(Stream::new(output.clone()), Stream::new(error.clone()))
        };
        let exit = run(self.arguments, &mut terminal);
        drop(terminal);
        let waits = waits.lock().expect("no test panics while it waits").clone();
        let ran = Ran { exit, output: output.text(), error: error.text(), waits };
        let printed = [("standard output", ran.output.as_bytes()), ("standard error", ran.error.as_bytes())];
        assert_eq!(watch.leak(&printed), None, "\n{}\n{}", ran.output, ran.error);
        ran
    }

    /// Runs it, and checks the status.
    #[track_caller]
    pub(crate) fn exits(self, exit: Exit) -> Ran {
        let ran = self.run();
        assert_eq!(ran.exit, exit, "\n{}\n{}", ran.output, ran.error);
        ran
    }
}

impl Ran {
    /// The line that says what went wrong: there is one, and it is the last.
    #[track_caller]
    pub(crate) fn complaint(&self) -> &str {
        let mut lines = self
            .error
            .lines()
            .filter(|line| line.starts_with("smtp-cli: ") && !line.starts_with("smtp-cli: warning: "));
        let line = lines.next().unwrap_or_else(|| panic!("no complaint in {:?}", self.error));
        assert_eq!(lines.next(), None, "more than one line: {:?}", self.error);
        line
    }

    /// Checks that the complaint has all of these words.
    #[track_caller]
    pub(crate) fn complains<const N: usize>(&self, words: [&str; N]) -> &Self {
        for word in words {
            assert!(self.complaint().contains(word), "{word:?} is not in {:?}", self.complaint());
        }
        self
    }
}

/// What was written, for the test to read.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics while it writes").clone())
            .expect("output is UTF-8")
    }
}

impl Write for Buffer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it writes").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
