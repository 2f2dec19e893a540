//! Defines what can be typed at `smtp-mock`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{Certificate, Rule, parse_duration};

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
    /// Run a server: a correct one, or what a scenario says (the same as no command)
    Run(Run),
    /// Read scenario files and tell what is wrong with them
    Check {
        /// Scenarios (.toml) and dialogues (.smtp)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Stand between a client and a real server, and write down what they say as a scenario
    Record(Record),
    /// Play a recorded scenario: as run, and the client must say what it said before
    Replay {
        /// The recorded scenario
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// Write ca.pem and the seven certificates with their keys
    Certs {
        /// The directory; it is made when it does not exist
        directory: PathBuf,
        /// A further name or address of the good certificate (repeatable)
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
    },
    /// List the habits of real servers that --preset knows, each with its source, or print one as a scenario
    Presets {
        /// The preset to print
        name: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// A scenario (.toml) or a dialogue (.smtp); without it a correct server
    pub(crate) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Options {
    /// Behave as a real server is known to; see `smtp-mock presets`
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// A second address, where TLS begins at once
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) smtps: Option<SocketAddr>,
    /// A unix socket at this path too
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// The name in the greeting and in the certificate
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Speak LMTP
    #[arg(long)]
    pub(crate) lmtp: bool,
    /// Write messages there before they are acknowledged; refuse those that cannot be written (452) and exit with 1
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// How --store writes them
    #[arg(long, value_enum, default_value = "eml", requires = "store")]
    pub(crate) format: Format,
    /// Refuse messages (452) when the store has this many, and keep no more than this many in memory
    #[arg(long, value_name = "N")]
    pub(crate) max_messages: Option<usize>,
    /// Refuse messages (452) when the store has this many octets, and keep no more than this many in memory
    #[arg(long, value_name = "N")]
    pub(crate) max_bytes: Option<usize>,
    /// Exit after so many messages, or sessions (`3`, `3 messages`, `2 sessions`)
    #[arg(long, value_name = "N", value_parser = ExitAfter::parse)]
    pub(crate) exit_after: Option<ExitAfter>,
    /// Exit with status 124 when nothing else ended the run before
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// End a connection with 421 when its client is silent, or reads nothing, for this long; 0 is for ever (default 5m)
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) idle: Option<Duration>,
    /// Serve N clients at once; up to 1,024 more wait in the listen backlog for their greeting
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = session_limit)]
    pub(crate) sessions: usize,
    /// Let recipients such as 450-4.2.2@…, 421-continue@…, delay-5s@…, rst@… or body-554@… decide what happens
    #[arg(long)]
    pub(crate) magic: bool,
    /// Faults by chance, 0 to 1; the same ones for the same --seed: 4yz, 5yz, 421 and the end, 421 and the session goes on, a
    /// reset, the end, half a reply, silence, a drip, a delay, garbage
    #[arg(long, value_name = "P")]
    pub(crate) chaos: Option<f64>,
    /// The seed of everything random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// VERB=ACTION[:ARGUMENT][*TIMES][@CONNECTION], such as rcpt=452*2, body=stall, connect=rst@1, mail=delay:5s,
    /// data=421-continue. Verbs: connect, helo, ehlo, lhlo, starttls, tls, auth, mail, rcpt, data, bdat, body (the end of a
    /// message), rset, noop, vrfy, expn, help, xclient, quit, unknown, any. Actions: a reply code, 421-continue (the session goes on after it; 421 alone ends it), stall, fin,
    /// rst, half, delay:D, drip:D, split:1,3, split-lines:D, garbage:N, long-line:N, endless:TEXT, stop-reading:D,
    /// raw:OCTETS
    #[arg(long, value_name = "FAULT", value_parser = super::fault::parse)]
    pub(crate) fault: Vec<Rule>,
    /// Take an extension from the offer (repeatable)
    #[arg(long, value_name = "KEYWORD")]
    pub(crate) hide: Vec<String>,
    /// Let a user in (repeatable)
    #[arg(long, value_name = "USER:PASSWORD", value_parser = pair)]
    pub(crate) user: Vec<(String, String)>,
    /// Let a user in with an OAuth token (repeatable)
    #[arg(long, value_name = "USER:TOKEN", value_parser = pair)]
    pub(crate) token: Vec<(String, String)>,
    /// Refuse mail before AUTH
    #[arg(long)]
    pub(crate) require_auth: bool,
    /// Offer PLAIN and LOGIN without TLS too
    #[arg(long)]
    pub(crate) plaintext_auth: bool,
    /// When TLS begins
    #[arg(long, value_enum)]
    pub(crate) tls: Option<Tls>,
    /// Refuse mail before TLS
    #[arg(long)]
    pub(crate) require_tls: bool,
    /// good, expired, not-yet-valid, wrong-host, self-signed, unknown-ca, missing-intermediate, or a file in PEM
    #[arg(long, value_name = "KIND|FILE", value_parser = CertificateChoice::parse)]
    pub(crate) cert: Option<CertificateChoice>,
    /// The key of a --cert FILE, PKCS#8 in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Write the authority's certificate there, for clients to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Count messages and keep nothing, for load
    #[arg(long)]
    pub(crate) sink: bool,
    /// Acknowledge at once what a client sends (TCP_QUICKACK, on Linux), so that one that waits for it does not stall
    #[arg(long)]
    pub(crate) quick_ack: bool,
    /// Messages and the end as JSON Lines on standard output; the end alone with --sink, which keeps no message to tell of
    #[arg(long)]
    pub(crate) json_lines: bool,
    /// Show what AUTH carries
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// The transcript on standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Record {
    /// The real server
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) upstream: String,
    /// Where clients connect
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// implicit: TLS on both sides from the beginning; else as the client asks for it
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) tls: RecordTls,
    /// Trust this authority when the real server shows its certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) upstream_ca_file: Option<PathBuf>,
    /// Do not verify the real server's certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Write the mock's authority there, for the client to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The scenario to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Exit after so many sessions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) exit_after: u64,
    /// Exit with status 124 when the sessions did not come
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
