//! Provides [`Timed`], a socket whose every read and write ends at one deadline.

use super::cancel::{Cancel, slice};
use super::socket::{Socket, Way};
use crate::network::Witness;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// A socket whose reads and writes end at a deadline, however many of them one call of the TLS library makes.
///
/// After a cancellation they end at once, or as much later as [`Timed::patience`] says.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) socket: Socket,
    pub(super) deadline: Instant,
    /// Whether reads and writes wait; otherwise they fail by `WouldBlock`.
    pub(super) waits: bool,
    /// Whether a write that did not wait found no room since this was reset.
    pub(super) lacks_room: bool,
    /// What ends waits early.
    pub(super) cancel: Cancel,
    /// For how long waits may go on after a cancellation.
    pub(super) patience: Duration,
    /// What came, to tell what a peer speaks that is not what was expected.
    witness: Witness,
}

impl Timed {
    /// One whose reads and writes end at `deadline`, or by `cancel`.
    pub(super) fn new(socket: Socket, deadline: Instant, cancel: &Cancel) -> Self {
        Self {
            socket,
            deadline,
            waits: true,
            lacks_room: false,
            cancel: cancel.clone(),
            patience: Duration::ZERO,
            witness: Witness::default(),
        }
    }

    /// What is remembered of what came.
    pub(super) fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// The socket, which knows no deadline.
    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    /// How long the next wait may last.
    fn slice(&self) -> io::Result<Duration> {
        slice(self.deadline, &self.cancel, self.patience).ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// Waits for a slice of the time that is left, or until there is something to read, or room where the last write
    /// found none; returns whether there is.
    pub(super) fn wait(&self) -> io::Result<bool> {
        let way = if self.lacks_room { Way::Both } else { Way::In };
        self.socket.wait(way, self.slice()?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = if self.waits {
                let limit = self.slice()?;
                self.socket.read_within(buffer, limit)
            } else {
                self.socket.try_read(buffer)
            };
            match read {
                Err(error) if is_passing(&error) => {
                    if !self.waits {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                }
                result => return result,
            }
        }
    }
}

/// Whether the same may be done again.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.receive(buffer);
        self.witness.note(&read, buffer);
        read
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            match self.socket.try_write(octets) {
                Err(error) if is_passing(&error) => {}
                result => return result,
            }
            if !self.waits {
                self.lacks_room = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.socket.wait(Way::Out, self.slice()?)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
