//! Defines the options that say where to and how.

use super::server::Server;
use super::values::{AuthChoice, ProtocolName, TimeoutChanges, TlsMode};
use smtp_core::EhloDomain;
use std::path::PathBuf;

/// Where to, and how.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Where to")]
pub(crate) struct ConnectionArgs {
    /// The server: host[:port], smtp://[user@]host[:port], smtps://…, lmtp://…, unix:PATH, or mock (the bundled one)
    #[arg(short, long, value_name = "SERVER", value_parser = str::parse::<Server>)]
    pub(crate) server: Option<Server>,
    /// The port: 587 if not said, 465 for smtps://, 24 for LMTP
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Speak LMTP, which has a reply for each recipient
    #[arg(long, conflicts_with = "protocol")]
    pub(crate) lmtp: bool,
    /// Which protocol to speak
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) protocol: Option<ProtocolName>,
    /// How to use TLS
    #[arg(long, value_name = "MODE", value_enum)]
    pub(crate) tls: Option<TlsMode>,
    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The name that the server's certificate must bear, when it is not the host's
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Option<String>,
    /// Mechanisms to log in with, in this order: auto, none or names with commas
    #[arg(long, value_name = "MECH[,MECH…]", value_parser = str::parse::<AuthChoice>)]
    pub(crate) auth: Option<AuthChoice>,
    /// The user name to log in with
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Take the password from this environment variable
    #[arg(long, value_name = "VAR", group = "password")]
    pub(crate) password_env: Option<String>,
    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE", group = "password")]
    pub(crate) password_file: Option<PathBuf>,
    /// Take the password from the first line that this command prints
    #[arg(long, value_name = "CMD", group = "password")]
    pub(crate) password_command: Option<String>,
    /// Let a password leave unencrypted
    #[arg(long)]
    pub(crate) allow_plaintext_auth: bool,
    /// The name to say in EHLO, when it is not the machine's
    #[arg(long, value_name = "NAME", value_parser = str::parse::<EhloDomain>)]
    pub(crate) helo: Option<EhloDomain>,
    /// Time limits: one for all phases, or PHASE=DUR with commas; connect greeting hello tls auth mail rcpt data block
    /// end other quit
    #[arg(long, value_name = "DUR|PHASE=DUR,…", value_parser = str::parse::<TimeoutChanges>)]
    pub(crate) timeout: Option<TimeoutChanges>,
}
