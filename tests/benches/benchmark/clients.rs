//! Defines the clients that are measured, and how each is told to send the same load.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The word by which this program is asked to be lettre.
pub(crate) const LETTRE: &str = "be-lettre";
/// Where programs are found: Postfix has its own outside of everybody's path.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) messages: u64,
    pub(crate) recipients: usize,
    pub(crate) connections: usize,
    /// How many messages may await their reply at once, for who can do that.
    pub(crate) in_flight: usize,
    /// The size of each message.
    pub(crate) octets: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self { messages: 1, recipients: 1, connections: 1, in_flight: 1, octets: 1024 }
    }
}

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// `smtp-cli` as it is now.
    Ours,
    /// The same with OpenSSL linked in.
    Static,
    /// An older build of it.
    Before,
    SmtpSource,
    Curl,
    Smtplib,
    Lettre,
    Msmtp,
    Swaks,
}

impl Client {
    /// All others.
    pub(crate) const PEERS: [Self; 8] = [
        Self::Static,
        Self::Before,
        Self::SmtpSource,
        Self::Curl,
        Self::Smtplib,
        Self::Lettre,
        Self::Msmtp,
        Self::Swaks,
    ];

    /// What it is called in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "smtp-cli",
            Self::Static => "smtp-cli, OpenSSL linked in",
            Self::Before => "smtp-cli before",
            Self::SmtpSource => "smtp-source",
            Self::Curl => "curl",
            Self::Smtplib => "smtplib",
            Self::Lettre => "lettre",
            Self::Msmtp => "msmtp",
            Self::Swaks => "swaks",
        }
    }

    /// Whether it can send several messages over one connection, and over several.
    pub(crate) const fn can(self, load: &Load) -> bool {
        match self {
            Self::Ours | Self::Before | Self::SmtpSource => true,
            Self::Smtplib | Self::Lettre => load.connections == 1,
            // It differs in how it starts.
            Self::Static | Self::Curl | Self::Msmtp | Self::Swaks => {
                load.messages == 1 && load.connections == 1
            }
        }
    }
}

/// The programs that are there.
#[derive(Debug)]
pub(crate) struct Programs {
    /// `smtp-cli`.
    pub(crate) ours: PathBuf,
    /// The same with OpenSSL linked in, where there is what that takes.
    linked: Option<PathBuf>,
    /// An older build of it, if one is given.
    before: Option<PathBuf>,
    /// `smtp-mock`.
    pub(crate) mock: PathBuf,
    /// Messages, and whatever else has to lie in a file.
    pub(crate) directory: TempDir,
}

impl Programs {
    /// Builds those of the workspace, or the server only.
    pub(crate) fn find(only_server: bool) -> io::Result<Self> {
        let this = std::env::current_exe()?;
        // Beside the directory of this program.
        let release = this.ancestors().nth(2).unwrap_or_else(|| Path::new("."));
        let packages: &[&str] = if only_server { &["smtp-mock"] } else { &["smtp-cli", "smtp-mock"] };
        build(packages, release.parent().unwrap_or(release), &[])?;
        let linked = release.with_file_name("static");
        let linked = match (of_openssl("libdir"), of_openssl("includedir")) {
            (Some(libraries), Some(headers))
                if !only_server && Path::new(&libraries).join("libssl.a").exists() =>
            {
                let variables = [("STATIC", "1"), ("LIB_DIR", &libraries), ("INCLUDE_DIR", &headers)];
                build(&["smtp-cli"], &linked, &variables)?;
                Some(linked.join("release").join("smtp-cli"))
            }
            _ => None,
        };
        Ok(Self {
            ours: release.join("smtp-cli"),
            linked,
            before: std::env::var_os("SMTP_CLI_BEFORE").map(PathBuf::from),
            mock: release.join("smtp-mock"),
            directory: tempfile::tempdir()?,
        })
    }

    /// Those of the peers that are installed and can send that.
    pub(crate) fn peers(&self, load: &Load) -> Vec<Client> {
        Client::PEERS
            .into_iter()
            .filter(|client| client.can(load) && self.version(*client).is_some())
            .collect()
    }

    /// The version of a client; `None` when it is not installed.
    pub(crate) fn version(&self, client: Client) -> Option<String> {
        let words: &[&str] = match client {
            Client::Ours => &[self.ours.to_str()?, "--version"],
            Client::Static => &[self.linked.as_ref()?.to_str()?, "--version"],
            Client::Before => &[self.before.as_ref()?.to_str()?, "--version"],
            Client::SmtpSource => &["postconf", "-d", "-h", "mail_version"],
            Client::Curl => &["curl", "--version"],
            Client::Smtplib => &["python3", "--version"],
            Client::Lettre => return Some("0.11".to_string()),
            Client::Msmtp => &["msmtp", "--version"],
            Client::Swaks => &["swaks", "--version"],
        };
        let done = Command::new(words[0]).args(&words[1..]).env("PATH", PATH).output().ok()?;
        let text = String::from_utf8_lossy(&done.stdout);
        let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        Some(version.to_string())
    }

    /// A message of so many octets in a file; what it holds is text in lines of 64 octets.
    pub(crate) fn message(&self, octets: u64) -> io::Result<PathBuf> {
        use io::Write as _;

        let path = self.directory.path().join(format!("{octets}.eml"));
        if path.exists() {
            return Ok(path);
        }
        let header = "From: Alice <alice@example.org>\r\nTo: Bob <bob@example.net>\r\nSubject: a test\r\n\
                      Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n";
        let mut file = io::BufWriter::new(std::fs::File::create(&path)?);
        file.write_all(header.as_bytes())?;
        let line = [[b'x'; 62].as_slice(), b"\r\n"].concat();
        let block = line.repeat(1024);
        let mut left = octets.saturating_sub(header.len() as u64 + 2);
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            file.write_all(&block[..count])?;
            left -= count as u64;
        }
        file.write_all(b"\r\n")?;
        file.into_inner()?.sync_data()?;
        Ok(path)
    }

    /// The words to send that.
    pub(crate) fn words(&self, client: Client, to: SocketAddr, load: &Load) -> io::Result<Vec<OsString>> {
        let message = self.message(load.octets)?;
        let recipients = (0..load.recipients).map(|index| format!("r{index}@example.net"));
        let Load { messages, connections, in_flight, .. } = *load;
        let mut words: Vec<OsString> = Vec::new();
        let mut add = |all: &[&str]| words.extend(all.iter().map(OsString::from));
        let (host, port) = (to.ip().to_string(), to.port().to_string());
        let (messages, connections, in_flight) =
            (messages.to_string(), connections.to_string(), in_flight.to_string());
        let path = message.to_string_lossy();
        match client {
            Client::Ours | Client::Static | Client::Before => {
                let program = match client {
                    Client::Ours => Some(&self.ours),
                    Client::Static => self.linked.as_ref(),
                    _ => self.before.as_ref(),
                };
                add(&[&program.map(|program| program.to_string_lossy()).unwrap_or_default()]);
                add(&["send", "--quiet", "--server", &to.to_string(), "--tls", "none", "--eml", &path]);
                add(&["--repeat", &messages, "--connections", &connections, "--in-flight", &in_flight]);
                for recipient in recipients {
                    add(&["--rcpt", &recipient]);
                }
            }
            Client::SmtpSource => {
                let (octets, count) = (load.octets.to_string(), load.recipients.to_string());
                add(&["smtp-source", "-d", "-m", &messages, "-s", &connections, "-l", &octets, "-r", &count]);
                add(&["-f", "alice@example.org", "-t", "bob@example.net", &to.to_string()]);
            }
            Client::Curl => {
                add(&["curl", "--silent", "--show-error", "--url", &format!("smtp://{to}/client.example")]);
                add(&["--mail-from", "alice@example.org", "--upload-file", &path]);
                for recipient in recipients {
                    add(&["--mail-rcpt", &recipient]);
                }
            }
            Client::Smtplib => {
                let script = "import smtplib, sys\n\
                              host, port, count, rcpts, path = sys.argv[1:]\n\
                              message = open(path, 'rb').read()\n\
                              to = ['r%d@example.net' % i for i in range(int(rcpts))]\n\
                              with smtplib.SMTP(host, int(port), local_hostname='client.example') as smtp:\n \
                              for _ in range(int(count)): smtp.sendmail('alice@example.org', to, message)\n";
                add(&["python3", "-c", script, &host, &port, &messages, &load.recipients.to_string(), &path]);
            }
            Client::Lettre => {
                let this = std::env::current_exe()?;
                add(&[
                    &this.to_string_lossy(),
                    LETTRE,
                    &host,
                    &port,
                    &messages,
                    &load.recipients.to_string(),
                    &path,
                ]);
            }
            Client::Msmtp => {
                add(&["sh", "-c", "exec <\"$1\"; shift; exec \"$@\"", "sh", &path, "msmtp", "--host", &host]);
                add(&["--port", &port, "--from", "alice@example.org", "--"]);
                for recipient in recipients {
                    add(&[&recipient]);
                }
            }
            Client::Swaks => {
                let to = recipients.collect::<Vec<_>>().join(",");
                add(&[
                    "swaks",
                    "--silent",
                    "3",
                    "--server",
                    &host,
                    "--port",
                    &port,
                    "--helo",
                    "client.example",
                ]);
                add(&["--from", "alice@example.org", "--to", &to, "--data", &path]);
            }
        }
        Ok(words)
    }
}

/// Where the system has OpenSSL.
fn of_openssl(variable: &str) -> Option<String> {
    let asked =
        Command::new("pkg-config").arg(format!("--variable={variable}")).arg("openssl").output().ok()?;
    let place = String::from_utf8_lossy(&asked.stdout).trim().to_string();
    (!place.is_empty()).then_some(place)
}

/// Builds programs of the workspace below a directory, with what openssl-sys is told by these variables.
fn build(packages: &[&str], directory: &Path, openssl: &[(&str, &str)]) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .arg("--target-dir")
        .arg(directory)
        .envs(openssl.iter().map(|(name, value)| (format!("OPENSSL_{name}"), value)))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if built.success() { Ok(()) } else { Err(io::Error::other("the programs cannot be built")) }
}

/// A run of lettre, as a process of its own.
#[derive(Debug)]
pub(crate) struct Lettre {
    host: String,
    port: u16,
    messages: u64,
    recipients: usize,
    message: Vec<u8>,
}

impl Lettre {
    /// Reads what [`Programs::words`] wrote.
    pub(crate) fn parse(words: &[String]) -> io::Result<Self> {
        let [host, port, messages, recipients, path] = words else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok(Self {
            host: host.clone(),
            port: port.parse().map_err(io::Error::other)?,
            messages: messages.parse().map_err(io::Error::other)?,
            recipients: recipients.parse().map_err(io::Error::other)?,
            message: std::fs::read(path)?,
        })
    }

    /// Sends.
    pub(crate) fn send(&self) -> io::Result<()> {
        use lettre::transport::smtp::PoolConfig;
        use lettre::{SmtpTransport, Transport as _, address::Envelope};

        let transport = SmtpTransport::builder_dangerous(&self.host)
            .port(self.port)
            .pool_config(PoolConfig::new().max_size(1))
            .build();
        let address = |text: String| text.parse().map_err(io::Error::other);
        let to = (0..self.recipients).map(|index| address(format!("r{index}@example.net")));
        let to = to.collect::<io::Result<Vec<_>>>()?;
        let from = address("alice@example.org".to_string())?;
        let envelope = Envelope::new(Some(from), to).map_err(io::Error::other)?;
        for _ in 0..self.messages {
            transport.send_raw(&envelope, &self.message).map_err(io::Error::other)?;
        }
        Ok(())
    }
}
