//! The program under signals and under many clients: it ends at once, and what it keeps is bounded.
#![cfg(all(feature = "program", target_os = "linux"))]

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};

/// How long a wait may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that runs, and is killed when its test is over.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-mock"));
        let (child, line) = support::start_command(command.args(arguments).stderr(Stdio::null()));
        let address = support::address(&line).parse().expect("an address");
        Self { child, address }
    }

    fn signal(&self, signal: Signal) {
        // The child is not reaped yet: the number is its own.
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for the end, so long.
    fn end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return Some(status);
            }
            // The standard library has no wait with a limit.
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    /// The resident memory in octets.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the field exists");
        let number = line.split_ascii_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
        number.expect("a number") * 1024
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream
    }

    fn greeted(&self) -> TcpStream {
        let mut stream = self.connect();
        let mut code = [0; 3];
        stream.read_exact(&mut code).expect("it greets");
        assert_eq!(&code, b"220");
        stream
    }

    /// Connections that come, send a message and go, one after the other.
    fn come_and_go(&self, count: usize) {
        const TALK: &[u8] = b"EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nRSET\r\nQUIT\r\n";
        for _ in 0..count {
            let mut stream = self.connect();
            stream.write_all(TALK).expect("it reads");
            let mut said = String::new();
            stream.read_to_string(&mut said).expect("it answers");
            assert!(said.ends_with("221 2.0.0 bye\r\n"), "{said}");
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended, most likely.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sigterm_ends_the_program_whose_sessions_are_all_taken() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(&["--sessions", "2"]);
        let _clients = [program.greeted(), program.greeted()];
        let _waiting: Vec<_> = (0..3).map(|_| program.connect()).collect();
        program.signal(signal);
        let status = program.end(Duration::from_secs(1)).expect("it ends within a second");
        assert_eq!(status.code(), Some(0));
    }
}

#[test]
fn sigterm_ends_a_program_that_waits_for_its_last_clients() {
    let mut program = Program::start(&["--exit-after", "1 session"]);
    let _idle = program.greeted();
    program.come_and_go(1);
    program.signal(Signal::TERM);
    assert!(program.end(Duration::from_secs(1)).is_some());
}

#[test]
fn a_second_signal_ends_a_program_that_cannot_end_in_order() {
    // Nobody reads its output: the first signal finds it in a write that blocks.
    let mut program = Program::start(&["--json-lines"]);
    let transaction = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n.\r\n";
    let octets = [b"EHLO x.test\r\n", &transaction.repeat(4000)[..]].concat();
    let mut stream = program.connect();
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut reader = stream.try_clone().unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let replies = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = reader.read_to_end(&mut said);
        said
    });
    let _ = stream.write_all(&octets);
    let said = String::from_utf8(replies.join().unwrap()).unwrap();
    let taken = said.matches("queued as").count();
    assert!((1000..4000).contains(&taken), "{taken}");
    program.signal(Signal::TERM);
    assert_eq!(program.end(Duration::from_millis(300)), None);
    program.signal(Signal::TERM);
    let status = program.end(Duration::from_secs(1)).expect("it ends at once");
    assert_eq!(status.code(), Some(130));
}

#[test]
fn two_thousand_idle_clients_do_not_hold_up_the_end() {
    const CLIENTS: usize = 2060;
    // For this process and the program, which inherits it.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.map_or(Some(65_536), |maximum| Some(maximum.min(65_536)));
    setrlimit(Resource::Nofile, limit).expect("the soft limit may rise to the hard one");
    assert!(
        limit.current.is_none_or(|current| current > 2 * CLIENTS as u64),
        "too few descriptors: {limit:?}"
    );
    let mut program = Program::start(&[]);
    // 2,048 are served; the others wait in the backlog.
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| program.connect()).collect();
    for client in &mut clients[..2048] {
        let mut code = [0; 3];
        client.read_exact(&mut code).expect("it greets");
    }
    let begin = Instant::now();
    program.signal(Signal::TERM);
    let status = program.end(PATIENCE).expect("it ends");
    let took = begin.elapsed();
    println!("{CLIENTS} idle clients: the program ended in {took:?}");
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    for client in &mut clients {
        // Its end, or a reset where it was never accepted.
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
    }
}

#[test]
fn ten_thousand_connections_leave_the_memory_where_it_was() {
    const COUNT: u64 = 10_000;
    for (arguments, each) in [
        // Nothing is kept: what grows is lost.
        (&["--sink"][..], 0),
        // A transcript is kept up to 64 MiB: twelve entries of a connection, each with 128 octets of its own.
        (&[][..], 12 * 200),
    ] {
        let program = Program::start(arguments);
        program.come_and_go(2000);
        let before = program.memory();
        program.come_and_go(10_000);
        let grown = program.memory().saturating_sub(before);
        println!("{arguments:?}: {before} octets before, {grown} more after {COUNT} connections");
        assert!(grown < COUNT * each + 4 * 1024 * 1024, "{grown}");
    }
}

#[test]
fn the_memory_of_default_capture_stays_where_it_is_when_the_transcript_is_full() {
    let program = Program::start(&[]);
    // One long line is an entry of 15 KiB: a few thousand fill 64 MiB.
    let line = format!("NOOP {}\r\n", "x".repeat(15_000)).repeat(100);
    let fill = |count: usize| {
        for _ in 0..count {
            let mut stream = program.connect();
            let (done, ended) = mpsc::channel();
            let mut reader = stream.try_clone().unwrap();
            std::thread::spawn(move || {
                let mut said = String::new();
                let _ = reader.read_to_string(&mut said);
                let _ = done.send(said.matches("250 ok").count());
            });
            stream.write_all(line.as_bytes()).unwrap();
            stream.write_all(b"QUIT\r\n").unwrap();
            assert_eq!(ended.recv_timeout(PATIENCE), Ok(100));
        }
    };
    fill(60);
    let before = program.memory();
    fill(120);
    let grown = program.memory().saturating_sub(before);
    println!("{before} octets with a full transcript, {grown} more after as much again twice");
    assert!(before > 60 * 1024 * 1024, "{before}");
    assert!(grown < 8 * 1024 * 1024, "{grown}");
}
