//! Provides Postfix: listeners in clear, for submission and under TLS, and local delivery into Maildirs.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::abilities::{Abilities, Absent, Feature, Kind, Listener, Protocol, Server, Tls};
use super::accounts::{PASSWORD, USER, User, system_group, system_user};
use super::certificates::{Authority, Identity};
use super::home::Home;
use super::process::Process;
use super::{DOMAINS, Dovecot, MAILBOXES, Maildir, greets, on_free_ports};
use crate::waiting::wait_for;

/// The user of the machine as whom mail is delivered.
const OWNER: &str = "nobody";

const ABILITIES: Abilities = Abilities {
    name: "Postfix",
    protocol: Protocol::Esmtp,
    absent: &[
        Absent::mechanisms(&["EXTERNAL"], "Postfix 3.7 tells Dovecot of no client certificate"),
        Absent::mechanisms(
            &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"],
            "Dovecot has channel bindings from 2.4 on",
        ),
        Absent::mechanisms(&["ANONYMOUS"], "Postfix leaves it out unless it is told otherwise"),
    ],
    lacks: &[(Feature::MixedResults, "not LMTP"), (Feature::UnixSocket, "smtpd listens on TCP only here")],
};

/// A Postfix with five listeners, each offering PIPELINING, CHUNKING, 8BITMIME, SMTPUTF8, DSN and SIZE.
///
/// It changes nothing in a message: no field is added but those of the delivery, none is dropped, not even
/// Bcc.
#[derive(Debug)]
pub struct Postfix {
    // in the order in which they have to go
    process: Process,
    dovecot: Dovecot,
    listeners: [SocketAddr; 5],
    home: Arc<Home>,
}

impl Postfix {
    /// The mailboxes that exist; every other of their domains is an unknown user.
    pub const MAILBOXES: [&str; 4] = MAILBOXES;

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
        on_free_ports(|addresses| Self::start_once(users, settings, addresses))
    }

    /// Starts it with further settings of `main.cf`, which win over the lab's own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(settings: &[(&str, &str)]) -> io::Result<Self> {
        Self::start_for(&[User::new(USER, PASSWORD)], settings)
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
        self.home.authority().file()
    }

    /// The name of the user who may log in, the first where there are more.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.home.users()[0].name
    }

    /// The password of that user.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.home.users()[0].password
    }

    /// The Dovecot that it asks, whose submission server hands on to [`plain`](Self::plain).
    #[must_use]
    pub fn dovecot(&self) -> &Dovecot {
        &self.dovecot
    }

    /// The authority that issued the certificates, for those that clients show.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        self.home.authority()
    }

    /// Where the mail for one of [`MAILBOXES`](Self::MAILBOXES) lands.
    #[must_use]
    pub fn maildir(&self, mailbox: &str) -> Maildir {
        Maildir::new(&self.home.mail().join(mailbox))
    }

    /// Waits until no message is in the queue: what has not been delivered then never will be.
    ///
    /// # Errors
    /// `TimedOut` after 30 seconds; and what reading the queue gives.
    pub fn settle(&self) -> io::Result<()> {
        let queue = self.home.path().join("queue");
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
        format!("{}{}", self.process.log(), self.dovecot.log())
    }

    /// One start on ports that were free a moment ago.
    fn start_once(
        users: &[User],
        settings: &[(&str, &str)],
        [plain, submission, smtps, certificate, clear, of_dovecot @ ..]: [SocketAddr; 7],
    ) -> io::Result<Self> {
        let home = Arc::new(Home::new(OWNER, users)?);
        let listeners = [plain, submission, smtps, certificate, clear];
        let dovecot = Dovecot::start(&home, of_dovecot, plain)?;
        make_directories(&home)?;
        let config = home.path().join("config");
        write_settled(&config.join("mailboxes"), &mailboxes())?;
        write_settled(&config.join("master.cf"), &services(listeners))?;
        let main = parameters(&home, dovecot.sasl(), settings)?;
        write_settled(&config.join("main.cf"), &main)?;

        let arguments = ["-c".as_ref(), config.as_os_str()];
        let program = Path::new("/usr/lib/postfix/sbin/master");
        let process = Process::start("Postfix", program, arguments, home.path().join("log"), home.path())?;
        let mut postfix = Self { process, dovecot, listeners, home };
        postfix.process.ready(|| greets(plain))?;
        Ok(postfix)
    }
}

impl Server for Postfix {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    fn listeners(&self) -> Vec<Listener> {
        let [_, submission, smtps, certificate, clear] = self.listeners;
        vec![
            Listener::new(Kind::Tls(Tls::None), clear).open(),
            Listener::new(Kind::Tls(Tls::StartTls), submission),
            Listener::new(Kind::Tls(Tls::Implicit), smtps),
            Listener::new(Kind::Certificate(Tls::Implicit), certificate).open(),
        ]
    }

    fn maildir(&self, mailbox: &str) -> Maildir {
        Self::maildir(self, mailbox)
    }

    fn authority(&self) -> &Authority {
        Self::authority(self)
    }

    fn log(&self) -> String {
        Self::log(self)
    }
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

/// Makes what `postfix start` would make: the directories of queue, data and configuration.
fn make_directories(home: &Home) -> io::Result<()> {
    let home = home.path();
    let (postfix, _) = system_user("postfix")?;
    let postdrop = system_group("postdrop")?;
    let make = |path: PathBuf, mode: u32, user: Option<u32>, group: Option<u32>| {
        fs::create_dir(&path)?;
        chown(&path, user, group)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))
    };
    make(home.join("config"), 0o755, None, None)?;
    make(home.join("data"), 0o700, Some(postfix), None)?;
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
    MAILBOXES.map(|mailbox| format!("{mailbox} {mailbox}/\n")).concat()
}

/// `master.cf`: the listeners, and the services that receiving and local delivery take.
fn services([plain, submission, smtps, certificate, clear]: [SocketAddr; 5]) -> String {
    format!(
        "\
{plain} inet n - n - - smtpd
{clear} inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=no
{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
{certificate} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_tls_req_ccert=yes
  -o smtpd_client_restrictions=permit_tls_all_clientcerts,reject
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
fn parameters(home: &Home, sasl: &Path, settings: &[(&str, &str)]) -> io::Result<String> {
    let (user, group) = system_user(OWNER)?;
    let Identity { certificate, key } = home.identity();
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
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = texthash:{home}/config/mailboxes
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{group}
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
smtpd_tls_CAfile = {authority}
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
",
        home = home.path().display(),
        domains = DOMAINS.join(", "),
        authority = home.authority().file().display(),
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
