//! How a mock ends, whatever its sessions do, and what it asks of silent clients.
#![cfg(feature = "net")]

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    time::{Duration, Instant},
};

use smtp_mock::{Certificate, Close, Drip, HandshakeFault, Mock, On, Rule, Scenario, Step, TlsMode};

/// What "at once" may take on a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(1);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the mock listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream
}

/// A client that was greeted.
fn greeted(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    read_line(&mut stream);
    stream
}

fn read_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\n") && stream.read(&mut octet).expect("a line comes") == 1 {
        line.push(octet[0]);
    }
    String::from_utf8(line).expect("it is text")
}

/// What the server still says before the connection ends, in whatever way.
fn rest(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    if let Err(error) = stream.read_to_end(&mut octets) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8(octets).expect("it is text")
}

/// Does something that must not take long, on a thread of its own: one that never ends fails the test.
fn at_once(what: &str, act: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let begin = Instant::now();
    std::thread::spawn(move || {
        act();
        // Who gave up waiting does not hear of it.
        let _ = done.send(());
    });
    ended.recv_timeout(AT_ONCE).unwrap_or_else(|_| panic!("{what} takes longer than {AT_ONCE:?}"));
    println!("{what}: {:?}", begin.elapsed());
}

#[test]
fn a_mock_whose_sessions_are_all_taken_ends_when_it_is_dropped() {
    let mock = Mock::builder().sessions(2).start();
    let address = mock.addr();
    let mut clients = [greeted(address), greeted(address)];
    let mut waiting: Vec<_> = (0..5).map(|_| connect(address)).collect();
    at_once("the end of a mock whose sessions are taken", move || drop(mock));
    for client in clients.iter_mut().chain(&mut waiting) {
        assert_eq!(rest(client), "");
    }
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_mock_whose_sessions_and_backlog_are_all_taken_ends_too() {
    let mock = Mock::builder().sessions(1).start();
    let address = mock.addr();
    let _client = greeted(address);
    // Beyond the backlog a connect hangs: whoever is not connected soon will not be.
    let waiting: Vec<_> = (0..1100)
        .map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok())
        .collect();
    assert!(waiting.len() > 100, "{}", waiting.len());
    at_once("the end of a mock whose backlog is full", move || drop(mock));
}

#[test]
fn a_pause_with_all_sessions_taken_refuses_those_that_wait_and_lets_the_others_go_on() {
    let mut mock = Mock::builder().sessions(1).start();
    let address = mock.addr();
    let mut client = greeted(address);
    let mut waiting = connect(address);
    let (give, take) = mpsc::channel();
    at_once("a pause", move || {
        mock.pause();
        give.send(mock).expect("the test waits");
    });
    let mut mock = take.recv().expect("it was given");
    assert_eq!(rest(&mut waiting), "");
    client.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(read_line(&mut client), "250 ok\r\n");
    mock.resume().unwrap();
    let mut next = connect(address);
    client.write_all(b"QUIT\r\n").unwrap();
    assert_eq!(rest(&mut client), "221 bye\r\n");
    drop(client);
    assert!(read_line(&mut next).starts_with("220 "));
}

/// A scenario with one rule on NOOP.
fn on_noop(steps: impl IntoIterator<Item = Step>) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.rules.push(steps.into_iter().fold(Rule::on(On::Noop), Rule::step));
    scenario
}

#[test]
fn a_stop_ends_every_state_of_a_session_at_once() {
    let hour = Duration::from_hours(1);
    let tls = |fault: Option<HandshakeFault>| {
        let mut scenario = Scenario::new();
        scenario.tls.mode = TlsMode::Implicit;
        scenario.tls.cert = Certificate::Good;
        scenario.tls.handshake = fault;
        scenario
    };
    // The beginning of a hello: the handshake waits for the rest.
    let hello: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00";
    let noop: &[u8] = b"NOOP\r\n";
    let states = [
        ("nothing said", Scenario::new(), &b""[..]),
        ("half a line", Scenario::new(), b"NO"),
        ("mail data", Scenario::new(), b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\nhalf"),
        ("a chunk", Scenario::new(), b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 9\r\nhalf"),
        ("a handshake without a hello", tls(None), b""),
        ("a handshake in its middle", tls(None), hello),
        ("a handshake that stalls", tls(Some(HandshakeFault::Stall)), hello),
        ("a stall", on_noop([Step::Stall]), noop),
        ("a delay", on_noop([Step::Delay(hour), Step::Default]), noop),
        ("a drip", on_noop([Step::Drip(Drip { bytes: 1, every: hour }), Step::Default]), noop),
        ("a reader that stopped", on_noop([Step::Default, Step::StopReading(hour)]), noop),
        ("a half-close", on_noop([Step::Close(Close::HalfClose)]), noop),
        ("a write that blocks", on_noop([Step::Endless("250-more".to_owned())]), noop),
        ("an end that the client does not answer", Scenario::new(), b"QUIT\r\n"),
    ];
    for (name, scenario, said) in states {
        let plain = scenario.tls.mode == TlsMode::None;
        let mock = Mock::builder().scenario(scenario).sessions(1).start();
        let mut client = if plain { greeted(mock.addr()) } else { connect(mock.addr()) };
        client.write_all(said).unwrap();
        let _waiting = connect(mock.addr());
        if said == noop {
            // The rule has fired: its state is reached, or about to be.
            let fired = mock.server().wait_until(Duration::from_secs(10), |server| {
                server.report().rules.iter().all(|rule| rule.fired > 0).then_some(())
            });
            assert!(fired.is_some(), "{name}");
        }
        at_once(name, move || drop(mock));
    }
}

#[test]
fn a_silent_client_is_told_so_and_makes_room_for_the_next() {
    let mock = Mock::builder().sessions(1).idle(Duration::from_millis(300)).start();
    let mut silent = greeted(mock.addr());
    let mut next = connect(mock.addr());
    let begin = Instant::now();
    silent.write_all(b"EHLO x.test\r\nMAIL FR").unwrap();
    assert!(rest(&mut silent).ends_with("421 4.4.2 silent for 300ms, closing\r\n"));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    drop(silent);
    assert!(read_line(&mut next).starts_with("220 "));
    // Who says something within each limit stays beyond it.
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(100));
        next.write_all(b"NOOP\r\n").unwrap();
        assert_eq!(read_line(&mut next), "250 ok\r\n");
    }
    assert!(mock.transcript().to_string().contains("the client was silent for 300ms"));
}

#[test]
fn a_client_that_is_silent_in_a_handshake_or_reads_nothing_makes_room_too() {
    let idle = Duration::from_millis(300);
    let mock = Mock::builder().implicit_tls(Certificate::Good).idle(idle).start();
    assert_eq!(rest(&mut connect(mock.addr())), "");
    let mut half = connect(mock.addr());
    half.write_all(b"\x16\x03\x01\x02\x00\x01\x00").unwrap();
    rest(&mut half);
    assert!(mock.transcript().to_string().contains("handshake failed: the client was silent for 300ms"));

    let mock = Mock::builder()
        .sessions(1)
        .idle(idle)
        .rule(Rule::on(On::Noop).step(Step::Endless("250-more".to_owned())))
        .start();
    let mut deaf = greeted(mock.addr());
    deaf.write_all(b"NOOP\r\n").unwrap();
    assert!(read_line(&mut connect(mock.addr())).starts_with("220 "));
    let said = mock.transcript().to_string();
    assert!(said.contains("the client is gone: it read nothing for 300ms"), "{said}");
}

#[test]
fn a_client_of_a_thread_of_its_own_that_is_silent_is_told_so() {
    // A delay takes the session from the threads that many share.
    let mock = Mock::builder()
        .idle(Duration::from_millis(300))
        .rule(Rule::on(On::Noop).delay(Duration::from_millis(500)).default_reply())
        .start();
    let mut client = greeted(mock.addr());
    client.write_all(b"NOOP\r\n").unwrap();
    // The server's own delay is no silence of the client.
    assert_eq!(rest(&mut client), "250 ok\r\n421 silent for 300ms, closing\r\n");
}
