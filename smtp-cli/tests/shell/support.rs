//! Provides the program with lines on its standard input, and what the tests share.

use smtp_mock::Mock;
use std::io::Write;
use std::process::{Command, Stdio};

/// The password of all tests; no output may hold it.
pub(crate) const PASSWORD: &str = "corre+ct h0rse/battery";

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) error: String,
}

/// The program with an environment that holds nothing but what the system needs.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
    // No configuration of the person who runs the tests.
    command.env_clear().env("HOME", "/nonexistent").env("SECRET", PASSWORD).args(arguments);
    #[cfg(windows)]
    for name in ["SystemRoot", "TEMP", "TMP"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// Runs the program with these lines on standard input.
#[track_caller]
pub(crate) fn run(arguments: &[&str], lines: &[&str]) -> Ran {
    let mut command = program(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    let mut stdin = child.stdin.take().expect("it is a pipe");
    // One that ends without reading all is no fault.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it can be waited for");
    let text = |octets: Vec<u8>| String::from_utf8(octets).expect("output is UTF-8");
    let ran = Ran {
        status: output.status.code().expect("no signal ends it"),
        output: text(output.stdout),
        error: text(output.stderr),
    };
    assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
    ran
}

/// Runs the shell with these options and commands.
#[track_caller]
pub(crate) fn shell(options: &[&str], lines: &[&str]) -> Ran {
    run(&[&["shell"], options].concat(), lines)
}

impl Ran {
    /// Checks the exit status.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "\n{}\n{}", self.output, self.error);
        self
    }

    /// Checks that standard output has these texts, in this order.
    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) -> &Self {
        in_order(&self.output, texts);
        self
    }

    /// Checks that standard error has these texts, in this order.
    #[track_caller]
    pub(crate) fn complains(&self, texts: &[&str]) -> &Self {
        in_order(&self.error, texts);
        self
    }
}

#[track_caller]
fn in_order(all: &str, texts: &[&str]) {
    let mut rest = all;
    for text in texts {
        let place = rest.find(text).unwrap_or_else(|| panic!("{text:?} is not, or too early, in {all:?}"));
        rest = &rest[place + text.len()..];
    }
}

/// The address of a mock as `connect` takes it.
pub(crate) fn place(mock: &Mock) -> String {
    mock.addr().to_string()
}
