//! Provides [`Socket`], a connected socket that can be read and written with and without waiting.
//!
//! On Unix a socket waits in its read, for which the system is told a limit once; so a message and its reply take one
//! write and one read. Windows forbids a socket whose read or write timed out, so there it never waits by itself.

use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    /// How long a read waits, as the system was last told.
    #[cfg(unix)]
    read_limit: Option<Duration>,
}

/// Whether a socket waits in its read.
pub(crate) const WAITS: bool = cfg!(unix);

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// Carries out an expression for the stream of either kind.
macro_rules! with_stream {
    ($socket:expr, $stream:ident => $expression:expr) => {
        match &$socket.stream {
            Stream::Tcp($stream) => $expression,
            #[cfg(unix)]
            Stream::Unix($stream) => $expression,
        }
    };
}

/// Which ways a socket is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
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
    pub(crate) const fn tcp(stream: TcpStream) -> Self {
        Self::of(Stream::Tcp(stream))
    }

    /// A connection of the file system.
    #[cfg(unix)]
    pub(crate) const fn unix(stream: std::os::unix::net::UnixStream) -> Self {
        Self::of(Stream::Unix(stream))
    }

    const fn of(stream: Stream) -> Self {
        Self {
            stream,
            #[cfg(unix)]
            read_limit: None,
        }
    }

    /// Reads what is there, or what comes within `limit`; fails by `WouldBlock` where nothing does.
    #[cfg(unix)]
    pub(crate) fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        // Below a millisecond some systems round to none, which would be for ever.
        let limit = limit.max(Duration::from_millis(1));
        if self.read_limit != Some(limit) {
            with_stream!(self, stream => stream.set_read_timeout(Some(limit)))?;
            self.read_limit = Some(limit);
        }
        self.receive(buffer, rustix::net::RecvFlags::empty())
    }

    /// Reads what is there, or what comes within `limit`; fails by `WouldBlock` where nothing does.
    #[cfg(windows)]
    pub(crate) fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        self.wait(Way::In, limit)?;
        self.try_read(buffer)
    }

    /// Reads what is there; fails by `WouldBlock` where there is nothing.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let flags = rustix::net::RecvFlags::DONTWAIT;
        #[cfg(windows)]
        let flags = rustix::net::RecvFlags::empty();
        self.receive(buffer, flags)
    }

    fn receive(&self, buffer: &mut [u8], flags: rustix::net::RecvFlags) -> io::Result<usize> {
        let (count, _) = with_stream!(self, stream => rustix::net::recv(stream, buffer, flags))?;
        Ok(count)
    }

    /// Writes as much as there is room for; fails by `WouldBlock` where there is none.
    pub(crate) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let flags = rustix::net::SendFlags::DONTWAIT;
        #[cfg(windows)]
        let flags = rustix::net::SendFlags::empty();
        Ok(with_stream!(self, stream => rustix::net::send(stream, octets, flags))?)
    }

    /// Waits no longer than `limit`, or until a signal comes; returns whether that way is free.
    pub(crate) fn wait(&self, way: Way, limit: Duration) -> io::Result<bool> {
        with_stream!(self, stream => wait(stream, way, limit))
    }

    /// Our own address, for a hello without a name.
    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        self.local().map(|address| address.ip().to_canonical())
    }

    /// Our end of the connection.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Stream::Unix(_) => None,
        }
    }

    /// The other end of the connection.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Stream::Unix(_) => None,
        }
    }
}

/// Waits no longer than `limit` until that way of `socket` is free; says whether it is. A signal ends the wait too.
pub(crate) fn wait(socket: &impl rustix::fd::AsFd, way: Way, limit: Duration) -> io::Result<bool> {
    // What does not fit is longer than anybody waits.
    let limit = Timespec::try_from(limit).ok();
    match rustix::event::poll(&mut [PollFd::new(socket, way.flags())], limit.as_ref()) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
