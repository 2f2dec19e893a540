//! Provides [`Tls`]: what is verified of a server's certificate, and the handshake, by the platform's own library.

use crate::args::Pin;
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::timed::Timed;
use native_tls::{Certificate, HandshakeError, Identity, Protocol, TlsConnector, TlsStream};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How a handshake is done.
pub(crate) struct Tls {
    connector: TlsConnector,
    name: String,
    pin: Option<Pin>,
}

/// What is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Certificates in PEM that are trusted instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The same, in memory: those of the bundled server.
    pub(crate) ca_pem: Option<String>,
    /// Our own certificate and its key, in PEM.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// The public key that the server must have.
    pub(crate) pin: Option<Pin>,
    /// Whether nothing is verified.
    pub(crate) anything: bool,
    /// Whether the name that the certificate bears does not matter.
    pub(crate) any_name: bool,
}

impl Tls {
    /// A handshake with the server `name`, of TLS 1.2 at least.
    pub(crate) fn new(name: &str, trust: &Trust) -> Result<Self> {
        let mut builder = TlsConnector::builder();
        builder.min_protocol_version(Some(Protocol::Tlsv12));
        let trusted = match (&trust.ca_file, &trust.ca_pem) {
            (Some(path), _) => Some(certificates(path)?),
            (None, Some(pem)) => Some(Certificate::stack_from_pem(pem.as_bytes()).unwrap_or_default()),
            (None, None) => None,
        };
        if let Some(trusted) = trusted {
            builder.disable_built_in_roots(true);
            for certificate in trusted {
                builder.add_root_certificate(certificate);
            }
        }
        if let Some((certificate, key)) = &trust.identity {
            builder.identity(identity(certificate, key)?);
        }
        if trust.anything {
            builder.danger_accept_invalid_certs(true);
            builder.danger_accept_invalid_hostnames(true);
        }
        if trust.any_name {
            builder.danger_accept_invalid_hostnames(true);
        }
        // An address is verified too; as an extension of the hello it would break the protocol (RFC 6066 §3).
        builder.use_sni(name.parse::<std::net::IpAddr>().is_err());
        let connector = builder.build().map_err(|error| match &trust.identity {
            // Whether they belong together shows only here.
            Some((certificate, key)) => Error::new(
                Exit::NO_INPUT,
                format!(
                    "the key {} does not belong to the certificate {}: {}",
                    key.display(),
                    certificate.display(),
                    brief(&error.to_string())
                ),
            ),
            None => Error::new(Exit::OS, format!("TLS cannot be set up: {error}")),
        })?;
        Ok(Self { connector, name: name.to_string(), pin: trust.pin })
    }

    /// Does the handshake over a stream that is connected.
    pub(crate) fn handshake(&self, stream: Timed) -> std::result::Result<TlsStream<Timed>, Failure> {
        let stream = self.connector.connect(&self.name, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => Failure::of(&error, &self.name),
            HandshakeError::WouldBlock(_) => Failure::new("it took too long"),
        })?;
        if let Some(pin) = self.pin {
            check_pin(pin, &stream)?;
        }
        Ok(stream)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Whether it was for the certificate, which is a matter of trust and not of the protocol.
    pub(crate) certificate: bool,
    /// In words.
    pub(crate) reason: String,
}

impl Failure {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { certificate: false, reason: reason.into() }
    }

    /// What the server said by an alert instead of its first reply: under TLS 1.3 the client is done before the server has
    /// looked at its certificate.
    pub(crate) fn of_alert(error: &std::io::Error) -> Option<Self> {
        let text = error.to_string();
        text.contains(" alert ").then(|| Self::new(brief(&text)))
    }

    fn of(error: &native_tls::Error, name: &str) -> Self {
        let text = error.to_string();
        let lower = text.to_lowercase();
        // The library has no kinds of errors, so its words must do. What the server says by an alert is not about
        // the server's own certificate.
        let certificate = lower.contains("certificate") && !lower.contains("alert");
        let known = [
            ("hostname mismatch", format!("the certificate is not for {name}")),
            ("ip address mismatch", format!("the certificate is not for {name}")),
            ("has expired", "the certificate has expired".to_string()),
            ("not yet valid", "the certificate is not yet valid".to_string()),
            ("self-signed", "the certificate is signed by nobody that is trusted (self-signed)".to_string()),
            ("self signed", "the certificate is signed by nobody that is trusted (self-signed)".to_string()),
            ("unable to get", "the certificate is signed by nobody that is trusted".to_string()),
        ];
        let is_too_old = ["protocol version", "unsupported protocol", "version too low"]
            .iter()
            .any(|words| lower.contains(words));
        if is_too_old {
            let reason = format!("the server offers no TLS 1.2 or newer ({})", brief(&text));
            return Self { certificate: false, reason };
        }
        let reason = known.into_iter().find(|(words, _)| certificate && lower.contains(words));
        Self { certificate, reason: reason.map_or_else(|| brief(&text), |(_, reason)| reason) }
    }
}

/// Checks that the server has the key that was named, which stands for an authority's word.
fn check_pin(pin: Pin, stream: &TlsStream<Timed>) -> std::result::Result<(), Failure> {
    let failed = |reason: String| Failure { certificate: true, reason };
    let certificate =
        stream.peer_certificate().ok().flatten().and_then(|certificate| certificate.to_der().ok());
    let certificate = certificate.ok_or_else(|| failed("the server showed no certificate".to_string()))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
        .map_err(|_| failed("the certificate cannot be read".to_string()))?;
    let found = Pin(Sha256::digest(parsed.public_key().raw).into());
    if found == pin { Ok(()) } else { Err(failed(format!("its key is {found}, and --tls-pin wants {pin}"))) }
}

/// Our own certificate and key.
fn identity(certificate: &Path, key: &Path) -> Result<Identity> {
    let read =
        |what: &str, path: &Path| std::fs::read(path).map_err(|error| Error::unreadable(what, path, &error));
    let pem = read("the certificate of --client-cert", certificate)?;
    let key_pem = Zeroizing::new(read("the key of --client-key", key)?);
    Identity::from_pkcs8(&pem, &key_pem).map_err(|error| {
        Error::new(
            Exit::NO_INPUT,
            format!(
                "{} and {} are no certificate and key: {error}; the key must be PKCS #8 in PEM without a password \
                 (-----BEGIN PRIVATE KEY-----), which openssl pkcs8 -topk8 -nodes makes of others",
                certificate.display(),
                key.display()
            ),
        )
    })
}

/// The library's words without the places in its source.
fn brief(text: &str) -> String {
    // error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../ssl/record/…:80:
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["error", _, _, _, reason, ..] => (*reason).to_string(),
        // the system's words, as they are said everywhere else
        _ => Reworded(&std::io::Error::other(text)).to_string(),
    }
}

/// The certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<Certificate>> {
    let octets = std::fs::read(path)
        .map_err(|error| Error::unreadable("the certificates of --ca-file", path, &error))?;
    match Certificate::stack_from_pem(&octets) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::new(
            Exit::NO_INPUT,
            format!("{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", path.display()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate\n").unwrap();
        let trust = Trust { ca_file: Some(file.path().into()), ..Trust::default() };
        let error = Tls::new("mx.example.org", &trust).unwrap_err();
        assert_eq!(error.exit(), Exit::NO_INPUT);
        assert!(error.to_string().contains("BEGIN CERTIFICATE"), "{error}");
    }

    #[test]
    fn the_librarys_places_in_its_source_are_left_out() {
        let text =
            "error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../ssl/x.c:80:";
        assert_eq!(brief(text), "wrong version number");
        assert_eq!(brief("no such host"), "no such host");
        assert_eq!(brief("Connection reset by peer (os error 104)"), "connection reset by peer");
    }
}
