//! Defines [`XclientAttribute`], an attribute of the client that XCLIENT passes to the server, and a list of them.

use crate::address::{Domain, EhloDomain, SyntaxError};
use crate::parameter::Parameter;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::mem::discriminant;
use core::net::IpAddr;
use core::str::FromStr;

/// One attribute of XCLIENT, Postfix's extension with which a proxy or a test sets the client's identity.
///
/// `None` is sent as `[UNAVAILABLE]`: the value is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum XclientAttribute {
    /// NAME: the client's host name.
    Name(Option<Domain>),
    /// ADDR: the client's address.
    Address(Option<IpAddr>),
    /// PORT: the client's port.
    Port(Option<u16>),
    /// PROTO: ESMTP, or SMTP if `false`.
    IsExtended(bool),
    /// HELO: the client's argument of EHLO or HELO.
    Hello(Option<EhloDomain>),
    /// LOGIN: the user name of a login that succeeded.
    Login(Option<XclientLogin>),
    /// DESTADDR: the address that the client connected to.
    DestinationAddress(Option<IpAddr>),
    /// DESTPORT: the port that the client connected to.
    DestinationPort(Option<u16>),
}

/// A user name that XCLIENT can transmit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct XclientLogin(Box<str>);

impl XclientLogin {
    /// Accepts visible ASCII characters and spaces.
    ///
    /// # Errors
    /// When the name is empty or too long, or has other characters.
    pub fn new(user: &str) -> Result<Self, SyntaxError> {
        Parameter::with_xtext("LOGIN", user).map(|_| Self(user.into()))
    }
}

impl XclientAttribute {
    /// The name for errors, when the server does not accept the attribute.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Name(_) => "XCLIENT NAME",
            Self::Address(_) => "XCLIENT ADDR",
            Self::Port(_) => "XCLIENT PORT",
            Self::IsExtended(_) => "XCLIENT PROTO",
            Self::Hello(_) => "XCLIENT HELO",
            Self::Login(_) => "XCLIENT LOGIN",
            Self::DestinationAddress(_) => "XCLIENT DESTADDR",
            Self::DestinationPort(_) => "XCLIENT DESTPORT",
        }
    }

    /// The attribute's name in the reply to EHLO.
    pub(crate) fn keyword(&self) -> &'static str {
        self.name().trim_start_matches("XCLIENT ")
    }

    /// Returns the attribute as it is sent, its value in xtext (RFC 3461 §4).
    ///
    /// # Errors
    /// When a domain has non-ASCII characters, which xtext cannot encode: use its A-labels.
    pub fn to_parameter(&self) -> Result<Parameter, SyntaxError> {
        let value = match self {
            Self::Name(name) => name.as_ref().map(ToString::to_string),
            Self::Address(address) | Self::DestinationAddress(address) => {
                address.map(|address| match address {
                    IpAddr::V4(address) => address.to_string(),
                    IpAddr::V6(address) => alloc::format!("IPV6:{address}"),
                })
            }
            Self::Port(port) | Self::DestinationPort(port) => port.as_ref().map(ToString::to_string),
            Self::IsExtended(is_extended) => Some(String::from(if *is_extended { "ESMTP" } else { "SMTP" })),
            Self::Hello(domain) => domain.as_ref().map(ToString::to_string),
            Self::Login(login) => login.as_ref().map(|login| login.0.to_string()),
        };
        Parameter::with_xtext(self.keyword(), value.as_deref().unwrap_or(UNAVAILABLE))
    }
}

/// The attributes of one XCLIENT, at least one and none twice.
///
/// ```
/// use smtp_core::XclientAttributes;
///
/// let attributes: XclientAttributes = "NAME=client.example ADDR=192.0.2.1 PORT=[UNAVAILABLE]".parse()?;
/// assert_eq!(attributes.into_vec().len(), 3);
/// # Ok::<(), smtp_core::XclientError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XclientAttributes(Vec<XclientAttribute>);

impl XclientAttributes {
    /// The attributes, in their order.
    #[must_use]
    pub fn into_vec(self) -> Vec<XclientAttribute> {
        self.0
    }
}

/// A text that is no list of [`XclientAttributes`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XclientError {
    /// There is no attribute.
    Missing,
    /// This word has no `=`.
    NoValue(String),
    /// This name is not known.
    Name(String),
    /// The attribute of this name has another value than this one.
    Value {
        /// The name.
        name: &'static str,
        /// What its value is.
        wanted: &'static str,
    },
    /// The attribute of this name is given twice.
    Repeated(&'static str),
    /// The value cannot be sent.
    Unsendable(SyntaxError),
}

impl fmt::Display for XclientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TRY: &str = "try NAME=client.example ADDR=192.0.2.1";
        match self {
            Self::Missing => write!(f, "an attribute is missing, {TRY}"),
            Self::NoValue(word) => write!(f, "{word:?} is no ATTR=VALUE, {TRY}"),
            Self::Name(name) => {
                write!(f, "{name:?} is none of NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR and DESTPORT")
            }
            Self::Value { name, wanted } => write!(f, "the value of {name} is no {wanted}"),
            Self::Repeated(name) => write!(f, "{name} is given twice"),
            Self::Unsendable(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for XclientError {}

/// `ATTR=VALUE`, separated by white space; the value is text, not xtext, or `[UNAVAILABLE]`.
impl FromStr for XclientAttributes {
    type Err = XclientError;

    fn from_str(text: &str) -> Result<Self, XclientError> {
        let mut attributes: Vec<XclientAttribute> = Vec::new();
        for word in text.split_ascii_whitespace() {
            let attribute: XclientAttribute = word.parse()?;
            if attributes.iter().any(|known| discriminant(known) == discriminant(&attribute)) {
                return Err(XclientError::Repeated(attribute.keyword()));
            }
            attributes.push(attribute);
        }
        if attributes.is_empty() { Err(XclientError::Missing) } else { Ok(Self(attributes)) }
    }
}

/// `ATTR=VALUE`, with a value of text, not xtext, or `[UNAVAILABLE]`.
impl FromStr for XclientAttribute {
    type Err = XclientError;

    fn from_str(word: &str) -> Result<Self, XclientError> {
        let (name, value) = word.split_once('=').ok_or_else(|| XclientError::NoValue(word.to_string()))?;
        let value = Some(value).filter(|value| !value.eq_ignore_ascii_case(UNAVAILABLE));
        let attribute = match name.to_ascii_uppercase().as_str() {
            "NAME" => Self::Name(read(value, "NAME", "host name")?),
            "ADDR" => Self::Address(read(value.map(untagged), "ADDR", "IP address")?),
            "PORT" => Self::Port(read(value, "PORT", "port")?),
            "PROTO" => match value.map(str::to_ascii_uppercase).as_deref() {
                Some("ESMTP") => Self::IsExtended(true),
                Some("SMTP") => Self::IsExtended(false),
                _ => return Err(XclientError::Value { name: "PROTO", wanted: "protocol: SMTP or ESMTP" }),
            },
            "HELO" => Self::Hello(read(value, "HELO", "host name or address literal")?),
            "LOGIN" => Self::Login(read(value, "LOGIN", "login name")?),
            "DESTADDR" => Self::DestinationAddress(read(value.map(untagged), "DESTADDR", "IP address")?),
            "DESTPORT" => Self::DestinationPort(read(value, "DESTPORT", "port")?),
            _ => return Err(XclientError::Name(name.to_string())),
        };
        // What xtext cannot encode is refused here, not when the server is there.
        attribute.to_parameter().map_err(XclientError::Unsendable)?;
        Ok(attribute)
    }
}

impl FromStr for XclientLogin {
    type Err = SyntaxError;

    fn from_str(user: &str) -> Result<Self, SyntaxError> {
        Self::new(user)
    }
}

/// The value of an attribute that is not known.
const UNAVAILABLE: &str = "[UNAVAILABLE]";

fn read<T: FromStr>(
    value: Option<&str>,
    name: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, XclientError> {
    value.map(|text| text.parse().map_err(|_| XclientError::Value { name, wanted })).transpose()
}

/// An address without the tag that Postfix sets before IPv6.
fn untagged(text: &str) -> &str {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPV6:") => &text[5..],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_form_that_postfix_parses() {
        let printed: Vec<String> = [
            XclientAttribute::Name(Some("spike.porcupine.org".parse().unwrap())),
            XclientAttribute::Name(None),
            XclientAttribute::Address(Some("168.100.189.2".parse().unwrap())),
            XclientAttribute::Address(Some("2001:db8::1".parse().unwrap())),
            XclientAttribute::Port(Some(1234)),
            XclientAttribute::IsExtended(true),
            XclientAttribute::IsExtended(false),
            XclientAttribute::Hello(Some("client.example".parse().unwrap())),
            XclientAttribute::Login(Some(XclientLogin::new("a b+c").unwrap())),
            XclientAttribute::Login(None),
            XclientAttribute::DestinationAddress(Some("192.0.2.1".parse().unwrap())),
            XclientAttribute::DestinationPort(Some(25)),
        ]
        .iter()
        .map(|attribute| attribute.to_parameter().unwrap().to_string())
        .collect();
        assert_eq!(
            printed,
            [
                "NAME=spike.porcupine.org",
                "NAME=[UNAVAILABLE]",
                "ADDR=168.100.189.2",
                "ADDR=IPV6:2001:db8::1",
                "PORT=1234",
                "PROTO=ESMTP",
                "PROTO=SMTP",
                "HELO=client.example",
                "LOGIN=a+20b+2Bc",
                "LOGIN=[UNAVAILABLE]",
                "DESTADDR=192.0.2.1",
                "DESTPORT=25",
            ]
        );
        assert!(XclientLogin::new("a\nb").is_err() && XclientLogin::new("").is_err());
        assert!(XclientAttribute::Name(Some("bücher.example".parse().unwrap())).to_parameter().is_err());
    }

    #[test]
    fn a_list_of_attributes_is_read_and_written() {
        let read: XclientAttributes = "name=spike.example ADDR=2001:db8::1 Port=[unavailable] PROTO=smtp \
             HELO=[192.0.2.1] LOGIN=you DESTADDR=IPV6:::1 DESTPORT=25"
            .parse()
            .unwrap();
        let written: Vec<_> =
            read.into_vec().iter().map(|attribute| attribute.to_parameter().unwrap().to_string()).collect();
        assert_eq!(
            written.join(" "),
            "NAME=spike.example ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE] PROTO=SMTP HELO=[192.0.2.1] LOGIN=you \
             DESTADDR=IPV6:::1 DESTPORT=25"
        );
    }

    #[test]
    fn a_text_that_is_no_list_of_attributes_is_refused_by_name() {
        for (text, part) in [
            (" ", "is missing"),
            ("NAME", "no ATTR=VALUE"),
            ("NOM=x", "none of NAME"),
            ("ADDR=mx", "ADDR is no IP address"),
            ("PORT=99999", "PORT is no port"),
            ("PROTO=QMTP", "SMTP or ESMTP"),
            ("NAME=a NAME=b", "NAME is given twice"),
            ("NAME=bücher.example", "ASCII"),
        ] {
            let error = text.parse::<XclientAttributes>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
