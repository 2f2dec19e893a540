//! Reads octets out of text with escapes: `\r`, `\n`, `\t`, `\0`, `\\`, `\xNN`.

use core::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};

/// Octets that a scenario writes with escapes.
///
/// TOML's basic strings already turn `\r` and `\n` into the octets; escapes that reach us from literal strings and
/// from the command line are turned here, so both kinds of string mean the same.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Octets(pub Vec<u8>);

impl Octets {
    /// Reads text with escapes.
    ///
    /// # Errors
    /// A text for people, when a backslash is followed by something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut octets = Vec::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '\\' {
                octets.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            octets.push(match letters.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some('0') => 0,
                Some('\\') => b'\\',
                Some('x') => {
                    let digits: String = letters.by_ref().take(2).collect();
                    hexadecimal(&digits)
                        .and_then(|octets| octets.first().copied())
                        .ok_or_else(|| format!("\\x{digits} is not an octet, try \\x00 to \\xff"))?
                }
                other => {
                    let other = other.map_or_else(String::new, |letter| letter.to_string());
                    return Err(format!("«\\{other}» is no escape, try one of \\r \\n \\t \\0 \\\\ \\xNN"));
                }
            });
        }
        Ok(Self(octets))
    }

    /// Reads pairs of hexadecimal digits, blanks between them allowed.
    ///
    /// # Errors
    /// A text for people, when a digit is none or one is left over.
    pub fn parse_hexadecimal(text: &str) -> Result<Self, String> {
        let digits: String = text.split_ascii_whitespace().collect();
        hexadecimal(&digits).map(Self).ok_or_else(|| format!("«{text}» is not pairs of hexadecimal digits"))
    }
}

/// As text with escapes.
impl fmt::Debug for Octets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Octets(\"{}\")", escape(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Octets for eyes: what is printable stays, everything else becomes an escape; never a list of numbers.
#[must_use]
pub fn escape(octets: &[u8]) -> String {
    use core::fmt::Write as _;
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                letter if (letter as u32) < 0x20 || letter == '\u{7f}' => {
                    let _ = write!(text, "\\x{:02x}", letter as u32);
                }
                // What a terminal takes as a command (C1 controls, bidirectional overrides) must not reach it.
                letter
                    if letter.is_control()
                        || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
                {
                    for octet in letter.encode_utf8(&mut [0; 4]).bytes() {
                        let _ = write!(text, "\\x{octet:02x}");
                    }
                }
                letter => text.push(letter),
            }
        }
        for octet in chunk.invalid() {
            let _ = write!(text, "\\x{octet:02x}");
        }
    }
    text
}

pub(crate) fn deserialize_hexadecimal<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Octets, D::Error> {
    Octets::parse_hexadecimal(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty()
        || !digits.len().is_multiple_of(2)
        || !digits.bytes().all(|octet| octet.is_ascii_hexdigit())
    {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_become_octets() {
        assert_eq!(Octets::parse(r"250 a\r\n\x00\\").unwrap().0, b"250 a\r\n\0\\");
        assert_eq!(Octets::parse_hexadecimal("15 03 03").unwrap().0, [0x15, 3, 3]);
        for text in [r"\q", r"\x1", r"\xzz", "\\"] {
            assert!(Octets::parse(text).is_err(), "{text}");
        }
        assert!(Octets::parse_hexadecimal("123").is_err());
        assert!(Octets::parse_hexadecimal("+1").is_err());
    }

    proptest! {
        #[test]
        fn escaped_octets_read_back(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(Octets::parse(&escape(&octets)).unwrap().0, octets);
        }
    }
}
