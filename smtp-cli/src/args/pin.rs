//! Defines [`Pin`], the digest of a public key that stands for an authority's word.

use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate's `SubjectPublicKeyInfo`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin(pub(crate) [u8; 32]);

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || "a pin is sha256: and 64 hexadecimal digits".to_string();
        let digits = text.strip_prefix("sha256:").ok_or_else(wanted)?;
        let mut pin = [0; 32];
        let mut digits = digits.chars().filter(|&character| character != ':');
        for octet in &mut pin {
            let mut digit = || digits.next().and_then(|character| character.to_digit(16));
            let (high, low) = (digit().ok_or_else(wanted)?, digit().ok_or_else(wanted)?);
            *octet = u8::try_from(high * 16 + low).map_err(|_| wanted())?;
        }
        if digits.next().is_some() { Err(wanted()) } else { Ok(Self(pin)) }
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

    #[test]
    fn a_pin_is_64_digits() {
        let text = format!("sha256:{}", "0aF1".repeat(16));
        assert_eq!(text.parse::<Pin>().unwrap().to_string(), text.to_lowercase());
        for text in
            ["", "sha256:", "sha1:00", &"0".repeat(64), &format!("sha256:{}", "0".repeat(65)), "sha256:zz"]
        {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }
}
