//! What the program makes of its arguments, and what it refuses.
#![cfg(feature = "program")]

mod support;

use std::{fs, net::TcpListener, process::Output};

use support::{address, program, say, start};

/// Checks that a server does not start with these options, for a reason that holds these words.
#[track_caller]
fn refuses_options(options: &[&str], words: &str) {
    refuses(&[options, &["--timeout", "50ms"]].concat(), words);
}

/// Checks that the program refuses its arguments, with a text that holds these words.
#[track_caller]
fn refuses(arguments: &[&str], words: &str) {
    let output = program(arguments);
    let text = error(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(text.contains(words), "{arguments:?}: {text}");
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_certificate_without_tls_is_refused() {
    for arguments in [&["--cert", "expired"][..], &["--cert", "good", "--tls", "none"]] {
        refuses_options(arguments, "try --tls starttls");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bad.toml");
    fs::write(&file, "[tls]\ncert = \"expired\"\n").unwrap();
    refuses_options(&[file.to_str().unwrap()], "try --tls starttls");
    for with_tls in [&["--tls", "starttls"][..], &["--tls", "implicit"], &["--smtps", "0"]] {
        let output = program(&[&["--cert", "expired", "--timeout", "50ms"], with_tls].concat());
        assert_eq!(output.status.code(), Some(124), "{}", error(&output));
    }
}

#[test]
fn the_end_of_the_time_prints_the_report() {
    let (child, line) = start(&["--fault", "quit=stall", "--timeout", "2s"]);
    say(&line, b"NOOP\r\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(124));
    let text = error(&output);
    assert!(text.contains("the time is over") && text.contains("C: NOOP"), "{text}");
    assert!(text.contains("rules that never fired\n    \"quit=stall\""), "{text}");
}

#[test]
fn expectations_have_the_words_of_scenario_files() {
    let run = |expected: &[&str], octets: &[u8]| {
        let (child, line) = start(&[expected, &["--exit-after", "1 session", "--timeout", "20s"]].concat());
        say(&line, octets);
        let output = child.wait_with_output().unwrap();
        (output.status.code(), error(&output))
    };
    let (status, text) = run(&["--expect", "messages=1"], b"QUIT\r\n");
    assert_eq!(status, Some(1));
    assert!(text.contains("exactly 1 messages expected, 0 came"), "{text}");
    let both = ["--expect", "messages=..2", "--expect", "quit=true"];
    assert_eq!(run(&both, b"QUIT\r\n").0, Some(0));
    assert_eq!(run(&both, b"NOOP\r\n").0, Some(1));
    assert_eq!(run(&["--expect", "clean=true"], b"NOOP\n").0, Some(1));
    for (text, words) in [
        ("messages", "has no ="),
        ("mesages=1", "unknown field `mesages`, expected one of `messages`, `connections`, `quit`, `clean`"),
        ("messages=many", "«many» is not a count"),
        ("quit=1", "expected a boolean"),
    ] {
        refuses_options(&["--expect", text], words);
    }
}

#[test]
fn an_argument_that_an_action_does_not_take_is_refused() {
    refuses_options(&["--fault", "body=stall:5s"], "stall takes no argument, «5s» is one");
    refuses_options(&["--fault", "mail=rst:soon"], "rst takes no argument");
    refuses_options(&["--fault", "mail=421-continue:x"], "421-continue takes no argument");
    refuses_options(&["--fault", "mail=delay"], "delay wants an argument");
}

#[test]
fn check_refuses_what_no_server_says() {
    let directory = tempfile::tempdir().unwrap();
    for (text, words) in [
        (
            "[[rule]]\non = \"mail\"\nreply = \"999 x\"\n",
            "3:9: 999 is no reply code, which is from 200 to 599",
        ),
        ("[server]\ngreeting = \"120 x\"\n", "2:12: 120 is no reply code"),
        (
            "[server]\nextensions = [\"PIPELINNING\"]\n",
            "2:14: «PIPELINNING» is no known extension; the name of a private one begins with X",
        ),
        ("[server]\nhide = [\"STARTLS\"]\n", "2:8: «STARTLS» is no known extension"),
        ("[[dialogue]]\nscript = '''\nS: hello\n'''\n", "3:1: «hello» is no line of a reply"),
        ("[[dialogue]]\nscript = '''\nS: 999 x\n'''\n", "3:1: «999 x» is no line of a reply"),
        ("[[dialogue]]\nscript = '''\nS: 220-a\nS:\n'''\n", "4:1: «» is no line of a reply"),
    ] {
        let file = directory.path().join("x.toml");
        fs::write(&file, text).unwrap();
        let output = program(&["check", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
        assert!(said.contains(words), "{text}: {said}");
    }
    refuses_options(&["--hide", "STARTLS"], "«STARTLS» is no known extension");
    refuses_options(&["--fault", "mail=999"], "999 is no reply code");
    let file = directory.path().join("good.toml");
    fs::write(
        &file,
        "[server]\nextensions = [\"X-FOO 1\", \"size 10\"]\n[[dialogue]]\nscript = \"S> hello\\nS: 220\"\n",
    )
    .unwrap();
    assert_eq!(program(&["check", file.to_str().unwrap()]).status.code(), Some(0));
}

#[test]
fn command_line_dialogues_and_files_take_the_same_words() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    // The words of a file on the command line.
    let faults = ["--fault", "noop=raw-hex:323530206f6b0d0a", "--fault", "help=half-close"];
    let (child, line) = start(&[&faults[..], &["--exit-after", "1 session", "--timeout", "20s"]].concat());
    assert!(say(&line, b"NOOP\r\nHELP\r\n").ends_with("\r\n250 ok\r\n"));
    assert!(child.wait_with_output().unwrap().status.success());
    let (mut child, line) = start(&["--tls", "starttls", "--cert", "unknown-issuer", "--timeout", "20s"]);
    assert_eq!(line["event"], "listening");
    child.kill().unwrap();
    child.wait().unwrap();
    // Those of the command line in a file: seconds without a unit, fractions.
    let durations = file(
        "durations.toml",
        "[limits]\nidle = 60\n[[rule]]\non = \"noop\"\nthen = [{ delay = \"0.2s\" }, { drip = { every = 0 } }, \"default\"]\n",
    );
    let (child, line) = start(&[&durations, "--exit-after", "1 session", "--timeout", "20s"]);
    assert!(say(&line, b"NOOP\r\n").ends_with("\r\n250 ok\r\n"));
    assert!(child.wait_with_output().unwrap().status.success());
    // And all of them in a dialogue.
    let dialogue = file(
        "steps.smtp",
        "S: 220 x\nC: NOOP\n!long-line 8\n!raw-hex 32 35 30 0d 0a\n!split-lines 1ms\nS: 250 ok\n!garbage 3\n!rst\n",
    );
    assert_eq!(program(&["check", &dialogue]).status.code(), Some(0));
    let (child, line) = start(&[&dialogue, "--exit-after", "1 session", "--timeout", "20s"]);
    let said = support::say_octets(&line, b"NOOP\r\n");
    assert!(said.starts_with(b"220 x\r\n250 xxxx\r\n250\r\n250 ok\r\n"), "{said:?}");
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn a_port_is_one_of_loopback() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for listen in [format!("{free}"), format!(":{free}"), format!("localhost:{free}")] {
        let (mut child, line) = start(&["--listen", &listen, "--timeout", "20s"]);
        assert_eq!(address(&line), format!("127.0.0.1:{free}"), "{listen}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    refuses_options(&["--listen", "localhost"], "«localhost» is no address to listen on, try 1025");
    refuses_options(&["--listen", "70000"], "«70000» is no address to listen on");
}

#[test]
fn the_manual_and_completions_exist() {
    let manual = program(&["man"]);
    let page = String::from_utf8(manual.stdout).unwrap();
    assert!(page.contains(".TH smtp-mock 1") && page.contains(r"\-\-fault"), "{page}");
    assert!(page.contains(".SH EXIT STATUS") && page.contains("124"), "{page}");
    let page = String::from_utf8(program(&["man", "record"]).stdout).unwrap();
    assert!(page.contains(r"\-\-upstream"), "{page}");
    refuses(&["man", "play"], "«play» is no command, expected one of run, check, record");
    let directory = tempfile::tempdir().unwrap();
    let all = program(&["man", "--directory", directory.path().to_str().unwrap()]);
    assert_eq!(all.status.code(), Some(0), "{}", error(&all));
    for page in ["smtp-mock.1", "smtp-mock-run.1", "smtp-mock-replay.1"] {
        assert!(directory.path().join(page).is_file(), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = program(&["completions", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("exit-after"), "{shell}");
    }
}

#[test]
fn under_lmtp_a_magic_recipient_is_answered_for_itself() {
    let (child, line) =
        start(&["--lmtp", "--magic", "--json-lines", "--exit-after", "1 session", "--timeout", "20s"]);
    let said = say(
        &line,
        b"LHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<one@b.test>\r\nRCPT TO:<body-554@b.test>\r\n\
          RCPT TO:<body-451+a@b.test>\r\nRCPT TO:<two@b.test>\r\nDATA\r\n.\r\nQUIT\r\n",
    );
    let (_, replies) = said.split_once("354 ").unwrap();
    let codes: Vec<_> = replies.lines().skip(1).map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "554", "451", "250", "221"], "{said}");
    let output = child.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(lines.contains(r#""to":["one@b.test","two@b.test"]"#), "{lines}");
}
