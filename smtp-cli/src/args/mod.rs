//! Defines [`Args`], exactly what was typed; what it means is [`settings`](crate::settings)' matter.

mod connection;
mod envelope;
mod message;
mod server;
mod values;

pub(crate) use connection::ConnectionArgs;
pub(crate) use envelope::EnvelopeArgs;
pub(crate) use message::{Attachment, MessageArgs};
pub(crate) use server::{Scheme, Server};
pub(crate) use values::{AuthChoice, ProtocolName, TlsMode};

use crate::error::Error;
use crate::exit::Exit;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;

/// Sends mail from a shell or a script.
#[derive(Debug, Parser)]
#[command(name = "smtp-cli", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "A try without any server: smtp-cli send --server mock --from you@example.org \
                        --to friend@example.net --subject Hello --body 'It works.' -v")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that may stand before the command and behind it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Show the session on standard error, without secrets
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Print nothing but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compose a message and send it
    Send(Box<SendArgs>),
}

/// What `send` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) envelope: EnvelopeArgs,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
}

/// What the arguments amount to.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A command.
    Args(Box<Args>),
    /// A text that was asked for, like the help.
    Text(String),
}

/// Reads the arguments, the first of which is the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed, Error> {
    match Args::try_parse_from(arguments) {
        Ok(args) => Ok(Parsed::Args(Box::new(args))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Parsed::Text(error.render().to_string()))
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Err(Error::usage("a command is missing, smtp-cli --help lists them"))
            }
            _ => Err(Error::new(Exit::USAGE, one_line(&error))),
        },
    }
}

/// The message of a usage error and its tips on one line, without the usage that clap adds.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
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
    use clap::CommandFactory;

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
    fn no_command_says_where_the_commands_are() {
        assert!(error(&[]).contains("--help"));
    }
}
