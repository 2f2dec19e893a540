//! Defines what can be wrong with a value, a message, or the files that it is made of.

use std::{fmt, io};

use smtp_core::SyntaxError;

/// Why a text is no value for a header field or a parameter.
///
/// `value` names what was expected in the words of RFC 5322 and 2045; positions count octets from the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueError {
    /// The text is empty where something must stand.
    Empty {
        /// What was expected.
        value: &'static str,
    },
    /// The text ends where something must follow.
    Incomplete {
        /// What was expected.
        value: &'static str,
        /// What must follow.
        missing: &'static str,
    },
    /// A character stands where it may not; CR, LF and NUL may stand nowhere.
    Unexpected {
        /// What was expected.
        value: &'static str,
        /// The character.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// The text is longer than a line or a rule lets it be.
    TooLong {
        /// What was expected.
        value: &'static str,
        /// How many octets it has.
        octets: usize,
        /// How many octets it may have.
        limit: usize,
    },
    /// The text breaks a rule that no single character breaks.
    Malformed {
        /// What was expected.
        value: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// An address in a list is none.
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong with it.
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
                    "the {value} may not hold '{}' at octet {position}",
                    character.escape_debug()
                )
            }
            Self::TooLong { value, octets, limit } => {
                write!(formatter, "the {value} has {octets} octets, and may have {limit}")
            }
            Self::Malformed { value, rule } => write!(formatter, "the {value} is not valid: {rule}"),
            Self::Address { address, error } => {
                write!(formatter, "'{}' is no address: {error}", address.escape_debug())
            }
        }
    }
}

impl std::error::Error for ValueError {}

/// Why a message cannot be built, or cannot be read to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The value of a header field breaks a rule.
    Field {
        /// The name of the field.
        field: String,
        /// What is wrong with its value.
        error: ValueError,
    },
    /// A header field is missing that every message must have (RFC 5322 §3.6).
    Missing {
        /// The name of the field.
        field: &'static str,
    },
    /// A header field cannot be given by hand.
    Reserved {
        /// The name of the field.
        field: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// Nobody would receive the message.
    NoRecipients,
    /// A body part breaks a rule.
    Part {
        /// The file name or the media type of the part.
        part: String,
        /// The rule.
        rule: &'static str,
    },
    /// A file or a reader cannot be read.
    Read {
        /// The path, or what stands for it.
        name: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is no longer what it was when the message was built.
    Changed {
        /// The path.
        name: String,
    },
    /// A private key is none that can sign.
    Key {
        /// What it must be.
        rule: &'static str,
    },
    /// What the message was written to did not take it.
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
                write!(formatter, "{field}: it cannot be given by hand: {instead}")
            }
            Self::NoRecipients => {
                formatter.write_str("the message has no recipient: give one in To, Cc or Bcc")
            }
            Self::Part { part, rule } => write!(formatter, "'{}': {rule}", part.escape_debug()),
            Self::Read { name, error } => write!(formatter, "cannot read '{}': {error}", name.escape_debug()),
            Self::Changed { name } => {
                write!(
                    formatter,
                    "'{}' changed while it was read: build the message anew",
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
        // What Display already says is not repeated here; only the operating system's error can be told apart further.
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
