//! What cannot be sent: one clear line on standard error, the exit status of the table, and nothing on the wire.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use smtp_tests::program::{Finished, smtp_cli};

/// The options of a mail that could be sent, each of which a test may replace.
const GOOD: [(&str, &str); 5] = [
    ("--from", "you@example.org"),
    ("--to", "friend@example.net"),
    ("--subject", "Hello"),
    ("--body", "It works."),
    ("--tls", "none"),
];

#[test]
fn what_is_no_address_or_would_inject_a_line_is_turned_down_before_a_connection_is_made() {
    let cases = [
        (&["--from", "you"][..], "--from"),
        (&["--from", "you@example.org, me@example.org <"], "--from"),
        (&["--from", "you@exa mple.org"], "--from"),
        (&["--to", "friend@"], "--to"),
        (&["--to", "@example.net"], "--to"),
        (&["--to", "friend@example.net>"], "--to"),
        (&["--to", "a@b@c.example"], "--to"),
        (&["--to", ""], "--to"),
        (&["--cc", "nobody"], "--cc"),
        (&["--bcc", "nobody"], "--bcc"),
        (&["--reply-to", "nobody"], "--reply-to"),
        (&["--rcpt", "nobody"], "--rcpt"),
        (&["--envelope-from", "nobody"], "--envelope-from"),
        // a line end anywhere would begin another command or another header field
        (&["--from", "you@example.org\r\nRCPT TO:<spy@example.com>"], "--from"),
        (&["--from", "\"a\r\nBcc: spy@example.com\" <you@example.org>"], "--from"),
        (&["--to", "friend@example.net\r\nDATA"], "--to"),
        (&["--to", "friend\r\n@example.net"], "--to"),
        (&["--to", "\"a\nb\"@example.net"], "--to"),
        (&["--to", "friend@example.net\n"], "--to"),
        (&["--cc", "a@example.net\nX: y"], "--cc"),
        (&["--bcc", "a@example.net\rX: y"], "--bcc"),
        (&["--reply-to", "a@example.org\r\nX: y"], "--reply-to"),
        (&["--rcpt", "friend@example.net>\r\nRCPT TO:<spy@example.com"], "--rcpt"),
        (&["--envelope-from", "you@example.org>\r\nRCPT TO:<spy@example.com"], "--envelope-from"),
        (&["--subject", "Hello\r\nBcc: spy@example.com"], "subject"),
        (&["--subject", "Hello\nX: y"], "subject"),
        (&["--subject", "Hello\rX: y"], "subject"),
        (&["--helo", "client.example\r\nMAIL FROM:<>"], "--helo"),
        (&["--helo", "client example"], "--helo"),
        (&["--mail-param", "SIZE=1\r\nRCPT"], "--mail-param"),
        (&["--mail-param", "A B"], "--mail-param"),
        (&["--rcpt-param", "NOTIFY=NEVER\nDATA"], "--rcpt-param"),
        (&["--attach", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml;name=a\r\nX: y")], "attach"),
        (&["--attach", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml;type=text/plain\r\nX: y")], "attach"),
    ];
    let server = Untouched::new();
    for (options, names) in cases {
        let finished = server.send(options);
        refused(&finished, 64, names, options);
    }
    server.assert_untouched();
}

#[test]
fn what_is_missing_is_named() {
    let server = Untouched::new();
    let address = server.address();
    for (options, names) in [
        (&["--to", "friend@example.net", "--subject", "x", "--body", "x"][..], "--from"),
        (&["--from", "you@example.org", "--subject", "x", "--body", "x"], "--to"),
        (&["--from", "you@example.org", "--to", "friend@example.net", "--subject", "x"], "--body"),
    ] {
        let finished =
            smtp_cli(["send", "--server", &address, "--tls", "none"]).args(options).finish().unwrap();
        refused(&finished, 64, names, options);
    }
    server.assert_untouched();
}

#[test]
fn a_file_that_cannot_be_read_is_named_before_a_connection_is_made() {
    let server = Untouched::new();
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.pdf");
    let missing = missing.to_str().unwrap();
    let folder = directory.path().to_str().unwrap();
    for options in [
        &["--attach", missing][..],
        &["--attach", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "--attach", missing],
        &["--attach", folder],
        &["--user", "you", "--password-file", missing],
        &["--tls", "starttls", "--ca-file", missing],
    ] {
        let finished = server.send(options);
        refused(&finished, 66, options.last().unwrap(), options);
    }
    let body = smtp_cli(["send", "--server", &server.address(), "--tls", "none", "--body-file", missing])
        .args(["--from", "you@example.org", "--to", "friend@example.net", "--subject", "x"]);
    refused(&body.finish().unwrap(), 66, missing, &["--body-file"]);
    server.assert_untouched();
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    // RFC 6761 §6.4: nobody may ever have it
    let finished = send("nowhere.invalid:25", &[]);
    refused(&finished, 68, "nowhere.invalid", &[]);
}

#[test]
fn a_port_that_refuses_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let finished = send(&address.to_string(), &[]);
    refused(&finished, 75, &address.port().to_string(), &[]);
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    // the system accepts for it
    let server = Untouched::new();
    for tls in ["none", "starttls", "opportunistic"] {
        let finished = server.send(&["--tls", tls, "--timeout", "greeting=50ms"]);
        refused(&finished, 75, "greeting", &["--tls", tls]);
    }
    let finished = server.send(&["--tls", "implicit", "--timeout", "tls=50ms"]);
    refused(&finished, 75, "tls", &["--tls", "implicit"]);
}

/// A server that accepts connections, as the system does for it, and says nothing.
struct Untouched(TcpListener);

impl Untouched {
    fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn send(&self, options: &[&str]) -> Finished {
        send(&self.address(), options)
    }

    /// Nobody has connected.
    #[track_caller]
    fn assert_untouched(&self) {
        self.0.set_nonblocking(true).unwrap();
        let error = self.0.accept().expect_err("somebody connected");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

/// Sends the good mail to `server`, with `options` in the place of its own.
fn send(server: &str, options: &[&str]) -> Finished {
    let kept = GOOD.iter().filter(|(name, _)| !options.contains(name));
    let good = kept.flat_map(|(name, value)| [*name, *value]);
    smtp_cli(["send", "--server", server]).args(good).args(options).finish().unwrap()
}

/// One line on standard error that names the thing, nobody accepted on standard output, and the exit status.
#[track_caller]
fn refused(finished: &Finished, status: i32, names: &str, options: &[&str]) {
    let error = finished.error();
    assert_eq!(finished.status, Some(status), "{options:?}: {error}");
    let lines: Vec<_> = error.lines().collect();
    assert!(error.ends_with('\n') && lines.len() == 1, "{options:?}: {error}");
    assert!(lines[0].starts_with("smtp-cli: ") && !lines[0].ends_with('.'), "{options:?}: {error}");
    assert!(error.contains(names), "{names:?} is named for {options:?}: {error}");
    assert!(!error.trim_end().contains(char::is_control), "{options:?}: {error}");
    assert!(!error.contains("panicked"), "{options:?}: {error}");
    let output = finished.output();
    assert!(output.lines().all(|line| line.starts_with("unsent ")), "{options:?}: {output}");
    assert!(output.is_empty() || status != 64, "{options:?}: {output}");
}
