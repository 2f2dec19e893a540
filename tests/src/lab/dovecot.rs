//! Provides Dovecot: the SASL server that Postfix asks.

use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::path::{Path, PathBuf};
use std::{fmt::Write as _, fs, io};

use super::accounts::User;
use super::process::Server;

/// A Dovecot that knows the passwords of some users and tells other servers whether a login is right.
#[derive(Debug)]
pub struct Dovecot {
    server: Server,
    sasl: PathBuf,
}

impl Dovecot {
    /// Starts it in `directory`, which must exist and be readable by everyone.
    ///
    /// The mechanisms are PLAIN, LOGIN and CRAM-MD5 and the SCRAM family that Dovecot has; the passwords are
    /// in a passwd-file.
    ///
    /// # Errors
    /// When Dovecot is not installed, this process is not root's, or the server does not start.
    pub fn start(directory: &Path, users: &[User]) -> io::Result<Self> {
        let home = directory.join("dovecot");
        fs::DirBuilder::new().mode(0o755).create(&home)?;
        let mut entries = String::new();
        for User { name, password } in users {
            writeln!(entries, "{name}:{{PLAIN}}{password}").map_err(io::Error::other)?;
        }
        fs::write(home.join("users"), entries)?;
        let file = home.join("dovecot.conf");
        fs::write(&file, configuration(&home))?;

        let log = home.join("log");
        let arguments = ["-F".as_ref(), "-c".as_ref(), file.as_os_str()];
        let server = Server::start("Dovecot", "/usr/sbin/dovecot", arguments, log, directory)?;
        let mut dovecot = Self { server, sasl: home.join("sasl") };
        let sasl = dovecot.sasl.clone();
        dovecot.server.ready(|| fs::metadata(&sasl).is_ok_and(|found| found.file_type().is_socket()))?;
        Ok(dovecot)
    }

    /// The unix socket of Dovecot's authentication protocol, open to the user `postfix`.
    #[must_use]
    pub fn sasl(&self) -> &Path {
        &self.sasl
    }

    /// What Dovecot logged so far, for the message of a failed test.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// Dovecot's configuration, with every path below `home`.
fn configuration(home: &Path) -> String {
    let home = home.display();
    format!(
        "\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
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
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%u
}}
service auth {{
  unix_listener {home}/sasl {{
    mode = 0600
    user = postfix
  }}
}}
"
    )
}
