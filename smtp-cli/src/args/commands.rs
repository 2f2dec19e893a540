//! Defines what each command takes.
//!
//! Why structures have no documentation comments here: see [`Command`](super::Command).

use super::connection::{AccountArgs, ConnectionArgs, LoginArgs, MxArgs};
use super::envelope::{EnvelopeArgs, ReturnArgs};
use super::message::{FixArgs, MessageArgs};
use super::rules::{Rule, Rules as _};
use super::run::{FileArgs, ResultArgs, RunArgs};
use super::switches::{HELP, Undo};
use clap::{Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

// What `send` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = crate::exit::meanings(&format!("{HELP}\n\nExit status:\n"), ""))]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) mx: MxArgs,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) envelope: EnvelopeArgs,
    #[command(flatten)]
    pub(crate) fix: FixArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

// What `compose` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct ComposeArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) fix: FixArgs,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

// What `lint` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct LintArgs {
    /// Ready messages, as with --eml; - for standard input
    #[arg(value_name = "FILE|-", rules = [Rule::StandsFor("eml")])]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    #[command(flatten)]
    pub(crate) sender: ReturnArgs,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

// What `shell` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = format!(
        "Connects at once if a server is named; help lists the commands. From a pipe the shell asks nothing, and the first \
         command that fails ends it with its exit status, unless a - stands before the command.\n\n{HELP}"
    )
)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Set the author of messages that name none
    #[arg(short, long, value_name = "ADDR", help_heading = "Envelope", rules = [Rule::ChoosesAccount])]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

// What `shell` and its command `connect` take.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Connect to this server, as with --server: mx.example.org, mx.example.org:25 or mock
    #[arg(value_name = "SERVER", conflicts_with = "server", rules = [Rule::StandsFor("server")])]
    host: Option<String>,
    /// Connect to this port of it
    #[arg(value_name = "PORT", conflicts_with = "port", rules = [Rule::StandsFor("port")])]
    at: Option<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

// What `verify` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct VerifyArgs {
    /// Check these addresses, with commas or blanks between them
    #[arg(required = true, value_name = "ADDR")]
    pub(crate) addresses: Vec<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
    /// Send this address in MAIL instead of the user who logs in
    #[arg(short, long, value_name = "ADDR", help_heading = "Envelope", rules = [Rule::ChoosesAccount])]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) sender: ReturnArgs,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

// What `probe` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = format!(
        "Opens up to five connections in turn, never logs in and sends no mail. A finding is serious, doubtful or \
         a note; the exit status is 0 whenever the server greeted.\n\n{HELP}"
    )
)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) undo: Undo,
}

// What `explain` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Explain a reply code like 550, an enhanced status code like 5.7.26, or both
    #[arg(required = true, num_args = 1..=2, value_name = "CODE")]
    pub(crate) codes: Vec<String>,
}

// What `config` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

// What is done about the configuration.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Show the effective settings and their sources, with secrets masked
    Show(ShowArgs),
    /// Check the configuration files
    Check,
    /// Show where configuration files are looked for
    Path,
    /// Ask for an account and write it to the user's configuration file
    Init,
    /// Convert an msmtprc or swaksrc, and print the result
    #[command(
        after_help = "Write the result to one of the files that smtp-cli config path shows; if it holds a password, nobody \
                      else may read it: (umask 077; smtp-cli config import ~/.msmtprc > FILE). Settings without a \
                      counterpart are reported on standard error."
    )]
    Import(ImportArgs),
}

// What `config show` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Choose the account by this author
    #[arg(short, long, value_name = "ADDR")]
    pub(crate) from: Option<String>,
}

// What `config import` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Convert this file
    pub(crate) file: PathBuf,
    /// Read the file as this kind, if its name does not tell
    #[arg(long, value_name = "KIND", value_enum)]
    pub(crate) kind: Option<ImportKind>,
}

/// Files that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportKind {
    /// A file of msmtp
    Msmtprc,
    /// A file of swaks
    Swaksrc,
}

// What `sendmail` takes; it has a grammar of its own.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true, after_help = crate::sendmail::HELP)]
pub(crate) struct SendmailArgs {
    /// Options of sendmail(8), then recipients
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION|RECIPIENT")]
    pub(crate) words: Vec<OsString>,
}

// What `completions` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Print completions for this shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

// What `man` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write all pages to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Print the page of this command instead of smtp-cli(1)
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

// What `help` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HelpArgs {
    /// Print the help of this command
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
