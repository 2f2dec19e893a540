//! What the help lists is tried by some test: every command, and every option of every command.

use crate::support::smtp_cli;
use smtp_cli::Exit;
use std::collections::BTreeSet;
use std::path::Path;

/// The sources of the tests of the program, those of this module apart.
fn sources() -> Vec<String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![package.join("tests"), package.join("../tests/tests")];
    let mut sources = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("coverage.rs")
            {
                sources.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

/// Whether a text holds a word that does not go on.
fn holds(text: &str, word: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    text.match_indices(word).any(|(place, _)| !goes_on(&text[place + word.len()..]))
}

/// The long options that a help lists.
fn options(help: &str) -> BTreeSet<&str> {
    let listed = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = listed.filter_map(|line| line.split([' ', ',', '=', '[']).find(|word| word.starts_with("--")));
    long.filter(|option| *option != "--help").collect()
}

#[test]
fn every_command_and_option_is_tried_by_a_test() {
    let sources = sources();
    let is_tried = |words: &[String]| sources.iter().any(|text| words.iter().any(|word| holds(text, word)));
    let help = smtp_cli(["--help"]).exits(Exit::OK).output;
    let commands = help.split("Commands:\n").nth(1).and_then(|text| text.split("\n\n").next()).unwrap();
    let commands: Vec<_> =
        commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    // A description may go on in a further line.
    let commands: Vec<_> = commands.into_iter().filter(|name| !name.is_empty()).collect();
    assert!(commands.contains(&"send") && commands.contains(&"config"), "{commands:?}");
    let mut untried = Vec::new();
    for command in commands {
        if !is_tried(&[format!("\"{command}\"")]) {
            untried.push(command.to_string());
        }
        if command == "sendmail" {
            continue;
        }
        let help = smtp_cli([command, "--help"]).exits(Exit::OK).output;
        let options = options(&help);
        assert!(options.contains("--config"), "{help}");
        for option in options {
            let variable = format!("SMTP_CLI_{}", option[2..].to_uppercase().replace('-', "_"));
            if !is_tried(&[option.to_string(), variable]) {
                untried.push(format!("{command} {option}"));
            }
        }
    }
    assert_eq!(untried, [""; 0], "no test names these");
}
