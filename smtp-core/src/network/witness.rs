//! Provides [`Witness`], what a socket remembers of what came, for the diagnosis of a failure.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// The first octets that came and how reading ended, shared because a TLS library that fails may not give the socket
/// back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    first: Vec<u8>,
    end: Option<io::ErrorKind>,
}

/// So many of the first octets are kept.
const KEPT: usize = 64;

impl Witness {
    /// Forgets what came, because something else begins.
    pub(crate) fn forget(&self) {
        *self.seen() = Seen::default();
    }

    /// Notes what a read gave.
    pub(crate) fn note(&self, read: &io::Result<usize>, buffer: &[u8]) {
        match read {
            Ok(0) => self.end(io::ErrorKind::UnexpectedEof),
            Ok(count) => {
                let mut seen = self.seen();
                let room = KEPT.saturating_sub(seen.first.len());
                if room > 0 {
                    seen.first.extend_from_slice(&buffer[..room.min(*count)]);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.end(error.kind()),
        }
    }

    /// The first octets.
    pub(crate) fn first(&self) -> Vec<u8> {
        self.seen().first.clone()
    }

    /// How reading ended: at the end of the stream by `UnexpectedEof`.
    pub(crate) fn last_end(&self) -> Option<io::ErrorKind> {
        self.seen().end
    }

    fn end(&self, kind: io::ErrorKind) {
        self.seen().end = Some(kind);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn the_first_octets_are_kept_and_no_more() {
        let witness = Witness::default();
        witness.note(&Ok(3), b"220 hello");
        witness.note(&Err(io::ErrorKind::WouldBlock.into()), b"");
        assert_eq!((witness.first(), witness.last_end()), (b"220".to_vec(), None));
        witness.note(&Ok(100), &[b'x'; 100]);
        assert_eq!(witness.first().len(), KEPT);
        witness.note(&Ok(0), b"");
        assert_eq!(witness.last_end(), Some(io::ErrorKind::UnexpectedEof));
        witness.forget();
        assert_eq!((witness.first(), witness.last_end()), (vec![], None));
    }
}
