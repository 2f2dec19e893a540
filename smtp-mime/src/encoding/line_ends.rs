//! Converts line ends: every CRLF, lone LF and lone CR becomes CRLF (RFC 2045 §2.7, §6.8; RFC 5322 §2.3).

use memchr::memchr2;

/// The number of bytes checked together; small enough to stay in the L1 cache while they are copied.
const BLOCK: usize = 4096;

/// Converts every line end to CRLF, in pieces of any size.
#[derive(Clone, Debug)]
pub(crate) struct LineEnds {
    after_cr: bool,
    /// Whether the text so far is empty or ends with a line end.
    at_start_of_line: bool,
    /// Whether to add a missing line end to the last line.
    complete: bool,
    /// Whether to add a space to a line that begins with one (RFC 3676 §4.4).
    stuffed: bool,
}

impl LineEnds {
    /// Converts a body, and completes its last line.
    pub(crate) fn complete() -> Self {
        Self { after_cr: false, at_start_of_line: true, complete: true, stuffed: false }
    }

    /// Converts a text that a reader may reflow.
    pub(crate) fn flowed() -> Self {
        Self { stuffed: true, ..Self::complete() }
    }

    /// Converts a part of a text, and adds nothing to its last line.
    pub(crate) fn open() -> Self {
        Self { complete: false, ..Self::complete() }
    }

    /// Converts the next bytes and appends the result.
    pub(crate) fn convert(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        // Most line ends do not grow.
        out.reserve(octets.len() + 2);
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        // Most texts need no change: such a block is copied whole.
        while !self.stuffed && !rest.is_empty() {
            let (block, after) = rest.split_at(rest.len().min(BLOCK));
            let block = if after.is_empty() { block } else { block.strip_suffix(b"\r").unwrap_or(block) };
            if !is_clean(block) {
                break;
            }
            out.extend_from_slice(block);
            self.at_start_of_line = block.ends_with(b"\n");
            rest = &rest[block.len()..];
        }
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            self.stuff(rest, out);
            // A CRLF is copied together with its line.
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

    /// Counts the bytes of the conversion, which is made in `room` only where the text changes.
    pub(crate) fn count(&mut self, octets: &[u8], room: &mut Vec<u8>) -> u64 {
        let (mut count, mut rest) = (0, octets);
        while !rest.is_empty() {
            let (block, after) = rest.split_at(rest.len().min(BLOCK));
            // A CR, which may be half of a CRLF, is processed with the next byte.
            let block = if after.is_empty() { block } else { block.strip_suffix(b"\r").unwrap_or(block) };
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

    /// Completes the last line, if requested.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.complete && !self.at_start_of_line {
            out.extend_from_slice(b"\r\n");
            self.at_start_of_line = true;
        }
    }
}

/// Returns whether all line ends in the block are CRLF.
///
/// It has no branches, so that the compiler can vectorize it; that worked reliably only in a function of its own, not
/// inlined.
#[inline(never)]
fn is_clean(block: &[u8]) -> bool {
    let (Some(first), Some(last)) = (block.first(), block.last()) else { return false };
    let mut fault = u8::from(*first == b'\n') | u8::from(*last == b'\r');
    for (&octet, &next) in block.iter().zip(&block[1..]) {
        fault |= u8::from(octet == b'\r') ^ u8::from(next == b'\n');
    }
    fault == 0
}
