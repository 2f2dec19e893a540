//! Defines the name of a header field (RFC 5322 §2.2).

use std::{fmt, str::FromStr};

use crate::ValueError;

/// The fields that hold addresses (RFC 5322 §3.6.2, §3.6.3).
pub(crate) const ADDRESS_FIELDS: [&str; 6] = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// The name of a header field: printable ASCII without spaces and colons, at most 76 octets, in any case.
#[derive(Clone, Debug)]
pub struct FieldName {
    name: String,
}

impl FieldName {
    /// The maximum length in octets: a line folds at 78, and a colon and a space follow.
    pub const LIMIT: usize = 76;

    /// Parses a name without its colon.
    ///
    /// # Errors
    /// When it is empty or too long, or has a space, a colon, a control character or a non-ASCII character.
    pub fn new(name: &str) -> Result<Self, ValueError> {
        if name.is_empty() {
            return Err(ValueError::Empty { value: VALUE });
        }
        if name.len() > Self::LIMIT {
            return Err(ValueError::TooLong { value: VALUE, octets: name.len(), limit: Self::LIMIT });
        }
        match name.char_indices().find(|(_, character)| !matches!(character, '!'..='9' | ';'..='~')) {
            Some((position, character)) => Err(ValueError::Unexpected { value: VALUE, character, position }),
            None => Ok(Self { name: name.to_owned() }),
        }
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns whether it is this name, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.name)
    }
}

impl Eq for FieldName {}

impl fmt::Display for FieldName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.name)
    }
}

impl FromStr for FieldName {
    type Err = ValueError;

    fn from_str(name: &str) -> Result<Self, ValueError> {
        Self::new(name)
    }
}

const VALUE: &str = "name of a header field";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_ascii_without_colon() {
        assert!(FieldName::new("X-Mine").unwrap().is("x-mine"));
        for name in ["", "A:", "A B", "Ä", "A\r\nB", "A\0", &"a".repeat(77)] {
            assert!(FieldName::new(name).is_err(), "{name:?}");
        }
    }
}
