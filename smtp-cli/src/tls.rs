//! Provides [`Tls`]: what is verified of a server's certificate, and the handshake, by the platform's own library.

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::transport::Timed;
use native_tls::{Certificate, HandshakeError, Protocol, TlsConnector, TlsStream};
use std::fmt;
use std::path::{Path, PathBuf};

/// How a handshake is done.
pub(crate) struct Tls {
    connector: TlsConnector,
    name: String,
}

/// What is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Certificates in PEM that are trusted instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The same, in memory: those of the bundled server.
    pub(crate) ca_pem: Option<String>,
    /// Whether nothing is verified.
    pub(crate) anything: bool,
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
        if trust.anything {
            builder.danger_accept_invalid_certs(true);
            builder.danger_accept_invalid_hostnames(true);
        }
        // An address is verified too; as an extension of the hello it would break the protocol (RFC 6066 §3).
        builder.use_sni(name.parse::<std::net::IpAddr>().is_err());
        let connector = builder
            .build()
            .map_err(|error| Error::new(Exit::OS, format!("TLS cannot be set up: {error}")))?;
        Ok(Self { connector, name: name.to_string() })
    }

    /// Does the handshake over a stream that is connected.
    pub(crate) fn handshake(&self, stream: Timed) -> std::result::Result<TlsStream<Timed>, Failure> {
        self.connector.connect(&self.name, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => Failure::of(&error, &self.name),
            HandshakeError::WouldBlock(_) => Failure::new("it took too long"),
        })
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
        let reason = known.into_iter().find(|(words, _)| certificate && lower.contains(words));
        Self { certificate, reason: reason.map_or_else(|| brief(&text), |(_, reason)| reason) }
    }
}

/// The library's words without the places in its source.
fn brief(text: &str) -> String {
    // error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../ssl/record/…:80:
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["error", _, _, _, reason, ..] => (*reason).to_string(),
        _ => text.to_string(),
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
    }
}
