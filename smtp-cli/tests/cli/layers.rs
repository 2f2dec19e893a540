//! Layers: options that need or exclude each other, wherever each of them stands.

use crate::support::{Run, smtp_cli};
use smtp_cli::Exit;
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
