//! Defines the parameters of MAIL and RCPT (RFC 5321 §4.1.2, §4.1.1.11).

use alloc::{boxed::Box, string::String};

use crate::address::{SyntaxError, is_utf8_non_ascii, text_forms};
use crate::xtext;

/// An ESMTP parameter: a keyword, optionally with a value, as in `SIZE=1000` or `SMTPUTF8`.
///
/// Keywords are case-insensitive (RFC 5321 §4.1.1.11) and stored in upper case.
///
/// ```
/// use smtp_core::Parameter;
///
/// assert_eq!(Parameter::new("size", Some("1000"))?.as_str(), "SIZE=1000");
/// assert_eq!(Parameter::with_xtext("ENVID", "a+b c")?.as_str(), "ENVID=a+2Bb+20c");
/// assert!(Parameter::new("SIZE", Some("1 BODY=8BITMIME")).is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Parameter {
    printed: Box<str>,
    keyword: usize,
}

impl Parameter {
    /// The maximum length in octets: ORCPT, the longest that is defined, has 500 (RFC 3461 §5.2).
    pub const LIMIT: usize = 512;

    /// Makes a parameter of a keyword and an optional value.
    ///
    /// # Errors
    /// When the keyword has characters other than letters, digits and hyphens, the value is empty or has a space, `=`
    /// or a control character, or both together are too long.
    pub fn new(keyword: &str, value: Option<&str>) -> Result<Self, SyntaxError> {
        check_keyword(keyword)?;
        let mut printed: String = keyword.to_ascii_uppercase();
        if let Some(value) = value {
            check_value(value).map_err(|error| error.moved(keyword.len() + 1))?;
            printed.push('=');
            printed.push_str(value);
        }
        if printed.len() > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets: printed.len(), limit: Self::LIMIT });
        }
        Ok(Self { printed: printed.into_boxed_str(), keyword: keyword.len() })
    }

    /// Makes a parameter with `text` in the encoding xtext (RFC 3461 §4), as ENVID and AUTH use it.
    ///
    /// # Errors
    /// When `text` is empty or not ASCII, or has CR, LF or NUL: xtext could encode those, but servers decode the
    /// value before they log or forward it.
    pub fn with_xtext(keyword: &str, text: &str) -> Result<Self, SyntaxError> {
        Self::new(keyword, Some(&xtext::encode(text, VALUE)?))
    }

    /// The printed form, `KEYWORD` or `KEYWORD=value`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// The keyword, in upper case.
    #[must_use]
    pub fn keyword(&self) -> &str {
        &self.printed[..self.keyword]
    }

    /// The value, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.printed[self.keyword..].strip_prefix('=')
    }

    /// Returns whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.printed.is_ascii()
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        match text.split_once('=') {
            Some((keyword, value)) => Self::new(keyword, Some(value)),
            None => Self::new(text, None),
        }
    }
}

text_forms!(Parameter);

const VALUE: &str = "parameter";

fn check_keyword(keyword: &str) -> Result<(), SyntaxError> {
    if keyword.is_empty() {
        return Err(SyntaxError::Empty { value: "keyword of the parameter" });
    }
    let refused = keyword.char_indices().find(|(position, character)| {
        !(character.is_ascii_alphanumeric() || (*character == '-' && *position > 0))
    });
    match refused {
        Some((position, character)) => Err(SyntaxError::Unexpected { value: VALUE, character, position }),
        None => Ok(()),
    }
}

fn check_value(value: &str) -> Result<(), SyntaxError> {
    if value.is_empty() {
        return Err(SyntaxError::Empty { value: "value of the parameter" });
    }
    let refused = value
        .char_indices()
        .find(|(_, character)| !matches!(character, '!'..='<' | '>'..='~') && !is_utf8_non_ascii(*character));
    match refused {
        Some((position, character)) => Err(SyntaxError::Unexpected { value: VALUE, character, position }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_at_the_first_equals_sign() {
        let parameter = Parameter::try_from("auth=<>").unwrap();
        assert_eq!((parameter.keyword(), parameter.value()), ("AUTH", Some("<>")));
        assert_eq!(Parameter::try_from("SMTPUTF8").unwrap().value(), None);
    }

    #[test]
    fn refuses_characters_that_would_end_it_early() {
        for text in
            ["", "=", "SIZE=", "=1", "-SIZE=1", "SIZE=1 2", "SIZE=1\r\nQUIT", "SIZE=1=2", "S\0", "A B"]
        {
            assert!(Parameter::try_from(text).is_err(), "{text:?}");
        }
        assert_eq!(
            Parameter::new("SIZE", Some("1 BODY=8BITMIME")),
            Err(SyntaxError::Unexpected { value: "parameter", character: ' ', position: 6 })
        );
        assert!(matches!(
            Parameter::new("ORCPT", Some(&"x".repeat(600))),
            Err(SyntaxError::TooLong { octets: 606, limit: 512, .. })
        ));
    }

    #[test]
    fn xtext_refuses_line_ends_and_other_scripts() {
        assert!(Parameter::with_xtext("ENVID", "a\r\nb").is_err());
        assert_eq!(Parameter::with_xtext("ENVID", "ä"), Err(SyntaxError::NotAscii { value: "parameter" }));
    }

    proptest! {
        #[test]
        fn printed_values_parse_to_the_same_value(text in "[A-Za-z0-9][A-Za-z0-9-]{0,9}(=[!-<>-~é漢]{1,40})?") {
            let parameter = Parameter::try_from(text.as_str()).unwrap();
            prop_assert_eq!(&Parameter::try_from(parameter.as_str()).unwrap(), &parameter);
        }

        #[test]
        fn no_value_holds_a_blank_or_a_control(text in any::<String>()) {
            if let Ok(parameter) = Parameter::try_from(text.as_str()) {
                prop_assert!(!parameter.as_str().chars().any(|character| character == ' ' || character.is_control()));
            }
        }
    }
}
