//! Defines the mailbox: a local-part at a domain (RFC 5321 §4.1.2).

use alloc::{boxed::Box, string::String};
use core::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use super::{DomainPart, LocalPart, SyntaxError, text_forms};

/// A mail address: `local-part@domain`, at most 254 octets.
///
/// It is a single address without display name, list or angle brackets. Two mailboxes are equal when their
/// local-parts are identical and their domains are equal regardless of case (RFC 5321 §2.4).
///
/// ```
/// use smtp_core::Mailbox;
///
/// let mailbox = Mailbox::try_from("\"john.doe\"@Example.org")?;
/// assert_eq!(mailbox.as_str(), "john.doe@Example.org");
/// assert_eq!(mailbox.domain().as_str(), "Example.org");
/// assert!(Mailbox::try_from("a@example.org> SIZE=1").is_err());
/// assert!(Mailbox::try_from("a@example.org, b@example.org").is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Mailbox {
    // One allocation for the whole: a message has many mailboxes, and their parts are rarely needed.
    printed: Box<str>,
    /// The position of the `@`.
    at: usize,
}

impl Mailbox {
    /// The maximum length in octets: a path has 256 with its brackets (RFC 5321 §4.5.3.1.3).
    pub const LIMIT: usize = 254;

    /// Makes a mailbox of its parts.
    ///
    /// # Errors
    /// When it is longer than [`Mailbox::LIMIT`].
    pub fn new(local_part: &LocalPart, domain: impl Into<DomainPart>) -> Result<Self, SyntaxError> {
        Self::joined(local_part.as_str(), domain.into().as_str())
    }

    /// The printed form, without angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> LocalPart {
        LocalPart::from_valid(&self.printed[..self.at])
    }

    /// The part after the `@`.
    #[must_use]
    pub fn domain(&self) -> DomainPart {
        DomainPart::from_valid(self.domain_str())
    }

    /// The part after the `@`, as text.
    #[must_use]
    pub fn domain_str(&self) -> &str {
        &self.printed[self.at + 1..]
    }

    /// Returns whether it can be sent without SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.printed.is_ascii()
    }

    /// Converts U-labels of the domain to A-labels and keeps the local-part (RFC 5891 §4).
    ///
    /// # Errors
    /// When IDNA does not allow a label, or the mailbox becomes longer than [`Mailbox::LIMIT`].
    #[cfg(feature = "idna")]
    pub fn to_ascii_domain(&self) -> Result<Self, SyntaxError> {
        Self::joined(&self.printed[..self.at], self.domain().to_ascii()?.as_str())
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.is_empty() {
            return Err(SyntaxError::Empty { value: VALUE });
        }
        if text.starts_with('@') && text.contains(':') {
            return Err(SyntaxError::SourceRoute);
        }
        let at = LocalPart::end(text)?;
        let local_part = LocalPart::printed(&text[..at])?;
        match text[at..].chars().next() {
            None => return Err(SyntaxError::Incomplete { value: VALUE, missing: "an @ and a domain" }),
            Some('@') => {}
            Some(character) => {
                return Err(SyntaxError::Unexpected { value: VALUE, character, position: at });
            }
        }
        let domain = DomainPart::printed(&text[at + 1..]).map_err(|error| error.moved(at + 1))?;
        Self::joined(&local_part, &domain)
    }

    /// Joins two parts in their printed forms.
    fn joined(local_part: &str, domain: &str) -> Result<Self, SyntaxError> {
        let octets = local_part.len() + 1 + domain.len();
        if octets > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets, limit: Self::LIMIT });
        }
        let mut printed = String::with_capacity(octets);
        printed.push_str(local_part);
        printed.push('@');
        printed.push_str(domain);
        Ok(Self { printed: printed.into_boxed_str(), at: local_part.len() })
    }

    /// The values that equality compares: local-part, whether a literal follows, and the domain in lower case.
    fn compared(&self) -> (&str, bool, impl Iterator<Item = u8>) {
        let domain = self.domain_str();
        let literal = domain.starts_with('[');
        let octets =
            domain.bytes().map(move |octet| if literal { octet } else { octet.to_ascii_lowercase() });
        (&self.printed[..self.at], literal, octets)
    }
}

text_forms!(Mailbox);

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Mailbox {}

impl Hash for Mailbox {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (local_part, _, domain) = self.compared();
        local_part.hash(state);
        domain.for_each(|octet| state.write_u8(octet));
        state.write_u8(0xff);
    }
}

impl Ord for Mailbox {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((one, literal, domain), (another, other_literal, other_domain)) =
            (self.compared(), other.compared());
        (one, literal).cmp(&(another, other_literal)).then_with(|| domain.cmp(other_domain))
    }
}

impl PartialOrd for Mailbox {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const VALUE: &str = "mailbox";
