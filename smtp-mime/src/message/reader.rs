//! Provides [`Reader`], which returns a message in pieces.

use std::{
    fmt,
    io::{self, BufRead, Read},
};

use crate::{
    Error,
    entity::{Cursor, Plan},
};

/// Reads a message from start to end, with constant memory.
///
/// It ends (no bytes, no error) only after the last byte of the message. A file that was removed, truncated, extended
/// or modified is an error, which is repeated on further reads; so a sender that stops at an error never sends a part
/// of a message as a whole.
pub struct Reader {
    plan: Plan,
    cursor: Cursor,
    /// The number of current bytes that were read.
    position: usize,
    /// The number of bytes after the current ones.
    remaining: u64,
    failed: bool,
}

impl Reader {
    pub(crate) fn of(plan: Plan) -> Self {
        Self { remaining: plan.octets(), plan, cursor: Cursor::default(), position: 0, failed: false }
    }

    /// Returns the next bytes, which count as read; empty at the end of the message.
    ///
    /// # Errors
    /// When a file cannot be read or has changed.
    pub fn chunk(&mut self) -> Result<&[u8], Error> {
        self.fill()?;
        let octets = self.cursor.current_bytes(&self.plan);
        let start = std::mem::replace(&mut self.position, octets.len());
        Ok(&octets[start..])
    }

    /// The number of bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.remaining + self.current_bytes().len() as u64
    }

    /// Whether octets of it come from files, so that reading may wait.
    pub(super) fn reads_files(&self) -> bool {
        self.plan.reads_files()
    }

    fn current_bytes(&self) -> &[u8] {
        if self.failed { &[] } else { &self.cursor.current_bytes(&self.plan)[self.position..] }
    }

    fn fill(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Changed { name: "a file of the message".to_owned() });
        }
        if !self.current_bytes().is_empty() {
            return Ok(());
        }
        self.position = 0;
        match self.cursor.advance(&self.plan) {
            Ok(()) => {
                self.remaining = self.remaining.saturating_sub(self.current_bytes().len() as u64);
                Ok(())
            }
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let octets = available.len().min(buffer.len());
        buffer[..octets].copy_from_slice(&available[..octets]);
        self.consume(octets);
        Ok(octets)
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        Ok(self.current_bytes())
    }

    fn consume(&mut self, octets: usize) {
        self.position += octets.min(self.current_bytes().len());
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
