//! Makes a certificate authority and what it signs, with rcgen.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::scenario::Certificate;

/// A certificate with those that lead to its authority, and its key, in PEM.
#[derive(Clone)]
pub struct Chain {
    /// The certificate first, then intermediates; the authority's own is left out.
    pub certificates_pem: String,
    /// The private key in PKCS#8.
    pub key_pem: String,
}

/// The key stays out: a failing test prints its values with `Debug`.
impl core::fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Chain")
            .field("certificates_pem", &self.certificates_pem)
            .finish_non_exhaustive()
    }
}

/// A certificate authority that lives as long as the mock.
#[derive(Debug)]
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    names: Vec<String>,
}

impl Authority {
    /// A new authority whose good certificates are for these names and addresses.
    ///
    /// # Errors
    /// A text for people, when a name cannot stand in a certificate.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, String> {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        for name in ["localhost", "127.0.0.1", "::1"] {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(Self { root: issuer("smtp-mock test authority")?, names })
    }

    /// The authority's certificate in PEM, for clients to trust.
    #[must_use]
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// A certificate of this kind.
    ///
    /// # Errors
    /// A text for people, when a name cannot stand in a certificate.
    pub fn chain(&self, certificate: Certificate) -> Result<Chain, String> {
        let now = OffsetDateTime::now_utc();
        let mut params = Self::leaf(&self.names)?;
        match certificate {
            Certificate::Good => self.signed(&params),
            Certificate::Expired => {
                params.not_before = now - Duration::days(90);
                params.not_after = now - Duration::days(1);
                self.signed(&params)
            }
            Certificate::NotYetValid => {
                params.not_before = now + Duration::days(30);
                params.not_after = now + Duration::days(90);
                self.signed(&params)
            }
            Certificate::WrongHost => self.signed(&Self::leaf(&["wrong.example.test".to_owned()])?),
            Certificate::SelfSigned => {
                let key = key()?;
                let certificate = params.self_signed(&key).map_err(|error| error.to_string())?;
                Ok(Chain { certificates_pem: certificate.pem(), key_pem: key.serialize_pem() })
            }
            Certificate::UnknownCa => {
                let stranger = issuer("an authority that nobody trusts")?;
                sign(&params, &stranger)
            }
            Certificate::MissingIntermediate => {
                let key = key()?;
                let middle =
                    CertifiedIssuer::signed_by(issuer_params("smtp-mock intermediate")?, key, &self.root)
                        .map_err(|error| error.to_string())?;
                sign(&params, &middle)
            }
        }
    }

    fn leaf(names: &[String]) -> Result<CertificateParams, String> {
        let mut params = CertificateParams::new(names.to_vec()).map_err(|error| error.to_string())?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, names.first().map_or("localhost", String::as_str));
        params.distinguished_name = name;
        let now = OffsetDateTime::now_utc();
        params.not_before = now - Duration::days(1);
        // Some clients refuse more than 825 days even from an authority that they were told to trust.
        params.not_after = now + Duration::days(365);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }

    fn signed(&self, params: &CertificateParams) -> Result<Chain, String> {
        sign(params, &self.root)
    }
}

fn sign(params: &CertificateParams, issuer: &CertifiedIssuer<'_, KeyPair>) -> Result<Chain, String> {
    let key = key()?;
    let certificate = params.signed_by(&key, issuer).map_err(|error| error.to_string())?;
    Ok(Chain { certificates_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

fn key() -> Result<KeyPair, String> {
    KeyPair::generate().map_err(|error| format!("no key could be made: {error}"))
}

fn issuer_params(common_name: &str) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|error| error.to_string())?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(400);
    params.not_after = now + Duration::days(800);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn issuer(common_name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, String> {
    CertifiedIssuer::self_signed(issuer_params(common_name)?, key()?).map_err(|error| error.to_string())
}
