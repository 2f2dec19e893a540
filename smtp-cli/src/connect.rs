//! Provides [`connect`]: the name looked up on a thread of its own, because a look-up knows no deadline, and the
//! addresses tried in turn, each a little after the one before (RFC 8305); then what a proxy wants to hear.

use crate::destination::Destination;
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::interrupt::Wait;
use crate::proxy;
use crate::settings::Route;
use crate::socket::{self, Socket, Way};
use crate::timed::Timed;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// After so long without an answer the next address is tried too (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects, unless the wait is over before; `tell` hears of each attempt.
pub(crate) fn connect(
    destination: &Destination,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&str),
) -> Result<Socket> {
    // Whatever failed then, nothing is wrong with it.
    connected(destination, route, wait, tell).map_err(|error| wait.interrupt().check().err().unwrap_or(error))
}

fn connected(
    destination: &Destination,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&str),
) -> Result<Socket> {
    let socket = match (destination, &route.proxy) {
        (Destination::Unix(path), _) => {
            tell(&format!("connecting to unix:{}", path.display()));
            unix(path, wait)?
        }
        (Destination::Host { name, port }, Some(proxy)) => {
            let what = format!("the proxy {proxy}");
            let addresses = look_up(&proxy.host, proxy.port, &what, wait)?;
            let socket = to_first_of(addresses, &what, route, wait, tell)?;
            let host = route.address.map_or_else(|| name.clone(), |address| address.to_string());
            tell(&format!("asking {what} to connect to {destination}"));
            let mut stream = Timed::new(socket, wait.deadline(), wait.interrupt());
            proxy::negotiate(&mut stream, proxy, &host, *port)?;
            stream.into_socket()
        }
        (Destination::Host { name, port }, None) => {
            let what = match route.address {
                Some(address) => format!("{name} [{address}] port {port}"),
                None => format!("{name} port {port}"),
            };
            let addresses = match route.address {
                Some(address) => vec![SocketAddr::new(address, *port)],
                None => look_up(name, *port, name, wait)?,
            };
            to_first_of(addresses, &what, route, wait, tell)?
        }
    };
    let Some(header) = &route.header else { return Ok(socket) };
    // Behind a proxy the other end of the connection is not the server.
    let peer = if route.proxy.is_some() { None } else { socket.peer() };
    let (octets, words) =
        header.octets(socket.local(), peer).map_err(|why| Error::usage(format!("--proxy-header: {why}")))?;
    tell(&words);
    let mut stream = Timed::new(socket, wait.deadline(), wait.interrupt());
    stream.write_all(&octets).map_err(|error| {
        Error::new(
            Exit::TEMPORARY,
            format!("{destination} did not take the PROXY header: {}", Reworded(&error)),
        )
    })?;
    Ok(stream.into_socket())
}

/// Connects to one of these addresses of `what`, as far as the route may use them.
fn to_first_of(
    mut addresses: Vec<SocketAddr>,
    what: &str,
    route: &Route,
    wait: &Wait,
    tell: &mut dyn FnMut(&str),
) -> Result<Socket> {
    addresses.retain(|address| {
        route.family.is_none_or(|family| family.has(address.ip()))
            && route.bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4())
    });
    if addresses.is_empty() {
        let options = if route.family.is_some() { "-4 or -6" } else { "--bind" };
        return Err(Error::new(
            Exit::NO_HOST,
            format!("{what} has no address of the family that {options} asks for"),
        ));
    }
    if let Some(bind) = route.bind {
        // An address that is not ours shows at once, and not as a failure of the server's.
        UdpSocket::bind((bind, 0)).map_err(|error| {
            Error::new(
                Exit::OS,
                format!("cannot connect from the address {bind} of --bind: {}", Reworded(&error)),
            )
        })?;
    }
    let socket =
        first_to_connect(&addresses, route.bind, wait, tell).map_err(|error| refused(what, route, &error))?;
    // A window leaves in one write, which must not wait for the acknowledgement of the one before. A connection
    // that is gone already says so at the first read.
    let _ = socket.set_nodelay(true);
    Ok(Socket::tcp(socket))
}

/// A socket whose server takes no connections lets its clients wait without end, so a thread does the waiting.
#[cfg(unix)]
fn unix(path: &std::path::Path, wait: &Wait) -> Result<Socket> {
    let (sender, receiver) = mpsc::channel();
    let wanted = path.to_path_buf();
    thread::Builder::new()
        .name("connect".to_string())
        // One that comes too late is closed by being dropped.
        .spawn(move || drop(sender.send(std::os::unix::net::UnixStream::connect(wanted))))
        .map_err(|error| Error::new(Exit::OS, format!("cannot start a thread: {}", Reworded(&error))))?;
    let Ok(connected) = wait.receive(&receiver) else {
        return Err(Error::new(
            Exit::TEMPORARY,
            format!(
                "no connection to unix:{} in time; its server is busy, give it more by --timeout connect=DUR",
                path.display()
            ),
        ));
    };
    match connected {
        Ok(socket) => Ok(Socket::unix(socket)),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(Error::usage(format!("the path of the socket is too long: {}", path.display())))
        }
        Err(error) => Err(Error::new(
            Exit::TEMPORARY,
            format!(
                "cannot connect to unix:{}: {}; does a server listen there?",
                path.display(),
                Reworded(&error)
            ),
        )),
    }
}

#[cfg(not(unix))]
fn unix(path: &std::path::Path, _wait: &Wait) -> Result<Socket> {
    Err(Error::usage(format!(
        "unix:{} needs a system with unix sockets, use --server host:port",
        path.display()
    )))
}

fn refused(what: &str, route: &Route, error: &io::Error) -> Error {
    let question = if route.proxy.is_some() { "is --proxy right?" } else { "is it the right --port?" };
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{what} refuses connections; {question}")
        }
        io::ErrorKind::TimedOut => format!(
            "no connection to {what} in time; a firewall may be in the way, or give it more by --timeout connect=DUR"
        ),
        _ => format!("cannot connect to {what}: {}", Reworded(error)),
    };
    Error::new(if is_exhausted(error) { Exit::OS } else { Exit::TEMPORARY }, text)
}

/// Whether this machine is short of what a connection needs, threads or file descriptors, so that no server was asked.
fn is_exhausted(error: &io::Error) -> bool {
    // ENFILE and EMFILE; WSAEMFILE and WSAENOBUFS: there is no kind for them.
    let codes = if cfg!(windows) { [10_024, 10_055] } else { [23, 24] };
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
        || error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// The addresses of a name, both families in turn (RFC 8305 §4).
fn look_up(name: &str, port: u16, what: &str, wait: &Wait) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = name.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let wanted = (name.to_string(), port);
    thread::Builder::new()
        .name("look-up".to_string())
        // Nobody may be there any more to hear the answer.
        .spawn(move || drop(sender.send(wanted.to_socket_addrs().map(Iterator::collect::<Vec<_>>))))
        .map_err(|error| Error::new(Exit::OS, format!("cannot start a thread: {}", Reworded(&error))))?;
    let of = if what == name { String::new() } else { format!(" of {what}") };
    let no_host =
        |why: &str| Error::new(Exit::NO_HOST, format!("the host name {name}{of} does not resolve: {why}"));
    match wait.receive(&receiver) {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(no_host("it has no address; is it spelled right?")),
        Ok(Ok(addresses)) => Ok(interleaved(addresses)),
        Ok(Err(error)) => {
            let text = Reworded(&error).to_string();
            let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
            Err(no_host(&format!("{}; is it spelled right?", why.to_lowercase())))
        }
        Err(_) => Err(Error::new(
            Exit::TEMPORARY,
            format!("the look-up of {name} took too long, give it more by --timeout connect=DUR"),
        )),
    }
}

/// The families in turn, beginning with that of the first, each in its own order; none twice.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let first_is_v6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for address in unique {
        if address.is_ipv6() == first_is_v6 { first.push(address) } else { second.push(address) }
    }
    let mut second = second.into_iter();
    let mut mixed: Vec<_> =
        first.into_iter().flat_map(|address| [Some(address), second.next()]).flatten().collect();
    mixed.extend(second);
    mixed
}

/// Connects from an address of ours, if one is given.
fn connect_from(bind: Option<IpAddr>, address: SocketAddr, wait: &Wait) -> io::Result<TcpStream> {
    if wait.slice().is_none() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    if let Some(bind) = bind {
        socket.bind(&SocketAddr::new(bind, 0).into())?;
    }
    // It waits by itself for as long as the system likes, so it is told not to.
    socket.set_nonblocking(true)?;
    if let Err(error) = socket.connect(&address.into()) {
        if !is_under_way(&error) {
            return Err(error);
        }
        loop {
            let slice = wait.slice().ok_or(io::ErrorKind::TimedOut)?;
            if socket::wait(&socket, Way::Out, slice)? {
                break;
            }
        }
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
    }
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

/// Starts with the first address and goes on to the next when one fails, or has not answered for a while.
fn first_to_connect(
    addresses: &[SocketAddr],
    bind: Option<IpAddr>,
    wait: &Wait,
    tell: &mut dyn FnMut(&str),
) -> io::Result<TcpStream> {
    if let &[address] = addresses {
        // One alone needs no thread of its own: there is no other to be tried beside it.
        tell(&format!("connecting to {address}"));
        return connect_from(bind, address, wait);
    }
    let (sender, receiver) = mpsc::channel::<io::Result<TcpStream>>();
    let mut waiting = 0_usize;
    let mut remaining = addresses.iter();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut may_start = true;
    loop {
        if may_start && let Some(&address) = remaining.next() {
            tell(&format!("connecting to {address}"));
            let (sender, wait) = (sender.clone(), wait.clone());
            thread::Builder::new()
                .name("connect".to_string())
                // One that comes too late is closed by being dropped.
                .spawn(move || drop(sender.send(connect_from(bind, address, &wait))))?;
            waiting += 1;
        }
        if waiting == 0 {
            return Err(last_error);
        }
        if wait.slice().is_none() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let patience = if remaining.len() == 0 { wait.clone() } else { wait.at_most(STAGGER) };
        match patience.receive(&receiver) {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => {
                waiting -= 1;
                last_error = error;
                may_start = true;
            }
            Err(RecvTimeoutError::Timeout) => may_start = true,
            Err(RecvTimeoutError::Disconnected) => return Err(last_error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupt;
    use crate::settings::Family;
    use std::net::TcpListener;
    use std::time::Instant;

    fn soon() -> Wait {
        within(Duration::from_secs(20))
    }

    fn within(time: Duration) -> Wait {
        Interrupt::default().until(Instant::now() + time)
    }

    fn host(name: &str, port: u16) -> Destination {
        Destination::Host { name: name.to_string(), port }
    }

    #[test]
    fn families_take_turns() {
        let parse =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed =
            interleaved(parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "[::1]:1", "2.2.2.2:1"]));
        assert_eq!(mixed, parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]));
        assert_eq!(
            interleaved(parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"])),
            parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"])
        );
    }

    #[test]
    fn an_address_that_refuses_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut told = Vec::new();
        let socket =
            first_to_connect(&[refusing, good], None, &soon(), &mut |text| told.push(text.to_string()))
                .unwrap();
        assert_eq!(socket.peer_addr().unwrap(), good);
        assert_eq!(told, [format!("connecting to {refusing}"), format!("connecting to {good}")]);
    }

    #[test]
    fn a_refused_port_and_an_unknown_host_are_told_apart() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = connect(&host("127.0.0.1", port), &Route::default(), &soon(), &mut |_| {}).unwrap_err();
        assert_eq!(error.exit(), Exit::TEMPORARY);
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        let error =
            connect(&host("no-such-host.invalid", 25), &Route::default(), &soon(), &mut |_| {}).unwrap_err();
        assert_eq!(error.exit(), Exit::NO_HOST);
        assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    }

    #[test]
    fn a_connection_comes_from_the_address_that_was_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = host("127.0.0.1", listener.local_addr().unwrap().port());
        let from = |bind: &str| Route { bind: Some(bind.parse().unwrap()), ..Route::default() };
        let socket = connect(&to, &from("127.0.0.9"), &soon(), &mut |_| {}).unwrap();
        assert_eq!(listener.accept().unwrap().1, socket.local().unwrap());
        assert_eq!(socket.local().unwrap().ip().to_string(), "127.0.0.9");
        // An address of documentation, which no machine has.
        let error = connect(&to, &from("192.0.2.1"), &soon(), &mut |_| {}).unwrap_err();
        assert_eq!(error.exit(), Exit::OS);
        assert!(error.to_string().contains("192.0.2.1 of --bind"), "{error}");
        let error = connect(&to, &from("::1"), &soon(), &mut |_| {}).unwrap_err();
        assert_eq!(error.exit(), Exit::NO_HOST);
        assert!(error.to_string().contains("--bind"), "{error}");
    }

    #[test]
    fn an_address_of_the_other_family_is_not_used() {
        let only = |family| Route { family: Some(family), ..Route::default() };
        for (name, family) in [("127.0.0.1", Family::V6), ("::1", Family::V4)] {
            let error = connect(&host(name, 25), &only(family), &soon(), &mut |_| {}).unwrap_err();
            assert_eq!(error.exit(), Exit::NO_HOST);
            assert!(error.to_string().contains("-4 or -6"), "{error}");
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = host("127.0.0.1", listener.local_addr().unwrap().port());
        connect(&to, &only(Family::V4), &soon(), &mut |_| {}).unwrap();
    }

    #[test]
    fn an_address_that_is_known_already_is_not_looked_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = host("no-such-host.invalid", listener.local_addr().unwrap().port());
        let route = Route { address: Some([127, 0, 0, 1].into()), ..Route::default() };
        connect(&to, &route, &soon(), &mut |_| {}).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = connect(&host("mx.example", port), &route, &soon(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(&format!("mx.example [127.0.0.1] port {port}")), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_whose_server_is_busy_is_given_up_at_the_deadline() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busy");
        let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let to = Destination::Unix(path);
        // Those that the system accepts for the server fill the queue; the next one waits.
        let mut held = Vec::new();
        let error = loop {
            assert!(held.len() < 64, "the queue has no end");
            match connect(&to, &Route::default(), &within(Duration::from_millis(200)), &mut |_| {}) {
                Ok(socket) => held.push(socket),
                Err(error) => break error,
            }
        };
        assert_eq!(error.exit(), Exit::TEMPORARY);
        assert!(error.to_string().contains("--timeout connect="), "{error}");
    }

    #[test]
    fn nothing_is_awaited_beyond_the_deadline() {
        let address = "127.0.0.1:9".parse().unwrap();
        let error = first_to_connect(&[address], None, &within(Duration::ZERO), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
