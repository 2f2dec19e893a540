//! Real clients, a real TLS verifier and a real server against the mock; they must be installed:
//! curl, swaks, msmtp, s-nail, python3, openssl and postfix.
#![cfg(all(feature = "real-servers", target_os = "linux"))]

mod certificates;
mod clients;
mod postfix;
#[path = "../support/mod.rs"]
mod support;

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// Runs a command with this input; it is stopped after half a minute.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .arg("30")
        .arg(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
    // A client that does not read its input closes it: that is its own affair.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    child.wait_with_output().expect("a child can be waited for")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
