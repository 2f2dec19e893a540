//! Provides the fast path for most texts: lines of printable ASCII, checked and written in one pass.
//!
//! It agrees with [`Scan`](super::Scan), to which all other texts are left.

use crate::header::fold::MAX_LINE;

/// The number of bytes checked together, one for each bit of a word.
const BLOCK: usize = 64;

/// Appends a text with CRLF line ends, if it can be sent as 7bit and its lines end in LF.
///
/// Otherwise it returns `false`, and the caller discards what was appended. If the text is to be `signed`, the line
/// `-- ` is not allowed either, because some relays remove its trailing space.
pub(crate) fn append_plain(text: &[u8], signed: bool, out: &mut Vec<u8>) -> bool {
    // Assumes lines of at least a dozen bytes on average; otherwise the vector grows.
    out.reserve(text.len() + text.len() / 12 + 2);
    let mut line = 0;
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        // The padding of the last block is printable and has no line end.
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

/// Returns a bit for each line end in a block, or `None` if it has anything but printable ASCII, tabs and LF.
///
/// All bytes are treated alike, so that the compiler can vectorize it.
#[inline]
fn line_ends(block: &[u8; BLOCK]) -> Option<u64> {
    let marks = block.map(|octet| u8::from(octet == b'\n'));
    let plain = block.iter().fold(true, |all, octet| all & matches!(octet, b' '..=b'~' | b'\n' | b'\t'));
    let (words, _) = marks.as_chunks();
    let ends = words.iter().enumerate().fold(0, |ends, (index, word)| {
        // The multiplication gathers the lowest bits of eight bytes in the highest byte.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        ends | (bits << (index * 8))
    });
    plain.then_some(ends)
}

/// Appends a line of printable ASCII and tabs, if it would arrive unchanged.
#[inline]
fn append_line(line: &[u8], signed: bool, out: &mut Vec<u8>) -> bool {
    if let (Some(first), Some(last)) = (line.first(), line.last()) {
        let odd = line.len() > MAX_LINE || matches!(first, b'F' | b'-') || matches!(last, b' ' | b'\t');
        if odd && !can_send_unchanged(line, signed) {
            return false;
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
    true
}

/// Returns whether an unusual line would arrive unchanged.
///
/// It must be short enough, must not end with a space except in `-- `, and must not look like a boundary of this
/// crate or a line that mail stores change.
#[cold]
fn can_send_unchanged(line: &[u8], signed: bool) -> bool {
    line.len() <= MAX_LINE
        && (!line.ends_with(b" ") || (line == b"-- " && !signed))
        && !line.ends_with(b"\t")
        && !line.starts_with(b"From ")
        && !line.starts_with(b"--=_")
}
