//! Defines what can go wrong, by whose fault: [`Misuse`] is ours, [`Violation`] is theirs, [`Reason`] says why
//! something was not sent and [`Cause`] why the connection ended.

use crate::config::Timer;
use crate::parameter::Parameter;
use crate::reply::Reply;
use alloc::borrow::Cow;
use core::fmt;

/// A call that the application must not make; it was turned down and no octet left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The connection is over.
    Closed,
    /// QUIT was asked for already.
    AfterQuit,
    /// No hello was asked for before what needs one, or none after STARTTLS.
    HelloFirst,
    /// TLS is up already, or asked for already.
    AlreadySecured,
    /// AUTH succeeded already, or was asked for already; a server takes it once (RFC 4954 §4).
    AlreadyAuthenticated,
    /// An envelope without recipients.
    NoRecipients,
    /// No mechanism to authenticate with.
    NoMechanism,
    /// A command line of more than this many octets.
    CommandTooLong {
        /// The most that a command line may have.
        limit: usize,
    },
    /// A parameter that comes twice, or that the core sets itself from what the envelope says.
    RepeatedParameter,
    /// XCLIENT without an attribute.
    NoAttribute,
    /// A name in another script where only ASCII can be sent.
    NotAscii,
    /// A raw command that would change the protocol's state behind the client's back.
    StateChangingCommand,
}

/// What the server did against the protocol; it always ends the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Octets that are no reply (RFC 5321 §4.2).
    MalformedReply,
    /// Different codes in the lines of one reply (RFC 5321 §4.2.1).
    MixedCodes,
    /// A reply line of more than `limit` octets.
    ReplyLineTooLong {
        /// Octets allowed.
        limit: usize,
    },
    /// A reply of more than `limit` lines.
    TooManyReplyLines {
        /// Lines allowed.
        limit: usize,
    },
    /// A reply of more than `limit` octets.
    ReplyTooLarge {
        /// Octets allowed.
        limit: usize,
    },
    /// A reply that nobody is owed.
    UnsolicitedReply(Reply),
    /// A reply whose code does not belong to the command, like 250 to DATA.
    UnexpectedReply(Reply),
    /// Octets in clear behind the reply to STARTTLS (RFC 3207 §4.2).
    InjectedOctets,
    /// The end of the mail data was taken although no recipient was. (A lone dot that is taken is none: it is what RFC 2920
    /// §3.1 has a client say when DATA was taken without need.)
    AcceptedWithoutRecipients(Reply),
}

/// Why something was not sent, or not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The server refused it by this reply.
    Refused(Reply),
    /// The server does not offer the extension of this EHLO keyword, which it needs.
    NotOffered(&'static str),
    /// What this extension offers needs TLS, and there is none.
    NeedsTls(&'static str),
    /// The parameter goes beyond the limit that the server names with this extension.
    BeyondOffer {
        /// What was asked for.
        parameter: Parameter,
        /// The EHLO keyword of the extension.
        extension: &'static str,
    },
    /// The server offers none of the mechanisms, or none that may be used.
    NoMechanism,
    /// Only mechanisms that reveal the password are left, and they may not be used here.
    WouldRevealPassword,
    /// The mechanism ended the exchange: this is what it found.
    Mechanism(Cow<'static, str>),
    /// The server refused the login by this reply, and said more in the exchange itself (RFC 7628 §3.2.2).
    LoginRefused {
        /// The reply that ended the exchange.
        reply: Reply,
        /// What it said before, without what is secret.
        why: Cow<'static, str>,
    },
    /// The message is larger than the server takes (RFC 1870 §6.1).
    TooLarge {
        /// Octets that the server takes.
        limit: u64,
    },
    /// The server takes no more recipients in this transaction (RFC 5321 §4.5.3.1.10): try a further one.
    TooManyRecipients(Reply),
    /// All or none were asked for, and another recipient was refused.
    AnotherRefused,
    /// The body was given up before its end.
    Aborted,
    /// Something asked for earlier, which this was queued behind, was not done.
    Prerequisite,
    /// The connection ended before.
    Closed(Cause),
}

/// Why the connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// QUIT was said and replied to. A QUIT without a reply ends as any loss, and changes no outcome of a message.
    Quit,
    /// The server does not serve: its greeting was negative, or it refused a message before its end.
    Refused(Reply),
    /// The server is closing: 421 (RFC 5321 §3.8).
    Unavailable(Reply),
    /// The transport ended, or a write failed.
    Lost,
    /// The body of a message was given up when its end, or the end of the connection, was all that could follow.
    Aborted,
    /// This timer ran out.
    TimedOut(Timer),
    /// The server broke the protocol.
    Violation(Violation),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is over"),
            Self::AfterQuit => f.write_str("QUIT was asked for already"),
            Self::HelloFirst => f.write_str("hello must be asked for first"),
            Self::AlreadySecured => f.write_str("TLS is up or asked for already"),
            Self::AlreadyAuthenticated => f.write_str("AUTH succeeded or was asked for already"),
            Self::NoRecipients => f.write_str("the envelope has no recipient"),
            Self::NoMechanism => f.write_str("no mechanism was given"),
            Self::CommandTooLong { limit } => {
                write!(f, "the command line is longer than {limit} octets")
            }
            Self::RepeatedParameter => {
                f.write_str("a parameter of MAIL or RCPT is given twice, or set by the envelope already")
            }
            Self::NoAttribute => f.write_str("XCLIENT has no attribute"),
            Self::NotAscii => f.write_str("a name is not ASCII, give its A-labels"),
            Self::StateChangingCommand => {
                f.write_str("the command changes the protocol's state, use the goal that bears its name")
            }
        }
    }
}

impl core::error::Error for Misuse {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedReply => f.write_str("the server sent what is no SMTP reply"),
            Self::MixedCodes => f.write_str("the lines of one reply bear different codes"),
            Self::ReplyLineTooLong { limit } => write!(f, "a reply line is longer than {limit} octets"),
            Self::TooManyReplyLines { limit } => write!(f, "a reply has more than {limit} lines"),
            Self::ReplyTooLarge { limit } => write!(f, "a reply is larger than {limit} octets"),
            Self::UnsolicitedReply(reply) => write!(f, "a reply came that nothing had asked for: {reply}"),
            Self::UnexpectedReply(reply) => write!(f, "the reply does not belong to the command: {reply}"),
            Self::InjectedOctets => f.write_str("octets came in clear behind the reply to STARTTLS"),
            Self::AcceptedWithoutRecipients(reply) => {
                write!(f, "the message was taken although no recipient was: {reply}")
            }
        }
    }
}

impl core::error::Error for Violation {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reply) => write!(f, "refused: {reply}"),
            Self::NotOffered(keyword) => write!(f, "the server does not offer {keyword}"),
            Self::NeedsTls(keyword) => write!(f, "{keyword} needs TLS, use STARTTLS or implicit TLS"),
            Self::BeyondOffer { parameter, extension } => {
                write!(f, "{parameter} is beyond the limit that the server names with {extension}")
            }
            Self::NoMechanism => f.write_str("the server offers no mechanism that can be used"),
            Self::WouldRevealPassword => f.write_str("the mechanism would reveal the password without TLS"),
            Self::Mechanism(why) => write!(f, "the exchange was given up: {why}"),
            Self::LoginRefused { reply, why } => write!(f, "refused: {reply} ({why})"),
            Self::TooLarge { limit } => {
                write!(f, "the message is larger than the {limit} octets the server takes")
            }
            Self::TooManyRecipients(reply) => write!(f, "too many recipients in one transaction: {reply}"),
            Self::AnotherRefused => {
                f.write_str("another recipient was refused, and all or none were asked for")
            }
            Self::Aborted => f.write_str("the body was given up before its end"),
            Self::Prerequisite => f.write_str("what it was queued behind was not done"),
            Self::Closed(cause) => write!(f, "the connection ended before: {cause}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quit => f.write_str("QUIT"),
            Self::Refused(reply) => write!(f, "refused: {reply}"),
            Self::Unavailable(reply) => write!(f, "the server is closing: {reply}"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::Aborted => f.write_str("the body was given up before its end"),
            Self::TimedOut(timer) => write!(f, "timed out waiting ({})", timer.name()),
            Self::Violation(violation) => write!(f, "protocol violation: {violation}"),
        }
    }
}
