//! Provides [`EscapedWriter`], which shows a message at a terminal.

use smtp_core::Escaped;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes a message for a terminal, line by line: characters that the terminal obeys are escaped, octets that are no UTF-8
/// are shown as numbers, and line ends and tabs stay.
///
/// ```
/// let mut shown = Vec::new();
/// let mut writer = smtp_mime::EscapedWriter::new(&mut shown);
/// std::io::Write::write_all(&mut writer, b"Subject: \x1b[2J\r\n\r\n\xff\n")?;
/// writer.end()?;
/// assert_eq!(shown, b"Subject: \\u{1b}[2J\n\n\\xff\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct EscapedWriter<W: Write> {
    writer: W,
    line: Vec<u8>,
}

/// Of a line without end so much is gathered, which holds any character whole.
const LONGEST: usize = 64 * 1024;

impl<W: Write> EscapedWriter<W> {
    /// A writer to `writer`.
    pub const fn new(writer: W) -> Self {
        Self { writer, line: Vec::new() }
    }

    /// Writes the last line, which may have no end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(mut self) -> io::Result<()> {
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

impl<W: Write> Write for EscapedWriter<W> {
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

    fn octets(message: &[u8], cut: usize) -> String {
        let mut written = Vec::new();
        let mut octets = EscapedWriter::new(&mut written);
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
}
