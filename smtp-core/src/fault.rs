//! Defines the errors: [`Misuse`] by the application, [`Violation`] by the server, [`Reason`] and [`Cause`].

use crate::config::Timer;
use crate::parameter::Parameter;
use crate::reply::Reply;
use alloc::borrow::Cow;
use core::fmt;

/// A call that the application must not make; it was rejected and nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The connection is over.
    Closed,
    /// QUIT was requested already.
    AfterQuit,
    /// A goal that needs a hello was set before one, or before a new one after STARTTLS.
    HelloFirst,
    /// TLS is active or requested already.
    AlreadySecured,
    /// AUTH succeeded or was requested already; a server accepts it once (RFC 4954 §4).
    AlreadyAuthenticated,
    /// The envelope has no recipients.
    NoRecipients,
    /// No mechanism was given.
    NoMechanism,
    /// A command line is longer than `limit` octets.
    CommandTooLong {
        /// The maximum length of a command line.
        limit: usize,
    },
    /// A parameter is given twice, or the client sets it from the envelope.
    RepeatedParameter,
    /// XCLIENT has no attribute.
    NoAttribute,
    /// A name has non-ASCII characters where only ASCII can be sent.
    NotAscii,
    /// A raw command would change the protocol's state without the client's knowledge.
    StateChangingCommand,
}

/// A protocol error of the server; it always ends the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The server sent something that is not a reply (RFC 5321 §4.2).
    MalformedReply,
    /// The lines of one reply have different codes (RFC 5321 §4.2.1).
    MixedCodes,
    /// A reply line is longer than `limit` octets.
    ReplyLineTooLong {
        /// The maximum number of octets.
        limit: usize,
    },
    /// A reply has more than `limit` lines.
    TooManyReplyLines {
        /// The maximum number of lines.
        limit: usize,
    },
    /// A reply is longer than `limit` octets.
    ReplyTooLarge {
        /// The maximum number of octets.
        limit: usize,
    },
    /// A reply to no command.
    UnsolicitedReply(Reply),
    /// A reply whose code is not valid for the command, like 250 to DATA.
    UnexpectedReply(Reply),
    /// Octets in clear after the reply to STARTTLS (RFC 3207 §4.2).
    InjectedOctets,
    /// The server accepted the message although it had accepted no recipient.
    ///
    /// The acceptance of a single dot after an unneeded 354 does not count, because RFC 2920 §3.1 has the client send
    /// it.
    AcceptedWithoutRecipients(Reply),
}

/// The reason why a message was not sent, or a goal not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The server refused it with this reply.
    Refused(Reply),
    /// The server does not offer the extension with this EHLO keyword, which is required.
    NotOffered(&'static str),
    /// The extension with this EHLO keyword requires TLS, and the connection has none.
    NeedsTls(&'static str),
    /// The parameter exceeds the limit that the server announced with this extension.
    BeyondOffer {
        /// The parameter.
        parameter: Parameter,
        /// The EHLO keyword of the extension.
        extension: &'static str,
    },
    /// The server offers none of the mechanisms, or only ones that are not permitted.
    NoMechanism,
    /// Only mechanisms that reveal the password remain, and they are not permitted here.
    WouldRevealPassword,
    /// The mechanism cancelled the exchange, with this message.
    Mechanism(Cow<'static, str>),
    /// The server refused the login with this reply, and gave a reason within the exchange (RFC 7628 §3.2.2).
    LoginRefused {
        /// The reply that ended the exchange.
        reply: Reply,
        /// The reason, with secrets masked.
        why: Cow<'static, str>,
    },
    /// The message is larger than the server accepts (RFC 1870 §6.1).
    TooLarge {
        /// The maximum size in octets.
        limit: u64,
    },
    /// The server accepts no more recipients in this transaction (RFC 5321 §4.5.3.1.10): use another one.
    TooManyRecipients(Reply),
    /// Another recipient was refused, and the envelope requires all or none.
    AnotherRefused,
    /// The application abandoned the body.
    Aborted,
    /// An earlier goal that it depends on was not done.
    Prerequisite,
    /// The connection ended first.
    Closed(Cause),
}

/// The reason why the connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// QUIT got its reply; without a reply the cause is that of any lost connection.
    Quit,
    /// The server refused service: its greeting was negative, or it refused a message before its end.
    Refused(Reply),
    /// The server is closing: 421 (RFC 5321 §3.8).
    Unavailable(Reply),
    /// The transport ended, or a write failed.
    Lost,
    /// The application abandoned a body when only its end, or the end of the connection, could follow.
    Aborted,
    /// This timer expired.
    TimedOut(Timer),
    /// The server violated the protocol.
    Violation(Violation),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection is over"),
            Self::AfterQuit => f.write_str("QUIT was requested already"),
            Self::HelloFirst => f.write_str("a hello must be requested first"),
            Self::AlreadySecured => f.write_str("TLS is active or requested already"),
            Self::AlreadyAuthenticated => f.write_str("AUTH succeeded or was requested already"),
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
                f.write_str("the command changes the protocol's state, use the goal of the same name")
            }
        }
    }
}

impl core::error::Error for Misuse {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedReply => f.write_str("the server sent something that is not an SMTP reply"),
            Self::MixedCodes => f.write_str("the lines of one reply have different codes"),
            Self::ReplyLineTooLong { limit } => write!(f, "a reply line is longer than {limit} octets"),
            Self::TooManyReplyLines { limit } => write!(f, "a reply has more than {limit} lines"),
            Self::ReplyTooLarge { limit } => write!(f, "a reply is larger than {limit} octets"),
            Self::UnsolicitedReply(reply) => write!(f, "a reply came that belongs to no command: {reply}"),
            Self::UnexpectedReply(reply) => write!(f, "the reply does not belong to the command: {reply}"),
            Self::InjectedOctets => f.write_str("octets came in clear after the reply to STARTTLS"),
            Self::AcceptedWithoutRecipients(reply) => {
                write!(f, "the message was accepted although no recipient was: {reply}")
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
                write!(f, "{parameter} exceeds the limit that the server announced with {extension}")
            }
            Self::NoMechanism => f.write_str("the server offers no mechanism that can be used"),
            Self::WouldRevealPassword => f.write_str("the mechanism would reveal the password without TLS"),
            Self::Mechanism(why) => write!(f, "the exchange was cancelled: {why}"),
            Self::LoginRefused { reply, why } => write!(f, "refused: {reply} ({why})"),
            Self::TooLarge { limit } => {
                write!(f, "the message is larger than the {limit} octets that the server accepts")
            }
            Self::TooManyRecipients(reply) => write!(f, "too many recipients in one transaction: {reply}"),
            Self::AnotherRefused => {
                f.write_str("another recipient was refused, and the message is for all or none")
            }
            Self::Aborted => f.write_str("the body was abandoned before its end"),
            Self::Prerequisite => f.write_str("an earlier step that it depends on was not done"),
            Self::Closed(cause) => write!(f, "the connection ended first: {cause}"),
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
            Self::Aborted => f.write_str("the body was abandoned before its end"),
            Self::TimedOut(timer) => write!(f, "timed out waiting ({})", timer.name()),
            Self::Violation(violation) => write!(f, "protocol violation: {violation}"),
        }
    }
}
