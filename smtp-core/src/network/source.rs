//! Provides messages whose octets come from files and readers: [`FileMessage`] and [`ReaderMessage`].

use crate::Envelope;
use crate::mailer::{BoxError, Source, Submission};
use std::boxed::Box;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A message whose octets lie in a file, with an envelope of its own.
///
/// The file is read while it is sent, in constant memory, and anew for each transaction. A file that is changed in between
/// is an error.
#[derive(Clone, Debug)]
pub struct FileMessage {
    envelope: Envelope,
    path: PathBuf,
}

impl FileMessage {
    /// The message in the file of this path: header section, blank line and body.
    ///
    /// The envelope says what the octets need ([`Envelope::body`], [`Envelope::utf8_headers`]), as nobody has read them yet.
    pub fn new(envelope: Envelope, path: impl AsRef<Path>) -> Self {
        Self { envelope, path: path.as_ref().to_path_buf() }
    }
}

impl Submission for FileMessage {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        Ok(self.envelope.clone())
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(Reading(File::open(&self.path)?)))
    }
}

/// A message whose octets come from a reader, with an envelope of its own. It can be read once, so no transaction follows
/// the first one that asked for octets.
pub struct ReaderMessage {
    envelope: Envelope,
    reader: Mutex<Option<Box<dyn Read + Send>>>,
}

impl ReaderMessage {
    /// The message that `reader` gives: header section, blank line and body.
    ///
    /// The envelope says what the octets need ([`Envelope::body`], [`Envelope::utf8_headers`]), as nobody has read them yet.
    pub fn new(envelope: Envelope, reader: impl Read + Send + 'static) -> Self {
        Self { envelope, reader: Mutex::new(Some(Box::new(reader))) }
    }
}

impl Submission for ReaderMessage {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        Ok(self.envelope.clone())
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        match self.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(reader) => Ok(Box::new(Reading(reader))),
            None => Err("the reader of the message was read already, and can be read only once".into()),
        }
    }
}

impl fmt::Debug for ReaderMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderMessage").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}

struct Reading<R>(R);

impl<R: Read + Send> Source for Reading<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Ok(result?),
            }
        }
    }
}
