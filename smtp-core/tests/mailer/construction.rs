//! Making a mailer.

use crate::face::{Face, both};
use crate::tools::{assert_accepted, message, options, options_for};
use smtp_core::mailer::{Login, Options, Security};
use smtp_mock::Mock;
use std::net::TcpListener;

both!(
    making_a_mailer_does_no_io_and_starts_no_thread,
    a_mailer_is_dropped_without_a_word_to_the_server,
    a_clone_outlives_the_mailer_it_was_made_of,
);

/// The number of threads of this process, and of files that it has open.
#[cfg(target_os = "linux")]
fn threads_and_files() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[cfg(not(target_os = "linux"))]
fn threads_and_files() -> (usize, usize) {
    (0, 0)
}

fn making_a_mailer_does_no_io_and_starts_no_thread<F: Face>() {
    // Other tests of this process start threads, so it is done in one of its own.
    const ALONE: &str = "SMTP_CORE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = std::thread::current().name().expect("the harness names its threads").to_owned();
        let program = std::env::current_exe().unwrap();
        let output = std::process::Command::new(program)
            .args([&name, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && words.contains("1 passed"), "{words}");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut options = options_for(listener.local_addr().unwrap())
        .login(Login::token_from("you", |_| panic!("nobody logs in")))
        .observers(|_| panic!("there is no session"));
    options.settings.security = Security::StartTls;
    // A face may need a runtime to be called, but not to be made.
    let face = F::new(options.clone());
    let before = threads_and_files();
    let mailers: Vec<_> = (0..10).map(|_| F::new(options.clone())).collect();
    #[allow(clippy::redundant_clone)] // cloning is what is looked at
    let clones = mailers.clone();
    assert_eq!(threads_and_files(), before);
    drop((clones, mailers, face));
    assert!(listener.accept().is_err(), "nobody connected");
}

fn a_mailer_is_dropped_without_a_word_to_the_server<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock));
    assert_accepted(&mailer.send(&message(&["b@example.net"])));
    drop(mailer);
    mock.wait_closed(1);
    assert!(!mock.transcript().commands().contains(&"QUIT".to_owned()), "dropping does not wait for a reply");
}

fn a_clone_outlives_the_mailer_it_was_made_of<F: Face>() {
    let mock = Mock::start();
    let mailer = F::new(options(&mock));
    assert_accepted(&mailer.send(&message(&["b@example.net"])));
    let clone = mailer.clone();
    drop(mailer);
    assert_accepted(&clone.send(&message(&["b@example.net"])));
    assert_eq!(mock.connections(), 1);
}

#[test]
fn a_mailer_is_cheap_to_share() {
    fn is_shared<T: Clone + Send + Sync + Unpin + 'static>() {}
    is_shared::<smtp_core::blocking::Mailer>();
    is_shared::<smtp_core::blocking::Cancel>();
    is_shared::<Options>();
}
