//! Arguments: what is said of those that are wrong.

use crate::support::smtp_cli;
use smtp_cli::Exit;

/// What is said of these.
fn error(arguments: &[&str]) -> String {
    let ran = smtp_cli([]).with_all(arguments).exits(Exit::USAGE);
    ran.complaint().strip_prefix("smtp-cli: ").expect("so it begins").to_string()
}

#[test]
fn a_typo_names_the_nearest_option_on_one_line() {
    let text = error(&["send", "--sever", "mock"]);
    assert!(text.contains("'--sever'") && text.contains("'--server'"), "{text}");
    assert!(!text.contains('\n') && !text.contains("\\n"), "{text}");
}

#[test]
fn a_wrong_value_names_option_and_reason() {
    let text = error(&["send", "--server", "mx:0"]);
    assert!(text.contains("--server") && text.contains("no port"), "{text}");
    let text = error(&["send", "--tls", "maybe"]);
    assert!(text.contains("--tls") && text.contains("starttls"), "{text}");
}

#[test]
fn quiet_and_verbose_exclude_each_other_wherever_they_stand() {
    for arguments in [&["send", "-q", "-v"][..], &["-q", "send", "-v"], &["-v", "explain", "550", "--quiet"]]
    {
        let text = error(arguments);
        assert!(text.contains("--quiet") && text.contains("--verbose"), "{text}");
    }
}

#[test]
fn what_may_be_a_password_is_not_repeated() {
    for server in [
        "smtp://alice:s3cr3tpw",
        "smtp://alice:s3cr3tpw/",
        "alice:s3cr3tpw",
        "smtp://alice:s3cr3tpw/x",
        "smtp://alice:s3cr3tpw@mx",
        "smtp://alice:s3cr3tpw pw",
        "smtp://[s3cr3tpw]",
        "s3cr3tpw://alice",
        "[::1]:s3cr3tpw",
    ] {
        let text = error(&["send", "--server", server]);
        assert!(text.starts_with("--server: ") && !text.contains("s3cr3tpw"), "{text}");
        let ran = smtp_cli(["send"]).environment("SMTP_CLI_SERVER", server).exits(Exit::USAGE);
        assert!(!ran.error.contains("s3cr3tpw"), "{}", ran.error);
    }
    for proxy in ["socks5://alice:s3cr3tpw", "alice:s3cr3tpw@proxy", "http://alice:s3cr3tpw@proxy"] {
        let text = error(&["send", "--proxy", proxy]);
        assert!(text.starts_with("--proxy: ") && !text.contains("s3cr3tpw"), "{text}");
    }
}

#[test]
fn a_word_that_stands_alone_is_told_its_option() {
    for (arguments, option) in [
        (&["probe", "mx.example.org:25"][..], "--server SERVER"),
        (&["send", "--server", "mock", "--subject", "two", "words"], "quotes"),
        (&["config", "show", "work"], "--account NAME"),
    ] {
        let text = error(arguments);
        let word = arguments.last().expect("there is one");
        assert!(text.contains(option) && text.contains(&format!("'{word}'")), "{text}");
    }
    for server in ["smtp://alice:s3cr3tpw@mx", "alice:s3cr3tpw@mx"] {
        assert!(!error(&["probe", server]).contains("s3cr3tpw"));
    }
    assert!(error(&["explain", "1", "2", "3"]).contains("unexpected"));
}

#[test]
fn an_option_of_another_command_is_said_to_have_no_meaning() {
    for arguments in [
        &["compose", "--server=smtp://alice:s3cr3tpw@mx"][..],
        &["compose", "-sx"],
        &["lint", "--user", "you"],
        &["probe", "--password-env", "P"],
        &["verify", "--mx", "a@example.org"],
        &["shell", "--to", "a@example.org"],
    ] {
        let text = error(arguments);
        assert!(text.contains(&format!("has no meaning with {}", arguments[0])), "{text}");
        assert!(!text.contains("s3cr3tpw") && !text.contains("similar"), "{text}");
    }
}

#[test]
fn no_command_says_where_the_commands_are() {
    assert!(error(&[]).contains("--help"));
}
