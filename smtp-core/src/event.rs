//! Defines the input and output of a [`Client`](crate::Client): [`Input`], [`Output`] and [`Event`].

use crate::fault::{Cause, Reason};
use crate::reply::Reply;
use crate::time::Instant;
use alloc::vec::Vec;

/// The identifier of an accepted goal; events refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Goal(pub(crate) u64);

/// A report from the driver to the client.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // a driver names every variant that it can report
pub enum Input<'a> {
    /// These bytes were received.
    ///
    /// They are accepted at any time except between [`Output::Handshake`] and [`Secured`](Self::Secured): bytes
    /// received then belong to TLS, and bytes in clear are treated as an attack.
    Received(&'a [u8]),
    /// The whole transmit buffer was sent.
    Sent,
    /// The write failed, other than by reaching `until`; replies that were received before may still be read.
    WriteFailed,
    /// The TLS handshake succeeded and the certificate is trusted.
    Secured,
    /// The transport ended: end of file, reset, or a failed handshake.
    ///
    /// The client does not know the reason: keep the error, and show it.
    Lost,
}

/// The next action for the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum Output {
    /// Write the whole transmit buffer, then report [`Input::Sent`]; poll again at `until` if that takes so long.
    ///
    /// The driver may read meanwhile. If the next poll returns another output, the write is abandoned: nothing more
    /// of the buffer may be written.
    Write {
        /// When the timer expires.
        until: Instant,
    },
    /// Read; poll again when bytes were received, or at `until`.
    Read {
        /// When the timer expires.
        until: Instant,
    },
    /// Do the TLS handshake, then report [`Input::Secured`], or [`Input::Lost`] if it failed.
    Handshake {
        /// When the timer expires.
        until: Instant,
    },
    /// Provide octets of this goal's message with [`Client::body`](crate::Client::body), or end it.
    ///
    /// Look the message up by its goal: it may be requested before a recipient was accepted (CHUNKING), before the
    /// previous message is done, or not at all.
    Body(Goal),
    /// An event for the application.
    Event(Event),
    /// Nothing to do: set a goal. Reading is allowed, and there is no deadline.
    ///
    /// On a connection that was idle, read all pending input before the next goal: the server may have sent 421 or
    /// closed the connection, and a message written to a dead connection ends as [`Outcome::Unconfirmed`].
    Idle,
    /// Everything is reported; close the transport (over TLS with a `close_notify`, which the driver sends).
    Closed,
}

/// A report to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting, which was positive.
    Greeting(Reply),
    /// A reply, reported only if [`Config::report_replies`](crate::Config::report_replies) is set.
    Reply {
        /// The command that it belongs to; `None` for a greeting or an unexpected reply.
        verb: Option<Verb>,
        /// The reply.
        reply: Reply,
        /// Whether it is the expected success.
        wanted: bool,
    },
    /// The reply to one recipient of a message or check; [`Outcome`] is what counts in the end.
    ///
    /// It is not reported if [`Config::report_recipients`](crate::Config::report_recipients) is off.
    Recipient {
        /// The message or check.
        goal: Goal,
        /// The index of the recipient in the envelope.
        index: usize,
        /// The server's reply.
        reply: Reply,
    },
    /// A goal ended; each accepted goal ends once, in the order in which the goals were set.
    Done {
        /// The goal.
        goal: Goal,
        /// Its result.
        end: End,
    },
    /// The connection is over; comes exactly once, as the last event.
    Closed(Cause),
}

/// The result of a goal.
///
/// A message always ends as [`Delivered`](Self::Delivered) and a check as [`Checked`](Self::Checked), even if it was
/// never begun.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The server replied; a hello ends with a positive reply only, the other commands with any.
    Replied(Reply),
    /// TLS is active; a new hello is required (RFC 3207 §4.2).
    Secured,
    /// The login was accepted.
    Authenticated(Reply),
    /// A message: one outcome for each recipient, in the envelope's order.
    Delivered(Vec<Outcome>),
    /// A check: one outcome for each recipient, in the envelope's order, or one for the sender.
    Checked(Vec<Outcome>),
    /// It was not done; a message or check never ends so.
    Undone(Reason),
}

/// The result for one recipient.
///
/// A refusal may be transient: see [`Reply::is_transient`]. An unsent message can be sent again without duplicating
/// it, though it may fail again.
///
/// The replies to single recipients keep up to 4 MiB of text in a transaction; beyond that, each keeps its first
/// [`Reply::SHOWN`] octets. [`Event::Reply`] always has the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there are four, and an application must distinguish them
pub enum Outcome {
    /// The server accepted responsibility with 2yz, except 220 and 221; in a check: it would accept the recipient.
    Accepted(Reply),
    /// The server refused the recipient or the message.
    Refused {
        /// The command that was refused.
        verb: Verb,
        /// The server's reply.
        reply: Reply,
    },
    /// The end of the mail data was transmitted, but no reply received: the message may have been delivered.
    ///
    /// [`Client::poll`](crate::Client::poll) had passed the end to the driver; whether the write succeeded makes no
    /// difference. A retry may duplicate the message.
    Unconfirmed(Cause),
    /// The message was not sent completely; it is safe to send it again.
    Unsent(Reason),
}

/// The command that a reply belongs to (RFC 5321 §4.1.1 and extensions).
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
    /// AUTH and the responses after it (RFC 4954).
    Auth,
    /// XCLIENT (Postfix).
    Xclient,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// A BDAT that is not the last (RFC 3030).
    Bdat,
    /// The end of the mail data: the final dot of DATA, or BDAT LAST.
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
    /// The verb as sent; a description where the variant is not a single command.
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

/// Prints the outcome for people.
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
