//! What a client sees at its socket: each fault is judged by octets and errors there, not by the scenario.
#![cfg(feature = "net")]

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use smtp_mock::{Close, Drip, HandshakeFault, Mock, Octets, On, ProxyHeader, Rule, Scenario, Step, TlsMode};

fn connect(mock: &Mock) -> TcpStream {
    let stream = TcpStream::connect(mock.addr()).expect("the mock listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.set_nodelay(true).expect("no delay can be set");
    stream
}

fn read_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\n") {
        match stream.read(&mut octet) {
            Ok(1) => line.push(octet[0]),
            Ok(_) => break,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&line)),
        }
    }
    String::from_utf8(line).expect("replies of these tests are UTF-8")
}

/// Says a line and gives the last line of the reply.
fn ask(stream: &mut TcpStream, line: &str) -> String {
    stream.write_all(line.as_bytes()).expect("the mock reads");
    loop {
        let reply = read_line(stream);
        if reply.as_bytes().get(3) != Some(&b'-') {
            return reply;
        }
    }
}

fn with(rule: Rule) -> Mock {
    Mock::builder().rule(rule).start()
}

/// Greets, says NOOP and gives what the socket says after that.
fn noop(mock: &Mock) -> (Vec<u8>, io::Result<usize>) {
    let mut stream = connect(mock);
    read_line(&mut stream);
    stream.write_all(b"NOOP\r\n").expect("the mock reads");
    let mut octets = Vec::new();
    let end = stream.read_to_end(&mut octets);
    (octets, end)
}

#[test]
fn rst_is_a_reset_and_fin_is_an_end() {
    let mock = with(Rule::on(On::Noop).close(Close::Rst));
    let (octets, end) = noop(&mock);
    assert!(octets.is_empty());
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let mock = with(Rule::on(On::Noop).close(Close::Fin));
    assert_eq!(noop(&mock).1.unwrap(), 0);
    let mock = with(Rule::on(On::Connect).close(Close::Rst));
    let mut stream = connect(&mock);
    assert_eq!(stream.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_reply_can_end_in_its_middle() {
    let mock = with(Rule::on(On::Noop).step(Step::Raw(Octets(b"250 2.".to_vec()))).close(Close::Fin));
    let (octets, end) = noop(&mock);
    assert_eq!((octets.as_slice(), end.unwrap()), (&b"250 2."[..], 6));
}

#[test]
fn fin_with_unread_input_is_still_no_reset() {
    let mock = with(Rule::on(On::Noop).reply("421 bye"));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    stream.write_all(b"NOOP\r\nNOOP\r\nNOOP\r\n").unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    assert_eq!(octets, b"421 bye\r\n");
}

#[test]
fn a_half_close_ends_one_direction_only() {
    let mock = with(Rule::on(On::Noop).default_reply().close(Close::HalfClose));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    assert_eq!(ask(&mut stream, "NOOP\r\n"), "250 ok\r\n");
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    // A reset would show itself by the second write at the latest.
    for _ in 0..3 {
        stream.write_all(b"NOOP\r\n").unwrap();
    }
    drop(stream);
    mock.wait_closed(1);
}

#[test]
fn split_arrives_as_separate_reads() {
    // A pause between the parts keeps the kernel from joining what it already has when the client is late to read.
    let rule = Rule::on(On::Noop)
        .step(Step::Split(vec![1]))
        .step(Step::Raw(Octets(b"250 a".to_vec())))
        .delay(Duration::from_millis(30))
        .step(Step::Raw(Octets(b"b\r".to_vec())))
        .delay(Duration::from_millis(30))
        .step(Step::Raw(Octets(b"\n".to_vec())));
    let mock = with(rule);
    let mut stream = connect(&mock);
    read_line(&mut stream);
    stream.write_all(b"NOOP\r\n").unwrap();
    let mut reads: Vec<Vec<u8>> = Vec::new();
    let mut buffer = [0; 64];
    while reads.concat().len() < 8 {
        let count = stream.read(&mut buffer).unwrap();
        reads.push(buffer[..count].to_vec());
    }
    assert_eq!(reads.concat(), b"250 ab\r\n");
    assert!(reads.len() >= 3, "{} reads", reads.len());
    assert_eq!(reads.last().unwrap(), b"\n");
    let packets = mock.transcript().entries()[2].packets.clone();
    assert_eq!(packets, [1, 4]);
}

#[test]
fn a_drip_keeps_its_pace() {
    let mock = with(
        Rule::on(On::Noop)
            .step(Step::Drip(Drip { bytes: 1, every: Duration::from_millis(10) }))
            .reply("250 slow"),
    );
    let mut stream = connect(&mock);
    read_line(&mut stream);
    let begin = Instant::now();
    assert_eq!(ask(&mut stream, "NOOP\r\n"), "250 slow\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(90), "{:?}", begin.elapsed());
}

#[test]
fn stop_reading_blocks_a_writer() {
    let mock = with(Rule::on(On::Data).reply("354 go on").step(Step::StopReading(Duration::from_mins(10))));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    ask(&mut stream, "EHLO x.test\r\n");
    ask(&mut stream, "MAIL FROM:<>\r\n");
    ask(&mut stream, "RCPT TO:<a@b.test>\r\n");
    assert_eq!(ask(&mut stream, "DATA\r\n"), "354 go on\r\n");
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let block = vec![b'x'; 64 * 1024];
    let blocked = (0..1024).find_map(|_| stream.write_all(&block).err());
    assert_eq!(blocked.expect("64 MiB do not fit").kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_stall_says_nothing_and_garbage_is_the_same_for_one_seed() {
    let mock = with(Rule::on(On::Noop).step(Step::Stall));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    stream.write_all(b"NOOP\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(stream);
    let garbage = |seed| {
        let rule = Rule::on(On::Noop).step(Step::Garbage(512)).close(Close::Fin);
        noop(&Mock::builder().seed(seed).rule(rule).start()).0
    };
    assert_eq!(garbage(3), garbage(3));
    assert_ne!(garbage(3), garbage(4));
}

#[test]
fn long_lines_and_endless_replies_arrive() {
    let (octets, _) = noop(&with(Rule::on(On::Noop).step(Step::LongLine(70_000)).close(Close::Fin)));
    assert_eq!(octets.len(), 70_002);
    assert!(octets.ends_with(b"x\r\n") && !octets[..70_001].contains(&b'\n'));
    let mock = with(Rule::on(On::Noop).step(Step::Endless("250-more".to_owned())));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    stream.write_all(b"NOOP\r\n").unwrap();
    let mut octets = vec![0; 1_000_000];
    stream.read_exact(&mut octets).unwrap();
    assert!(octets.chunks_exact(10).all(|line| line == b"250-more\r\n"));
}

#[test]
fn an_early_550_comes_before_the_data() {
    let rule =
        Rule::on(On::Data).reply("354 go on").delay(Duration::from_millis(20)).reply("550 changed my mind");
    let mock = with(rule.close(Close::Fin));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    for line in ["EHLO x.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@b.test>\r\n", "DATA\r\n"] {
        ask(&mut stream, line);
    }
    assert_eq!(read_line(&mut stream), "550 changed my mind\r\n");
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    assert_eq!(mock.messages().len(), 0);
}

#[test]
fn the_last_250_can_be_lost() {
    let mock = with(Rule::on(On::Body).step(Step::Capture(true)).close(Close::Rst));
    let mut stream = connect(&mock);
    read_line(&mut stream);
    for line in ["EHLO x.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@b.test>\r\n", "DATA\r\n"] {
        ask(&mut stream, line);
    }
    stream.write_all(b"x\r\n.\r\n").unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(mock.messages()[0].octets, b"x\r\n");
}

#[test]
fn handshake_faults_are_seen_in_clear() {
    for (fault, expected) in [
        (HandshakeFault::Alert, Ok(&b"\x15\x03\x03\x00\x02\x02\x28"[..])),
        (HandshakeFault::Garbage, Ok(HandshakeFault::Garbage.octets().expect("garbage is octets"))),
        (HandshakeFault::Plaintext, Ok(&b"220 2.0.0 still speaking in clear\r\n"[..])),
        (HandshakeFault::Fin, Ok(&b""[..])),
        (HandshakeFault::Rst, Err(io::ErrorKind::ConnectionReset)),
    ] {
        let mut scenario = Scenario::new();
        scenario.tls.mode = TlsMode::Starttls;
        scenario.tls.handshake = Some(fault);
        let mock = Mock::builder().scenario(scenario).start();
        let mut stream = connect(&mock);
        read_line(&mut stream);
        ask(&mut stream, "EHLO x.test\r\n");
        assert!(ask(&mut stream, "STARTTLS\r\n").starts_with("220"));
        stream.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
        let mut octets = Vec::new();
        let end = stream.read_to_end(&mut octets).map(|_| octets.as_slice()).map_err(|error| error.kind());
        assert_eq!(end, expected, "{fault:?}");
    }
}

/// Sends a PROXY header and the first octets of TLS in one packet.
#[derive(Debug)]
struct BehindProxy {
    stream: TcpStream,
    header: Vec<u8>,
}

impl Read for BehindProxy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for BehindProxy {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let header = std::mem::take(&mut self.header);
        self.stream.write_all(&[&header[..], octets].concat()).map(|()| octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[test]
fn a_client_hello_in_the_packet_of_the_proxy_header_was_lost() {
    let mut scenario = Scenario::new();
    scenario.tls.mode = TlsMode::Implicit;
    scenario.server.proxy = ProxyHeader::Any;
    let mock = Mock::builder().scenario(scenario).start();
    let authority = native_tls::Certificate::from_pem(mock.ca_pem().as_bytes()).unwrap();
    let connector = native_tls::TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    binary.extend_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2, 15, 160, 0, 25]);
    for header in [b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n".to_vec(), binary] {
        let transport = BehindProxy { stream: connect(&mock), header };
        let mut stream =
            connector.connect("localhost", transport).expect("the handshake gets its first octets");
        stream.write_all(b"QUIT\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("220 ") && said.ends_with("221 bye\r\n"), "{said}");
    }
}

#[test]
fn a_handshake_fault_hears_the_hello_in_the_packet_of_the_proxy_header() {
    let mut scenario = Scenario::new();
    scenario.tls.mode = TlsMode::Implicit;
    scenario.tls.handshake = Some(HandshakeFault::Alert);
    scenario.server.proxy = ProxyHeader::V1;
    let mock = Mock::builder().scenario(scenario).start();
    let mut stream = connect(&mock);
    stream.write_all(b"PROXY UNKNOWN\r\n\x16\x03\x01\x00\x05hello").unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    assert_eq!(octets, b"\x15\x03\x03\x00\x02\x02\x28");
}

#[test]
fn a_stop_ends_what_waits_at_once() {
    let mock = Mock::builder()
        .rule(Rule::on(On::Noop).delay(Duration::from_hours(1)))
        .rule(Rule::on(On::Vrfy).step(Step::StopReading(Duration::from_hours(1))))
        .rule(Rule::on(On::Help).step(Step::Endless("214-x".to_owned())))
        .start();
    let begin = Instant::now();
    let streams: Vec<_> = ["", "NOOP\r\n", "VRFY x\r\n", "HELP\r\n"]
        .into_iter()
        .map(|line| {
            let mut stream = connect(&mock);
            read_line(&mut stream);
            stream.write_all(line.as_bytes()).unwrap();
            stream
        })
        .collect();
    drop(mock);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    drop(streams);
}

#[test]
fn pause_refuses_and_resume_takes_the_same_port() {
    let mut mock = Mock::start();
    let address = mock.addr();
    mock.pause();
    assert!(!mock.is_listening());
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    mock.resume().unwrap();
    let mut stream = connect(&mock);
    assert!(read_line(&mut stream).starts_with("220"));
    assert_eq!(stream.peer_addr().unwrap(), address);
}

#[test]
fn addresses_that_refuse_or_never_answer() {
    let refused = TcpStream::connect(Mock::unreachable().unwrap()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let blackhole = Mock::blackhole().unwrap();
    let silent = TcpStream::connect_timeout(&blackhole.addr(), Duration::from_millis(200)).unwrap_err();
    assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn rules_can_be_set_while_it_runs() {
    let mock = Mock::start();
    let mut stream = connect(&mock);
    read_line(&mut stream);
    assert_eq!(ask(&mut stream, "NOOP\r\n"), "250 ok\r\n");
    mock.set(Rule::on(On::Noop).times(1).reply("451 not now"));
    assert_eq!(ask(&mut stream, "NOOP\r\n"), "451 not now\r\n");
    assert_eq!(ask(&mut stream, "NOOP\r\n"), "250 ok\r\n");
}

#[test]
fn limits_answer_as_a_provider_would() {
    let mut scenario = Scenario::new();
    scenario.limits.connections = Some(1);
    scenario.limits.messages_per_connection = Some(1);
    scenario.limits.recipients = Some(1);
    let mock = Mock::builder().scenario(scenario).start();
    let mut stream = connect(&mock);
    read_line(&mut stream);
    let mut second = connect(&mock);
    assert!(read_line(&mut second).starts_with("421 4.7.0 too many connections"));
    assert_eq!(second.read(&mut [0; 9]).unwrap(), 0);
    ask(&mut stream, "EHLO x.test\r\n");
    ask(&mut stream, "MAIL FROM:<>\r\n");
    assert!(ask(&mut stream, "RCPT TO:<a@b.test>\r\n").starts_with("250"));
    assert!(ask(&mut stream, "RCPT TO:<c@b.test>\r\n").starts_with("452 4.5.3"));
    ask(&mut stream, "RSET\r\n");
    assert!(ask(&mut stream, "MAIL FROM:<>\r\n").starts_with("421 4.7.0 too many messages"));
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_speaks_too_and_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp");
    let mock = Mock::builder().lmtp().unix(&path).start();
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"LHLO x.test\r\nQUIT\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("220 mock.example.test LMTP") && said.ends_with("221 2.0.0 bye\r\n"), "{said}");
    assert!(mock.uri().starts_with("lmtp://127.0.0.1:"));
    drop(mock);
    assert!(!path.exists());
}

#[test]
fn messages_are_waited_for_without_polling() {
    let mock = Arc::new(Mock::start());
    let waiter = {
        let mock = Arc::clone(&mock);
        std::thread::spawn(move || mock.wait_for(|message| message.subject().as_deref() == Some("two")))
    };
    let mut stream = connect(&mock);
    read_line(&mut stream);
    ask(&mut stream, "EHLO x.test\r\n");
    for subject in ["one", "two"] {
        for line in ["MAIL FROM:<>\r\n", "RCPT TO:<a@b.test>\r\n", "DATA\r\n"] {
            ask(&mut stream, line);
        }
        ask(&mut stream, &format!("Subject: {subject}\r\n\r\n.\r\n"));
    }
    assert_eq!(waiter.join().unwrap().number, 2);
    assert_eq!(mock.wait_n(2).len(), 2);
}

#[test]
fn a_client_without_end_costs_bounded_memory() {
    let limits = smtp_mock::CaptureLimits {
        messages: 10,
        message_octets: 100_000,
        transcript_octets: 50_000,
        ..smtp_mock::CaptureLimits::default()
    };
    let mock = Mock::builder().limits(limits).start();
    let mut stream = connect(&mock);
    read_line(&mut stream);
    ask(&mut stream, "EHLO x.test\r\n");
    for _ in 0..200 {
        stream.write_all(b"MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n").unwrap();
        assert!(read_line(&mut stream).starts_with("250"));
        assert!(read_line(&mut stream).starts_with("250"));
        assert!(read_line(&mut stream).starts_with("354"));
        ask(&mut stream, &format!("{}\r\n.\r\n", "x".repeat(20_000)));
    }
    let messages = mock.messages();
    assert!(messages.len() <= 5, "{}", messages.len());
    assert_eq!(mock.server().accepted(), 200);
    let transcript = mock.transcript();
    assert!(transcript.forgotten() > 1000);
    assert!(transcript.entries().iter().map(|entry| entry.octets.len() + 128).sum::<usize>() <= 50_000);
}
