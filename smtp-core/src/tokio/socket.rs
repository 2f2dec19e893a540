//! Provides [`Socket`], a connected socket of a tokio runtime that is read and written without waiting.

use crate::network::Witness;
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connected socket, whose reads and writes fail by `WouldBlock` instead of waiting; so a TLS library on top of it
/// serves a task as it serves a thread.
#[derive(Debug)]
pub(super) struct Socket {
    kind: Kind,
    /// Whether a write found no room since this was reset.
    pub(super) lacks_room: bool,
    /// Whether reads ask the system, whatever the runtime knows of it; it only learns from others that nothing is there.
    pub(super) asks_system: bool,
    /// What came, to tell what a peer speaks that is not what was expected.
    witness: Witness,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Carries out an expression for the stream of either kind.
macro_rules! with_stream {
    ($socket:expr, $stream:ident => $expression:expr) => {
        match &$socket.kind {
            Kind::Tcp($stream) => $expression,
            #[cfg(unix)]
            Kind::Unix($stream) => $expression,
        }
    };
}

impl Socket {
    /// A connection over TCP.
    pub(super) fn tcp(stream: TcpStream) -> Self {
        Self::of(Kind::Tcp(stream))
    }

    /// A connection of the file system.
    #[cfg(unix)]
    pub(super) fn unix(stream: UnixStream) -> Self {
        Self::of(Kind::Unix(stream))
    }

    fn of(kind: Kind) -> Self {
        Self { kind, lacks_room: false, asks_system: false, witness: Witness::default() }
    }

    /// What is remembered of what came.
    pub(super) fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// Waits until there is something to read, or room where the last write found none.
    ///
    /// # Errors
    /// When the runtime of the socket is shut down.
    pub(super) async fn ready(&self) -> io::Result<()> {
        let interest =
            if self.lacks_room { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        with_stream!(self, stream => stream.ready(interest).await).map(drop)
    }

    /// Our end of the connection.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// The other end of the connection.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = if self.asks_system {
            with_stream!(self, stream => (&*SockRef::from(stream)).read(buffer))
        } else {
            with_stream!(self, stream => stream.try_read(buffer))
        };
        self.witness.note(&read, buffer);
        read
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = with_stream!(self, stream => stream.try_write(octets));
        self.lacks_room |= matches!(&written, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
