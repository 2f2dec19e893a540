//! Provides a proxy that lets some replies of a server through and then ends the connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long either side may be silent before the proxy gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy for one connection in clear.
#[derive(Debug)]
#[must_use]
pub struct Proxy {
    address: SocketAddr,
    connection: JoinHandle<io::Result<Vec<u8>>>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 for one connection to be passed on to `server`, and ends it behind
    /// the first `replies` of the server, of which the greeting is one.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start(server: SocketAddr, replies: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let connection = thread::spawn(move || {
            let (client, _) = listener.accept()?;
            // who comes again is refused
            drop(listener);
            pass_on(&client, &TcpStream::connect(server)?, replies)
        });
        Ok(Self { address, connection })
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end of the connection and gives all that the client said.
    ///
    /// # Errors
    /// When no client came, or when a socket failed before its end.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        // an accept cannot be given up, but it can be answered
        drop(TcpStream::connect(self.address));
        self.connection.join().map_err(|_| io::Error::other("the proxy panicked"))?
    }
}

/// Passes on until the server or the client ends, or enough replies went by.
fn pass_on(client: &TcpStream, server: &TcpStream, replies: usize) -> io::Result<Vec<u8>> {
    for stream in [client, server] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
    }
    thread::scope(|scope| {
        let commands = scope.spawn(|| pass_commands(client, server));
        let passed = pass_replies(server, client, replies);
        for stream in [client, server] {
            // one that is closed already fails, and is what was wanted
            let _ = stream.shutdown(Shutdown::Both);
        }
        let commands = commands.join().map_err(|_| io::Error::other("the proxy panicked"))?;
        passed.map(|()| commands)
    })
}

/// Passes on what the client says, and gives it; ends with either connection.
fn pass_commands(mut client: &TcpStream, mut server: &TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buffer = [0; 16384];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        heard.extend_from_slice(&buffer[..length]);
        if server.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    heard
}

/// Passes on whole replies.
fn pass_replies(server: &TcpStream, mut client: &TcpStream, replies: usize) -> io::Result<()> {
    let mut lines = BufReader::new(server);
    for _ in 0..replies {
        let mut reply = Vec::new();
        // the last line of a reply has no hyphen behind its code (RFC 5321 §4.2.1)
        let mut is_last = false;
        while !is_last {
            let start = reply.len();
            if lines.read_until(b'\n', &mut reply)? == 0 {
                return Ok(());
            }
            is_last = reply.get(start + 3) != Some(&b'-');
        }
        if client.write_all(&reply).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
