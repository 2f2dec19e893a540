//! Provides [`connect`]: the name is looked up, the addresses are tried in turn, each a little after the one before
//! (RFC 8305); then a proxy is asked to connect further, and the PROXY header leaves.

use super::socket::Socket;
use super::stream::Stream;
use crate::mailer::{
    Error, ErrorKind, HeaderTemplate, LookUpFault, Notice, ProxyExchange, ProxyFault, ProxyStep, Route,
    Server, SettingError, UnixPath,
};
use crate::network::{
    LookUp, STAGGER, connect_error, found, header_ends, look_up_error, proxy_error, select,
};
use std::boxed::Box;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::{Pin, pin};
use std::string::ToString;
use std::task::Poll;
use std::time::Instant;
use std::vec::Vec;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;

/// What is told of the attempts.
type Tell<'a> = &'a mut (dyn FnMut(&Notice<'_>) + Send);

/// Connects to a server by a route until `deadline`; `tell` hears what is tried.
///
/// Dropping the future closes what is under way.
///
/// # Errors
/// When no connection can be made, by a kind that says why; the server of the error is `server`, with a proxy too.
pub async fn connect(
    server: &Server,
    route: &Route,
    deadline: Instant,
    tell: Tell<'_>,
) -> Result<Stream, Error> {
    connected(server, route, deadline, tell).await.map_err(|error| error.with_server(server.to_string()))
}

async fn connected(
    server: &Server,
    route: &Route,
    deadline: Instant,
    tell: Tell<'_>,
) -> Result<Stream, Error> {
    let runtime = Handle::try_current().map_err(|error| Error::new(ErrorKind::System).with_source(error))?;
    let mut stream = match (server, &route.proxy) {
        (Server::Unix(path), _) => {
            tell(&Notice::ConnectingUnix(path));
            Stream::new(unix(path, deadline).await?, &runtime)
        }
        (Server::Host { name, port }, None) => {
            let addresses = match route.address {
                Some(address) => Vec::from([SocketAddr::new(address, *port)]),
                None => look_up(name, *port, deadline).await?,
            };
            Stream::new(to_first_of(select(name, addresses, route)?, route, deadline, tell).await?, &runtime)
        }
        (Server::Host { name, port }, Some(proxy)) => {
            let host = route.address.map(|address| address.to_string());
            // What cannot be asked for is told before a connection is made.
            let exchange =
                ProxyExchange::new(proxy, host.as_deref().unwrap_or(name), *port).map_err(failed)?;
            let addresses = select(&proxy.host, look_up(&proxy.host, proxy.port, deadline).await?, route)?;
            let socket = to_first_of(addresses, route, deadline, tell).await?;
            tell(&Notice::Proxy(proxy));
            negotiate(exchange, Stream::new(socket, &runtime), deadline).await?
        }
    };
    if let Some(template) = &route.header {
        send_header(&mut stream, template, route, deadline, tell).await?;
    }
    Ok(stream.begun_anew())
}

fn failed(fault: ProxyFault) -> Error {
    ErrorKind::Proxy(fault).into()
}

/// Lets the proxy connect further.
async fn negotiate(
    mut exchange: ProxyExchange,
    mut stream: Stream,
    deadline: Instant,
) -> Result<Stream, Error> {
    // The proxy's answer is small.
    let mut buffer = [0; 512];
    loop {
        match exchange.step() {
            ProxyStep::Write(octets) => {
                until(deadline, stream.write_all(octets)).await.map_err(proxy_error)?;
                let count = octets.len();
                exchange.written(count);
            }
            ProxyStep::Read(limit) => {
                let limit = limit.min(buffer.len());
                let count = until(deadline, stream.read(&mut buffer[..limit])).await.map_err(proxy_error)?;
                exchange.received(&buffer[..count]).map_err(failed)?;
            }
            ProxyStep::Done => return Ok(stream),
        }
    }
}

/// Sends the PROXY header.
async fn send_header(
    stream: &mut Stream,
    template: &HeaderTemplate,
    route: &Route,
    deadline: Instant,
    tell: Tell<'_>,
) -> Result<(), Error> {
    let (local, peer) = stream.ends();
    let (local, peer) = header_ends(local, peer, route);
    let mixed = |_| Error::from(SettingError::MixedFamilies);
    let header = template.header(local, peer).map_err(mixed)?;
    let octets = template.octets(local, peer).map_err(mixed)?;
    tell(&Notice::Header(&header));
    until(deadline, stream.write_all(&octets)).await.map_err(|error| connect_error(error, route))
}

/// The addresses of a name.
async fn look_up(name: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = name.parse() {
        return Ok(Vec::from([SocketAddr::new(address, port)]));
    }
    let look_up = LookUp::begin(name).map_err(|error| Error::new(ErrorKind::System).with_source(error))?;
    match tokio::time::timeout_at(deadline.into(), look_up).await {
        Ok(answer) => found(name, port, answer),
        Err(_) => Err(look_up_error(name, LookUpFault::TimedOut)),
    }
}

/// Connects to one of these addresses.
async fn to_first_of(
    addresses: Vec<SocketAddr>,
    route: &Route,
    deadline: Instant,
    tell: Tell<'_>,
) -> Result<Socket, Error> {
    if let Some(bind) = route.bind {
        // An address that is not ours shows at once, and not as a failure of the server's.
        UdpSocket::bind((bind, 0)).map_err(|error| Error::from(SettingError::Bind).with_source(error))?;
    }
    let connected = until(deadline, first_to_connect(addresses, route.bind, tell)).await;
    let socket = connected.map_err(|error| connect_error(error, route))?;
    // A window leaves in one write, which must not wait for the acknowledgement of the one before. A connection
    // that is gone already says so at the first read.
    let _ = socket.set_nodelay(true);
    Ok(Socket::tcp(socket))
}

/// Begins with the first address and goes on to the next when one fails, or has not answered for a while. Those that are
/// too late are closed.
async fn first_to_connect(
    addresses: Vec<SocketAddr>,
    bind: Option<IpAddr>,
    tell: Tell<'_>,
) -> io::Result<TcpStream> {
    type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;
    let mut remaining = addresses.into_iter();
    let mut under_way: Vec<Attempt> = Vec::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = remaining.next() {
            tell(&Notice::Connecting(address));
            under_way.push(Box::pin(connect_from(bind, address)));
        } else if under_way.is_empty() {
            return Err(last_error);
        }
        let mut stagger = pin!(tokio::time::sleep(STAGGER));
        let has_next = remaining.len() > 0;
        // Until an attempt has ended, or the next one is due.
        let ended = poll_fn(|context| {
            for at in 0..under_way.len() {
                if let Poll::Ready(result) = under_way[at].as_mut().poll(context) {
                    drop(under_way.swap_remove(at));
                    return Poll::Ready(Some(result));
                }
            }
            if has_next { stagger.as_mut().poll(context).map(|()| None) } else { Poll::Pending }
        });
        match ended.await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last_error = error,
            None => {}
        }
    }
}

/// Connects from an address of ours, if one is given.
async fn connect_from(bind: Option<IpAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(bind) = bind {
        socket.bind(SocketAddr::new(bind, 0))?;
    }
    socket.connect(address).await
}

/// What `future` gives, or an error of the kind `TimedOut` at the deadline.
async fn until<T>(deadline: Instant, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout_at(deadline.into(), future).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// A socket whose server accepts no connections has no room for another, so it is asked again and again.
#[cfg(unix)]
async fn unix(path: &UnixPath, deadline: Instant) -> Result<Socket, Error> {
    use std::time::Duration;
    let connect = async {
        let mut pause = Duration::from_millis(1);
        loop {
            match tokio::net::UnixStream::connect(crate::network::path_of(path)).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause = Duration::from_millis(100).min(pause * 2);
        }
    };
    match until(deadline, connect).await {
        Ok(stream) => Ok(Socket::unix(stream)),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(SettingError::SocketPathTooLong.into())
        }
        Err(error) => Err(connect_error(error, &Route::default())),
    }
}

#[cfg(not(unix))]
async fn unix(_path: &UnixPath, _deadline: Instant) -> Result<Socket, Error> {
    Err(SettingError::NoUnixSockets.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Duration;
    use std::vec;

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// The address that was connected to of these, and those that were tried.
    fn connected(addresses: Vec<SocketAddr>) -> (SocketAddr, Vec<SocketAddr>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut tried = Vec::new();
        let mut tell = |notice: &Notice<'_>| {
            let Notice::Connecting(address) = notice else { panic!("{notice:?}") };
            tried.push(*address);
        };
        let connect = async {
            tokio::time::timeout(Duration::from_secs(20), first_to_connect(addresses, None, &mut tell)).await
        };
        let stream = runtime.block_on(connect).unwrap().unwrap();
        (stream.peer_addr().unwrap(), tried)
    }

    #[test]
    fn an_address_that_refuses_is_passed_over() {
        let (_listener, good) = listening();
        let refusing = listening().1;
        assert_eq!(connected(vec![refusing, good]), (good, vec![refusing, good]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_that_does_not_answer_is_overtaken() {
        let silent = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        silent.listen(0).unwrap();
        let address = silent.local_addr().unwrap();
        // They fill its queue.
        let _held = [1, 2, 3, 4].map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        });
        let address = address.as_socket().unwrap();
        let (_listener, good) = listening();
        let start = Instant::now();
        assert_eq!(connected(vec![address, good]), (good, vec![address, good]));
        assert!(start.elapsed() >= STAGGER, "{:?}", start.elapsed());
    }
}
