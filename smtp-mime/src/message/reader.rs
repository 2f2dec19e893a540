//! Provides the octets of a message to whoever asks for them in pieces.

use std::{
    fmt,
    io::{self, BufRead, Read},
};

use crate::{
    Error,
    entity::{Cursor, Plan},
};

/// Reads a message from its first octet to its last, with constant memory.
///
/// It ends (no octets, no error) only behind the last octet of the whole message. A file that vanished, shrank, grew
/// or was written to is an error, whatever was read before, and the error comes again if it is asked once more; so a
/// sender that gives up at an error never sends half a message as if it were whole.
pub struct Reader {
    plan: Plan,
    cursor: Cursor,
    /// How many of the octets at hand are read.
    position: usize,
    /// Octets that are still to come, those at hand not counted.
    left: u64,
    failed: bool,
}

impl Reader {
    pub(crate) fn of(plan: Plan) -> Self {
        Self { left: plan.octets(), plan, cursor: Cursor::default(), position: 0, failed: false }
    }

    /// The next octets, none at the end of the message. What was returned counts as read.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it was.
    pub fn chunk(&mut self) -> Result<&[u8], Error> {
        self.fill()?;
        let octets = self.cursor.at_hand(&self.plan);
        let start = std::mem::replace(&mut self.position, octets.len());
        Ok(&octets[start..])
    }

    /// How many octets are still to be read.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.left + self.at_hand().len() as u64
    }

    /// Whether octets of it come from files, so that reading may wait.
    pub(super) fn reads_files(&self) -> bool {
        self.plan.reads_files()
    }

    fn at_hand(&self) -> &[u8] {
        if self.failed { &[] } else { &self.cursor.at_hand(&self.plan)[self.position..] }
    }

    fn fill(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Changed { name: "a file of the message".to_owned() });
        }
        if !self.at_hand().is_empty() {
            return Ok(());
        }
        self.position = 0;
        match self.cursor.advance(&self.plan) {
            Ok(()) => {
                self.left = self.left.saturating_sub(self.at_hand().len() as u64);
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
        Ok(self.at_hand())
    }

    fn consume(&mut self, octets: usize) {
        self.position += octets.min(self.at_hand().len());
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
