//! Provides Dovecot's LMTP server, on TCP and at a unix socket, with a mailbox that is full.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use super::abilities::{Abilities, Absent, Address, Feature, Kind, Listener, Protocol, Tls};
use super::accounts::User;
use super::certificates::Identity;
use super::home::Home;
use super::process::Process;
use super::running::Running;
use super::{FULL, MAILBOXES, greets, on_free_ports};

/// The user of the machine as whom mail is delivered.
const OWNER: &str = "nobody";

/// What keeps logins out.
const NO_LOGIN: &str = "Dovecot's LMTP offers no AUTH";

const ABILITIES: Abilities = Abilities {
    name: "Dovecot LMTP",
    protocol: Protocol::Lmtp,
    absent: &[Absent::mechanisms(&super::abilities::MECHANISMS, NO_LOGIN)],
    lacks: &[
        (Feature::SmtpUtf8, "Dovecot 2.3 does not offer it"),
        (Feature::Size, "Dovecot's LMTP does not offer it"),
        (Feature::Dsn, "Dovecot's LMTP does not offer it"),
        (Feature::BadPassword, NO_LOGIN),
        (Feature::Passwords, NO_LOGIN),
        (Feature::RelayDenied, "Dovecot's LMTP knows users, and no domains of others"),
        (Feature::ClientCertificate, "Dovecot's LMTP asks for none"),
    ],
};

/// Starts it on free ports and at a unix socket: in clear and by STARTTLS, and under TLS.
pub(super) fn start(users: &[User]) -> io::Result<Running> {
    on_free_ports(|addresses| {
        let home = Home::new(OWNER, users)?;
        let socket = home.path().join("lmtp");
        fs::write(home.path().join("users"), mailboxes()?)?;
        let file = home.path().join("dovecot.conf");
        fs::write(&file, configuration(&home, addresses, &socket))?;
        let arguments = ["-F".as_ref(), "-c".as_ref(), file.as_os_str()];
        let log = home.path().join("log");
        let program = Path::new("/usr/sbin/dovecot");
        let mut process = Process::start("Dovecot LMTP", program, arguments, log, home.path())?;
        let [both, implicit] = addresses;
        process.ready(|| greets(both))?;
        let listeners = vec![
            Listener::new(Kind::Tls(Tls::None), both).open(),
            Listener::new(Kind::Tls(Tls::StartTls), both).open(),
            Listener::new(Kind::Tls(Tls::Implicit), implicit).open(),
            Listener { kind: Kind::Unix, address: Address::Unix(socket), is_open: true },
        ];
        Ok(Running::new(&ABILITIES, listeners, process, home))
    })
}

/// The mailboxes as Dovecot's passwd-file; one of them may hold fewer octets than any message has.
fn mailboxes() -> io::Result<String> {
    let mut text = String::new();
    for mailbox in MAILBOXES.into_iter().filter(|mailbox| mailbox.is_ascii()) {
        writeln!(text, "{mailbox}::::::").map_err(io::Error::other)?;
    }
    writeln!(text, "{FULL}:::::::userdb_quota_rule=*:bytes=100").map_err(io::Error::other)?;
    Ok(text)
}

/// Dovecot's configuration, with every path below the server's directory.
fn configuration(home: &Home, [both, implicit]: [SocketAddr; 2], socket: &Path) -> String {
    let Identity { certificate, key } = home.identity();
    format!(
        "\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = lmtp
hostname = mx.example.net
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
passdb {{
  driver = passwd-file
  args = username_format=%u {home}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {home}/users
  default_fields = uid={OWNER} gid=nogroup home={home}/mail/%u
}}
mail_location = maildir:{home}/mail/%u
mail_plugins = quota
plugin {{
  quota = maildir:quota
}}
service lmtp {{
  inet_listener lmtp {{
    address = {host}
    port = {both}
  }}
  inet_listener lmtps {{
    address = {host}
    port = {implicit}
    ssl = yes
  }}
  unix_listener {socket} {{
    mode = 0600
  }}
}}
",
        home = home.path().display(),
        certificate = certificate.display(),
        key = key.display(),
        host = both.ip(),
        both = both.port(),
        implicit = implicit.port(),
        socket = socket.display(),
    )
}
