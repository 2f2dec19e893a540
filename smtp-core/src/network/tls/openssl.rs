//! TLS by OpenSSL, whose errors, alerts and verification results have codes.

use super::{TlsFailure, at_least_one};
use crate::mailer::{Error, SettingError, TlsFault, TlsVersion, Trust};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    self, ErrorCode, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslContextBuilder, SslMethod,
    SslMode, SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::verify::X509CheckFlags;
use openssl::x509::{X509, X509VerifyResult};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::string::ToString;
use std::sync::LazyLock;
use std::vec::Vec;

/// What is trusted, and what the client shows.
pub(super) struct Connector {
    authorities: Authorities,
    identity: Option<Identity>,
    minimum: SslVersion,
    verifies_certificate: bool,
    verifies_name: bool,
}

enum Authorities {
    /// The system's, see [`SYSTEM`].
    System,
    /// These, or none where nothing is verified.
    Own(SslContext),
}

struct Identity {
    certificate: X509,
    chain: Vec<X509>,
    key: PKey<Private>,
}

/// The context with the system's authorities, which takes a while to load: once in a process, when it is needed.
static SYSTEM: LazyLock<Result<SslContext, ErrorStack>> = LazyLock::new(|| {
    let mut context = context()?;
    let probe = openssl_probe::probe();
    let mut is_found = false;
    // One by one, so that a fault of one does not keep the others out.
    let file = probe.cert_file.as_deref().map(|path| (Some(path), None));
    let folders = probe.cert_dir.iter().map(|path| (None, Some(path.as_path())));
    for (file, folder) in file.into_iter().chain(folders) {
        // The library takes no other paths.
        if file.or(folder).and_then(Path::to_str).is_some() {
            is_found |= context.load_verify_locations(file, folder).is_ok();
        }
    }
    if !is_found {
        context.set_default_verify_paths()?;
    }
    Ok(context.build())
});

/// A context without authorities, with what OpenSSL does not have by default.
fn context() -> Result<SslContextBuilder, ErrorStack> {
    let mut context = SslContextBuilder::new(SslMethod::tls_client())?;
    context.set_options(SslOptions::NO_COMPRESSION);
    // A write that did not find room is repeated with the same octets, which may lie elsewhere then; buffers of a
    // connection that is idle are given back.
    context.set_mode(
        SslMode::AUTO_RETRY
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            | SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::RELEASE_BUFFERS,
    );
    context.set_cipher_list("DEFAULT:!aNULL:!eNULL:!MD5:!3DES:!DES:!RC4:!IDEA:!SEED:!aDSS:!SRP:!PSK")?;
    Ok(context)
}

impl Connector {
    pub(super) fn new(trust: &Trust) -> Result<Self, Error> {
        let set_up = |error: ErrorStack| Error::from(SettingError::Tls).with_source(error);
        // A pin stands instead of an authority.
        let verifies_certificate = !trust.any_certificate && trust.pin.is_none();
        let own = match &trust.authorities {
            Some(pem) => at_least_one(X509::stack_from_pem(pem).ok())?,
            None => Vec::new(),
        };
        let authorities = if trust.authorities.is_none() && verifies_certificate {
            Authorities::System
        } else {
            let mut context = context().map_err(set_up)?;
            for authority in own {
                // One that is there twice is no error of current libraries, and none of ours.
                let _ = context.cert_store_mut().add_cert(authority);
            }
            Authorities::Own(context.build())
        };
        Ok(Self {
            authorities,
            identity: trust.identity.as_ref().map(Identity::new).transpose()?,
            minimum: match trust.minimum {
                TlsVersion::Tls12 => SslVersion::TLS1_2,
                TlsVersion::Tls13 => SslVersion::TLS1_3,
            },
            verifies_certificate,
            verifies_name: verifies_certificate && !trust.any_name,
        })
    }

    pub(super) fn connect<S: Read + Write>(&self, name: &str, stream: S) -> Handshake<S> {
        match self.session(name) {
            Ok(session) => concluded(session.connect(stream)),
            Err(error) => Handshake::Failed(TlsFailure::with_source(TlsFault::Protocol, error)),
        }
    }

    fn session(&self, name: &str) -> Result<Ssl, ErrorStack> {
        let context = match &self.authorities {
            Authorities::System => SYSTEM.as_ref().map_err(Clone::clone)?,
            Authorities::Own(context) => context,
        };
        let mut session = Ssl::new(context)?;
        session.set_min_proto_version(Some(self.minimum))?;
        session.set_verify(if self.verifies_certificate { SslVerifyMode::PEER } else { SslVerifyMode::NONE });
        let address = name.parse::<IpAddr>();
        // An address is verified too; as an extension of the hello it would break the protocol (RFC 6066 §3).
        if address.is_err() {
            session.set_hostname(name)?;
        }
        if self.verifies_name {
            let parameters = session.param_mut();
            parameters.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
            match address {
                Ok(address) => parameters.set_ip(address)?,
                Err(_) => parameters.set_host(name)?,
            }
        }
        if let Some(identity) = &self.identity {
            session.set_certificate(&identity.certificate)?;
            session.set_private_key(&identity.key)?;
            for certificate in &identity.chain {
                session.add_chain_cert(certificate.clone())?;
            }
        }
        Ok(session)
    }
}

impl Identity {
    fn new(identity: &crate::mailer::Identity) -> Result<Self, Error> {
        let key = identity.key.expose();
        // The form that every system's library reads; a password would be asked for on the terminal.
        if !key.trim_ascii_start().starts_with(b"-----BEGIN PRIVATE KEY-----") {
            return Err(SettingError::Identity.into());
        }
        let unreadable = |error: ErrorStack| Error::from(SettingError::Identity).with_source(error);
        let key = PKey::private_key_from_pem(key).map_err(unreadable)?;
        let mut chain = X509::stack_from_pem(&identity.certificate).map_err(unreadable)?;
        if chain.is_empty() {
            return Err(SettingError::Identity.into());
        }
        let certificate = chain.remove(0);
        if !certificate.public_key().map_err(unreadable)?.public_eq(&key) {
            return Err(SettingError::KeyMismatch.into());
        }
        Ok(Self { certificate, chain, key })
    }
}

/// What came of a handshake so far.
pub(super) enum Handshake<S> {
    Done(TlsStream<S>),
    Waits(Unfinished<S>),
    Failed(TlsFailure),
}

pub(super) struct Unfinished<S>(MidHandshakeSslStream<S>);

impl<S: Read + Write> Unfinished<S> {
    pub(super) fn proceed(self) -> Handshake<S> {
        concluded(self.0.handshake())
    }

    #[cfg(feature = "tokio")]
    pub(super) fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }
}

fn concluded<S>(result: Result<SslStream<S>, HandshakeError<S>>) -> Handshake<S> {
    match result {
        Ok(stream) => Handshake::Done(TlsStream(stream)),
        Err(HandshakeError::WouldBlock(stream)) => Handshake::Waits(Unfinished(stream)),
        Err(HandshakeError::SetupFailure(error)) => {
            Handshake::Failed(TlsFailure::with_source(TlsFault::Protocol, error))
        }
        Err(HandshakeError::Failure(stream)) => {
            Handshake::Failed(failure(stream.error(), stream.ssl().verify_result()))
        }
    }
}

/// `ERR_LIB_SSL`, the number of the library's TLS part.
const LIBRARY: i32 = 20;
/// `SSL_R_CERTIFICATE_VERIFY_FAILED`.
const VERIFY_FAILED: i32 = 134;
/// What is added to the number of an alert that came.
const ALERT: i32 = 1000;
/// `SSL_R_NO_PROTOCOLS_AVAILABLE`, `SSL_R_UNKNOWN_PROTOCOL`, `SSL_R_UNKNOWN_SSL_VERSION`, `SSL_R_UNSUPPORTED_PROTOCOL`,
/// `SSL_R_UNSUPPORTED_SSL_VERSION`, `SSL_R_WRONG_SSL_VERSION`, `SSL_R_WRONG_VERSION_NUMBER`, `SSL_R_VERSION_TOO_LOW`.
const VERSION: [i32; 8] = [191, 252, 254, 258, 259, 266, 267, 396];
/// `SSL_R_UNEXPECTED_EOF_WHILE_READING`.
const END_OF_STREAM: i32 = 294;

/// The first error of the library's TLS part: its number and its words.
fn first_error(stack: &ErrorStack) -> Option<(i32, Option<&'static str>)> {
    let mut errors = stack.errors().iter();
    errors.find(|error| error.library_code() == LIBRARY).map(|error| (error.reason_code(), error.reason()))
}

/// The alert that an error number stands for.
fn alert(number: i32) -> Option<u8> {
    u8::try_from(number.checked_sub(ALERT)?).ok()
}

/// The fault of this alert of the server's (RFC 8446 §6).
const fn fault_of_alert(alert: u8) -> TlsFault {
    match alert {
        70 => TlsFault::Version,
        116 => TlsFault::CertificateRequired,
        _ => TlsFault::Alert(alert),
    }
}

fn failure(error: &ssl::Error, verified: X509VerifyResult) -> TlsFailure {
    let Some((number, words)) = error.ssl_error().and_then(first_error) else {
        // The socket knows more of this one.
        return match error.io_error() {
            Some(error) => TlsFailure::with_source(TlsFault::Protocol, error.to_string()),
            None => TlsFailure::new(TlsFault::Protocol),
        };
    };
    let fault = match number {
        VERIFY_FAILED => match certificate_fault(verified.as_raw()) {
            TlsFault::Certificate => {
                return TlsFailure::with_source(TlsFault::Certificate, verified.error_string());
            }
            fault => return TlsFailure::new(fault),
        },
        END_OF_STREAM => return TlsFailure::new(TlsFault::Closed),
        number if VERSION.contains(&number) => TlsFault::Version,
        number => alert(number).map_or(TlsFault::Protocol, fault_of_alert),
    };
    match words {
        Some(words) => TlsFailure::with_source(fault, words),
        None => TlsFailure::new(fault),
    }
}

/// The fault of a verification result, by the numbers of `openssl/x509_vfy.h`.
const fn certificate_fault(result: i32) -> TlsFault {
    match result {
        9 => TlsFault::NotYetValid,
        10 => TlsFault::Expired,
        18 => TlsFault::SelfSigned,
        // the issuer is not known: not at all, not here, or only by the server's word
        2 | 19 | 20 | 21 | 27 => TlsFault::Untrusted,
        23 => TlsFault::Revoked,
        62 | 64 => TlsFault::WrongName,
        _ => TlsFault::Certificate,
    }
}

pub(super) fn fault_of_read_error(error: &io::Error) -> Option<TlsFault> {
    let error = error.get_ref()?.downcast_ref::<ssl::Error>()?;
    let (number, _) = first_error(error.ssl_error()?)?;
    alert(number).map(fault_of_alert)
}

#[derive(Debug)]
pub(super) struct TlsStream<S>(SslStream<S>);

impl<S: Read + Write> TlsStream<S> {
    pub(super) fn get_ref(&self) -> &S {
        self.0.get_ref()
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        self.0.get_mut()
    }

    /// The server's `SubjectPublicKeyInfo`.
    pub(super) fn public_key(&self) -> Option<Vec<u8>> {
        self.0.ssl().peer_certificate()?.public_key().ok()?.public_key_to_der().ok()
    }

    /// The hash of the server's certificate by the digest of its signature (RFC 5929 §4.1).
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        let certificate = self.0.ssl().peer_certificate()?;
        let digest = certificate.signature_algorithm().object().nid().signature_algorithms()?.digest;
        let digest = match digest {
            Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
            digest => MessageDigest::from_nid(digest)?,
        };
        Some(certificate.digest(digest).ok()?.to_vec())
    }

    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        match self.0.shutdown() {
            Ok(_) => Ok(()),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(()),
            Err(error) => Err(error.into_io_error().unwrap_or_else(io::Error::other)),
        }
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
