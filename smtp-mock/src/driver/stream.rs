//! Defines a socket of either kind, with and without TLS, as the driver wants it.

#[cfg(unix)]
use std::os::{
    fd::{AsRawFd, RawFd},
    unix::net::UnixStream,
};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use native_tls::{HandshakeError, TlsStream};
use socket2::SockRef;

use super::{Connection, listener::Shared};
use crate::{
    scenario::{Close, HandshakeFault, print_duration},
    session::{Handshake, Secured},
};

/// How long an orderly close waits for the client's end before it gives up.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// A TCP or unix socket.
///
/// A clone is another handle on the same descriptor, not a descriptor of its own: it costs no system call.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Tcp(Arc<TcpStream>),
    #[cfg(unix)]
    Unix(Arc<UnixStream>),
}

impl Raw {
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown(how),
        }
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }

    /// Acknowledges what was read at once (`TCP_QUICKACK`); the system forgets the wish with the next reply.
    pub(crate) fn acknowledge(&self) {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Self::Tcp(stream) = self {
            // Should it fail, the acknowledgement comes with the reply.
            let _ = SockRef::from(&**stream).set_tcp_quickack(true);
        }
    }

    /// Limits each write that makes no progress.
    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(limit),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_write_timeout(limit),
        }
    }

    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(limit),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(limit),
        }
    }

    /// Makes the close that follows a reset. A unix socket has none: its client reads the end.
    pub(crate) fn reset_on_close(&self) {
        match self {
            Self::Tcp(stream) => {
                // Should it fail, the close is an orderly one; there is nobody to tell.
                let _ = SockRef::from(&**stream).set_linger(Some(Duration::ZERO));
            }
            #[cfg(unix)]
            Self::Unix(_) => {}
        }
    }
}

#[cfg(unix)]
impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&**stream).read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => (&**stream).read(buffer),
        }
    }
}

impl Write for Raw {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&**stream).write(octets),
            #[cfg(unix)]
            Self::Unix(stream) => (&**stream).write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a handshake is done on: octets that were read already, then the socket.
#[derive(Debug)]
struct Transport {
    first: io::Cursor<Vec<u8>>,
    raw: Raw,
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.first.read(buffer)? {
            0 => self.raw.read(buffer),
            count => Ok(count),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.raw.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.raw.flush()
    }
}

/// A socket with what has become of it.
#[derive(Debug)]
enum State {
    Clear(Raw),
    Secure(Box<TlsStream<Transport>>),
    Closed,
}

/// A socket of the mock.
#[derive(Debug)]
pub(crate) struct Stream {
    state: State,
    shared: Arc<Shared>,
    number: u64,
    limit: Option<Duration>,
}

impl Stream {
    pub(crate) fn new(raw: Raw, shared: Arc<Shared>, number: u64) -> Self {
        // Without it, a client that reads nothing keeps its session; should it fail, the session lasts longer.
        let _ = raw.set_write_timeout(shared.idle());
        Self { state: State::Clear(raw), shared, number, limit: None }
    }

    /// An error for eyes, where the client took or said nothing for as long as it may.
    fn explain(&self, error: io::Error) -> io::Error {
        let silence = print_duration(self.shared.idle().unwrap_or_default());
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                io::Error::new(io::ErrorKind::TimedOut, format!("it read nothing for {silence}"))
            }
            _ => error,
        }
    }

    fn raw(&self) -> Option<&Raw> {
        match &self.state {
            State::Clear(raw) => Some(raw),
            State::Secure(stream) => Some(&stream.get_ref().raw),
            State::Closed => None,
        }
    }

    fn set_limit(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if self.limit != limit
            && let Some(raw) = self.raw()
        {
            raw.set_read_timeout(limit)?;
            self.limit = limit;
        }
        Ok(())
    }

    fn reset(&mut self) {
        if let Some(raw) = self.raw() {
            raw.reset_on_close();
        }
        // The reset leaves when the last handle is dropped: the one that a stop would use has to go first.
        self.shared.forget(self.number);
        self.state = State::Closed;
    }

    /// Ends our direction, then reads what the client still sends: octets left unread would make the close a reset.
    fn finish(&mut self) {
        if let State::Secure(stream) = &mut self.state {
            let _ = stream.shutdown();
        }
        if let Some(raw) = self.raw() {
            let _ = raw.shutdown(Shutdown::Write);
        }
        let begin = Instant::now();
        let mut buffer = [0; 4096];
        while let Some(left) = LINGER.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
            if self.set_limit(Some(left)).is_err() {
                break;
            }
            let count = match &mut self.state {
                State::Clear(raw) => raw.read(&mut buffer),
                State::Secure(stream) => stream.get_mut().read(&mut buffer),
                State::Closed => break,
            };
            match count {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.state = State::Closed;
    }

    /// Waits for the client's hello and does what the plan has in place of the handshake.
    fn fault(&mut self, mut transport: Transport, fault: HandshakeFault) -> String {
        let mut buffer = [0; 4096];
        let heard = transport.read(&mut buffer).is_ok_and(|count| count > 0);
        if heard && let Some(octets) = fault.octets() {
            let _ = transport.write_all(octets);
        }
        if fault == HandshakeFault::Stall {
            let _ = transport.raw.set_read_timeout(None);
            while transport.read(&mut buffer).is_ok_and(|count| count > 0) {}
        }
        self.state = State::Clear(transport.raw);
        if fault == HandshakeFault::Rst {
            self.reset();
        } else {
            self.finish();
        }
        format!("by plan ({fault:?})").to_lowercase()
    }
}

impl Connection for Stream {
    const READS_IN_TIME: bool = true;

    fn read(&mut self, buffer: &mut [u8], limit: Option<Duration>) -> io::Result<Option<usize>> {
        self.set_limit(limit)?;
        loop {
            let count = match &mut self.state {
                State::Clear(raw) => raw.read(buffer),
                State::Secure(stream) => stream.read(buffer),
                State::Closed => Ok(0),
            };
            match count {
                Ok(count) => {
                    if let Some(raw) = self.raw() {
                        self.shared.acknowledge(raw);
                    }
                    return Ok(Some(count));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(None),
                    _ => return Err(error),
                },
            }
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let written = match &mut self.state {
            State::Clear(raw) => raw.write_all(octets),
            State::Secure(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
            State::Closed => Err(io::ErrorKind::NotConnected.into()),
        };
        written.map_err(|error| self.explain(error))
    }

    fn handshake(&mut self, handshake: Handshake, first: Vec<u8>) -> Result<Secured, String> {
        let raw = match core::mem::replace(&mut self.state, State::Closed) {
            State::Clear(raw) => raw,
            other => {
                self.state = other;
                return Err("TLS is up already".to_owned());
            }
        };
        // The limit of a read before must not cut the handshake short; silence does.
        let idle = self.shared.idle();
        let _ = raw.set_read_timeout(idle);
        self.limit = idle;
        let transport = Transport { first: io::Cursor::new(first), raw };
        if let Some(fault) = handshake.fault {
            return Err(self.fault(transport, fault));
        }
        let (acceptor, _) = self.shared.acceptors.acceptor(handshake.certificate)?;
        let stream = acceptor.accept(transport).map_err(|error| match error {
            HandshakeError::WouldBlock(_) => {
                format!("the client was silent for {}", print_duration(idle.unwrap_or_default()))
            }
            HandshakeError::Failure(error) => error.to_string(),
        })?;
        let end_point = stream.tls_server_end_point().ok().flatten();
        self.state = State::Secure(Box::new(stream));
        Ok(Secured { end_point, description: String::new() })
    }

    fn close(&mut self, how: Close) {
        match how {
            Close::HalfClose => {
                if let State::Secure(stream) = &mut self.state {
                    let _ = stream.shutdown();
                }
                if let Some(raw) = self.raw() {
                    let _ = raw.shutdown(Shutdown::Write);
                }
            }
            Close::Rst => self.reset(),
            Close::Fin => self.finish(),
        }
    }

    fn sleep(&mut self, duration: Duration) -> bool {
        self.shared.sleep(duration)
    }
}
