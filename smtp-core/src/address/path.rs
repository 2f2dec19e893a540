//! Defines the arguments of MAIL and RCPT: reverse-path and forward-path (RFC 5321 §4.1.2).

use alloc::{format, string::String, sync::Arc};
use core::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use super::{Mailbox, SyntaxError, text_forms};

/// The argument of MAIL: the mailbox for failure reports, or the null reverse-path `<>`.
///
/// ```
/// use smtp_core::{Mailbox, ReversePath};
///
/// let path = ReversePath::from(Mailbox::try_from("you@example.org")?);
/// assert_eq!(path.as_str(), "<you@example.org>");
/// assert!(ReversePath::try_from("<>")?.is_null());
/// assert!(ReversePath::try_from("<@relay.example:you@example.org>").is_err());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct ReversePath {
    shared: Arc<Path>,
}

impl ReversePath {
    /// Makes the path to a mailbox.
    #[must_use]
    pub fn new(mailbox: Mailbox) -> Self {
        Self { shared: Path::to(mailbox) }
    }

    /// Makes the null reverse-path `<>`, for mail that must not cause a report (RFC 5321 §4.5.5).
    #[must_use]
    pub fn null() -> Self {
        Self { shared: Path::special("<>") }
    }

    /// The printed form, angle brackets included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shared.printed
    }

    /// The mailbox, unless the path is null.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.shared.mailbox.as_ref()
    }

    /// Returns whether it is `<>`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.shared.mailbox.is_none()
    }

    /// Returns whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.shared.is_ascii
    }

    /// Parses a path in its angle brackets, or a mailbox without them.
    fn parse(text: &str) -> Result<Self, SyntaxError> {
        match inside(text, "reverse-path")? {
            ("", _) => Ok(Self::null()),
            (mailbox, offset) => {
                Mailbox::try_from(mailbox).map(Self::new).map_err(|error| error.moved(offset))
            }
        }
    }
}

text_forms!(ReversePath);

impl From<Mailbox> for ReversePath {
    fn from(mailbox: Mailbox) -> Self {
        Self::new(mailbox)
    }
}

/// The argument of RCPT: a mailbox, or `<Postmaster>` without a domain (RFC 5321 §4.1.1.3).
///
/// ```
/// use smtp_core::ForwardPath;
///
/// assert_eq!(ForwardPath::try_from("friend@example.net")?.as_str(), "<friend@example.net>");
/// assert_eq!(ForwardPath::try_from("<POSTMASTER>")?, ForwardPath::postmaster());
/// # Ok::<(), smtp_core::SyntaxError>(())
/// ```
#[derive(Clone)]
pub struct ForwardPath {
    shared: Arc<Path>,
}

impl ForwardPath {
    /// Makes the path to a mailbox.
    #[must_use]
    pub fn new(mailbox: Mailbox) -> Self {
        Self { shared: Path::to(mailbox) }
    }

    /// Makes the path to the postmaster of the server, `<Postmaster>`.
    #[must_use]
    pub fn postmaster() -> Self {
        Self { shared: Path::special("<Postmaster>") }
    }

    /// The printed form, angle brackets included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shared.printed
    }

    /// The mailbox, unless the path is `<Postmaster>`.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.shared.mailbox.as_ref()
    }

    /// Returns whether it is `<Postmaster>`.
    #[must_use]
    pub fn is_postmaster(&self) -> bool {
        self.shared.mailbox.is_none()
    }

    /// Returns whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.shared.is_ascii
    }

    /// Parses a path in its angle brackets, or a mailbox or Postmaster without them.
    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let (path, offset) = inside(text, "forward-path")?;
        if path.is_empty() {
            return Err(SyntaxError::Empty { value: "forward-path" });
        }
        if path.eq_ignore_ascii_case("postmaster") {
            return Ok(Self::postmaster());
        }
        Mailbox::try_from(path).map(Self::new).map_err(|error| error.moved(offset))
    }
}

text_forms!(ForwardPath);

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self::new(mailbox)
    }
}

/// Compares two paths by their mailboxes, which ignore the case of the domain.
macro_rules! compared_by_mailbox {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.shared.mailbox == other.shared.mailbox
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.shared.mailbox.hash(state);
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.shared.mailbox.cmp(&other.shared.mailbox)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}

compared_by_mailbox!(ReversePath);
compared_by_mailbox!(ForwardPath);

/// The content of a path, shared by its clones: one path is often used for many messages.
struct Path {
    printed: String,
    is_ascii: bool,
    mailbox: Option<Mailbox>,
}

impl Path {
    fn to(mailbox: Mailbox) -> Arc<Self> {
        Arc::new(Self {
            printed: format!("<{mailbox}>"),
            is_ascii: mailbox.is_ascii(),
            mailbox: Some(mailbox),
        })
    }

    /// Makes a path without a mailbox.
    fn special(printed: &str) -> Arc<Self> {
        Arc::new(Self { printed: String::from(printed), is_ascii: true, mailbox: None })
    }
}

/// The text within the angle brackets, if there are any, and the number of octets before it.
fn inside<'a>(text: &'a str, value: &'static str) -> Result<(&'a str, usize), SyntaxError> {
    let Some(rest) = text.strip_prefix('<') else {
        return if text.is_empty() { Err(SyntaxError::Empty { value }) } else { Ok((text, 0)) };
    };
    if rest.starts_with('@') {
        return Err(SyntaxError::SourceRoute);
    }
    rest.strip_suffix('>')
        .map(|path| (path, 1))
        .ok_or(SyntaxError::Incomplete { value, missing: "a closing angle bracket" })
}
