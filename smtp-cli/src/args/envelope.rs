//! Defines the options of the envelope.
//!
//! Why structures have no documentation comments here: see [`Command`](super::Command).

use super::rules::{Rule, Rules as _};
use super::values::{Notify, Return};
use smtp_core::{Domain, ForwardPath, Parameter, ReversePath};

// Where failures go.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Envelope")]
pub(crate) struct ReturnArgs {
    /// Set the reverse-path, where failures are reported; '<>' for none
    #[arg(long, value_name = "ADDR|'<>'", value_parser = str::parse::<ReversePath>, rules = [Rule::ChoosesAccount])]
    pub(crate) envelope_from: Option<ReversePath>,
}

// The envelope of a message that is sent.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Envelope")]
pub(crate) struct EnvelopeArgs {
    #[command(flatten)]
    pub(crate) sender: ReturnArgs,
    /// Send to this address instead of the recipients in the headers
    #[arg(long, value_name = "ADDR", value_parser = str::parse::<ForwardPath>)]
    pub(crate) rcpt: Vec<ForwardPath>,
    /// Send to the recipients in To, Cc and Bcc of the messages too
    #[arg(long)]
    pub(crate) recipients_from_headers: bool,
    /// Request reports about delivery in these cases
    #[arg(long, value_name = "WHEN", value_enum, value_delimiter = ',')]
    pub(crate) notify: Vec<Notify>,
    /// Request this part of the message in reports
    #[arg(long, value_name = "PART", value_enum)]
    pub(crate) ret: Option<Return>,
    /// Add this identifier of the envelope to reports
    #[arg(long, value_name = "ID")]
    pub(crate) envid: Option<String>,
    /// Add a parameter to MAIL
    #[arg(long, value_name = "K[=V]", value_parser = str::parse::<Parameter>)]
    pub(crate) mail_param: Vec<Parameter>,
    /// Add a parameter to each RCPT
    #[arg(long, value_name = "K[=V]", value_parser = str::parse::<Parameter>)]
    pub(crate) rcpt_param: Vec<Parameter>,
    /// Send to nobody if one recipient is refused
    #[arg(long)]
    pub(crate) require_all: bool,
    /// What becomes of addresses in messages that are names of this machine.
    #[arg(skip)]
    pub(crate) local_names: LocalNames,
}

/// What becomes of addresses without a domain, which are names of this machine, in messages that exist.
#[derive(Clone, Debug, Default)]
pub(crate) enum LocalNames {
    /// They are no addresses.
    #[default]
    Refused,
    /// They get this domain.
    Qualified(Domain),
    /// They would get the machine's domain if it had one.
    Nowhere,
}
