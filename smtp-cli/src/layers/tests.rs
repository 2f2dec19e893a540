//! Tests of the layers: what excludes each other, and switches in every layer.

use super::*;
use crate::terminal::Stream;
use std::collections::BTreeSet;

#[test]
fn what_is_typed_later_silences_what_belonged_to_another() {
    let settings = |text: &str| -> Vec<Setting> {
        let words = text.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, "")));
        words
            .map(|(option, value)| Setting {
                option: option.to_string(),
                values: if value.is_empty() { Vec::new() } else { vec![value.into()] },
                source: Source::Option,
            })
            .collect()
    };
    for (before, now, expected) in [
        ("ca-file=x tls=none", "server=mx", "--ca-file=x --tls=none --server=mx"),
        ("server=a tls=none user=u password-env=P helo=h", "server=b", "--helo=h --server=b"),
        ("server=a user=u password-env=P", "user=v", "--server=a --user=v"),
        ("password-env=P insecure", "password-file=f tls-pin=p", "--password-file=f --tls-pin=p"),
        ("server=a port=25", "port=26", "--server=a --port=26"),
        ("server=a tls=none", "account=work", "--account=work"),
    ] {
        let words = arguments_over(&args::rows("shell"), &settings(before), &settings(now));
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words.join(" "), expected, "{before} / {now}");
    }
}

/// Whether a switch of a command is on, when a file, the environment and the words of a line say this of it.
fn is_on(command: &str, switch: &Arg, file: &str, variable: Option<&str>, words: &[String]) -> bool {
    let option = switch.get_long().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    std::fs::write(&path, file).unwrap();
    let value = variable.map(OsString::from);
    let name = super::variable(option);
    let mut terminal = Terminal {
        environment: Box::new(move |wanted| value.clone().filter(|_| wanted == name)),
        ..Terminal::detached(Stream::new(std::io::sink()), Stream::new(std::io::sink()))
    };
    // What the command or the switch cannot do without.
    let mut line = vec!["smtp-cli".to_string(), command.to_string(), format!("--config={}", path.display())];
    let rows = args::rows(command);
    line.extend(rows.find(option).unwrap().needs().map(|needed| format!("--{needed}=-")));
    line.extend(words.iter().cloned());
    line.extend((command == "verify").then(|| "a@example.net".to_string()));
    let mut line: Vec<OsString> = line.into_iter().map(OsString::from).collect();
    let Parsed::Args(args, matches) = args::parse(line.clone()).unwrap() else { panic!("it is no text") };
    let configuration = load(&args.global, &mut terminal).unwrap();
    let (_, matches) = matches.subcommand().unwrap();
    let layers = Layers::new(command, &rows, matches, &configuration, &terminal).unwrap();
    layers.complete(&mut line);
    let Parsed::Args(_, matches) = args::parse(line).unwrap() else { panic!("it is no text") };
    matches.subcommand().unwrap().1.get_flag(switch.get_id().as_str())
}

#[test]
fn every_switch_counts_by_its_layer_and_can_be_undone() {
    let mut tried = BTreeSet::new();
    let grammar = args::command();
    for command in grammar.get_subcommands() {
        let command = command.get_name();
        for switch in args::rows(command).iter().map(|row| row.arg).filter(|arg| args::is_switch(arg)) {
            let option = switch.get_long().unwrap();
            if !args::WITH_SETTINGS.contains(&command) {
                // The others have no settings of their own.
                assert!(["quiet", "verbose"].contains(&option), "{command} --{option}");
                continue;
            }
            tried.insert(option.to_string());
            let (on, off) = (format!("--{option}"), format!("--{}", args::negative(option)));
            for (file, variable, words, expected) in [
                ("", None, &[][..], false),
                ("true", None, &[], true),
                ("false", None, &[], false),
                ("", Some("1"), &[], true),
                ("true", Some("0"), &[], false),
                ("false", Some("1"), &[], true),
                ("true", None, &[&off], false),
                ("", Some("1"), &[&off], false),
                ("true", Some("1"), &[&off], false),
                ("false", Some("0"), &[&on], true),
                ("", None, &[&on], true),
                ("", None, &[&on, &off], false),
                ("", None, &[&off, &on], true),
                ("false true", None, &[], true),
                ("true false", None, &[], false),
            ] {
                let text = match file.split_once(' ') {
                    Some((weaker, stronger)) => format!(
                        "default-account = 'a'\n[defaults]\n{option} = {weaker}\n[account.a]\n{option} = {stronger}\n"
                    ),
                    None if file.is_empty() => String::new(),
                    None => format!("[defaults]\n{option} = {file}\n"),
                };
                let words: Vec<String> = words.iter().map(|word| (*word).clone()).collect();
                assert_eq!(
                    is_on(command, switch, &text, variable, &words),
                    expected,
                    "{command} --{option}: file {file:?}, variable {variable:?}, {words:?}"
                );
            }
        }
    }
    for known in ["insecure", "stats", "require-all", "no-fix", "quiet", "mx"] {
        assert!(tried.contains(known), "{known}: {tried:?}");
    }
}

#[test]
fn no_option_undoes_two_and_none_is_a_key() {
    let keys = keys();
    for row in args::rows("send").iter().filter(|row| args::is_undo(row.arg)) {
        let long = row.name;
        assert!(row.arg.is_hide_set() && !keys.iter().any(|key| key == long), "{long}");
        assert!(keys.contains(&args::negative(long)), "{long}");
    }
    assert!(keys.contains(&"no-extension".to_string()));
}
