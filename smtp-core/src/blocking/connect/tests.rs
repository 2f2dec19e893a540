use super::*;
use crate::blocking::Cancel;
use crate::mailer::{ConnectFault, Family, Proxy, ProxyKind};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};
use std::vec;

fn within(time: Duration) -> Wait {
    Wait::new(Instant::now() + time, &Cancel::default())
}

fn soon() -> Wait {
    within(Duration::from_secs(20))
}

fn kind(server: &Server, route: &Route, wait: &Wait) -> ErrorKind {
    let error = connect(server, route, wait, &mut |_| {}).unwrap_err();
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

/// A listener whose queue is full, so that it answers no further connection, and what fills it.
#[cfg(target_os = "linux")]
fn silent() -> (SocketAddr, socket2::Socket, Vec<socket2::Socket>) {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let held = (0..4).map(|_| begin(address, None).unwrap().0).collect();
    (address, listener, held)
}

#[test]
fn an_address_that_refuses_is_passed_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let refusing = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut told = Vec::new();
    let mut tell = |notice: &Notice<'_>| {
        let Notice::Connecting(address) = notice else { panic!("{notice:?}") };
        told.push(*address);
    };
    let socket = first_to_connect(vec![refusing, good], None, &soon(), &mut tell).unwrap();
    assert_eq!(socket.peer_addr().unwrap(), good);
    assert_eq!(told, [refusing, good]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_answer_is_overtaken() {
    let (silent, _listener, _held) = silent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let start = Instant::now();
    let socket = first_to_connect(vec![silent, good], None, &soon(), &mut |_| {}).unwrap();
    assert_eq!(socket.peer_addr().unwrap(), good);
    assert!(start.elapsed() >= STAGGER && start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[cfg(target_os = "linux")]
#[test]
fn no_answer_ends_at_the_deadline_or_by_cancellation() {
    let (silent, _listener, _held) = silent();
    let server = Server::host("127.0.0.1", silent.port());
    let found = kind(&server, &Route::default(), &within(Duration::from_millis(300)));
    assert_eq!(found, ErrorKind::Connect(ConnectFault::TimedOut));
    let cancel = Cancel::default();
    let other = cancel.clone();
    let start = Instant::now();
    let cancelling = thread::spawn(move || other.request());
    let wait = Wait::new(start + Duration::from_mins(2), &cancel);
    assert_eq!(kind(&server, &Route::default(), &wait), ErrorKind::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(30));
    cancelling.join().unwrap();
}

#[test]
fn a_refused_port_and_an_unknown_host_are_told_apart() {
    let found = kind(&Server::host("127.0.0.1", free_port()), &Route::default(), &soon());
    assert_eq!(found, ErrorKind::Connect(ConnectFault::Refused));
    let name = "no-such-host.invalid".to_string();
    let found = kind(&Server::host(name.clone(), 25), &Route::default(), &soon());
    assert_eq!(found, ErrorKind::LookUp { name, fault: LookUpFault::Failed });
}

#[test]
fn a_connection_comes_from_the_address_that_was_asked_for() {
    let (listener, server) = listener();
    let from = |bind: &str| Route { bind: Some(bind.parse().unwrap()), ..Route::default() };
    let stream = connect(&server, &from("127.0.0.9"), &soon(), &mut |_| {}).unwrap();
    let (_, far) = listener.accept().unwrap();
    assert_eq!(far.ip(), stream.local_address().unwrap());
    assert_eq!(far.ip().to_string(), "127.0.0.9");
    // An address of documentation, which no machine has.
    assert_eq!(kind(&server, &from("192.0.2.1"), &soon()), ErrorKind::Setting(SettingError::Bind));
    assert_eq!(kind(&server, &from("::1"), &soon()), ErrorKind::Setting(SettingError::BindFamily));
}

#[test]
fn an_address_of_the_other_family_is_not_used() {
    let only = |family| Route { family: Some(family), ..Route::default() };
    for (name, family) in [("127.0.0.1", Family::V6), ("::1", Family::V4)] {
        let found = kind(&Server::host(name, 25), &only(family), &soon());
        assert_eq!(
            found,
            ErrorKind::LookUp { name: name.to_string(), fault: LookUpFault::NoAddressOfFamily }
        );
    }
    let (_listener, server) = listener();
    connect(&server, &only(Family::V4), &soon(), &mut |_| {}).unwrap();
}

#[test]
fn an_address_that_is_known_already_is_not_looked_up() {
    let (_listener, server) = listener();
    let Server::Host { port, .. } = server else { panic!() };
    let route = Route { address: Some([127, 0, 0, 1].into()), ..Route::default() };
    connect(&Server::host("no-such-host.invalid", port), &route, &soon(), &mut |_| {}).unwrap();
}

#[test]
fn nothing_is_awaited_beyond_the_deadline() {
    let found = kind(&Server::host("127.0.0.1", 9), &Route::default(), &within(Duration::ZERO));
    assert_eq!(found, ErrorKind::Connect(ConnectFault::TimedOut));
    let name = "localhost".to_string();
    let found = kind(&Server::host(name.clone(), 9), &Route::default(), &within(Duration::ZERO));
    assert_eq!(found, ErrorKind::LookUp { name, fault: LookUpFault::TimedOut });
}

#[test]
fn a_header_leaves_first_with_the_addresses_of_the_connection() {
    let (listener, server) = listener();
    let mut told = false;
    let route = Route { header: Some(HeaderTemplate::new()), ..Route::default() };
    let stream = connect(&server, &route, &soon(), &mut |notice| told |= matches!(notice, Notice::Header(_)));
    let (mut far, near) = listener.accept().unwrap();
    let port = listener.local_addr().unwrap().port();
    let wanted = std::format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {port}\r\n", near.port());
    let mut came = vec![0; wanted.len()];
    far.read_exact(&mut came).unwrap();
    assert_eq!(came, wanted.as_bytes());
    assert!(told && stream.is_ok());
    let mut mixed = HeaderTemplate::new();
    mixed.source = Some("[::1]:7".parse().unwrap());
    let route = Route { header: Some(mixed), ..Route::default() };
    assert_eq!(kind(&server, &route, &soon()), ErrorKind::Setting(SettingError::MixedFamilies));
}

#[test]
fn a_proxy_that_cannot_be_reached_is_told_from_the_server() {
    let through = |host: &str, port| Route {
        proxy: Some(Proxy::new(ProxyKind::Socks5, host, port)),
        ..Route::default()
    };
    let server = Server::host("mx.example", 25);
    let found = kind(&server, &through("127.0.0.1", free_port()), &soon());
    assert_eq!(found, ErrorKind::Proxy(ProxyFault::Connect(ConnectFault::Refused)));
    let name = "no-such-proxy.invalid".to_string();
    let found = kind(&server, &through(&name, 1080), &soon());
    assert_eq!(found, ErrorKind::LookUp { name, fault: LookUpFault::Failed });
    let (_listener, Server::Host { port, .. }) = listener() else { panic!() };
    let found = kind(&server, &through("127.0.0.1", port), &within(Duration::from_millis(200)));
    assert_eq!(found, ErrorKind::Proxy(ProxyFault::TimedOut));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_connected_to_or_told_by_what_is_wrong() {
    let directory = std::env::temp_dir().join(std::format!("smtp-core-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket").to_str().unwrap().to_string();
    let found = kind(&Server::Unix(path.clone()), &Route::default(), &soon());
    assert_eq!(found, ErrorKind::Connect(ConnectFault::Failed));
    let long = Server::Unix("x".repeat(200));
    assert_eq!(kind(&long, &Route::default(), &soon()), ErrorKind::Setting(SettingError::SocketPathTooLong));

    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    listener.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let server = Server::Unix(path);
    // Those that the system accepts for the server fill the queue; the next one waits.
    let mut held = Vec::new();
    let error = loop {
        assert!(held.len() < 64, "the queue has no end");
        match connect(&server, &Route::default(), &within(Duration::from_millis(200)), &mut |_| {}) {
            Ok(stream) => held.push(stream),
            Err(error) => break error,
        }
    };
    std::fs::remove_dir_all(directory).unwrap();
    assert_eq!(*error.kind(), ErrorKind::Connect(ConnectFault::TimedOut));
    assert!(!held.is_empty() && held.iter().all(|stream| stream.local_address().is_none()));
}
