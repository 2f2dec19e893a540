//! Defines [`Text`], the free argument of VRFY, EXPN and HELP, or a whole raw command.

use alloc::boxed::Box;

use crate::address::{SyntaxError, is_utf8_non_ascii, text_forms};

/// One line of printable characters, at most 505 octets.
///
/// With a verb of four letters, a space and CRLF it fills the 512 octets of a command line (RFC 5321 §4.5.3.1.4).
///
/// ```
/// use smtp_core::Text;
///
/// assert_eq!(Text::new("john doe")?.as_str(), "john doe");
/// assert!(Text::new("john\r\nQUIT").is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text {
    printed: Box<str>,
}

impl Text {
    /// The maximum length in octets.
    pub const LIMIT: usize = 505;

    /// Makes a text; tabs and other control characters are not allowed.
    ///
    /// # Errors
    /// When the text is empty, too long or has a control character.
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// Returns whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.printed.is_ascii()
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.is_empty() {
            return Err(SyntaxError::Empty { value: VALUE });
        }
        if text.len() > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets: text.len(), limit: Self::LIMIT });
        }
        let refused = text
            .char_indices()
            .find(|(_, character)| !matches!(character, ' '..='~') && !is_utf8_non_ascii(*character));
        match refused {
            Some((position, character)) => Err(SyntaxError::Unexpected { value: VALUE, character, position }),
            None => Ok(Self { printed: text.into() }),
        }
    }
}

text_forms!(Text);

const VALUE: &str = "argument";
