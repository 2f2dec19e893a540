//! Provides the short way of most texts: lines of printable ASCII, looked at and written in one pass.
//!
//! What is said here of a text is what [`Scan`](super::Scan) says of it, and whatever else a text holds is left to that.

use crate::header::fold::LONGEST_LINE;

/// How many octets are looked at together: as many as a word has bits.
const BLOCK: usize = 64;

/// Appends a text with CRLF at the end of each line, if it can be sent as 7bit and its lines end with LF.
///
/// If not, it says so, and what it appended until then is to be thrown away. A text that is `signed` may not have the
/// line `-- ` either, whose blank some relays drop.
pub(crate) fn append_plain(text: &[u8], signed: bool, out: &mut Vec<u8>) -> bool {
    // Lines of a dozen octets on average are few; beyond that the vector grows.
    out.reserve(text.len() + text.len() / 12 + 2);
    let mut line = 0;
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        // What fills the last block is printable, and no line ends in it.
        let mut last = [b'.'; BLOCK];
        let block = if let Some(block) = rest.first_chunk() {
            block
        } else {
            last[..rest.len()].copy_from_slice(rest);
            &last
        };
        let Some(mut ends) = line_ends(block) else { return false };
        while ends != 0 {
            let end = start + ends.trailing_zeros() as usize;
            if !append_line(&text[line..end], signed, out) {
                return false;
            }
            line = end + 1;
            ends &= ends - 1;
        }
        start += BLOCK;
    }
    line == text.len() || append_line(&text[line..], signed, out)
}

/// Where lines end in a block, a bit for each octet; none if it holds anything but printable ASCII, tabs and LF.
///
/// The compiler makes vector instructions of what is done to all octets alike.
#[inline]
fn line_ends(block: &[u8; BLOCK]) -> Option<u64> {
    let marks = block.map(|octet| u8::from(octet == b'\n'));
    let plain = block.iter().fold(true, |all, octet| all & matches!(octet, b' '..=b'~' | b'\n' | b'\t'));
    let (words, _) = marks.as_chunks();
    let ends = words.iter().enumerate().fold(0, |ends, (index, word)| {
        // The multiplication gathers the lowest bits of eight octets in the highest octet.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        ends | (bits << (index * 8))
    });
    plain.then_some(ends)
}

/// Appends a line of printable ASCII and tabs, if it arrives as it is.
#[inline]
fn append_line(line: &[u8], signed: bool, out: &mut Vec<u8>) -> bool {
    if let (Some(first), Some(last)) = (line.first(), line.last()) {
        let odd = line.len() > LONGEST_LINE || matches!(first, b'F' | b'-') || matches!(last, b' ' | b'\t');
        if odd && !odd_line_goes_as_it_is(line, signed) {
            return false;
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
    true
}

/// Whether a line is short enough, does not end with a blank but in `-- `, and begins neither as one that mail stores
/// change nor as a boundary of this crate.
#[cold]
fn odd_line_goes_as_it_is(line: &[u8], signed: bool) -> bool {
    line.len() <= LONGEST_LINE
        && (!line.ends_with(b" ") || (line == b"-- " && !signed))
        && !line.ends_with(b"\t")
        && !line.starts_with(b"From ")
        && !line.starts_with(b"--=_")
}
