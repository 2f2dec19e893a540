//! Provides [`explain`]: what a reply means, whose fault it is, what to try and what may follow on the
//! connection.
//!
//! The words come from tables, one file each, from the most to the least exact:
//!
//! 1. what an enhanced status code says by subject and detail (the IANA registry of RFC 5248), or by subject alone
//!    (RFC 3463 §3) where the detail is unknown;
//! 2. what a reply code means at a particular command or in the greeting;
//! 3. what a reply code means anywhere;
//! 4. what its first and second digit say (RFC 5321 §4.2.1).
//!
//! An enhanced code takes the place of what the reply code says only where it is more exact. «530 5.7.0»
//! keeps the words of 530, because «security or policy» says less than «log in first»; «550 5.7.0» takes
//! those of 5.7.0, because 550 may mean half a dozen things. How open the meaning of a reply code is stands
//! in its row as an [`Openness`].

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

/// What a reply means, in words for people; each text is one line in lower case without a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Explanation {
    /// What it means.
    pub meaning: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
    /// What to try.
    pub advice: &'static str,
    /// What may follow.
    pub next: Next,
}

/// Whose fault a refusal is; the one who can most likely mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing went wrong.
    Nobody,
    /// The client said what the server does not take: a command, its arguments or their order.
    Client,
    /// The login: its user name, password or mechanism, or that there was none.
    Login,
    /// The sender's address, domain or host.
    Sender,
    /// The message: its size, content or protection.
    Message,
    /// The recipient's address, domain or mailbox.
    Recipient,
    /// The server.
    Server,
    /// What lies between: networks, name servers and the hosts further on.
    Path,
    /// A rule of the receiving side; nothing is broken.
    Policy,
}

impl Fault {
    /// In words for people.
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

/// What may follow a reply (RFC 5321 §4.2.1, §3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Next {
    /// Go on: it was accepted (2yz, 3yz).
    Proceed,
    /// The same may be tried again later (4yz); the connection goes on.
    Later,
    /// The same would be refused again, a changed command may follow (5yz); the connection goes on.
    Amend,
    /// The connection is over; the same may be tried again later on a new one (421, 4yz in the greeting).
    Reconnect,
    /// The connection is over, and a new one would end as this one did (521, 5yz in the greeting).
    Leave,
    /// The connection is over, as QUIT asked (221).
    Closed,
}

impl Next {
    /// Whether the connection is over.
    #[must_use]
    pub const fn is_connection_over(self) -> bool {
        matches!(self, Self::Reconnect | Self::Leave | Self::Closed)
    }

    /// Whether the command, unchanged, may be repeated later.
    #[must_use]
    pub const fn is_repeatable_later(self) -> bool {
        matches!(self, Self::Later | Self::Reconnect)
    }

    /// In words for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proceed => "go on",
            Self::Later => "the same may be tried again later, the connection goes on",
            Self::Amend => "the same would be refused again, the connection goes on",
            Self::Reconnect => "the connection is over, the same may be tried again later on a new one",
            Self::Leave => "the connection is over, a new one would end as this one did",
            Self::Closed => "the connection is over, as was asked",
        }
    }

    const fn after(code: Code, occasion: Occasion) -> Self {
        match (code, occasion) {
            (Code::UNAVAILABLE, _) => Self::Reconnect,
            // RFC 7504 §3: such a host takes no command but QUIT
            (Code::NO_MAIL, _) => Self::Leave,
            // whatever was said to QUIT, the client leaves (RFC 5321 §4.1.1.10)
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

/// What a reply came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Occasion {
    /// Nobody said.
    #[default]
    Unknown,
    /// The connection: the reply is the server's greeting.
    Greeting,
    /// This command.
    Command(Verb),
}

impl From<Verb> for Occasion {
    fn from(verb: Verb) -> Self {
        Self::Command(verb)
    }
}

/// What a reply of these codes means, given on this occasion.
///
/// An enhanced code whose class contradicts the reply code is left out of account (RFC 2034 §4).
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
/// // the same code means different things at different commands
/// let to_starttls = explain(Code::TEMPORARY_AUTHENTICATION_FAILURE, None, Verb::StartTls.into());
/// assert_eq!(to_starttls.meaning, "the server cannot offer TLS right now");
/// let to_auth = explain(Code::TEMPORARY_AUTHENTICATION_FAILURE, None, Verb::Auth.into());
/// assert_eq!(to_auth.meaning, "the server cannot check the login right now");
///
/// // and may or may not end the connection
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

/// What an enhanced status code means by itself, without the reply code that it came with.
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

/// The reply codes that have an explanation of their own, in ascending order.
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
    /// What it means, given on this occasion.
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

/// How open the meaning of a reply code is, and how exact an enhanced code must be to take its place.
///
/// A detail [refines](Detail::refines) the rows that are at least as open as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Openness {
    /// Nothing can be said better.
    Settled,
    /// About a login: the details that RFC 4954 §6 gave to logins say it better. Servers put others there
    /// that do not fit, like 5.7.3.
    Login,
    /// Any detail that names one thing says it better.
    Detail,
    /// And so does «security or policy» without a detail.
    Policy,
    /// Any subject says it better.
    Subject,
}

/// What a reply code means.
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

/// What subject and detail of an enhanced code mean; the class says whether for now or for good.
#[derive(Clone, Copy, Debug)]
struct Detail {
    number: u16,
    fault: Fault,
    refines: Openness,
    meaning: &'static str,
    /// What to try when it is refused for good.
    advice: &'static str,
    /// What to try when it is refused for now.
    advice_for_now: &'static str,
}

impl Detail {
    const fn explanation(&self, class: u8, next: Next) -> Explanation {
        let advice = if class == 4 { self.advice_for_now } else { self.advice };
        Explanation { meaning: self.meaning, fault: self.fault, advice, next }
    }
}

/// The row of subject and detail; else that of the subject, which is the one of detail 0 (RFC 3463 §3).
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
        // X.0.Y says no more than the class
        _ => return None,
    };
    details
        .iter()
        .find(|row| row.number == enhanced.detail)
        .or_else(|| details.iter().find(|row| row.number == 0))
}

/// A table of what reply codes mean: code, fault, openness, meaning => advice.
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

/// A table of the details of a subject: detail, fault, what they refine, meaning => advice.
///
/// The advice for a refusal for now is to wait first, unless `now` says otherwise.
macro_rules! details {
    (@now $advice:literal) => { concat!("try again later; if it stays so, ", $advice) };
    (@now $advice:literal $now:literal) => { $now };
    ($($detail:literal $fault:ident $refines:ident $meaning:literal => $advice:literal $(now $now:literal)?;)*) => {
        &[$(Detail {
            number: $detail,
            fault: Fault::$fault,
            refines: Openness::$refines,
            meaning: $meaning,
            advice: $advice,
            advice_for_now: details!(@now $advice $($now)?),
        }),*]
    };
}

use {details, rows};
