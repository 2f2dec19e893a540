//! Provides the login: where the password comes from, and the mechanisms that use it.

use crate::error::{Error, Escaped, Result, Reworded};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use smtp_core::Secret;
use smtp_core::blocking::{CommandError, first_line_of};
use smtp_core::mailer::{self, LoginKind};
use std::error::Error as _;
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
    let line = first_line_of(command, &interrupt.until(Instant::now() + limit)).map_err(|why| {
        let more = match &why {
            CommandError::TimedOut => "; give it more by --timeout auth=DUR".to_string(),
            why => {
                let cause = why.source().and_then(|cause| cause.downcast_ref());
                cause.map(|cause| format!(": {}", Reworded(cause))).unwrap_or_default()
            }
        };
        let failed = || Error::new(Exit::NO_INPUT, format!("the {option} {command:?} {why}{more}"));
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
            LoginKind::Token => mailer::Login::token(&self.user, secret()),
            LoginKind::Certificate => mailer::Login::certificate(),
            LoginKind::Anonymous => mailer::Login::anonymous(&self.user),
            _ => mailer::Login::password(&self.user, secret()),
        };
        login.with_mechanisms(&self.mechanisms)
    }
}
