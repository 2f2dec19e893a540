//! What a complaint names and advises: the file at fault, an option that the command has, what helps.

use crate::support::{send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Certificate, Mock, On, Rule};
use std::path::Path;

#[test]
fn sendmail_advises_no_option_that_it_refuses() {
    let sendmail = |message: &str| {
        smtp_cli(["sendmail", "-t"])
            .environment("SMTP_CLI_SERVER", "mock")
            .environment("SMTP_CLI_FROM", "you@example.org")
            .input(message)
            .exits(Exit::USAGE)
    };
    let ran = sendmail("Subject: x\n\nx\n");
    ran.complains(["names no recipient, name one after the options"]);
    assert!(!ran.error.contains("--to"), "{}", ran.error);
}

#[test]
fn a_text_that_is_not_utf_8_is_named_by_its_option_and_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latin.txt");
    std::fs::write(&path, b"caf\xe9\n").unwrap();
    let path = path.to_str().unwrap();
    for (option, more) in
        [("--body-file", &[][..]), ("--html-file", &[]), ("--html-file", &["--text-from-html"])]
    {
        smtp_cli([
            "compose",
            "--from",
            "a@example.org",
            "--to",
            "b@example.net",
            "--subject",
            "x",
            option,
            path,
        ])
        .with_all(more)
        .exits(Exit::DATA)
        .complains([&format!("{option} {path}: the text is not UTF-8")]);
    }
}

#[test]
fn a_message_without_from_is_told_which_option_gives_it() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"To: b@example.net\nSubject: x\n\nx\n").unwrap();
    let path: &Path = file.path();
    smtp_cli(["send", "--server", "mock", "--eml", path.to_str().unwrap()])
        .exits(Exit::DATA)
        .complains(["From: every message must have it", "use --from ADDR"]);
}

#[test]
fn a_wrong_pin_does_not_lead_to_options_that_do_not_help() {
    let mock = Mock::builder().starttls(Certificate::SelfSigned).start();
    let zero = format!("sha256:{}", "0".repeat(64));
    let ran = send(&mock).with(["--tls-pin", &zero]).exits(Exit::NO_PERMISSION);
    ran.complains(["only after the server's administrator has confirmed it"]);
    assert!(!ran.error.contains("--ca-file"), "{}", ran.error);
}

#[test]
fn a_server_that_wants_a_login_leads_to_the_options_of_one() {
    let mock = Mock::builder().rule(Rule::on(On::Mail).reply("530 5.7.0 log in first")).start();
    send(&mock).exits(Exit::NO_PERMISSION).complains(["530 5.7.0 log in first", "--user"]);
}

#[test]
fn an_empty_password_is_told_with_where_it_came_from() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    for (option, value, told) in [
        ("--password-env", "EMPTY", "variable EMPTY"),
        ("--password-file", path, path),
        #[cfg(unix)]
        ("--password-command", "true", "\"true\" printed no password"),
    ] {
        send_to("localhost:1")
            .with(["--user", "you", option, value])
            .environment("EMPTY", "")
            .exits(Exit::USAGE)
            .complains([told]);
    }
}

#[test]
fn of_several_messages_it_is_told_how_many_failed_and_which_first() {
    let mock = Mock::builder().rule(Rule::on(On::Rcpt).skip(1).times(2).reply("550 no")).start();
    let ran = send(&mock).with(["--repeat", "4"]).exits(Exit::NO_USER);
    ran.complains(["2 of 4 messages were not fully accepted; message 2: no recipient was accepted"]);
    assert_eq!(mock.messages().len(), 2);
}
