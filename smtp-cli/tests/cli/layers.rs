//! Layers: options that need or exclude each other, wherever each of them stands.

use crate::support::{Run, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Certificate, Mock, On, Rule};
use std::fmt::Write as _;
use std::path::Path;

/// A run whose configuration is this text.
fn with_file<const N: usize>(directory: &Path, text: &str, arguments: [&str; N]) -> Run {
    let path = directory.join("config.toml");
    std::fs::write(&path, text).expect("a file can be written");
    smtp_cli(arguments).with(["--config", &path.display().to_string()])
}

/// A dry run of a small message.
fn dry_run(directory: &Path, text: &str) -> Run {
    // Not typed: with another server than the file's, what the file says of certificates would not count.
    let text = format!("[defaults]\nserver = '127.0.0.1:25'\n{text}");
    with_file(directory, &text, ["send", "--dry-run"]).with([
        "--from",
        "you@example.org",
        "--to",
        "friend@example.net",
        "--subject",
        "Hello",
    ])
}

#[test]
fn options_that_need_each_other_may_stand_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("dkim.pem");
    std::fs::write(&key, include_str!("../../../smtp-mime/tests/messages/keys/ed25519.pem")).unwrap();
    let mut text = String::from("client-cert = 'c.pem'\nclient-key = 'k.pem'\n");
    writeln!(text, "dkim-key = '{}'\ndkim-selector = 's1'\ndkim-domain = 'example.org'", key.display())
        .unwrap();
    with_file(directory.path(), &format!("[defaults]\n{text}"), ["config", "check"]).exits(Exit::OK);
    let ran = dry_run(directory.path(), &text).with(["--body", "x"]).exits(Exit::OK);
    assert!(ran.output.contains("s=s1;") && ran.output.contains("d=example.org;"), "{}", ran.output);
    dry_run(directory.path(), "client-cert = 'c.pem'\n")
        .with(["--body", "x"])
        .exits(Exit::USAGE)
        .complains(["--client-key"]);
}

#[test]
fn options_that_need_each_other_may_stand_in_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let run = || dry_run(directory.path(), "").with(["--body", "x"]);
    run()
        .environment("SMTP_CLI_CLIENT_CERT", "c.pem")
        .environment("SMTP_CLI_CLIENT_KEY", "k.pem")
        .exits(Exit::OK);
    run().environment("SMTP_CLI_CLIENT_CERT", "c.pem").exits(Exit::USAGE).complains(["--client-key"]);
}

#[test]
fn what_says_how_another_option_is_done_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let text = "no-fix = true\ntext-from-html = true\n";
    dry_run(directory.path(), text).with(["--body", "x"]).exits(Exit::OK);
    let ran = dry_run(directory.path(), text)
        .with(["--html-file", "-"])
        .input("<p>from the HTML</p>")
        .exits(Exit::OK);
    assert!(ran.output.contains("text/plain") && ran.output.contains("text/html"), "{}", ran.output);
    let ran = with_file(directory.path(), &format!("[defaults]\n{text}"), ["compose", "--eml", "-"])
        .input("From: you@example.org\nTo: friend@example.net\n\nx\n")
        .exits(Exit::OK);
    assert!(!ran.output.contains("Message-ID"), "{}", ran.output);
}

#[test]
fn a_family_that_is_typed_counts_over_that_of_a_file() {
    let directory = tempfile::tempdir().unwrap();
    for (file, typed) in [("ipv4", "-6"), ("ipv6", "-4")] {
        let text = format!("{file} = true\n");
        dry_run(directory.path(), &text).with(["--body", "x", typed]).exits(Exit::OK);
        let variable = if typed == "-6" { "SMTP_CLI_IPV6" } else { "SMTP_CLI_IPV4" };
        let ran = with_file(directory.path(), &format!("[defaults]\n{text}"), ["config", "show"])
            .environment(variable, "1")
            .exits(Exit::OK);
        assert!(!ran.output.contains(file) && ran.output.contains(variable), "{}", ran.output);
    }
}

/// A recipient of two is refused, by a server that nobody signed for.
fn strict() -> Mock {
    Mock::builder()
        .starttls(Certificate::SelfSigned)
        .extensions(["PIPELINING"])
        .rule(Rule::on(On::Rcpt).to("bad@*").reply("550 5.1.1 no such user"))
        .start()
}

/// What file, environment and option say of a switch.
type Saying = (Option<bool>, Option<&'static str>, Option<bool>);

/// Whether a switch is on that is said to be so or not in these.
const SAID: [(Saying, bool); 9] = [
    ((None, None, None), false),
    ((Some(true), None, None), true),
    ((Some(true), Some("0"), None), false),
    ((Some(true), Some("false"), None), false),
    ((Some(false), Some("1"), None), true),
    ((Some(true), None, Some(false)), false),
    ((None, Some("1"), Some(false)), false),
    ((Some(false), Some("0"), Some(true)), true),
    ((Some(true), Some("1"), Some(false)), false),
];

/// A run with such a switch where it is said, of a file with these lines besides.
fn saying(directory: &Path, mock: &Mock, switch: &str, (file, variable, option): Saying) -> Run {
    let mut text = format!("[defaults]\nserver = '{}'\n", mock.addr());
    if let Some(value) = file {
        writeln!(text, "{switch} = {value}").unwrap();
    }
    let mut run = with_file(directory, &text, ["send", "--from", "you@example.org", "--to", "a@example.net"])
        .with(["--subject", "Hello", "--body", "x"]);
    if let Some(value) = variable {
        run = run.environment(&format!("SMTP_CLI_{}", switch.to_uppercase().replace('-', "_")), value);
    }
    match option {
        Some(true) => run.with([format!("--{switch}")]),
        Some(false) => run.with([format!("--no-{switch}")]),
        None => run,
    }
}

#[test]
fn the_environment_counts_over_a_file_and_an_option_over_both_for_switches_too() {
    let directory = tempfile::tempdir().unwrap();
    let mock = strict();
    for (said, is_on) in SAID {
        let run = |switch| saying(directory.path(), &mock, switch, said);
        let case = format!("{said:?}");
        let ran = run("insecure").with(["--tls", "starttls"]).run();
        assert_eq!(ran.exit, if is_on { Exit::OK } else { Exit::NO_PERMISSION }, "{case}: {}", ran.error);
        let ran = run("stats").with(["--tls", "none"]).exits(Exit::OK);
        assert_eq!(ran.output.contains(" turns"), is_on, "{case}: {}", ran.output);
        let before = mock.messages().len();
        run("require-all").with(["--tls", "none", "--to", "bad@example.net"]).run();
        assert_eq!(mock.messages().len() == before, is_on, "{case}");
        let ran = run("verbose").with(["--tls", "none"]).exits(Exit::OK);
        assert_eq!(ran.error.contains("MAIL FROM"), is_on, "{case}: {}", ran.error);
        let before = mock.connections();
        run("dry-run").with(["--tls", "none"]).exits(Exit::OK);
        assert_eq!(mock.connections() == before, is_on, "{case}");
        let ran = run("lmtp").with(["--tls", "none"]).run();
        assert_eq!(ran.exit, if is_on { Exit::UNAVAILABLE } else { Exit::OK }, "{case}: {}", ran.error);
    }
}

#[test]
fn the_last_of_a_switch_and_what_undoes_it_counts() {
    let directory = tempfile::tempdir().unwrap();
    let mock = strict();
    let run = || saying(directory.path(), &mock, "stats", (None, None, None)).with(["--tls", "none"]);
    assert!(!run().with(["--stats", "--no-stats"]).exits(Exit::OK).output.contains(" turns"));
    assert!(run().with(["--no-stats", "--stats"]).exits(Exit::OK).output.contains(" turns"));
    // What begins with no- itself is undone without it.
    let eml = "From: you@example.org\nTo: a@example.net\n\nx\n";
    let fixed = |words: &[&str]| {
        with_file(directory.path(), "[defaults]\nno-fix = true\n", ["compose", "--eml", "-"])
            .with_all(words)
            .input(eml)
            .exits(Exit::OK)
            .output
            .contains("Message-ID")
    };
    assert!(!fixed(&[]) && fixed(&["--fix"]) && !fixed(&["--fix", "--no-fix"]));
    run().with(["--quiet", "--no-quiet"]).exits(Exit::OK);
    smtp_cli(["--quiet", "explain", "550", "--no-quiet"]).exits(Exit::USAGE).complains(["--no-quiet"]);
    run().with(["--no-server"]).exits(Exit::USAGE).complains(["--no-server"]);
    with_file(directory.path(), "[defaults]\nno-insecure = true\n", ["config", "check"])
        .exits(Exit::CONFIGURATION)
        .complains(["no-insecure"]);
}

#[test]
fn what_undoes_a_switch_is_in_the_manual_and_the_completions_and_once_in_the_help() {
    let help = smtp_cli(["send", "--help"]).exits(Exit::OK).output;
    assert_eq!(help.matches("--no-quiet").count(), 1, "{help}");
    assert_eq!(help.matches("--fix").count(), 1, "{help}");
    assert!(!help.contains("--no-stats"), "{help}");
    let page = smtp_cli(["man", "send"]).exits(Exit::OK).output;
    let completions = smtp_cli(["completions", "bash"]).exits(Exit::OK).output;
    for option in ["--no-insecure", "--no-stats", "--fix", "--no-quiet"] {
        assert!(completions.contains(option), "{option}");
        let escaped = option.replace('-', "\\-");
        assert!(page.contains(&format!("\\fB{escaped}\\fR")), "{option}: {page}");
    }
}

#[test]
fn what_is_missing_beside_an_option_may_stand_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("dkim.pem");
    std::fs::write(&key, include_str!("../../../smtp-mime/tests/messages/keys/ed25519.pem")).unwrap();
    let text = format!("dkim-key = '{}'\n", key.display());
    let run = || dry_run(directory.path(), &text).with(["--body", "x"]);
    let ran = run().with(["--dkim-selector", "typed"]).exits(Exit::OK);
    assert!(ran.output.contains("s=typed;"), "{}", ran.output);
    let ran = run().environment("SMTP_CLI_DKIM_SELECTOR", "variable").exits(Exit::OK);
    assert!(ran.output.contains("s=variable;"), "{}", ran.output);
    run().exits(Exit::USAGE).complains(["--dkim-key of [defaults]", "--dkim-selector"]);
    let text = "client-key = 'k.pem'\n";
    dry_run(directory.path(), text).with(["--body", "x", "--client-cert", "c.pem"]).exits(Exit::OK);
}

#[test]
fn what_is_missing_everywhere_is_named() {
    let directory = tempfile::tempdir().unwrap();
    for (typed, words) in [
        (&["--text-from-html"][..], ["--text-from-html", "--html-file"]),
        (&["--client-cert", "c"], ["--client-cert", "--client-key"]),
        (&["--client-key", "k"], ["--client-key", "--client-cert"]),
        (&["--dkim-selector", "s"], ["--dkim-selector", "--dkim-key"]),
        (&["--dkim-domain", "d"], ["--dkim-domain", "--dkim-key"]),
        (&["--dkim-key", "k"], ["--dkim-key", "--dkim-selector"]),
    ] {
        let run = typed.iter().fold(dry_run(directory.path(), ""), |run, word| run.with([word]));
        run.exits(Exit::USAGE).complains(words);
    }
    smtp_cli(["send", "--server", "mock", "--no-fix"]).exits(Exit::USAGE).complains(["--no-fix", "--eml"]);
}
