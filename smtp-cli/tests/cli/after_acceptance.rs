//! What was accepted stays accepted, whatever fails on this side afterwards.

use crate::support::send;
use smtp_cli::{Exit, Stream, Terminal, run};
use smtp_mock::{Close, Mock, Octets, On, Rule, Step};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// What was written, for the test to read.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test panics while it writes")).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics while it writes").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_attachment_that_is_gone_in_a_later_round_does_not_hide_who_got_the_message() {
    let directory = tempfile::tempdir().unwrap();
    let attachment = directory.path().join("x.bin");
    std::fs::write(&attachment, vec![b'x'; 100_000]).unwrap();
    let mock = Mock::builder()
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("grey@*").times(1).reply("450 4.2.0 greylisted"))
        .start();
    let (output, error) = (Buffer::default(), Buffer::default());
    let mut terminal = Terminal {
        sleep: Box::new({
            let attachment = attachment.clone();
            move |_| std::fs::remove_file(&attachment).expect("it is there")
        }),
        ..Terminal::detached(Stream::new(output.clone()), Stream::new(error.clone()))
    };
    let address = mock.addr().to_string();
    let attachment = attachment.display().to_string();
    let arguments = [
        "smtp-cli",
        "send",
        "--server",
        &address,
        "--helo",
        "client.example",
        "--from",
        "you@example.org",
        "--to",
        "friend@example.net,grey@example.net",
        "--subject",
        "s",
        "--body",
        "b",
        "--attach",
        &attachment,
        "--retry",
        "1",
    ];
    let exit = run(arguments.map(Into::into), &mut terminal);
    let (output, error) = (output.text(), error.text());
    assert_eq!(exit, Exit::PARTLY, "{output}{error}");
    assert_eq!(mock.messages().len(), 1);
    assert!(output.contains("accepted  friend@example.net"), "{output}");
    assert!(output.contains("unsent    grey@example.net"), "{output}");
    assert!(
        error.contains("1 of 2 recipients did not get it: grey@example.net") && error.contains("x.bin"),
        "{error}"
    );
    assert!(!error.contains("was not sent"), "{error}");
}

#[test]
fn a_session_that_breaks_says_at_which_step_in_every_transcript() {
    let directory = tempfile::tempdir().unwrap();
    let lines = directory.path().join("t.jsonl").display().to_string();
    let broken = |rule: Rule| Mock::builder().extensions(["PIPELINING"]).rule(rule).start();

    let mock = broken(Rule::on(On::Body).close(Close::Fin));
    let ran = send(&mock).with(["-v", "--transcript", &lines]).exits(Exit::UNKNOWN);
    let words = format!("{} ended the connection after its reply to DATA", mock.addr());
    assert!(ran.error.contains(&format!(" octets of mail data\n->  QUIT\n*** {words}\n")), "{}", ran.error);
    ran.complains([&words, "may duplicate it"]);
    assert!(!ran.error.contains("try again"), "{}", ran.error);
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.iter().any(|line| line["kind"] == "error" && line["text"] == words), "{lines:?}");
    assert!(lines.iter().any(|line| line["kind"] == "sent" && line["octets"].is_u64()), "{lines:?}");

    let mock = broken(Rule::on(On::Mail).close(Close::Fin));
    let ran = send(&mock).with(["-v"]).exits(Exit::TEMPORARY);
    ran.complains(["ended the connection after its reply to EHLO; try again later"]);
    assert!(ran.error.contains("*** "), "{}", ran.error);

    let mock = broken(Rule::on(On::Mail).step(Step::Raw(Octets(b"bad \x1b[31mred\r\n".to_vec()))));
    let ran = send(&mock).with(["-v"]).run();
    assert!(ran.error.contains("*** ") && ran.error.contains("bad \\x1b[31mred"), "{}", ran.error);
    assert!(!ran.error.contains('\u{1b}'), "{}", ran.error);

    let mock = broken(Rule::on(On::Body).delay(std::time::Duration::from_mins(10)));
    let ran = send(&mock).with(["-v", "--timeout", "end=0.05"]).exits(Exit::UNKNOWN);
    assert!(ran.error.contains("*** "), "{}", ran.error);
    ran.complains(["0.05 s", "--timeout end=DUR"]);
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_after_an_acceptance_is_a_warning() {
    let mock = Mock::builder().extensions(["PIPELINING"]).start();
    for option in ["--record", "--transcript"] {
        let ran = send(&mock).with([option, "/dev/full"]).exits(Exit::OK);
        assert!(ran.output.starts_with("accepted  friend@example.net"), "{}", ran.output);
        assert!(ran.error.starts_with("smtp-cli: warning: the "), "{}", ran.error);
        assert!(ran.error.ends_with("; the message was sent\n"), "{}", ran.error);
        // Where nothing was sent, that is what failed.
        send(&mock)
            .with([option, "/dev/full", "--until", "rcpt"])
            .exits(Exit::IO)
            .complains(["cannot be written"]);
        send(&mock)
            .with([option, "/dev/full", "--until", "hello"])
            .exits(Exit::IO)
            .complains(["cannot be written"]);
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let error = Buffer::default();
    let mut terminal = Terminal::detached(Stream::new(full), Stream::new(error.clone()));
    let address = mock.addr().to_string();
    let arguments = [
        "smtp-cli",
        "send",
        "-s",
        &address,
        "-f",
        "a@example.org",
        "-t",
        "b@example.org",
        "--subject",
        "s",
        "--body",
        "b",
    ];
    assert_eq!(run(arguments.map(Into::into), &mut terminal), Exit::OK);
    let error = error.text();
    assert!(error.contains("warning: cannot write to standard output: "), "{error}");
    assert!(error.ends_with("; the message was sent\n"), "{error}");
}

#[test]
fn a_login_that_fails_is_recorded_and_told_in_json() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("r.toml");
    let mock = Mock::builder().user("alice", "other").plaintext_auth().start();
    let ran = send(&mock)
        .login()
        .with(["--allow-plaintext-auth", "--until", "auth", "--format", "json"])
        .with(["--record", &record.display().to_string()])
        .exits(Exit::NO_PERMISSION);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!((&document["schema"], &document["exit"]), (&"smtp-cli/session/1".into(), &77.into()));
    assert!(document["error"].as_str().unwrap().contains("refused the login of alice"), "{document}");
    let recorded = std::fs::read_to_string(&record).unwrap();
    assert!(recorded.contains("EHLO client.example") && recorded.contains("AUTH "), "{recorded}");
}

#[test]
fn the_log_says_what_the_process_says() {
    let directory = tempfile::tempdir().unwrap();
    let (file, log) = (directory.path().join("c.toml"), directory.path().join("smtp.log"));
    std::fs::write(&file, format!("log-file = {:?}\n", log.display().to_string())).unwrap();
    let config = file.display().to_string();
    let line = || std::fs::read_to_string(&log).unwrap().lines().last().unwrap_or_default().to_string();
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    crate::support::send_to(&refusing).with(["--config", &config]).exits(Exit::TEMPORARY);
    assert!(line().contains("exit=75 ") && line().contains("refuses connections"), "{}", line());
    let mock = Mock::start();
    send(&mock).with(["--config", &config, "--until", "rcpt"]).exits(Exit::OK);
    assert!(line().contains("check of message 1 "), "{}", line());
    assert!(
        line().contains("friend@example.net would be taken") && !line().contains("accepted"),
        "{}",
        line()
    );
}
