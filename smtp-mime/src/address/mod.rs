//! Defines addresses in header fields: mailboxes with display names, groups and lists (RFC 5322 §3.4).

mod parse;
mod write;

use std::{borrow::Cow, fmt, str::FromStr};

use smallvec::{SmallVec, smallvec};
use smtp_core::{DomainPart, Mailbox};

use crate::{ValueError, header::unstructured};

pub(crate) use parse::{lenient, local_names};
pub(crate) use write::{Style, field, field_of_one, ready};

/// A mailbox, optionally with a display name (RFC 5322 §3.4).
///
/// ```
/// use smtp_mime::NameAddr;
///
/// let author: NameAddr = "\"You, too\" <you@example.org>".parse()?;
/// assert_eq!(author.display_name(), Some("You, too"));
/// assert_eq!(author.mailbox().as_str(), "you@example.org");
/// # Ok::<(), smtp_mime::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NameAddr {
    display_name: Option<Cow<'static, str>>,
    mailbox: Mailbox,
}

impl NameAddr {
    /// Makes a mailbox with a display name; an empty name counts as none, and outer spaces are removed.
    ///
    /// # Errors
    /// When the name has CR, LF or NUL.
    pub fn new(display_name: impl Into<Cow<'static, str>>, mailbox: Mailbox) -> Result<Self, ValueError> {
        let display_name = phrase(display_name.into())?;
        Ok(Self { display_name: (!display_name.is_empty()).then_some(display_name), mailbox })
    }

    /// The display name, decoded.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        self.display_name.as_deref()
    }

    /// The mailbox.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Converts to the mailbox without its display name.
    #[must_use]
    pub fn into_mailbox(self) -> Mailbox {
        self.mailbox
    }
}

impl From<Mailbox> for NameAddr {
    fn from(mailbox: Mailbox) -> Self {
        Self { display_name: None, mailbox }
    }
}

impl FromStr for NameAddr {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut list: AddressList = text.parse()?;
        match (list.addresses.pop(), list.is_empty()) {
            (Some(Address::Mailbox(mailbox)), true) => Ok(mailbox),
            _ => Err(ValueError::Malformed {
                value: "mailbox",
                rule: "it must be one address, not a list or a group",
            }),
        }
    }
}

/// A named group of mailboxes; readers show the name (RFC 5322 §3.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    display_name: Cow<'static, str>,
    mailboxes: Vec<NameAddr>,
}

impl Group {
    /// Makes a group, which may be empty like `undisclosed-recipients:;`.
    ///
    /// # Errors
    /// When the name is empty or has CR, LF or NUL.
    pub fn new(
        display_name: impl Into<Cow<'static, str>>,
        mailboxes: Vec<NameAddr>,
    ) -> Result<Self, ValueError> {
        let display_name = phrase(display_name.into())?;
        if display_name.is_empty() {
            return Err(ValueError::Empty { value: "name of a group" });
        }
        Ok(Self { display_name, mailboxes })
    }

    /// The name of the group.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// Its mailboxes.
    #[must_use]
    pub fn mailboxes(&self) -> &[NameAddr] {
        &self.mailboxes
    }
}

/// A mailbox or a group (RFC 5322 §3.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// The grammar of RFC 5322 has exactly these two, so a match should name both.
#[allow(clippy::exhaustive_enums)]
pub enum Address {
    /// A single mailbox.
    Mailbox(NameAddr),
    /// A named group of mailboxes.
    Group(Group),
}

/// A list of addresses separated by commas, as in To, Cc and Reply-To (RFC 5322 §3.4).
///
/// ```
/// use smtp_mime::AddressList;
///
/// let list: AddressList = "\"A, B\" <a@example.org>, c@example.org, Friends: d@example.org;".parse()?;
/// let mailboxes: Vec<_> = list.mailboxes().map(|mailbox| mailbox.as_str()).collect();
/// assert_eq!(mailboxes, ["a@example.org", "c@example.org", "d@example.org"]);
/// # Ok::<(), smtp_mime::ValueError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddressList {
    // Most lists have one address, which needs no allocation.
    addresses: SmallVec<[Address; 1]>,
}

impl AddressList {
    /// Makes a list of these addresses.
    #[must_use]
    pub fn new(addresses: Vec<Address>) -> Self {
        Self { addresses: addresses.into() }
    }

    /// The addresses in order.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Every mailbox with its display name, including those in groups.
    pub fn named_mailboxes(&self) -> impl Iterator<Item = &NameAddr> {
        self.addresses.iter().flat_map(|address| match address {
            Address::Mailbox(mailbox) => std::slice::from_ref(mailbox),
            Address::Group(group) => group.mailboxes(),
        })
    }

    /// Every mailbox, including those in groups.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.named_mailboxes().map(NameAddr::mailbox)
    }

    /// Moves out every mailbox, including those in groups, without display names.
    pub(crate) fn try_into_mailboxes<E>(
        self,
        mut take: impl FnMut(Mailbox) -> Result<(), E>,
    ) -> Result<(), E> {
        for address in self.addresses {
            match address {
                Address::Mailbox(mailbox) => take(mailbox.into_mailbox())?,
                Address::Group(group) => {
                    group.mailboxes.into_iter().map(NameAddr::into_mailbox).try_for_each(&mut take)?;
                }
            }
        }
        Ok(())
    }

    /// Returns whether `holds` is true for any mailbox, including those in groups.
    pub(crate) fn any(&self, mut holds: impl FnMut(&NameAddr) -> bool) -> bool {
        self.addresses.iter().any(|address| match address {
            Address::Mailbox(mailbox) => holds(mailbox),
            Address::Group(group) => group.mailboxes.iter().any(&mut holds),
        })
    }

    /// Returns whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Appends the addresses of another list.
    pub fn append(&mut self, other: Self) {
        self.addresses.extend(other.addresses);
    }
}

impl From<NameAddr> for AddressList {
    fn from(mailbox: NameAddr) -> Self {
        Self { addresses: smallvec![Address::Mailbox(mailbox)] }
    }
}

impl From<Mailbox> for AddressList {
    fn from(mailbox: Mailbox) -> Self {
        NameAddr::from(mailbox).into()
    }
}

impl From<Group> for AddressList {
    fn from(group: Group) -> Self {
        Self { addresses: smallvec![Address::Group(group)] }
    }
}

impl FromIterator<NameAddr> for AddressList {
    fn from_iter<I: IntoIterator<Item = NameAddr>>(mailboxes: I) -> Self {
        Self { addresses: mailboxes.into_iter().map(Address::Mailbox).collect() }
    }
}

impl FromStr for AddressList {
    type Err = ValueError;

    /// Parses text as people type it.
    ///
    /// Display names may have dots and non-ASCII characters; comments are dropped.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse::strict(text)
    }
}

/// Prints the address for people, with quotes where a name needs them; not in the form of a header field.
impl fmt::Display for NameAddr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.display_name {
            None => formatter.write_str(self.mailbox.as_str()),
            Some(name) => write!(formatter, "{} <{}>", write::readable(name), self.mailbox),
        }
    }
}

/// Returns whether the domains are equal, or one is a subdomain of the other.
pub(crate) fn is_aligned(one: &DomainPart, other: &DomainPart) -> bool {
    let ascii = |part: &DomainPart| {
        part.to_ascii().map_or_else(|_| part.to_string(), |part| part.to_string()).to_ascii_lowercase()
    };
    let (one, other) = (ascii(one), ascii(other));
    let within = |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'));
    one == other || within(&one, &other) || within(&other, &one)
}

fn phrase(text: Cow<'static, str>) -> Result<Cow<'static, str>, ValueError> {
    unstructured::check("display name", &text)?;
    let trimmed = text.trim_matches([' ', '\t']);
    Ok(if trimmed.len() == text.len() { text } else { trimmed.to_owned().into() })
}

#[cfg(test)]
mod tests;
