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
    let mut block = [0; BLOCK];
    let mut at = 0;
    let mut line = 0;
    let (words, tail) = text.as_chunks();
    let mut last = *b"........";
    last[..tail.len()].copy_from_slice(tail);
    let words = words.iter().map(|word| (word, 8)).chain([(&last, tail.len())]);
    for (index, (word, octets)) in words.enumerate() {
        if at > BLOCK - MOST {
            out.extend_from_slice(&block[..at]);
            at = 0;
        }
        let word = u64::from_le_bytes(*word);
        put(&mut block, at, word);
        let special = unprintable(word);
        if special != 0 {
            let mut ends = lanes(word, b'\n');
            if special ^ ends != 0 && special ^ ends != lanes(word, b'\t') {
                return false;
            }
            while ends != 0 {
                let lane = (ends.trailing_zeros() / 8) as usize;
                let end = index * 8 + lane;
                if !goes_as_it_is(&text[line..end], signed) {
                    return false;
                }
                line = end + 1;
                // The CR takes the place of the LF, and the rest of the word moves on from there.
                put(&mut block, at + lane + 1, word >> (lane * 8));
                block[at + lane] = b'\r';
                at += 1;
                ends &= ends - 1;
            }
        }
        at += octets;
    }
    out.extend_from_slice(&block[..at]);
    if line < text.len() {
        if !goes_as_it_is(&text[line..], signed) {
            return false;
        }
        out.extend_from_slice(b"\r\n");
    }
    true
}

/// Whether a line of printable ASCII and tabs arrives as it is: it is not too long, does not end with a blank but in
/// `-- `, and begins neither as a line that mail stores change nor as a boundary of this crate.
fn goes_as_it_is(line: &[u8], signed: bool) -> bool {
    let (Some(first), Some(last)) = (line.first(), line.last()) else { return true };
    line.len() <= LONGEST_LINE
        && (!matches!(last, b' ' | b'\t') || (line == b"-- " && !signed))
        && !(*first == b'F' && line.starts_with(b"From "))
        && !(*first == b'-' && line.starts_with(b"--=_"))
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
