//! Provides [`Connector`]: which certificates are trusted, and the handshake, with failures told from codes.

#[cfg(any(windows, target_vendor = "apple"))]
#[path = "native.rs"]
mod library;
#[cfg(not(any(windows, target_vendor = "apple")))]
#[path = "openssl.rs"]
mod library;

use super::witness::Witness;
use crate::ChannelBinding;
use crate::mailer::{BoxError, Error, Pin, SettingError, TlsFault, Trust, ascii_name};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;

/// How TLS handshakes are done: which certificates are trusted, for which name, and which one the client shows.
///
/// It is made once and cheap to clone. The system's authorities are loaded at the first handshake that needs them, once
/// in a process.
#[derive(Clone)]
pub struct Connector {
    name: Arc<str>,
    /// Whether the name was set by [`Trust::name`], whatever the server's is.
    is_name_fixed: bool,
    pin: Option<Pin>,
    library: Arc<library::Connector>,
}

/// Why a handshake failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct TlsFailure {
    /// What is wrong.
    pub fault: TlsFault,
    /// What the TLS library or the system says of it, if that adds something.
    pub source: Option<BoxError>,
}

impl TlsFailure {
    const fn new(fault: TlsFault) -> Self {
        Self { fault, source: None }
    }

    fn with_source(fault: TlsFault, source: impl Into<BoxError>) -> Self {
        Self { fault, source: Some(source.into()) }
    }
}

impl From<TlsFault> for TlsFailure {
    fn from(fault: TlsFault) -> Self {
        Self::new(fault)
    }
}

impl From<TlsFailure> for Error {
    fn from(failure: TlsFailure) -> Self {
        let error = Self::new(crate::mailer::ErrorKind::Tls(failure.fault));
        match failure.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

impl Connector {
    /// Handshakes with the server of this name or IP address.
    ///
    /// # Errors
    /// When a certificate or the client's key cannot be read, or the name is no name.
    pub fn new(server_name: &str, trust: &Trust) -> Result<Self, Error> {
        let name = trust.name.as_deref().unwrap_or(server_name);
        Ok(Self {
            name: checked(name)?,
            is_name_fixed: trust.name.is_some(),
            pin: trust.pin,
            library: Arc::new(library::Connector::new(trust)?),
        })
    }

    /// The same trust for another server; a name that was set by [`Trust::name`] stays.
    ///
    /// # Errors
    /// When the name is no name.
    pub fn with_server_name(&self, server_name: &str) -> Result<Self, Error> {
        let name = if self.is_name_fixed { Arc::clone(&self.name) } else { checked(server_name)? };
        Ok(Self { name, ..self.clone() })
    }

    /// The name that the server's certificate must be valid for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Begins a handshake over a stream that `witness` sees too.
    pub(crate) fn connect<S: Read + Write>(&self, stream: S, witness: &Witness) -> Handshake<S> {
        let begun = self.library.connect(&self.name, stream);
        self.concluded(begun, witness)
    }

    fn concluded<S: Read + Write>(&self, begun: library::Handshake<S>, witness: &Witness) -> Handshake<S> {
        match begun {
            library::Handshake::Done(stream) => match self.check_pin(&stream) {
                Ok(()) => Handshake::Done(TlsStream { stream, is_closed: false }),
                Err(failure) => Handshake::Failed(failure),
            },
            library::Handshake::Waits(stream) => {
                Handshake::Waits(Unfinished { stream, connector: self.clone(), witness: witness.clone() })
            }
            library::Handshake::Failed(failure) => Handshake::Failed(diagnosed(failure, witness)),
        }
    }

    /// Checks that the server has the pinned key.
    fn check_pin<S: Read + Write>(&self, stream: &library::TlsStream<S>) -> Result<(), TlsFailure> {
        let Some(pin) = self.pin else { return Ok(()) };
        let found = stream.public_key().map(|key| Pin::new(Sha256::digest(key).into()));
        if found == Some(pin) { Ok(()) } else { Err(TlsFailure::new(TlsFault::Pin(found))) }
    }
}

/// Shows no key.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).field("pin", &self.pin).finish_non_exhaustive()
    }
}

/// A name as certificates have it: without the dot at its end, as A-labels.
fn checked(name: &str) -> Result<Arc<str>, Error> {
    if name.parse::<IpAddr>().is_ok() {
        return Ok(name.into());
    }
    let name = ascii_name(name.strip_suffix('.').unwrap_or(name));
    if name.is_empty() || name.len() > 255 || !name.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(SettingError::ServerName.into());
    }
    Ok((&*name).into())
}

/// The failure with what the socket saw, where that says more than the library.
fn diagnosed(failure: TlsFailure, witness: &Witness) -> TlsFailure {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof,
    };
    let first = witness.first();
    if !failure.fault.is_certificate() && !is_tls(&first) {
        return TlsFailure::new(TlsFault::NotTls(first));
    }
    if failure.fault != TlsFault::Protocol {
        return failure;
    }
    match witness.last_end() {
        Some(TimedOut) => TlsFailure::new(TlsFault::TimedOut),
        Some(UnexpectedEof) => TlsFailure::new(TlsFault::Closed),
        Some(kind @ (BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)) => {
            TlsFailure::with_source(TlsFault::Closed, io::Error::from(kind).to_string())
        }
        _ => failure,
    }
}

/// Whether a server that begins with these octets may be under TLS: they are the header of an alert or a handshake
/// record (RFC 8446 §5.1), or none came.
fn is_tls(first: &[u8]) -> bool {
    match first {
        [] => true,
        [kind] => matches!(kind, 21 | 22),
        [kind, version, ..] => matches!(kind, 21 | 22) && *version == 3,
    }
}

/// What came of a handshake so far.
pub(crate) enum Handshake<S> {
    /// The certificate is trusted.
    Done(TlsStream<S>),
    /// The stream would block.
    Waits(Unfinished<S>),
    /// It failed, and the stream is gone.
    Failed(TlsFailure),
}

/// A handshake whose stream would block.
pub(crate) struct Unfinished<S> {
    stream: library::Unfinished<S>,
    connector: Connector,
    witness: Witness,
}

impl<S: Read + Write> Unfinished<S> {
    /// Goes on after something came, or there is room.
    pub(crate) fn proceed(self) -> Handshake<S> {
        self.connector.concluded(self.stream.proceed(), &self.witness)
    }

    /// The stream beneath.
    #[cfg(feature = "tokio")]
    pub(crate) fn get_mut(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// The failure of a handshake that this error ended while it waited.
    #[cfg(feature = "tokio")]
    pub(crate) fn failed(self, error: io::Error) -> TlsFailure {
        diagnosed(TlsFailure::with_source(TlsFault::Protocol, error), &self.witness)
    }
}

/// A stream under TLS.
#[derive(Debug)]
pub(crate) struct TlsStream<S> {
    stream: library::TlsStream<S>,
    /// Whether `close_notify` has left.
    is_closed: bool,
}

impl<S: Read + Write> TlsStream<S> {
    /// The stream beneath.
    pub(crate) fn get_ref(&self) -> &S {
        self.stream.get_ref()
    }

    /// The stream beneath.
    pub(crate) fn get_mut(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    /// What binds a login to this session (RFC 5929 §4), if the certificate has a hash for it.
    pub(crate) fn channel_binding(&self) -> Option<ChannelBinding> {
        ChannelBinding::tls_server_end_point(self.stream.server_end_point()?).ok()
    }

    /// Sends `close_notify` once, which tells the peer that nothing was cut off; it does not wait for the peer's.
    pub(crate) fn shutdown(&mut self) -> io::Result<()> {
        if !self.is_closed {
            self.stream.shutdown()?;
            self.is_closed = true;
        }
        Ok(())
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

/// After `WouldBlock` the same octets must be written again.
impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl TlsFault {
    /// The fault that an alert tells, which came instead of what was to be read; `None` for other errors.
    ///
    /// Under TLS 1.3 a server refuses the client's certificate only after the client's side of the handshake is done.
    #[must_use]
    pub fn of_read_error(error: &io::Error) -> Option<Self> {
        library::fault_of_read_error(error)
    }
}

/// The authorities of PEM text, at least one.
fn at_least_one<T>(certificates: Option<Vec<T>>) -> Result<Vec<T>, Error> {
    certificates.filter(|found| !found.is_empty()).ok_or_else(|| SettingError::NoCertificate.into())
}

// The servers of the tests are OpenSSL's.
#[cfg(test)]
#[cfg(not(any(windows, target_vendor = "apple")))]
mod tests;
