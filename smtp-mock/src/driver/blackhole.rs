//! Defines [`Blackhole`], an address that answers no connect.

use std::{io, net::SocketAddr};

use socket2::{Domain, SockRef, Socket, Type};

/// An address whose listener never accepts and whose backlog is full: a connect to it gets no answer.
#[derive(Debug)]
pub struct Blackhole {
    address: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl Blackhole {
    /// Opens one on loopback. How soon a backlog is full is the system's choice; on Linux at once.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub fn open() -> io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut fillers = Vec::new();
        for _ in 0..4 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            filler.set_nonblocking(true)?;
            let _ = SockRef::from(&filler).connect(&address.into());
            fillers.push(filler);
        }
        Ok(Self { address, _listener: listener, _fillers: fillers })
    }

    /// The address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}
