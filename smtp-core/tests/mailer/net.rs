//! Connecting, reading, writing and closing, in clear.

use crate::streams::{LONG, Net, Tokio, on_both};
use smtp_core::blocking::{self, Cancel, Wait};
use smtp_core::mailer::{
    ConnectFault, ErrorKind, Family, HeaderTemplate, LookUpFault, Notice, Route, Server, SettingError, Trust,
};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

on_both!(
    a_refused_port_and_an_unknown_host_are_told_apart,
    a_connection_comes_from_the_address_that_was_asked_for,
    an_address_of_the_other_family_is_not_used,
    an_address_that_is_known_already_is_not_looked_up,
    a_name_is_looked_up_and_its_addresses_are_tried_in_turn,
    nothing_is_awaited_beyond_the_deadline,
    #[cfg(target_os = "linux")]
    no_answer_ends_at_the_deadline,
    a_header_leaves_first_with_the_addresses_of_the_connection,
    what_comes_during_a_write_that_finds_no_room_is_read,
    room_is_awaited_although_something_was_looked_for_since_the_write,
    a_connection_is_stale_once_something_came_or_it_ended,
    a_reset_is_an_error_and_an_end_is_none,
    a_stream_that_is_dropped_is_closed,
    #[cfg(unix)]
    a_unix_socket_is_connected_to_or_told_by_what_is_wrong,
);

fn kind<N: Net>(net: &N, server: &Server, route: &Route, limit: Duration) -> ErrorKind {
    let Err(error) = net.connect(server, route, limit, &mut |_| {}) else { panic!("{server} connects") };
    assert_eq!(error.server(), Some(server.to_string().as_str()));
    error.kind().clone()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn listener() -> (TcpListener, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::host("127.0.0.1", listener.local_addr().unwrap().port());
    (listener, server)
}

/// A connection of the face, and the other end.
fn pair<N: Net>(net: &N) -> (N::Stream, std::net::TcpStream) {
    let (listener, server) = listener();
    let near = net.to(&server, &Route::default()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn route(change: impl FnOnce(&mut Route)) -> Route {
    let mut route = Route::default();
    change(&mut route);
    route
}

fn a_refused_port_and_an_unknown_host_are_told_apart<N: Net>(net: &N) {
    let found = kind(net, &Server::host("127.0.0.1", free_port()), &Route::default(), LONG);
    assert_eq!(found, ErrorKind::Connect(ConnectFault::Refused));
    assert!(found.is_transient());
    let name = "no-such-host.invalid".to_string();
    let found = kind(net, &Server::host(name.clone(), 25), &Route::default(), LONG);
    assert_eq!(found, ErrorKind::LookUp { name, fault: LookUpFault::Failed });
}

fn a_connection_comes_from_the_address_that_was_asked_for<N: Net>(net: &N) {
    let (listener, server) = listener();
    let from = |bind: &str| route(|route| route.bind = Some(bind.parse().unwrap()));
    let stream = net.to(&server, &from("127.0.0.9")).unwrap();
    let (_, far) = listener.accept().unwrap();
    assert_eq!(N::addresses(&stream), (Some(far.ip()), Some(listener.local_addr().unwrap())));
    assert_eq!(far.ip().to_string(), "127.0.0.9");
    // An address of documentation, which no machine has.
    assert_eq!(kind(net, &server, &from("192.0.2.1"), LONG), ErrorKind::Setting(SettingError::Bind));
    assert_eq!(kind(net, &server, &from("::1"), LONG), ErrorKind::Setting(SettingError::BindFamily));
}

fn an_address_of_the_other_family_is_not_used<N: Net>(net: &N) {
    let only = |family| route(|route| route.family = Some(family));
    for (name, family) in [("127.0.0.1", Family::V6), ("::1", Family::V4)] {
        let found = kind(net, &Server::host(name, 25), &only(family), LONG);
        assert_eq!(found, ErrorKind::LookUp { name: name.into(), fault: LookUpFault::NoAddressOfFamily });
    }
    let (_listener, server) = listener();
    net.to(&server, &only(Family::V4)).unwrap();
}

fn an_address_that_is_known_already_is_not_looked_up<N: Net>(net: &N) {
    let (listener, _) = listener();
    let server = Server::host("no-such-host.invalid", listener.local_addr().unwrap().port());
    net.to(&server, &route(|route| route.address = Some([127, 0, 0, 1].into()))).unwrap();
}

fn a_name_is_looked_up_and_its_addresses_are_tried_in_turn<N: Net>(net: &N) {
    let (listener, _) = listener();
    let server = Server::host("localhost", listener.local_addr().unwrap().port());
    let mut tried: Vec<SocketAddr> = Vec::new();
    let mut tell = |notice: &Notice<'_>| match notice {
        Notice::Connecting(address) => tried.push(*address),
        other => panic!("{other:?}"),
    };
    // Where the name has an address of IPv6 too, nothing listens there.
    let stream = net.connect(&server, &Route::default(), LONG, &mut tell).unwrap();
    assert_eq!(N::addresses(&stream).1, Some(listener.local_addr().unwrap()));
    assert_eq!(tried.last(), Some(&listener.local_addr().unwrap()));
}

fn nothing_is_awaited_beyond_the_deadline<N: Net>(net: &N) {
    let (_listener, server) = listener();
    let mut stream = net.to(&server, &Route::default()).unwrap();
    for time in [150, 350] {
        let (start, time) = (Instant::now(), Duration::from_millis(time));
        let error = net.read(&mut stream, &mut [0; 8], time).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= time && start.elapsed() < LONG);
    }
}

/// A listener whose queue is full, so that it answers no further connection, and what fills it.
#[cfg(target_os = "linux")]
fn silent() -> (SocketAddr, [socket2::Socket; 5]) {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let fill = |_| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&address);
        socket
    };
    let [a, b, c, d] = [1, 2, 3, 4].map(fill);
    (address.as_socket().unwrap(), [listener, a, b, c, d])
}

#[cfg(target_os = "linux")]
fn no_answer_ends_at_the_deadline<N: Net>(net: &N) {
    let (address, _held) = silent();
    let server = Server::host("127.0.0.1", address.port());
    let start = Instant::now();
    let found = kind(net, &server, &Route::default(), Duration::from_millis(300));
    assert_eq!(found, ErrorKind::Connect(ConnectFault::TimedOut));
    assert!(start.elapsed() < LONG);
}

#[cfg(target_os = "linux")]
#[test]
fn a_cancellation_ends_a_connect_soon() {
    let (address, _held) = silent();
    let server = Server::host("127.0.0.1", address.port());
    let cancel = Cancel::default();
    let wait = Wait::new(Instant::now() + Duration::from_mins(2), &cancel);
    let connecting =
        thread::spawn(move || blocking::connect(&server, &Route::default(), &wait, &mut |_| {}).unwrap_err());
    let start = Instant::now();
    cancel.request();
    let error = connecting.join().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

fn a_header_leaves_first_with_the_addresses_of_the_connection<N: Net>(net: &N) {
    let (listener, server) = listener();
    let with_header = |header| route(|route| route.header = Some(header));
    let mut told = 0;
    let mut tell = |notice: &Notice<'_>| told += usize::from(matches!(notice, Notice::Header(_)));
    let stream = net.connect(&server, &with_header(HeaderTemplate::new()), LONG, &mut tell).unwrap();
    let (mut far, near) = listener.accept().unwrap();
    let port = listener.local_addr().unwrap().port();
    let wanted = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {port}\r\n", near.port());
    drop(stream);
    let mut came = String::new();
    far.read_to_string(&mut came).unwrap();
    assert_eq!((came, told), (wanted, 1));
    let mut mixed = HeaderTemplate::new();
    mixed.source = Some("[::1]:7".parse().unwrap());
    let found = kind(net, &server, &with_header(mixed), LONG);
    assert_eq!(found, ErrorKind::Setting(SettingError::MixedFamilies));
}

/// Writes until there is no room; returns how much has left.
fn fill<N: Net>(net: &N, stream: &mut N::Stream) -> u64 {
    let octets = vec![0; 1 << 20];
    let mut written = 0;
    loop {
        match net.try_write(stream, &octets) {
            Ok(count) => written += count as u64,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return written;
            }
        }
    }
}

fn what_comes_during_a_write_that_finds_no_room_is_read<N: Net>(net: &N) {
    let (mut near, mut far) = pair(net);
    fill(net, &mut near);
    far.write_all(b"552 no\r\n").unwrap();
    let mut buffer = [0; 32];
    let count = loop {
        net.ready(&mut near);
        match net.try_read(&mut near, &mut buffer) {
            Ok(count) => break count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    };
    assert_eq!(&buffer[..count], b"552 no\r\n");
}

fn room_is_awaited_although_something_was_looked_for_since_the_write<N: Net>(net: &N) {
    let (mut near, mut far) = pair(net);
    let written = fill(net, &mut near);
    assert_eq!(net.try_read(&mut near, &mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let reading = thread::spawn(move || {
        io::copy(&mut (&mut far).take(written), &mut io::sink()).unwrap();
        far
    });
    // A wait for what comes alone would end by its limit, and that fails the test.
    net.ready(&mut near);
    net.write_all(&mut near, b"and more");
    let mut far = reading.join().unwrap();
    let mut more = [0; 8];
    far.read_exact(&mut more).unwrap();
    assert_eq!(&more, b"and more");
}

/// Until what the other end did has arrived here.
fn settle<N: Net>(net: &N, stream: &mut N::Stream) {
    net.ready(stream);
}

fn a_connection_is_stale_once_something_came_or_it_ended<N: Net>(net: &N) {
    let (mut near, mut far) = pair(net);
    assert!(!net.is_stale(&mut near));
    assert!(!net.is_stale(&mut near));
    far.write_all(b"421 bye\r\n").unwrap();
    settle(net, &mut near);
    assert!(net.is_stale(&mut near));
    for resets in [false, true] {
        let (mut near, far) = pair(net);
        if resets {
            let far = socket2::SockRef::from(&far);
            far.set_linger(Some(Duration::ZERO)).unwrap();
        }
        assert!(!net.is_stale(&mut near));
        drop(far);
        settle(net, &mut near);
        assert!(net.is_stale(&mut near), "resets: {resets}");
    }
}

fn a_reset_is_an_error_and_an_end_is_none<N: Net>(net: &N) {
    let (mut near, far) = pair(net);
    drop(far);
    assert_eq!(net.read(&mut near, &mut [0; 8], LONG).unwrap(), 0);
    let (mut near, far) = pair(net);
    socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
    drop(far);
    let error = net.read(&mut near, &mut [0; 8], LONG).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

fn a_stream_that_is_dropped_is_closed<N: Net>(net: &N) {
    let (near, mut far) = pair(net);
    drop(near);
    far.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
}

#[cfg(unix)]
fn a_unix_socket_is_connected_to_or_told_by_what_is_wrong<N: Net>(net: &N) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket").to_str().unwrap().to_string();
    let server = Server::unix(path.clone());
    assert_eq!(kind(net, &server, &Route::default(), LONG), ErrorKind::Connect(ConnectFault::Failed));
    let long = Server::unix("x".repeat(200));
    let found = kind(net, &long, &Route::default(), LONG);
    assert_eq!(found, ErrorKind::Setting(SettingError::SocketPathTooLong));

    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    // Those that the system accepts for the server fill the queue; the next one waits.
    let mut held = Vec::new();
    let error = loop {
        assert!(held.len() < 64, "the queue has no end");
        match net.connect(&server, &Route::default(), Duration::from_millis(200), &mut |_| {}) {
            Ok(stream) => held.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(*error.kind(), ErrorKind::Connect(ConnectFault::TimedOut));
    assert!(!held.is_empty() && held.iter().all(|stream| N::addresses(stream) == (None, None)));
    // Once there is room, a connection that waits for it is made.
    let accepting = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        (listener.accept().unwrap(), listener)
    });
    let mut stream = net.to(&server, &Route::default()).unwrap();
    net.write_all(&mut stream, b"x");
    accepting.join().unwrap();
}

#[test]
fn a_future_that_is_dropped_closes_its_connection() {
    let net = Tokio::new();
    let (listener, server) = listener();
    // A proxy that never answers, so that the future is dropped while it has a connection.
    let Server::Host { port, .. } = server else { panic!("{server}") };
    let proxy = smtp_core::mailer::Proxy::new(smtp_core::mailer::ProxyKind::Socks5, "127.0.0.1", port);
    let route = route(|route| route.proxy = Some(proxy));
    let server = Server::host("mx.example", 25);
    let mut tell = |_: &Notice<'_>| {};
    net.0.block_on(async {
        let connecting = smtp_core::tokio::connect(&server, &route, Instant::now() + LONG, &mut tell);
        assert!(tokio::time::timeout(Duration::from_millis(200), connecting).await.is_err());
    });
    let (mut far, _) = listener.accept().unwrap();
    far.set_read_timeout(Some(LONG)).unwrap();
    let mut asked = Vec::new();
    far.read_to_end(&mut asked).unwrap();
    assert_eq!(asked, [5, 1, 0]);
}

#[test]
fn a_connection_of_another_runtime_is_stale() {
    let (first, second) = (Tokio::new(), Tokio::new());
    let (mut near, _far) = pair(&first);
    assert!(!first.is_stale(&mut near));
    assert!(second.is_stale(&mut near), "the first one runs no more");
    drop(first);
    assert!(second.is_stale(&mut near), "the first one is gone");
    // Outside of any it is dropped without a panic.
    drop(near);
}

#[test]
fn all_futures_may_change_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let server = Server::host("127.0.0.1", 9);
    let (route, connector) =
        (Route::default(), smtp_core::tokio::Connector::new("mx.example", &Trust::default()).unwrap());
    let mut tell = |_: &Notice<'_>| {};
    drop(is_send(smtp_core::tokio::connect(&server, &route, Instant::now(), &mut tell)));
    let net = Tokio::new();
    let (near, _far) = pair(&net);
    let mut near = is_send(near);
    drop(is_send(near.read(&mut [0; 8])));
    drop(is_send(near.ready()));
    drop(is_send(near.handshake(&connector)));
    drop(is_send(near.close()));
    let dns = smtp_core::tokio::Dns::new(None);
    drop(is_send(dns.exchangers("example.org", Instant::now())));
    drop(is_send(dns.addresses("example.org", None, Instant::now())));
}
