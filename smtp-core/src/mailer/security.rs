//! Defines [`Security`] and [`Trust`]: whether a connection is under TLS, and which certificates are trusted.

use crate::Secret;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// How a connection uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there are four
pub enum Security {
    /// No TLS.
    None,
    /// STARTTLS if the server offers it, with any certificate. It protects from nobody who can change the traffic, so
    /// passwords and tokens count as sent in clear (RFC 7435).
    Opportunistic,
    /// STARTTLS with a trusted certificate, or no session (RFC 3207).
    StartTls,
    /// TLS from the first octet, with a trusted certificate (RFC 8314 §3.3).
    Implicit,
}

impl Security {
    /// Whether no message may leave without TLS.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::StartTls | Self::Implicit)
    }
}

/// Which certificates are trusted, and which one the client shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trust {
    /// Certificates in PEM that are trusted instead of the system's.
    pub authorities: Option<Vec<u8>>,
    /// The name that the server's certificate must be valid for; `None` for the server's own.
    pub name: Option<alloc::string::String>,
    /// The public key that the server must have, whatever its certificate says.
    pub pin: Option<Pin>,
    /// The client's own certificate.
    pub identity: Option<Identity>,
    /// Whether a certificate for another name is trusted.
    pub any_name: bool,
    /// Whether any certificate is trusted.
    pub any_certificate: bool,
    /// The oldest version of TLS that is accepted; TLS 1.2 by default.
    pub minimum: TlsVersion,
}

impl Trust {
    /// Whether a certificate that passes proves who the server is.
    #[must_use]
    pub const fn verifies(&self) -> bool {
        self.pin.is_some() || !(self.any_certificate || self.any_name)
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The client's own certificate and its private key, in PEM; the key in PKCS #8 without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The certificate, and after it those that lead to an authority.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Secret,
}

impl Identity {
    /// A certificate and its private key.
    pub fn new(certificate: impl Into<Vec<u8>>, key: Secret) -> Self {
        Self { certificate: certificate.into(), key }
    }
}

/// The SHA-256 of a certificate's `SubjectPublicKeyInfo` (RFC 7469 §2.4).
///
/// ```
/// use smtp_core::mailer::Pin;
///
/// let text = format!("sha256:{}", "0af1".repeat(16));
/// assert_eq!(text.parse::<Pin>()?.to_string(), text);
/// # Ok::<(), smtp_core::mailer::PinError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

/// A text that is no [`Pin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinError;

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pin is sha256: and 64 hexadecimal digits")
    }
}

impl core::error::Error for PinError {}

impl Pin {
    /// A pin of this digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

/// Colons between the digits are skipped.
impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let digits = text.strip_prefix("sha256:").ok_or(PinError)?;
        let mut digits = digits.chars().filter(|&character| character != ':');
        let mut digit = || digits.next().and_then(|character| character.to_digit(16)).ok_or(PinError);
        let mut pin = [0; 32];
        for octet in &mut pin {
            *octet = u8::try_from(digit()? * 16 + digit()?).map_err(|_| PinError)?;
        }
        if digits.next().is_some() { Err(PinError) } else { Ok(Self(pin)) }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn a_pin_is_64_digits() {
        let text = format!("sha256:{}", "0aF1".repeat(16));
        assert_eq!(text.parse::<Pin>().unwrap().to_string(), text.to_lowercase());
        let long = format!("sha256:{}", "0".repeat(65));
        for text in ["", "sha256:", "sha1:00", &"0".repeat(64), &long, "sha256:zz"] {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }
}
