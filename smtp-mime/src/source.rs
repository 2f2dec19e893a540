//! Defines [`Source`], the content of a part.
//!
//! A message is read at least twice: to choose encodings and compute the length, and to send it. So a source can be
//! read repeatedly, and detects changes.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tempfile::NamedTempFile;

use crate::Error;

/// The number of bytes read at once: whole lines of base64, 57 bytes each (RFC 2045 §6.8).
pub(crate) const CHUNK: usize = 57 * 1024;
/// The number of bytes processed at once in memory: with the output they fit in the L1 cache.
const CHUNK_IN_MEMORY: usize = 57 * 256;
/// Up to this size bytes are copied, which costs less than reference counting.
const SMALL: usize = 4096;
/// Up to this size the content of a reader is kept in memory.
const IN_MEMORY: usize = 1024 * 1024;

/// Bytes in memory or in a file, which can be read repeatedly.
///
/// ```
/// use smtp_mime::Source;
///
/// let source = Source::from("octets in memory");
/// assert_eq!(source.size(), 16);
/// ```
#[derive(Clone)]
pub struct Source {
    origin: Origin,
    octets: u64,
}

type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

#[derive(Clone)]
enum Origin {
    Small(Vec<u8>),
    Memory { name: Option<Arc<str>>, octets: Shared },
    File { path: Arc<PathBuf>, modified: Option<SystemTime> },
    Spooled { name: Arc<str>, file: Arc<NamedTempFile> },
}

impl Source {
    /// Uses the content of a file.
    ///
    /// Only its length is recorded now. It is opened when the message is built and when it is read, and must be
    /// unchanged then. A file that is not regular (a pipe, a terminal) can be read only once, so its content is read
    /// now, as by [`Source::reader`].
    ///
    /// # Errors
    /// When the file cannot be opened and read.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let failed = |error| Error::Read { name: name.clone(), error };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Self::reader(&name, &mut file);
        }
        Ok(Self {
            octets: metadata.len(),
            origin: Origin::File { path: Arc::new(path.to_owned()), modified: metadata.modified().ok() },
        })
    }

    /// Uses the content of a reader, which is read to its end now.
    ///
    /// Up to 1 MiB is kept in memory, more in a temporary file. `name` stands for the reader in errors.
    ///
    /// # Errors
    /// When the reader fails, or no temporary file can be written.
    pub fn reader(name: &str, reader: &mut dyn Read) -> Result<Self, Error> {
        let failed = |error| Error::Read { name: name.to_owned(), error };
        let mut head = Vec::new();
        reader.take(IN_MEMORY as u64 + 1).read_to_end(&mut head).map_err(failed)?;
        if head.len() <= IN_MEMORY {
            let octets = head.len() as u64;
            return Ok(Self {
                octets,
                origin: Origin::Memory { name: Some(name.into()), octets: Arc::new(head) },
            });
        }
        let mut file = NamedTempFile::new().map_err(failed)?;
        file.write_all(&head).map_err(failed)?;
        let rest = io::copy(reader, &mut file).map_err(failed)?;
        file.flush().map_err(failed)?;
        Ok(Self {
            octets: head.len() as u64 + rest,
            origin: Origin::Spooled { name: name.into(), file: Arc::new(file) },
        })
    }

    /// Uses shared bytes in memory: they are not copied, and must not change.
    #[must_use]
    pub fn shared(octets: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        let count = octets.as_ref().as_ref().len() as u64;
        Self { octets: count, origin: Origin::Memory { name: None, octets } }
    }

    /// The number of bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.octets
    }

    /// The name for errors.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            Origin::Small(_) | Origin::Memory { name: None, .. } => "octets in memory".to_owned(),
            Origin::Memory { name: Some(name), .. } | Origin::Spooled { name, .. } => name.to_string(),
            Origin::File { path, .. } => path.display().to_string(),
        }
    }

    /// The bytes, if they are in memory.
    pub(crate) fn in_memory(&self) -> Option<&[u8]> {
        match &self.origin {
            Origin::Small(octets) => Some(octets),
            Origin::Memory { octets, .. } => Some(octets.as_ref().as_ref()),
            Origin::File { .. } | Origin::Spooled { .. } => None,
        }
    }

    /// Opens it for reading from start to end.
    pub(crate) fn open(&self) -> Result<SourceReader, Error> {
        self.open_range(0, self.octets)
    }

    /// Opens it for reading from the byte `from` to the one before `until`.
    pub(crate) fn open_range(&self, from: u64, until: u64) -> Result<SourceReader, Error> {
        let mut file = match &self.origin {
            Origin::Small(_) | Origin::Memory { .. } => None,
            Origin::File { path, .. } => Some(File::open(path.as_path())),
            Origin::Spooled { file, .. } => Some(file.reopen()),
        }
        .transpose()
        .map_err(|error| self.failed(error))?;
        if let Some(file) = &mut file {
            self.check(file)?;
            file.seek(SeekFrom::Start(from)).map_err(|error| self.failed(error))?;
        }
        Ok(SourceReader { file, position: from, until: until.min(self.octets), buffer: Vec::new() })
    }

    /// Checks that the path still has the file that was measured: same length, same time.
    fn check(&self, file: &File) -> Result<(), Error> {
        let Origin::File { path, modified } = &self.origin else { return Ok(()) };
        for metadata in [file.metadata(), fs::metadata(path.as_path())] {
            let metadata = metadata.map_err(|error| self.failed(error))?;
            if metadata.len() != self.octets || metadata.modified().ok() != *modified {
                return Err(Error::Changed { name: self.name() });
            }
        }
        Ok(())
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::Read { name: self.name(), error }
    }
}

impl From<Vec<u8>> for Source {
    fn from(octets: Vec<u8>) -> Self {
        if octets.len() <= SMALL {
            Self { octets: octets.len() as u64, origin: Origin::Small(octets) }
        } else {
            Self::shared(Arc::new(octets))
        }
    }
}

impl From<&[u8]> for Source {
    fn from(octets: &[u8]) -> Self {
        octets.to_vec().into()
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content of mail must not appear in logs.
        formatter
            .debug_struct("Source")
            .field("name", &self.name())
            .field("octets", &self.octets)
            .finish_non_exhaustive()
    }
}

/// A read position in a source; the caller passes the source to each step.
#[derive(Debug)]
pub(crate) struct SourceReader {
    /// None for bytes in memory.
    file: Option<File>,
    position: u64,
    until: u64,
    buffer: Vec<u8>,
}

impl SourceReader {
    /// Returns the next bytes, at most [`CHUNK`]; whole lines of base64 except at the end, and empty after it.
    pub(crate) fn chunk<'a>(&'a mut self, source: &'a Source) -> Result<&'a [u8], Error> {
        let remaining = self.until.saturating_sub(self.position);
        let most = if self.file.is_none() { CHUNK_IN_MEMORY } else { CHUNK };
        let octets = usize::try_from(remaining).unwrap_or(usize::MAX).min(most);
        let start = self.position;
        self.position += octets as u64;
        let changed = || Error::Changed { name: source.name() };
        let at_end = self.is_at_end();
        let Some(file) = &mut self.file else {
            // A position in memory fits in a usize.
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            return source
                .in_memory()
                .and_then(|memory| memory.get(start..)?.get(..octets))
                .ok_or_else(changed);
        };
        self.buffer.resize(octets, 0);
        file.read_exact(&mut self.buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => source.failed(error),
        })?;
        if at_end {
            source.check(file)?;
        }
        Ok(&self.buffer)
    }

    /// Returns whether all bytes were read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.position >= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &Source, from: u64) -> Result<Vec<u8>, Error> {
        let mut reader = source.open_range(from, source.size())?;
        let mut octets = Vec::new();
        while !reader.is_at_end() {
            octets.extend_from_slice(reader.chunk(source)?);
        }
        Ok(octets)
    }

    #[test]
    fn every_origin_gives_the_same_octets_twice() {
        let octets: Vec<u8> = (0..=250).cycle().take(3 * IN_MEMORY).collect();
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), &octets).unwrap();
        for source in [
            Source::from(octets.clone()),
            Source::file(file.path()).unwrap(),
            Source::reader("reader", &mut octets.as_slice()).unwrap(),
        ] {
            assert_eq!(source.size(), octets.len() as u64);
            for from in [0, 1, CHUNK as u64 + 1, octets.len() as u64] {
                assert!(read(&source, from).unwrap() == octets[usize::try_from(from).unwrap()..]);
            }
        }
    }

    #[test]
    fn a_changed_file_is_detected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.bin");
        let original = vec![7; 3 * CHUNK];
        for change in 0..4 {
            fs::write(&path, &original).unwrap();
            let source = Source::file(&path).unwrap();
            let mut reader = source.open().unwrap();
            reader.chunk(&source).unwrap();
            match change {
                0 => fs::write(&path, &original[1..]).unwrap(),
                1 => fs::write(&path, [&original[..], b"more"].concat()).unwrap(),
                2 => fs::remove_file(&path).unwrap(),
                _ => {
                    let file = File::options().write(true).open(&path).unwrap();
                    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
                }
            }
            let mut outcome = Ok(());
            while outcome.is_ok() && !reader.is_at_end() {
                outcome = reader.chunk(&source).map(|_| ());
            }
            assert!(matches!(outcome, Err(Error::Changed { .. } | Error::Read { .. })), "{change}");
            assert!(source.open().is_err(), "{change}");
        }
    }

    #[test]
    fn the_error_names_an_unreadable_source() {
        let error = Source::file("no/such/file").unwrap_err();
        assert!(error.to_string().starts_with("cannot read 'no/such/file': "), "{error}");
        assert!(Source::file(".").is_err());
    }
}
