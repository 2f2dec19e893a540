//! Provides the program as the tests run it, and clients that send octets to it.
#![allow(dead_code, reason = "no test needs all of it")]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
};

/// Runs the program to its end.
pub(crate) fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smtp-mock")).args(arguments).output().expect("the program runs")
}

/// Starts the program and gives it with its start line.
pub(crate) fn start(arguments: &[&str]) -> (Child, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-mock"));
    start_command(command.args(arguments).stderr(Stdio::piped()))
}

/// Starts a command that runs the program, and gives it with the start line; what comes after that line is still to be read.
pub(crate) fn start_command(command: &mut Command) -> (Child, serde_json::Value) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
    let out = child.stdout.as_mut().expect("it is piped");
    // Not through a buffer: it would take what comes after the line.
    let (mut line, mut octet) = (Vec::new(), [0]);
    while out.read(&mut octet).expect("standard output can be read") == 1 && octet != [b'\n'] {
        line.push(octet[0]);
    }
    let Ok(line) = serde_json::from_slice(&line) else {
        let output = child.wait_with_output().expect("it ends");
        panic!(
            "no start line: {}{}",
            String::from_utf8_lossy(&line),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    (child, line)
}

/// The address of a start line.
pub(crate) fn address(start_line: &serde_json::Value) -> &str {
    start_line["smtp"].as_str().expect("an address")
}

/// Sends octets to the server of a start line and gives what it replied.
pub(crate) fn say_octets(start_line: &serde_json::Value, octets: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address(start_line)).expect("it listens");
    // A server that closes early may refuse the rest: what it said is what counts.
    let _ = stream.write_all(octets);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}

/// The same for what is text.
pub(crate) fn say(start_line: &serde_json::Value, octets: &[u8]) -> String {
    String::from_utf8(say_octets(start_line, octets)).expect("it is text")
}
