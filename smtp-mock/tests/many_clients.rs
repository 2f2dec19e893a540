//! Many sessions at once: none of their messages is lost, and threads stay within their limit.
#![cfg(all(feature = "net", target_os = "linux"))]

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use smtp_mock::{Mock, On, Rule, Step};

/// What these tests count is the whole process's: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the field exists");
    line.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// A thousand sessions need some three thousand descriptors: where fewer are allowed by default, the test runs itself
/// again under the hard limit. `true` when this process is to do the work.
fn has_descriptors(test: &str) -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux has it");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("the limit exists");
    let soft: u64 =
        line.split_ascii_whitespace().nth(3).and_then(|number| number.parse().ok()).unwrap_or(u64::MAX);
    if soft >= 4096 || std::env::var_os("SMTP_MOCK_DESCRIPTORS").is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("a test knows its program");
    let status = std::process::Command::new("sh")
        .args(["-c", "ulimit -n \"$(ulimit -H -n)\" && exec \"$0\" --exact \"$1\""])
        .arg(program)
        .arg(test)
        .env("SMTP_MOCK_DESCRIPTORS", "1")
        .status()
        .expect("a shell runs");
    assert!(status.success());
    false
}

#[test]
fn a_thousand_sessions_at_once_lose_no_message() {
    const SESSIONS: u64 = 1000;
    const EACH: u64 = 3;
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !has_descriptors("a_thousand_sessions_at_once_lose_no_message") {
        return;
    }
    let mock = Mock::builder().timeout(Duration::from_mins(1)).start();
    let before = status("VmRSS:");
    let mut streams: Vec<_> = (0..SESSIONS)
        .map(|_| {
            let stream = TcpStream::connect(mock.addr()).expect("the mock listens");
            stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout can be set");
            stream
        })
        .collect();
    for stream in &mut streams {
        stream.write_all(b"EHLO x.test\r\n").unwrap();
    }
    let all_open = mock
        .server()
        .wait_until(Duration::from_mins(1), |server| (server.open_connections() == SESSIONS).then_some(()));
    assert!(all_open.is_some(), "{} of {SESSIONS} are open", mock.server().open_connections());
    let (threads, memory) = (status("Threads:"), status("VmRSS:"));
    for number in 0..EACH {
        for (index, stream) in streams.iter_mut().enumerate() {
            let group = format!(
                "MAIL FROM:<{index}@x.test>\r\nRCPT TO:<{number}@b.test>\r\nDATA\r\nSubject: {index}.{number}\r\n\r\n.\r\n"
            );
            stream.write_all(group.as_bytes()).unwrap();
        }
    }
    for stream in &mut streams {
        stream.write_all(b"QUIT\r\n").unwrap();
    }
    for mut stream in streams {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said.matches("queued as").count() as u64, EACH);
        assert!(said.ends_with("221 2.0.0 bye\r\n"));
    }
    let messages = mock.wait_n(SESSIONS * EACH);
    let mut subjects: Vec<_> = messages.iter().filter_map(|message| message.header("Subject")).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len() as u64, SESSIONS * EACH);
    // Sessions that nobody makes wait share a few threads; elsewhere than on Unix each has its own.
    assert!(threads <= 16, "{threads} threads");
    let each = memory.saturating_sub(before) / SESSIONS;
    assert!(each <= 32, "{each} KiB for each session");
    println!("{threads} threads, {memory} KiB resident, {each} KiB for each session");
}

#[test]
fn sessions_that_wait_or_never_end_hold_up_none_of_those_that_share_their_thread() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mock = Mock::builder()
        .rule(Rule::on(On::Noop).delay(Duration::from_hours(1)))
        .rule(Rule::on(On::Vrfy).step(Step::StopReading(Duration::from_hours(1))))
        .rule(Rule::on(On::Help).step(Step::Endless("214-x".to_owned())))
        .start();
    let connect = |line: &[u8]| {
        let mut stream = TcpStream::connect(mock.addr()).expect("the mock listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        stream.write_all(line).expect("the mock reads");
        stream
    };
    // Several of each, so that every thread has some; nobody reads what has no end but one client, as fast as it can.
    let _held: Vec<_> = ["NOOP\r\n", "VRFY x\r\n", "HELP\r\n"]
        .iter()
        .cycle()
        .take(24)
        .map(|line| connect(line.as_bytes()))
        .collect();
    let mut endless = connect(b"HELP\r\n");
    let reader = std::thread::spawn(move || std::io::copy(&mut endless, &mut std::io::sink()));
    for _ in 0..24 {
        let mut said = String::new();
        connect(b"EHLO x.test\r\nQUIT\r\n").read_to_string(&mut said).expect("the others are served");
        assert!(said.ends_with("221 2.0.0 bye\r\n"), "{said}");
    }
    assert!(!reader.is_finished());
    drop(mock);
    let _ = reader.join().expect("the reader ends with the mock");
}

#[test]
fn a_large_message_in_small_pieces_passes_others_by() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mock = Mock::builder().start();
    let body = "x".repeat(76) + "\r\n";
    let mail = format!("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n{}.\r\n", body.repeat(20_000));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(mock.addr()).expect("the mock listens");
                stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
                stream.write_all(b"EHLO x.test\r\n").expect("the mock reads");
                for part in mail.as_bytes().chunks(10_007) {
                    stream.write_all(part).expect("the mock reads");
                }
                // The end of the client's direction comes with the last command.
                stream.write_all(b"QUIT\r\n").expect("the mock reads");
                stream.shutdown(std::net::Shutdown::Write).expect("one direction can be closed");
                let mut said = String::new();
                stream.read_to_string(&mut said).expect("the mock closes");
                assert!(said.contains("queued as") && said.ends_with("221 2.0.0 bye\r\n"), "{said}");
            });
        }
    });
    assert!(mock.messages().iter().all(|message| message.octets.len() == 78 * 20_000));
    assert_eq!(mock.messages().len(), 6);
}

#[test]
fn more_sessions_than_allowed_wait_for_their_turn() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mock = Mock::builder().sessions(2).start();
    let mut streams: Vec<_> = (0..5).map(|_| TcpStream::connect(mock.addr()).unwrap()).collect();
    // Two are served, the others are in the backlog: each gets its greeting when one before it ends.
    streams.reverse();
    while let Some(mut stream) = streams.pop() {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"QUIT\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("220") && said.ends_with("221 bye\r\n"));
    }
    assert_eq!(mock.connections(), 5);
}

#[test]
fn ten_thousand_connections_cost_no_more_threads_than_allowed() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !has_descriptors("ten_thousand_connections_cost_no_more_threads_than_allowed") {
        return;
    }
    let mock = Mock::builder().sessions(20).start();
    let address = mock.addr().into();
    let before = status("VmRSS:");
    let mut held = std::collections::VecDeque::new();
    for _ in 0..10_000 {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("a socket can do without blocking");
        // Beyond the sessions and the backlog the kernel leaves them without an answer.
        let _ = socket.connect(&address);
        held.push_back(socket);
        if held.len() > 1500 {
            held.pop_front();
        }
    }
    // The system may take its time to bury a thread that has ended: a few more than twenty are no leak.
    assert!(status("Threads:") <= 100, "{} threads", status("Threads:"));
    let grown = status("VmRSS:").saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB");
    drop(held);
    // And it still serves.
    let mut stream = TcpStream::connect(mock.addr()).expect("the mock listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout can be set");
    stream.write_all(b"QUIT\r\n").expect("the mock reads");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("the mock closes");
    assert!(said.ends_with("221 bye\r\n"));
}
