//! Provides the buffer that reads go through: one for each thread, so that a connection that waits needs none.

use std::cell::Cell;
use std::thread_local;
use std::vec;
use std::vec::Vec;

/// As much as one read may take; nothing stays in it.
pub(crate) const SIZE: usize = 16 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Takes the thread's buffer, of [`SIZE`]; another one where it is in use.
pub(crate) fn take() -> Vec<u8> {
    // The thread may be about to end.
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    if buffer.len() != SIZE {
        buffer = vec![0; SIZE];
    }
    buffer
}

/// Gives a buffer back, to whichever thread that is.
pub(crate) fn give(buffer: Vec<u8>) {
    // One more than the thread's own is dropped here, as is all of a thread that is about to end.
    let _ = BUFFER.try_with(|own| own.set(buffer));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_one_buffer_and_one_in_use_is_not_shared() {
        let first = take();
        let place = first.as_ptr();
        let second = take();
        assert!(second.as_ptr() != place && second.len() == SIZE);
        give(second);
        give(first);
        let third = take();
        assert_eq!(third.as_ptr(), place);
    }
}
