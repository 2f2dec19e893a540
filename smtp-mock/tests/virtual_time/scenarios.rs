//! The scenario files of the package: each is read, and what it says happens.

use std::{fs, path::Path, time::Duration};

use smtp_mock::{Ending, Pair, Scenario, Server};

use crate::client::{Client, Ended};

fn load(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    let source = fs::read_to_string(&path).expect("the file is part of the package");
    Scenario::parse(name, &source).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a client for each script against one server and tells how each ended and when.
fn play(server: &Server, scripts: &[&[&str]]) -> Vec<(Ended, Duration)> {
    scripts
        .iter()
        .map(|script| {
            let client = Client::new(script.iter().copied()).timeout(Duration::from_mins(5)).limit(200_000);
            let mut pair = Pair::new(client, server.session());
            assert_eq!(pair.run(), Ending::Closed);
            let now = pair.now();
            (pair.into_client().ended.expect("a closed client says why"), now)
        })
        .collect()
}

const MAIL: &[&str] =
    &["EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "x\r\n.", "QUIT"];

#[test]
fn every_file_is_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        assert!(load(&name).name.is_some(), "{name}");
    }
}

#[test]
fn greylisting_is_spent_after_two() {
    let server = Server::new(load("greylist.toml"));
    let group = [
        "EHLO x.test",
        "MAIL FROM:<>",
        "RCPT TO:<a@b.test>",
        "RCPT TO:<a@b.test>",
        "RCPT TO:<a@b.test>",
        "RCPT TO:<FULL@b.test>",
        "DATA",
        ".",
        "QUIT",
    ];
    play(&server, &[&group]);
    server.transcript().assert(
        "...
         C: RCPT TO:<a@b.test>
         S: 450 4.2.0 Greylisted*
         C: RCPT TO:<a@b.test>
         S: 450 4.2.0 Greylisted*
         C: RCPT TO:<a@b.test>
         S: 250*
         C: RCPT TO:<FULL@b.test>
         S: 452 4.2.2 Mailbox full
         ...",
    );
    assert!(server.report().is_satisfied(), "{}", server.report());
}

#[test]
fn each_connection_dies_its_own_way() {
    let server = Server::new(load("ways-to-die.toml"));
    let big = format!("{}\r\n.", "x".repeat(100_000));
    let long = ["EHLO x.test", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA", &big, "QUIT"];
    let ends = play(&server, &[MAIL, MAIL, MAIL, &long, MAIL, MAIL, MAIL]);
    assert!(matches!(&ends[0].0, Ended::Lost { unread } if unread.is_empty()), "{:?}", ends[0]);
    assert!(ends[1].1 >= Duration::from_secs(20), "{:?}", ends[1]);
    assert_eq!(ends[2].0, Ended::Lost { unread: b"250 2.1.".to_vec() });
    assert_eq!(ends[3], (Ended::TimedOut, Duration::from_mins(5)));
    assert_eq!(ends[4], (Ended::TimedOut, Duration::from_mins(5)));
    assert!(matches!(ends[5].0, Ended::Lost { .. }), "{:?}", ends[5]);
    assert!(matches!(ends[6].0, Ended::Lost { .. }), "{:?}", ends[6]);
    let kept: Vec<_> = server.messages().iter().map(|message| message.connection).collect();
    assert_eq!(kept, [2, 6]);
}

#[test]
fn nasty_octets_are_what_they_are_said_to_be() {
    let server = Server::new(load("nasty-octets.toml"));
    let ends = play(&server, &[&["EHLO x.test", "VRFY x", "FOO"], &["RSET"]]);
    // Garbage has no end of line that means anything: the client waits for a reply until its time is over.
    assert_eq!(ends[0].0, Ended::TimedOut);
    assert_eq!(ends[1].0, Ended::TooMuch);
    let entries = server.transcript();
    assert_eq!(entries.entries()[0].packets[..3], [1, 2, 1]);
    let hello = entries.entries().iter().find(|entry| entry.octets.starts_with(b"250-mock")).unwrap();
    assert_eq!(hello.packets.len(), hello.octets.len());
}

#[test]
fn the_dialogue_holds_its_client_to_every_line() {
    // This client speaks in lock-step where the dialogue wants a pipelined group: it stays behind, and that is told.
    let server = Server::new(load("dialogue.toml"));
    let script = ["EHLO x.test", "MAIL FROM:<alice@a.test>", "RCPT TO:<bob@b.test>", "DATA", ".", "QUIT"];
    let ends = play(&server, &[&script]);
    assert_eq!(ends[0].0, Ended::TimedOut);
    let report = server.report();
    assert_eq!(report.mismatches[0].expected, "RCPT TO:<bob@b.test>*");
    assert!(!report.is_satisfied());
    // The group in one write is what it wants.
    let server = Server::new(load("dialogue.toml"));
    let group = ["EHLO x.test", "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA"];
    let mut pair = Pair::new(Client::new(group), server.session());
    pair.run();
    pair.client().push(".");
    pair.run();
    pair.client().push("QUIT");
    pair.run();
    assert!(server.report().mismatches.is_empty(), "{}", server.report());
}

#[test]
fn chaos_is_the_same_in_every_run() {
    let transcript = || {
        let server = Server::new(load("chaos.toml"));
        play(&server, &[MAIL; 100]);
        let shown: Vec<_> = server.transcript().entries().iter().map(|entry| entry.octets.clone()).collect();
        (shown, server.transcript().to_string().matches("[rule \"chaos\"]").count())
    };
    let (first, faults) = transcript();
    assert!((3..60).contains(&faults), "{faults} faults");
    assert_eq!(transcript().0, first);
}
