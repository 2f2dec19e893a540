//! Provides a driver of `smtp-core` that notes what passes, for tests of the core against real servers.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant as Clock};

use crate::waiting;
use native_tls::{TlsConnector, TlsStream};
use smtp_core::{Client, Event, Input, Instant, Output, Transmit};

/// What passed on one connection.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// The octets of each write, in clear also where they left under TLS.
    pub writes: Vec<Vec<u8>>,
    /// What the core had to say.
    pub events: Vec<Event>,
}

/// Connects to `server` and runs `client` until it closes the connection; its goals, with QUIT last, have been
/// set before. Each message that it asks for is `body`; `tls` checks the certificate for `localhost`.
///
/// # Errors
/// When connecting or the handshake fails, and when the client wants for a goal before it has quit.
pub fn drive(client: &mut Client, server: SocketAddr, tls: &TlsConnector, body: &[u8]) -> io::Result<Passed> {
    crate::watch::this_test();
    let mut transport = Transport::Clear(waiting::connect(server)?);
    let epoch = Clock::now();
    let mut transmit = Transmit::new();
    let mut passed = Passed::default();
    let mut rest = body;
    loop {
        let now = Instant::from_epoch(epoch.elapsed());
        match client.poll(now, &mut transmit) {
            Output::Write { .. } => {
                let written = transport.write(transmit.octets());
                passed.writes.push(transmit.octets().to_vec());
                client.handle(if written.is_ok() { Input::Sent } else { Input::WriteFailed });
            }
            Output::Read { until } => {
                let mut buffer = [0; 4096];
                match transport.read(&mut buffer, until.saturating_since(now)) {
                    Ok(0) => client.handle(Input::Lost),
                    Ok(length) => client.handle(Input::Received(&buffer[..length])),
                    // the next poll sees what time it is
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => client.handle(Input::Lost),
                }
            }
            Output::Handshake { .. } => {
                transport = transport.secure(tls)?;
                client.handle(Input::Secured);
            }
            Output::Body(_) if rest.is_empty() => {
                client.end_of_body();
                rest = body;
            }
            Output::Body(_) => rest = &rest[client.body(rest)..],
            Output::Event(event) => passed.events.push(event),
            Output::Idle => return Err(io::Error::other("the client has no goal left and has not quit")),
            Output::Closed => return Ok(passed),
        }
    }
}

enum Transport {
    Clear(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

impl Transport {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let socket = match self {
            Self::Clear(stream) => &*stream,
            Self::Secured(stream) => stream.get_ref(),
        };
        socket.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Secured(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(octets),
            Self::Secured(stream) => stream.write_all(octets),
        }
    }

    fn secure(self, connector: &TlsConnector) -> io::Result<Self> {
        match self {
            Self::Clear(stream) => {
                let stream = connector.connect("localhost", stream).map_err(io::Error::other)?;
                Ok(Self::Secured(Box::new(stream)))
            }
            Self::Secured(_) => Err(io::Error::other("a handshake within TLS")),
        }
    }
}
