//! Defines the options that say where to and how.
//!
//! Why structures have no documentation comments here: see [`Command`](super::Command).

use super::rules::{Rule, Rules as _};
use super::server::{DnsServer, Server, hello_name};
use super::values::{AuthChoice, ProtocolName, TlsMode};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use smtp_core::mailer::{HeaderTemplate, Pin, Proxy, host_name};
use smtp_core::{EhloDomain, TimeoutChanges, XclientAttributes};
use std::net::IpAddr;
use std::path::PathBuf;

// Whose settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct AccountArgs {
    /// Use this account of the configuration file
    #[arg(short, long, value_name = "NAME", rules = [Rule::NamesAccount, Rule::NotInFile])]
    pub(crate) account: Option<String>,
}

// Where to, and how.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Where to")]
pub(crate) struct ConnectionArgs {
    /// Connect to host[:port], smtp://[user@]host[:port], smtps://…, lmtp://…, unix:PATH or mock (a built-in server)
    #[arg(
        short, long, value_name = "SERVER",
        value_parser = OsStringValueParser::new().try_map(|text| Server::read(&text)),
        rules = [Rule::NamesServer, Rule::MayHoldPassword],
    )]
    pub(crate) server: Option<Server>,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Connect to this port [default: 587, 465 for smtps://, 24 for LMTP]
    #[arg(
        short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..),
        rules = [Rule::OfServer, Rule::BuiltIn("587, or 465 for smtps, or 24 for LMTP")],
    )]
    pub(crate) port: Option<u16>,
    /// Use LMTP, which has a reply for each recipient
    #[arg(long, conflicts_with = "protocol", rules = [Rule::OfServer])]
    pub(crate) lmtp: bool,
    /// Use this protocol
    #[arg(long, value_name = "NAME", value_enum, rules = [Rule::OfServer, Rule::BuiltIn("esmtp")])]
    pub(crate) protocol: Option<ProtocolName>,
    /// Use TLS in this way; unless it is none, --ca-file, --client-cert, --tls-name and --tls-pin require verified TLS
    #[arg(long, value_name = "MODE", value_enum, rules = [Rule::OfServer, Rule::BuiltIn("auto")])]
    pub(crate) tls: Option<TlsMode>,
    /// Trust the CA certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", rules = [Rule::OfNamedServer, Rule::NamesTrust, Rule::IsOnlyTrust])]
    pub(crate) ca_file: Option<PathBuf>,
    /// Present this client certificate: a PEM file, with its chain
    #[arg(long, value_name = "FILE", rules = [Rule::OfNamedServer, Rule::NamesTrust, Rule::Needs("client-key")])]
    pub(crate) client_cert: Option<PathBuf>,
    /// Use this private key for --client-cert: a PEM file
    #[arg(long, value_name = "FILE", rules = [Rule::OfNamedServer, Rule::Needs("client-cert")])]
    pub(crate) client_key: Option<PathBuf>,
    /// Require this name in the server's certificate instead of the host's
    #[arg(long, value_name = "NAME", value_parser = host_name, rules = [Rule::OfNamedServer, Rule::NamesTrust])]
    pub(crate) tls_name: Option<String>,
    /// Trust only the certificate with this public key: sha256: and 64 hex digits
    #[arg(
        long, value_name = "sha256:HEX", value_parser = str::parse::<Pin>,
        rules = [Rule::OfNamedServer, Rule::NamesTrust, Rule::IsOnlyTrust],
    )]
    pub(crate) tls_pin: Option<Pin>,
    /// Do not verify the server's certificate
    #[arg(long, rules = [Rule::OfServer, Rule::TrustsAnything])]
    pub(crate) insecure: bool,
    /// Send this name in EHLO instead of the machine's
    #[arg(long, value_name = "NAME", value_parser = hello_name)]
    pub(crate) helo: Option<EhloDomain>,
    /// Use IPv4 only
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub(crate) v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long = "ipv6")]
    pub(crate) v6: bool,
    /// Connect from this local address
    #[arg(long, value_name = "ADDR", rules = [Rule::LeadsOut])]
    pub(crate) bind: Option<IpAddr>,
    /// Connect through a proxy, which resolves the server's name: socks5://[user:password@]host[:port] or
    /// http://[user:password@]host:port; keep a password in the environment or a file
    #[arg(long, value_name = "URL", value_parser = str::parse::<Proxy>, rules = [Rule::LeadsOut, Rule::MayHoldPassword])]
    pub(crate) proxy: Option<Proxy>,
    /// Send a PROXY header first; addresses default to the connection's
    #[arg(long, value_name = "v1|v2[;src=IP:PORT][;dst=IP:PORT]", value_parser = str::parse::<HeaderTemplate>)]
    pub(crate) proxy_header: Option<HeaderTemplate>,
    /// Send XCLIENT with these attributes
    #[arg(long, value_name = "ATTR=VALUE …", value_parser = str::parse::<XclientAttributes>)]
    pub(crate) xclient: Option<XclientAttributes>,
    /// Ignore this extension where the server offers it
    #[arg(long, value_name = "KEYWORD")]
    pub(crate) no_extension: Vec<String>,
    /// Limit the time of every phase, or of some: connect greeting hello tls auth mail rcpt data block end other quit
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
    /// Deliver to the mail exchangers of each recipient's domain, by default on port 25
    #[arg(long, conflicts_with_all = ["server", "lmtp"], rules = [Rule::NamesServer])]
    pub(crate) mx: bool,
    /// Query this DNS server for --mx instead of the system's
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
    /// Log in with these mechanisms, tried in this order; or auto, or none
    #[arg(
        long, value_name = "MECH[,MECH…]", value_parser = str::parse::<AuthChoice>,
        rules = [Rule::OfServer, Rule::BuiltIn("auto")],
    )]
    pub(crate) auth: Option<AuthChoice>,
    /// Log in as this user
    #[arg(short, long, value_name = "USER", rules = [Rule::OfServer, Rule::NamesUser])]
    pub(crate) user: Option<String>,
    /// Read the password from this environment variable
    #[arg(long, value_name = "VAR", group = "password", rules = [Rule::OfUser, Rule::GivesPassword])]
    pub(crate) password_env: Option<String>,
    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE", group = "password", rules = [Rule::OfUser, Rule::GivesPassword])]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the password from the first line that this command prints
    #[arg(long, value_name = "CMD", group = "password", rules = [Rule::OfUser, Rule::GivesPassword])]
    pub(crate) password_command: Option<String>,
    /// Read an OAuth token from this environment variable
    #[arg(long, value_name = "VAR", group = "token", rules = [Rule::OfUser])]
    pub(crate) token_env: Option<String>,
    /// Read an OAuth token from the first line that this command prints
    #[arg(long, value_name = "CMD", group = "token", rules = [Rule::OfUser])]
    pub(crate) token_command: Option<String>,
    /// Allow sending a password or token without TLS, or to a server that is not verified
    #[arg(long, rules = [Rule::OfServer])]
    pub(crate) allow_plaintext_auth: bool,
}
