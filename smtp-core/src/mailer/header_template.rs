//! Defines [`HeaderTemplate`], a PROXY header whose addresses default to those of the connection.

use super::setting_error::SettingError;
use crate::{MixedFamilies, ProxyHeader};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

/// A PROXY header whose addresses default to those of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderTemplate {
    /// Whether it is sent in the binary form of version 2 instead of version 1.
    pub is_binary: bool,
    /// The address of the client; `None` for the local address.
    pub source: Option<SocketAddr>,
    /// The address of the server; `None` for the peer's address.
    pub destination: Option<SocketAddr>,
}

impl HeaderTemplate {
    /// A header of version 1 with the addresses of the connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { is_binary: false, source: None, destination: None }
    }

    /// The octets for a connection between these addresses.
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn octets(
        &self,
        local: Option<SocketAddr>,
        peer: Option<SocketAddr>,
    ) -> Result<Vec<u8>, SettingError> {
        let header = self.header(local, peer)?;
        Ok(if self.is_binary { header.version_2() } else { header.version_1() })
    }

    /// The header for a connection between these addresses.
    ///
    /// # Errors
    /// If an address is neither given nor known, or one is IPv4 and the other IPv6.
    pub fn header(
        &self,
        local: Option<SocketAddr>,
        peer: Option<SocketAddr>,
    ) -> Result<ProxyHeader, SettingError> {
        match (self.source.or(local), self.destination.or(peer)) {
            (Some(source), Some(destination)) => {
                ProxyHeader::new(source, destination).map_err(|_| SettingError::MixedFamilies)
            }
            _ => Err(SettingError::NoHeaderAddresses),
        }
    }
}

impl Default for HeaderTemplate {
    fn default() -> Self {
        Self::new()
    }
}

/// A text that is no [`HeaderTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderTemplateError {
    /// It does not begin with a version.
    Version,
    /// This part is neither a source nor a destination.
    Part(String),
    /// This is no address with a port.
    Address(String),
    /// This part is given twice.
    Repeated(&'static str),
    /// Source and destination are of different families.
    Families(MixedFamilies),
}

impl fmt::Display for HeaderTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("a PROXY header is v1 or v2, then ;src=IP:PORT or ;dst=IP:PORT"),
            Self::Part(part) => write!(f, "{part:?} is neither src=IP:PORT nor dst=IP:PORT"),
            Self::Address(text) => {
                write!(f, "{text:?} is no IP:PORT, try 192.0.2.1:50000 or [2001:db8::1]:50000")
            }
            Self::Repeated(name) => write!(f, "{name}= is given twice"),
            Self::Families(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for HeaderTemplateError {}

/// `v1` or `v2`, then in any order `;src=IP:PORT` and `;dst=IP:PORT`.
impl FromStr for HeaderTemplate {
    type Err = HeaderTemplateError;

    fn from_str(text: &str) -> Result<Self, HeaderTemplateError> {
        let mut parts = text.split(';').map(str::trim);
        let mut template = Self::new();
        template.is_binary = match parts.next() {
            Some("v1") => false,
            Some("v2") => true,
            _ => return Err(HeaderTemplateError::Version),
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, place) = match name {
                "src" => ("src", &mut template.source),
                "dst" => ("dst", &mut template.destination),
                _ => return Err(HeaderTemplateError::Part(part.to_string())),
            };
            let address = value.parse().map_err(|_| HeaderTemplateError::Address(value.to_string()))?;
            if place.replace(address).is_some() {
                return Err(HeaderTemplateError::Repeated(name));
            }
        }
        if let (Some(source), Some(destination)) = (template.source, template.destination) {
            ProxyHeader::new(source, destination).map_err(HeaderTemplateError::Families)?;
        }
        Ok(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_takes_the_addresses_of_the_connection_where_none_are_given() {
        let local = Some("127.0.0.1:40000".parse().unwrap());
        let peer = Some("127.0.0.1:25".parse().unwrap());
        let template = |text: &str| text.parse::<HeaderTemplate>().unwrap();
        let octets = |text: &str| template(text).octets(local, peer).unwrap();
        assert_eq!(octets("v1"), b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n");
        assert_eq!(octets("v1;src=192.0.2.1:7"), b"PROXY TCP4 192.0.2.1 127.0.0.1 7 25\r\n");
        assert_eq!(
            octets("v1; dst=[2001:db8::2]:25;src=[2001:db8::1]:7"),
            b"PROXY TCP6 2001:db8::1 2001:db8::2 7 25\r\n"
        );
        assert_eq!(octets("v2;src=192.0.2.1:7;dst=192.0.2.2:25").len(), 28);
        assert!(template("v1;src=[::1]:7").octets(local, peer).is_err());
        assert!(template("v2").octets(None, None).is_err());
    }

    #[test]
    fn a_text_that_is_no_header_is_refused_by_name() {
        for (text, part) in [
            ("", "v1 or v2"),
            ("v3", "v1 or v2"),
            ("v1;192.0.2.1:25", "neither src="),
            ("v1;src=192.0.2.1", "no IP:PORT"),
            ("v1;src=192.0.2.1:1;src=192.0.2.1:2", "twice"),
            ("v2;src=192.0.2.1:1;dst=[::1]:25", "both be IPv4"),
        ] {
            let error = text.parse::<HeaderTemplate>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
