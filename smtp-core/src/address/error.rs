//! Defines what is wrong with a text that is not a value of this crate.

use core::fmt;

/// Why a text is no address, domain, path, parameter or argument.
///
/// `value` names what was expected in the words of RFC 5321; positions count octets from the beginning of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyntaxError {
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
    /// The text is longer than the RFC lets it be.
    TooLong {
        /// What was expected.
        value: &'static str,
        /// How many octets it has, in the form that would be sent.
        octets: usize,
        /// How many octets it may have.
        limit: usize,
    },
    /// A character stands where it may not.
    Unexpected {
        /// What was expected.
        value: &'static str,
        /// The character.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// The text breaks a rule that no single character breaks.
    Malformed {
        /// What was expected.
        value: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// The text holds characters outside ASCII where only ASCII may be sent.
    NotAscii {
        /// What was expected.
        value: &'static str,
    },
    /// The path begins with a source route (RFC 5321 appendix C), which no server needs any more.
    SourceRoute,
}

impl SyntaxError {
    /// The same error within a text in which the value begins `octets` later.
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
                write!(formatter, "the {value} has {octets} octets, and may have {limit}")
            }
            Self::Unexpected { value, character, position } => {
                // Escaped, because a control character must not reach a terminal or a log either.
                write!(
                    formatter,
                    "the {value} may not hold '{}' at octet {position}",
                    character.escape_debug()
                )
            }
            Self::Malformed { value, rule } => write!(formatter, "the {value} is not valid: {rule}"),
            Self::NotAscii { value } => write!(formatter, "the {value} must be ASCII"),
            Self::SourceRoute => formatter.write_str(
                "source routes are obsolete (RFC 5321 appendix C): give the mailbox behind the colon alone",
            ),
        }
    }
}

impl core::error::Error for SyntaxError {}
