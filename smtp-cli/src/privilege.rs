//! Refuses to run with the rights of another user than the one who calls.

use crate::error::Result;

/// Checks that real and effective user and group are the same: by the options and the environment, whoever calls would
/// otherwise run commands and read and write files with the rights of the program's owner.
#[cfg(unix)]
pub(crate) fn check() -> Result<()> {
    use crate::error::Error;
    use crate::exit::Exit;
    use rustix::process::{getegid, geteuid, getgid, getuid};

    let bit = if getuid() != geteuid() {
        "set-user-ID, take that from it by chmod u-s"
    } else if getgid() != getegid() {
        "set-group-ID, take that from it by chmod g-s"
    } else {
        return Ok(());
    };
    Err(Error::new(Exit::NO_PERMISSION, format!("this program does not run {bit}")))
}

/// Elsewhere programs have no owner whose rights they take.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the same as on other systems")]
pub(crate) const fn check() -> Result<()> {
    Ok(())
}
