//! Defines the domain of a mailbox or a host (RFC 5321 §4.1.2, §4.5.3.1.2).

use alloc::boxed::Box;
use core::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use super::{SyntaxError, is_utf8_non_ascii, text_forms};

/// A domain name: at most 255 octets, labels of letters, digits and hyphens, or U-labels (RFC 6531 §3.3).
///
/// Two domains are equal regardless of the case of their ASCII letters.
///
/// ```
/// use smtp_core::Domain;
///
/// assert_eq!(Domain::new("Example.ORG")?, Domain::new("example.org")?);
/// assert!(Domain::new("example..org").is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct Domain {
    printed: Box<str>,
}

impl Domain {
    /// The maximum length in octets (RFC 5321 §4.5.3.1.2).
    pub const LIMIT: usize = 255;
    /// The maximum length of a label in octets, or in characters if it is a U-label (RFC 1035 §2.3.4).
    pub const LABEL_LIMIT: usize = 63;

    /// Parses a domain name without a trailing dot.
    ///
    /// # Errors
    /// When a label is empty or too long, begins or ends with a hyphen, or holds anything but letters, digits and
    /// hyphens.
    pub fn new(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text)
    }

    /// Returns the name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.printed
    }

    /// Returns whether every label is ASCII; a U-label would need SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.printed.is_ascii()
    }

    /// Converts U-labels to A-labels (RFC 5891 §4).
    ///
    /// # Errors
    /// When IDNA does not allow a label, or a label is too long as an A-label.
    #[cfg(feature = "idna")]
    pub fn to_ascii(&self) -> Result<Self, SyntaxError> {
        use idna::{AsciiDenyList, uts46};

        if self.is_ascii() {
            return Ok(self.clone());
        }
        let ascii = uts46::Uts46::new()
            .to_ascii(
                self.printed.as_bytes(),
                AsciiDenyList::STD3,
                uts46::Hyphens::CheckFirstLast,
                uts46::DnsLength::Verify,
            )
            .map_err(|_| SyntaxError::Malformed {
                value: VALUE,
                rule: "a label that is not ASCII must be one that IDNA allows, of at most 63 octets as an A-label",
            })?;
        Self::parse(&ascii)
    }

    /// Makes a domain of a printed form that is known to be valid.
    pub(super) fn from_valid(printed: &str) -> Self {
        Self { printed: printed.into() }
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        check(text).map(|()| Self::from_valid(text))
    }

    fn lower_case(&self) -> impl Iterator<Item = u8> + '_ {
        self.printed.bytes().map(|octet| octet.to_ascii_lowercase())
    }
}

text_forms!(Domain);

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.printed.eq_ignore_ascii_case(&other.printed)
    }
}

impl Eq for Domain {}

impl Hash for Domain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lower_case().for_each(|octet| state.write_u8(octet));
        state.write_u8(0xff);
    }
}

impl Ord for Domain {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower_case().cmp(other.lower_case())
    }
}

impl PartialOrd for Domain {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const VALUE: &str = "domain";

/// Checks that a text is a domain.
pub(super) fn check(text: &str) -> Result<(), SyntaxError> {
    if text.is_empty() {
        return Err(SyntaxError::Empty { value: VALUE });
    }
    if text.len() > Domain::LIMIT {
        return Err(SyntaxError::TooLong { value: VALUE, octets: text.len(), limit: Domain::LIMIT });
    }
    if is_plain(text) {
        return Ok(());
    }
    let mut position = 0;
    for label in text.split('.') {
        check_label(label, position)?;
        position += label.len() + 1;
    }
    Ok(())
}

/// Returns whether a text has only letters, digits and hyphens in its labels; if not, `check` looks closer.
fn is_plain(text: &str) -> bool {
    let mut label = 0;
    let mut last = b'.';
    for octet in text.bytes() {
        let goes = match octet {
            b'.' => label > 0 && last != b'-',
            b'-' => label > 0,
            _ => octet.is_ascii_alphanumeric(),
        };
        label = if octet == b'.' { 0 } else { label + 1 };
        if !goes || label > Domain::LABEL_LIMIT {
            return false;
        }
        last = octet;
    }
    !matches!(last, b'.' | b'-')
}

fn check_label(label: &str, position: usize) -> Result<(), SyntaxError> {
    if label.is_empty() {
        return Err(SyntaxError::Malformed { value: VALUE, rule: "no label between its dots may be empty" });
    }
    if let Some((at, character)) = label.char_indices().find(|(_, character)| !is_label_character(*character))
    {
        return Err(SyntaxError::Unexpected { value: VALUE, character, position: position + at });
    }
    if label.starts_with('-') || label.ends_with('-') {
        let at = if label.starts_with('-') { 0 } else { label.len() - 1 };
        return Err(SyntaxError::Unexpected { value: VALUE, character: '-', position: position + at });
    }
    // A U-label is limited by the length of its A-label, which has more octets than the U-label has characters.
    let length = label.chars().count();
    if length > Domain::LABEL_LIMIT {
        return Err(SyntaxError::TooLong {
            value: "label of the domain",
            octets: length,
            limit: Domain::LABEL_LIMIT,
        });
    }
    Ok(())
}

fn is_label_character(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '-';
    }
    // IDNA maps the three full stops of East Asian scripts to dots, so they would separate labels.
    is_utf8_non_ascii(character)
        && !character.is_whitespace()
        && !matches!(character, '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}
