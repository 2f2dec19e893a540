//! Provides the short way of most texts: lines of printable ASCII, looked at and written in one pass.
//!
//! Eight octets are looked at in one word. What is said here of a text is what [`Scan`](super::Scan) says of it, and
//! whatever else a text holds is left to that.

use crate::header::fold::LONGEST_LINE;

/// How many octets are put together before they are appended.
const BLOCK: usize = 1024;
/// How many octets one word may make: eight line ends of two octets, and a whole word behind the last one.
const MOST: usize = 24;
/// A one in each of eight octets.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each of eight octets.
const HIGH: u64 = 0x80 * ONES;

/// Appends a text with CRLF at the end of each line, if it can be sent as 7bit and its lines end with LF.
///
/// If not, it says so, and what it appended until then is to be thrown away. A text that is `signed` may not have the
/// line `-- ` either, whose blank some relays drop.
pub(crate) fn append_plain(text: &[u8], signed: bool, out: &mut Vec<u8>) -> bool {
    // Lines of a dozen octets on average are few; beyond that the vector grows.
    out.reserve(text.len() + text.len() / 12 + 2);
    let mut writer = Writer { text, signed, line: 0, block: [0; BLOCK], at: 0 };
    let (words, tail) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        writer.make_room(out);
        if !writer.word(index * 8, u64::from_le_bytes(*word), 8) {
            return false;
        }
    }
    // What fills the last word is printable and not written.
    let mut last = *b"........";
    last[..tail.len()].copy_from_slice(tail);
    writer.make_room(out);
    if !writer.word(words.len() * 8, u64::from_le_bytes(last), tail.len()) {
        return false;
    }
    out.extend_from_slice(&writer.block[..writer.at]);
    let line = &text[writer.line..];
    if !line.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    goes_as_it_is(line, signed)
}

struct Writer<'a> {
    text: &'a [u8],
    signed: bool,
    /// Where the line begins.
    line: usize,
    /// What is put together, up to `at`.
    block: [u8; BLOCK],
    at: usize,
}

impl Writer<'_> {
    fn make_room(&mut self, out: &mut Vec<u8>) {
        if self.at > BLOCK - MOST {
            out.extend_from_slice(&self.block[..self.at]);
            self.at = 0;
        }
    }

    /// Writes the first octets of the word that begins at `start`; says whether they can be written so.
    #[inline]
    fn word(&mut self, start: usize, word: u64, octets: usize) -> bool {
        put(&mut self.block, self.at, word);
        let special = unprintable(word);
        if special != 0 {
            let mut ends = lanes(word, b'\n');
            if special != ends && special ^ ends != lanes(word, b'\t') {
                return false;
            }
            while ends != 0 {
                let lane = (ends.trailing_zeros() / 8) as usize;
                let end = start + lane;
                if !goes_as_it_is(&self.text[self.line..end], self.signed) {
                    return false;
                }
                self.line = end + 1;
                // The CR takes the place of the LF, and the rest of the word moves on from there.
                put(&mut self.block, self.at + lane + 1, word >> (lane * 8));
                self.block[self.at + lane] = b'\r';
                self.at += 1;
                ends &= ends - 1;
            }
        }
        self.at += octets;
        true
    }
}

/// Whether a line of printable ASCII and tabs arrives as it is.
#[inline]
fn goes_as_it_is(line: &[u8], signed: bool) -> bool {
    let (Some(first), Some(last)) = (line.first(), line.last()) else { return true };
    let odd = line.len() > LONGEST_LINE || matches!(first, b'F' | b'-') || matches!(last, b' ' | b'\t');
    !odd || odd_line_goes_as_it_is(line, signed)
}

/// The same of one that may be too long, end with a blank though it is not `-- `, or begin as a line that mail stores
/// change or as a boundary of this crate.
#[cold]
fn odd_line_goes_as_it_is(line: &[u8], signed: bool) -> bool {
    line.len() <= LONGEST_LINE
        && (!line.ends_with(b" ") || (line == b"-- " && !signed))
        && !line.ends_with(b"\t")
        && !line.starts_with(b"From ")
        && !line.starts_with(b"--=_")
}

fn put(block: &mut [u8; BLOCK], at: usize, word: u64) {
    block[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

/// The highest bit of each octet that is no printable ASCII.
fn unprintable(word: u64) -> u64 {
    let low = word & !HIGH;
    // Below a blank the sum stays below 0x80; DEL reaches it.
    (!(low + 0x60 * ONES) | (low + ONES) | word) & HIGH
}

/// The highest bit of each octet that is this one, which is ASCII.
fn lanes(word: u64, octet: u8) -> u64 {
    let differing = word ^ (u64::from(octet) * ONES);
    !(((differing & !HIGH) + !HIGH) | differing) & HIGH
}
