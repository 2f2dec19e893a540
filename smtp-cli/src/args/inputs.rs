//! Provides the files that the options of a command name to be read, so that none of them is written.

use super::{Command, ConnectionArgs, GlobalArgs, MessageArgs};
use std::path::{Path, PathBuf};

/// A file, and the option that names it.
type Input<'a> = (&'static str, &'a Path);

impl Command {
    /// The files that it reads.
    pub(crate) fn inputs(&self) -> Vec<Input<'_>> {
        match self {
            Self::Send(args) | Self::Compose(args) | Self::Lint(args) => {
                args.connection.inputs().chain(args.message.inputs()).collect()
            }
            Self::Shell(args) => args.connection.inputs().collect(),
            Self::Verify(args) => args.connection.inputs().collect(),
            Self::Probe(args) => args.connection.inputs().collect(),
            Self::Explain(_) | Self::Config(_) | Self::Sendmail(_) | Self::Completions(_) | Self::Man(_) => {
                Vec::new()
            }
        }
    }
}

impl ConnectionArgs {
    fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        named("--ca-file", &self.ca_file)
            .chain(named("--client-cert", &self.client_cert))
            .chain(named("--client-key", &self.client_key))
            .chain(named("--password-file", &self.password_file))
    }
}

impl MessageArgs {
    /// The files that it is made of.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        let attached = self.attach.iter().map(|attachment| ("--attach", attachment.path.as_path()));
        let inline = self.inline.iter().map(|attachment| ("--inline", attachment.path.as_path()));
        named("--eml", &self.eml)
            .chain(named("--body-file", &self.body_file))
            .chain(named("--html-file", &self.html_file))
            .chain(named("--dkim-key", &self.dkim_key))
            .chain(attached)
            .chain(inline)
    }
}

impl GlobalArgs {
    /// The files that every command reads.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        named("--config", &self.config)
    }
}

fn named<'a>(
    option: &'static str,
    paths: impl IntoIterator<Item = &'a PathBuf>,
) -> impl Iterator<Item = Input<'a>> {
    paths.into_iter().map(move |path| (option, path.as_path()))
}

#[cfg(test)]
mod tests {
    use crate::args::{self, Parsed};
    use std::collections::BTreeSet;
    use std::ffi::OsString;

    /// Options whose file is written.
    const OUTPUTS: [&str; 2] = ["--transcript", "--record"];

    #[test]
    fn every_option_that_names_a_file_is_known_to_read_or_write_it() {
        let command = args::command();
        for name in ["send", "compose", "lint", "shell", "verify", "probe"] {
            let options = command.find_subcommand(name).unwrap().get_arguments();
            let names_file = |value: &str| value.contains("FILE") || value.contains("PATH");
            let named: BTreeSet<String> = options
                .filter(|arg| arg.get_value_names().into_iter().flatten().any(|value| names_file(value)))
                .map(|arg| format!("--{}", arg.get_long().unwrap()))
                .filter(|option| option != "--config" && !OUTPUTS.contains(&option.as_str()))
                .collect();
            // Those of a message that is composed and of one that exists exclude each other.
            let mut read = BTreeSet::new();
            for option in &named {
                let mut words = vec!["smtp-cli", name, option.as_str(), "x;cid=a@b"];
                if name == "verify" {
                    words.push("a@example.org");
                }
                let Parsed::Args(args, _) = args::parse(words.into_iter().map(OsString::from)).unwrap()
                else {
                    panic!("{name} {option}")
                };
                read.extend(args.command.inputs().into_iter().map(|(option, _)| option.to_string()));
            }
            assert_eq!(read, named, "{name}");
            assert!(!named.is_empty());
        }
    }
}
