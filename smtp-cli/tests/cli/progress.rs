//! The progress bar: for what takes long, where somebody looks.

#![cfg(unix)]

use rexpect::session::{PtySession, spawn_command};
use smtp_mock::Mock;
use std::path::Path;
use std::process::Command;

/// A run of the program that sends a file; it takes its time.
fn send(mock: &Mock, file: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
    command
        .args(["send", "--server", &mock.addr().to_string(), "--helo", "client.example"])
        .args(["--from", "you@example.org", "--to", "friend@example.net", "--subject", "s", "--body", "b"])
        .arg("--attach")
        .arg(file)
        .args(options)
        .env_clear()
        .env("TERM", "xterm")
        .env("XDG_CONFIG_DIRS", file.parent().expect("it is in a directory"));
    command
}

fn at_terminal(command: Command) -> PtySession {
    spawn_command(command, Some(60_000)).expect("there are pseudo-terminals")
}

#[test]
fn a_bar_is_shown_at_a_terminal_while_much_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let (large, small) = (directory.path().join("large"), directory.path().join("small"));
    std::fs::write(&large, vec![7; 8 << 20]).unwrap();
    std::fs::write(&small, "small").unwrap();
    let mock = Mock::builder().extensions(["PIPELINING"]).start();

    let mut session = at_terminal(send(&mock, &large, &[]));
    session.exp_string("MiB, ").unwrap();
    session.exp_string(" to go").unwrap();
    let rest = session.exp_eof().unwrap();
    assert!(rest.contains("accepted  friend@example.net"), "{rest}");

    let mut session = at_terminal(send(&mock, &small, &["--repeat", "200"]));
    session.exp_string("/200 messages, ").unwrap();
    let rest = session.exp_eof().unwrap();
    assert!(rest.contains("accepted  friend@example.net"), "{rest}");

    // One small message takes no time, and who asked for quiet gets it.
    let mut session = at_terminal(send(&mock, &small, &[]));
    assert!(session.exp_eof().unwrap().starts_with("accepted  friend@example.net"));
    let mut session = at_terminal(send(&mock, &large, &["-q"]));
    assert_eq!(session.exp_eof().unwrap(), "");
}

#[test]
fn no_bar_is_shown_in_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let large = directory.path().join("large");
    std::fs::write(&large, vec![7; 8 << 20]).unwrap();
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    for options in [&[][..], &["--repeat", "3"]] {
        let ran = send(&mock, &large, options).output().unwrap();
        assert_eq!(ran.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
        assert!(ran.stdout.starts_with(b"accepted  friend@example.net"));
        assert!(!ran.stdout.contains(&b'\r') && !ran.stdout.contains(&0x1b));
    }
}
