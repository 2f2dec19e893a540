//! Provides [`Timed`], a socket whose every read and write ends at one deadline, and [`Transport`], which is that in
//! clear or under TLS.

use crate::tls::{Failure, Tls};
use smtp_core::ChannelBinding;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Of the file system.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    fn set_timeout(&self, way: Way, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match (self, way) {
            (Self::Tcp(socket), Way::In) => socket.set_read_timeout(timeout),
            (Self::Tcp(socket), Way::Out) => socket.set_write_timeout(timeout),
            #[cfg(unix)]
            (Self::Unix(socket), Way::In) => socket.set_read_timeout(timeout),
            #[cfg(unix)]
            (Self::Unix(socket), Way::Out) => socket.set_write_timeout(timeout),
        }
    }

    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Self::Tcp(socket) => socket,
            #[cfg(unix)]
            Self::Unix(socket) => socket,
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Tcp(socket) => socket,
            #[cfg(unix)]
            Self::Unix(socket) => socket,
        }
    }

    /// Whether a read would find something at once: octets, or the end of the stream.
    fn is_readable(&self) -> bool {
        let socket = match self {
            Self::Tcp(socket) => socket2::SockRef::from(socket),
            #[cfg(unix)]
            Self::Unix(socket) => socket2::SockRef::from(socket),
        };
        if socket.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = socket.peek(&mut [std::mem::MaybeUninit::uninit()]);
        // A socket that cannot be made to wait again says so at the next read.
        let _ = socket.set_nonblocking(false);
        // A reset shows here too: the read that follows tells it.
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Our own address, for a hello without a name.
    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        self.local().map(|address| address.ip().to_canonical())
    }

    /// Our end of the connection.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The other end of the connection.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.peer_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}

/// Which way octets go.
#[derive(Clone, Copy, Debug)]
enum Way {
    In,
    Out,
}

/// A socket whose reads and writes end at a deadline, however many of them one call of the TLS library makes.
#[derive(Debug)]
pub(crate) struct Timed {
    socket: Socket,
    deadline: Instant,
    /// What the socket was last told for each [`Way`], so that it is told again only when that no longer serves.
    timeouts: [Option<Duration>; 2],
    /// The first octets that came, to tell what a peer speaks that is not what was expected.
    first: First,
    /// How many more of them are kept.
    room: usize,
}

/// The first octets, shared because a TLS library that fails does not give the socket back.
type First = Arc<Mutex<Vec<u8>>>;

/// So many of the first octets are kept.
const FIRST: usize = 64;
/// A timeout may be later than the deadline by as much as this.
const SLACK: Duration = Duration::from_millis(100);
/// A timeout that is as long as this may be as much too short as it is: the deadline is looked at again when it passes.
/// So the deadlines of the phases, which follow one another many times a second, leave the socket alone.
const LONG: Duration = Duration::from_secs(20);

impl Timed {
    pub(crate) fn new(socket: Socket) -> Self {
        Self::until(socket, Instant::now())
    }

    /// One whose deadline is set already.
    pub(crate) fn until(socket: Socket, deadline: Instant) -> Self {
        Self { socket, deadline, timeouts: [None; 2], first: First::default(), room: FIRST }
    }

    /// Sets the deadline anew.
    pub(crate) const fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The socket, which knows no deadline.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    /// Sets the socket's timeout to what remains, unless the one that it has serves.
    fn prepare(&mut self, way: Way) -> io::Result<()> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let slack = SLACK.min(remaining / 4);
        let serves = |timeout: Duration| {
            timeout <= remaining + slack && (timeout >= LONG || timeout + slack >= remaining)
        };
        if !self.timeouts[way as usize].is_some_and(serves) {
            // A timeout below a millisecond is rounded to none by some systems, which would be for ever.
            let timeout = remaining.max(Duration::from_millis(1));
            self.socket.set_timeout(way, timeout)?;
            self.timeouts[way as usize] = Some(timeout);
        }
        Ok(())
    }

    /// Repeats `operation` until it is done, fails or the deadline has passed.
    fn until_deadline(
        &mut self,
        way: Way,
        mut operation: impl FnMut(&mut Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            self.prepare(way)?;
            match operation(&mut self.socket) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) => {}
                result => return result,
            }
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.until_deadline(Way::In, |socket| socket.reader().read(buffer))?;
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
        self.until_deadline(Way::Out, |socket| socket.writer().write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection in clear or under TLS.
#[derive(Debug)]
pub(crate) struct Transport {
    state: State,
    first: First,
}

#[derive(Debug)]
enum State {
    Clear(Timed),
    Tls(Box<native_tls::TlsStream<Timed>>),
    /// Gone: a handshake failed.
    Broken,
}

impl Transport {
    /// A connection in clear.
    pub(crate) fn new(socket: Socket) -> Self {
        let stream = Timed::new(socket);
        Self { first: Arc::clone(&stream.first), state: State::Clear(stream) }
    }

    /// Reads what is there, waiting for it until `deadline`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.set_deadline(deadline);
        match &mut self.state {
            State::Clear(stream) => stream.read(buffer),
            State::Tls(stream) => stream.read(buffer),
            State::Broken => Ok(0),
        }
    }

    /// Whether a read would find something at once: octets, the end of the stream, or why it is broken.
    pub(crate) fn has_input(&self) -> bool {
        match &self.state {
            State::Clear(stream) => stream.socket.is_readable(),
            State::Tls(stream) => {
                stream.buffered_read_size().is_ok_and(|size| size > 0)
                    || stream.get_ref().socket.is_readable()
            }
            State::Broken => true,
        }
    }

    /// Writes all of `octets` by `deadline`.
    pub(crate) fn write_all(&mut self, octets: &[u8], deadline: Instant) -> io::Result<()> {
        self.set_deadline(deadline);
        match &mut self.state {
            State::Clear(stream) => stream.write_all(octets),
            State::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Does the handshake by `deadline`; on failure the transport is broken.
    pub(crate) fn handshake(&mut self, tls: &Tls, deadline: Instant) -> Result<(), Failure> {
        self.set_deadline(deadline);
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Clear(stream) => {
                self.state = State::Tls(Box::new(tls.handshake(stream)?));
                Ok(())
            }
            other => {
                self.state = other;
                Err(Failure::new("TLS is up already"))
            }
        }
    }

    /// The first octets that came, below TLS.
    pub(crate) fn first_octets(&self) -> Vec<u8> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Our own address, where there is one.
    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        match &self.state {
            State::Clear(stream) => stream.socket.local_address(),
            State::Tls(stream) => stream.get_ref().socket.local_address(),
            State::Broken => None,
        }
    }

    /// What binds a login to the TLS session (RFC 5929 §4), where the session is under TLS and has it.
    pub(crate) fn channel_binding(&self) -> Option<ChannelBinding> {
        match &self.state {
            State::Tls(stream) => {
                let hash = stream.tls_server_end_point().ok().flatten()?;
                ChannelBinding::tls_server_end_point(hash).ok()
            }
            State::Clear(_) | State::Broken => None,
        }
    }

    /// Says farewell to the TLS peer, which tells it that nothing was cut off.
    pub(crate) fn close(&mut self, deadline: Instant) {
        self.set_deadline(deadline);
        if let State::Tls(stream) = &mut self.state {
            // The session is over; a peer that is gone already does not change its outcome.
            let _ = stream.shutdown();
        }
    }

    fn set_deadline(&mut self, deadline: Instant) {
        match &mut self.state {
            State::Clear(stream) => stream.deadline = deadline,
            State::Tls(stream) => stream.get_mut().deadline = deadline,
            State::Broken => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (Transport, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        (Transport::new(Socket::Tcp(near)), far)
    }

    #[test]
    fn a_read_ends_at_the_deadline_and_not_before() {
        let (mut near, _far) = pair();
        let start = Instant::now();
        let deadline = start + Duration::from_millis(150);
        let error = near.read(&mut [0; 8], deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(150));
    }

    #[test]
    fn a_write_that_nobody_reads_ends_at_the_deadline() {
        let (mut near, _far) = pair();
        let deadline = Instant::now() + Duration::from_millis(100);
        let error = near.write_all(&vec![0; 64 << 20], deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn what_is_there_is_seen_without_waiting_for_it() {
        let (mut near, mut far) = pair();
        assert!(!near.has_input());
        far.write_all(b"421 bye\r\n").unwrap();
        drop(far);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !near.has_input() {
            assert!(Instant::now() < deadline, "octets over loopback are there at once");
        }
        let mut buffer = [0; 32];
        assert_eq!(near.read(&mut buffer, deadline).unwrap(), 9);
        while !near.has_input() {
            assert!(Instant::now() < deadline, "the end of the stream is something too");
        }
        assert_eq!(near.read(&mut buffer, deadline).unwrap(), 0);
    }

    #[test]
    fn the_first_octets_are_kept() {
        let (near, mut far) = pair();
        far.write_all(b"220 hello\r\n").unwrap();
        let mut transport = near;
        let mut buffer = [0; 3];
        let deadline = Instant::now() + Duration::from_secs(5);
        transport.read(&mut buffer, deadline).unwrap();
        assert_eq!((&buffer, transport.first_octets()), (b"220", b"220".to_vec()));
    }
}
