//! Connecting through a proxy, which is a thread here.

use crate::streams::{LONG, Net, on_both};
use smtp_core::Secret;
use smtp_core::mailer::{
    ConnectFault, ErrorKind, LookUpFault, Notice, Proxy, ProxyFault, ProxyKind, Route, Server,
};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

on_both!(
    the_servers_first_octets_are_the_streams_however_they_arrive,
    a_proxy_that_cannot_be_reached_is_told_from_the_server,
    what_a_proxy_answers_is_told,
    a_name_that_cannot_be_sent_opens_no_connection,
    a_proxy_that_drips_is_given_up_at_the_deadline,
);

/// A proxy that takes one connection and does this with it, and the route through it.
fn proxy(kind: ProxyKind, serve: impl FnOnce(TcpStream) + Send + 'static) -> (Route, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || serve(listener.accept().unwrap().0));
    (through("127.0.0.1", port, kind), serving)
}

fn through(host: &str, port: u16, kind: ProxyKind) -> Route {
    let mut route = Route::default();
    route.proxy = Some(Proxy::new(kind, host, port).with_login("you", Secret::from("s3cr3t")));
    route
}

fn mx() -> Server {
    Server::host("mx.example", 25)
}

fn kind<N: Net>(net: &N, route: &Route, limit: Duration) -> ErrorKind {
    let Err(error) = net.connect(&mx(), route, limit, &mut |_| {}) else { panic!("it connects") };
    assert_eq!(error.server(), Some("mx.example:25"));
    assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    error.kind().clone()
}

/// Reads a request of HTTP to its blank line.
fn request(far: &mut TcpStream) -> String {
    let mut came = Vec::new();
    while !came.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        far.read_exact(&mut octet).unwrap();
        came.push(octet[0]);
    }
    String::from_utf8(came).unwrap()
}

fn the_servers_first_octets_are_the_streams_however_they_arrive<N: Net>(net: &N) {
    for at_once in [true, false] {
        let answer = move |far: &mut TcpStream, octets: &[u8]| {
            far.set_nodelay(true).unwrap();
            if at_once {
                far.write_all(octets).unwrap();
            } else {
                octets.chunks(1).for_each(|octet| far.write_all(octet).unwrap());
            }
        };
        let http = move |mut far: TcpStream| {
            let came = request(&mut far);
            assert!(came.starts_with("CONNECT mx.example:25 HTTP/1.1\r\nHost: mx.example:25\r\n"), "{came}");
            assert!(came.contains("\r\nProxy-Authorization: Basic eW91OnMzY3IzdA==\r\n"), "{came}");
            answer(&mut far, b"HTTP/1.1 200 OK\r\nVia: 1.1 here\r\n\r\n220 mx.example\r\n");
            io::copy(&mut far, &mut io::sink()).unwrap();
        };
        let socks = move |mut far: TcpStream| {
            let mut came = [0; 4];
            far.read_exact(&mut came).unwrap();
            assert_eq!(came, [5, 2, 0, 2]);
            answer(&mut far, &[5, 2]);
            let mut came = [0; 12];
            far.read_exact(&mut came).unwrap();
            assert_eq!(&came, b"\x01\x03you\x06s3cr3t");
            answer(&mut far, &[1, 0]);
            let mut came = [0; 17];
            far.read_exact(&mut came).unwrap();
            assert_eq!(&came, b"\x05\x01\x00\x03\x0amx.example\x00\x19");
            answer(&mut far, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34220 mx.example\r\n");
            io::copy(&mut far, &mut io::sink()).unwrap();
        };
        for (route, serving) in [proxy(ProxyKind::Http, http), proxy(ProxyKind::Socks5, socks)] {
            let mut told = 0;
            let mut tell = |notice: &Notice<'_>| told += usize::from(matches!(notice, Notice::Proxy(_)));
            let mut stream = net.connect(&mx(), &route, LONG, &mut tell).unwrap();
            assert_eq!(net.read_exact(&mut stream, 16), b"220 mx.example\r\n");
            assert_eq!(told, 1);
            drop(stream);
            serving.join().unwrap();
        }
    }
}

fn a_proxy_that_cannot_be_reached_is_told_from_the_server<N: Net>(net: &N) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let found = kind(net, &through("127.0.0.1", port, ProxyKind::Socks5), LONG);
    assert_eq!(found, ErrorKind::Proxy(ProxyFault::Connect(ConnectFault::Refused)));
    assert!(found.is_transient());
    let name = "no-such-proxy.invalid".to_string();
    let found = kind(net, &through(&name, 1080, ProxyKind::Http), LONG);
    assert_eq!(found, ErrorKind::LookUp { name, fault: LookUpFault::Failed });
}

fn what_a_proxy_answers_is_told<N: Net>(net: &N) {
    for (protocol, answer, fault) in [
        (ProxyKind::Socks5, &b"\x05\x00\x05\x05\x00\x01"[..], ProxyFault::Refused(5)),
        (ProxyKind::Socks5, b"\x05\xff", ProxyFault::LoginNotAccepted),
        (ProxyKind::Socks5, b"HTTP/1.1 400\r\n", ProxyFault::OtherProtocol(b'H')),
        (ProxyKind::Socks5, b"\x05", ProxyFault::Closed),
        (ProxyKind::Http, b"HTTP/1.1 407 no\r\n\r\n", ProxyFault::LoginRefused),
        (ProxyKind::Http, b"HTTP/1.1 502 no\r\n\r\n", ProxyFault::Status(502)),
        (ProxyKind::Http, b"220 mx.example\r\n", ProxyFault::OtherProtocol(b'2')),
        (ProxyKind::Http, b"", ProxyFault::Closed),
    ] {
        let (route, serving) = proxy(protocol, move |mut far| {
            far.write_all(answer).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            // Until the client is done, or what it sends would be answered by a reset.
            let _ = io::copy(&mut far, &mut io::sink());
        });
        assert_eq!(kind(net, &route, LONG), ErrorKind::Proxy(fault));
        serving.join().unwrap();
    }
}

fn a_name_that_cannot_be_sent_opens_no_connection<N: Net>(net: &N) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let route = through("127.0.0.1", listener.local_addr().unwrap().port(), ProxyKind::Http);
    let server = Server::host("mx.example HTTP/1.1\r\nX-Injected: y", 25);
    let Err(error) = net.to(&server, &route) else { panic!("it connects") };
    assert_eq!(*error.kind(), ErrorKind::Proxy(ProxyFault::InvalidName));
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

fn a_proxy_that_drips_is_given_up_at_the_deadline<N: Net>(net: &N) {
    let (route, serving) = proxy(ProxyKind::Http, |mut far| {
        let _ = request(&mut far);
        // Each octet comes in time, all of them do not.
        let octets = b"HTTP/1.1 200 OK\r\nX: ".iter().chain(std::iter::repeat(&b'x'));
        for octet in octets {
            if far.write_all(&[*octet]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let found = kind(net, &route, Duration::from_millis(400));
    assert_eq!(found, ErrorKind::Proxy(ProxyFault::TimedOut));
    serving.join().unwrap();
}
