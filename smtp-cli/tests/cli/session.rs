//! Where to and how: every form of `--server`, protocols, the name said in EHLO, the transcript.

use crate::support::{send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Mock, On, Rule};

#[test]
fn a_message_leaves_and_the_transcript_shows_how() {
    let mock = Mock::builder().hostname("mx.example.net").extensions(["PIPELINING", "SIZE 1000000"]).start();
    let ran = send(&mock).with(["-v"]).exits(Exit::OK);
    let expected = format!(
        "=== connecting to {}\n\
         <-  220 mx.example.net ESMTP smtp-mock\n\
         ->  EHLO client.example\n\
         <-  250-mx.example.net greets you\n\
         <-  250-PIPELINING\n\
         <-  250 SIZE 1000000\n\
         ->  MAIL FROM:<you@example.org> SIZE=262\n\
         ->  RCPT TO:<friend@example.net>\n\
         ->  DATA\n",
        mock.addr()
    );
    assert_eq!(ran.error.get(..expected.len()), Some(expected.as_str()), "{}", ran.error);
    assert!(ran.error.contains("->  Subject: Hello\n"), "{}", ran.error);
    assert!(ran.error.contains("->  QUIT\n"), "{}", ran.error);
    assert!(ran.output.starts_with("accepted  friend@example.net  250 "), "{}", ran.output);
    let message = mock.wait_for(|_| true);
    assert_eq!((message.from(), message.to()), ("you@example.org", vec!["friend@example.net"]));
    assert_eq!(message.text().as_deref().map(str::trim_end), Some("It works."));
    assert_eq!(message.envelope.hello, "client.example");
}

#[test]
fn a_run_without_v_says_the_result_and_with_q_nothing() {
    let mock = Mock::start();
    let ran = send(&mock).exits(Exit::OK);
    assert_eq!((ran.error.as_str(), ran.output.lines().count()), ("", 1));
    let ran = send(&mock).with(["-q"]).exits(Exit::OK);
    assert_eq!((ran.error.as_str(), ran.output.as_str()), ("", ""));
}

#[test]
fn mail_rcpt_and_data_leave_in_one_write() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    let ran = send(&mock).with(["--to", "other@example.net", "-v"]).exits(Exit::OK);
    // The transcript shows each write as it leaves, so no reply can stand between.
    let group = "->  MAIL FROM:<you@example.org>\n->  RCPT TO:<friend@example.net>\n\
                 ->  RCPT TO:<other@example.net>\n->  DATA\n<-  250 ";
    assert!(ran.error.contains(group), "{}", ran.error);
}

#[test]
fn every_form_of_server_leads_there() {
    let mock = Mock::start();
    let port = mock.addr().port().to_string();
    send_to(&format!("127.0.0.1:{port}")).exits(Exit::OK);
    send_to("127.0.0.1").with(["--port", &port]).exits(Exit::OK);
    send_to(&format!("localhost:{port}")).exits(Exit::OK);
    send_to(&format!("smtp://127.0.0.1:{port}")).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 4);
    let mock = Mock::start();
    send_to(&format!("lmtp://{}", mock.addr())).exits(Exit::UNAVAILABLE).complains(["it may not speak LMTP"]);
    let mock = Mock::builder().lmtp().start();
    let port = mock.addr().port().to_string();
    send_to(&format!("lmtp://127.0.0.1:{port}")).exits(Exit::OK);
    send_to(&format!("127.0.0.1:{port}")).with(["--lmtp"]).exits(Exit::OK);
    send_to(&format!("127.0.0.1:{port}")).with(["--protocol", "lmtp"]).exits(Exit::OK);
    assert!(
        mock.transcript().commands().iter().filter(|line| line.starts_with("LHLO client.example")).count()
            == 3
    );
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_server_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("smtp.sock");
    let mock = Mock::builder().unix(&path).start();
    send_to(&format!("unix:{}", path.display())).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 1);
    let missing = directory.path().join("missing");
    send_to(&format!("unix:{}", missing.display()))
        .exits(Exit::TEMPORARY)
        .complains(["missing", "does a server listen"]);
}

/// On Linux, where a path may be any octets.
#[cfg(target_os = "linux")]
#[test]
fn a_unix_socket_may_have_any_name() {
    use std::os::unix::ffi::OsStrExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(std::ffi::OsStr::from_bytes(b"gr\xf6\xdfe.sock"));
    let mock = Mock::builder().unix(&path).start();
    let mut server = std::ffi::OsString::from("unix:");
    server.push(&path);
    let message = ["-f", "a@example.org", "-t", "b@example.org", "--subject", "s", "--body", "x"];
    smtp_cli(["send", "--server"]).with([server.as_os_str()]).with(message).exits(Exit::OK);
    smtp_cli(["send"]).environment("SMTP_CLI_SERVER", &server).with(message).exits(Exit::OK);
    assert_eq!(mock.messages().len(), 2);
    let odd = std::ffi::OsStr::from_bytes(b"mx\xff.example.org");
    smtp_cli(["send", "--server"])
        .with([odd])
        .with(message)
        .exits(Exit::USAGE)
        .complains(["--server", "UTF-8"]);
}

#[test]
fn the_bundled_server_takes_a_message_and_shows_it() {
    let ran = send_to("mock").with(["-v", "--attach", "Cargo.toml"]).exits(Exit::OK);
    assert!(ran.output.contains("the server received message 1: "), "{}", ran.output);
    assert!(ran.output.contains("from     <you@example.org>"), "{}", ran.output);
    assert!(ran.output.contains("attachment Cargo.toml"), "{}", ran.output);
    assert!(ran.error.contains("->  RCPT TO:<friend@example.net>"), "{}", ran.error);
}

#[test]
fn the_bundled_server_knows_the_user_and_has_tls() {
    let ran = send_to("mock").login().with(["-v"]).exits(Exit::OK);
    assert!(ran.error.contains("~>  AUTH "), "{}", ran.error);
    let ran = send_to("mock").with(["--tls", "implicit", "-v"]).exits(Exit::OK);
    assert!(ran.error.contains("~<  220 "), "{}", ran.error);
    send_to("mock").with(["--lmtp"]).exits(Exit::OK);
}

#[test]
fn protocol_smtp_says_helo_and_uses_no_extension() {
    let mock = Mock::start();
    send(&mock).with(["--protocol", "smtp"]).exits(Exit::OK);
    let commands = mock.transcript().commands();
    assert_eq!(commands[..2], ["HELO client.example", "MAIL FROM:<you@example.org>"]);
}

#[test]
fn a_server_that_does_not_know_ehlo_is_said_helo() {
    let mock = Mock::builder().rule(Rule::on(On::Ehlo).reply("502 what")).start();
    let ran = send(&mock).with(["-v"]).exits(Exit::OK);
    assert!(ran.error.contains("<** 502 what\n->  HELO client.example\n"), "{}", ran.error);
}

#[test]
fn without_helo_the_machine_is_named() {
    let mock = Mock::start();
    smtp_cli([
        "send",
        "-s",
        &mock.addr().to_string(),
        "-f",
        "a@example.org",
        "-t",
        "b@example.org",
        "--body",
        "x",
    ])
    .exits(Exit::OK);
    let hello = mock.messages()[0].envelope.hello.clone();
    assert!(hello == "[127.0.0.1]" || hello.contains('.'), "{hello}");
}

#[test]
fn what_quit_does_is_of_no_matter() {
    for rule in [
        Rule::on(On::Quit).reply("500 no"),
        Rule::on(On::Quit).close(smtp_mock::Close::Rst),
        Rule::on(On::Quit).close(smtp_mock::Close::Fin),
    ] {
        let mock = Mock::builder().rule(rule).start();
        send(&mock).exits(Exit::OK);
    }
}

#[test]
fn control_characters_of_a_server_are_shown_not_obeyed() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).reply("550 \u{1b}[2Jgone\u{7}")).start();
    let ran = send(&mock).with(["-v"]).exits(Exit::NO_USER);
    assert!(!ran.error.contains('\u{1b}') && !ran.output.contains('\u{1b}'));
    assert!(ran.error.contains("<** 550 \\u{1b}[2Jgone\\u{7}\n"), "{}", ran.error);
    ran.complains(["friend@example.net", "\\u{1b}[2Jgone"]);
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).reply("550 no")).start();
    let coloured = |variable: (&str, &str)| {
        let run = send(&mock).with(["-v"]).at_terminal().environment(variable.0, variable.1);
        run.exits(Exit::NO_USER).error.contains("\u{1b}[33m<** 550 no\u{1b}[0m\n")
    };
    assert!(coloured(("TERM", "xterm")));
    assert!(!coloured(("NO_COLOR", "1")));
    assert!(!coloured(("TERM", "dumb")));
    assert!(!send(&mock).with(["-v"]).exits(Exit::NO_USER).error.contains('\u{1b}'));
}

#[test]
fn a_proxy_header_is_said_before_everything() {
    use std::io::{BufRead as _, BufReader, Write as _};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&socket).read_line(&mut line).unwrap();
        socket.write_all(b"554 5.3.2 that was all\r\n").unwrap();
        line
    });
    send_to(&address.to_string())
        .with(["--proxy-header", "v1;src=192.0.2.1:2525;dst=192.0.2.2:25"])
        .exits(Exit::UNAVAILABLE)
        .complains(["554 5.3.2 that was all"]);
    assert_eq!(server.join().unwrap(), "PROXY TCP4 192.0.2.1 192.0.2.2 2525 25\r\n");
}

#[test]
fn what_leads_nowhere_is_said() {
    let closed = Mock::unreachable().unwrap();
    send_to("mx.example.org")
        .with(["--proxy", &format!("socks5://{closed}")])
        .exits(Exit::TEMPORARY)
        .complains(["proxy", &closed.port().to_string()]);
    let mock = Mock::start();
    send(&mock).with(["--xclient", "ADDR=192.0.2.1"]).exits(Exit::UNAVAILABLE).complains(["XCLIENT"]);
    assert!(mock.messages().is_empty());
}
