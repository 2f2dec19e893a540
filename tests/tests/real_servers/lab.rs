//! The lab itself: its servers take mail, refuse what they must, and go without a trace.
//!
//! The client here is a few lines over a socket, so that nothing under test can vouch for the lab.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use native_tls::{Certificate, TlsConnector, TlsStream};
use smtp_tests::lab::Postfix;
use smtp_tests::waiting;

const MESSAGE: &[u8] =
    b"From: you@example.org\r\nBcc: hidden@example.net\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n\
    \r\nna\xc3\xafve\r\n..two dots\r\n\r\n\r\n";
const DELIVERED: &[u8] = b"From: you@example.org\r\nBcc: hidden@example.net\r\n\
    Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\nna\xc3\xafve\r\n.two dots\r\n\r\n\r\n";

/// `open sesame & 1001 nights` as PLAIN has it, made with a shell's base64.
const LOGIN: &str = "AUTH PLAIN AHlvdUBleGFtcGxlLm9yZwBvcGVuIHNlc2FtZSAmIDEwMDEgbmlnaHRz";

#[test]
fn each_listener_delivers_octets_unchanged() {
    let postfix = Postfix::start().unwrap();

    let mut plain = connect(&postfix, postfix.plain());
    assert_eq!(reply(&mut plain), "220 mx.example.net ESMTP Postfix");
    let offered = ask(&mut plain, "EHLO client.example");
    for keyword in ["PIPELINING", "SIZE 67108864", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"] {
        assert!(offered.lines().any(|line| line[4..] == *keyword), "{keyword} in {offered}");
    }
    assert!(!offered.contains("STARTTLS") && !offered.contains("AUTH"), "{offered}");
    send(&mut plain);

    let mut submission = connect(&postfix, postfix.submission());
    reply(&mut submission);
    let offered = ask(&mut submission, "EHLO client.example");
    assert!(offered.contains("STARTTLS") && !offered.contains("AUTH"), "{offered}");
    assert!(ask(&mut submission, "MAIL FROM:<you@example.org>").starts_with("530 5.7.0 "));
    assert!(ask(&mut submission, "STARTTLS").starts_with("220 "));
    let mut submission = secure(&postfix, submission);
    log_in_and_send(&mut submission);

    let mut smtps = secure(&postfix, connect(&postfix, postfix.smtps()));
    reply(&mut smtps);
    log_in_and_send(&mut smtps);

    let landed = postfix.maildir("friend@example.net").wait(3).unwrap();
    assert_eq!(landed.len(), 3, "{}", postfix.log());
    for delivered in landed {
        assert_eq!(delivered.message(), DELIVERED);
        assert_eq!(delivered.trace("Return-Path"), Some("<you@example.org>"));
        assert_eq!(delivered.trace("Delivered-To"), Some("friend@example.net"));
        assert!(delivered.trace("Received").unwrap().contains("by mx.example.net (Postfix)"));
    }
}

#[test]
fn what_must_be_refused_is_refused_and_nothing_lands() {
    let postfix = Postfix::start_with(&[("message_size_limit", "1000")]).unwrap();
    let mut plain = connect(&postfix, postfix.plain());
    reply(&mut plain);
    assert!(ask(&mut plain, "EHLO client.example").contains("SIZE 1000\n"));
    assert_starts(&ask(&mut plain, "MAIL FROM:<you@example.org> SIZE=1001"), "552 5.3.4 ");
    assert_starts(&ask(&mut plain, "RSET"), "250 ");
    assert_starts(&ask(&mut plain, "MAIL FROM:<you@example.org>"), "250 ");
    assert_starts(&ask(&mut plain, "RCPT TO:<nobody@example.net>"), "550 5.1.1 ");
    assert_starts(&ask(&mut plain, "RCPT TO:<x@elsewhere.example>"), "554 5.7.1 ");

    let mut smtps = secure(&postfix, connect(&postfix, postfix.smtps()));
    reply(&mut smtps);
    assert!(ask(&mut smtps, "EHLO client.example").contains("250-AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1"));
    assert!(ask(&mut smtps, "MAIL FROM:<you@example.org>").starts_with("250 "));
    assert!(ask(&mut smtps, "RCPT TO:<friend@example.net>").starts_with("554 5.7.1 "), "no AUTH, no mail");
    assert!(ask(&mut smtps, "RSET").starts_with("250 "));
    assert!(ask(&mut smtps, "AUTH PLAIN AHlvdUBleGFtcGxlLm9yZwB3cm9uZw==").starts_with("535 5.7.8 "));

    postfix.settle().unwrap();
    for mailbox in Postfix::MAILBOXES {
        assert!(postfix.maildir(mailbox).messages().unwrap().is_empty());
    }
}

#[test]
fn it_goes_without_a_trace_twice_in_a_row() {
    for _ in 0..2 {
        let postfix = Postfix::start().unwrap();
        let directory = postfix.ca_file().parent().unwrap().to_owned();
        // an open session is a process that has to go, too
        let mut open = connect(&postfix, postfix.plain());
        reply(&mut open);
        assert!(processes_in(&directory) >= 5, "master, qmgr, postlogd, smtpd and dovecot");
        drop(postfix);
        assert_eq!(processes_in(&directory), 0);
        assert!(!directory.exists());
    }
}

/// How many processes of the machine have a working directory in `directory`, or had one when it existed.
fn processes_in(directory: &Path) -> usize {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    // processes that end meanwhile have no working directory
    processes
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory)))
        .count()
}

fn connect(postfix: &Postfix, address: std::net::SocketAddr) -> TcpStream {
    waiting::connect(address).unwrap_or_else(|error| panic!("{error}: {}", postfix.log()))
}

fn secure(postfix: &Postfix, stream: TcpStream) -> TlsStream<TcpStream> {
    let authority = Certificate::from_pem(&fs::read(postfix.ca_file()).unwrap()).unwrap();
    let connector = TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    connector.connect("localhost", stream).unwrap()
}

fn log_in_and_send(stream: &mut (impl Read + Write)) {
    assert!(ask(stream, "EHLO client.example").contains("250-AUTH PLAIN LOGIN"));
    assert_starts(&ask(stream, LOGIN), "235 ");
    send(stream);
}

fn send(stream: &mut (impl Read + Write)) {
    assert!(ask(stream, "MAIL FROM:<you@example.org> BODY=8BITMIME").starts_with("250 "));
    assert!(ask(stream, "RCPT TO:<friend@example.net>").starts_with("250 "));
    assert!(ask(stream, "DATA").starts_with("354 "));
    stream.write_all(MESSAGE).unwrap();
    assert!(ask(stream, ".").starts_with("250 "));
    assert!(ask(stream, "QUIT").starts_with("221 "));
}

/// Sends a command and reads the whole reply to it.
fn ask(stream: &mut (impl Read + Write), command: &str) -> String {
    stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    reply(stream)
}

/// Reads one reply; its lines end with LF, the last without.
fn reply(stream: &mut impl Read) -> String {
    let mut lines = Vec::new();
    loop {
        let line = line(stream).unwrap();
        let last = line.as_bytes().get(3) != Some(&b'-');
        lines.push(line);
        if last {
            return lines.join("\n");
        }
    }
}

fn line(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\r\n") {
        stream.read_exact(&mut octet)?;
        line.push(octet[0]);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).map_err(io::Error::other)
}

#[track_caller]
fn assert_starts(reply: &str, start: &str) {
    assert!(reply.starts_with(start), "{reply:?} starts with {start:?}");
}
