//! Defines [`Error`], one line that says what went wrong and the exit status that it has.

use crate::exit::Exit;
pub(crate) use smtp_core::Escaped;
use smtp_core::mailer::ErrorKind;
use std::fmt;
use std::path::Path;

/// What ended a command: the status for programs, the line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    exit: Exit,
    message: String,
}

/// The outcome of what may end a command.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of that status; `message` names the thing and says what to try.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A wrong use of the command.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::USAGE, message)
    }

    /// A fault of the message's options, or a file of it that cannot be read.
    pub(crate) fn of_mime(error: &smtp_mime::Error) -> Self {
        match error {
            smtp_mime::Error::Read { name, error } => Self::unreadable("the file", Path::new(name), error),
            smtp_mime::Error::Changed { .. } => Self::new(Exit::NO_INPUT, error.to_string()),
            error => Self::usage(error.to_string()),
        }
    }

    /// An input file that cannot be read.
    pub(crate) fn unreadable(what: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(Exit::NO_INPUT, format!("cannot read {what} {}: {}", path.display(), Reworded(error)))
    }

    /// A file that cannot be created.
    pub(crate) fn cannot_create(what: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(
            Exit::CANNOT_CREATE,
            format!("cannot create {what} {}: {}", path.display(), Reworded(error)),
        )
    }

    /// Standard output that cannot be written.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        Self::new(Exit::IO, format!("cannot write to standard output: {}", Reworded(error)))
    }

    /// The exit status.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }
}

/// The message with its control characters escaped, because parts of it may come from a server or a file.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(&self.message))
    }
}

impl std::error::Error for Error {}

/// What this program found while smtp-core worked for it: it comes back in the same words.
impl From<Error> for smtp_core::mailer::Error {
    fn from(error: Error) -> Self {
        // What may succeed later is tried again in the next round.
        let kind = if error.exit() == Exit::TEMPORARY { ErrorKind::System } else { ErrorKind::Unsuitable };
        Self::new(kind).with_source(error)
    }
}

/// An input or output error in this program's style: lower case, without the number of the system.
#[derive(Debug)]
pub(crate) struct Reworded<'a>(pub(crate) &'a std::io::Error);

impl fmt::Display for Reworded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let mut characters = text.chars();
        match (characters.next(), characters.clone().next()) {
            // An abbreviation stays as it is.
            (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
                write!(f, "{}{}", first.to_lowercase(), characters.as_str())
            }
            _ => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_reworded() {
        let error = std::io::Error::from_raw_os_error(2);
        let text = Error::unreadable("the attachment", Path::new("x.pdf"), &error).to_string();
        assert!(text.starts_with("cannot read the attachment x.pdf: "), "{text}");
        assert!(!text.contains("os error"), "{text}");
    }
}
