//! Provides [`explain`]: the meaning of a reply, the party at fault, an advice and what may follow.
//!
//! The texts come from tables, one file each, from the most to the least specific:
//!
//! 1. the subject and detail of an enhanced status code (the IANA registry of RFC 5248), or its subject alone (RFC
//!    3463 §3) if the detail is unknown;
//! 2. a reply code at a particular command or in the greeting;
//! 3. a reply code at any command;
//! 4. its first and second digit (RFC 5321 §4.2.1).
//!
//! An enhanced code replaces the explanation of the reply code only where it is more specific. «530 5.7.0» keeps the
//! explanation of 530, because «security or policy» is vaguer than «log in first»; «550 5.7.0» uses that of 5.7.0,
//! because 550 has many meanings. [`Openness`] says in each row how vague a reply code is.

mod address;
mod codes;
mod content;
mod digits;
mod mailbox;
mod network;
mod occasions;
mod protocol;
mod security;
mod success;
mod system;
#[cfg(test)]
mod tests;

use super::{Code, EnhancedCode, Reply, Severity};
use crate::event::Verb;
use core::fmt;

/// The meaning of a reply, for people; each text is one line in lower case without a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Explanation {
    /// The meaning.
    pub meaning: &'static str,
    /// The party at fault.
    pub fault: Fault,
    /// The advice.
    pub advice: &'static str,
    /// What may follow on the connection.
    pub next: Next,
}

/// The party at fault for a refusal: the one most likely able to fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// No error.
    Nobody,
    /// The client sent a command, an argument or an order that the server does not accept.
    Client,
    /// The login: its user name, password or mechanism, or its absence.
    Login,
    /// The sender's address, domain or host.
    Sender,
    /// The message: its size, content or protection.
    Message,
    /// The recipient's address, domain or mailbox.
    Recipient,
    /// The server.
    Server,
    /// The route: networks, name servers and further hosts.
    Path,
    /// A policy of the receiving side; nothing is broken.
    Policy,
}

impl Fault {
    /// A description for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Client => "the client",
            Self::Login => "the login",
            Self::Sender => "the sender",
            Self::Message => "the message",
            Self::Recipient => "the recipient",
            Self::Server => "the server",
            Self::Path => "the network or a host further on",
            Self::Policy => "the receiver's policy",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What may follow after a reply (RFC 5321 §4.2.1, §3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Next {
    /// Continue: it was accepted (2yz, 3yz).
    Proceed,
    /// Retry later (4yz); the connection continues.
    Later,
    /// Change the command before a retry (5yz); the connection continues.
    Amend,
    /// The connection is over; retry later on a new one (421, 4yz in the greeting).
    Reconnect,
    /// The connection is over, and a new one would end likewise (521, 5yz in the greeting).
    Leave,
    /// The connection is over as requested with QUIT (221).
    Closed,
}

impl Next {
    /// Returns whether the connection is over.
    #[must_use]
    pub const fn is_connection_over(self) -> bool {
        matches!(self, Self::Reconnect | Self::Leave | Self::Closed)
    }

    /// Returns whether the unchanged command may be repeated later.
    #[must_use]
    pub const fn is_repeatable_later(self) -> bool {
        matches!(self, Self::Later | Self::Reconnect)
    }

    /// A description for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proceed => "go on",
            Self::Later => "the same may be tried again later, the connection goes on",
            Self::Amend => "the same would be refused again, the connection goes on",
            Self::Reconnect => "the connection is over, the same may be tried again later on a new one",
            Self::Leave => "the connection is over, a new one would end as this one did",
            Self::Closed => "the connection is over, as requested",
        }
    }

    const fn after(code: Code, occasion: Occasion) -> Self {
        match (code, occasion) {
            (Code::UNAVAILABLE, _) => Self::Reconnect,
            // RFC 7504 §3: such a host accepts no command but QUIT
            (Code::NO_MAIL, _) => Self::Leave,
            // after QUIT the client closes the connection, whatever the reply (RFC 5321 §4.1.1.10)
            (Code::CLOSING, _) | (_, Occasion::Command(Verb::Quit)) => Self::Closed,
            (code, Occasion::Greeting) => match code.severity() {
                Severity::Completed | Severity::Intermediate => Self::Proceed,
                Severity::Transient => Self::Reconnect,
                Severity::Permanent => Self::Leave,
            },
            (code, _) => match code.severity() {
                Severity::Completed | Severity::Intermediate => Self::Proceed,
                Severity::Transient => Self::Later,
                Severity::Permanent => Self::Amend,
            },
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The occasion of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Occasion {
    /// Unknown.
    #[default]
    Unknown,
    /// The connection was opened: the reply is the server's greeting.
    Greeting,
    /// The reply belongs to this command.
    Command(Verb),
}

impl From<Verb> for Occasion {
    fn from(verb: Verb) -> Self {
        Self::Command(verb)
    }
}

/// Explains a reply with these codes on this occasion.
///
/// An enhanced code whose class contradicts the reply code is ignored (RFC 2034 §4).
///
/// ```
/// use smtp_core::{Code, EnhancedCode, Fault, Next, Occasion, Verb, explain};
///
/// let refused = explain(Code::MAILBOX_UNAVAILABLE, EnhancedCode::new(5, 1, 1), Verb::Rcpt.into());
/// assert_eq!(refused.meaning, "the domain has no such mailbox");
/// assert_eq!(refused.fault, Fault::Recipient);
/// assert_eq!(refused.advice, "check the part of the address before the @");
/// assert_eq!(refused.next, Next::Amend);
///
/// // the meaning of a code depends on the command
/// let to_starttls = explain(Code::TEMPORARY_AUTHENTICATION_FAILURE, None, Verb::StartTls.into());
/// assert_eq!(to_starttls.meaning, "the server cannot offer TLS right now");
/// let to_auth = explain(Code::TEMPORARY_AUTHENTICATION_FAILURE, None, Verb::Auth.into());
/// assert_eq!(to_auth.meaning, "the server cannot check the login right now");
///
/// // and so does the end of the connection
/// assert!(explain(Code::TRANSACTION_FAILED, None, Occasion::Greeting).next.is_connection_over());
/// assert!(!explain(Code::TRANSACTION_FAILED, None, Verb::Data.into()).next.is_connection_over());
/// ```
#[must_use]
pub fn explain(code: Code, enhanced: Option<EnhancedCode>, occasion: Occasion) -> Explanation {
    let row =
        occasions::find(occasion, code).or_else(|| codes::find(code)).unwrap_or_else(|| digits::find(code));
    let explanation = row.explanation(Next::after(code, occasion));
    let detail = enhanced
        .filter(|enhanced| u16::from(enhanced.class) == code.value() / 100)
        .and_then(|enhanced| Some((enhanced, find_detail(enhanced)?)))
        .filter(|(_, detail)| detail.refines <= row.openness);
    let Some((enhanced, detail)) = detail else { return explanation };
    let explanation = detail.explanation(enhanced.class, explanation.next);
    match (explanation.fault, occasion) {
        // MAIL names no recipient: the address is the sender's own
        (Fault::Recipient, Occasion::Command(Verb::Mail)) if enhanced.subject == 1 => {
            Explanation { fault: Fault::Sender, ..explanation }
        }
        _ => explanation,
    }
}

/// Explains an enhanced status code by itself, without a reply code.
///
/// ```
/// use smtp_core::{EnhancedCode, Fault, reply};
///
/// let code = EnhancedCode::new(5, 7, 26).ok_or("no such class")?;
/// let refused = reply::explain_enhanced(code);
/// assert_eq!(refused.meaning, "more than one check of the sender failed, such as SPF and DKIM (RFC 7372)");
/// assert_eq!(refused.fault, Fault::Sender);
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn explain_enhanced(enhanced: EnhancedCode) -> Explanation {
    let (row, next) = match enhanced.class {
        2 => (digits::of_class(Severity::Completed), Next::Proceed),
        4 => (digits::of_class(Severity::Transient), Next::Later),
        _ => (digits::of_class(Severity::Permanent), Next::Amend),
    };
    match find_detail(enhanced) {
        Some(detail) => detail.explanation(enhanced.class, next),
        None => row.explanation(next),
    }
}

/// The reply codes that have their own explanation, in ascending order.
///
/// ```
/// use smtp_core::{Code, reply};
///
/// assert!(reply::explained_codes().any(|code| code == Code::TRANSACTION_FAILED));
/// ```
pub fn explained_codes() -> impl Iterator<Item = Code> {
    codes::ROWS.iter().filter_map(|(value, _)| Code::new(*value))
}

impl Reply {
    /// Explains this reply on the given occasion.
    ///
    /// ```
    /// use smtp_core::{Code, Reply, Verb};
    ///
    /// let reply = Reply::new(Code::INSUFFICIENT_STORAGE, "4.5.3 enough for now");
    /// let explanation = reply.explain(Verb::Rcpt.into());
    /// assert_eq!(explanation.meaning, "too many recipients for one transaction");
    /// assert!(explanation.next.is_repeatable_later());
    /// ```
    #[must_use]
    pub fn explain(&self, occasion: Occasion) -> Explanation {
        explain(self.code, self.enhanced, occasion)
    }
}

/// How vague a reply code is, and how specific an enhanced code must be to replace its explanation.
///
/// A detail [refines](Detail::refines) the rows that have its openness or a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Openness {
    /// Nothing is more specific.
    Settled,
    /// A code for logins: only the details that RFC 4954 §6 defines for logins are more specific.
    ///
    /// Servers also send others that do not fit, like 5.7.3.
    Login,
    /// Any detail with one meaning is more specific.
    Detail,
    /// Also «security or policy» without a detail is more specific.
    Policy,
    /// Any subject is more specific.
    Subject,
}

/// The explanation of a reply code.
#[derive(Clone, Copy, Debug)]
struct Row {
    fault: Fault,
    openness: Openness,
    meaning: &'static str,
    advice: &'static str,
}

impl Row {
    const fn explanation(&self, next: Next) -> Explanation {
        Explanation { meaning: self.meaning, fault: self.fault, advice: self.advice, next }
    }
}

/// The explanation of an enhanced code's subject and detail; its class says whether the failure is transient.
#[derive(Clone, Copy, Debug)]
struct Detail {
    number: u16,
    fault: Fault,
    refines: Openness,
    meaning: &'static str,
    /// The advice for a permanent failure.
    advice: &'static str,
    /// The advice for a transient failure.
    transient_advice: &'static str,
}

impl Detail {
    const fn explanation(&self, class: u8, next: Next) -> Explanation {
        let advice = if class == 4 { self.transient_advice } else { self.advice };
        Explanation { meaning: self.meaning, fault: self.fault, advice, next }
    }
}

/// Returns the row of subject and detail, or that of detail 0, which stands for the subject (RFC 3463 §3).
fn find_detail(enhanced: EnhancedCode) -> Option<&'static Detail> {
    let details = match (enhanced.class, enhanced.subject) {
        (2, subject) => success::details(subject)?,
        (_, 1) => address::DETAILS,
        (_, 2) => mailbox::DETAILS,
        (_, 3) => system::DETAILS,
        (_, 4) => network::DETAILS,
        (_, 5) => protocol::DETAILS,
        (_, 6) => content::DETAILS,
        (_, 7) => security::DETAILS,
        // X.0.Y adds nothing to the class
        _ => return None,
    };
    details
        .iter()
        .find(|row| row.number == enhanced.detail)
        .or_else(|| details.iter().find(|row| row.number == 0))
}

/// Makes a table of reply codes: code, fault, openness, meaning => advice.
macro_rules! rows {
    ($($code:literal $fault:ident $openness:ident $meaning:literal => $advice:literal;)*) => {
        &[$(($code, Row {
            fault: Fault::$fault,
            openness: Openness::$openness,
            meaning: $meaning,
            advice: $advice,
        })),*]
    };
}

/// Makes a table of a subject's details: detail, fault, what they refine, meaning => advice.
///
/// The advice for a transient failure is to wait first, unless `transient` gives another.
macro_rules! details {
    (@transient $advice:literal) => { concat!("try again later; if it stays so, ", $advice) };
    (@transient $advice:literal $transient:literal) => { $transient };
    ($($detail:literal $fault:ident $refines:ident $meaning:literal => $advice:literal $(transient $transient:literal)?;)*) => {
        &[$(Detail {
            number: $detail,
            fault: Fault::$fault,
            refines: Openness::$refines,
            meaning: $meaning,
            advice: $advice,
            transient_advice: details!(@transient $advice $($transient)?),
        }),*]
    };
}

use {details, rows};
