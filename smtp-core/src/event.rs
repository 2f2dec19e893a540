//! Defines what goes in and out of a [`Client`](crate::Client): [`Input`], [`Output`] and [`Event`].

use crate::fault::{Cause, Reason};
use crate::reply::Reply;
use crate::time::Instant;
use alloc::vec::Vec;

/// The name of a goal that was taken; it comes back in its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Goal(pub(crate) u64);

/// What the world did.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // a driver names all that it can say
pub enum Input<'a> {
    /// These octets came. Welcome at any time but between [`Output::Handshake`] and [`Secured`](Self::Secured): what comes
    /// then belongs to TLS, and octets in clear are taken for an attack.
    Received(&'a [u8]),
    /// All of the transmit buffer left.
    Sent,
    /// The write failed, for another reason than that `until` has come; what came before may still be read.
    WriteFailed,
    /// The TLS handshake is done and the certificate is trusted.
    Secured,
    /// The transport ended: end of file, reset, or a handshake that failed. Why it failed the core cannot know: keep the
    /// error, and show it.
    Lost,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum Output {
    /// Write all of the transmit buffer, then say [`Input::Sent`]; poll again at `until` if it takes that long.
    ///
    /// Octets that come meanwhile are welcome. When the answer to the next poll is no longer this one, the write is given
    /// up: nothing of the buffer may be written any more.
    Write {
        /// When the timer runs out.
        until: Instant,
    },
    /// Read; poll again when something came, or at `until`.
    Read {
        /// When the timer runs out.
        until: Instant,
    },
    /// Do the TLS handshake, then say [`Input::Secured`], or [`Input::Lost`] when it failed.
    Handshake {
        /// When the timer runs out.
        until: Instant,
    },
    /// Hand in octets of this goal's message by [`Client::body`](crate::Client::body), or end it.
    ///
    /// Find the message by its goal: it may be asked for before a recipient was taken (CHUNKING), before the message
    /// before it is done, or not at all.
    Body(Goal),
    /// Something to tell the application.
    Event(Event),
    /// Nothing is due: set a goal. Reading is welcome, there is no deadline.
    ///
    /// On a connection that has rested, read what is there before the next goal: the server may have said 421 or closed
    /// it, and a message that is handed out to nobody ends as unconfirmed.
    Idle,
    /// All is said; close the transport (over TLS with a `close_notify`, which is the driver's).
    Closed,
}

/// What the application is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting, which was positive.
    Greeting(Reply),
    /// A reply came; given only when [`Config::report_replies`](crate::Config::report_replies) asks for it.
    Reply {
        /// The command that it replies to; `None` for a greeting and what nothing had asked for.
        verb: Option<Verb>,
        /// What came.
        reply: Reply,
        /// Whether it is what was hoped for.
        wanted: bool,
    },
    /// The reply to one recipient of a message or check, as it came; left out where
    /// [`Config::report_recipients`](crate::Config::report_recipients) is off. What counts in the end is its [`Outcome`].
    Recipient {
        /// Which message or check.
        goal: Goal,
        /// Which of the envelope's recipients, from 0.
        index: usize,
        /// What the server says of it.
        reply: Reply,
    },
    /// A goal ended. Each that is taken ends once, in the order in which they were set.
    Done {
        /// Which.
        goal: Goal,
        /// How.
        end: End,
    },
    /// The connection is over. Comes once, and last.
    Closed(Cause),
}

/// How a goal ended. A message always ends as [`Delivered`](Self::Delivered) and a check as [`Checked`](Self::Checked),
/// even when it was never begun.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The server replied; of hello it is the positive reply, of the others any.
    Replied(Reply),
    /// TLS is up; a new hello is due (RFC 3207 §4.2).
    Secured,
    /// The login was accepted.
    Authenticated(Reply),
    /// A message: one outcome for each recipient, in the envelope's order.
    Delivered(Vec<Outcome>),
    /// A check: one outcome for each recipient, in the envelope's order; or one for the sender, if that was asked for.
    Checked(Vec<Outcome>),
    /// It was not done; never of a message or check.
    Undone(Reason),
}

/// What became of one recipient.
///
/// A refusal may be for now only: see [`Reply::is_transient`]. That something is unsent means that sending it again
/// cannot duplicate it, not that it will help.
///
/// Replies to single recipients keep their texts whole up to 4 MiB in a transaction; after that, each keeps its first
/// [`Reply::SHOWN`] octets. [`Event::Reply`] always has the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there are four, and an application must tell them apart
pub enum Outcome {
    /// The server took responsibility, by any reply of 2yz but 220 and 221; of a check: it would take the recipient.
    Accepted(Reply),
    /// The server refused the recipient or the message.
    Refused {
        /// At which command.
        verb: Verb,
        /// By which reply.
        reply: Reply,
    },
    /// [`Client::poll`](crate::Client::poll) handed out the end of the mail data and no reply came, whatever became of the
    /// write: it may have been delivered, and a retry may duplicate it.
    Unconfirmed(Cause),
    /// Not sent as a whole: safe to send again.
    Unsent(Reason),
}

/// The command of a reply (RFC 5321 §4.1.1 and extensions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// EHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// LHLO (RFC 2033).
    Lhlo,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH and what follows it (RFC 4954).
    Auth,
    /// XCLIENT (Postfix).
    Xclient,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// BDAT that is not the last (RFC 3030).
    Bdat,
    /// The end of the mail data: the lone dot of DATA, or BDAT LAST.
    Message,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY.
    Vrfy,
    /// EXPN.
    Expn,
    /// HELP.
    Help,
    /// A raw command.
    Raw,
    /// QUIT.
    Quit,
}

impl Verb {
    /// As it is written on the wire; in words where it is more than a command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Lhlo => "LHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Xclient => "XCLIENT",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Bdat => "BDAT",
            Self::Message => "the message",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::Raw => "the command",
            Self::Quit => "QUIT",
        }
    }
}

impl core::fmt::Display for Verb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// In words for people.
impl core::fmt::Display for Outcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Accepted(reply) => write!(f, "accepted: {reply}"),
            Self::Refused { verb, reply } => write!(f, "refused at {verb}: {reply}"),
            Self::Unconfirmed(cause) => write!(f, "unknown, it may have been delivered: {cause}"),
            Self::Unsent(reason) => write!(f, "unsent: {reason}"),
        }
    }
}
