//! Bad input of every kind: one clear line, the right status, nothing sent that should not be.

use crate::support::{send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Builder, Close, Mock, On, Rule};

/// A server without CHUNKING, under which a small message would leave whole with its envelope, so that a connection
/// lost at any reply would leave its outcome unknown.
fn server() -> Builder {
    Mock::builder().extensions(["PIPELINING"])
}

#[test]
fn a_wrong_host_name() {
    send_to("no-such-host.invalid:2525").exits(Exit::NO_HOST).complains(["no-such-host.invalid", "spelled"]);
}

#[test]
fn a_refused_port() {
    let address = Mock::unreachable().unwrap();
    send_to(&address.to_string()).exits(Exit::TEMPORARY).complains([
        "127.0.0.1",
        &address.port().to_string(),
        "--port",
    ]);
}

#[test]
fn silence_in_every_phase() {
    for (on, phase) in [
        (On::Connect, "greeting"),
        (On::Ehlo, "hello"),
        (On::Mail, "mail"),
        (On::Rcpt, "rcpt"),
        (On::Data, "data"),
    ] {
        let mock = server().rule(Rule::on(on).step(smtp_mock::Step::Stall)).start();
        let ran = send(&mock).with(["--timeout", &format!("{phase}=200ms")]).exits(Exit::TEMPORARY);
        ran.complains([phase, "0.2 s", "--timeout"]);
        assert!(mock.messages().is_empty());
    }
}

#[test]
fn silence_after_the_message_is_unknown() {
    let mock = server().rule(Rule::on(On::Body).step(smtp_mock::Step::Stall)).start();
    let ran = send(&mock).with(["--timeout", "end=200ms"]).exits(Exit::UNKNOWN);
    ran.complains(["unknown", "duplicate"]);
    assert!(ran.output.starts_with("unknown "), "{}", ran.output);
    assert!(ran.output.contains("give it more by --timeout end=DUR"), "{}", ran.output);
}

#[test]
fn a_connection_that_ends_at_any_step() {
    for how in [Close::Fin, Close::Rst] {
        for on in [On::Connect, On::Ehlo, On::Mail, On::Rcpt, On::Data] {
            let mock = server().rule(Rule::on(on).close(how)).start();
            let ran = send(&mock).exits(Exit::TEMPORARY);
            // A reset may come before the connection counts as made.
            let words = ["ended the connection", "connection reset"];
            assert!(words.iter().any(|word| ran.complaint().contains(word)), "{}", ran.complaint());
            assert!(mock.messages().is_empty());
        }
        let mock = server().rule(Rule::on(On::Body).close(how)).start();
        send(&mock).exits(Exit::UNKNOWN).complains(["unknown"]);
    }
}

#[test]
fn a_greeting_that_is_none() {
    for (greeting, exit) in [("554 go away", Exit::UNAVAILABLE), ("421 later", Exit::TEMPORARY)] {
        let mock = server().rule(Rule::on(On::Connect).reply(greeting)).start();
        send(&mock).exits(exit).complains([greeting]);
    }
    for (octets, hint) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "web server"),
        ("+OK POP3 ready\r\n", "POP3"),
        ("* OK IMAP ready\r\n", "IMAP"),
        ("SSH-2.0-x\r\n", "SSH"),
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}\n", "--tls implicit"),
    ] {
        let mock = server()
            .rule(
                Rule::on(On::Connect)
                    .step(smtp_mock::Step::Raw(smtp_mock::Octets(octets.as_bytes().to_vec()))),
            )
            .start();
        send(&mock).exits(Exit::PROTOCOL).complains([hint]);
    }
}

#[test]
fn refusals_have_the_statuses_of_the_table() {
    for (on, reply, exit) in [
        (On::Ehlo, "421 busy", Exit::TEMPORARY),
        (On::Mail, "553 5.1.8 no such sender", Exit::DATA),
        (On::Mail, "451 4.3.0 later", Exit::TEMPORARY),
        (On::Rcpt, "550 5.1.1 no such user", Exit::NO_USER),
        (On::Rcpt, "450 4.2.0 greylisted", Exit::TEMPORARY),
        (On::Data, "554 5.5.1 no", Exit::DATA),
        (On::Body, "552 5.2.2 full", Exit::DATA),
        (On::Body, "452 4.3.1 full for now", Exit::TEMPORARY),
        (On::Mail, "530 5.7.0 log in first", Exit::NO_PERMISSION),
        (On::Rcpt, "530 5.7.0 log in first", Exit::NO_PERMISSION),
    ] {
        let words = match on {
            On::Mail => "the sender <you@example.org> was refused: ",
            On::Rcpt => "no recipient was accepted: friend@example.net at RCPT: ",
            On::Data | On::Body => "the message was refused: ",
            _ => "refused the hello: ",
        };
        let mock = server().rule(Rule::on(on).reply(reply)).start();
        send(&mock).exits(exit).complains([&format!("{words}{reply}")]);
        assert!(
            mock.messages().iter().all(|message| message.code.is_some_and(|code| code >= 400)),
            "{reply}"
        );
    }
    // What may succeed later makes the whole worth another try, whichever comes first.
    for first in [true, false] {
        let later = Rule::on(On::Rcpt).skip(u64::from(!first)).times(1).reply("450 4.2.0 later");
        let mock = server().rule(later).rule(Rule::on(On::Rcpt).reply("550 5.1.1 no such user")).start();
        send(&mock).with(["--to", "other@example.net"]).exits(Exit::TEMPORARY).complains(["450", "550"]);
    }
}

#[test]
fn a_server_that_breaks_the_protocol() {
    let mock = server().rule(Rule::on(On::Mail).reply("354 go on")).start();
    send(&mock).exits(Exit::PROTOCOL).complains(["protocol", "354"]);
    let mock = server().rule(Rule::on(On::Body).reply("354 go on")).start();
    send(&mock).exits(Exit::UNKNOWN).complains(["unknown"]);
}

#[test]
fn a_message_that_is_too_large_is_not_sent() {
    let mock = Mock::builder().extensions(["PIPELINING", "SIZE 100"]).start();
    send(&mock).exits(Exit::DATA).complains(["larger", "100"]);
    assert!(mock.messages().is_empty());
}

#[test]
fn an_unreadable_attachment() {
    let mock = Mock::start();
    send(&mock).with(["--attach", "no/such/file.pdf"]).exits(Exit::NO_INPUT).complains(["no/such/file.pdf"]);
    send(&mock).with(["--attach", "."]).exits(Exit::NO_INPUT);
    assert_eq!(mock.connections(), 0);
}

#[test]
fn a_body_that_vanishes_half_way_is_never_sent_as_if_complete() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.bin");
    std::fs::write(&path, vec![7; 4 << 20]).unwrap();
    // A server without CHUNKING whose reply to DATA comes after the file has gone.
    let mock = server()
        .rule(Rule::on(On::Data).delay(core::time::Duration::from_millis(300)).default_reply())
        .start();
    let server = mock.addr().to_string();
    let path_text = path.display().to_string();
    let ran = std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_to(&server).with(["--attach", &path_text]).run());
        let gone = mock.server().wait_until(core::time::Duration::from_secs(10), |server| {
            server
                .transcript()
                .commands()
                .iter()
                .any(|line| line == "DATA")
                .then(|| std::fs::remove_file(&path))
        });
        gone.unwrap().unwrap();
        sender.join().unwrap()
    });
    assert_eq!(ran.exit, Exit::NO_INPUT, "{}", ran.error);
    ran.complains(["large.bin", "not sent"]);
    mock.wait_closed(1);
    assert!(mock.messages().is_empty());
    assert!(!mock.transcript().lines().iter().any(|line| line.ends_with("C: .")));
}

#[test]
fn addresses_that_are_none() {
    for (option, value) in [
        ("--to", "nobody"),
        ("--to", "a@b c@d"),
        ("--to", ""),
        ("--cc", "a@b,@"),
        ("--bcc", "a@example.net\r\nRCPT TO:<evil@example.net>"),
        ("--reply-to", "x\r\nBcc: evil@example.net"),
        ("--envelope-from", "a@example.net>\r\nRSET"),
        ("--rcpt", "<a@example.net> NOTIFY=NEVER"),
        ("--rcpt", "a@example.net\r\nDATA"),
        ("--helo", "x\r\nMAIL FROM:<evil@example.net>"),
        ("--mail-param", "SIZE=1\r\nRSET"),
        ("--rcpt-param", "X=a b"),
        ("--envid", "a\r\nb"),
    ] {
        let mock = Mock::start();
        let base =
            ["send", "-s", "SERVER", "-f", "you@example.org", "-t", "friend@example.net", "--body", "x"];
        let server = mock.addr().to_string();
        let run = smtp_cli(base.map(|word| if word == "SERVER" { server.as_str() } else { word }));
        let ran = run.with([&format!("{option}={value}")]).exits(Exit::USAGE);
        ran.complains([option]);
        assert_eq!(mock.connections(), 0, "{option} {value:?}");
    }
}

#[test]
fn line_ends_in_header_values() {
    let mock = Mock::start();
    for (option, value) in [
        ("--subject", "Hello\r\nBcc: evil@example.net"),
        ("--from", "a\r\nX: y <you@example.org>"),
        ("--subject", "a\0b"),
    ] {
        let ran =
            smtp_cli(["send", "-s", &mock.addr().to_string(), "-t", "friend@example.net", "--body", "x"])
                .with([option, value])
                .with(if option == "--from" { ["--subject", "s"] } else { ["--from", "you@example.org"] })
                .exits(Exit::USAGE);
        assert_eq!(ran.complaint().lines().count(), 1);
    }
    assert_eq!(mock.connections(), 0);
}

#[test]
fn usage_errors_are_one_line_that_names_the_option() {
    smtp_cli(["send"]).exits(Exit::USAGE).complains(["--server"]);
    smtp_cli(["sned"]).exits(Exit::USAGE).complains(["'sned'", "'send'"]);
    smtp_cli(["send", "--sever", "x"]).exits(Exit::USAGE).complains(["'--sever'", "'--server'"]);
    smtp_cli(["send", "--timeout", "5 parsecs"]).exits(Exit::USAGE).complains(["--timeout", "parsecs"]);
    smtp_cli(["send", "--auth", "PLIAN"]).exits(Exit::USAGE).complains(["--auth", "PLAIN"]);
    smtp_cli([
        "send", "-s", "mx", "-u", "you", "-f", "a@b.c", "-t", "a@b.c", "--body", "x", "--auth", "xoauth2",
    ])
    .exits(Exit::USAGE)
    .complains(["--auth XOAUTH2", "--token-env"]);
    smtp_cli(["send", "--attach", "a;typ=b"]).exits(Exit::USAGE).complains(["--attach", "typ"]);
    smtp_cli([]).exits(Exit::USAGE).complains(["--help"]);
}

#[test]
fn help_and_version_are_output_and_fine() {
    let ran = smtp_cli(["--help"]).exits(Exit::OK);
    assert!(ran.output.contains("send") && ran.error.is_empty());
    let ran = smtp_cli(["--version"]).exits(Exit::OK);
    assert_eq!(ran.output, format!("smtp-cli {}\n", env!("CARGO_PKG_VERSION")));
}
