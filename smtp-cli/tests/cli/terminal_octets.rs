//! What a terminal gets of a server's, a file's or an argument's characters: nothing that it would obey.

#![cfg(unix)]

use crate::support::{send, smtp_cli};
use rexpect::session::spawn_command;
use smtp_cli::Exit;
use smtp_mock::{Mock, On, Rule};
use std::path::Path;
use std::process::{Command, Stdio};

/// Escape, bell, DEL, C1 controls, marks of direction, and the ends of lines and paragraphs of Unicode.
const EVIL: &str = "\u{1b}[31m\u{7}\u{7f}\u{80}\u{85}\u{9b}2J\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\
                    \u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";

/// Whether a terminal obeys it.
fn is_obeyed(character: char) -> bool {
    EVIL.contains(character) && !character.is_ascii_graphic()
}

fn program(arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtp-cli"));
    command.env_clear().env("HOME", "/nonexistent").env("TERM", "xterm").env("NO_COLOR", "1").args(arguments);
    command
}

/// Runs it at a terminal, types these lines once their questions have come, and gives all that was shown.
fn at_terminal(command: Command, typed: &[(&str, &str)]) -> String {
    let mut session = spawn_command(command, Some(60_000)).unwrap();
    let mut shown = String::new();
    for (question, line) in typed {
        shown += &session.exp_string(question).unwrap();
        session.send_line(line).unwrap();
    }
    shown += &session.exp_eof().unwrap();
    // Each octet came as a character.
    let octets = shown.chars().map(|character| u8::try_from(character).unwrap()).collect();
    String::from_utf8(octets).unwrap()
}

/// Checks that the characters came in one of these forms, and none of them raw.
#[track_caller]
fn is_escaped(what: &str, shown: &str, forms: &[&str]) {
    let obeyed = shown.chars().find(|character| is_obeyed(*character));
    assert_eq!(obeyed, None, "{what}: {shown:?}");
    assert!(forms.iter().any(|form| shown.contains(form)), "{what}: {shown:?}");
}

/// In texts, and in JSON.
const FORMS: [&str; 2] = ["\\u{9b}2J", "\\u009b2J"];

/// A server that says it everywhere.
fn server() -> Mock {
    let reply = |code: &str| format!("{code} {EVIL}");
    Mock::builder()
        .rule(Rule::on(On::Connect).reply(&reply("220 mx")))
        .rule(Rule::on(On::Rcpt).to("bad@*").reply(&reply("550 5.1.1")))
        .rule(Rule::on(On::Body).reply(&reply("250 2.0.0 queued as")))
        .rule(Rule::on(On::Noop).reply(&reply("250")))
        .rule(Rule::on(On::Quit).reply(&reply("221")))
        .start()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(|word| word.replace("EVIL", EVIL)).collect()
}

/// A message with all of it, in that directory.
fn message(directory: &Path) -> String {
    let path = directory.join("m.eml").display().to_string();
    let header = "From: a@example.org\r\nTo: b@example.net\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\n";
    std::fs::write(
        &path,
        format!("{header}Message-ID: <a@example.org>\r\nSubject: {EVIL}\r\n\r\n{EVIL}\r\n"),
    )
    .unwrap();
    path
}

#[test]
fn no_command_prints_to_a_terminal_what_it_would_obey() {
    let mock = server();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let message = message(directory.path());
    let escapes: Vec<_> = EVIL.chars().map(|character| format!("\\u{:04x}", character as u32)).collect();
    let escapes = escapes.concat();
    std::fs::write(
        path("c.toml"),
        format!("[defaults]\nsubject = \"{escapes}\"\n[account.x]\nserver = 'mx'\n"),
    )
    .unwrap();
    std::fs::write(path("odd.toml"), format!("[defaults]\n\"{escapes}\" = 1\n")).unwrap();
    std::fs::write(path("msmtprc"), format!("account x\nhost mx.example\nuser {EVIL}\nfrom a@example.org\n"))
        .unwrap();
    let server = format!("--server {} --helo client.example", mock.addr());
    let composed = format!("{server} --from a@example.org --subject s --body b");
    for (command, says_it) in [
        (format!("send {composed} --to bad@example.net"), true),
        (format!("send {composed} --to good@example.net"), true),
        (format!("send {composed} --to bad@example.net --format json"), true),
        (format!("send {composed} --to good@example.net --format json"), true),
        (format!("send {composed} --to good@example.net -v"), true),
        (format!("send {composed} --to good@example.net -q --transcript /dev/stdout"), true),
        (format!("send {composed} --to good@example.net -q --transcript /dev/stderr"), true),
        (format!("send {composed} --to bad@example.net --until rcpt"), true),
        (format!("verify {server} bad@example.net"), true),
        (format!("verify {server} bad@example.net --format json"), true),
        (format!("probe {server}"), true),
        (format!("probe {server} --format json"), true),
        (format!("compose --eml {message}"), true),
        (format!("send --dry-run --server mx --eml {message}"), true),
        ("send --dry-run --server mx --from a@example.org --to b@example.net --subject s --body EVIL".into(), false),
        ("send --dry-run --server mx --from a@example.org --to b@example.net --subject s --body b --user EVIL".into(), true),
        ("compose --from a@example.org --to b@example.net --subject s --body EVIL".into(), false),
        (format!("lint --eml {message} --format json"), false),
        (format!("lint --eml {message}"), false),
        (format!("config show --config {}", path("c.toml")), true),
        (format!("config check --config {}", path("odd.toml")), true),
        (format!("config path --config {}EVIL", path("")), true),
        (format!("config import --kind msmtprc {}", path("msmtprc")), true),
        ("explain EVIL".into(), false),
        ("send --EVIL".into(), true),
        ("man EVIL".into(), true),
        ("compose --eml EVIL".into(), true),
        ("send --server mock --from a@example.org --to b@example.net --subject s --body EVIL".into(), false),
    ] {
        let shown = at_terminal(program(&words(&command)), &[]);
        // Not all of them say it (base64 hides it, say), but none says it raw.
        is_escaped(&command, &shown, if says_it { &FORMS } else { &[""] });
    }
}

#[test]
fn prompts_and_the_shell_show_what_they_are_given_and_do_not_obey_it() {
    let mock = server();
    let arguments = words(&format!("send --server {} --tls none --allow-plaintext-auth", mock.addr()));
    let more = words("--from a@example.org --to b@example.net --subject s --body b --user EVIL");
    let shown = at_terminal(program(&[arguments, more].concat()), &[("Password of ", "secret")]);
    is_escaped("the question for a password", &shown, &FORMS);

    let lines = [
        ("no connection> ", format!("connect {}", mock.addr())),
        ("Login [none]: ", String::new()),
        ("127.0.0.1> ", "noop".to_string()),
        ("127.0.0.1> ", "verify bad@example.net".to_string()),
        ("127.0.0.1> ", "quit".to_string()),
        ("no connection> ", "exit".to_string()),
    ];
    let lines: Vec<_> = lines.iter().map(|(question, line)| (*question, line.as_str())).collect();
    // Not with a line editor, which moves the cursor by sequences of its own.
    let arguments = words("shell --helo client.example --tls none");
    let mut command = program(&arguments);
    command.env("TERM", "dumb");
    let shown = at_terminal(command, &lines);
    is_escaped("the shell", &shown, &FORMS);
    for (command, code) in [("noop", "250 "), ("verify", "550 5.1.1 "), ("quit", "221 ")] {
        assert!(shown.contains(&format!("{code}\\u{{1b}}[31m")), "{command}: {shown}");
    }
}

#[test]
fn a_pipe_and_a_file_get_messages_octet_for_octet() {
    let directory = tempfile::tempdir().unwrap();
    let path = message(directory.path());
    let octets = std::fs::read(&path).unwrap();
    for command in ["compose --no-fix --eml", "send --dry-run --server mx --no-fix --eml"] {
        let mut arguments = words(command);
        arguments.push(path.clone());
        let ran = program(&arguments).stdin(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        assert!(ran.stdout.ends_with(&octets), "{command}: {:?}", String::from_utf8_lossy(&ran.stdout));
    }
}

#[test]
fn json_says_the_same_after_it_was_read_and_is_escaped_for_pipes_too() {
    let mock = server();
    let directory = tempfile::tempdir().unwrap();
    let transcript = directory.path().join("t.jsonl");
    let ran = send(&mock).with(["--format", "json", "--transcript"]).with([&transcript]).exits(Exit::OK);
    let read = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let reply = &read(&ran.output)["messages"][0]["recipients"][0]["reply"];
    assert_eq!(reply, &format!("2.0.0 queued as {EVIL}"));
    is_escaped("the result", &ran.output, &FORMS);
    let transcript = std::fs::read_to_string(transcript).unwrap();
    is_escaped("the transcript", &transcript, &FORMS);
    assert!(transcript.lines().any(|line| read(line)["text"] == format!("mx {EVIL}")), "{transcript}");

    let address = mock.addr().to_string();
    let ran = smtp_cli(["verify", "bad@example.net", "--server", &address, "--format", "json"])
        .exits(Exit::NO_USER);
    assert_eq!(read(&ran.output)["recipients"][0]["reply"], format!("5.1.1 {EVIL}"));
    is_escaped("verify", &ran.output, &FORMS);
    let ran = smtp_cli(["probe", "--server", &address, "--format", "json"]).exits(Exit::OK);
    is_escaped("probe", &ran.output, &FORMS);
    assert!(read(&ran.output)["greeting"].as_str().unwrap().contains("mx "));
}
