//! Tests that the size of attachments does not affect the memory that a message needs.
//!
//! It is a program of its own, because it measures the memory of the whole process.
#![cfg(target_os = "linux")]

use std::{fs, io};

use smtp_mime::{AddressList, Context, Date, Entity, Message};

const MOST: u64 = 8 * 1024 * 1024;

/// Returns the peak memory of the process in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells a process of itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak is among it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number") * 1024
}

fn streams(octets: u64) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("large.bin");
    // A sparse file takes no space on the disk.
    fs::File::create(&path).and_then(|file| file.set_len(octets)).expect("a sparse file can be made");
    let list = |text: &str| text.parse::<AddressList>().expect("it is an address");
    let context = Context::new(Date::from_unix(1_795_196_578, 0).expect("it is a date"), [7; Context::SEED]);
    let before = peak();
    let message = Message::builder()
        .from(list("you@example.org"))
        .to(list("friend@example.net"))
        .text("It is large.")
        .attach(Entity::file(&path).expect("the file can be read"))
        .build(&context)
        .expect("the message can be built");
    let written = message.write_to(&mut io::sink()).expect("the message can be written");
    assert_eq!(written, message.encoded_len());
    assert!(written > octets / 57 * 78);
    let grown = peak() - before;
    assert!(grown <= MOST, "{grown} octets of memory for {octets} octets of attachment");
}

#[test]
fn a_large_attachment_streams_through_constant_memory() {
    streams(128 * 1024 * 1024);
}

#[test]
#[ignore = "takes a minute without optimisation: cargo test --release -p smtp-mime --test memory -- --ignored"]
fn two_gigabytes_stream_through_constant_memory() {
    streams(2 * 1024 * 1024 * 1024);
}
