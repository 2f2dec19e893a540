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
    /// Where failures are reported to, when it is not the author; '<>' for nowhere
    #[arg(long, value_name = "ADDR|'<>'", value_parser = str::parse::<ReversePath>, rules = [Rule::ChoosesAccount])]
    pub(crate) envelope_from: Option<ReversePath>,
}

// The envelope of a message that is sent.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Envelope")]
pub(crate) struct EnvelopeArgs {
    #[command(flatten)]
    pub(crate) sender: ReturnArgs,
    /// Send to this address instead of those in the headers
    #[arg(long, value_name = "ADDR", value_parser = str::parse::<ForwardPath>)]
    pub(crate) rcpt: Vec<ForwardPath>,
    /// Take the recipients from To, Cc and Bcc of the messages, besides those of the options
    #[arg(long)]
    pub(crate) recipients_from_headers: bool,
    /// When reports about delivery are wanted
    #[arg(long, value_name = "WHEN", value_enum, value_delimiter = ',')]
    pub(crate) notify: Vec<Notify>,
    /// What such a report contains of the message
    #[arg(long, value_name = "PART", value_enum)]
    pub(crate) ret: Option<Return>,
    /// A name of this envelope that such a report repeats
    #[arg(long, value_name = "ID")]
    pub(crate) envid: Option<String>,
    /// A further parameter of MAIL
    #[arg(long, value_name = "K[=V]", value_parser = str::parse::<Parameter>)]
    pub(crate) mail_param: Vec<Parameter>,
    /// A further parameter of each RCPT
    #[arg(long, value_name = "K[=V]", value_parser = str::parse::<Parameter>)]
    pub(crate) rcpt_param: Vec<Parameter>,
    /// Send to all recipients or, when one is refused, to none
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
