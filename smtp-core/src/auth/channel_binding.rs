//! Defines [`ChannelBinding`], what ties a login to the TLS session that it runs in (RFC 5056).

use super::MechanismError;
use alloc::vec::Vec;

/// The channel binding `tls-server-end-point` (RFC 5929 §4): a hash of the server's certificate.
///
/// Whoever sits in the middle with a certificate of his own has another one, and the login fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding(Vec<u8>);

impl ChannelBinding {
    /// Its name in the registry of channel bindings (RFC 5929 §4).
    pub const NAME: &'static str = "tls-server-end-point";

    /// Takes the hash of the server's certificate, as it came in the handshake: by the hash of its signature, but by
    /// SHA-256 where that is MD5 or SHA-1.
    ///
    /// # Errors
    /// When it is no hash: shorter than 28 or longer than 64 octets.
    pub fn tls_server_end_point(hash: impl Into<Vec<u8>>) -> Result<Self, MechanismError> {
        let hash = hash.into();
        if !(28..=64).contains(&hash.len()) {
            return Err(MechanismError::new(alloc::format!(
                "the channel binding has {} octets, and a hash of a certificate has 28 to 64",
                hash.len()
            )));
        }
        Ok(Self(hash))
    }

    /// The octets that both sides must have.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_28_to_64_octets() {
        for (length, is_hash) in [(0, false), (20, false), (27, false), (28, true), (64, true), (65, false)] {
            assert_eq!(ChannelBinding::tls_server_end_point(alloc::vec![7; length]).is_ok(), is_hash);
        }
    }
}
