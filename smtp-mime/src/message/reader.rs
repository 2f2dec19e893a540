//! Provides the octets of a message to whoever asks for them in pieces.

use std::{
    fmt,
    io::{self, BufRead, Read},
    sync::Arc,
};

use super::Message;
use crate::{
    Error,
    entity::{Plan, PlanReader},
    source::CHUNK,
};

/// Reads a message from its first octet to its last, with constant memory.
///
/// It ends (no octets, no error) only behind the last octet of the whole message. A file that vanished, shrank, grew
/// or was written to is an error, whatever was read before, and the error comes again if it is asked once more; so a
/// sender that gives up at an error never sends half a message as if it were whole.
pub struct Reader {
    plan: PlanReader,
    /// The octets at hand.
    chunk: Vec<u8>,
    position: usize,
    /// Octets that are still to come, those at hand not counted.
    left: u64,
    failed: bool,
}

impl Reader {
    pub(super) fn new(message: &Message) -> Self {
        Self::of(Arc::clone(&message.plan))
    }

    pub(crate) fn of(plan: Arc<Plan>) -> Self {
        let left = plan.octets();
        // The encodings make more of a chunk; what little more it may be is asked for when it comes.
        let chunk = Vec::with_capacity(usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK * 3 / 2));
        Self { plan: PlanReader::new(plan), chunk, position: 0, left, failed: false }
    }

    /// The next octets, none at the end of the message. What was returned counts as read.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it was.
    pub fn chunk(&mut self) -> Result<&[u8], Error> {
        self.fill()?;
        let start = std::mem::replace(&mut self.position, self.chunk.len());
        Ok(&self.chunk[start..])
    }

    /// How many octets are still to be read.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.left + (self.chunk.len() - self.position) as u64
    }

    fn fill(&mut self) -> Result<(), Error> {
        if self.position < self.chunk.len() {
            return Ok(());
        }
        if self.failed {
            return Err(Error::Changed { name: "a file of the message".to_owned() });
        }
        self.position = 0;
        match self.plan.chunk(&mut self.chunk) {
            Ok(()) => {
                self.left = self.left.saturating_sub(self.chunk.len() as u64);
                Ok(())
            }
            Err(error) => {
                self.chunk.clear();
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
        Ok(&self.chunk[self.position..])
    }

    fn consume(&mut self, octets: usize) {
        self.position = (self.position + octets).min(self.chunk.len());
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
