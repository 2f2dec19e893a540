//! Defines the options that say where to and how.
//!
//! Why structures have no documentation comments here: see [`Command`](super::Command).

use super::pin::Pin;
use super::proxy::{Header, Proxy};
use super::rules::{Rule, Rules as _};
use super::server::{Server, hello_name, host_name};
use super::values::{AuthChoice, ProtocolName, TimeoutChanges, TlsMode};
use super::xclient::{DnsServer, Xclient};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use smtp_core::EhloDomain;
use std::net::IpAddr;
use std::path::PathBuf;

// Whose settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct AccountArgs {
    /// An account of the configuration file
    #[arg(short, long, value_name = "NAME", rules = [Rule::NamesAccount, Rule::NotInFile])]
    pub(crate) account: Option<String>,
}

// Where to, and how.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Where to")]
pub(crate) struct ConnectionArgs {
    /// The server: host[:port], smtp://[user@]host[:port], smtps://…, lmtp://…, unix:PATH, or mock (the bundled one)
    #[arg(
        short, long, value_name = "SERVER",
        value_parser = OsStringValueParser::new().try_map(|text| Server::read(&text)),
        rules = [Rule::NamesServer, Rule::MayHoldPassword],
    )]
    pub(crate) server: Option<Server>,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// The port: 587 if not said, 465 for smtps://, 24 for LMTP
    #[arg(
        short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..),
        rules = [Rule::OfServer, Rule::BuiltIn("587, or 465 for smtps, or 24 for LMTP")],
    )]
    pub(crate) port: Option<u16>,
    /// Speak LMTP, which has a reply for each recipient
    #[arg(long, conflicts_with = "protocol", rules = [Rule::OfServer])]
    pub(crate) lmtp: bool,
    /// Which protocol to speak
    #[arg(long, value_name = "NAME", value_enum, rules = [Rule::OfServer, Rule::BuiltIn("esmtp")])]
    pub(crate) protocol: Option<ProtocolName>,
    /// How to use TLS; --ca-file, --client-cert, --tls-name and --tls-pin require verified TLS unless it is none
    #[arg(long, value_name = "MODE", value_enum, rules = [Rule::OfServer, Rule::BuiltIn("auto")])]
    pub(crate) tls: Option<TlsMode>,
    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE", rules = [Rule::OfNamedServer, Rule::NamesTrust, Rule::IsOnlyTrust])]
    pub(crate) ca_file: Option<PathBuf>,
    /// Show this certificate to the server: a PEM file, with what leads to its authority behind it
    #[arg(long, value_name = "FILE", rules = [Rule::OfNamedServer, Rule::NamesTrust, Rule::Needs("client-key")])]
    pub(crate) client_cert: Option<PathBuf>,
    /// The key of that certificate: a PEM file
    #[arg(long, value_name = "FILE", rules = [Rule::OfNamedServer, Rule::Needs("client-cert")])]
    pub(crate) client_key: Option<PathBuf>,
    /// The name that the server's certificate must bear, when it is not the host's
    #[arg(long, value_name = "NAME", value_parser = host_name, rules = [Rule::OfNamedServer, Rule::NamesTrust])]
    pub(crate) tls_name: Option<String>,
    /// Trust the certificate with this public key, and no other: sha256: and 64 digits
    #[arg(
        long, value_name = "sha256:HEX", value_parser = str::parse::<Pin>,
        rules = [Rule::OfNamedServer, Rule::NamesTrust, Rule::IsOnlyTrust],
    )]
    pub(crate) tls_pin: Option<Pin>,
    /// Trust any certificate; a password or token then needs --allow-plaintext-auth as well
    #[arg(long, rules = [Rule::OfServer, Rule::TrustsAnything])]
    pub(crate) insecure: bool,
    /// The name to say in EHLO, when it is not the machine's
    #[arg(long, value_name = "NAME", value_parser = hello_name)]
    pub(crate) helo: Option<EhloDomain>,
    /// Use IPv4 only
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub(crate) v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6")]
    pub(crate) v6: bool,
    /// Connect from this address of the machine
    #[arg(long, value_name = "ADDR", rules = [Rule::LeadsOut])]
    pub(crate) bind: Option<IpAddr>,
    /// Connect through this SOCKS5 proxy, which looks the server's name up: socks5://[user:password@]host[:port];
    /// better from the environment or a file when it has a password
    #[arg(long, value_name = "URL", value_parser = str::parse::<Proxy>, rules = [Rule::LeadsOut, Rule::MayHoldPassword])]
    pub(crate) proxy: Option<Proxy>,
    /// Say first for whom we are a proxy, by a PROXY header; its addresses are those of the connection if not given
    #[arg(long, value_name = "v1|v2[;src=IP:PORT][;dst=IP:PORT]", value_parser = str::parse::<Header>)]
    pub(crate) proxy_header: Option<Header>,
    /// Tell the server by XCLIENT which client it is to believe in
    #[arg(long, value_name = "ATTR=VALUE …", value_parser = str::parse::<Xclient>)]
    pub(crate) xclient: Option<Xclient>,
    /// Treat this extension as not offered
    #[arg(long, value_name = "KEYWORD")]
    pub(crate) no_extension: Vec<String>,
    /// Time limits: one for all phases, or PHASE=DUR with commas; connect greeting hello tls auth mail rcpt data block
    /// end other quit
    #[arg(
        long, value_name = "DUR|PHASE=DUR,…", value_parser = str::parse::<TimeoutChanges>,
        rules = [Rule::BuiltIn(
            "connect=5m,greeting=5m,hello=5m,tls=2m,auth=2m,mail=5m,rcpt=5m,data=2m,block=3m,end=10m,other=5m,quit=1m",
        )],
    )]
    pub(crate) timeout: Option<TimeoutChanges>,
    /// The DNS server of [`MxArgs`], where mail exchangers are the way.
    #[arg(skip)]
    pub(crate) dns: Option<DnsServer>,
}

// Mail exchangers instead of one server.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Where to")]
pub(crate) struct MxArgs {
    /// Deliver to the mail exchangers of each recipient's domain, at port 25 if not said otherwise
    #[arg(long, conflicts_with_all = ["server", "lmtp"], rules = [Rule::NamesServer])]
    pub(crate) mx: bool,
    /// Look names up at this DNS server instead of the system's, for --mx
    #[arg(
        long, value_name = "ADDR[:PORT]", value_parser = str::parse::<DnsServer>,
        conflicts_with_all = ["server", "lmtp"], rules = [Rule::WaitsFor("mx")],
    )]
    pub(crate) dns: Option<DnsServer>,
}

// Who logs in, and by what.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Login")]
pub(crate) struct LoginArgs {
    /// Mechanisms to log in with, in this order: auto, none or names with commas
    #[arg(
        long, value_name = "MECH[,MECH…]", value_parser = str::parse::<AuthChoice>,
        rules = [Rule::OfServer, Rule::BuiltIn("auto")],
    )]
    pub(crate) auth: Option<AuthChoice>,
    /// The user name to log in with
    #[arg(short, long, value_name = "USER", rules = [Rule::OfServer, Rule::NamesUser])]
    pub(crate) user: Option<String>,
    /// Take the password from this environment variable
    #[arg(long, value_name = "VAR", group = "password", rules = [Rule::OfUser, Rule::GivesPassword])]
    pub(crate) password_env: Option<String>,
    /// Take the password from the first line of this file
    #[arg(long, value_name = "FILE", group = "password", rules = [Rule::OfUser, Rule::GivesPassword])]
    pub(crate) password_file: Option<PathBuf>,
    /// Take the password from the first line that this command prints
    #[arg(long, value_name = "CMD", group = "password", rules = [Rule::OfUser, Rule::GivesPassword])]
    pub(crate) password_command: Option<String>,
    /// Take an OAuth token from this environment variable
    #[arg(long, value_name = "VAR", group = "token", rules = [Rule::OfUser])]
    pub(crate) token_env: Option<String>,
    /// Take an OAuth token from the first line that this command prints
    #[arg(long, value_name = "CMD", group = "token", rules = [Rule::OfUser])]
    pub(crate) token_command: Option<String>,
    /// Let a password or token leave unencrypted, or under a certificate that is not verified
    #[arg(long, rules = [Rule::OfServer])]
    pub(crate) allow_plaintext_auth: bool,
}
