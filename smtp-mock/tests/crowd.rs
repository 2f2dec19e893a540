//! Many sessions at once: none of their messages is lost, and threads stay within their limit.
#![cfg(all(feature = "net", target_os = "linux"))]

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use smtp_mock::Mock;

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the field exists");
    line.split_ascii_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn a_thousand_sessions_at_once_lose_no_message() {
    const SESSIONS: u64 = 1000;
    const EACH: u64 = 3;
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
    // One thread for each session, one that accepts, and the test's own.
    assert!(threads <= SESSIONS + 8, "{threads} threads");
    let each = memory.saturating_sub(before) / SESSIONS;
    assert!(each <= 256, "{each} KiB for each session");
    println!("{threads} threads, {memory} KiB resident, {each} KiB for each session");
}

#[test]
fn more_sessions_than_allowed_wait_for_their_turn() {
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
