//! Provides OpenSMTPD, in a mount namespace of its own, since its paths are fixed.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::{fs, io};

use super::abilities::{Abilities, Absent, Feature, Kind, Listener, Protocol, Server, Tls};
use super::accounts::User;
use super::certificates::{Authority, Identity};
use super::home::Home;
use super::maildir::Maildir;
use super::process::Process;
use super::{DOMAINS, MAILBOXES, PACKAGES, SIZE, greets, on_free_ports};

/// The user of the machine as whom mail is delivered.
const OWNER: &str = "nobody";

/// Why nothing that needs TLS can be tried.
const NO_TLS: &str = "Debian 12's OpenSMTPD 6.8 fails every handshake with OpenSSL 3";

const ABILITIES: Abilities = Abilities {
    name: "OpenSMTPD",
    protocol: Protocol::Esmtp,
    absent: &[
        Absent::tls(Tls::StartTls, NO_TLS),
        Absent::tls(Tls::Implicit, NO_TLS),
        Absent::mechanisms(&super::abilities::MECHANISMS, "OpenSMTPD offers AUTH under TLS alone"),
    ],
    lacks: &[
        (Feature::Pipelining, "OpenSMTPD does not offer it"),
        (Feature::Chunking, "OpenSMTPD does not offer it"),
        (Feature::SmtpUtf8, "OpenSMTPD does not offer it"),
        (Feature::BadPassword, NO_TLS),
        (Feature::Passwords, NO_TLS),
        (Feature::ClientCertificate, NO_TLS),
        (Feature::MixedResults, "not LMTP"),
        (Feature::UnixSocket, "OpenSMTPD's own socket speaks another protocol"),
    ],
};

/// What runs in the namespace: the directories that OpenSMTPD looks for are put over those of the machine, for its
/// own processes alone. The arguments are the server's directory and that of the unpacked package.
const SCRIPT: &str = r#"
set -e
mount --bind "$1/spool" /var/spool
mount --bind "$1/run" /run
mount --bind "$2/usr/libexec" /usr/libexec
mount --bind "$2/var/lib" /var/lib
exec "$2/usr/sbin/smtpd" -d -f "$1/smtpd.conf"
"#;

/// An OpenSMTPD with a listener in clear, and two under TLS that fail.
#[derive(Debug)]
pub struct OpenSmtpd {
    // in the order in which they have to go
    process: Process,
    listeners: [SocketAddr; 3],
    home: Home,
}

impl OpenSmtpd {
    /// Starts it on free ports.
    ///
    /// # Errors
    /// When OpenSMTPD or its users are not there, this process is not root's, or the server does not start; the
    /// message holds its log.
    pub fn start(users: &[User]) -> io::Result<Self> {
        on_free_ports(|listeners| {
            let home = Home::new(OWNER, users)?;
            for name in ["run", "spool", "spool/smtpd"] {
                home.make(name, "root")?;
            }
            fs::set_permissions(home.path().join("spool/smtpd"), fs::Permissions::from_mode(0o711))?;
            // it refuses a key that others may read
            fs::set_permissions(&home.identity().key, fs::Permissions::from_mode(0o600))?;
            fs::write(home.path().join("smtpd.conf"), configuration(&home, listeners))?;

            let package = Path::new(PACKAGES).join("opensmtpd");
            let arguments = ["--mount", "sh", "-c", SCRIPT, "opensmtpd"].map(AsRef::as_ref);
            let arguments = arguments.into_iter().chain([home.path().as_os_str(), package.as_os_str()]);
            let log = home.path().join("log");
            let mut process =
                Process::start("OpenSMTPD", Path::new("/usr/bin/unshare"), arguments, log, home.path())?;
            process.ready(|| greets(listeners[0]))?;
            Ok(Self { process, listeners, home })
        })
    }
}

impl Server for OpenSmtpd {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    fn listeners(&self) -> Vec<Listener> {
        let [plain, starttls, implicit] = self.listeners;
        vec![
            Listener::new(Kind::Tls(Tls::None), plain).open(),
            Listener::new(Kind::Tls(Tls::StartTls), starttls),
            Listener::new(Kind::Tls(Tls::Implicit), implicit),
        ]
    }

    fn maildir(&self, mailbox: &str) -> Maildir {
        Maildir::new(&self.home.mail().join(mailbox))
    }

    fn authority(&self) -> &Authority {
        self.home.authority()
    }

    fn log(&self) -> String {
        self.process.log()
    }
}

/// `smtpd.conf`.
fn configuration(home: &Home, [plain, starttls, implicit]: [SocketAddr; 3]) -> String {
    let Identity { certificate, key } = home.identity();
    let mailboxes = MAILBOXES.into_iter().filter(|mailbox| mailbox.is_ascii());
    let mailboxes: Vec<_> = mailboxes.map(|mailbox| format!(r#""{mailbox}" = "{OWNER}""#)).collect();
    let domains = DOMAINS.map(|domain| format!(r#""{domain}""#));
    format!(
        r#"
table mailboxes {{ {mailboxes} }}
pki lab cert "{certificate}"
pki lab key "{key}"
smtp max-message-size "{SIZE}"
# more than the hundred messages of a connection
smtp limit max-mails 1000
listen on {host} port {plain} hostname mx.example.net
listen on {host} port {starttls} hostname mx.example.net tls pki lab auth
listen on {host} port {implicit} hostname mx.example.net smtps pki lab auth
action deliver maildir "{mail}/%{{rcpt}}" virtual <mailboxes>
match from any for domain {{ {domains} }} action deliver
"#,
        mailboxes = mailboxes.join(", "),
        domains = domains.join(", "),
        certificate = certificate.display(),
        key = key.display(),
        host = plain.ip(),
        plain = plain.port(),
        starttls = starttls.port(),
        implicit = implicit.port(),
        mail = home.mail().display(),
    )
}
