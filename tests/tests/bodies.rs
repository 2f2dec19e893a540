//! Messages that cannot be read to their end are never sent as if complete.

use std::fs::File;
use std::net::SocketAddr;
use std::thread;

use smtp_mock::Mock;
use smtp_tests::program::{Finished, smtp_cli};
use smtp_tests::proxy::Proxy;

/// Octets, of which half is more than the buffers of the system between the program and the proxy hold.
const LENGTH: u64 = 40_000_000;

#[test]
fn a_file_that_shrinks_half_way_ends_the_connection_without_the_end_of_the_message() {
    for extensions in [&["PIPELINING"][..], &["PIPELINING", "CHUNKING"], &[]] {
        let mock = Mock::builder().extensions(extensions.iter().copied()).start();
        let (finished, said) = send_a_file_that_shrinks(mock.addr());
        unsent(&finished, &said, &format!("{extensions:?}"));
        mock.wait_closed(1);
        assert_eq!(mock.messages().len(), 0, "{extensions:?}");
    }
}

/// Sends an attachment that loses its second half while the server reads the first; gives how the program ended
/// and all that it said.
pub(crate) fn send_a_file_that_shrinks(server: SocketAddr) -> (Finished, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.bin");
    let file = File::create(&path).unwrap();
    file.set_len(LENGTH).unwrap();

    let proxy = Proxy::pausing(server, 1_000_000).unwrap();
    let run = smtp_cli(["send", "--server", &proxy.address().to_string(), "--tls", "none"])
        .args(["--from", "you@example.org", "--to", "friend@example.net"])
        .args(["--subject", "Half", "--body", "See the attachment.", "--attach"])
        .arg(&path);
    let finished = thread::scope(|scope| {
        let program = scope.spawn(|| run.finish().unwrap());
        proxy.wait_for_pause().unwrap();
        file.set_len(LENGTH / 2).unwrap();
        proxy.resume();
        program.join().unwrap()
    });
    (finished, proxy.finish().unwrap())
}

/// The message is unsent: the file is named, and what was said stops within the message.
#[track_caller]
pub(crate) fn unsent(finished: &Finished, said: &[u8], case: &str) {
    let error = finished.error();
    assert_eq!(finished.status, Some(66), "{case}: {error}");
    assert!(error.lines().count() == 1 && error.contains("large.bin"), "{case}: {error}");
    assert!(said.len() > 1_000_000, "{case}: {} octets", said.len());
    let end = &said[said.len() - 200..];
    assert!(!end.ends_with(b"\r\n.\r\n") && !end.ends_with(b"QUIT\r\n"), "{case}: {}", end.escape_ascii());
    assert!(!said.windows(7).any(|window| window == b" LAST\r\n"), "{case}");
}
