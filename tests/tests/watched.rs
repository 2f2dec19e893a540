//! A test that takes too long ends the test process, and says what lives.

use std::env;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use smtp_tests::waiting::{PATIENCE, output_within};
use smtp_tests::{living, watch};

#[test]
fn a_test_that_takes_too_long_ends_the_process_with_a_dump() {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "watched::it_hangs_when_it_is_told_to", "--ignored", "--nocapture"])
        .env("SMTP_TESTS_LIMIT", "300ms")
        .env("SMTP_TESTS_HANG", "yes");
    let output = output_within(PATIENCE, &mut command).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    // SIGABRT
    assert_eq!(output.status.signal(), Some(6), "{error}");
    let told = "the test watched::it_hangs_when_it_is_told_to takes longer than 300ms (SMTP_TESTS_LIMIT)";
    assert!(error.contains(told), "{error}");
    let port = error.lines().find_map(|line| line.strip_prefix("its port is ")).expect("it says so");
    let child = error.lines().find(|line| line.contains(" sleep 87654 ")).expect("its child is listed");
    assert!(child.contains(" S sleep 87654 {}"), "{child}");
    assert!(error.contains(&format!("it listens at {{{port}}}")), "{error}");
    // the child is gone, too
    assert!(living::processes().iter().all(|process| process.command != "sleep 87654"), "{error}");
}

#[test]
#[ignore = "the test above runs it"]
fn it_hangs_when_it_is_told_to() {
    if env::var_os("SMTP_TESTS_HANG").is_none() {
        return;
    }
    watch::this_test();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    eprintln!("its port is {}", listener.local_addr().unwrap().port());
    // for longer than the limit
    Command::new("sleep").arg("87654").status().unwrap();
}
