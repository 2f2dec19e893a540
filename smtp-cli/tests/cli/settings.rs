//! Settings: where the options lead to, and how TLS is used there.

use crate::support::{Run, smtp_cli};
use smtp_cli::Exit;

/// A dry run up to the connection.
fn dry_run(words: &[&str]) -> Run {
    smtp_cli(["send", "--dry-run", "--until", "connect"]).with_all(words)
}

/// Where it leads to.
fn leads_to(words: &[&str]) -> String {
    dry_run(words).exits(Exit::OK).output
}

#[test]
fn port_and_tls_follow_scheme_protocol_and_host() {
    for (words, place) in [
        (&["--server", "mx.example.org"][..], "mx.example.org:587, TLS starttls"),
        (&["--server", "mx.example.org:465"], "mx.example.org:465, TLS implicit"),
        (&["--server", "smtp://mx.example.org:25"], "mx.example.org:25, TLS starttls"),
        (&["--server", "smtps://mx.example.org"], "mx.example.org:465, TLS implicit"),
        (&["--server", "smtps://mx.example.org:4650"], "mx.example.org:4650, TLS implicit"),
        (&["--server", "mx", "--tls", "implicit"], "mx:465, TLS implicit"),
        (&["--server", "127.0.0.1"], "127.0.0.1:587, TLS opportunistic"),
        (&["--server", "127.8.9.1:465"], "127.8.9.1:465, TLS implicit"),
        (&["--server", "[::1]:25"], "[::1]:25, TLS opportunistic"),
        (&["--server", "[::ffff:127.0.0.1]:25"], "[::ffff:127.0.0.1]:25, TLS opportunistic"),
        (&["--server", "LocalHost:25"], "LocalHost:25, TLS opportunistic"),
        (&["--server", "mx.localhost"], "mx.localhost:587, TLS opportunistic"),
        (&["--server", "localhost.example.org"], "localhost.example.org:587, TLS starttls"),
        (&["--server", "unix:/run/lmtp"], "unix:/run/lmtp, TLS opportunistic"),
        (&["--server", "lmtp://mx.example.org"], "mx.example.org:24, TLS starttls"),
        (&["--server", "lmtp://::1"], "[::1]:24, TLS opportunistic"),
        // After a proxy, loopback is not this machine.
        (&["--server", "127.0.0.1", "--proxy", "socks5://proxy"], "127.0.0.1:587, TLS starttls"),
    ] {
        assert_eq!(leads_to(words), format!("=== {place}\n"), "{words:?}");
    }
    let mx = smtp_cli([
        "send",
        "--dry-run",
        "--mx",
        "--until",
        "rcpt",
        "-f",
        "a@example.org",
        "-t",
        "b@example.net",
    ])
    .with(["--subject", "s", "--body", "x"])
    .exits(Exit::OK);
    let first = "=== the mail exchangers of each domain, port 25, TLS opportunistic\n";
    assert!(mx.output.starts_with(first), "{}", mx.output);
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (words, named) in [
        (&[][..], "--server"),
        (&["--server", "mx:25", "--port", "26"], "--port 26"),
        (&["--server", "unix:/run/lmtp", "--port", "25"], "--port"),
        (&["--server", "smtps://mx", "--tls", "none"], "--tls"),
        (&["--server", "lmtp://mx", "--protocol", "smtp"], "--protocol"),
        (&["--server", "mx", "--protocol", "smtp"], "--protocol smtp"),
        (&["--server", "smtp://you@mx", "--user", "other"], "--user"),
        (&["--server", "mx", "--password-env", "P"], "--user"),
        (&["--server", "mx", "--auth", "PLAIN"], "--user"),
        (&["--server", "unix:/run/lmtp", "--proxy", "socks5://proxy"], "--proxy"),
        (&["--server", "mock", "--proxy", "socks5://proxy"], "--proxy"),
        (&["--server", "unix:/run/lmtp", "--bind", "127.0.0.2"], "--bind"),
        (&["--mx", "--until", "rcpt", "--protocol", "lmtp"], "--protocol lmtp"),
        (&["--mx", "--until", "rcpt", "--user", "you"], "--user"),
        (&["--mx", "--until", "rcpt", "--protocol", "smtp", "--tls", "starttls"], "--protocol smtp"),
    ] {
        let run =
            if words.first() == Some(&"--mx") { smtp_cli(["send"]).with_all(words) } else { dry_run(words) };
        run.exits(Exit::USAGE).complains([named]);
    }
}
