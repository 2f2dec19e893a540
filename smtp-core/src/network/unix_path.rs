//! Turns the path of a unix socket into one of the system.

use crate::mailer::UnixPath;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The path as the system takes it.
pub(crate) fn path_of(path: &UnixPath) -> &Path {
    Path::new(OsStr::from_bytes(path.as_bytes()))
}
