//! Provides [`Timed`], a socket whose every read and write ends at one deadline.

use crate::interrupt::{Interrupt, SLICE};
use crate::socket::{Socket, Way};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A socket whose reads and writes end at a deadline, however many of them one call of the TLS library makes.
///
/// When the program is interrupted they end at once, or as much later as [`Timed::set_patience`] says.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) socket: Socket,
    pub(crate) deadline: Instant,
    /// Whether reads and writes wait; otherwise they fail by `WouldBlock`.
    pub(crate) waits: bool,
    /// Whether the last write that did not wait found no room.
    pub(crate) lacks_room: bool,
    interrupt: Interrupt,
    /// For how long waits may go on after an interrupt.
    patience: Duration,
    /// The first octets that came, to tell what a peer speaks that is not what was expected.
    pub(crate) first: First,
    /// How many more of them are kept.
    room: usize,
}

/// The first octets, shared because a TLS library that fails does not give the socket back.
pub(crate) type First = Arc<Mutex<Vec<u8>>>;

/// So many of the first octets are kept.
const FIRST: usize = 64;

impl Timed {
    /// One whose reads and writes end at `deadline`, or with an interrupt.
    pub(crate) fn new(socket: Socket, deadline: Instant, interrupt: &Interrupt) -> Self {
        Self {
            socket,
            deadline,
            waits: true,
            lacks_room: false,
            interrupt: interrupt.clone(),
            patience: Duration::ZERO,
            first: First::default(),
            room: FIRST,
        }
    }

    /// Sets the deadline anew.
    pub(crate) const fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Lets waits go on for so long after an interrupt.
    pub(crate) const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The socket, which knows no deadline.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    /// How long the next wait may last.
    fn slice(&self) -> io::Result<Duration> {
        let end = match self.interrupt.seen() {
            Some(seen) => self.deadline.min(seen + self.patience),
            None => self.deadline,
        };
        match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left.min(SLICE)),
        }
    }

    /// Waits for a slice of the time that is left, or until there is something to read, or room where the last write
    /// found none; returns whether there is.
    pub(crate) fn wait(&self) -> io::Result<bool> {
        let way = if self.lacks_room { Way::Both } else { Way::In };
        self.socket.wait(way, self.slice()?)
    }
}

/// Whether the same may be done again.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            let read = if self.waits {
                let limit = self.slice()?;
                self.socket.read_within(buffer, limit)
            } else {
                self.socket.try_read(buffer)
            };
            match read {
                Err(error) if !is_passing(&error) => return Err(error),
                Err(_) if !self.waits => return Err(io::ErrorKind::WouldBlock.into()),
                Err(_) => {}
                Ok(count) => break count,
            }
        };
        if self.room > 0 {
            let kept = count.min(self.room);
            self.room -= kept;
            self.first.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..kept]);
        }
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.lacks_room = false;
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
