//! Provides the questions of the shell, and [`Stop`], why what they belong to came to no end.

use super::Shell;
use super::input::Typed;
use super::line::Kind;
use crate::error::{Error, Result};
use crate::exit::Exit;
use smtp_core::Secret;
use std::io::Write as _;

/// Why a command came to no end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Ctrl-C at a question.
    Interrupted,
    /// It failed.
    Failed(Error),
    /// It failed, and that was told.
    Told(Exit),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The outcome of what asks.
pub(super) type Asked<T> = std::result::Result<T, Stop>;

impl Shell<'_> {
    /// Asks for a line, which may be empty.
    pub(super) fn ask(&mut self, question: &str, kind: Kind) -> Asked<String> {
        match self.input.read(self.terminal, question, kind)? {
            Typed::Line(line) => Ok(line),
            Typed::Interrupted => Err(Stop::Interrupted),
            Typed::Ended => {
                if self.is_asking {
                    // The complaint is not to stand behind the question.
                    let _ = self.terminal.error.write_all(b"\n");
                }
                let question = question.trim_end();
                let place = if question.is_empty() {
                    "before the lone dot".to_string()
                } else {
                    format!("at the question {question:?}")
                };
                Err(Stop::Failed(Error::usage(format!("the input ended {place}"))))
            }
        }
    }

    /// Asks for a line until `read` takes it; `usual` is what an empty one stands for, if anything.
    pub(super) fn ask_for<T>(
        &mut self,
        question: &str,
        usual: Option<&str>,
        kind: Kind,
        mut read: impl FnMut(&str) -> Result<T>,
    ) -> Asked<T> {
        let question = match usual {
            Some(usual) => format!("{question} [{}]: ", crate::error::Escaped(usual)),
            None => format!("{question}: "),
        };
        loop {
            let line = self.ask(&question, kind)?;
            let line = match (line.trim(), usual) {
                ("", Some(usual)) => usual,
                (line, _) => line,
            };
            match read(line) {
                Ok(value) => return Ok(value),
                Err(error) if self.is_asking => self.complain(&error),
                Err(error) => return Err(Stop::Failed(error)),
            }
        }
    }

    /// Asks for a password, which is not shown.
    pub(super) fn ask_for_password(&mut self, user: &str) -> Asked<Secret> {
        let question = format!("Password of {}: ", crate::error::Escaped(user));
        let password = Secret::from(self.ask(&question, Kind::Password)?);
        if password.is_empty() {
            return Err(Stop::Failed(Error::usage("the password is empty")));
        }
        Ok(password)
    }
}
