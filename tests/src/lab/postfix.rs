//! Provides Postfix: listeners in clear, for submission and under TLS, and local delivery into Maildirs.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::accounts::{User, system_group, system_user};
use super::certificates::{Authority, Identity};
use super::process::Server;
use super::{Dovecot, Maildir, free_addresses, wait_for};

/// The domains whose mail is delivered here; mail for others is refused.
const DOMAINS: &str = "example.org, example.net";

/// How often a start is tried when another process took a port in between.
const TRIES: usize = 5;

/// A Postfix with three listeners, each offering PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8, DSN and SIZE.
///
/// It changes nothing in a message: no field is added but those of the delivery, none is dropped, not even
/// Bcc.
#[derive(Debug)]
pub struct Postfix {
    // in the order in which they have to go
    server: Server,
    dovecot: Dovecot,
    listeners: [SocketAddr; 3],
    authority: Authority,
    users: Vec<User>,
    directory: TempDir,
}

impl Postfix {
    /// The mailboxes that exist; every other of their domains is an unknown user.
    pub const MAILBOXES: [&str; 4] =
        ["friend@example.net", "colleague@example.net", "you@example.org", "pelé@example.net"];

    /// Starts it, with a Dovecot of its own, on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When Postfix or Dovecot is not installed, this process is not root's, or a server does not start; the
    /// message holds its log.
    pub fn start() -> io::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts it with these users instead of its own one; there must be one at least.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_for(users: &[User], settings: &[(&str, &str)]) -> io::Result<Self> {
        let mut tries = 1..=TRIES;
        loop {
            tries.next();
            match Self::start_once(users, settings) {
                Err(error) if error.to_string().contains("Address already in use") && !tries.is_empty() => {}
                started => return started,
            }
        }
    }

    /// Starts it with further settings of `main.cf`, which win over the lab's own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(settings: &[(&str, &str)]) -> io::Result<Self> {
        Self::start_for(&[User::new("you@example.org", "open sesame & 1001 nights")], settings)
    }

    /// The listener without TLS and without AUTH, for mail to the domains of the lab.
    #[must_use]
    pub fn plain(&self) -> SocketAddr {
        self.listeners[0]
    }

    /// The listener that requires STARTTLS and then AUTH (RFC 6409).
    #[must_use]
    pub fn submission(&self) -> SocketAddr {
        self.listeners[1]
    }

    /// The listener under implicit TLS that requires AUTH (RFC 8314 §3.3).
    #[must_use]
    pub fn smtps(&self) -> SocketAddr {
        self.listeners[2]
    }

    /// The file, in PEM, of the authority that issued the server's certificate, which is for localhost and
    /// 127.0.0.1.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.authority.file()
    }

    /// The name of the user who may log in, the first where there are more.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.users[0].name
    }

    /// The password of that user.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.users[0].password
    }

    /// The Dovecot that it asks, whose submission server hands on to [`plain`](Self::plain).
    #[must_use]
    pub fn dovecot(&self) -> &Dovecot {
        &self.dovecot
    }

    /// The authority that issued the certificates, for those that clients show.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where the mail for one of [`MAILBOXES`](Self::MAILBOXES) lands.
    #[must_use]
    pub fn maildir(&self, mailbox: &str) -> Maildir {
        Maildir::new(&self.directory.path().join("mail").join(mailbox))
    }

    /// Waits until no message is in the queue: what has not been delivered then never will be.
    ///
    /// # Errors
    /// `TimedOut` after 30 seconds; and what reading the queue gives.
    pub fn settle(&self) -> io::Result<()> {
        let queue = self.directory.path().join("queue");
        wait_for("an empty queue of Postfix", || {
            for name in ["maildrop", "incoming", "active", "deferred"] {
                if holds_file(&queue.join(name))? {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
    }

    /// What Postfix and Dovecot logged so far, for the message of a failed test.
    #[must_use]
    pub fn log(&self) -> String {
        format!("{}{}", self.server.log(), self.dovecot.log())
    }

    /// One start on ports that were free a moment ago.
    fn start_once(users: &[User], settings: &[(&str, &str)]) -> io::Result<Self> {
        if users.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the lab needs a user who may log in"));
        }
        if !rustix::process::geteuid().is_root() {
            let message = "the lab needs root: Postfix and Dovecot change to users of their own";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let directory = tempfile::Builder::new().prefix("smtp-lab-").tempdir()?;
        let home = directory.path();
        // the servers' own users have to reach their files in it
        fs::set_permissions(home, Permissions::from_mode(0o755))?;
        let authority = Authority::new(home)?;
        let identity = authority.issue(&["localhost", "127.0.0.1"])?;
        let [plain, submission, smtps, of_dovecot @ ..] = free_addresses::<5>()?;
        let listeners = [plain, submission, smtps];
        let dovecot = Dovecot::start(home, users, &authority, &identity, of_dovecot, plain)?;

        let config = home.join("config");
        make_directories(home)?;
        write_settled(&config.join("mailboxes"), &mailboxes())?;
        write_settled(&config.join("master.cf"), &services(listeners))?;
        let main = parameters(home, &identity, dovecot.sasl(), settings)?;
        write_settled(&config.join("main.cf"), &main)?;

        let arguments = ["-c".as_ref(), config.as_os_str()];
        let program = "/usr/lib/postfix/sbin/master";
        let server = Server::start("Postfix", program, arguments, home.join("log"), home)?;
        let mut postfix = Self { server, dovecot, listeners, authority, users: users.to_vec(), directory };
        postfix.server.ready(|| greets(listeners[0]))?;
        Ok(postfix)
    }
}

/// Whether a server at `address` accepts a connection and begins a greeting.
fn greets(address: SocketAddr) -> bool {
    let mut code = [0; 3];
    TcpStream::connect(address).and_then(|mut stream| stream.read_exact(&mut code)).is_ok() && &code == b"220"
}

/// Writes a file and dates it back: Postfix reads a file that changed within the last seconds again and
/// again, lest it read half of a change.
fn write_settled(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    File::options().write(true).open(path)?.set_modified(SystemTime::now() - Duration::from_mins(1))
}

/// Whether there is a file in `directory` or below it.
fn holds_file(directory: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || holds_file(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes what `postfix start` would make: the directories of queue, data, configuration and mail.
fn make_directories(home: &Path) -> io::Result<()> {
    let (postfix, _) = system_user("postfix")?;
    let postdrop = system_group("postdrop")?;
    let (nobody, nogroup) = system_user("nobody")?;
    let make = |path: PathBuf, mode: u32, user: Option<u32>, group: Option<u32>| {
        fs::create_dir(&path)?;
        chown(&path, user, group)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))
    };
    make(home.join("config"), 0o755, None, None)?;
    make(home.join("data"), 0o700, Some(postfix), None)?;
    make(home.join("mail"), 0o755, Some(nobody), Some(nogroup))?;
    let queue = home.join("queue");
    make(queue.clone(), 0o755, None, None)?;
    make(queue.join("pid"), 0o755, None, None)?;
    make(queue.join("public"), 0o710, Some(postfix), Some(postdrop))?;
    make(queue.join("maildrop"), 0o730, Some(postfix), Some(postdrop))?;
    let private =
        ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved"];
    for name in private.into_iter().chain(["trace"]) {
        make(queue.join(name), 0o700, Some(postfix), None)?;
    }
    Ok(())
}

/// The table of mailboxes: a slash at the end says Maildir.
fn mailboxes() -> String {
    Postfix::MAILBOXES.map(|mailbox| format!("{mailbox} {mailbox}/\n")).concat()
}

/// `master.cf`: the listeners, and the services that receiving and local delivery take.
fn services([plain, submission, smtps]: [SocketAddr; 3]) -> String {
    format!(
        "\
{plain} inet n - n - - smtpd
{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"
    )
}

/// `main.cf`, with every path below `home`.
fn parameters(
    home: &Path,
    identity: &Identity,
    sasl: &Path,
    settings: &[(&str, &str)],
) -> io::Result<String> {
    let (nobody, nogroup) = system_user("nobody")?;
    let Identity { certificate, key } = identity;
    let defaults = format!(
        "\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file_prefixes = {home}
maillog_file = {home}/log
myhostname = mx.example.net
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
notify_classes =
virtual_mailbox_domains = {DOMAINS}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = texthash:{home}/config/mailboxes
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nogroup}
virtual_mailbox_limit = 0
default_transport = error:5.1.2 no mail leaves the lab
message_size_limit = 67108864
queue_minfree = 0
# messages stay as they come: no field completed, rewritten or dropped
local_header_rewrite_clients =
message_drop_headers =
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
# errors are part of the tests: none is answered late
smtpd_error_sleep_time = 0
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
",
        home = home.display(),
        certificate = certificate.display(),
        key = key.display(),
        sasl = sasl.display(),
    );
    // a parameter that is set twice is a warning, which goes to the machine's log
    let kept = |line: &&str| !settings.iter().any(|(name, _)| line.starts_with(&format!("{name} =")));
    let mut text = defaults.lines().filter(kept).collect::<Vec<_>>().join("\n") + "\n";
    for (name, value) in settings {
        writeln!(text, "{name} = {value}").map_err(io::Error::other)?;
    }
    Ok(text)
}
