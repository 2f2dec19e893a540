//! Provides the login: where the password comes from, and the mechanisms that use it.

use crate::command;
use crate::error::{Error, Escaped, Result};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use smtp_core::Secret;
use smtp_core::mailer;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// The user name.
    pub(crate) user: String,
    /// The names of mechanisms, in the order in which they are tried; none means the strongest first.
    pub(crate) mechanisms: Vec<String>,
    /// What it is done with.
    pub(crate) kind: LoginKind,
    /// Where the password or token comes from; `None` where there is none.
    pub(crate) secret: Option<PasswordSource>,
}

/// What a login is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginKind {
    /// A user name and a password.
    Password,
    /// A user name and an OAuth token.
    Token,
    /// The certificate of the handshake.
    Certificate,
    /// Nothing.
    Anonymous,
}

/// The mechanisms that are known.
pub(crate) const MECHANISMS: [&str; 11] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
    "OAUTHBEARER",
    "XOAUTH2",
    "EXTERNAL",
    "ANONYMOUS",
];

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PasswordSource {
    /// Whoever sits at the terminal.
    Prompt,
    /// The configuration file itself.
    Given(Secret),
    /// An environment variable of this name.
    Variable(String),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a command prints.
    Command {
        /// The option that names it.
        option: &'static str,
        /// What the shell is told.
        command: String,
    },
}

/// A password of more octets than this is a wrong file.
const LONGEST: usize = 4096;

impl PasswordSource {
    /// Reads the password; a command that prints it may take as long as `limit`.
    pub(crate) fn read(&self, user: &str, limit: Duration, terminal: &mut Terminal) -> Result<Secret> {
        let secret = match self {
            Self::Prompt => prompt(user, terminal)?,
            Self::Given(password) => password.clone(),
            Self::Variable(name) => {
                let value = (terminal.environment)(name).ok_or_else(|| {
                    Error::usage(format!("the environment variable {name} of --password-env is not set"))
                })?;
                let text = Zeroizing::new(value.into_string().map_err(|_| {
                    Error::usage(format!("the environment variable {name} of --password-env is not UTF-8"))
                })?);
                Secret::from(text.as_str())
            }
            Self::File(path) => file(path)?,
            Self::Command { option, command } => output(option, command, limit, &terminal.interrupt)?,
        };
        if secret.is_empty() {
            return Err(Error::usage(match self {
                Self::Command { option, command } => {
                    format!("the {option} {command:?} printed no password: its first line is empty")
                }
                Self::File(path) => {
                    format!("the first line of the password file {} is empty", path.display())
                }
                Self::Variable(name) => format!("the environment variable {name} of --password-env is empty"),
                Self::Prompt | Self::Given(_) => "the password is empty".to_string(),
            }));
        }
        Ok(secret)
    }
}

fn prompt(user: &str, terminal: &mut Terminal) -> Result<Secret> {
    if !terminal.input_is_terminal {
        return Err(Error::usage(format!(
            "the password of {user} is missing, use --password-env, --password-file or --password-command"
        )));
    }
    terminal
        .ask_for_password(&format!("Password of {}: ", Escaped(user)))
        .map(Secret::from)
        .map_err(|_| Error::usage("no password was entered"))
}

fn file(path: &Path) -> Result<Secret> {
    let unreadable = |error| Error::unreadable("the password file", path, &error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut octets = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_end(&mut octets).map_err(unreadable)?;
    first_line(&octets).ok_or_else(|| {
        Error::new(
            Exit::NO_INPUT,
            format!(
                "the first line of {} is longer than {LONGEST} octets, is it a password?",
                path.display()
            ),
        )
    })
}

/// The first line that a command prints, which `option` names.
fn output(option: &str, command: &str, limit: Duration, interrupt: &Interrupt) -> Result<Secret> {
    let _armed = interrupt.arm();
    let line = command::first_line(command, &interrupt.until(Instant::now() + limit)).map_err(|why| {
        let failed = || Error::new(Exit::NO_INPUT, format!("the {option} {command:?} {why}"));
        interrupt.check().err().unwrap_or_else(failed)
    })?;
    if line.len() > LONGEST {
        return Err(Error::new(
            Exit::NO_INPUT,
            format!("the {option} {command:?} printed a line of more than {LONGEST} octets"),
        ));
    }
    Ok(Secret::from(line.to_vec()))
}

/// The first line without its line end; `None` when it is too long.
fn first_line(octets: &[u8]) -> Option<Secret> {
    let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (line.len() <= LONGEST).then(|| Secret::from(line.to_vec()))
}

impl Login {
    /// Reads the password or token, where there is one; a command that prints it may take as long as `limit`.
    pub(crate) fn read_secret(&self, limit: Duration, terminal: &mut Terminal) -> Result<Option<Secret>> {
        self.secret.as_ref().map(|source| source.read(&self.user, limit, terminal)).transpose()
    }

    /// The login of smtp-core with this password or token.
    pub(crate) fn with_secret(&self, secret: Option<&Secret>) -> mailer::Login {
        let secret = || secret.cloned().unwrap_or_else(|| Secret::from(""));
        let login = match self.kind {
            LoginKind::Password => mailer::Login::password(&self.user, secret()),
            LoginKind::Token => mailer::Login::token(&self.user, secret()),
            LoginKind::Certificate => mailer::Login::certificate(),
            LoginKind::Anonymous => mailer::Login::anonymous(&self.user),
        };
        login.with_mechanisms(&self.mechanisms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Stream;

    const LIMIT: Duration = Duration::from_mins(1);

    fn of_command(command: &str) -> PasswordSource {
        PasswordSource::Command { option: "--password-command", command: command.to_string() }
    }

    fn terminal() -> Terminal {
        Terminal::detached(Stream::new(std::io::sink()), Stream::new(std::io::sink()))
    }

    #[test]
    fn the_first_line_is_the_password_without_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["pass word", "pass word\n", "pass word\r\nmore\n"] {
            std::fs::write(file.path(), text).unwrap();
            let secret =
                PasswordSource::File(file.path().into()).read("you", LIMIT, &mut terminal()).unwrap();
            assert_eq!(secret.expose(), b"pass word");
        }
        std::fs::write(file.path(), vec![b'x'; 5000]).unwrap();
        let error = PasswordSource::File(file.path().into()).read("you", LIMIT, &mut terminal()).unwrap_err();
        assert_eq!(error.exit(), Exit::NO_INPUT);
    }

    #[test]
    fn a_command_prints_the_password() {
        let read = |command: &str| of_command(command).read("you", LIMIT, &mut terminal());
        assert_eq!(read("echo secret").unwrap().expose(), b"secret");
        assert_eq!(read("exit 3").unwrap_err().exit(), Exit::NO_INPUT);
        assert!(
            read("echo")
                .unwrap_err()
                .to_string()
                .ends_with(" \"echo\" printed no password: its first line is empty")
        );
    }

    /// More than a pipe holds.
    #[cfg(unix)]
    #[test]
    fn what_a_command_prints_behind_the_first_line_is_passed_over() {
        let read = |command: &str| of_command(command).read("you", LIMIT, &mut terminal());
        assert_eq!(read("set -e; echo secret; seq 1 100000").unwrap().expose(), b"secret");
        let error = read("seq 1 100000 | tr -d '\\n'").unwrap_err();
        assert!(error.to_string().contains("4096"), "{error}");
    }

    #[test]
    fn nobody_is_asked_where_nobody_sits() {
        let error = PasswordSource::Prompt.read("you", LIMIT, &mut terminal()).unwrap_err();
        assert!(error.to_string().contains("--password-env"), "{error}");
        let mut terminal = Terminal {
            input_is_terminal: true,
            password: Box::new(|question| {
                assert_eq!(question, "Password of you: ");
                Ok("typed".to_string())
            }),
            ..terminal()
        };
        assert_eq!(PasswordSource::Prompt.read("you", LIMIT, &mut terminal).unwrap().expose(), b"typed");
        terminal.password = Box::new(|_| Err(std::io::ErrorKind::UnexpectedEof.into()));
        assert_eq!(PasswordSource::Prompt.read("you", LIMIT, &mut terminal).unwrap_err().exit(), Exit::USAGE);
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let mut terminal =
            Terminal { environment: Box::new(|name| (name == "SET").then(|| "secret".into())), ..terminal() };
        let read = |name: &str, terminal: &mut Terminal| {
            PasswordSource::Variable(name.into()).read("you", LIMIT, terminal)
        };
        assert_eq!(read("SET", &mut terminal).unwrap().expose(), b"secret");
        assert!(read("UNSET", &mut terminal).unwrap_err().to_string().contains("UNSET"));
    }
}
