//! Defines [`SyntaxError`], the error of the parsers in this crate.

use core::fmt;

/// The reason why a text is not a valid address, domain, path, parameter or argument.
///
/// `value` names the expected value in the words of RFC 5321; positions count octets from the start of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxError {
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
    /// The text is longer than the RFC allows.
    TooLong {
        /// The expected value.
        value: &'static str,
        /// Its length in octets, in the form that would be sent.
        octets: usize,
        /// The maximum length in octets.
        limit: usize,
    },
    /// A character is not allowed at its position.
    Unexpected {
        /// The expected value.
        value: &'static str,
        /// The character.
        character: char,
        /// Its position.
        position: usize,
    },
    /// The text breaks a rule that concerns more than one character.
    Malformed {
        /// The expected value.
        value: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// The text has characters outside ASCII where only ASCII can be sent.
    NotAscii {
        /// The expected value.
        value: &'static str,
    },
    /// The path begins with a source route (RFC 5321 appendix C), which is obsolete.
    SourceRoute,
}

impl SyntaxError {
    /// Moves the position by `octets`, for a value that begins there within a longer text.
    pub(crate) fn moved(self, octets: usize) -> Self {
        match self {
            Self::Unexpected { value, character, position } => {
                Self::Unexpected { value, character, position: position + octets }
            }
            other => other,
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { value } => write!(formatter, "the {value} is empty"),
            Self::Incomplete { value, missing } => {
                write!(formatter, "the {value} ends where {missing} must follow")
            }
            Self::TooLong { value, octets, limit } => {
                write!(formatter, "the {value} has {octets} octets, the limit is {limit}")
            }
            Self::Unexpected { value, character, position } => {
                // Escaped, because a control character must not reach a terminal or a log.
                write!(
                    formatter,
                    "the {value} must not contain '{}' at octet {position}",
                    character.escape_debug()
                )
            }
            Self::Malformed { value, rule } => write!(formatter, "the {value} is not valid: {rule}"),
            Self::NotAscii { value } => write!(formatter, "the {value} must be ASCII"),
            Self::SourceRoute => formatter.write_str(
                "source routes are obsolete (RFC 5321 appendix C): give only the mailbox after the colon",
            ),
        }
    }
}

impl core::error::Error for SyntaxError {}
