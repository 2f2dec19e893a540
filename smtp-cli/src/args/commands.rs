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
    /// Messages that exist, as by --eml; - is the one of standard input
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
        "Connects at once where a server is named; type help in the shell for its commands. From a pipe it reads the same \
         lines, asks nothing and stops at the first command that fails, with the exit status of that; a - before a command \
         lets it fail.\n\n{HELP}"
    )
)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// The author, where a message names none
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
    /// The server as for --server, like mx.example.org or mx.example.org:25; or mock, one in this program for tries
    #[arg(value_name = "SERVER", conflicts_with = "server", rules = [Rule::StandsFor("server")])]
    host: Option<String>,
    /// Its port
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
    /// Addresses; several with commas or blanks between them
    #[arg(required = true, value_name = "ADDR")]
    pub(crate) addresses: Vec<String>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
    /// Whom MAIL names, when it is not the user who logs in; nobody if there is neither
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
        "Opens up to five connections one after the other, logs in on none and sends no mail. A finding is \
         serious, doubtful or a note; the exit status is 0 whenever the server greeted.\n\n{HELP}"
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
    /// A reply code like 550, an enhanced status code like 5.7.26, or both
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
    /// Show the effective settings, each with its source, secrets masked
    Show(ShowArgs),
    /// Read the configuration files and say what is wrong
    Check,
    /// Say where the configuration files are looked for
    Path,
    /// Ask for what an account needs, and write it to the user's configuration file
    Init,
    /// Print the configuration that an msmtprc or swaksrc amounts to
    #[command(
        after_help = "What it prints belongs into one of the files that smtp-cli config path names, readable by \
                      nobody else where it holds a password: (umask 077; smtp-cli config import ~/.msmtprc > FILE). \
                      What has no counterpart is named on standard error."
    )]
    Import(ImportArgs),
}

// What `config show` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// The author, by whom an account may be chosen
    #[arg(short, long, value_name = "ADDR")]
    pub(crate) from: Option<String>,
}

// What `config import` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// An msmtprc or a swaksrc
    pub(crate) file: PathBuf,
    /// Which of them it is, when its name does not tell
    #[arg(long, value_name = "KIND", value_enum)]
    pub(crate) kind: Option<ImportKind>,
}

/// Files that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportKind {
    /// Of msmtp
    Msmtprc,
    /// Of swaks
    Swaksrc,
}

// What `sendmail` takes; it has a grammar of its own.
#[derive(Clone, Debug, clap::Args)]
#[command(disable_help_flag = true, after_help = crate::sendmail::HELP)]
pub(crate) struct SendmailArgs {
    /// The options of sendmail(8), then recipients
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION|RECIPIENT")]
    pub(crate) words: Vec<OsString>,
}

// What `completions` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

// What `man` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write the pages into this directory instead of printing that of smtp-cli(1)
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// The page of this command
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

// What `help` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HelpArgs {
    /// The command
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
