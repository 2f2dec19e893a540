//! Provides what every server of the lab lives in: one temporary directory with its certificates and its mail.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::accounts::{User, system_user};
use super::certificates::{Authority, Identity};

/// The directory of a server, removed with it, and the certificates and users that it knows.
#[derive(Debug)]
pub(super) struct Home {
    directory: TempDir,
    authority: Authority,
    identity: Identity,
    users: Vec<User>,
}

impl Home {
    /// Makes one, for a server whose mail is delivered by the user `owner` of the machine.
    ///
    /// # Errors
    /// When this process is not root's, there is no such user, or a file cannot be made.
    pub(super) fn new(owner: &str, users: &[User]) -> io::Result<Self> {
        if !rustix::process::geteuid().is_root() {
            let message = "the lab needs root: its servers change to users of their own";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        if users.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the lab needs a user who may log in"));
        }
        let directory = tempfile::Builder::new().prefix("smtp-lab-").tempdir()?;
        // the servers' own users have to reach their files in it
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let authority = Authority::new(directory.path())?;
        let identity = authority.issue(&["localhost", "127.0.0.1"])?;
        let home = Self { directory, authority, identity, users: users.to_vec() };
        home.make("mail", owner)?;
        Ok(home)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes a directory in it that belongs to a user of the machine.
    pub(super) fn make(&self, name: &str, owner: &str) -> io::Result<PathBuf> {
        let (user, group) = system_user(owner)?;
        let path = self.path().join(name);
        fs::create_dir(&path)?;
        chown(&path, Some(user), Some(group))?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// The directory that holds one Maildir a mailbox.
    pub(super) fn mail(&self) -> PathBuf {
        self.path().join("mail")
    }

    /// Who issued its certificates.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The certificate for localhost and 127.0.0.1, which the server shows.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Who may log in.
    pub(super) fn users(&self) -> &[User] {
        &self.users
    }
}
