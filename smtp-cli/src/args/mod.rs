//! Defines [`Args`], exactly what was typed; what it means is [`settings`](crate::settings)' matter.

mod commands;
mod connection;
mod envelope;
mod message;
mod rules;
mod run;
mod server;
mod switches;
mod values;

pub(crate) use commands::*;
pub(crate) use connection::*;
pub(crate) use envelope::*;
pub(crate) use message::*;
pub(crate) use rules::{Row, Rows, Rule};
pub(crate) use run::*;
pub(crate) use server::{Scheme, Server, hello_name};
#[cfg(test)]
pub(crate) use switches::is_switch;
pub(crate) use switches::{Undo, is_undo, negative};
pub(crate) use values::*;

use crate::error::Error;
use crate::exit::Exit;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use rules::Rules as _;
use std::ffi::OsString;
use std::path::PathBuf;

/// Sends mail from a shell or a script.
#[derive(Debug, Parser)]
#[command(name = "smtp-cli", version, term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "To try it without a server: smtp-cli send --server mock --from you@example.org \
                        --to friend@example.net --subject Hello --body 'It works.' -v")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that may stand before the command and after it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Show the session on standard error, with secrets masked
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Print only errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Read only this configuration file
    #[arg(long, global = true, value_name = "FILE", rules = [Rule::NotInFile])]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

/// The commands.
#[derive(Debug, Subcommand)]
// A run needs the options of one command, and pays for no other's. What is deferred comes last: a documentation comment on
// the structures below would stand in the help in place of those of the variants.
#[command(defer = true)]
pub(crate) enum Command {
    /// Compose a message and send it
    Send(Box<SendArgs>),
    /// Compose a message and print it
    #[command(arg = no_session())]
    Compose(Box<ComposeArgs>),
    /// Open an interactive session with a server
    Shell(Box<ShellArgs>),
    /// Check whether a server accepts recipients, without sending a message
    Verify(Box<VerifyArgs>),
    /// Show what a server offers, and what is wrong with it
    Probe(Box<ProbeArgs>),
    /// Explain a reply code, an enhanced status code or both
    #[command(arg = no_session())]
    Explain(ExplainArgs),
    /// Check messages for what a filter takes for spam or a reader cannot show
    #[command(arg = no_session())]
    Lint(Box<LintArgs>),
    /// Show, check and create the configuration
    #[command(arg = no_session())]
    Config(ConfigArgs),
    /// Send the message of standard input, with sendmail(8)'s options
    Sendmail(SendmailArgs),
    /// Print completions for a shell
    #[command(arg = no_session())]
    Completions(CompletionsArgs),
    /// Print the manual pages
    #[command(arg = no_session())]
    Man(ManArgs),
    /// Print the help of a command
    #[command(arg = no_session())]
    Help(HelpArgs),
}

/// In the place of `--verbose`, for a command that has no session to show: it is accepted and not listed.
fn no_session() -> Arg {
    Arg::new("verbose").short('v').long("verbose").action(ArgAction::SetTrue).global(true).hide(true)
}

/// What the arguments amount to.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A command, with what clap knows of where its values come from.
    Args(Box<Args>, Box<ArgMatches>),
    /// A text that was asked for, like the help.
    Text(String),
}

/// Reads the arguments, the first of which is the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut grammar = Args::command();
    let command_of =
        |word: &OsString| grammar.get_subcommands().map(clap::Command::get_name).find(|name| word == *name);
    let name = arguments.iter().skip(1).find_map(command_of).map(String::from);
    let parsed = grammar.try_get_matches_from_mut(arguments).and_then(|matches| {
        let args = Args::from_arg_matches(&matches)?;
        Ok(Parsed::Args(Box::new(args), Box::new(matches)))
    });
    let parsed = parsed.or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Parsed::Text(error.render().to_string())),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Error::usage("a command is missing, smtp-cli --help lists them"))
        }
        _ => Err(Error::usage(stray(&error, name.as_deref()).unwrap_or_else(|| one_line(&error)))),
    })?;
    // Not by clap, which does not compare an option before the command with one after it.
    if let Parsed::Args(_, matches) = &parsed {
        let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let undo = |long: &str| switches::undo_id(long);
        for (one, one_id, other, other_id) in [
            ("quiet", "quiet".to_string(), "verbose", "verbose".to_string()),
            ("quiet", "quiet".to_string(), "no-quiet", undo("quiet")),
            ("verbose", "verbose".to_string(), "no-verbose", undo("verbose")),
        ] {
            if is_typed(&one_id) && is_typed(&other_id) {
                return Err(Error::usage(format!(
                    "--{one} and --{other} exclude each other, use one of them"
                )));
            }
        }
    }
    Ok(parsed)
}

/// Checks arguments that are not all there yet: what is missing may come with the others.
pub(crate) fn check(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    match Args::command().try_get_matches_from(arguments) {
        Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
            Err(Error::new(Exit::USAGE, one_line(&error)))
        }
        _ => Ok(()),
    }
}

/// The grammar, complete: all options of all commands, the global ones in every command too.
pub(crate) fn command() -> clap::Command {
    let mut command = Args::command();
    command.build();
    command
}

/// The commands whose options the layers complete; `send` comes first, whose options a configuration file may have.
pub(crate) const WITH_SETTINGS: [&str; 6] = ["send", "compose", "lint", "shell", "verify", "probe"];

/// The options of a command.
pub(crate) fn rows(name: &str) -> Rows {
    let grammar = Args::command();
    // This one alone is completed.
    let alone =
        clap::Command::new("alone").disable_help_subcommand(true).args(grammar.get_arguments().cloned());
    let mut alone = alone.subcommands(grammar.find_subcommand(name).cloned());
    alone.build();
    Rows(alone.find_subcommand(name).cloned().unwrap_or(alone))
}

/// What is no option, and yet is often written after these commands, with the words for it.
const BY_OPTION: [(&str, &str); 4] = [
    ("compose", "recipients are named by --to ADDR, and a text of several words stands in quotes"),
    ("config", "an account is named by --account NAME, a file by --config FILE"),
    ("probe", "the server is named by --server SERVER"),
    ("send", "recipients are named by --to ADDR, and a text of several words stands in quotes"),
];

/// The words for an argument that the command does not take: a word without an option, or an option of another command.
fn stray(error: &clap::Error, command: Option<&str>) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return None };
    let command = command.filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
    if word.starts_with('-') {
        let is_meant = |row: Row<'_>| {
            let short = row.arg.get_short().map(|short| format!("-{short}"));
            *word == format!("--{}", row.name) || short.as_ref() == Some(word)
        };
        let known = rows(WITH_SETTINGS[0]).iter().any(is_meant);
        return known.then(|| {
            format!("{word} has no meaning with {command}, smtp-cli {command} --help lists its options")
        });
    }
    let (_, instead) = BY_OPTION.into_iter().find(|(name, _)| *name == command)?;
    // A server is the likeliest, and may be written with a password.
    let may_hold_password = word.contains("://") || (word.contains(':') && word.contains('@'));
    let word = if may_hold_password { String::new() } else { format!(" '{word}'") };
    Some(format!("unexpected argument{word} found; {instead}"))
}

/// The message of a usage error and its tips on one line, without the usage that clap adds.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    // clap repeats the value that it refuses, and this one may hold a password.
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && let Some(option) = argument.split(' ').next()
        && option.strip_prefix("--").is_some_and(|name| rows("send").has(name, Rule::MayHoldPassword))
        && let Some(why) = std::error::Error::source(error)
    {
        return format!("{option}: {why}");
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut parts: Vec<String> = Vec::new();
    let mut joins = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        let part = line.strip_prefix("tip: ").unwrap_or(line);
        match parts.last_mut() {
            _ if part.is_empty() => {}
            // «the following required arguments were not provided:» and its list are one sentence.
            Some(last) if joins || last.ends_with(':') => {
                last.push(' ');
                last.push_str(part);
                joins = true;
                continue;
            }
            _ => parts.push(part.to_string()),
        }
        joins = false;
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Args::command().debug_assert();
    }
}
