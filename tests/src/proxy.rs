//! Provides a proxy that comes between a client and a server at a chosen moment.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use crate::waiting::{self, PATIENCE};
use crate::watch;

/// A proxy for one connection in clear.
#[derive(Debug)]
#[must_use]
pub struct Proxy {
    address: SocketAddr,
    connection: JoinHandle<io::Result<Vec<u8>>>,
    gate: Gate,
}

/// When a proxy comes between.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// How many replies of the server pass before the connection is ended; the greeting is one.
    replies: usize,
    /// How many octets of the client pass before it is kept waiting.
    octets: usize,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 for one connection to be passed on to `server` as it is.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn recording(server: SocketAddr) -> io::Result<Self> {
        Self::start(server, Limits { replies: usize::MAX, octets: usize::MAX })
    }

    /// Listens at this address, once it is free, for one connection to be passed on to `server` as it is: for a client that
    /// has an address of its own.
    ///
    /// # Errors
    /// When the address cannot be had within 30 seconds.
    pub fn recording_at(address: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let listener =
            waiting::wait_for(&format!("a free {address}"), || match TcpListener::bind(address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
                bound => bound.map(Some),
            })?;
        Self::listen(listener, server, Limits { replies: usize::MAX, octets: usize::MAX })
    }

    /// Listens on a free port of 127.0.0.1 for one connection to be passed on to `server`, and ends it behind
    /// the first `replies` of the server, of which the greeting is one.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn cutting(server: SocketAddr, replies: usize) -> io::Result<Self> {
        Self::start(server, Limits { replies, octets: usize::MAX })
    }

    /// Listens on a free port of 127.0.0.1 for one connection to be passed on to `server`, and stops reading
    /// from the client behind its first `octets` until [`resume`](Self::resume).
    ///
    /// # Errors
    /// When there is no free port.
    pub fn pausing(server: SocketAddr, octets: usize) -> io::Result<Self> {
        Self::start(server, Limits { replies: usize::MAX, octets })
    }

    fn start(server: SocketAddr, limits: Limits) -> io::Result<Self> {
        Self::listen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, server, limits)
    }

    fn listen(listener: TcpListener, server: SocketAddr, limits: Limits) -> io::Result<Self> {
        watch::this_test();
        let address = listener.local_addr()?;
        let (gate, mut keeper) = gate();
        let connection = thread::spawn(move || {
            let (client, _) = listener.accept()?;
            // who comes again is refused
            drop(listener);
            pass_on(&client, &waiting::connect(server)?, limits, &mut keeper)
        });
        Ok(Self { address, connection, gate })
    }

    /// Waits until the client is kept waiting.
    ///
    /// # Errors
    /// When the connection ends before, or nothing happens for 30 seconds.
    pub fn wait_for_pause(&self) -> io::Result<()> {
        self.gate.closed.recv_timeout(PATIENCE).map_err(io::Error::other)
    }

    /// Lets a client go on that is kept waiting.
    pub fn resume(&self) {
        // a connection that is over has nobody to let go on
        let _ = self.gate.open.send(());
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end of the connection and gives all that the client said.
    ///
    /// # Errors
    /// When no client came, when a socket failed before its end, and `TimedOut` when either side goes on for 30 seconds.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        // an accept cannot be given up, but it can be answered
        drop(waiting::connect(self.address));
        waiting::wait_for("the end of a connection", || Ok(self.connection.is_finished().then_some(())))?;
        self.connection.join().map_err(|_| io::Error::other("the proxy panicked"))?
    }
}

/// The side of a gate that opens it.
#[derive(Debug)]
struct Gate {
    closed: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

/// The side of a gate that waits at it.
#[derive(Debug)]
struct Keeper {
    closed: mpsc::Sender<()>,
    open: mpsc::Receiver<()>,
}

fn gate() -> (Gate, Keeper) {
    let (closed, on_closed) = mpsc::channel();
    let (open, on_open) = mpsc::channel();
    (Gate { closed: on_closed, open }, Keeper { closed, open: on_open })
}

impl Keeper {
    /// Says that the gate is closed and waits until it opens; who has gone away opens it, too.
    fn wait(&mut self) {
        if self.closed.send(()).is_ok() {
            let _ = self.open.recv_timeout(PATIENCE);
        }
    }
}

/// Passes on until the server or the client ends, or a limit is met.
fn pass_on(
    client: &TcpStream,
    server: &TcpStream,
    limits: Limits,
    keeper: &mut Keeper,
) -> io::Result<Vec<u8>> {
    for stream in [client, server] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
    }
    thread::scope(|scope| {
        let commands = scope.spawn(|| pass_commands(client, server, limits.octets, keeper));
        let passed = pass_replies(server, client, limits.replies);
        for stream in [client, server] {
            // one that is closed already fails, and is what was wanted
            let _ = stream.shutdown(Shutdown::Both);
        }
        let commands = commands.join().map_err(|_| io::Error::other("the proxy panicked"))?;
        passed.map(|()| commands)
    })
}

/// Passes on what the client says, and gives it; ends with either connection.
fn pass_commands(
    mut client: &TcpStream,
    mut server: &TcpStream,
    pause: usize,
    keeper: &mut Keeper,
) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buffer = [0; 16384];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        heard.extend_from_slice(&buffer[..length]);
        if server.write_all(&buffer[..length]).is_err() {
            break;
        }
        if (heard.len() - length..heard.len()).contains(&pause) {
            keeper.wait();
        }
    }
    // the server has to hear of the client's end, too
    let _ = server.shutdown(Shutdown::Write);
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
