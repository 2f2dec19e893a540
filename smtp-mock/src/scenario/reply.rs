//! Defines [`Reply`], an answer of the server as the scenario words it.

use serde::{Deserialize, Deserializer, de::Error as _};

/// A reply: a code and one or more lines of text (RFC 5321 §4.2).
///
/// The code is from 200 to 599 (RFC 5321 §4.2.1), the text anything but CR and LF; what goes beyond is
/// [`Step::Raw`](crate::Step::Raw).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// Reads `250 text`, or several such lines parted by line feeds (`250-text` counts as `250 text`).
    ///
    /// # Errors
    /// A text for people, when the first line does not begin with three digits.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::from_lines(
            text.trim_end_matches(['\r', '\n']).split('\n').map(|line| line.trim_end_matches('\r')),
        )
    }

    /// Makes a reply out of whole lines; those after the first may leave out the code.
    ///
    /// # Errors
    /// A text for people, when the first line does not begin with three digits or a line holds CR or LF.
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut code = None;
        let mut texts = Vec::new();
        for line in lines {
            if line.contains(['\r', '\n']) {
                return Err(format!("«{}» holds a line end, try raw", line.escape_debug()));
            }
            let (found, text) = split_code(line);
            match (code, found) {
                (None, None) => {
                    return Err(format!(
                        "«{line}» does not begin with a reply code of three digits, try raw"
                    ));
                }
                (None, Some(first)) => {
                    code = Some(first);
                    texts.push(text.to_owned());
                }
                (Some(first), Some(other)) if first == other => texts.push(text.to_owned()),
                // Another number at the beginning of a line is text, not a code.
                (Some(_), _) => texts.push(line.to_owned()),
            }
        }
        let code = code.ok_or("a reply has at least one line")?;
        if !(200..=599).contains(&code) {
            return Err(format!("{code:03} is no reply code, which is from 200 to 599, try raw"));
        }
        Ok(Self { code, lines: texts })
    }

    /// The server's own replies, whose texts are known to be sound.
    pub(crate) fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, lines: vec![text.into()] }
    }

    pub(crate) fn with_lines(code: u16, lines: Vec<String>) -> Self {
        Self { code, lines }
    }

    /// The reply code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The texts after the code, one for each line.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Whether the reply is positive: 2yz or 3yz (RFC 5321 §4.2.1).
    #[must_use]
    pub fn is_positive(&self) -> bool {
        matches!(self.code / 100, 2 | 3)
    }

    /// The octets on the wire, CRLF included.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.lines.iter().map(|line| line.len() + 6).sum());
        self.append_to(&mut octets);
        octets
    }

    pub(crate) fn append_to(&self, octets: &mut Vec<u8>) {
        for (index, line) in self.lines.iter().enumerate() {
            append_code(self.code, octets);
            let last = index + 1 == self.lines.len();
            // A bare code stays bare, but an empty challenge needs its space (RFC 4954 §4).
            if !(last && line.is_empty()) || self.code == 334 {
                octets.push(if last { b' ' } else { b'-' });
            }
            octets.extend_from_slice(line.as_bytes());
            octets.extend_from_slice(b"\r\n");
        }
    }
}

/// Writes a code in its three digits.
pub(crate) fn append_code(code: u16, octets: &mut Vec<u8>) {
    let digits = [code / 100, code / 10 % 10, code % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(9));
    octets.extend_from_slice(&digits);
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a reply such as \"450 4.2.0 try later\", or a list of its lines")]
        enum Form {
            Text(String),
            Lines(Vec<String>),
        }
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Self::parse(&text),
            Form::Lines(lines) => Self::from_lines(lines.iter().map(String::as_str)),
        }
        .map_err(D::Error::custom)
    }
}

/// Splits `250 text`, `250-text` or `250` into code and text.
fn split_code(line: &str) -> (Option<u16>, &str) {
    let Some((digits, rest)) = line.split_at_checked(3) else { return (None, line) };
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return (None, line);
    }
    match rest.as_bytes().first() {
        None => (digits.parse().ok(), ""),
        Some(b' ' | b'-') => (digits.parse().ok(), &rest[1..]),
        Some(_) => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_several() {
        assert_eq!(Reply::parse("450 4.2.0 later").unwrap().to_octets(), b"450 4.2.0 later\r\n");
        assert_eq!(Reply::parse("250").unwrap().to_octets(), b"250\r\n");
        assert_eq!(
            Reply::from_lines(["220 a", "220 b", "c"]).unwrap().to_octets(),
            b"220-a\r\n220-b\r\n220 c\r\n"
        );
        assert_eq!(Reply::parse("250-a\n250 b\n").unwrap().to_octets(), b"250-a\r\n250 b\r\n");
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for text in ["", "ok", "25", "2500 x", "25x no", "007 odd", "199 low", "600 high", "999"] {
            assert!(Reply::parse(text).is_err(), "{text}");
        }
        assert!(Reply::from_lines(["250 a\rb"]).unwrap_err().contains("raw"));
    }
}
