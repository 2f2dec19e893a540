//! The small commands: compose, explain, lint, completions, man, sendmail.

use crate::support::{Run, send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::Mock;

#[test]
fn compose_prints_the_message_and_sends_nothing() {
    let ran =
        smtp_cli(["compose", "-f", "you@example.org", "-t", "friend@example.net", "--bcc", "h@example.net"])
            .with(["--subject", "Hello", "--body", "It works.", "-H", "X-Tag: one"])
            .exits(Exit::OK);
    assert!(
        ran.output.starts_with("From: you@example.org\r\nTo: friend@example.net\r\nSubject: Hello\r\n"),
        "{}",
        ran.output
    );
    assert!(
        ran.output.contains("\r\nX-Tag: one\r\n") && ran.output.ends_with("\r\n\r\nIt works.\r\n"),
        "{}",
        ran.output
    );
    assert!(!ran.output.contains("h@example.net"));
}

#[test]
fn explain_says_what_codes_mean() {
    let ran = smtp_cli(["explain", "550", "5.1.1"]).exits(Exit::OK);
    assert!(
        ran.output.starts_with("550 5.1.1: ") && ran.output.contains("whose fault: the recipient"),
        "{}",
        ran.output
    );
    smtp_cli(["explain", "421"]).exits(Exit::OK);
    smtp_cli(["explain", "5.7.26"]).exits(Exit::OK);
    for code in ["999", "x", "5.1", "5xx"] {
        smtp_cli(["explain", code]).exits(Exit::USAGE).complains([&format!("\"{code}\" is no code")]);
    }
    smtp_cli(["explain", "450", "5.1.1"]).exits(Exit::USAGE).complains(["contradict"]);
}

#[test]
fn lint_finds_what_breaks_a_rule() {
    let ran = smtp_cli(["lint", "--eml", "-"])
        .input("From: you@example.org\nSubject: hello\n\nx\n")
        .exits(Exit::DATA);
    assert!(ran.output.contains("broken    missing-date"), "{}", ran.output);
    let ran = smtp_cli([
        "lint",
        "-f",
        "you@example.org",
        "-t",
        "b@example.org",
        "--subject",
        "Hello",
        "--body",
        "It works.",
    ])
    .exits(Exit::OK);
    assert!(ran.output.contains("nothing to say"), "{}", ran.output);
}

#[test]
fn completions_and_manual_pages_know_the_options() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = smtp_cli(["completions", shell]).exits(Exit::OK);
        assert!(ran.output.contains("recipients-from-headers"), "{shell}");
    }
    let page = smtp_cli(["man"]).exits(Exit::OK).output;
    assert!(page.contains(".TH smtp-cli 1") && page.contains("EXIT STATUS"), "{page}");
    let page = smtp_cli(["man", "send"]).exits(Exit::OK).output;
    assert!(page.contains("require\\-all"), "{page}");
    smtp_cli(["man", "sned"]).exits(Exit::USAGE).complains(["did you mean send?"]);
    let directory = tempfile::tempdir().unwrap();
    smtp_cli(["man", "--directory", &directory.path().display().to_string()]).exits(Exit::OK);
    // Each page that another names is there.
    let page = |name: &str| std::fs::read_to_string(directory.path().join(format!("{name}.1"))).unwrap();
    let mut names = vec!["smtp-cli".to_string()];
    while let Some(name) = names.pop() {
        let text = page(&name).replace("\\-", "-");
        let lines = text.lines().filter_map(|line| line.strip_suffix("(1)"));
        names.extend(lines.filter(|line| line.starts_with("smtp-cli-") && *line != name).map(String::from));
    }
    assert!(page("smtp-cli-config-import").contains("msmtprc"));
    smtp_cli(["man", "config-import"]).exits(Exit::OK);
}

const MESSAGE: &str = "From: you@example.org\nTo: one@example.net, Two <two@example.net>\nBcc: three@example.net\n\
                       Subject: from a program\n\nbody\n..\n.\nend\n";

fn sendmail<const N: usize>(mock: &Mock, arguments: [&str; N]) -> Run {
    smtp_cli(["sendmail"])
        .with(arguments)
        .environment("SMTP_CLI_SERVER", &mock.addr().to_string())
        .input(MESSAGE)
}

#[test]
fn sendmail_takes_the_recipients_from_the_headers_with_t() {
    let mock = Mock::start();
    let ran = sendmail(&mock, ["-t", "-oi"]).exits(Exit::OK);
    assert_eq!((ran.output.as_str(), ran.error.as_str()), ("", ""));
    let message = &mock.messages()[0];
    assert_eq!(message.to(), ["one@example.net", "two@example.net", "three@example.net"]);
    assert_eq!(message.from(), "you@example.org");
    assert!(
        message.header("Bcc").is_none()
            && message.header("Date").is_some()
            && message.header("Message-ID").is_some()
    );
    assert!(message.octets.ends_with(b"\r\n\r\nbody\r\n..\r\n.\r\nend\r\n"));
}

#[test]
fn sendmail_takes_its_recipients_from_the_words_without_t() {
    let mock = Mock::start();
    sendmail(&mock, ["-i", "-f", "bounces@example.org", "--", "x@example.net"]).exits(Exit::OK);
    let message = &mock.messages()[0];
    assert_eq!((message.from(), message.to()), ("bounces@example.org", vec!["x@example.net"]));
    let run = sendmail(&mock, ["a@example.net"]).environment("SMTP_CLI_FROM", "Cron <cron@example.org>");
    run.input("Subject: no author\n\nx\n").exits(Exit::OK);
    assert_eq!(mock.messages()[1].header("From").as_deref(), Some("Cron <cron@example.org>"));
    sendmail(&mock, ["a@example.net"])
        .input("Subject: no author\n\nx\n")
        .exits(Exit::DATA)
        .complains(["From"]);
    sendmail(&mock, ["-i"]).exits(Exit::USAGE).complains(["recipient"]);
    sendmail(&mock, ["-bs"]).exits(Exit::UNAVAILABLE).complains(["-bs is not supported"]);
}

/// What `echo done | sendmail you` and jobs of cron write.
#[test]
fn sendmail_takes_a_text_without_header_section() {
    let mock = Mock::start();
    let bare = |arguments: &[&str], text: &str| {
        let run = arguments.iter().fold(sendmail(&mock, []), |run, word| run.with([*word]));
        run.environment("SMTP_CLI_FROM", "cron@example.org").input(text).exits(Exit::OK);
        mock.messages().pop().unwrap()
    };
    let message = bare(&["a@example.net"], "the disk is full\nBcc: no field\n");
    assert_eq!(message.header("From").as_deref(), Some("cron@example.org"));
    assert!(message.octets.ends_with(b"\r\n\r\nthe disk is full\r\nBcc: no field\r\n"));
    let message = bare(&["-t"], "To: a@example.net\nSubject: x\nno field\nBcc: none@example.net\n");
    assert_eq!(message.to(), ["a@example.net"]);
    assert!(message.octets.ends_with(b"\r\n\r\nno field\r\nBcc: none@example.net\r\n"));
    // With --eml it is a message, or an error that names where it came from.
    smtp_cli(["send", "--server", &mock.addr().to_string(), "--to", "a@example.net", "--eml", "-"])
        .input("no header section\n")
        .exits(Exit::DATA)
        .complains(["the message of standard input", "'standard input'", "blank line"]);
}

/// The program under the name of sendmail, as other programs call it.
#[cfg(unix)]
#[test]
fn the_program_is_sendmail_by_its_name() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("sendmail");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_smtp-cli"), &program).unwrap();
    let mock = Mock::start();
    let mut child = std::process::Command::new(program)
        .args(["-t", "-oi", "-f", "bounces@example.org"])
        .env("SMTP_CLI_SERVER", mock.addr().to_string())
        .env("XDG_CONFIG_HOME", directory.path())
        .env("XDG_CONFIG_DIRS", directory.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(MESSAGE.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!((mock.messages()[0].from(), mock.messages()[0].to().len()), ("bounces@example.org", 3));
}

#[test]
fn the_account_of_the_manual_is_one() {
    let page = smtp_cli(["man"]).exits(Exit::OK).output;
    let example = page.split(".nf\n").find(|block| block.starts_with("default-account")).unwrap();
    let example = example.split(".fi").next().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, example).unwrap();
    let ran = smtp_cli(["config", "check", "--config", &path.display().to_string()]).exits(Exit::OK);
    assert!(ran.output.contains(": fine, 1 account\n"), "{}", ran.output);
}

#[test]
fn lint_speaks_to_programs_too() {
    let ran = smtp_cli(["lint", "--format", "json", "--eml", "-"])
        .input("From: you@example.org\n\nx\n")
        .exits(Exit::DATA);
    let document: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(
        (&document["schema"], &document["findings"][0]["rule"]),
        (&"smtp-cli/lint/1".into(), &"missing-date".into())
    );
}

#[test]
fn lint_takes_files_without_an_option() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("one.eml"), "From: you@example.org\nSubject: hello\n\nx\n").unwrap();
    std::fs::write(path("two.eml"), "Subject: hello\n\nx\n").unwrap();
    let ran = smtp_cli(["lint", &path("one.eml"), &path("two.eml")]).exits(Exit::DATA);
    assert_eq!(ran.output.matches("missing-date").count(), 2, "{}", ran.output);
    assert_eq!(ran.output.matches("missing-from").count(), 1, "{}", ran.output);
    let ran = smtp_cli(["lint", "-", "--eml", &path("two.eml")]).input("\nx\n").exits(Exit::DATA);
    assert_eq!(ran.output.matches("missing-from").count(), 2, "{}", ran.output);
    smtp_cli(["lint", &path("three.eml")]).exits(Exit::NO_INPUT).complains(["three.eml"]);
    let ran = smtp_cli(["lint", &path("one.eml"), "-H", "X-Tag: one"]).exits(Exit::USAGE);
    ran.complains(["--eml", "--header"]);
    assert!(!ran.complaint().contains("--subject"), "{}", ran.complaint());
}

#[test]
fn help_may_be_asked_for_by_a_word() {
    let output = |words: &[&str]| smtp_cli([]).with_all(words).exits(Exit::OK).output;
    for (word, option) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "probe"], &["probe", "--help"]),
        (&["help", "config", "show"], &["config", "show", "--help"]),
        (&["help", "sendmail"], &["sendmail", "--help"]),
    ] {
        assert_eq!(output(word), output(option), "{word:?}");
    }
    assert!(output(&["sendmail", "--help"]).starts_with("Usage: sendmail"));
    assert_eq!(output(&["sendmail", "--version"]), output(&["--version"]));
    assert!(output(&["--version"]).starts_with("smtp-cli "));
    smtp_cli(["help", "sned"]).exits(Exit::USAGE).complains(["'sned'", "'send'"]);
}

/// No command lists what it ignores or refuses.
#[test]
fn each_command_has_options_of_its_own() {
    let of_a_server = "--server --port --tls --ca-file --insecure --helo --proxy --timeout --no-extension";
    let of_a_login = "--auth --user --password-env --token-command --allow-plaintext-auth";
    let of_an_envelope = "--rcpt --notify --ret --mail-param --require-all --recipients-from-headers";
    let of_a_run = "--repeat --connections --in-flight --until --dry-run --retry --stats";
    let of_files = "--transcript --record --verbose";
    for (command, unlisted) in [
        ("compose", vec![of_a_server, of_a_login, of_an_envelope, of_a_run, of_files, "--mx --format"]),
        ("lint", vec![of_a_server, of_a_login, of_an_envelope, of_a_run, of_files, "--mx --no-fix"]),
        ("probe", vec![of_a_login, of_an_envelope, of_a_run, "--mx --dns --from --eml"]),
        ("verify", vec![of_an_envelope, of_a_run, "--mx --dns --to --eml"]),
        ("shell", vec![of_an_envelope, of_a_run, "--mx --dns --to --eml --format"]),
    ] {
        let help = smtp_cli([command, "--help"]).exits(Exit::OK).output;
        // What stands further in tells what an option does.
        let options = help.lines().filter(|line| !line.starts_with("        "));
        let listed: Vec<_> = options.flat_map(|line| line.split_whitespace().take(2)).collect();
        let listed = |option: &str| listed.contains(&option);
        assert!(listed("--quiet") && listed("--config"), "{help}");
        for option in unlisted.iter().flat_map(|options| options.split(' ')) {
            assert!(!listed(option), "{command} {option}");
            if option != "--verbose" {
                smtp_cli([command, option])
                    .exits(Exit::USAGE)
                    .complains([&format!("{option} has no meaning with {command}")]);
            }
        }
    }
}

#[test]
fn settings_of_other_commands_do_not_disturb_one_that_has_none_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let text = "[defaults]\nserver = 'mx.example.org'\nuser = 'you'\nfrom = 'you@example.org'\nretry = 2\nverbose = true\n";
    std::fs::write(&path, text).unwrap();
    let ran = smtp_cli(["compose", "--to", "b@example.net", "--subject", "s", "--body", "x"])
        .with(["--config", &path.display().to_string()])
        .environment("SMTP_CLI_MX", "1")
        .exits(Exit::OK);
    assert!(ran.output.starts_with("From: you@example.org\r\n"), "{}", ran.output);
    assert_eq!(ran.error, "");
}

#[test]
fn quiet_prints_no_warnings() {
    let mock = Mock::builder().starttls(smtp_mock::Certificate::SelfSigned).start();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("config.toml"), "[account.a]\npassword = 'x'\n").unwrap();
    std::fs::write(path("msmtprc"), "account a\nhost mx\nset_from_header on\n").unwrap();
    let draft = ["-f", "a@example.org", "-t", "b@example.net", "--body", "x"];
    let run = |number| match number {
        0 => smtp_cli(["lint"]).with(draft),
        1 => smtp_cli(["compose"]).with(draft),
        2 => send(&mock).with(["--tls", "starttls", "--insecure"]),
        3 => send(&mock).with(["--tls", "none", "--until", "auth"]),
        4 => send_to("mock").login().with(["--auth", "cram-md5", "--record", &path("r.toml")]),
        _ => smtp_cli(["config", "import", &path("msmtprc")]),
    };
    for number in 0..=5 {
        let ran = run(number).exits(Exit::OK);
        assert!(ran.error.contains("warning: "), "{number}: {}", ran.error);
        assert_eq!(run(number).with(["-q"]).exits(Exit::OK).error, "", "{number}");
        // Also where a variable wants it; config import takes none.
        if number < 5 {
            let ran = run(number).environment("SMTP_CLI_QUIET", "1").exits(Exit::OK);
            assert_eq!(ran.error, "", "{number}");
        }
    }
    if cfg!(unix) {
        let check = || smtp_cli(["config", "check", "--config", &path("config.toml")]);
        assert!(check().exits(Exit::OK).error.contains("others can read"));
        assert_eq!(check().with(["--quiet"]).exits(Exit::OK).error, "");
    }
}
