//! Defines the arguments of `smtp-mock`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::listen;
use crate::{Certificate, ExpectSettings, Rule, parse_duration, scenario::check_keyword};

/// A scripted SMTP server for tests.
#[derive(Debug, Parser)]
#[command(name = "smtp-mock", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: Run,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server: a correct one, or a scenario (the default)
    Run(Run),
    /// Check scenario files and report what is wrong in them
    Check {
        /// Scenarios (.toml) and dialogues (.smtp)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Relay between a client and a real server, and record the session as a scenario
    Record(Record),
    /// Replay a recorded scenario; the client must send what it sent before
    Replay {
        /// The recorded scenario
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// Write the authority's certificate (ca.pem) and the seven certificates with their keys
    Certs {
        /// The directory; created if it does not exist
        directory: PathBuf,
        /// Add a name or address to the good certificate (repeatable)
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of smtp-mock, or of a command
    Man {
        /// The command
        command: Option<String>,
        /// Write all pages to this directory instead
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        directory: Option<PathBuf>,
    },
    /// List the presets and their sources, or print one as a scenario
    Presets {
        /// The preset to print
        name: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// A scenario (.toml) or a dialogue (.smtp); a correct server by default
    pub(crate) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Options {
    /// Behave like a known server; see `smtp-mock presets`
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Listen on this port of loopback, or on HOST:PORT; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listen::parse)]
    pub(crate) listen: SocketAddr,
    /// Listen here too, with implicit TLS
    #[arg(long, value_name = "ADDR", value_parser = listen::parse)]
    pub(crate) smtps: Option<SocketAddr>,
    /// Listen on a unix socket at this path too
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// Use this name in the greeting and in the certificate
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Speak LMTP
    #[arg(long)]
    pub(crate) lmtp: bool,
    /// Write messages to this directory before acknowledging them; refuse those that cannot be written (452) and exit with 1
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Format of --store
    #[arg(long, value_enum, default_value = "eml", requires = "store")]
    pub(crate) format: Format,
    /// Refuse messages (452) once the store holds N, and keep at most N in memory
    #[arg(long, value_name = "N")]
    pub(crate) max_messages: Option<usize>,
    /// Refuse messages (452) once the store holds N bytes, and keep at most N bytes in memory
    #[arg(long, value_name = "N")]
    pub(crate) max_bytes: Option<usize>,
    /// Exit after N messages or sessions: `3`, `3 messages`, `2 sessions`
    #[arg(long, value_name = "N", value_parser = ExitAfter::parse)]
    pub(crate) exit_after: Option<ExitAfter>,
    /// Exit with status 124 after this time, unless the run has ended before
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Exit with status 1 unless this holds at the end: messages=N, connections=N, quit=BOOL or clean=BOOL, where N is 3, 1..,
    /// ..2 or 1..3 (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = ExpectSettings::parse)]
    pub(crate) expect: Vec<ExpectSettings>,
    /// Close a connection with 421 after its client sends or reads nothing for this long; 0 disables [default: 5m]
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) idle: Option<Duration>,
    /// Serve at most N clients at once; 1,024 more can wait in the listen backlog
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = session_limit)]
    pub(crate) sessions: usize,
    /// Let recipients such as 450-4.2.2@…, 421-continue@…, delay-5s@…, rst@… or body-554@… choose the fault
    #[arg(long)]
    pub(crate) magic: bool,
    /// Inject random faults with probability P, 0 to 1, the same ones for the same --seed: 4yz, 5yz, 421 with and without a
    /// close, reset, close, half a reply, stall, drip, delay, garbage
    #[arg(long, value_name = "P")]
    pub(crate) chaos: Option<f64>,
    /// Seed all random choices
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[arg(long, value_name = "FAULT", value_parser = super::fault::parse, help = super::fault::help())]
    pub(crate) fault: Vec<Rule>,
    /// Do not offer this extension (repeatable)
    #[arg(long, value_name = "KEYWORD", value_parser = keyword)]
    pub(crate) hide: Vec<String>,
    /// Accept this login (repeatable)
    #[arg(long, value_name = "USER:PASSWORD", value_parser = pair)]
    pub(crate) user: Vec<(String, String)>,
    /// Accept this OAuth token (repeatable)
    #[arg(long, value_name = "USER:TOKEN", value_parser = pair)]
    pub(crate) token: Vec<(String, String)>,
    /// Require AUTH before MAIL
    #[arg(long)]
    pub(crate) require_auth: bool,
    /// Offer PLAIN and LOGIN also without TLS
    #[arg(long)]
    pub(crate) plaintext_auth: bool,
    /// Start TLS never, after STARTTLS, or at once
    #[arg(long, value_enum)]
    pub(crate) tls: Option<Tls>,
    /// Require TLS before MAIL
    #[arg(long)]
    pub(crate) require_tls: bool,
    /// Present this certificate: good, expired, not-yet-valid, wrong-host, self-signed, unknown-ca, missing-intermediate, or a
    /// PEM file
    #[arg(long, value_name = "KIND|FILE", value_parser = CertificateChoice::parse)]
    pub(crate) cert: Option<CertificateChoice>,
    /// Private key of --cert FILE (PKCS#8, PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Write the authority's certificate to this file, for clients to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Count messages but keep nothing, for load tests
    #[arg(long)]
    pub(crate) sink: bool,
    /// Acknowledge received data at once (`TCP_QUICKACK`, Linux), so that clients that wait for it do not stall
    #[arg(long)]
    pub(crate) quick_ack: bool,
    /// Print each message and the end of the run as JSON Lines; with --sink only the end
    #[arg(long)]
    pub(crate) json_lines: bool,
    /// Show secrets of AUTH in transcripts
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Print the transcript on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Record {
    /// Relay to this server
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) upstream: String,
    /// Listen on this port of loopback, or on HOST:PORT; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listen::parse)]
    pub(crate) listen: SocketAddr,
    /// Use TLS on both sides from the start (implicit), or when the client asks for it (none)
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) tls: RecordTls,
    /// Trust this authority for the certificate of the real server
    #[arg(long, value_name = "FILE")]
    pub(crate) upstream_ca_file: Option<PathBuf>,
    /// Do not verify the real server's certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Write the mock's authority to this file, for the client to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Write the scenario to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Exit after N sessions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) exit_after: u64,
    /// Exit with status 124 after this time
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum RecordTls {
    None,
    Implicit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Tls {
    None,
    Starttls,
    Implicit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Eml,
    Maildir,
    Mbox,
}

/// What ends a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ExitAfter {
    Messages(u64),
    Sessions(u64),
}

impl ExitAfter {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let wrong = || format!("«{text}» is no end, try 3, \"3 messages\" or \"2 sessions\"");
        let count = text[..digits].parse().map_err(|_| wrong())?;
        match text[digits..].trim_start_matches([' ', ':', '-']) {
            "" | "message" | "messages" => Ok(Self::Messages(count)),
            "session" | "sessions" => Ok(Self::Sessions(count)),
            _ => Err(wrong()),
        }
    }
}

/// A certificate by kind or file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CertificateChoice {
    Kind(Certificate),
    File(PathBuf),
}

impl CertificateChoice {
    #[allow(clippy::unnecessary_wraps, reason = "the shape that clap wants")]
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Certificate::from_word(text).map_or_else(|| Self::File(text.into()), Self::Kind))
    }
}

fn session_limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("«{text}» is no number of clients, try 2048")),
        Ok(count) => Ok(count),
    }
}

fn keyword(text: &str) -> Result<String, String> {
    check_keyword(text).map(|()| text.to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a colon is missing, try alice:secret")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn ends_are_read() {
        assert_eq!(ExitAfter::parse("3").unwrap(), ExitAfter::Messages(3));
        assert_eq!(ExitAfter::parse("2 sessions").unwrap(), ExitAfter::Sessions(2));
        assert!(ExitAfter::parse("x").is_err());
        assert!(ExitAfter::parse("3 days").is_err());
    }

    #[test]
    fn run_may_be_left_out() {
        let arguments = Arguments::try_parse_from(["smtp-mock", "a.toml", "--magic"]).unwrap();
        assert_eq!(arguments.run.scenario.as_deref(), Some(std::path::Path::new("a.toml")));
        let arguments =
            Arguments::try_parse_from(["smtp-mock", "run", "a.toml", "--fault", "rcpt=452*2"]).unwrap();
        assert!(matches!(arguments.command, Some(Command::Run(run)) if run.options.fault.len() == 1));
        assert!(Arguments::try_parse_from(["smtp-mock", "--fault", "nonsense"]).is_err());
    }
}
