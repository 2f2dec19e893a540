//! Defines the mailbox: a local-part at a domain (RFC 5321 §4.1.2).

use alloc::{boxed::Box, format};
use core::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use super::{DomainPart, LocalPart, SyntaxError, text_forms};

/// An address that mail can be sent to or from: `local-part@domain`, at most 254 octets.
///
/// It is one address and no more: no display name, no list, no angle brackets. Two mailboxes are equal when their
/// local-parts are, to the letter, and their domains, whatever their case (RFC 5321 §2.4).
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
    printed: Box<str>,
    local_part: LocalPart,
    domain: DomainPart,
}

impl Mailbox {
    /// How many octets a mailbox may have: a path has 256 with its brackets (RFC 5321 §4.5.3.1.3).
    pub const LIMIT: usize = 254;

    /// The mailbox of these parts.
    ///
    /// # Errors
    /// When it is longer than [`Mailbox::LIMIT`].
    pub fn new(local_part: LocalPart, domain: impl Into<DomainPart>) -> Result<Self, SyntaxError> {
        let domain = domain.into();
        let printed = format!("{local_part}@{domain}").into_boxed_str();
        if printed.len() > Self::LIMIT {
            return Err(SyntaxError::TooLong { value: VALUE, octets: printed.len(), limit: Self::LIMIT });
        }
        Ok(Self { printed, local_part, domain })
    }

    /// The printed form, without angle brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &LocalPart {
        &self.local_part
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &DomainPart {
        &self.domain
    }

    /// Whether it can be sent without SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.printed.is_ascii()
    }

    /// The same mailbox with A-labels for the U-labels of its domain; its local-part stays (RFC 5891 §4).
    ///
    /// # Errors
    /// When a label is none that IDNA allows, or the mailbox becomes longer than [`Mailbox::LIMIT`].
    #[cfg(feature = "idna")]
    pub fn to_ascii_domain(&self) -> Result<Self, SyntaxError> {
        Self::new(self.local_part.clone(), self.domain.to_ascii()?)
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.is_empty() {
            return Err(SyntaxError::Empty { value: VALUE });
        }
        if text.starts_with('@') && text.contains(':') {
            return Err(SyntaxError::SourceRoute);
        }
        let at = LocalPart::end(text)?;
        let local_part = LocalPart::new(&text[..at])?;
        match text[at..].chars().next() {
            None => return Err(SyntaxError::Incomplete { value: VALUE, missing: "an @ and a domain" }),
            Some('@') => {}
            Some(character) => {
                return Err(SyntaxError::Unexpected { value: VALUE, character, position: at });
            }
        }
        let domain = DomainPart::new(&text[at + 1..]).map_err(|error| error.moved(at + 1))?;
        Self::new(local_part, domain)
    }
}

text_forms!(Mailbox);

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.local_part == other.local_part && self.domain == other.domain
    }
}

impl Eq for Mailbox {}

impl Hash for Mailbox {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.local_part.hash(state);
        self.domain.hash(state);
    }
}

impl Ord for Mailbox {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.local_part, &self.domain).cmp(&(&other.local_part, &other.domain))
    }
}

impl PartialOrd for Mailbox {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const VALUE: &str = "mailbox";
