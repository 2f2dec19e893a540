//! Defines the local-part of a mailbox (RFC 5321 §4.1.2).

use alloc::{borrow::Cow, boxed::Box, string::String};

use super::{SyntaxError, is_utf8_non_ascii, text_forms};

/// The part of a mailbox before the `@`: a dot-string or a quoted string of at most 64 octets (RFC 5321 §4.5.3.1.1).
///
/// The value keeps the form with the least quoting, as RFC 5321 §4.1.2 asks: `"john.doe"` becomes `john.doe`.
/// Characters outside ASCII are allowed and need SMTPUTF8 (RFC 6531).
///
/// ```
/// use smtp_core::LocalPart;
///
/// assert_eq!(LocalPart::new("john.doe")?.as_str(), "john.doe");
/// assert_eq!(LocalPart::new("\"john\\.doe\"")?.as_str(), "john.doe");
/// assert_eq!(LocalPart::from_content("john doe")?.as_str(), "\"john doe\"");
/// assert!(LocalPart::new("john doe").is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalPart {
    printed: Box<str>,
}

impl LocalPart {
    /// The maximum length of the printed form in octets (RFC 5321 §4.5.3.1.1).
    pub const LIMIT: usize = 64;

    /// Parses the printed form: a dot-string, or a quoted string in its quotes.
    ///
    /// # Errors
    /// When the text is neither, or its printed form is longer than [`LocalPart::LIMIT`].
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// Makes the local-part that means `content`, quoted if necessary.
    ///
    /// # Errors
    /// When `content` holds a control character, or its printed form is longer than [`LocalPart::LIMIT`].
    pub fn from_content(content: &str) -> Result<Self, SyntaxError> {
        if let Some((position, character)) =
            content.char_indices().find(|(_, character)| !is_quotable(*character))
        {
            return Err(unexpected(character, position));
        }
        let printed = if is_dot_string(content) { String::from(content) } else { quoted(content) };
        if printed.len() > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets: printed.len(), limit: Self::LIMIT });
        }
        Ok(Self { printed: printed.into_boxed_str() })
    }

    /// The printed form, quotes included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// The content, without quotes and backslashes.
    #[must_use]
    pub fn content(&self) -> Cow<'_, str> {
        match self.printed.strip_prefix('"') {
            None => Cow::Borrowed(&self.printed),
            Some(rest) => Cow::Owned(unquoted(rest.strip_suffix('"').unwrap_or(rest))),
        }
    }

    /// Returns whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.printed.is_ascii()
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let end = Self::end(text)?;
        match text[end..].chars().next() {
            Some(character) => Err(unexpected(character, end)),
            None if text.starts_with('"') => Self::from_content(&unquoted(&text[1..end - 1])),
            None => Self::from_content(text),
        }
    }

    /// Returns the printed form of a local-part that fills `text`; [`LocalPart::end`] found its end.
    pub(super) fn printed(text: &str) -> Result<Cow<'_, str>, SyntaxError> {
        if text.starts_with('"') {
            return Self::parse(text).map(|part| Cow::Owned(String::from(part.printed)));
        }
        if text.len() > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets: text.len(), limit: Self::LIMIT });
        }
        Ok(Cow::Borrowed(text))
    }

    /// Makes a local-part of a printed form that is known to be valid.
    pub(super) fn from_valid(printed: &str) -> Self {
        Self { printed: printed.into() }
    }

    /// Finds the end of the local-part that `text` begins with.
    pub(super) fn end(text: &str) -> Result<usize, SyntaxError> {
        if text.starts_with('"') { quoted_string_end(text) } else { dot_string_end(text) }
    }
}

text_forms!(LocalPart);

const VALUE: &str = "local-part";

fn unexpected(character: char, position: usize) -> SyntaxError {
    SyntaxError::Unexpected { value: VALUE, character, position }
}

fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '!' | '#'
                | '$'
                | '%'
                | '&'
                | '\''
                | '*'
                | '+'
                | '-'
                | '/'
                | '='
                | '?'
                | '^'
                | '_'
                | '`'
                | '{'
                | '|'
                | '}'
                | '~'
        )
        || is_utf8_non_ascii(character)
}

/// Returns whether a character may appear in a quoted string, escaped or not.
fn is_quotable(character: char) -> bool {
    matches!(character, ' '..='~') || is_utf8_non_ascii(character)
}

fn is_dot_string(content: &str) -> bool {
    content.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn dot_string_end(text: &str) -> Result<usize, SyntaxError> {
    let mut after_dot = true;
    let mut end = text.len();
    for (position, character) in text.char_indices() {
        if character == '.' {
            if after_dot {
                return Err(unexpected(character, position));
            }
            after_dot = true;
        } else if is_atext(character) {
            after_dot = false;
        } else {
            end = position;
            break;
        }
    }
    match (after_dot, end) {
        (false, _) => Ok(end),
        (true, 0) => Err(SyntaxError::Empty { value: VALUE }),
        (true, _) => Err(unexpected('.', end - 1)),
    }
}

fn quoted_string_end(text: &str) -> Result<usize, SyntaxError> {
    let mut escaped = false;
    for (position, character) in text.char_indices().skip(1) {
        if !is_quotable(character) || (escaped && !character.is_ascii()) {
            return Err(unexpected(character, position));
        }
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Ok(position + 1),
            _ => {}
        }
    }
    Err(SyntaxError::Incomplete { value: VALUE, missing: "a closing quote" })
}

fn quoted(content: &str) -> String {
    let mut printed = String::with_capacity(content.len() + 2);
    printed.push('"');
    for character in content.chars() {
        if matches!(character, '"' | '\\') {
            printed.push('\\');
        }
        printed.push(character);
    }
    printed.push('"');
    printed
}

fn unquoted(quoted: &str) -> String {
    let mut content = String::with_capacity(quoted.len());
    let mut escaped = false;
    for character in quoted.chars() {
        if character == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            content.push(character);
        }
    }
    content
}
