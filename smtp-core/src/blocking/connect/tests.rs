//! What needs several addresses of one name; the rest is tested on both faces from outside.

use super::*;
use crate::blocking::Cancel;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use std::vec;

fn soon() -> Wait {
    Wait::new(Instant::now() + Duration::from_secs(20), &Cancel::default())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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
