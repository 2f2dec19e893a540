//! Provides encodings of text in parameters: xtext (RFC 3461 §4) and its form for UTF-8 addresses (RFC 6533 §3).

use crate::address::SyntaxError;
use alloc::string::String;
use core::fmt::Write as _;

/// Returns whether a character needs no encoding: it is visible, and neither `+` nor `=`.
const fn is_plain(character: char) -> bool {
    matches!(character, '!'..='~') && !matches!(character, '+' | '=')
}

/// Encodes visible ASCII characters and spaces.
pub(crate) fn encode(text: &str, value: &'static str) -> Result<String, SyntaxError> {
    let mut encoded = String::with_capacity(text.len());
    for (position, character) in text.char_indices() {
        match character {
            _ if is_plain(character) => encoded.push(character),
            ' ' | '+' | '=' => {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "+{:02X}", u32::from(character));
            }
            _ if character.is_ascii() => return Err(SyntaxError::Unexpected { value, character, position }),
            _ => return Err(SyntaxError::NotAscii { value }),
        }
    }
    Ok(encoded)
}

/// Decodes the output of [`encode`].
pub(crate) fn decode(encoded: &str, value: &'static str) -> Result<String, SyntaxError> {
    let mut text = String::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(character) = rest.chars().next() {
        if character == '+' {
            let digits = rest.get(1..3).ok_or(SyntaxError::Incomplete { value, missing: "two digits" })?;
            text.push(hexadecimal(digits, value)?);
            rest = &rest[3..];
        } else if is_plain(character) {
            text.push(character);
            rest = &rest[1..];
        } else {
            let position = encoded.len() - rest.len();
            return Err(SyntaxError::Unexpected { value, character, position });
        }
    }
    Ok(text)
}

/// Encodes any character except controls, so that the address can be sent without SMTPUTF8.
pub(crate) fn encode_utf8(text: &str, value: &'static str) -> Result<String, SyntaxError> {
    let mut encoded = String::with_capacity(text.len());
    for (position, character) in text.char_indices() {
        if is_plain(character) && character != '\\' {
            encoded.push(character);
        } else if character.is_control() {
            return Err(SyntaxError::Unexpected { value, character, position });
        } else {
            let _ = write!(encoded, "\\x{{{:02X}}}", u32::from(character));
        }
    }
    Ok(encoded)
}

/// Decodes the output of [`encode_utf8`], and the unencoded form that SMTPUTF8 allows.
pub(crate) fn decode_utf8(encoded: &str, value: &'static str) -> Result<String, SyntaxError> {
    let mut text = String::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\x{") {
            let (digits, after) =
                after.split_once('}').ok_or(SyntaxError::Incomplete { value, missing: "a brace" })?;
            text.push(hexadecimal(digits, value)?);
            rest = after;
        } else if character == '\\' || (character.is_ascii() && !is_plain(character)) {
            let position = encoded.len() - rest.len();
            return Err(SyntaxError::Unexpected { value, character, position });
        } else {
            text.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    Ok(text)
}

/// Decodes two to six upper-case hexadecimal digits; refuses control characters, which could end up in a log.
fn hexadecimal(digits: &str, value: &'static str) -> Result<char, SyntaxError> {
    let is_digit = |octet: u8| octet.is_ascii_digit() || matches!(octet, b'A'..=b'F');
    let found = (2..=6).contains(&digits.len()) && digits.bytes().all(is_digit);
    let code = if found { u32::from_str_radix(digits, 16).ok() } else { None };
    code.and_then(char::from_u32)
        .filter(|character| !character.is_control())
        .ok_or(SyntaxError::Malformed { value, rule: "it has an invalid hexadecimal character number" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invalid_xtext_is_refused() {
        for text in ["+", "+2", "+2b", "+GG", "a=b", "a b", "+0D", "+80", "é", "+\u{e9}"] {
            assert!(decode(text, "x").is_err(), "{text}");
        }
        for text in
            ["\\", "\\x{", "\\x{}", "\\x{2b}", "\\x{D800}", "\\x{110000}", "\\x{0A}", "a b", "a+b", "a=b"]
        {
            assert!(decode_utf8(text, "x").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn xtext_round_trips(text in "[ -~]{0,40}") {
            let encoded = encode(&text, "x").unwrap();
            prop_assert!(!encoded.contains([' ', '=']));
            prop_assert_eq!(decode(&encoded, "x").unwrap(), text);
        }

        #[test]
        fn utf_8_round_trips(text in "\\PC{0,40}") {
            let Ok(encoded) = encode_utf8(&text, "x") else { return Ok(()) };
            prop_assert!(encoded.is_ascii() && !encoded.contains([' ', '=', '+']));
            prop_assert_eq!(decode_utf8(&encoded, "x").unwrap(), text);
        }

        #[test]
        fn decoding_takes_anything(text in any::<String>()) {
            for decoded in [decode(&text, "x"), decode_utf8(&text, "x")].into_iter().flatten() {
                prop_assert!(!decoded.chars().any(|character| character.is_ascii_control()));
            }
        }
    }
}
