//! Receives mail data: undoes transparency, finds the end, and keeps no more than it may.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Finds where a line ends and the next begins with a dot. The CR before it is looked at by hand: with it, the finder would
/// stop at every line, for both octets of a line end are rarer than a dot.
static DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n."));

/// The state of one DATA command's mail data, across any cut of the octets.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) octets: Vec<u8>,
    /// Octets of the message, kept or not.
    pub(super) size: u64,
    /// Octets on the wire.
    pub(super) wire: u64,
    /// The end was found.
    pub(super) ended: bool,
    limit: u64,
    keep: bool,
    at_line_begin: bool,
}

impl Body {
    /// Mail data of which at most `limit` octets are kept, or none at all, with room for what is expected.
    pub(super) fn new(limit: u64, keep: bool, expected: usize) -> Self {
        let octets = Vec::with_capacity(if keep { expected } else { 0 });
        Self { octets, size: 0, wire: 0, ended: false, limit, keep, at_line_begin: true }
    }

    /// Takes what it can of the input and tells how much, and whether the end was in it.
    ///
    /// Only CRLF, dot, CRLF is the end (RFC 5321 §4.1.1.4): a server that took less would let mail be smuggled.
    pub(super) fn take(&mut self, input: &[u8]) -> (usize, bool) {
        let mut at = 0;
        let mut end = false;
        while at < input.len() {
            let rest = &input[at..];
            if self.at_line_begin && rest[0] == b'.' {
                if rest.starts_with(b".\r\n") {
                    at += 3;
                    end = true;
                    break;
                }
                if b".\r\n".starts_with(rest) {
                    break;
                }
                // Transparency: the first of two dots, or of a dot and something else, is not part of the message.
                at += 1;
                self.at_line_begin = false;
                continue;
            }
            match find_dot(rest) {
                Some(found) => {
                    self.append(&rest[..found + 2]);
                    self.at_line_begin = true;
                    at += found + 2;
                }
                None if rest.ends_with(b"\r") => {
                    // It may be the CR of the end: wait for what follows.
                    self.append(&rest[..rest.len() - 1]);
                    if rest.len() > 1 {
                        self.at_line_begin = false;
                    }
                    at = input.len() - 1;
                    break;
                }
                None => {
                    self.append(rest);
                    self.at_line_begin = rest.ends_with(b"\r\n");
                    at = input.len();
                }
            }
        }
        self.wire += at as u64;
        self.ended |= end;
        (at, end)
    }

    /// Adds octets as they are, for chunks.
    pub(super) fn append(&mut self, octets: &[u8]) {
        self.size += octets.len() as u64;
        if self.keep && self.size <= self.limit {
            self.octets.extend_from_slice(octets);
        } else if self.size > self.limit {
            // It will be refused: what was kept is of no use.
            self.octets = Vec::new();
        }
    }

    /// The message, in no more room than it needs: it may be kept for long.
    pub(super) fn into_octets(mut self) -> Vec<u8> {
        if self.octets.capacity() - self.octets.len() > self.octets.len() / 8 {
            self.octets.shrink_to_fit();
        }
        self.octets
    }
}

/// Where CRLF and a dot are: the end of the mail data, or a dot too much.
fn find_dot(octets: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let line_feed = from + DOT.find(&octets[from..])?;
        if line_feed > 0 && octets[line_feed - 1] == b'\r' {
            return Some(line_feed - 1);
        }
        from = line_feed + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds the octets in these cuts and gives the message and what was left.
    fn receive(wire: &[u8], cuts: &[usize]) -> (Vec<u8>, bool, usize) {
        let mut body = Body::new(u64::MAX, true, 0);
        let mut pending = Vec::new();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (wire.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(wire.len());
        let mut begin = 0;
        for cut in cuts {
            pending.extend_from_slice(&wire[begin..cut]);
            begin = cut;
            let (taken, end) = body.take(&pending);
            pending.drain(..taken);
            if end {
                return (body.octets, true, pending.len() + wire.len() - begin);
            }
        }
        (body.octets, false, pending.len())
    }

    #[test]
    fn transparency_is_undone_and_only_the_true_end_ends() {
        for (wire, message, left) in [
            (&b".\r\n"[..], &b""[..], 0),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", 6),
            (b"..\r\n.\r\n", b".\r\n", 0),
            (b".a\r\n...\r\n.\r\n", b"a\r\n..\r\n", 0),
            (b"a\n.\nb\r\n.\n\r\n.\r\n", b"a\n.\nb\r\n\n\r\n", 0),
            (b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n", 0),
            (b"\r\n.\r\n", b"\r\n", 0),
        ] {
            assert_eq!(receive(wire, &[]), (message.to_vec(), true, left), "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted_and_not_kept() {
        let mut body = Body::new(4, true, 0);
        assert_eq!(body.take(b"123456\r\n.\r\n"), (11, true));
        assert_eq!((body.size, body.octets.len()), (8, 0));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            wire in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'x')], 0..40),
            cuts in proptest::collection::vec(any::<usize>(), 0..6),
        ) {
            let mut wire = wire;
            wire.extend_from_slice(b"\r\n.\r\n");
            prop_assert_eq!(receive(&wire, &cuts), receive(&wire, &[]));
        }
    }
}
