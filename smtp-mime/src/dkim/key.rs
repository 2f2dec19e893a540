//! Defines the private keys for signatures.

use std::fmt;

use ring::{
    digest,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};

use crate::Error;

/// A private key: RSA of at least 2048 bits (RFC 8301 §3.2), or Ed25519 (RFC 8463).
///
/// It signs deterministically: the same message and key give the same signature.
///
/// (RSA uses random bytes of the operating system for blinding, which does not affect the signature.)
pub struct DkimKey {
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl DkimKey {
    /// Parses an unencrypted key in PEM: `PRIVATE KEY` (PKCS #8) or `RSA PRIVATE KEY` (PKCS #1).
    ///
    /// # Errors
    /// When it has another form, is an RSA key of fewer than 2048 bits, or is another kind of key.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| NO_KEY)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).ok().map(rsa),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                let ed25519 =
                    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Box::new).map(Pair::Ed25519);
                ed25519.or_else(|| RsaKeyPair::from_pkcs8(der).ok().map(rsa))
            }
            _ => None,
        };
        pair.map(|pair| Self { pair }).ok_or(NO_KEY)
    }

    /// Makes an Ed25519 key of its seed, the 32 bytes of RFC 8032 §5.1.5.
    ///
    /// # Errors
    /// When the seed does not have 32 bytes.
    pub fn from_ed25519_seed(seed: &[u8]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NO_KEY)?;
        Ok(Self { pair: Pair::Ed25519(Box::new(pair)) })
    }

    /// The name of the algorithm, for `a=`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)
                    .map_err(|_| NO_KEY)?;
                Ok(signature)
            }
            // Ed25519 signs the hash (RFC 8463 §3).
            Pair::Ed25519(pair) => {
                Ok(pair.sign(digest::digest(&digest::SHA256, data).as_ref()).as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shows nothing of the key.
        formatter.debug_struct("DkimKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

const NO_KEY: Error = Error::Key {
    rule: "it must be an RSA key of at least 2048 bits or an Ed25519 key, in PEM and not encrypted",
};

fn rsa(pair: RsaKeyPair) -> Pair {
    Pair::Rsa(Box::new(pair))
}
