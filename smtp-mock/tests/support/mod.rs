//! Provides the start of the program, for the tests that run it.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

/// Starts a command that runs the program, and gives it with the start line; what comes after that line is still to be read.
pub(crate) fn start(command: &mut Command) -> (Child, serde_json::Value) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
    let out = child.stdout.as_mut().expect("it is piped");
    let line: Vec<u8> = out
        .bytes()
        .map(|octet| octet.expect("standard output can be read"))
        .take_while(|&octet| octet != b'\n')
        .collect();
    (child, serde_json::from_slice(&line).expect("the start line is JSON"))
}

/// The address of a start line.
#[allow(dead_code, reason = "not every test connects by itself")]
pub(crate) fn address(start_line: &serde_json::Value) -> &str {
    start_line["smtp"].as_str().expect("an address")
}
