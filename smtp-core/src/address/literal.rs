//! Defines [`AddressLiteral`], a host named by its address (RFC 5321 §4.1.3).

use alloc::{boxed::Box, format};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{SyntaxError, text_forms};

/// An address literal, used instead of a domain: `[192.0.2.1]`, `[IPv6:2001:db8::1]` or `[tag:content]`.
///
/// ```
/// use smtp_core::AddressLiteral;
///
/// let literal = AddressLiteral::new("[ipv6:2001:DB8:0:0:0:0:0:1]")?;
/// assert_eq!(literal.as_str(), "[IPv6:2001:db8::1]");
/// assert_eq!(literal.ip(), Some("2001:db8::1".parse().unwrap()));
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressLiteral {
    printed: Box<str>,
    ip: Option<IpAddr>,
}

impl AddressLiteral {
    /// The maximum length in octets, brackets included: that of a domain (RFC 5321 §4.5.3.1.2).
    pub const LIMIT: usize = 255;

    /// Parses a literal in its brackets.
    ///
    /// # Errors
    /// When the text has none of the three forms of RFC 5321 §4.1.3.
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// Makes the literal `[tag:content]` of RFC 5321 §4.1.3, for address types other than IP.
    ///
    /// # Errors
    /// When the tag has characters other than letters, digits and hyphens, or the content has a space, a bracket, a
    /// backslash or a control character.
    pub fn general(tag: &str, content: &str) -> Result<Self, SyntaxError> {
        Self::parse(&format!("[{tag}:{content}]"))
    }

    /// The printed form, brackets included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// The IP address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Always true: a literal is ASCII by its grammar.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        true
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.len() > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets: text.len(), limit: Self::LIMIT });
        }
        let Some(inside) = text.strip_prefix('[') else {
            return Err(text.chars().next().map_or(SyntaxError::Empty { value: VALUE }, |character| {
                SyntaxError::Unexpected { value: VALUE, character, position: 0 }
            }));
        };
        let Some(end) = inside.find(']') else {
            return Err(SyntaxError::Incomplete { value: VALUE, missing: "a closing bracket" });
        };
        if let Some(character) = inside[end + 1..].chars().next() {
            return Err(SyntaxError::Unexpected { value: VALUE, character, position: end + 2 });
        }
        let inside = &inside[..end];
        if let Some((position, character)) =
            inside.char_indices().find(|(_, character)| !is_dcontent(*character))
        {
            return Err(SyntaxError::Unexpected { value: VALUE, character, position: position + 1 });
        }
        match inside.split_once(':') {
            None => inside.parse::<Ipv4Addr>().map(Self::from).map_err(|_| SyntaxError::Malformed {
                value: VALUE,
                rule: "without a tag it must be an IPv4 address of four numbers, as in [192.0.2.1]",
            }),
            Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
                address.parse::<Ipv6Addr>().map(Self::from).map_err(|_| SyntaxError::Malformed {
                    value: VALUE,
                    rule: "an IPv6 address must follow the tag, as in [IPv6:2001:db8::1]",
                })
            }
            // The grammar would read this IPv6 address as tag and content; no server would.
            Some(_) if inside.parse::<Ipv6Addr>().is_ok() => Err(SyntaxError::Malformed {
                value: VALUE,
                rule: "an IPv6 address needs its tag, as in [IPv6:2001:db8::1]",
            }),
            Some((tag, content)) if is_tag(tag) && !content.is_empty() => {
                Ok(Self { printed: text.into(), ip: None })
            }
            Some(_) => Err(SyntaxError::Malformed {
                value: VALUE,
                rule: "it must be an IPv4 address, IPv6: and an address, or a tag, a colon and content",
            }),
        }
    }
}

text_forms!(AddressLiteral);

impl From<Ipv4Addr> for AddressLiteral {
    fn from(address: Ipv4Addr) -> Self {
        Self { printed: format!("[{address}]").into_boxed_str(), ip: Some(IpAddr::V4(address)) }
    }
}

impl From<Ipv6Addr> for AddressLiteral {
    fn from(address: Ipv6Addr) -> Self {
        Self { printed: format!("[IPv6:{address}]").into_boxed_str(), ip: Some(IpAddr::V6(address)) }
    }
}

impl From<IpAddr> for AddressLiteral {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::from(address),
            IpAddr::V6(address) => Self::from(address),
        }
    }
}

const VALUE: &str = "address literal";

/// Matches `dcontent` of RFC 5321 §4.1.3 without angle brackets, at which a lenient server would end the path.
fn is_dcontent(character: char) -> bool {
    matches!(character, '!'..='Z' | '^'..='~') && !matches!(character, '<' | '>')
}

fn is_tag(tag: &str) -> bool {
    tag.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && tag.bytes().last().is_some_and(|octet| octet.is_ascii_alphanumeric())
}
