//! Provides [`Transport`], a connection in clear or under TLS.

use crate::interrupt::Interrupt;
use crate::socket::Socket;
use crate::timed::{First, Timed};
use crate::tls::{Failure, Tls};
use smtp_core::ChannelBinding;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

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
    /// A connection in clear, whose waits end with an interrupt.
    pub(crate) fn new(socket: Socket, interrupt: &Interrupt) -> Self {
        let stream = Timed::new(socket, Instant::now(), interrupt);
        Self { first: Arc::clone(&stream.first), state: State::Clear(stream) }
    }

    /// Reads what is there, waiting for it until `deadline`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.prepare(deadline);
        self.read_some(buffer)
    }

    /// Reads what is there; fails by `WouldBlock` where there is nothing.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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
    pub(crate) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.prepare(None);
        match &mut self.state {
            State::Clear(stream) => stream.write(octets),
            State::Tls(stream) => stream.write(octets),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Lets what was written leave; fails by `WouldBlock` where there is no room.
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        self.prepare(None);
        match &mut self.state {
            State::Clear(_) => Ok(()),
            State::Tls(stream) => stream.flush(),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Waits until there is something to read, or room where the last write found none; no longer than a slice of the
    /// time until `deadline`. Returns whether there is.
    pub(crate) fn wait(&mut self, deadline: Instant) -> io::Result<bool> {
        self.stream_mut().map_or(Ok(true), |stream| {
            stream.deadline = deadline;
            stream.wait()
        })
    }

    /// Does the handshake by `deadline`; on failure the transport is broken.
    pub(crate) fn handshake(&mut self, tls: &Tls, deadline: Instant) -> Result<(), Failure> {
        self.prepare(deadline);
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
        self.prepare(deadline);
        if let State::Tls(stream) = &mut self.state {
            // The session is over; a peer that is gone already does not change its outcome.
            let _ = stream.shutdown();
        }
    }

    /// Lets waits go on for so long after an interrupt.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        if let Some(stream) = self.stream_mut() {
            stream.set_patience(patience);
        }
    }

    /// Lets what follows wait until a deadline, or not at all.
    fn prepare(&mut self, deadline: impl Into<Option<Instant>>) {
        let deadline = deadline.into();
        if let Some(stream) = self.stream_mut() {
            stream.waits = deadline.is_some();
            stream.deadline = deadline.unwrap_or(stream.deadline);
        }
    }

    fn stream_mut(&mut self) -> Option<&mut Timed> {
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

    fn pair() -> (Transport, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        near.set_nonblocking(!crate::socket::WAITS).unwrap();
        (Transport::new(Socket::tcp(near), &Interrupt::default()), far)
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
        let deadline = Instant::now() + Duration::from_secs(20);
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
        let deadline = Instant::now() + Duration::from_secs(20);
        // A wait for what comes alone would find nothing, however often.
        assert!((0..20).any(|_| near.wait(deadline).unwrap()), "there is room");
    }

    #[test]
    fn an_interrupt_ends_a_read_after_the_patience_that_is_left() {
        let (near, _far) = pair();
        let State::Clear(near) = near.state else { panic!("it is in clear") };
        let interrupt = Interrupt::default();
        let mut near = Timed::new(near.socket, Instant::now() + Duration::from_mins(1), &interrupt);
        let start = Instant::now();
        near.set_patience(Duration::from_millis(250));
        interrupt.request();
        assert_eq!(near.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(250) && start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_there_is_read_without_waiting_for_it() {
        let (mut near, mut far) = pair();
        let mut buffer = [0; 32];
        assert_eq!(near.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        far.write_all(b"421 bye\r\n").unwrap();
        drop(far);
        let deadline = Instant::now() + Duration::from_secs(20);
        near.wait(deadline).unwrap();
        assert_eq!(near.try_read(&mut buffer).unwrap(), 9);
        near.wait(deadline).unwrap();
        assert_eq!(near.try_read(&mut buffer).unwrap(), 0, "the end of the stream is something too");
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
