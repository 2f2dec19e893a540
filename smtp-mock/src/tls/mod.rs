//! Provides the mock's certificates, one good and six bad, made at the start, and native-tls acceptors for them.

mod authority;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use native_tls::{Identity, TlsAcceptor};

pub use self::authority::{Authority, Chain};
use crate::{scenario::Certificate, sync::lock};

/// Makes an acceptor for each kind of certificate when it is first wanted.
pub(crate) struct Acceptors {
    authority: Arc<Authority>,
    made: Mutex<BTreeMap<Certificate, (TlsAcceptor, String)>>,
    own: Option<Chain>,
}

impl core::fmt::Debug for Acceptors {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Acceptors").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Acceptors {
    pub(crate) fn new(authority: Arc<Authority>, own: Option<Chain>) -> Self {
        Self { authority, made: Mutex::default(), own }
    }

    /// The acceptor, and the certificate that it shows in PEM.
    pub(crate) fn acceptor(&self, certificate: Certificate) -> Result<(TlsAcceptor, String), String> {
        let mut made = lock(&self.made);
        if let Some(found) = made.get(&certificate) {
            return Ok(found.clone());
        }
        let chain = match &self.own {
            Some(own) if certificate == Certificate::Good => own.clone(),
            _ => self.authority.chain(certificate)?,
        };
        let identity = Identity::from_pkcs8(chain.certificates_pem.as_bytes(), chain.key_pem.as_bytes())
            .map_err(|error| format!("the certificate and key cannot be used: {error}"))?;
        let acceptor =
            TlsAcceptor::new(identity).map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let found = (acceptor, chain.certificates_pem);
        made.insert(certificate, found.clone());
        Ok(found)
    }
}
