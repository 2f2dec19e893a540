//! Defines [`XclientAttribute`], an attribute of the client that XCLIENT passes to the server.

use crate::address::{Domain, EhloDomain, SyntaxError};
use crate::parameter::Parameter;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::net::IpAddr;

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
        Parameter::with_xtext(self.keyword(), value.as_deref().unwrap_or("[UNAVAILABLE]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

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
}
