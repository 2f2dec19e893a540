//! Provides Exim: PRDR and PIPECONNECT beside the usual extensions, passwords of its own, and Dovecot for the other
//! mechanisms.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::abilities::{Abilities, Absent, Feature, Kind, Listener, Protocol, Tls};
use super::accounts::{USER, User};
use super::certificates::Identity;
use super::home::Home;
use super::process::Process;
use super::running::Running;
use super::{DOMAINS, MAILBOXES, PACKAGES, SIZE, greets, on_free_ports};

/// The user of the machine that Exim becomes.
const OWNER: &str = "Debian-exim";

const ABILITIES: Abilities = Abilities {
    name: "Exim",
    protocol: Protocol::Esmtp,
    absent: &[
        Absent::mechanisms(
            &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"],
            "Dovecot, which Exim asks, has channel bindings from 2.4 on",
        ),
        Absent::mechanisms(&["ANONYMOUS"], "the lab's Exim has no authenticator for it"),
    ],
    lacks: &[(Feature::MixedResults, "not LMTP"), (Feature::UnixSocket, "Exim listens on TCP only")],
};

/// Starts it on free ports: in clear, by STARTTLS, under TLS, and under TLS for clients with a certificate. It delivers at
/// once, as the user of its package; `sasl` is the socket of a Dovecot that knows the same users.
pub(super) fn start(users: &[User], sasl: &Path) -> io::Result<Running> {
    on_free_ports(|addresses| {
        let home = Home::new(OWNER, users)?;
        let spool = home.make("spool", OWNER)?;
        let program = Path::new(PACKAGES).join("exim4/usr/sbin/exim4");
        let file = home.path().join("exim.conf");
        fs::write(home.path().join("mailboxes"), mailboxes())?;
        fs::write(home.path().join("passwords"), passwords(users)?)?;
        fs::write(&file, configuration(&home, &program, addresses, sasl))?;

        // -bdf: a daemon that stays in the foreground, and runs no queue
        let arguments = ["-C".as_ref(), file.as_os_str(), "-bdf".as_ref()];
        let mut process = Process::start("Exim", &program, arguments, spool.join("mainlog"), home.path())?;
        let [plain, starttls, implicit, certificate] = addresses;
        process.ready(|| greets(plain))?;
        let listeners = vec![
            Listener::new(Kind::Tls(Tls::None), plain).open(),
            Listener::new(Kind::Tls(Tls::StartTls), starttls),
            Listener::new(Kind::Tls(Tls::Implicit), implicit),
            Listener::new(Kind::Certificate(Tls::Implicit), certificate).open(),
        ];
        Ok(Running::new(&ABILITIES, listeners, process, home))
    })
}

/// The mailboxes, each with the name of its directory: what comes from the network is no path.
fn mailboxes() -> String {
    MAILBOXES.map(|mailbox| format!("{mailbox}: {mailbox}\n")).concat()
}

/// The passwords in base64, in which no blank and no quote has a meaning.
fn passwords(users: &[User]) -> io::Result<String> {
    let mut text = String::new();
    for User { name, password } in users {
        writeln!(text, "{name}: {}", STANDARD.encode(password)).map_err(io::Error::other)?;
    }
    Ok(text)
}

/// Exim's configuration, with every path but the program's below the server's directory.
fn configuration(
    home: &Home,
    program: &Path,
    [plain, starttls, implicit, certificate]: [SocketAddr; 4],
    sasl: &Path,
) -> String {
    let Identity { certificate: shown, key } = home.identity();
    format!(
        "\
exim_path = {program}
spool_directory = {home}/spool
log_file_path = {home}/spool/%slog
pid_file_path = {home}/spool/exim.pid
primary_hostname = mx.example.net
domainlist local_domains = {domains}
keep_environment =
add_environment =
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {plain} : {starttls} : {implicit} : {demanding}
tls_on_connect_ports = {implicit} : {demanding}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{plain}}}{{}}{{*}}}}
tls_certificate = {shown}
tls_privatekey = {key}
tls_verify_certificates = {authority}
# a client may show a certificate, which is then the user of EXTERNAL
tls_verify_hosts = ${{if eq{{$received_port}}{{{demanding}}}{{*}}{{}}}}
tls_try_verify_hosts = *
message_size_limit = {SIZE}
chunking_advertise_hosts = *
dsn_advertise_hosts = *
prdr_enable = true
smtputf8_advertise_hosts = *
smtp_accept_max = 100
# a port that is taken is an error, and nothing to wait for
daemon_startup_retries = 0
# all messages of a connection are delivered at once, not the first ten
smtp_accept_queue_per_connection = 0
host_lookup =
rfc1413_hosts =
deliver_drop_privilege = true
acl_smtp_rcpt = recipient
acl_smtp_data = accept
begin acl
recipient:
  deny message = relaying denied
    domains = ! +local_domains
    ! authenticated = *
  deny message = log in first
    condition = ${{if or{{{{eq{{$received_port}}{{{starttls}}}}}{{eq{{$received_port}}{{{implicit}}}}}}}}}
    ! authenticated = *
  require message = no such user here
    verify = recipient
  accept
begin routers
mailboxes:
  driver = accept
  domains = +local_domains
  condition = ${{lookup{{$local_part@$domain}}lsearch{{{home}/mailboxes}}{{true}}{{false}}}}
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {home}/mail/${{lookup{{$local_part@$domain}}lsearch{{{home}/mailboxes}}{{$value}}fail}}
  create_directory
  return_path_add
  envelope_to_add
  user = {OWNER}
",
        program = program.display(),
        home = home.path().display(),
        domains = DOMAINS.join(" : "),
        plain = plain.port(),
        starttls = starttls.port(),
        implicit = implicit.port(),
        demanding = certificate.port(),
        shown = shown.display(),
        key = key.display(),
        authority = home.authority().file().display(),
    ) + &authenticators(home.path(), sasl)
}

/// The part of the configuration about logins: passwords in a file, certificates, and for the rest Dovecot.
fn authenticators(home: &Path, sasl: &Path) -> String {
    let own = format!(
        "\
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{${{base64:$auth3}}}}{{${{lookup{{$auth2}}lsearch{{{home}/passwords}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if eq{{${{base64:$auth2}}}}{{${{lookup{{$auth1}}lsearch{{{home}/passwords}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{base64d:${{lookup{{$auth1}}lsearch{{{home}/passwords}}{{$value}}fail}}}}
  server_set_id = $auth1
certificate:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = ${{certextract{{subject,CN}}{{$tls_in_peercert}}}}
  server_condition = ${{if eq{{$auth2}}{{{USER}}}}}
  server_set_id = $auth2
",
        home = home.display(),
    );
    let of_dovecot = ["SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"].map(|name| {
        format!(
            "\
{section}:
  driver = dovecot
  public_name = {name}
  server_socket = {sasl}
  server_set_id = $auth1
",
            // names of sections are letters, digits and underscores
            section = name.to_lowercase().replace('-', "_"),
            sasl = sasl.display()
        )
    });
    own + &of_dovecot.concat()
}
