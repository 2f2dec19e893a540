//! Accepts connections at one address, and closes and opens it again.

#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use socket2::{Domain, SockAddr, Type};

use super::{dispatcher::Dispatcher, socket::Socket};
use crate::sync::lock;

/// How long an accept that was to be woken may take before it is woken again.
const WAKING: Duration = Duration::from_millis(20);

/// An open listener with its thread.
#[derive(Debug)]
pub(crate) struct Listener {
    thread: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    /// Disconnected when the thread ends.
    ended: Mutex<mpsc::Receiver<()>>,
    place: Place,
    implicit: bool,
    dispatcher: Arc<Dispatcher>,
}

/// Where a listener listens.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    #[cfg_attr(not(unix), allow(dead_code))]
    Unix(PathBuf),
}

enum Accepting {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Opens a listener. With `narrow`, sockets have small buffers, so that a client soon notices when the server stops reading.
    pub(crate) fn open(
        place: &Place,
        implicit: bool,
        narrow: bool,
        dispatcher: &Arc<Dispatcher>,
    ) -> io::Result<Self> {
        let (listening, place) = match place {
            Place::Tcp(address) => {
                let socket = socket2::Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                // A pause must be able to open the same port again; elsewhere the flag would let two servers share it.
                #[cfg(unix)]
                socket.set_reuse_address(true)?;
                if narrow {
                    // Inherited by the connections, and only then does the window stay small.
                    socket.set_recv_buffer_size(4096)?;
                }
                socket.bind(&(*address).into())?;
                socket.listen(1024)?;
                let listener = TcpListener::from(socket);
                let address = listener.local_addr()?;
                (Accepting::Tcp(listener), Place::Tcp(address))
            }
            #[cfg(unix)]
            Place::Unix(path) => (Accepting::Unix(UnixListener::bind(path)?), Place::Unix(path.clone())),
            #[cfg(not(unix))]
            Place::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let closing = Arc::new(AtomicBool::new(false));
        let (flag, for_thread) = (Arc::clone(&closing), Arc::clone(dispatcher));
        let (running, ended) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("smtp-mock accept".to_owned()).spawn(move || {
            accept(&listening, implicit, &flag, &for_thread);
            drop(running);
        })?;
        let (thread, ended) = (Some(thread), Mutex::new(ended));
        Ok(Self { thread, closing, ended, place, implicit, dispatcher: Arc::clone(dispatcher) })
    }

    /// The TCP address.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.thread.is_some()
    }

    /// Closes the listener: the next client is refused. Open connections go on.
    pub(crate) fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.closing.store(true, Ordering::Release);
        self.dispatcher.connections().wake_listeners();
        // Nothing portable wakes a blocked accept but a connection, which may fail for want of a descriptor: one comes
        // free when a session ends.
        let mut awake = wake(&self.place);
        while lock(&self.ended).recv_timeout(WAKING) == Err(RecvTimeoutError::Timeout) {
            awake = wake(&self.place);
        }
        drop(awake);
        let _ = thread.join();
        if let Place::Unix(path) = &self.place {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Opens the listener again, at the same port or path.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if self.thread.is_none() {
            *self = Self::open(&self.place.clone(), self.implicit, false, &Arc::clone(&self.dispatcher))?;
        }
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

fn accept(listening: &Accepting, implicit: bool, closing: &AtomicBool, dispatcher: &Arc<Dispatcher>) {
    while !closing.load(Ordering::Acquire) {
        let accepted = match listening {
            Accepting::Tcp(listener) => listener.accept().map(|(stream, _)| {
                // Packets are part of the scenario: the kernel must not merge them.
                let _ = stream.set_nodelay(true);
                Socket::Tcp(Arc::new(stream))
            }),
            #[cfg(unix)]
            Accepting::Unix(listener) => listener.accept().map(|(stream, _)| Socket::Unix(Arc::new(stream))),
        };
        if closing.load(Ordering::Acquire) {
            return;
        }
        match accepted {
            Ok(socket) => dispatcher.serve(socket, implicit, closing),
            // Out of descriptors, most likely: a pause lets some come free.
            Err(_) => {
                if !dispatcher.connections().sleep(Duration::from_millis(10)) {
                    return;
                }
            }
        }
    }
}

/// Begins a connection, which wakes a blocked accept for as long as it is kept. It never waits: where the backlog is
/// full, nobody is blocked.
fn wake(place: &Place) -> io::Result<socket2::Socket> {
    let (domain, address) = match place {
        Place::Tcp(address) => {
            let mut address = *address;
            if address.ip().is_unspecified() {
                address.set_ip(match address {
                    SocketAddr::V4(_) => core::net::Ipv4Addr::LOCALHOST.into(),
                    SocketAddr::V6(_) => core::net::Ipv6Addr::LOCALHOST.into(),
                });
            }
            (Domain::for_address(address), SockAddr::from(address))
        }
        Place::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
    };
    let socket = socket2::Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // It is under way, or refused: the accepting thread finds out.
    let _ = socket.connect(&address);
    Ok(socket)
}
