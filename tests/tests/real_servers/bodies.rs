//! Messages that cannot be read to their end never arrive.

use std::fs::File;
use std::thread;

use smtp_tests::lab::Postfix;
use smtp_tests::program::smtp_cli;
use smtp_tests::proxy::Proxy;

/// More than all the buffers between the program and the proxy hold.
const LENGTH: u64 = 200_000_000;

#[test]
fn a_file_that_shrinks_half_way_is_not_sent_as_if_complete() {
    for (name, hidden) in [("DATA", "chunking"), ("BDAT", "")] {
        let postfix = Postfix::start_with(&[
            ("smtpd_discard_ehlo_keywords", hidden),
            ("message_size_limit", "1000000000"),
        ])
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large.bin");
        let file = File::create(&path).unwrap();
        file.set_len(LENGTH).unwrap();

        // the program is in the midst of the message when the file loses its second half
        let proxy = Proxy::pausing(postfix.plain(), 1_000_000).unwrap();
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

        let said = proxy.finish().unwrap();
        assert_eq!(finished.status, Some(66), "{name}: {}", finished.error());
        let error = finished.error();
        assert!(error.lines().count() == 1 && error.contains("large.bin"), "{name}: {error}");
        assert!(said.len() > 1_000_000, "{name}: {} octets", said.len());
        let end = &said[said.len() - 200..];
        assert!(
            !end.ends_with(b"\r\n.\r\n") && !end.ends_with(b"QUIT\r\n"),
            "{name}: {}",
            end.escape_ascii()
        );
        assert!(!said.windows(7).any(|window| window == b" LAST\r\n"), "{name}");

        postfix.settle().unwrap();
        let landed = postfix.maildir("friend@example.net").messages().unwrap();
        assert!(landed.is_empty(), "{name}: {}", postfix.log());
    }
}
