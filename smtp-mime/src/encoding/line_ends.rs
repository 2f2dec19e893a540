//! Provides line ends: CRLF for every CRLF, lone LF and lone CR (RFC 2045 §2.7, §6.8; RFC 5322 §2.3).

use memchr::memchr2;

/// Makes every line end CRLF, wherever the text is cut.
#[derive(Clone, Debug)]
pub(crate) struct LineEnds {
    after_cr: bool,
    /// Whether the text so far ends with a line end, or is empty.
    at_start_of_line: bool,
    /// Whether the last line gets an end if it has none.
    complete: bool,
    /// Whether a line that begins with a blank gets one more (RFC 3676 §4.4).
    stuffed: bool,
}

impl LineEnds {
    /// A text that is a body: its last line is ended.
    pub(crate) fn complete() -> Self {
        Self { after_cr: false, at_start_of_line: true, complete: true, stuffed: false }
    }

    /// A text that a reader may wrap anew.
    pub(crate) fn flowed() -> Self {
        Self { stuffed: true, ..Self::complete() }
    }

    /// A stretch of a text: nothing is added to its last line.
    pub(crate) fn open() -> Self {
        Self { complete: false, ..Self::complete() }
    }

    /// Converts the next octets and appends the result.
    pub(crate) fn convert(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        // Line ends that grow are the exception.
        out.reserve(octets.len() + 2);
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            self.stuff(rest, out);
            // A CRLF goes with its line in one copy.
            if rest[at..].starts_with(b"\r\n") {
                out.extend_from_slice(&rest[..at + 2]);
                rest = &rest[at + 2..];
            } else {
                out.extend_from_slice(&rest[..at]);
                out.extend_from_slice(b"\r\n");
                self.after_cr = rest[at] == b'\r' && at + 1 == rest.len();
                rest = &rest[at + 1..];
            }
            self.at_start_of_line = true;
        }
        if !rest.is_empty() {
            self.stuff(rest, out);
            out.extend_from_slice(rest);
            self.at_start_of_line = false;
        }
    }

    fn stuff(&self, line: &[u8], out: &mut Vec<u8>) {
        if self.stuffed && self.at_start_of_line && line.first() == Some(&b' ') {
            out.push(b' ');
        }
    }

    /// Ends the last line, if that was asked for.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.complete && !self.at_start_of_line {
            out.extend_from_slice(b"\r\n");
            self.at_start_of_line = true;
        }
    }
}
