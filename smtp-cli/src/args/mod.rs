//! Defines [`Args`], exactly what was typed; what it means is [`settings`](crate::settings)' matter.

mod commands;
mod connection;
mod envelope;
mod inputs;
mod message;
mod pin;
mod proxy;
mod run;
mod server;
mod switches;
mod values;
mod xclient;

pub(crate) use commands::{
    CompletionsArgs, ConfigAction, ConfigArgs, ExplainArgs, ImportArgs, ImportKind, ManArgs, ProbeArgs,
    SendmailArgs, ShellArgs, ShowArgs, VerifyArgs,
};
pub(crate) use connection::ConnectionArgs;
pub(crate) use envelope::{EnvelopeArgs, LocalNames};
pub(crate) use message::{Attachment, MessageArgs};
pub(crate) use pin::Pin;
pub(crate) use proxy::Proxy;
pub(crate) use run::{FileArgs, RunArgs};
pub(crate) use server::{Scheme, Server, hello_name};
#[cfg(test)]
pub(crate) use switches::is_switch;
pub(crate) use switches::{is_undo, negative};
pub(crate) use values::{AuthChoice, Format, ProtocolName, TlsMode, Until};
pub(crate) use xclient::DnsServer;

use crate::error::Error;
use crate::exit::Exit;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Sends mail from a shell or a script.
#[derive(Debug, Parser)]
#[command(name = "smtp-cli", version, term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "A try without any server: smtp-cli send --server mock --from you@example.org \
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
    /// Show the session on standard error, without secrets
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Print nothing but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Use this configuration file, and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) undo: switches::Undo,
}

/// The commands.
#[derive(Debug, Subcommand)]
// A run needs the options of one command, and pays for no other's. What is deferred comes last: a documentation comment on
// the structures below would stand in the help in place of those of the variants.
#[command(defer = true)]
pub(crate) enum Command {
    /// Compose a message and send it
    #[command(after_help = crate::exit::meanings(&format!("{}\n\nExit status:\n", switches::HELP), ""))]
    Send(Box<SendArgs>),
    /// Compose a message and print it
    #[command(after_help = switches::HELP)]
    Compose(Box<SendArgs>),
    /// Talk to a server command by command
    Shell(Box<ShellArgs>),
    /// Ask whether recipients would be taken, without a message
    Verify(Box<VerifyArgs>),
    /// Look at a server: greeting, extensions, TLS and certificate, mechanisms, and what is wrong with them
    Probe(Box<ProbeArgs>),
    /// Say what a reply code, an enhanced status code or both mean
    Explain(ExplainArgs),
    /// Say what a receiver may mistake for spam or cannot read in a message
    #[command(after_help = switches::HELP)]
    Lint(Box<SendArgs>),
    /// Show, check and make the configuration
    Config(ConfigArgs),
    /// Send as sendmail(8) does: the message comes from standard input
    Sendmail(SendmailArgs),
    /// Print what completes the options in a shell
    Completions(CompletionsArgs),
    /// Print the manual pages
    Man(ManArgs),
}

// What `send` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) envelope: EnvelopeArgs,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options that mean nothing without another. clap does not know of it, because it would miss what stands in a file or a
/// variable.
pub(crate) const NEEDS: [(&str, &str); 8] = [
    ("client-cert", "client-key"),
    ("client-key", "client-cert"),
    ("dkim-domain", "dkim-key"),
    ("dkim-key", "dkim-selector"),
    ("dkim-selector", "dkim-key"),
    ("dns", "mx"),
    ("no-fix", "eml"),
    ("text-from-html", "html-file"),
];

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

/// The options of a command that has a long name, those apart that ask for help.
pub(crate) fn options(name: &str) -> Vec<Arg> {
    let grammar = Args::command();
    let Some(command) = grammar.find_subcommand(name) else { return Vec::new() };
    // This one alone is completed.
    let mut alone =
        clap::Command::new("alone").args(grammar.get_arguments().cloned()).subcommand(command.clone());
    alone.build();
    let Some(command) = alone.find_subcommand(name) else { return Vec::new() };
    let takes_part = |arg: &&Arg| {
        arg.get_long().is_some()
            && !matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::Version)
    };
    command.get_arguments().filter(takes_part).cloned().collect()
}

/// What is no option, and yet is often written behind these commands, with the words for it.
const BY_OPTION: [(&str, &str); 6] = [
    ("compose", "recipients are named by --to ADDR, and a text of several words stands in quotes"),
    ("config", "an account is named by --account NAME, a file by --config FILE"),
    ("lint", "a message that exists is named by --eml FILE"),
    ("probe", "the server is named by --server SERVER"),
    ("send", "recipients are named by --to ADDR, and a text of several words stands in quotes"),
    ("shell", "the server is named by --server SERVER"),
];

/// How to say what was written without an option where only options are taken.
fn stray(error: &clap::Error, command: Option<&str>) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::UnknownArgument || word.starts_with('-') {
        return None;
    }
    let (_, instead) = BY_OPTION.into_iter().find(|(name, _)| Some(*name) == command)?;
    // A server is the likeliest, and may be written with a password.
    let may_hold_password = word.contains("://") || (word.contains(':') && word.contains('@'));
    let word = if may_hold_password { String::new() } else { format!(" '{word}'") };
    Some(format!("unexpected argument{word} found; {instead}"))
}

/// Options whose values may hold a password.
const MAY_HOLD_PASSWORDS: [&str; 2] = ["--server", "--proxy"];

/// The message of a usage error and its tips on one line, without the usage that clap adds.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    // clap repeats the value that it refuses, and this one may hold a password.
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && let Some(option) =
            MAY_HOLD_PASSWORDS.into_iter().find(|option| argument.split(' ').next() == Some(option))
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

    fn error(arguments: &[&str]) -> String {
        let arguments = ["smtp-cli"].iter().chain(arguments).map(OsString::from);
        let error = parse(arguments).unwrap_err();
        assert_eq!(error.exit(), Exit::USAGE);
        error.to_string()
    }

    #[test]
    fn the_grammar_is_sound() {
        Args::command().debug_assert();
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
        for arguments in
            [&["send", "-q", "-v"][..], &["-q", "send", "-v"], &["-v", "explain", "550", "--quiet"]]
        {
            let text = error(arguments);
            assert!(text.contains("--quiet") && text.contains("--verbose"), "{text}");
        }
    }

    #[test]
    fn what_needs_another_option_is_one_of_the_options() {
        let options: Vec<_> =
            options("send").iter().filter_map(|arg| arg.get_long().map(String::from)).collect();
        for (option, needed) in NEEDS {
            for option in [option, needed] {
                assert!(options.iter().any(|known| known == option), "{option}");
            }
        }
        for arguments in
            [&["send", "--no-fix", "--subject", "s"][..], &["send", "--text-from-html", "--eml", "x"]]
        {
            assert!(error(arguments).contains(arguments[1]), "{arguments:?}");
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
            let text = check(["smtp-cli".into(), "send".into(), format!("--server={server}").into()]);
            assert!(!text.unwrap_err().to_string().contains("s3cr3tpw"));
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
            (&["shell", "mx.example.org"], "--server SERVER"),
            (&["lint", "message.eml"], "--eml FILE"),
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
    fn no_command_says_where_the_commands_are() {
        assert!(error(&[]).contains("--help"));
    }
}
