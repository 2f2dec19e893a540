//! Provides what a terminal gets of texts from elsewhere: what it would obey is escaped, whatever the form.
//!
//! Which characters these are is [`smtp_core::is_shown`]'s word. [`Escaped`](crate::error::Escaped) is for a part of a
//! line, [`lines`] for whole lines, [`json`] for documents, and [`Octets`] for messages.

use crate::error::Escaped;
use serde::Serialize;
use smtp_core::is_shown;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Lines for people: their ends and tabs stay, everything else is as [`Escaped`] shows it.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'], |character, escaped| escaped.extend(character.escape_default()))
}

/// JSON in one line, without its end.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    json(&serde_json::to_string(value).expect(PLAIN))
}

/// JSON in several lines, without the end of the last.
pub(crate) fn json_lines(value: &impl Serialize) -> String {
    json(&serde_json::to_string_pretty(value).expect(PLAIN))
}

/// What is written as JSON here are structures of numbers, texts and lists of those, which every JSON has.
const PLAIN: &str = "its values are numbers and texts, its keys are texts";

/// The same document, in which the texts (elsewhere JSON is ASCII) have no character that a terminal obeys.
fn json(document: &str) -> String {
    escaped(document, &['\n'], |character, escaped| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
    .into_owned()
}

/// The text with `escape` in place of each character that is not to be shown, but for those that `stay`.
fn escaped<'a>(text: &'a str, stay: &[char], escape: impl Fn(char, &mut String)) -> Cow<'a, str> {
    let is_kept = |character: char| is_shown(character) || stay.contains(&character);
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_kept(character) {
            escaped.push(character);
        } else {
            escape(character, &mut escaped);
        }
    }
    Cow::Owned(escaped)
}

/// Writes a message to a terminal, line by line: its line ends stay line ends, its octets that are no UTF-8 are shown as
/// numbers.
#[derive(Debug)]
pub(crate) struct Octets<W: Write> {
    writer: W,
    line: Vec<u8>,
}

/// Of a line without end so much is gathered, which holds any character whole.
const LONGEST: usize = 64 * 1024;

impl<W: Write> Octets<W> {
    pub(crate) const fn new(writer: W) -> Self {
        Self { writer, line: Vec::new() }
    }

    /// Writes what is left.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.put(true)?;
        self.writer.flush()
    }

    /// Writes the line that was gathered; one that goes on keeps the octets of a character that may not be whole yet.
    fn put(&mut self, is_end: bool) -> io::Result<()> {
        let kept = if is_end { 0 } else { unfinished(&self.line) };
        let rest = self.line.split_off(self.line.len() - kept);
        let line = std::mem::replace(&mut self.line, rest);
        let (line, end) = match line.strip_suffix(b"\n") {
            Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), "\n"),
            None => (&line[..], ""),
        };
        let mut text = String::with_capacity(line.len() + 1);
        for chunk in line.utf8_chunks() {
            let parts = chunk.valid().split('\t').map(Escaped);
            for (index, part) in parts.enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(text, "{}{part}", if index > 0 { "\t" } else { "" });
            }
            for octet in chunk.invalid() {
                let _ = write!(text, "\\x{octet:02x}");
            }
        }
        text.push_str(end);
        self.writer.write_all(text.as_bytes())
    }
}

/// How many octets at the end may be the beginning of a character, or of a line end.
fn unfinished(octets: &[u8]) -> usize {
    if octets.ends_with(b"\r") {
        return 1;
    }
    let end = octets.utf8_chunks().last().map(|chunk| chunk.invalid()).unwrap_or_default();
    // What is wrong already stays wrong, whatever follows.
    if std::str::from_utf8(end).is_err_and(|error| error.error_len().is_none()) { end.len() } else { 0 }
}

impl<W: Write> Write for Octets<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for part in octets.split_inclusive(|&octet| octet == b'\n') {
            for part in part.chunks(LONGEST) {
                self.line.extend_from_slice(part);
                let is_end = part.ends_with(b"\n");
                if is_end || self.line.len() >= LONGEST {
                    self.put(is_end)?;
                }
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn octets(message: &[u8], cut: usize) -> String {
        let mut written = Vec::new();
        let mut octets = Octets::new(&mut written);
        octets.write_all(&message[..cut]).unwrap();
        octets.write_all(&message[cut..]).unwrap();
        octets.end().unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_message_is_shown_and_not_obeyed_at_every_cut() {
        let message = b"Subject: \x1b[2J\r\n\r\n\xc3\xbc\t\xc2\x9b \xff\xe2\x80\xae a\rb\r\nend\r";
        let shown = "Subject: \\u{1b}[2J\n\nü\t\\u{9b} \\xff\\u{202e} a\\rb\nend\\r";
        (0..=message.len()).for_each(|cut| assert_eq!(octets(message, cut), shown, "{cut}"));
    }

    #[test]
    fn a_line_without_end_is_shown_in_parts_that_cut_no_character() {
        let message = format!("x{}", "ü".repeat(LONGEST));
        assert_eq!(octets(message.as_bytes(), 0), message);
        let long = vec![0xe2; LONGEST + 3];
        assert_eq!(octets(&long, 7), "\\xe2".repeat(LONGEST + 3));
    }

    #[test]
    fn lines_stay_lines() {
        assert!(matches!(lines("a\tb\nü\n"), Cow::Borrowed(_)));
        assert_eq!(lines("a\u{9b}\r\n\u{2028}"), "a\\u{9b}\\r\n\\u{2028}");
    }

    proptest! {
        #[test]
        fn json_says_the_same_after_it_was_read(text in "[\\PC\u{7f}-\u{9f}\u{61c}\u{2028}-\u{202e}\u{0}-\u{1f}\"]{0,40}") {
            let value = serde_json::json!({ &text: [&text, 1, true] });
            for document in [json_line(&value), json_lines(&value)] {
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&document).unwrap(), &value);
                prop_assert!(document.chars().all(|character| is_shown(character) || character == '\n'));
            }
        }
    }
}
