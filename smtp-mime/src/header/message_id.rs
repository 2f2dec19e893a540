//! Defines the msg-id (RFC 5322 §3.6.4), which Content-ID shares (RFC 2045 §7).

use std::{fmt, str::FromStr};

use crate::ValueError;

/// A globally unique identifier in angle brackets: `<left@right>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    printed: String,
}

impl MessageId {
    /// The maximum length in octets: a line has 998, some of which the field name takes (RFC 5322 §2.1.1).
    pub const LIMIT: usize = 900;

    /// Parses `left@right`, with or without angle brackets.
    ///
    /// # Errors
    /// When it is not two dot-atoms separated by `@`; the right side may be a domain literal instead.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let inside = text.trim();
        let inside = match inside.strip_prefix('<') {
            None => inside,
            Some(rest) => rest
                .strip_suffix('>')
                .ok_or(ValueError::Incomplete { value: VALUE, missing: "a closing angle bracket" })?,
        };
        if inside.len() + 2 > Self::LIMIT {
            return Err(ValueError::TooLong { value: VALUE, octets: inside.len() + 2, limit: Self::LIMIT });
        }
        if let Some((position, character)) = inside
            .char_indices()
            .find(|(_, character)| !matches!(character, '!'..='~') || matches!(character, '<' | '>'))
        {
            return Err(ValueError::Unexpected { value: VALUE, character, position });
        }
        let (left, right) =
            inside.split_once('@').ok_or(ValueError::Incomplete { value: VALUE, missing: "an @" })?;
        let literal = right.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let right_holds =
            literal.map_or_else(|| is_dot_atom(right), |inside| !inside.contains(['[', ']', '\\']));
        if is_dot_atom(left) && right_holds {
            Ok(Self { printed: format!("<{inside}>") })
        } else {
            Err(ValueError::Malformed {
                value: VALUE,
                rule: "both sides of its @ must be letters and digits, with dots between them",
            })
        }
    }

    /// The printed form, angle brackets included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// The identifier without its angle brackets, as in `cid:` URLs (RFC 2392).
    #[must_use]
    pub fn without_brackets(&self) -> &str {
        &self.printed[1..self.printed.len() - 1]
    }

    /// Parses a list of identifiers separated by spaces, as in In-Reply-To and References.
    pub(crate) fn list(text: &str) -> Result<Vec<Self>, ValueError> {
        let identifiers: Vec<_> = text.split_ascii_whitespace().map(Self::new).collect::<Result<_, _>>()?;
        if identifiers.is_empty() { Err(ValueError::Empty { value: VALUE }) } else { Ok(identifiers) }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.printed)
    }
}

impl FromStr for MessageId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::new(text)
    }
}

const VALUE: &str = "message identifier";

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_identifiers_of_rfc_5322() {
        for text in
            ["<1234@local.machine.example>", "<testabcd.1234@silly.test>", "<a@[192.0.2.1]>", "<x=y$z@h>"]
        {
            assert_eq!(MessageId::new(text).unwrap().as_str(), text);
        }
        assert_eq!(MessageId::new("a@b").unwrap().as_str(), "<a@b>");
    }

    #[test]
    fn refuses_invalid_identifiers() {
        for text in
            ["", "<>", "<a>", "<a@b", "a@b>", "<a@@b>", "<a b@c>", "<a@b>\r\nBcc: x@y", "<a..b@c>", "<ä@b>"]
        {
            assert!(MessageId::new(text).is_err(), "{text}");
        }
    }
}
