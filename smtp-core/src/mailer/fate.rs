//! Defines [`Fate`], what became of one recipient, and [`Report`], the fates of a message.

use super::error::Error;
use super::measure::Measure;
use crate::{ForwardPath, Outcome, Reason, Reply};
use alloc::vec::Vec;
use core::fmt;

/// What became of one recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there are two, and an application must tell them apart
pub enum Fate {
    /// A transaction decided it.
    Decided {
        /// What the server said, or that it said nothing.
        outcome: Outcome,
        /// The server, as `host:port`.
        server: alloc::string::String,
    },
    /// No transaction decided it: the message was not sent to this recipient.
    NotAttempted(Error),
}

/// Whether the same message may be sent again to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // an application must tell them apart
pub enum Repeat {
    /// It was delivered: there is nothing to repeat.
    Unneeded,
    /// It cannot duplicate the message, and may succeed.
    Safe,
    /// It may duplicate the message.
    MayDuplicate,
    /// It cannot duplicate the message, and will fail again unless something changes.
    Pointless,
}

impl Fate {
    /// Whether the server accepted the message for this recipient.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Decided { outcome: Outcome::Accepted(_), .. })
    }

    /// Whether the same message may be sent again.
    #[must_use]
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::NotAttempted(error) => error.repeat(),
            Self::Decided { outcome: Outcome::Accepted(_), .. } => Repeat::Unneeded,
            Self::Decided { outcome: Outcome::Unconfirmed(_), .. } => Repeat::MayDuplicate,
            Self::Decided { outcome, .. } if is_transient(outcome) => Repeat::Safe,
            Self::Decided { .. } => Repeat::Pointless,
        }
    }

    /// The reply that decided it, if one did.
    #[must_use]
    pub const fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Decided { outcome, .. } => match outcome {
                Outcome::Accepted(reply)
                | Outcome::Refused { reply, .. }
                | Outcome::Unsent(Reason::Refused(reply) | Reason::TooManyRecipients(reply)) => Some(reply),
                _ => None,
            },
            Self::NotAttempted(_) => None,
        }
    }
}

impl Error {
    /// Whether what was not done for this error may be done again: [`Repeat::Safe`] or [`Repeat::Pointless`].
    #[must_use]
    pub fn repeat(&self) -> Repeat {
        if self.is_transient() { Repeat::Safe } else { Repeat::Pointless }
    }
}

/// Whether the same may succeed later without a change: never for what is unconfirmed.
#[must_use]
pub fn is_transient(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused { reply, .. } => reply.is_transient(),
        Outcome::Unsent(reason) => super::error::is_transient(reason),
        Outcome::Accepted(_) | Outcome::Unconfirmed(_) => false,
    }
}

/// In words: `accepted: 250 2.0.0 queued`, `refused at RCPT: 550 …`, `unsent: …` or `unknown, …`.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decided { outcome, .. } => outcome.fmt(f),
            Self::NotAttempted(error) => write!(f, "unsent: {error}"),
        }
    }
}

/// What became of one message: a fate for each recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the server may have refused recipients"]
pub struct Report {
    pub(super) recipients: Vec<RecipientReport>,
    pub(super) measure: Measure,
}

/// What became of one recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientReport {
    /// The recipient.
    pub address: ForwardPath,
    /// What became of it.
    pub fate: Fate,
}

/// The address and its fate, like `b@example.net: accepted: 250 2.0.0 queued`.
impl fmt::Display for RecipientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.address.as_str();
        let address = path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path);
        write!(f, "{address}: {}", self.fate)
    }
}

impl Report {
    /// The recipients with their fates, in the order of the envelope.
    #[must_use]
    pub fn recipients(&self) -> &[RecipientReport] {
        &self.recipients
    }

    /// Whether the server accepted the message for every recipient.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.recipients.iter().all(|recipient| recipient.fate.is_accepted())
    }

    /// The recipients that the message was not accepted for.
    pub fn failed(&self) -> impl Iterator<Item = &RecipientReport> {
        self.recipients.iter().filter(|recipient| !recipient.fate.is_accepted())
    }

    /// The identifier under which the server queued the message: a guess from the words of its last reply, which have no
    /// common form.
    #[must_use]
    pub fn queue_id(&self) -> Option<&str> {
        let mut accepted = self.recipients.iter().filter(|recipient| recipient.fate.is_accepted());
        accepted.find_map(|recipient| recipient.fate.reply())?.queue_id()
    }

    /// What the transactions of the message cost; the first message of a session bears the cost of its opening.
    #[must_use]
    pub const fn measure(&self) -> &Measure {
        &self.measure
    }
}
