//! Provides [`ScramHash`] and the functions that SCRAM is defined by (RFC 5802 §2.2).

use crate::secret::Secret;
use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScramHash {
    /// SCRAM-SHA-1 (RFC 5802).
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
}

impl ScramHash {
    /// The mechanism's name, with or without channel binding.
    pub(super) const fn mechanism(self, is_plus: bool) -> &'static str {
        match (self, is_plus) {
            (Self::Sha1, false) => "SCRAM-SHA-1",
            (Self::Sha1, true) => "SCRAM-SHA-1-PLUS",
            (Self::Sha256, false) => "SCRAM-SHA-256",
            (Self::Sha256, true) => "SCRAM-SHA-256-PLUS",
        }
    }

    /// `H(octets)`.
    pub(super) fn hash(self, octets: &Secret) -> Secret {
        match self {
            Self::Sha1 => Secret::from(Sha1::digest(octets.expose()).to_vec()),
            Self::Sha256 => Secret::from(Sha256::digest(octets.expose()).to_vec()),
        }
    }

    /// `HMAC(key, text)`.
    pub(super) fn hmac(self, key: &Secret, text: &[u8]) -> Secret {
        match self {
            Self::Sha1 => hmac::<Sha1>(key, text),
            Self::Sha256 => hmac::<Sha256>(key, text),
        }
    }

    /// Returns whether `signature` is `HMAC(key, text)`, in constant time.
    pub(super) fn is_signed(self, key: &Secret, text: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Sha1 => keyed::<Sha1>(key, text).verify_slice(signature).is_ok(),
            Self::Sha256 => keyed::<Sha256>(key, text).verify_slice(signature).is_ok(),
        }
    }

    /// `Hi(password, salt, iterations)`, which is PBKDF2 with one block.
    pub(super) fn salted(self, password: &Secret, salt: &[u8], iterations: u32) -> Secret {
        let mut salted = alloc::vec![0; match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password.expose(), salt, iterations, &mut salted),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password.expose(), salt, iterations, &mut salted),
        }
        Secret::from(salted)
    }
}

fn keyed<H: EagerHash>(key: &Secret, text: &[u8]) -> Hmac<H>
where
    Hmac<H>: KeyInit + Mac,
{
    let mut mac =
        <Hmac<H> as KeyInit>::new_from_slice(key.expose()).expect("HMAC accepts a key of any length");
    mac.update(text);
    mac
}

fn hmac<H: EagerHash>(key: &Secret, text: &[u8]) -> Secret
where
    Hmac<H>: KeyInit + Mac,
{
    Secret::from(keyed::<H>(key, text).finalize().into_bytes().to_vec())
}
