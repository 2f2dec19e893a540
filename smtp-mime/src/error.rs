//! Defines the errors of values, messages and their sources.

use std::{fmt, io};

use smtp_core::SyntaxError;

/// The reason why a text is not a valid value of a header field or parameter.
///
/// `value` names the expected value in the words of RFC 5322 and 2045; positions count octets from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// The text is empty where a value is required.
    Empty {
        /// The expected value.
        value: &'static str,
    },
    /// The text ends too early.
    Incomplete {
        /// The expected value.
        value: &'static str,
        /// The missing part.
        missing: &'static str,
    },
    /// A character is not allowed at its position; CR, LF and NUL never are.
    Unexpected {
        /// The expected value.
        value: &'static str,
        /// The character.
        character: char,
        /// Its position.
        position: usize,
    },
    /// The text is longer than a line or a rule allows.
    TooLong {
        /// The expected value.
        value: &'static str,
        /// Its length in octets.
        octets: usize,
        /// The maximum length in octets.
        limit: usize,
    },
    /// The text breaks a rule that concerns more than one character.
    Malformed {
        /// The expected value.
        value: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// An address in a list is invalid.
    Address {
        /// The address as given.
        address: String,
        /// The reason.
        error: SyntaxError,
    },
}

impl fmt::Display for ValueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { value } => write!(formatter, "the {value} is empty"),
            Self::Incomplete { value, missing } => {
                write!(formatter, "the {value} ends where {missing} must follow")
            }
            Self::Unexpected { value, character, position } => {
                write!(
                    formatter,
                    "the {value} must not contain '{}' at octet {position}",
                    character.escape_debug()
                )
            }
            Self::TooLong { value, octets, limit } => {
                write!(formatter, "the {value} has {octets} octets, the limit is {limit}")
            }
            Self::Malformed { value, rule } => write!(formatter, "the {value} is not valid: {rule}"),
            Self::Address { address, error } => {
                write!(formatter, "'{}' is not an address: {error}", address.escape_debug())
            }
        }
    }
}

impl std::error::Error for ValueError {}

/// The reason why a message cannot be built, or cannot be read completely.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The value of a header field is invalid.
    Field {
        /// The name of the field.
        field: String,
        /// The reason.
        error: ValueError,
    },
    /// A mandatory header field is missing (RFC 5322 §3.6).
    Missing {
        /// The name of the field.
        field: &'static str,
    },
    /// A header field cannot be set by name.
    Reserved {
        /// The name of the field.
        field: String,
        /// The alternative.
        instead: &'static str,
    },
    /// The message has no recipients.
    NoRecipients,
    /// A part is invalid.
    Part {
        /// The file name or media type of the part.
        part: String,
        /// The rule.
        rule: &'static str,
    },
    /// A file or a reader cannot be read.
    Read {
        /// The path, or the name given for the reader.
        name: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A file changed since the message was built.
    Changed {
        /// The path.
        name: String,
    },
    /// A private key is not suitable for signatures.
    Key {
        /// The requirement.
        rule: &'static str,
    },
    /// The output of the message failed.
    Write(io::Error),
}

impl Error {
    pub(crate) fn field(field: impl Into<String>) -> impl FnOnce(ValueError) -> Self {
        |error| Self::Field { field: field.into(), error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, error } => write!(formatter, "{field}: {error}"),
            Self::Missing { field } => {
                write!(formatter, "{field}: every message must have it (RFC 5322 §3.6)")
            }
            Self::Reserved { field, instead } => {
                write!(formatter, "{field}: it cannot be set by name: {instead}")
            }
            Self::NoRecipients => {
                formatter.write_str("the message has no recipient: give one in To, Cc or Bcc")
            }
            Self::Part { part, rule } => write!(formatter, "'{}': {rule}", part.escape_debug()),
            Self::Read { name, error } => write!(formatter, "cannot read '{}': {error}", name.escape_debug()),
            Self::Changed { name } => {
                write!(
                    formatter,
                    "'{}' changed while it was read: build the message again",
                    name.escape_debug()
                )
            }
            Self::Key { rule } => write!(formatter, "the key cannot sign: {rule}"),
            Self::Write(error) => write!(formatter, "cannot write the message: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Display includes the inner errors, so that only the operating system's error is a source.
        match self {
            Self::Read { error, .. } | Self::Write(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Read { error, .. } | Error::Write(error) => error.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
