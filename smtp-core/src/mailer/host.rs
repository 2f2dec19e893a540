//! Reads host names and ports: [`HostAndPort`] and [`host_name`].

use crate::SyntaxError;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

/// A host, and its port if one is named: `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or a bare IPv6 address.
///
/// ```
/// use smtp_core::mailer::HostAndPort;
///
/// let read: HostAndPort = "[2001:db8::1]:587".parse()?;
/// assert_eq!((read.host.as_str(), read.port), ("2001:db8::1", Some(587)));
/// # Ok::<(), smtp_core::mailer::HostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HostAndPort {
    /// A name as [`host_name`] gives it, or an IP address without brackets.
    pub host: String,
    /// The port, at least 1.
    pub port: Option<u16>,
}

/// A text that is no [`HostAndPort`]; it never repeats more than one character, as the text may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// There is no host.
    Missing,
    /// This character cannot stand in a host name.
    Character(char),
    /// A name in another script is not valid.
    Name(SyntaxError),
    /// A bracket is not closed.
    Unclosed,
    /// The text in brackets is no IP address.
    Address,
    /// Something other than a port follows the bracket.
    AfterBracket,
    /// The text after the colon is no port.
    Port,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the host name is missing"),
            Self::Character(character) => write!(f, "{character:?} cannot stand in a host name"),
            Self::Name(error) => write!(f, "the name is no host name: {error}"),
            Self::Unclosed => f.write_str("the bracket of the address is not closed"),
            Self::Address => f.write_str("the text in brackets is no IP address"),
            Self::AfterBracket => f.write_str("only :port may follow the bracket"),
            Self::Port => {
                f.write_str("the text after the colon is no port, which is a number from 1 to 65535")
            }
        }
    }
}

impl core::error::Error for HostError {}

impl FromStr for HostAndPort {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { host: text.to_string(), port: None });
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(HostError::Unclosed)?;
                let address = host.strip_prefix("IPv6:").unwrap_or(host);
                if address.parse::<IpAddr>().is_err() {
                    return Err(HostError::Address);
                }
                let port = match rest {
                    "" => None,
                    rest => Some(rest.strip_prefix(':').ok_or(HostError::AfterBracket)?),
                };
                (address, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let host = host_name(host)?;
        let port = port.map(|port| match port.parse() {
            Ok(number) if number > 0 && port.bytes().all(|octet| octet.is_ascii_digit()) => Ok(number),
            _ => Err(HostError::Port),
        });
        Ok(Self { host, port: port.transpose()? })
    }
}

/// Reads the name of a host or an IP address without brackets.
///
/// With the feature `idna` a name in another script becomes its A-labels (RFC 5890 §2.3.2.1), by which it is looked up and
/// named in a certificate.
///
/// # Errors
/// If it is empty or no name.
pub fn host_name(text: &str) -> Result<String, HostError> {
    if text.is_empty() {
        return Err(HostError::Missing);
    }
    let is_foreign = |c: &char| {
        c.is_control()
            || c.is_whitespace()
            || (c.is_ascii_punctuation() && !matches!(c, '.' | '-' | '_' | ':'))
    };
    match text.chars().find(is_foreign) {
        Some(character) => Err(HostError::Character(character)),
        None if text.is_ascii() => Ok(text.to_string()),
        None => a_labels(text),
    }
}

#[cfg(feature = "idna")]
fn a_labels(text: &str) -> Result<String, HostError> {
    // The full stops of East Asian scripts divide labels, too (RFC 5895 §2).
    let dotted = text.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    let (name, root) = dotted.strip_suffix('.').map_or((dotted.as_str(), ""), |name| (name, "."));
    let ascii = crate::Domain::new(name).and_then(|domain| domain.to_ascii()).map_err(HostError::Name)?;
    Ok(alloc::format!("{}{root}", ascii.as_str()))
}

#[cfg(not(feature = "idna"))]
#[allow(clippy::unnecessary_wraps, reason = "the same as with idna")]
fn a_labels(text: &str) -> Result<String, HostError> {
    Ok(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_host_is_read() {
        for (text, host, port) in [
            ("mx.example.org", "mx.example.org", None),
            ("mx.example.org:25", "mx.example.org", Some(25)),
            ("127.0.0.1:2525", "127.0.0.1", Some(2525)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[IPv6:::1]:24", "::1", Some(24)),
            ("my_host", "my_host", None),
        ] {
            assert_eq!(text.parse(), Ok(HostAndPort { host: host.to_string(), port }), "{text}");
        }
    }

    #[cfg(feature = "idna")]
    #[test]
    fn a_name_in_another_script_becomes_its_a_labels() {
        assert_eq!(host_name("bücher.example").as_deref(), Ok("xn--bcher-kva.example"));
        assert_eq!(host_name("BÜCHER。example.").as_deref(), Ok("xn--bcher-kva.example."));
        for text in ["bücher..example", "\u{200d}bücher.example", "ü_x.example"] {
            assert!(matches!(host_name(text), Err(HostError::Name(_))), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_host_is_refused_by_its_fault() {
        for (text, error) in [
            ("", HostError::Missing),
            (":25", HostError::Missing),
            ("mx:0", HostError::Port),
            ("mx:+25", HostError::Port),
            ("mx:65536", HostError::Port),
            ("mx:smtp", HostError::Port),
            ("a b", HostError::Character(' ')),
            ("mx\r\nQUIT", HostError::Character('\r')),
            ("a/b", HostError::Character('/')),
            ("a%b", HostError::Character('%')),
            ("[::1", HostError::Unclosed),
            ("[mx]", HostError::Address),
            ("[::1]25", HostError::AfterBracket),
        ] {
            assert_eq!(text.parse::<HostAndPort>(), Err(error), "{text}");
        }
    }
}
