//! Provides an authority that issues the certificates of the lab's servers.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate authority that nobody but the tests knows.
#[derive(Debug)]
pub struct Authority {
    file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// The files, in PEM, of a certificate and of its private key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, PKCS #8.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority and writes its certificate to `ca.pem` in `directory`.
    ///
    /// # Errors
    /// When the file cannot be written or the key cannot be made.
    pub fn new(directory: &Path) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority of the lab");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        let file = directory.join("ca.pem");
        std::fs::write(&file, certificate.pem())?;
        Ok(Self { file, issuer: Issuer::new(params, key) })
    }

    /// The file of the authority's own certificate, for a client to trust.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Issues a certificate for `names` (DNS names and IP addresses) as `NAME.pem` and `NAME.key` beside the
    /// authority's, where `NAME` is the first of them.
    ///
    /// # Errors
    /// When a name is none, no name is given, or the files cannot be written.
    pub fn issue(&self, names: &[&str]) -> io::Result<Identity> {
        let first = names.first().ok_or(io::ErrorKind::InvalidInput)?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, *first);
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let identity = Identity {
            certificate: self.file.with_file_name(format!("{first}.pem")),
            key: self.file.with_file_name(format!("{first}.key")),
        };
        std::fs::write(&identity.certificate, certificate.pem())?;
        std::fs::write(&identity.key, key.serialize_pem())?;
        Ok(identity)
    }
}
