//! Defines [`ChannelBinding`], which ties a login to its TLS session (RFC 5056).

use super::MechanismError;
use alloc::vec::Vec;

/// The channel binding `tls-server-end-point` (RFC 5929 §4): a hash of the server's certificate.
///
/// A man in the middle has a different certificate, so the login fails there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelBinding(Vec<u8>);

impl ChannelBinding {
    /// The name of this channel binding in the IANA registry (RFC 5929 §4).
    pub const NAME: &'static str = "tls-server-end-point";

    /// Takes the hash of the server's certificate from the handshake.
    ///
    /// The hash function is that of the certificate's signature, or SHA-256 where that is MD5 or SHA-1.
    ///
    /// # Errors
    /// When the hash is shorter than 28 or longer than 64 octets.
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

    /// The bytes that both sides must have.
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
