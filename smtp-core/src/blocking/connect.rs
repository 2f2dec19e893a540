//! Provides [`connect`]: the name is looked up, the addresses are tried in turn, each a little after the one before
//! (RFC 8305); then a proxy is asked to connect further, and the PROXY header leaves.

use super::cancel::Wait;
use super::socket::{self, Socket};
use super::stream::Stream;
use super::timed::Timed;
use crate::mailer::{
    Error, ErrorKind, HeaderTemplate, LookUpFault, Notice, ProxyExchange, ProxyFault, ProxyStep, Route,
    Server, SettingError, UnixPath,
};
use crate::network::{
    LookUp, STAGGER, connect_error, found, header_ends, look_up_error, proxy_error, select,
};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::string::ToString;
use std::vec::Vec;
#[cfg(unix)]
use std::{os::fd::OwnedFd, time::Duration};

/// Connects to a server by a route, unless `wait` is over before; `tell` hears what is tried.
///
/// # Errors
/// When no connection can be made, by a kind that says why; the server of the error is `server`, with a proxy too.
pub fn connect(
    server: &Server,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&Notice<'_>),
) -> Result<Stream, Error> {
    let connected = match server {
        Server::Unix(path) => {
            tell(&Notice::ConnectingUnix(path));
            unix(path, wait)
        }
        Server::Host { name, port } => over_tcp(name, *port, route, wait, tell),
    };
    let ready = connected.and_then(|socket| match &route.header {
        Some(header) => with_header(socket, header, route, wait, tell),
        None => Ok(socket),
    });
    match ready {
        Ok(socket) => Ok(Stream::new(socket, wait.cancel())),
        // Whatever failed then, nothing is wrong with it.
        Err(_) if wait.cancel().is_requested() => {
            Err(Error::new(ErrorKind::Cancelled).with_server(server.to_string()))
        }
        Err(error) => Err(error.with_server(server.to_string())),
    }
}

fn over_tcp(
    name: &str,
    port: u16,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&Notice<'_>),
) -> Result<Socket, Error> {
    let Some(proxy) = &route.proxy else {
        let addresses = match route.address {
            Some(address) => Vec::from([SocketAddr::new(address, port)]),
            None => look_up(name, port, wait)?,
        };
        return to_first_of(select(name, addresses, route)?, route, wait, tell);
    };
    let host = route.address.map(|address| address.to_string());
    // What cannot be asked for is told before a connection is made.
    let mut exchange = ProxyExchange::new(proxy, host.as_deref().unwrap_or(name), port).map_err(failed)?;
    let addresses = select(&proxy.host, look_up(&proxy.host, proxy.port, wait)?, route)?;
    let socket = to_first_of(addresses, route, wait, tell)?;
    tell(&Notice::Proxy(proxy));
    negotiate(&mut exchange, socket, wait)
}

fn failed(fault: ProxyFault) -> Error {
    ErrorKind::Proxy(fault).into()
}

/// Lets the proxy connect further.
fn negotiate(exchange: &mut ProxyExchange, socket: Socket, wait: &Wait) -> Result<Socket, Error> {
    let mut stream = Timed::new(socket, wait.deadline(), wait.cancel());
    // The proxy's answer is small.
    let mut buffer = [0; 512];
    loop {
        match exchange.step() {
            ProxyStep::Write(octets) => {
                let count = stream.write(octets).map_err(proxy_error)?;
                exchange.written(count);
            }
            ProxyStep::Read(limit) => {
                let limit = limit.min(buffer.len());
                let count = stream.read(&mut buffer[..limit]).map_err(proxy_error)?;
                exchange.received(&buffer[..count]).map_err(failed)?;
            }
            ProxyStep::Done => return Ok(stream.into_socket()),
        }
    }
}

/// Sends the PROXY header.
fn with_header(
    socket: Socket,
    template: &HeaderTemplate,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&Notice<'_>),
) -> Result<Socket, Error> {
    let (local, peer) = header_ends(socket.local(), socket.peer(), route);
    let header = template.header(local, peer)?;
    let octets = template.octets(local, peer)?;
    tell(&Notice::Header(&header));
    let mut stream = Timed::new(socket, wait.deadline(), wait.cancel());
    match stream.write_all(&octets) {
        Ok(()) => Ok(stream.into_socket()),
        Err(error) => Err(connect_error(error, route)),
    }
}

/// The addresses of a name.
fn look_up(name: &str, port: u16, wait: &Wait) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = name.parse() {
        return Ok(Vec::from([SocketAddr::new(address, port)]));
    }
    let look_up = LookUp::begin(name).map_err(|error| Error::new(ErrorKind::System).with_source(error))?;
    while let Some(slice) = wait.slice() {
        if let Some(answer) = look_up.wait(slice) {
            return found(name, port, answer);
        }
    }
    Err(look_up_error(name, LookUpFault::TimedOut))
}

/// Connects to one of these addresses.
fn to_first_of(
    addresses: Vec<SocketAddr>,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&Notice<'_>),
) -> Result<Socket, Error> {
    if let Some(bind) = route.bind {
        // An address that is not ours shows at once, and not as a failure of the server's.
        UdpSocket::bind((bind, 0)).map_err(|error| Error::from(SettingError::Bind).with_source(error))?;
    }
    let socket =
        first_to_connect(addresses, route.bind, wait, tell).map_err(|error| connect_error(error, route))?;
    // A window leaves in one write, which must not wait for the acknowledgement of the one before. A connection
    // that is gone already says so at the first read.
    let _ = socket.set_nodelay(true);
    Ok(Socket::tcp(socket))
}

/// Begins with the first address and goes on to the next when one fails, or has not answered for a while. Those that are
/// too late are closed.
fn first_to_connect(
    addresses: Vec<SocketAddr>,
    bind: Option<IpAddr>,
    wait: &Wait,
    tell: &mut dyn FnMut(&Notice<'_>),
) -> io::Result<TcpStream> {
    let mut remaining = addresses.into_iter();
    let mut under_way: Vec<socket2::Socket> = Vec::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut next_start = wait.deadline();
    let mut may_start = true;
    loop {
        if wait.slice().is_none() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if may_start && let Some(address) = remaining.next() {
            tell(&Notice::Connecting(address));
            match begin(address, bind) {
                Ok((socket, true)) => return ready(socket),
                Ok((socket, false)) => {
                    under_way.push(socket);
                    next_start = wait.at_most(STAGGER).deadline();
                    may_start = false;
                }
                Err(error) => last_error = error,
            }
            continue;
        }
        if under_way.is_empty() {
            return Err(last_error);
        }
        let until_next = if remaining.len() == 0 { wait.deadline() } else { next_start };
        let patience = Wait::new(until_next.min(wait.deadline()), wait.cancel());
        let Some(slice) = patience.slice() else {
            may_start = true;
            continue;
        };
        let free = socket::wait_for_room(&under_way, slice)?;
        let mut at = free.into_iter();
        let (done, waiting): (Vec<_>, Vec<_>) =
            under_way.into_iter().partition(|_| at.next().unwrap_or_default());
        under_way = waiting;
        for socket in done {
            match socket.take_error()? {
                None => return ready(socket),
                Some(error) => {
                    last_error = error;
                    may_start = true;
                }
            }
        }
    }
}

/// Begins to connect, from an address of ours if one is given; tells whether it is done already.
fn begin(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<(socket2::Socket, bool)> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    if let Some(bind) = bind {
        socket.bind(&SocketAddr::new(bind, 0).into())?;
    }
    // It waits by itself for as long as the system likes, so it is told not to.
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => Ok((socket, true)),
        Err(error) if is_under_way(&error) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}

fn ready(socket: socket2::Socket) -> io::Result<TcpStream> {
    socket.set_nonblocking(!socket::WAITS)?;
    Ok(socket.into())
}

/// Whether a connection that is not there yet is being made.
fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_in_progress = error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error());
    #[cfg(windows)]
    let is_in_progress = false;
    is_in_progress || error.kind() == io::ErrorKind::WouldBlock
}

/// A socket whose server accepts no connections lets its clients wait without end, so it is asked again and again.
#[cfg(unix)]
fn unix(path: &UnixPath, wait: &Wait) -> Result<Socket, Error> {
    let address = socket2::SockAddr::unix(crate::network::path_of(path))
        .map_err(|_| SettingError::SocketPathTooLong)?;
    let connect = || {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let mut pause = Duration::from_millis(1);
        while let Err(error) = socket.connect(&address) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
            let slice = wait.slice().ok_or(io::ErrorKind::TimedOut)?;
            std::thread::sleep(slice.min(pause));
            pause *= 2;
        }
        socket.set_nonblocking(!socket::WAITS)?;
        Ok(Socket::unix(OwnedFd::from(socket).into()))
    };
    connect().map_err(|error| connect_error(error, &Route::default()))
}

#[cfg(not(unix))]
fn unix(_path: &UnixPath, _wait: &Wait) -> Result<Socket, Error> {
    Err(SettingError::NoUnixSockets.into())
}

#[cfg(test)]
mod tests;
