//! Stands between a client and a real server and writes down what they say.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use native_tls::{TlsAcceptor, TlsConnector, TlsStream};

use super::Recording;
use crate::sync::lock;

/// How the relay reaches the real server and shows itself to the client.
pub(crate) struct Relay {
    /// `host:port`.
    pub(crate) upstream: String,
    /// The name that the real server's certificate must have.
    pub(crate) host: String,
    pub(crate) connector: TlsConnector,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) implicit: bool,
}

impl core::fmt::Debug for Relay {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Relay").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

/// One side of a session.
enum Side {
    Clear(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Side {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(stream) => stream,
            Self::Secure(stream) => stream.get_ref(),
        }
    }

    /// Reads what there is within a moment; `None` when there is nothing.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let count = match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Secure(stream) => stream.read(buffer),
        };
        match count {
            Ok(count) => Ok(Some(count)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(octets),
            Self::Secure(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }
}

impl Relay {
    /// Relays a number of sessions, one after the other, and records each.
    pub(crate) fn run(
        &self,
        listener: &TcpListener,
        sessions: u64,
        recordings: &Arc<Mutex<Vec<Recording>>>,
        mut trouble: impl FnMut(&str),
    ) -> io::Result<()> {
        for _ in 0..sessions {
            let (client, _) = listener.accept()?;
            let mut recording = Recording::new();
            if let Err(why) = self.session(client, &mut recording) {
                trouble(&why);
            }
            lock(recordings).push(recording);
        }
        Ok(())
    }

    fn session(&self, client: TcpStream, recording: &mut Recording) -> Result<(), String> {
        let server = TcpStream::connect(&self.upstream)
            .map_err(|error| format!("cannot reach {}: {error}", self.upstream))?;
        for stream in [&client, &server] {
            // Read limits are short, because one thread carries both directions and each gets its turn.
            let _ = stream.set_nodelay(true);
            let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
        }
        let (mut client, mut server) = (Side::Clear(client), Side::Clear(server));
        if self.implicit {
            recording.implicit_tls();
            (client, server) = self.secure(client, server)?;
        }
        let mut buffer = vec![0; 32 * 1024];
        let mut asked = Vec::new();
        let mut answered = Vec::new();
        loop {
            match server.read(&mut buffer) {
                Ok(None) => {}
                Ok(Some(0)) | Err(_) => {
                    recording.server_closed();
                    let _ = client.socket().shutdown(Shutdown::Both);
                    return Ok(());
                }
                Ok(Some(count)) => {
                    recording.server(&buffer[..count]);
                    client.write(&buffer[..count]).map_err(|error| format!("the client is gone: {error}"))?;
                    answered.extend_from_slice(&buffer[..count]);
                    if wants_tls(&asked) && answered.ends_with(b"\n") {
                        let agreed = answered.starts_with(b"220");
                        asked.clear();
                        if agreed {
                            recording.starttls();
                            (client, server) = self.secure(client, server)?;
                        }
                    }
                }
            }
            match client.read(&mut buffer) {
                Ok(None) => {}
                Ok(Some(0)) | Err(_) => {
                    recording.client_closed();
                    let _ = server.socket().shutdown(Shutdown::Both);
                    return Ok(());
                }
                Ok(Some(count)) => {
                    recording.client(&buffer[..count]);
                    server.write(&buffer[..count]).map_err(|error| format!("the server is gone: {error}"))?;
                    // Only a client that waits for the answer can say STARTTLS: the last piece is all that counts.
                    asked = buffer[..count].to_vec();
                    answered.clear();
                }
            }
        }
    }

    /// TLS on both sides, the server's first: a client must not be told that it is safe when it is not.
    fn secure(&self, client: Side, server: Side) -> Result<(Side, Side), String> {
        let (Side::Clear(client), Side::Clear(server)) = (client, server) else {
            return Err("TLS is up already".to_owned());
        };
        for stream in [&client, &server] {
            let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
        }
        let server = self
            .connector
            .connect(&self.host, server)
            .map_err(|error| format!("no TLS with {}: {error}", self.upstream))?;
        let client =
            self.acceptor.accept(client).map_err(|error| format!("no TLS with the client: {error}"))?;
        for stream in [client.get_ref(), server.get_ref()] {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
        }
        Ok((Side::Secure(Box::new(client)), Side::Secure(Box::new(server))))
    }
}

fn wants_tls(asked: &[u8]) -> bool {
    asked.trim_ascii().eq_ignore_ascii_case(b"STARTTLS")
}
