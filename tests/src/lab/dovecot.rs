//! Provides Dovecot: the SASL server that Postfix asks, and a submission server of its own.

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt::Write as _, fs, io};

use super::SIZE;
use super::abilities::{Abilities, Absent, Feature, Kind, Listener, Protocol, Server, Tls};
use super::accounts::User;
use super::certificates::{Authority, Identity};
use super::home::Home;
use super::maildir::Maildir;
use super::process::Process;
use super::token::Issuer;

const ABILITIES: Abilities = Abilities {
    name: "Dovecot",
    protocol: Protocol::Esmtp,
    absent: &[
        Absent::mechanisms(
            &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"],
            "Dovecot has channel bindings from 2.4 on",
        ),
        Absent::mechanisms(&["ANONYMOUS"], "Dovecot's submission server never offers it"),
    ],
    lacks: &[
        (Feature::SmtpUtf8, "Dovecot 2.3 does not offer it"),
        (Feature::Dsn, "Dovecot 2.3 does not offer it, though the next server does"),
        (Feature::RelayDenied, "it takes nothing at all without a login"),
        (Feature::ClientCertificate, "it is required of no or of all listeners; EXTERNAL shows one"),
        (Feature::MixedResults, "not LMTP"),
        (Feature::UnixSocket, "its submission server listens on TCP only"),
    ],
};

/// A Dovecot that knows the passwords of some users: it tells other servers whether a login is right, and takes
/// messages itself from whoever is logged in (RFC 6409), which it hands on to another server.
#[derive(Debug)]
pub struct Dovecot {
    // in the order in which they have to go
    process: Process,
    sasl: PathBuf,
    listeners: [SocketAddr; 2],
    issuer: Issuer,
    home: Arc<Home>,
}

impl Dovecot {
    /// The mechanisms that its own listeners offer.
    ///
    /// Who asks by the socket is offered all but EXTERNAL, for want of the client's certificate, and ANONYMOUS besides,
    /// which Dovecot's submission server hides. The -PLUS mechanisms came with Dovecot 2.4.
    pub const MECHANISMS: [&str; 8] =
        ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "EXTERNAL"];

    /// Starts it in the directory of the server at `relay`, which everything that it takes goes on to, with listeners at
    /// these addresses: one for STARTTLS, which it does not insist on, and one under implicit TLS.
    ///
    /// Passwords are in a passwd-file; a token is whatever [`token`](Self::token) made; a certificate is any that the
    /// authority issued, and its common name is the user.
    pub(super) fn start(
        shared: &Arc<Home>,
        listeners: [SocketAddr; 2],
        relay: SocketAddr,
    ) -> io::Result<Self> {
        let home = shared.make("dovecot", "root")?;
        let mut entries = String::new();
        for User { name, password } in shared.users() {
            writeln!(entries, "{name}:{{PLAIN}}{password}").map_err(io::Error::other)?;
        }
        fs::write(home.join("users"), entries)?;
        let issuer = Issuer::new(&home)?;
        fs::write(home.join("tokens.conf"), tokens(&issuer))?;
        let file = home.join("dovecot.conf");
        fs::write(&file, configuration(&home, shared.authority(), shared.identity(), listeners, relay))?;

        let log = home.join("log");
        let arguments = ["-F".as_ref(), "-c".as_ref(), file.as_os_str()];
        let program = Path::new("/usr/sbin/dovecot");
        let process = Process::start("Dovecot", program, arguments, log, shared.path())?;
        let sasl = home.join("sasl");
        let mut dovecot = Self { process, sasl, listeners, issuer, home: Arc::clone(shared) };
        let sasl = dovecot.sasl.clone();
        dovecot.process.ready(|| fs::metadata(&sasl).is_ok_and(|found| found.file_type().is_socket()))?;
        Ok(dovecot)
    }

    /// The unix socket of Dovecot's authentication protocol, open to every server of the lab.
    #[must_use]
    pub fn sasl(&self) -> &Path {
        &self.sasl
    }

    /// Dovecot's own listener for STARTTLS that requires AUTH (RFC 6409), also in clear.
    #[must_use]
    pub fn submission(&self) -> SocketAddr {
        self.listeners[0]
    }

    /// Dovecot's own listener under implicit TLS that requires AUTH (RFC 8314 §3.3).
    #[must_use]
    pub fn submissions(&self) -> SocketAddr {
        self.listeners[1]
    }

    /// A bearer token (RFC 6750) for a user, as an authorization server would issue it: good for an hour.
    ///
    /// # Errors
    /// When the clock of the machine stands before 1970.
    pub fn token(&self, user: &str) -> io::Result<String> {
        self.issuer.token(user)
    }

    /// What Dovecot logged so far, for the message of a failed test.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Server for Dovecot {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    fn listeners(&self) -> Vec<Listener> {
        let [both, implicit] = self.listeners;
        vec![
            Listener::new(Kind::Tls(Tls::None), both),
            Listener::new(Kind::Tls(Tls::StartTls), both),
            Listener::new(Kind::Tls(Tls::Implicit), implicit),
        ]
    }

    fn maildir(&self, mailbox: &str) -> Maildir {
        // it hands on to the other server, which delivers
        Maildir::new(&self.home.mail().join(mailbox)).behind(2)
    }

    fn authority(&self) -> &Authority {
        self.home.authority()
    }

    fn log(&self) -> String {
        self.process.log()
    }
}

/// Dovecot's configuration, with every path below `home`.
fn configuration(
    home: &Path,
    authority: &Authority,
    Identity { certificate, key }: &Identity,
    [submission, submissions]: [SocketAddr; 2],
    relay: SocketAddr,
) -> String {
    format!(
        "\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = submission
hostname = mx.example.net
# STARTTLS is there for who asks
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_ca = <{authority}
ssl_require_crl = no
# a client may show a certificate, which is then the user of EXTERNAL
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
# the socket for other servers is asked for logins in clear
disable_plaintext_auth = no
auth_mechanisms = {mechanisms} anonymous
# a refused login is answered at once: tests wait for that answer
auth_failure_delay = 0
service anvil {{
  # and so is the next one: without this socket Dovecot counts no failures to slow an address down
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = scheme=PLAIN username_format=%u {home}/users
}}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {home}/tokens.conf
}}
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=yes
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%u
}}
service auth {{
  unix_listener {home}/sasl {{
    mode = 0666
  }}
}}
mail_location = maildir:{home}/mail/%u
submission_max_mail_size = {SIZE}
submission_relay_host = {relay_host}
submission_relay_port = {relay_port}
service submission-login {{
  inet_listener submission {{
    address = {host}
    port = {submission}
  }}
  inet_listener submissions {{
    address = {host}
    port = {submissions}
    ssl = yes
  }}
}}
",
        home = home.display(),
        certificate = certificate.display(),
        key = key.display(),
        authority = authority.file().display(),
        mechanisms = Dovecot::MECHANISMS.join(" ").to_lowercase(),
        relay_host = relay.ip(),
        relay_port = relay.port(),
        host = submission.ip(),
        submission = submission.port(),
        submissions = submissions.port(),
    )
}

/// How tokens are judged: by their signature, without a question to any other server.
fn tokens(issuer: &Issuer) -> String {
    format!(
        "\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={}/
username_attribute = sub
",
        issuer.keys().display()
    )
}
