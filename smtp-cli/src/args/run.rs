//! Defines the options of the run: how often, how far, and what is told of it.
//!
//! Why structures have no documentation comments here: see [`Command`](super::Command).

use super::rules::{Rule, Rules as _};
use super::values::{Format, Until};
use std::path::PathBuf;

// How often, how far, and what is told of it.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Run and output")]
pub(crate) struct RunArgs {
    /// Send each message N times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Spread the messages over C connections
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) connections: u16,
    /// Let N messages await their final reply at once on a connection
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) in_flight: u16,
    /// Stop after this phase, and send QUIT
    #[arg(long, value_name = "PHASE", value_enum)]
    pub(crate) until: Option<Until>,
    /// Show the commands and the message without connecting
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Retry transient failures up to N times, waiting longer each time
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100))]
    pub(crate) retry: u32,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// Print turns, bytes and milliseconds
    #[arg(long)]
    pub(crate) stats: bool,
}

/// Once, over one connection.
impl Default for RunArgs {
    fn default() -> Self {
        Self {
            repeat: 1,
            connections: 1,
            in_flight: 1,
            until: None,
            dry_run: false,
            retry: 0,
            result: ResultArgs::default(),
            files: FileArgs::default(),
            stats: false,
        }
    }
}

// What is printed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(next_help_heading = "Run and output")]
pub(crate) struct ResultArgs {
    /// Print the result in this format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,
}

// Files that sessions are written to.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Run and output")]
pub(crate) struct FileArgs {
    /// Write the session to this file: text, or JSON Lines if it ends in .jsonl
    #[arg(long, value_name = "FILE", rules = [Rule::Writes])]
    pub(crate) transcript: Option<PathBuf>,
    /// Record the session in this file as a scenario for smtp-mock
    #[arg(long, value_name = "FILE", rules = [Rule::Writes])]
    pub(crate) record: Option<PathBuf>,
}
