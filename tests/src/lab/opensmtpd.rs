//! Provides OpenSMTPD, in a mount namespace of its own, since its paths are fixed.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::{fs, io};

use super::abilities::{Abilities, Absent, Feature, Kind, Listener, Protocol, Tls};
use super::accounts::User;
use super::certificates::Identity;
use super::home::Home;
use super::process::Process;
use super::running::Running;
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

/// Starts it on free ports: in clear, and by STARTTLS and under TLS, which fail.
pub(super) fn start(users: &[User]) -> io::Result<Running> {
    on_free_ports(|addresses| {
        let home = Home::new(OWNER, users)?;
        for name in ["run", "spool", "spool/smtpd"] {
            home.make(name, "root")?;
        }
        fs::set_permissions(home.path().join("spool/smtpd"), fs::Permissions::from_mode(0o711))?;
        // it refuses a key that others may read
        fs::set_permissions(&home.identity().key, fs::Permissions::from_mode(0o600))?;
        fs::write(home.path().join("smtpd.conf"), configuration(&home, addresses))?;

        let package = Path::new(PACKAGES).join("opensmtpd");
        let arguments = ["--mount", "sh", "-c", SCRIPT, "opensmtpd"].map(AsRef::as_ref);
        let arguments = arguments.into_iter().chain([home.path().as_os_str(), package.as_os_str()]);
        let log = home.path().join("log");
        let program = Path::new("/usr/bin/unshare");
        let mut process = Process::start("OpenSMTPD", program, arguments, log, home.path())?;
        let [plain, starttls, implicit] = addresses;
        process.ready(|| greets(plain))?;
        let listeners = vec![
            Listener::new(Kind::Tls(Tls::None), plain).open(),
            Listener::new(Kind::Tls(Tls::StartTls), starttls),
            Listener::new(Kind::Tls(Tls::Implicit), implicit),
        ];
        Ok(Running::new(&ABILITIES, listeners, process, home))
    })
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
