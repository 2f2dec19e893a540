//! Creates the files that a run writes: for their owner alone, never through a symbolic link, and never over a file that
//! the run reads.

use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use same_file::Handle;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files that a run has a use for besides the one that is to be written, each with its name for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct InUse(Vec<(String, PathBuf)>);

impl InUse {
    /// Adds a file; standard input (`-`) is none.
    pub(crate) fn add(&mut self, what: impl Into<String>, path: impl Into<PathBuf>) {
        let path = path.into();
        if path != Path::new("-") && !self.0.iter().any(|(_, known)| *known == path) {
            self.0.push((what.into(), path));
        }
    }

    /// Adds several.
    pub(crate) fn extend(
        &mut self,
        files: impl IntoIterator<Item = (impl Into<String>, impl Into<PathBuf>)>,
    ) {
        files.into_iter().for_each(|(what, path)| self.add(what, path));
    }

    /// Adds those of another.
    pub(crate) fn join(&mut self, other: &Self) {
        self.extend(other.0.iter().cloned());
    }

    /// Refuses a file that is one of them, under whatever name.
    fn refuse(&self, file: &File) -> std::result::Result<(), String> {
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Ok(());
        }
        let Ok(handle) = file.try_clone().and_then(Handle::from_file) else { return Ok(()) };
        // What is no regular file is not opened: to open a FIFO and close it again would end whoever writes to it.
        let is_file = |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let is_same =
            |path: &Path| is_file(path) && Handle::from_path(path).is_ok_and(|other| other == handle);
        let named = self.0.iter().find(|(_, path)| is_same(path)).map(|(what, _)| what.as_str());
        let is_input = || Handle::stdin().is_ok_and(|input| input == handle);
        match named.or_else(|| is_input().then_some("standard input")) {
            Some(what) => Err(format!("it is the file of {what}, which it would destroy: name another one")),
            None => Ok(()),
        }
    }
}

/// The first error of a file that is being written, until it is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing(Arc<Mutex<Option<io::Error>>>);

impl Failing {
    /// Keeps an error, unless there was one before.
    pub(crate) fn keep(&self, error: io::Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// The error, if there was one.
    pub(crate) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Creates a file for its owner alone, or empties the owner's regular file of that name. Devices and the owner's FIFOs are
/// taken as they are, and so are the open files of this process (`/dev/stdout`), to which it is appended.
///
/// # Errors
/// When it is a symbolic link, another user's file or one that is in use.
pub(crate) fn create(what: &str, path: &Path, in_use: &InUse) -> Result<File> {
    try_to_create(path, in_use).map_err(|why| cannot_create(what, path, &why))
}

/// Opens a file to append to it, and creates it for its owner alone if it is not there.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    match private(path, OpenOptions::new().append(true).create(true)) {
        Err(error) if is_link(path, &error) && is_open_file(path) => {
            OpenOptions::new().append(true).open(path)
        }
        result => result.map_err(|error| link_named(path, error)),
    }
}

/// Checks that a file can be appended to, and is none that is in use.
pub(crate) fn check_append(what: &str, path: &Path, in_use: &InUse) -> Result<()> {
    let opened = append(path).map_err(|error| Reworded(&error).to_string());
    opened.and_then(|file| in_use.refuse(&file)).map_err(|why| cannot_create(what, path, &why))
}

/// Creates a file for its owner alone, which must not be there.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    private(path, OpenOptions::new().write(true).create_new(true))
}

fn try_to_create(path: &Path, in_use: &InUse) -> std::result::Result<File, String> {
    let reworded = |error: io::Error| Reworded(&error).to_string();
    let file = match private(path, OpenOptions::new().write(true).create(true)) {
        Err(error) if is_link(path, &error) && is_open_file(path) => {
            let file = OpenOptions::new().append(true).open(path).map_err(reworded)?;
            in_use.refuse(&file)?;
            return Ok(file);
        }
        result => result.map_err(|error| reworded(link_named(path, error)))?,
    };
    // A device of Windows has nothing to be told of it.
    let Ok(metadata) = file.metadata() else { return Ok(file) };
    if metadata.is_symlink() {
        return Err(LINK.to_string());
    }
    if !metadata.is_file() {
        return if is_stream(&metadata) { Ok(file) } else { Err(NO_FILE.to_string()) };
    }
    in_use.refuse(&file)?;
    make_own(&file, &metadata)?;
    file.set_len(0).map_err(reworded)?;
    Ok(file)
}

fn cannot_create(what: &str, path: &Path, why: &str) -> Error {
    Error::new(Exit::CANNOT_CREATE, format!("cannot create {what} {}: {why}", path.display()))
}

/// Why what is neither a file nor a stream is refused, and another user's FIFO.
const NO_FILE: &str = "it is no file to write to";
/// Why a symbolic link is refused.
const LINK: &str = "it is a symbolic link, which may lead anywhere: name the file itself";

/// The error by which the system refuses a symbolic link, in words that say so.
fn link_named(path: &Path, error: io::Error) -> io::Error {
    if is_link(path, &error) { io::Error::new(error.kind(), LINK) } else { error }
}

/// Whether the name is one of a file that this process has open, which systems show as symbolic links. Nobody but the
/// system makes names in these directories.
fn is_open_file(path: &Path) -> bool {
    let Some(directory) = path.parent() else { return false };
    let is_standard = ["stdin", "stdout", "stderr"].iter().any(|name| path.ends_with(name));
    directory == Path::new("/dev") && is_standard
        || ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"].iter().any(|fds| directory == Path::new(fds))
}

#[cfg(unix)]
fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    // Who wrote to whom is nobody else's business. The flag fits any C int.
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    options.mode(0o600).custom_flags(no_follow).open(path)
}

#[cfg(windows)]
fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    /// The link itself is opened, and seen to be one.
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    let file = options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, LINK));
    }
    Ok(file)
}

/// Whether the file was refused because its name is a symbolic link.
#[cfg(unix)]
fn is_link(_path: &Path, error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// It is opened before it is refused.
#[cfg(windows)]
fn is_link(_path: &Path, _error: &io::Error) -> bool {
    false
}

/// Whether it is a terminal, `/dev/null` and their like, or a FIFO.
#[cfg(unix)]
fn is_stream(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_fifo() && is_own(metadata)
}

#[cfg(windows)]
fn is_stream(metadata: &std::fs::Metadata) -> bool {
    !metadata.is_dir()
}

/// Whether it belongs to the user.
#[cfg(unix)]
fn is_own(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Keeps others from reading a file that was there before.
#[cfg(unix)]
fn make_own(file: &File, metadata: &std::fs::Metadata) -> std::result::Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    if !is_own(metadata) {
        return Err("it belongs to another user: name another one".to_string());
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
        .map_err(|error| format!("others may read it: {}", Reworded(&error)))
}

/// A file of a user's profile is the user's own.
#[cfg(windows)]
#[allow(clippy::unnecessary_wraps, reason = "the same as on other systems")]
fn make_own(_file: &File, _metadata: &std::fs::Metadata) -> std::result::Result<(), String> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_made_anew_or_emptied_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        create("the file", &path, &InUse::default()).unwrap().write_all(b"first").unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        create("the file", &path, &InUse::default()).unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap()), (0o600, Vec::new()));
        // What an administrator gave others to read stays so.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        append(&path).unwrap().write_all(b"line").unwrap();
        append(&path).unwrap().write_all(b"line").unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap()), (0o640, b"lineline".to_vec()));
        assert!(create_new(&path).is_err());
    }

    #[test]
    fn directories_and_links_are_refused_and_say_why() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("nothing"), &link).unwrap();
        let refused = |path: &Path| create("the file", path, &InUse::default()).unwrap_err().to_string();
        assert!(refused(&link).ends_with(LINK), "{}", refused(&link));
        assert!(append(&link).unwrap_err().to_string().contains(LINK));
        assert!(!directory.path().join("nothing").exists());
        assert!(refused(directory.path()).contains("directory"), "{}", refused(directory.path()));
    }

    #[test]
    fn a_fifo_of_another_user_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        // With both ends open nobody waits for the other.
        let _both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        create("the file", &path, &InUse::default()).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
            let error = create("the file", &path, &InUse::default()).unwrap_err().to_string();
            assert!(error.ends_with(NO_FILE), "{error}");
        }
    }

    #[test]
    fn only_the_names_of_the_system_lead_to_open_files() {
        for (path, is_one) in [
            ("/dev/stdout", true),
            ("/dev/fd/63", true),
            ("/proc/self/fd/1", true),
            ("/dev/shm/stdout", false),
            ("/dev/other", false),
            ("stdout", false),
            ("/tmp/fd/1", false),
        ] {
            assert_eq!(is_open_file(Path::new(path)), is_one, "{path}");
        }
    }
}
