//! Defines the part of a mailbox after the `@`, and the name that a client gives in its hello.

use alloc::{borrow::Cow, string::ToString as _};
use core::net::IpAddr;

use super::{AddressLiteral, Domain, SyntaxError, domain, text_forms};

/// The part of a mailbox after the `@`: a domain or an address literal (RFC 5321 §4.1.2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
// The grammar of RFC 5321 has exactly these two, so a match should name both.
#[allow(clippy::exhaustive_enums)]
pub enum DomainPart {
    /// A domain name.
    Domain(Domain),
    /// An address literal, in brackets.
    AddressLiteral(AddressLiteral),
}

impl DomainPart {
    /// Parses a domain name, or an address literal in its brackets.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// The printed form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Domain(domain) => domain.as_str(),
            Self::AddressLiteral(literal) => literal.as_str(),
        }
    }

    /// Returns whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.as_str().is_ascii()
    }

    /// Converts U-labels to A-labels (RFC 5891 §4).
    ///
    /// # Errors
    /// As [`Domain::to_ascii`].
    #[cfg(feature = "idna")]
    pub fn to_ascii(&self) -> Result<Self, SyntaxError> {
        match self {
            Self::Domain(domain) => domain.to_ascii().map(Self::Domain),
            Self::AddressLiteral(_) => Ok(self.clone()),
        }
    }

    /// Returns the printed form of the value that a text denotes.
    pub(super) fn printed(text: &str) -> Result<Cow<'_, str>, SyntaxError> {
        if text.starts_with('[') {
            AddressLiteral::new(text).map(|literal| Cow::Owned(literal.to_string()))
        } else {
            domain::check(text).map(|()| Cow::Borrowed(text))
        }
    }

    /// Makes a value of a printed form that is known to be valid.
    pub(super) fn from_valid(printed: &str) -> Self {
        match AddressLiteral::new(printed) {
            Ok(literal) => Self::AddressLiteral(literal),
            Err(_) => Self::Domain(Domain::from_valid(printed)),
        }
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.starts_with('[') {
            AddressLiteral::new(text).map(Self::AddressLiteral)
        } else {
            Domain::new(text).map(Self::Domain)
        }
    }
}

text_forms!(DomainPart);

impl From<Domain> for DomainPart {
    fn from(domain: Domain) -> Self {
        Self::Domain(domain)
    }
}

impl From<AddressLiteral> for DomainPart {
    fn from(literal: AddressLiteral) -> Self {
        Self::AddressLiteral(literal)
    }
}

/// The argument of EHLO, HELO or LHLO: a domain in ASCII or an address literal (RFC 5321 §4.1.1.1).
///
/// ```
/// use smtp_core::EhloDomain;
///
/// assert_eq!(EhloDomain::from(std::net::IpAddr::from([192, 0, 2, 1])).as_str(), "[192.0.2.1]");
/// assert!(EhloDomain::try_from("client.example\r\nMAIL FROM:<x@y>").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EhloDomain {
    part: DomainPart,
}

impl EhloDomain {
    /// Makes the name of a client.
    ///
    /// # Errors
    /// When the domain has U-labels: before EHLO the client cannot know whether the server offers SMTPUTF8 (RFC 6531
    /// §3.7.1).
    pub fn new(part: impl Into<DomainPart>) -> Result<Self, SyntaxError> {
        let part = part.into();
        if part.is_ascii() {
            Ok(Self { part })
        } else {
            Err(SyntaxError::NotAscii { value: "name given in EHLO" })
        }
    }

    /// The printed form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.part.as_str()
    }

    /// The domain or the address literal.
    #[must_use]
    pub fn domain(&self) -> &DomainPart {
        &self.part
    }

    /// Always true: the constructors refuse U-labels.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        true
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        DomainPart::new(text).and_then(Self::new)
    }
}

text_forms!(EhloDomain);

impl From<AddressLiteral> for EhloDomain {
    fn from(literal: AddressLiteral) -> Self {
        Self { part: DomainPart::AddressLiteral(literal) }
    }
}

impl From<IpAddr> for EhloDomain {
    fn from(address: IpAddr) -> Self {
        Self::from(AddressLiteral::from(address))
    }
}
