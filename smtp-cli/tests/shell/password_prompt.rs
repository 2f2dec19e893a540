//! A signal at the password prompt of `send`: the terminal shows again what is typed, and the process ends as the signal
//! ends it.

use crate::support::{place, program};
use rexpect::reader::Options;
use rexpect::session::{PtySession, spawn_with_options};
use rustix::process::{Pid, Signal, kill_process};
use smtp_mock::Mock;
use std::process::Command;

/// Starts `send` by a shell, which does `then` with it, and tells how its terminal is set in the end.
fn asked_for_a_password(mock: &Mock, then: &str) -> PtySession {
    let script = format!(
        "stty echo; '{}' send --server {} --user alice --tls none --from a@example.org --to b@example.net --subject s --body b \
         --allow-plaintext-auth </dev/tty {then}; echo status=$?; stty -a; echo end",
        program(&[]).get_program().display(),
        place(mock)
    );
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    let options = Options::new().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
    spawn_with_options(command, options).expect("a pseudo-terminal can be had")
}

#[track_caller]
fn ends(mut session: PtySession, status: i32, mock: &Mock) {
    let before = session.exp_string(&format!("status={status}")).unwrap_or_else(|error| panic!("{error}"));
    let terminal = session.exp_string("end").expect("the terminal is told of");
    let words: Vec<_> = terminal.split([' ', ';', '\r', '\n']).collect();
    for word in ["echo", "icanon", "isig"] {
        assert!(words.contains(&word), "{word}: {before}{terminal}");
    }
    assert_eq!(mock.connections(), 0);
}

#[test]
fn a_signal_at_the_password_prompt_gives_the_echo_back() {
    let mock = Mock::start();
    let mut session = asked_for_a_password(&mock, "& pid=$!; echo pid=$pid; wait $pid");
    session.exp_string("pid=").expect("it is told");
    let pid = session.read_line().expect("it is a line").trim().parse().ok().and_then(Pid::from_raw);
    session.exp_string("Password of alice: ").expect("it is asked for");
    kill_process(pid.expect("it is a number"), Signal::TERM).expect("it runs");
    ends(session, 143, &mock);
}

#[test]
fn ctrl_c_at_the_password_prompt_gives_the_echo_back() {
    let mock = Mock::start();
    let mut session = asked_for_a_password(&mock, "");
    session.exp_string("Password of alice: ").expect("it is asked for");
    session.send_control('c').expect("it can be typed");
    ends(session, 130, &mock);
}
