//! TLS by the system's own library, through native-tls, whose errors carry the codes of the system.

use super::{TlsFailure, at_least_one};
use crate::mailer::{Error, SettingError, TlsFault, TlsVersion, Trust};
use native_tls::{Certificate, HandshakeError, Identity, MidHandshakeTlsStream, Protocol, TlsConnector};
use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::string::ToString;
use std::vec::Vec;

/// What is trusted, and what the client shows.
pub(super) struct Connector {
    /// For a server with a name; the system keeps its authorities itself.
    by_name: TlsConnector,
    /// For one with an address, which must not stand in the hello (RFC 6066 §3).
    by_address: TlsConnector,
    /// Whether only authorities of ours are trusted.
    has_own_authorities: bool,
}

impl Connector {
    pub(super) fn new(trust: &Trust) -> Result<Self, Error> {
        let own = match &trust.authorities {
            Some(pem) => Some(at_least_one(certificates(pem))?),
            None => None,
        };
        let identity = match &trust.identity {
            Some(identity) => Some(
                Identity::from_pkcs8(&identity.certificate, identity.key.expose())
                    .map_err(|error| Error::from(SettingError::Identity).with_source(error))?,
            ),
            None => None,
        };
        let mut builder = TlsConnector::builder();
        builder.min_protocol_version(Some(match trust.minimum {
            TlsVersion::Tls12 => Protocol::Tlsv12,
            TlsVersion::Tls13 => Protocol::Tlsv13,
        }));
        let has_own_authorities = own.is_some();
        if let Some(own) = own {
            builder.disable_built_in_roots(true);
            for authority in own {
                builder.add_root_certificate(authority);
            }
        }
        let has_identity = identity.is_some();
        if let Some(identity) = identity {
            builder.identity(identity);
        }
        // A pin stands instead of an authority.
        let verifies = !trust.any_certificate && trust.pin.is_none();
        builder.danger_accept_invalid_certs(!verifies);
        builder.danger_accept_invalid_hostnames(!verifies || trust.any_name);
        let mut built = |use_sni| {
            builder.use_sni(use_sni);
            builder.build().map_err(|error| {
                // Whether key and certificate belong together shows only here.
                let fault = if has_identity { SettingError::KeyMismatch } else { SettingError::Tls };
                Error::from(fault).with_source(error)
            })
        };
        Ok(Self { by_name: built(true)?, by_address: built(false)?, has_own_authorities })
    }

    pub(super) fn connect<S: Read + Write>(&self, name: &str, stream: S) -> Handshake<S> {
        let connector = if name.parse::<IpAddr>().is_ok() { &self.by_address } else { &self.by_name };
        concluded(connector.connect(name, stream), self.has_own_authorities)
    }
}

/// The certificates of PEM text; native-tls panics where it is not UTF-8.
fn certificates(pem: &[u8]) -> Option<Vec<Certificate>> {
    std::str::from_utf8(pem).ok()?;
    Certificate::stack_from_pem(pem).ok()
}

/// What came of a handshake so far.
pub(super) enum Handshake<S> {
    Done(TlsStream<S>),
    Waits(Unfinished<S>),
    Failed(TlsFailure),
}

pub(super) struct Unfinished<S> {
    stream: MidHandshakeTlsStream<S>,
    has_own_authorities: bool,
}

impl<S: Read + Write> Unfinished<S> {
    pub(super) fn proceed(self) -> Handshake<S> {
        concluded(self.stream.handshake(), self.has_own_authorities)
    }

    #[cfg(feature = "tokio")]
    pub(super) fn get_mut(&mut self) -> &mut S {
        self.stream.get_mut()
    }
}

fn concluded<S>(
    result: Result<native_tls::TlsStream<S>, HandshakeError<S>>,
    has_own_authorities: bool,
) -> Handshake<S> {
    match result {
        Ok(stream) => Handshake::Done(TlsStream(stream)),
        Err(HandshakeError::WouldBlock(stream)) => {
            Handshake::Waits(Unfinished { stream, has_own_authorities })
        }
        Err(HandshakeError::Failure(error)) => Handshake::Failed(failure(&error, has_own_authorities)),
    }
}

fn failure(error: &native_tls::Error, has_own_authorities: bool) -> TlsFailure {
    let words = error.to_string();
    match code(error, &words) {
        Some(code) => match fault(code) {
            fault @ (TlsFault::Protocol | TlsFault::Certificate | TlsFault::Version) => {
                TlsFailure::with_source(fault, words)
            }
            fault => TlsFailure::new(fault),
        },
        // native-tls itself compares the chain with the authorities that are trusted instead of the system's; what it
        // finds has no code. An end of the stream has none either, but the socket saw that one.
        None if has_own_authorities && words.contains("root") => TlsFailure::new(TlsFault::Untrusted),
        None => TlsFailure::with_source(TlsFault::Protocol, words),
    }
}

/// The code of the system: native-tls hides the error of the system that it holds, but not its number.
fn code(error: &native_tls::Error, words: &str) -> Option<u32> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(code.cast_unsigned());
        }
        cause = error.source();
    }
    let (_, number) = words.rsplit_once("(os error ")?;
    number.strip_suffix(')')?.parse::<i32>().ok().map(i32::cast_unsigned)
}

/// The fault of a code of Windows, by the names of `winerror.h`.
const fn fault(code: u32) -> TlsFault {
    match code {
        // CERT_E_EXPIRED and SEC_E_CERT_EXPIRED, which stand for a certificate that is not valid yet too
        0x800b_0101 | 0x8009_0328 => TlsFault::Expired,
        // CERT_E_CN_NO_MATCH, SEC_E_WRONG_PRINCIPAL
        0x800b_010f | 0x8009_0322 => TlsFault::WrongName,
        // CERT_E_UNTRUSTEDROOT, CERT_E_CHAINING, SEC_E_UNTRUSTED_ROOT
        0x800b_0109 | 0x800b_010a | 0x8009_0325 => TlsFault::Untrusted,
        // CERT_E_REVOKED, CRYPT_E_REVOKED
        0x800b_010c | 0x8009_2010 => TlsFault::Revoked,
        // SEC_E_CERT_UNKNOWN, SEC_E_CERT_WRONG_USAGE and the other codes of certificates
        0x8009_0327 | 0x8009_0349 | 0x800b_0100..=0x800b_01ff => TlsFault::Certificate,
        // SEC_E_UNSUPPORTED_FUNCTION, SEC_E_ALGORITHM_MISMATCH
        0x8009_0302 | 0x8009_0331 => TlsFault::Version,
        _ => TlsFault::Protocol,
    }
}

pub(super) fn fault_of_read_error(error: &io::Error) -> Option<TlsFault> {
    // SEC_E_CERT_UNKNOWN and SEC_E_NO_CREDENTIALS: an alert about the client's certificate
    let code = error.raw_os_error()?.cast_unsigned();
    matches!(code, 0x8009_0327 | 0x8009_030e).then_some(TlsFault::CertificateRequired)
}

#[derive(Debug)]
pub(super) struct TlsStream<S>(native_tls::TlsStream<S>);

impl<S: Read + Write> TlsStream<S> {
    pub(super) fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }

    /// The server's `SubjectPublicKeyInfo`.
    pub(super) fn public_key(&self) -> Option<Vec<u8>> {
        let certificate = self.0.peer_certificate().ok()??.to_der().ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).ok()?;
        Some(certificate.public_key().raw.to_vec())
    }

    /// The hash of the server's certificate by the digest of its signature (RFC 5929 §4.1).
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        self.0.tls_server_end_point().ok()?
    }

    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        self.0.shutdown()
    }
}

impl<S: Read + Write> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Read + Write> Write for TlsStream<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
