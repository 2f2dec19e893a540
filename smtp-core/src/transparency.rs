//! Provides [`LineEnds`], which repairs line ends and makes mail data transparent (RFC 5321 §4.5.2).
//!
//! Output has CRLF line ends only: a lone CR or LF becomes CRLF *before* dots are doubled, so that no lenient
//! receiver can see an end of the mail data within the message. Input may be divided at any point.

use alloc::vec::Vec;
use memchr::memchr2;

/// The number of octets checked together; small enough to stay in the L1 cache while they are copied.
const BLOCK: usize = 4096;

/// The number of pairs compared at once.
const STRIDE: usize = 64;

/// The state between two pieces of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineEnds {
    at: At,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    LineStart,
    InLine,
    /// A CR was read but not yet written.
    AfterCr,
}

impl LineEnds {
    /// Writes `octets` with line ends repaired, and with `DOTS` doubles each dot at the start of a line.
    pub(crate) fn encode<const DOTS: bool>(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        out.reserve(octets.len());
        while !octets.is_empty() {
            if self.at == At::AfterCr {
                out.extend_from_slice(b"\r\n");
                self.at = At::LineStart;
                octets = octets.strip_prefix(b"\n").unwrap_or(octets);
                continue;
            }
            let (block, following) = octets.split_at(octets.len().min(BLOCK));
            if self.is_clean::<DOTS>(block) {
                self.copy(block, out);
            } else {
                self.repair::<DOTS>(block, out);
            }
            octets = following;
        }
    }

    /// Completes the last line, if it has no line end.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.at != At::LineStart {
            out.extend_from_slice(b"\r\n");
            self.at = At::LineStart;
        }
    }

    /// Returns whether `block` can be copied unchanged.
    ///
    /// It compares each octet with the next one, without a branch within [`STRIDE`] pairs, so that the compiler can
    /// vectorize it; that worked reliably only in a function of its own, not inlined.
    #[inline(never)]
    fn is_clean<const DOTS: bool>(self, block: &[u8]) -> bool {
        let first = block[0];
        if first == b'\n' || (DOTS && first == b'.' && self.at == At::LineStart) {
            return false;
        }
        let (strides, rest) = block[..block.len() - 1].as_chunks::<STRIDE>();
        let (following_strides, following_rest) = block[1..].as_chunks::<STRIDE>();
        if strides
            .iter()
            .zip(following_strides)
            .any(|(octets, following)| faults::<DOTS>(octets, following) != 0)
        {
            return false;
        }
        // the remaining pairs are compared in a last stride that overlaps the previous one
        if let (Some(octets), Some(following)) = (block[..block.len() - 1].last_chunk(), block.last_chunk()) {
            return faults::<DOTS>(octets, following) == 0;
        }
        let (mut octets, mut following) = ([0; STRIDE], [0; STRIDE]);
        octets[..rest.len()].copy_from_slice(rest);
        following[..rest.len()].copy_from_slice(following_rest);
        faults::<DOTS>(&octets, &following) == 0
    }

    /// Copies a clean block; a CR at its end waits for the next octet.
    fn copy(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let rest = block.strip_suffix(b"\r");
        out.extend_from_slice(rest.unwrap_or(block));
        self.at = match rest {
            Some(_) => At::AfterCr,
            None if block.ends_with(b"\n") => At::LineStart,
            None => At::InLine,
        };
    }

    /// Repairs any block, line by line.
    fn repair<const DOTS: bool>(&mut self, mut block: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = block.first() {
            if self.at == At::AfterCr {
                out.extend_from_slice(b"\r\n");
                self.at = At::LineStart;
                if first == b'\n' {
                    block = &block[1..];
                }
                continue;
            }
            if DOTS && self.at == At::LineStart && first == b'.' {
                out.push(b'.');
            }
            let Some(end) = memchr2(b'\r', b'\n', block) else {
                out.extend_from_slice(block);
                self.at = At::InLine;
                return;
            };
            out.extend_from_slice(&block[..end]);
            if block[end] == b'\n' {
                out.extend_from_slice(b"\r\n");
                self.at = At::LineStart;
            } else {
                self.at = At::AfterCr;
            }
            block = &block[end + 1..];
        }
    }
}

/// Returns non-zero when a pair of octets needs a repair: half a line end, or a dot at the start of a line.
#[inline]
fn faults<const DOTS: bool>(octets: &[u8; STRIDE], following: &[u8; STRIDE]) -> u8 {
    let mut fault = 0;
    for (&a, &b) in octets.iter().zip(following) {
        fault |= u8::from(a == b'\r') ^ u8::from(b == b'\n');
        if DOTS {
            fault |= u8::from(a == b'\n') & u8::from(b == b'.');
        }
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A slow reference implementation of the RFC, octet by octet.
    fn reference(octets: &[u8], dots: bool) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = alloc::vec![Vec::new()];
        let mut previous = 0;
        for &octet in octets {
            match (previous, octet) {
                (b'\r', b'\n') => {}
                (_, b'\r' | b'\n') => lines.push(Vec::new()),
                _ => lines.last_mut().unwrap().push(octet),
            }
            previous = octet;
        }
        if lines.last().unwrap().is_empty() {
            lines.pop();
        }
        let mut out = Vec::new();
        for line in lines {
            if dots && line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(&line);
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    fn encoded<const DOTS: bool>(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut state, mut out) = (LineEnds::default(), Vec::new());
        for chunk in chunks {
            state.encode::<DOTS>(chunk, &mut out);
        }
        state.finish(&mut out);
        out
    }

    #[test]
    fn the_examples() {
        for (message, expected) in [
            (&b""[..], &b""[..]),
            (b".", b"..\r\n"),
            (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n"),
            (b"a\n.\nb", b"a\r\n..\r\nb\r\n"),
            (b"a\r.\rb", b"a\r\n..\r\nb\r\n"),
            (b"\n.\r\n", b"\r\n..\r\n"),
            (b"a\r\r\nb", b"a\r\n\r\nb\r\n"),
            (b"a\n\rb", b"a\r\n\r\nb\r\n"),
            (b"\r\n\r\n", b"\r\n\r\n"),
            (b"..", b"...\r\n"),
        ] {
            assert_eq!(encoded::<true>(&[message]), expected, "{message:?}");
        }
        assert_eq!(encoded::<false>(&[b".\n."]), b".\r\n.\r\n");
    }

    #[test]
    fn a_block_border_at_every_phase_of_a_line_end() {
        for shift in 0..6 {
            let mut message = alloc::vec![b'x'; BLOCK - 3 + shift];
            message.extend_from_slice(b"\r\n.\r\nend\r.\n.");
            assert_eq!(encoded::<true>(&[&message]), reference(&message, true), "shift {shift}");
            for cut in BLOCK - 4..message.len() {
                assert_eq!(encoded::<true>(&[&message[..cut], &message[cut..]]), reference(&message, true));
            }
        }
    }

    proptest! {
        #[test]
        fn any_message_in_any_cut_equals_the_reference(
            message in prop::collection::vec(prop::sample::select(&b"\r\n.ab"[..]), 0..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut points: Vec<usize> = cuts.iter().map(|cut| cut.index(message.len() + 1)).collect();
            points.extend([0, message.len()]);
            points.sort_unstable();
            let chunks: Vec<&[u8]> = points.windows(2).map(|pair| &message[pair[0]..pair[1]]).collect();
            prop_assert_eq!(encoded::<true>(&chunks), reference(&message, true));
            prop_assert_eq!(encoded::<false>(&chunks), reference(&message, false));
        }

        #[test]
        fn output_has_no_lone_cr_or_lf_and_no_early_end(message: Vec<u8>) {
            let out = encoded::<true>(&[&message]);
            prop_assert!(!out.windows(5).any(|five| five == b"\r\n.\r\n") && !out.starts_with(b".\r\n"));
            let bare = out.iter().enumerate().any(|(at, &octet)| match octet {
                b'\r' => out.get(at + 1) != Some(&b'\n'),
                b'\n' => at == 0 || out[at - 1] != b'\r',
                _ => false,
            });
            prop_assert!(!bare);
        }
    }
}
