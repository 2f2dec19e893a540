//! Defines a connection over a socket, with and without TLS, as the driver wants it.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    sync::Arc,
    time::{Duration, Instant},
};

use native_tls::{HandshakeError, TlsStream};

use super::{Connection, LINGER, connections::Connections, socket::Socket};
use crate::{
    scenario::{Close, HandshakeFault, print_duration},
    session::{Handshake, Secured},
};

/// What a handshake is done on: octets that were read already, then the socket.
#[derive(Debug)]
struct Transport {
    first: io::Cursor<Vec<u8>>,
    socket: Socket,
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.first.read(buffer)? {
            0 => self.socket.read(buffer),
            count => Ok(count),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A socket with what has become of it.
#[derive(Debug)]
enum State {
    Clear(Socket),
    Secure(Box<TlsStream<Transport>>),
    Closed,
}

/// A socket of the mock.
#[derive(Debug)]
pub(crate) struct Stream {
    state: State,
    connections: Arc<Connections>,
    number: u64,
    limit: Option<Duration>,
}

impl Stream {
    pub(crate) fn new(socket: Socket, connections: Arc<Connections>, number: u64) -> Self {
        // Without it, a client that reads nothing keeps its session; should it fail, the session lasts longer.
        let _ = socket.set_write_timeout(connections.idle());
        Self { state: State::Clear(socket), connections, number, limit: None }
    }

    /// An error for eyes, where the client took or said nothing for as long as it may.
    fn explain(&self, error: io::Error) -> io::Error {
        let silence = print_duration(self.connections.idle().unwrap_or_default());
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                io::Error::new(io::ErrorKind::TimedOut, format!("it read nothing for {silence}"))
            }
            _ => error,
        }
    }

    fn socket(&self) -> Option<&Socket> {
        match &self.state {
            State::Clear(socket) => Some(socket),
            State::Secure(stream) => Some(&stream.get_ref().socket),
            State::Closed => None,
        }
    }

    fn set_limit(&mut self, limit: Option<Duration>) -> io::Result<()> {
        if self.limit != limit
            && let Some(socket) = self.socket()
        {
            socket.set_read_timeout(limit)?;
            self.limit = limit;
        }
        Ok(())
    }

    fn reset(&mut self) {
        if let Some(socket) = self.socket() {
            socket.reset_on_close();
        }
        // The reset leaves when the last handle is dropped: the one that a stop would use has to go first.
        self.connections.forget(self.number);
        self.state = State::Closed;
    }

    /// Ends our direction, then reads what the client still sends: octets left unread would make the close a reset.
    fn finish(&mut self) {
        if let State::Secure(stream) = &mut self.state {
            let _ = stream.shutdown();
        }
        if let Some(socket) = self.socket() {
            let _ = socket.shutdown(Shutdown::Write);
        }
        let begin = Instant::now();
        let mut buffer = [0; 4096];
        while let Some(left) = LINGER.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
            if self.set_limit(Some(left)).is_err() {
                break;
            }
            let count = match &mut self.state {
                State::Clear(socket) => socket.read(&mut buffer),
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
            let _ = transport.socket.set_read_timeout(None);
            while transport.read(&mut buffer).is_ok_and(|count| count > 0) {}
        }
        self.state = State::Clear(transport.socket);
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
                State::Clear(socket) => socket.read(buffer),
                State::Secure(stream) => stream.read(buffer),
                State::Closed => Ok(0),
            };
            match count {
                Ok(count) => {
                    if let Some(socket) = self.socket() {
                        self.connections.acknowledge(socket);
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
            State::Clear(socket) => socket.write_all(octets),
            State::Secure(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
            State::Closed => Err(io::ErrorKind::NotConnected.into()),
        };
        written.map_err(|error| self.explain(error))
    }

    fn handshake(&mut self, handshake: Handshake, first: Vec<u8>) -> Result<Secured, String> {
        let socket = match core::mem::replace(&mut self.state, State::Closed) {
            State::Clear(socket) => socket,
            other => {
                self.state = other;
                return Err("TLS is up already".to_owned());
            }
        };
        // The limit of a read before must not cut the handshake short; silence does.
        let idle = self.connections.idle();
        let _ = socket.set_read_timeout(idle);
        self.limit = idle;
        let transport = Transport { first: io::Cursor::new(first), socket };
        if let Some(fault) = handshake.fault {
            return Err(self.fault(transport, fault));
        }
        let (acceptor, _) = self.connections.acceptors.acceptor(handshake.certificate)?;
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
                if let Some(socket) = self.socket() {
                    let _ = socket.shutdown(Shutdown::Write);
                }
            }
            Close::Rst => self.reset(),
            Close::Fin => self.finish(),
        }
    }

    fn sleep(&mut self, duration: Duration) -> bool {
        self.connections.sleep(duration)
    }
}
