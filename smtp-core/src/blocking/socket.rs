//! Provides [`Socket`], a connected socket that can be read and written with and without waiting.
//!
//! On Unix a socket waits in its read, for which the system is told a limit once; so a message and its reply take one
//! write and one read. Windows forbids a socket whose read or write timed out, so there it never waits by itself.

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use std::vec::Vec;

/// A connected socket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Kind,
    /// How long a read waits, as the system was last told.
    #[cfg(unix)]
    read_limit: Option<Duration>,
}

/// Whether a socket waits in its read.
pub(super) const WAITS: bool = cfg!(unix);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// Carries out an expression for the stream of either kind.
macro_rules! with_stream {
    ($socket:expr, $stream:ident => $expression:expr) => {
        match &$socket.stream {
            Kind::Tcp($stream) => $expression,
            #[cfg(unix)]
            Kind::Unix($stream) => $expression,
        }
    };
}

/// A write never waits, and one to a peer that is gone is an error, not a signal.
#[cfg(all(unix, not(target_vendor = "apple")))]
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(all(unix, target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::DONTWAIT;
#[cfg(windows)]
const SEND: SendFlags = SendFlags::empty();

/// What a read that does not wait is asked by.
#[cfg(unix)]
const RECEIVE: RecvFlags = RecvFlags::DONTWAIT;
#[cfg(windows)]
const RECEIVE: RecvFlags = RecvFlags::empty();

/// Which way of a socket is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Until there is something to read.
    In,
    /// Until there is room to write.
    Out,
    /// Until either.
    Both,
}

impl Way {
    const fn flags(self) -> PollFlags {
        match self {
            Self::In => PollFlags::IN,
            Self::Out => PollFlags::OUT,
            Self::Both => PollFlags::IN.union(PollFlags::OUT),
        }
    }
}

impl Socket {
    /// A connection over TCP, which [`WAITS`] or does not.
    pub(super) const fn tcp(stream: TcpStream) -> Self {
        Self::of(Kind::Tcp(stream))
    }

    /// A connection of the file system.
    #[cfg(unix)]
    pub(super) const fn unix(stream: std::os::unix::net::UnixStream) -> Self {
        Self::of(Kind::Unix(stream))
    }

    const fn of(stream: Kind) -> Self {
        Self {
            stream,
            #[cfg(unix)]
            read_limit: None,
        }
    }

    /// Reads what is there, or what comes within `limit`; fails by `WouldBlock` if nothing does.
    #[cfg(unix)]
    pub(super) fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        // Below a millisecond some systems round to none, which would be for ever.
        let limit = limit.max(Duration::from_millis(1));
        if self.read_limit != Some(limit) {
            with_stream!(self, stream => stream.set_read_timeout(Some(limit)))?;
            self.read_limit = Some(limit);
        }
        self.receive(buffer, RecvFlags::empty())
    }

    /// Reads what is there, or what comes within `limit`; fails by `WouldBlock` if nothing does.
    #[cfg(windows)]
    pub(super) fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        self.wait(Way::In, limit)?;
        self.try_read(buffer)
    }

    /// Reads what is there; fails by `WouldBlock` if there is nothing.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer, RECEIVE)
    }

    fn receive(&self, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        let (count, _) = with_stream!(self, stream => rustix::net::recv(stream, buffer, flags))?;
        Ok(count)
    }

    /// Writes as much as there is room for; fails by `WouldBlock` if there is none.
    pub(super) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(with_stream!(self, stream => rustix::net::send(stream, octets, SEND))?)
    }

    /// Waits no longer than `limit`, or until a signal comes; returns whether that way is free.
    pub(super) fn wait(&self, way: Way, limit: Duration) -> io::Result<bool> {
        with_stream!(self, stream => poll(&mut [PollFd::new(stream, way.flags())], limit))
    }

    /// Our end of the connection.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        match &self.stream {
            Kind::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }

    /// The other end of the connection.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match &self.stream {
            Kind::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Kind::Unix(_) => None,
        }
    }
}

/// Waits no longer than `limit` until one of these sockets has room, or has failed; says of each whether it has.
pub(super) fn wait_for_room<S: rustix::fd::AsFd>(sockets: &[S], limit: Duration) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, Way::Out.flags())).collect();
    poll(&mut polled, limit)?;
    Ok(polled.iter().map(|socket| !socket.revents().is_empty()).collect())
}

/// Waits no longer than `limit`; says whether one of these is ready. A signal ends the wait too.
fn poll(polled: &mut [PollFd<'_>], limit: Duration) -> io::Result<bool> {
    // What does not fit is longer than anybody waits.
    let limit = Timespec::try_from(limit).ok();
    match rustix::event::poll(polled, limit.as_ref()) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
