//! Provides [`Stream`], a connection in clear or under TLS.

use super::cancel::Cancel;
use super::socket::Socket;
use super::timed::Timed;
use crate::ChannelBinding;
use crate::mailer::TlsFault;
use crate::network::{Connector, Handshake, TlsFailure, TlsStream, Witness};
use std::boxed::Box;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use std::vec::Vec;

/// A connection in clear or under TLS, whose every wait has a deadline and ends by a [`Cancel`].
///
/// It is closed when it is dropped.
#[derive(Debug)]
pub struct Stream {
    state: State,
    witness: Witness,
}

#[derive(Debug)]
enum State {
    Clear(Timed),
    Tls(Box<TlsStream<Timed>>),
    /// Gone: a handshake failed.
    Broken,
}

impl Stream {
    pub(super) fn new(socket: Socket, cancel: &Cancel) -> Self {
        let stream = Timed::new(socket, Instant::now(), cancel);
        Self { witness: stream.witness(), state: State::Clear(stream) }
    }

    /// Reads what is there, waiting for it until `deadline`; none at the end of the stream.
    ///
    /// # Errors
    /// Of the kind `TimedOut` at the deadline or by cancellation; else the connection is lost.
    pub fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.prepare(Some(deadline));
        self.read_some(buffer)
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Of the kind `WouldBlock` if there is nothing; else the connection is lost.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.prepare(None);
        self.read_some(buffer)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Clear(stream) => stream.read(buffer),
            State::Tls(stream) => stream.read(buffer),
            State::Broken => Ok(0),
        }
    }

    /// Writes as much as there is room for; after `WouldBlock` the same octets must be written again, whatever was
    /// read in between.
    ///
    /// # Errors
    /// Of the kind `WouldBlock` if there is no room; else the connection is lost.
    pub fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.prepare_to_write();
        match &mut self.state {
            State::Clear(stream) => stream.write(octets),
            State::Tls(stream) => stream.write(octets),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Lets what was written leave.
    ///
    /// # Errors
    /// Of the kind `WouldBlock` if there is no room; else the connection is lost.
    pub fn try_flush(&mut self) -> io::Result<()> {
        self.prepare_to_write();
        match &mut self.state {
            State::Clear(_) => Ok(()),
            State::Tls(stream) => stream.flush(),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Waits until there is something to read, or room where the last write found none; no longer than 100 ms of the time
    /// until `deadline`. Returns whether there is.
    ///
    /// # Errors
    /// Of the kind `TimedOut` at the deadline or by cancellation.
    pub fn wait(&mut self, deadline: Instant) -> io::Result<bool> {
        self.timed_mut().map_or(Ok(true), |stream| {
            stream.deadline = deadline;
            stream.wait()
        })
    }

    /// Does the TLS handshake by `deadline`; after a failure the stream is broken.
    ///
    /// # Errors
    /// When the certificate is not trusted, or the handshake fails for another reason.
    pub fn handshake(&mut self, connector: &Connector, deadline: Instant) -> Result<(), TlsFailure> {
        self.prepare(Some(deadline));
        let stream = match std::mem::replace(&mut self.state, State::Broken) {
            State::Clear(stream) => stream,
            other => {
                self.state = other;
                return Err(TlsFailure {
                    fault: TlsFault::Protocol,
                    source: Some("TLS is up already".into()),
                });
            }
        };
        self.witness.forget();
        let mut handshake = connector.connect(stream, &self.witness);
        loop {
            match handshake {
                Handshake::Done(stream) => {
                    self.state = State::Tls(Box::new(stream));
                    return Ok(());
                }
                // The socket waits by itself, so this is a library that wants to be called again.
                Handshake::Waits(unfinished) => handshake = unfinished.proceed(),
                Handshake::Failed(failure) => return Err(failure),
            }
        }
    }

    /// Whether TLS is up.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        matches!(self.state, State::Tls(_))
    }

    /// The first octets that came, below TLS; from the handshake on those of the handshake.
    #[must_use]
    pub fn first_octets(&self) -> Vec<u8> {
        self.witness.first()
    }

    /// Our own address, if there is one.
    #[must_use]
    pub fn local_address(&self) -> Option<IpAddr> {
        Some(self.timed()?.socket.local()?.ip().to_canonical())
    }

    /// The address at the other end, if there is one; with a proxy it is the proxy's.
    #[must_use]
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.timed()?.socket.peer()
    }

    /// What binds a login to the TLS session (RFC 5929 §4), if TLS is up and the certificate has it.
    #[must_use]
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        match &self.state {
            State::Tls(stream) => stream.channel_binding(),
            State::Clear(_) | State::Broken => None,
        }
    }

    /// Whether a connection that was idle cannot be used again: something came that nobody asked for, it ended, or it
    /// failed. It does not wait.
    #[must_use]
    pub fn is_stale(&mut self) -> bool {
        !matches!(self.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends `close_notify` under TLS, which tells the peer that nothing was cut off.
    pub fn close(&mut self, deadline: Instant) {
        self.prepare(Some(deadline));
        if let State::Tls(stream) = &mut self.state {
            // The session is over; a peer that is gone already does not change its outcome.
            let _ = stream.shutdown();
        }
    }

    /// Ends waits by another handle from now on.
    pub(super) fn set_cancel(&mut self, cancel: &Cancel) {
        if let Some(stream) = self.timed_mut() {
            stream.cancel = cancel.clone();
        }
    }

    /// Lets waits go on for so long after a cancellation.
    pub fn set_patience(&mut self, patience: Duration) {
        if let Some(stream) = self.timed_mut() {
            stream.patience = patience;
        }
    }

    /// Lets what follows wait until a deadline, or not at all.
    fn prepare(&mut self, deadline: Option<Instant>) {
        if let Some(stream) = self.timed_mut() {
            stream.waits = deadline.is_some();
            stream.deadline = deadline.unwrap_or(stream.deadline);
        }
    }

    /// Lets a write show whether there is room. A read does not reset this: under TLS it may write octets of its own,
    /// whose room says nothing of those that wait.
    fn prepare_to_write(&mut self) {
        self.prepare(None);
        if let Some(stream) = self.timed_mut() {
            stream.lacks_room = false;
        }
    }

    fn timed(&self) -> Option<&Timed> {
        match &self.state {
            State::Clear(stream) => Some(stream),
            State::Tls(stream) => Some(stream.get_ref()),
            State::Broken => None,
        }
    }

    fn timed_mut(&mut self) -> Option<&mut Timed> {
        match &mut self.state {
            State::Clear(stream) => Some(stream),
            State::Tls(stream) => Some(stream.get_mut()),
            State::Broken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::vec;

    fn pair_with(cancel: &Cancel) -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        near.set_nonblocking(!super::super::socket::WAITS).unwrap();
        (Stream::new(Socket::tcp(near), cancel), far)
    }

    fn pair() -> (Stream, TcpStream) {
        pair_with(&Cancel::default())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_read_ends_at_the_deadline_and_not_before() {
        let (mut near, _far) = pair();
        for time in [150, 350] {
            let start = Instant::now();
            let time = Duration::from_millis(time);
            let error = near.read(&mut [0; 8], start + time).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(start.elapsed() >= time);
        }
    }

    #[test]
    fn a_write_that_nobody_reads_says_so_and_its_wait_ends_at_the_deadline_or_with_what_comes() {
        let (mut near, mut far) = pair();
        let octets = vec![0; 1 << 20];
        let error = loop {
            if let Err(error) = near.try_write(&octets) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let deadline = Instant::now() + Duration::from_millis(250);
        let error = loop {
            if let Err(error) = near.wait(deadline) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(Instant::now() >= deadline);
        far.write_all(b"552 no\r\n").unwrap();
        let deadline = soon();
        let mut buffer = [0; 32];
        let count = loop {
            match near.try_read(&mut buffer) {
                Ok(count) => break count,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            near.wait(deadline).unwrap();
        };
        assert_eq!(count, 8);
    }

    #[test]
    fn room_is_awaited_although_something_was_looked_for_since_the_write() {
        let (mut near, mut far) = pair();
        let octets = vec![0; 1 << 20];
        let mut written = 0;
        while let Ok(count) = near.try_write(&octets) {
            written += count;
        }
        assert_eq!(near.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let reading = std::thread::spawn(move || {
            io::copy(&mut (&mut far).take(written as u64), &mut io::sink()).unwrap();
            far
        });
        let _far = reading.join().unwrap();
        let deadline = soon();
        // A wait for what comes alone would find nothing, however often.
        assert!((0..20).any(|_| near.wait(deadline).unwrap()), "there is room");
    }

    #[test]
    fn room_is_awaited_although_the_tls_library_wrote_something_of_its_own_since() {
        let (mut near, mut far) = pair();
        let octets = vec![0; 1 << 20];
        let mut written = 0;
        while let Ok(count) = near.try_write(&octets) {
            written += count;
        }
        io::copy(&mut (&mut far).take(written as u64), &mut io::sink()).unwrap();
        let State::Clear(socket) = &mut near.state else { panic!("it is in clear") };
        // As a read does that answers new keys of the peer's.
        socket.write_all(b"x").unwrap();
        assert!(near.wait(soon()).unwrap(), "there is room");
    }

    #[test]
    fn a_cancellation_ends_a_read_after_the_patience_that_is_left() {
        let cancel = Cancel::default();
        let (mut near, _far) = pair_with(&cancel);
        let start = Instant::now();
        near.set_patience(Duration::from_millis(250));
        cancel.request();
        let error = near.read(&mut [0; 8], start + Duration::from_mins(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(250) && start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_there_is_read_without_waiting_for_it() {
        let (mut near, mut far) = pair();
        let mut buffer = [0; 32];
        assert_eq!(near.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        far.write_all(b"421 bye\r\n").unwrap();
        drop(far);
        near.wait(soon()).unwrap();
        assert_eq!(near.try_read(&mut buffer).unwrap(), 9);
        near.wait(soon()).unwrap();
        assert_eq!(near.try_read(&mut buffer).unwrap(), 0, "the end of the stream is something too");
    }

    #[test]
    fn the_first_octets_are_kept() {
        let (mut near, mut far) = pair();
        far.write_all(b"220 hello\r\n").unwrap();
        let mut buffer = [0; 3];
        near.read(&mut buffer, soon()).unwrap();
        assert_eq!((&buffer, near.first_octets()), (b"220", b"220".to_vec()));
    }

    #[test]
    fn a_connection_is_stale_once_something_came_or_it_ended() {
        let (mut near, mut far) = pair();
        assert!(!near.is_stale());
        far.write_all(b"421 bye\r\n").unwrap();
        near.wait(soon()).unwrap();
        assert!(near.is_stale());
        let (mut near, far) = pair();
        assert!(!near.is_stale());
        drop(far);
        near.wait(soon()).unwrap();
        assert!(near.is_stale());
    }
}
