//! Provides line ends: CRLF for every CRLF, lone LF and lone CR (RFC 2045 §2.7, §6.8; RFC 5322 §2.3).

use memchr::memchr2;

/// Octets looked at together: few enough to stay in the first-level cache while they are copied.
const BLOCK: usize = 4096;

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
        // Most texts have the line ends that they need: a block of those goes as a whole.
        while !self.stuffed && !rest.is_empty() {
            let (block, behind) = rest.split_at(rest.len().min(BLOCK));
            let block = if behind.is_empty() { block } else { block.strip_suffix(b"\r").unwrap_or(block) };
            if !is_clean(block) {
                break;
            }
            out.extend_from_slice(block);
            self.at_start_of_line = block.ends_with(b"\n");
            rest = &rest[block.len()..];
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

    /// How many octets the next ones become. They are converted, into `room`, only where they change.
    pub(crate) fn count(&mut self, octets: &[u8], room: &mut Vec<u8>) -> u64 {
        let (mut count, mut rest) = (0, octets);
        while !rest.is_empty() {
            let (block, behind) = rest.split_at(rest.len().min(BLOCK));
            // What may be half a CRLF goes with the other half.
            let block = if behind.is_empty() { block } else { block.strip_suffix(b"\r").unwrap_or(block) };
            if !self.stuffed && !self.after_cr && is_clean(block) {
                count += block.len() as u64;
                self.at_start_of_line = block.ends_with(b"\n");
            } else {
                room.clear();
                self.convert(block, room);
                count += room.len() as u64;
            }
            rest = &rest[block.len()..];
        }
        count
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

/// Whether every line end among these octets is a whole CRLF. One pass without branches, which the compiler makes a
/// vector loop of: of this function alone it does so whoever calls it.
#[inline(never)]
fn is_clean(block: &[u8]) -> bool {
    let (Some(first), Some(last)) = (block.first(), block.last()) else { return false };
    let mut fault = u8::from(*first == b'\n') | u8::from(*last == b'\r');
    for (&octet, &behind) in block.iter().zip(&block[1..]) {
        fault |= u8::from(octet == b'\r') ^ u8::from(behind == b'\n');
    }
    fault == 0
}
