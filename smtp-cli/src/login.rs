//! Provides the login: where the password comes from, and the mechanisms that use it.

use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::settings::Login;
use crate::terminal::Terminal;
use smtp_core::Secret;
use smtp_core::{Mechanism, MechanismError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// The mechanisms that are known, the strongest first: the order of `auto`.
pub(crate) const MECHANISMS: [&str; 2] = ["PLAIN", "LOGIN"];

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PasswordSource {
    /// Whoever sits at the terminal.
    Prompt,
    /// An environment variable of this name.
    Variable(String),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a command prints.
    Command(String),
}

/// A password of more octets than this is a wrong file.
const LONGEST: usize = 4096;

impl PasswordSource {
    /// Reads the password.
    pub(crate) fn read(&self, user: &str, terminal: &mut Terminal) -> Result<Secret> {
        let secret = match self {
            Self::Prompt => prompt(user, terminal)?,
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
            Self::Command(command) => output(command)?,
        };
        if secret.is_empty() {
            return Err(Error::usage("the password is empty"));
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
    (terminal.password)(&format!("Password of {user}: "))
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

fn output(command: &str) -> Result<Secret> {
    let failed =
        |why: String| Error::new(Exit::NO_INPUT, format!("the --password-command {command:?} {why}"));
    let mut child = shell(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {}", Reworded(&error))))?;
    let mut octets = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    if let Some(printed) = child.stdout.take() {
        let read = printed.take(LONGEST as u64 + 1).read_to_end(&mut octets);
        read.map_err(|error| failed(format!("cannot be read: {}", Reworded(&error))))?;
    }
    let status = child.wait().map_err(|error| failed(format!("was lost: {}", Reworded(&error))))?;
    if !status.success() {
        return Err(failed(format!("failed ({status})")));
    }
    first_line(&octets).ok_or_else(|| failed(format!("printed a line of more than {LONGEST} octets")))
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt;
    let mut shell = Command::new("cmd.exe");
    // As it is: the rules by which arguments are quoted are not those of cmd.exe.
    shell.arg("/C").raw_arg(command);
    shell
}

/// The first line without its line end; `None` when it is too long.
fn first_line(octets: &[u8]) -> Option<Secret> {
    let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (line.len() <= LONGEST).then(|| Secret::from(line.to_vec()))
}

impl Login {
    /// The mechanisms to try, in order, each knowing user and password.
    pub(crate) fn mechanisms(&self, password: &Secret) -> Result<Vec<Box<dyn Mechanism>>> {
        let names: Vec<&str> = match self.mechanisms.as_slice() {
            [] => MECHANISMS.to_vec(),
            names => names.iter().map(String::as_str).collect(),
        };
        names
            .into_iter()
            .map(|name| mechanism(name, &self.user, password))
            .collect::<std::result::Result<_, MechanismError>>()
            .map_err(|error| Error::usage(error.to_string()))
    }
}

fn mechanism(
    name: &str,
    user: &str,
    password: &Secret,
) -> std::result::Result<Box<dyn Mechanism>, MechanismError> {
    Ok(match name {
        "LOGIN" => Box::new(smtp_core::Login::new(user, password.clone())?),
        _ => Box::new(smtp_core::Plain::new(user, password.clone())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Stream;

    fn terminal() -> Terminal {
        Terminal::detached(Stream::new(std::io::sink()), Stream::new(std::io::sink()))
    }

    #[test]
    fn the_first_line_is_the_password_without_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["pass word", "pass word\n", "pass word\r\nmore\n"] {
            std::fs::write(file.path(), text).unwrap();
            let secret = PasswordSource::File(file.path().into()).read("you", &mut terminal()).unwrap();
            assert_eq!(secret.expose(), b"pass word");
        }
        std::fs::write(file.path(), vec![b'x'; 5000]).unwrap();
        let error = PasswordSource::File(file.path().into()).read("you", &mut terminal()).unwrap_err();
        assert_eq!(error.exit(), Exit::NO_INPUT);
    }

    #[test]
    fn a_command_prints_the_password() {
        let read = |command: &str| PasswordSource::Command(command.to_string()).read("you", &mut terminal());
        assert_eq!(read("echo secret").unwrap().expose(), b"secret");
        assert_eq!(read("exit 3").unwrap_err().exit(), Exit::NO_INPUT);
        assert_eq!(read("echo").unwrap_err().to_string(), "the password is empty");
    }

    #[test]
    fn nobody_is_asked_where_nobody_sits() {
        let error = PasswordSource::Prompt.read("you", &mut terminal()).unwrap_err();
        assert!(error.to_string().contains("--password-env"), "{error}");
        let mut terminal = Terminal {
            input_is_terminal: true,
            password: Box::new(|question| {
                assert_eq!(question, "Password of you: ");
                Ok("typed".to_string())
            }),
            ..terminal()
        };
        assert_eq!(PasswordSource::Prompt.read("you", &mut terminal).unwrap().expose(), b"typed");
        terminal.password = Box::new(|_| Err(std::io::ErrorKind::UnexpectedEof.into()));
        assert_eq!(PasswordSource::Prompt.read("you", &mut terminal).unwrap_err().exit(), Exit::USAGE);
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let mut terminal =
            Terminal { environment: Box::new(|name| (name == "SET").then(|| "secret".into())), ..terminal() };
        let read =
            |name: &str, terminal: &mut Terminal| PasswordSource::Variable(name.into()).read("you", terminal);
        assert_eq!(read("SET", &mut terminal).unwrap().expose(), b"secret");
        assert!(read("UNSET", &mut terminal).unwrap_err().to_string().contains("UNSET"));
    }
}
