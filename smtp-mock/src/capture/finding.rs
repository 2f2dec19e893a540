//! Defines [`Finding`], a rule of the protocol that the client broke, and [`Mismatch`], a line that its dialogue does not have.

use core::fmt;

/// What a client did that it should not have done.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Fault {
    /// Octets came before the greeting was sent (RFC 5321 §4.3.1).
    EarlyTalker,
    /// A command ended with LF alone (RFC 5321 §2.3.8).
    BareLineFeed,
    /// A command held CR in its middle (RFC 5321 §2.3.8).
    BareCarriageReturn,
    /// A command line was longer than 512 octets (RFC 5321 §4.5.3.1.4), AUTH and known extensions apart.
    LongCommand,
    /// A command left before the reply to the one before it, though PIPELINING was not offered (RFC 2920).
    PipeliningNotOffered,
    /// A command that must end a group was followed by others in it (RFC 2920 §3.1).
    PipelinedAfterLastInGroup,
    /// Octets followed STARTTLS in clear (RFC 3207 §4).
    OctetsAfterStarttls,
    /// A password or token travelled without TLS (RFC 4954 §4).
    SecretInClear,
    /// The connection ended without QUIT (RFC 5321 §4.1.1.10).
    MissingQuit,
    /// A parameter whose extension was not offered (RFC 5321 §4.1.1.11).
    ParameterNotOffered,
    /// A space stood between the colon of MAIL or RCPT and the path (RFC 5321 §3.3).
    SpaceBeforePath,
    /// The argument of EHLO is neither a domain nor an address literal (RFC 5321 §4.1.1.1).
    InvalidHello,
    /// STARTTLS was not followed by a new EHLO (RFC 3207 §4.2).
    MissingHelloAfterTls,
    /// The message held LF alone (RFC 5321 §2.3.8).
    MessageBareLineFeed,
    /// The message held CR alone (RFC 5321 §2.3.8).
    MessageBareCarriageReturn,
    /// The message held a line of more than 998 octets (RFC 5322 §2.1.1).
    MessageLongLine,
    /// The message held 8-bit octets that were not declared with BODY or SMTPUTF8 (RFC 6152).
    MessageUndeclaredEightBit,
    /// The message held NUL.
    MessageNul,
    /// The message has no such header field (RFC 5322 §3.6).
    MessageMissingField,
    /// The message has such a header field more than once (RFC 5322 §3.6).
    MessageRepeatedField,
    /// The message was larger or smaller than its SIZE said (RFC 1870 §6).
    SizeMismatch,
}

impl Fault {
    /// The fault in a few words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EarlyTalker => "octets before the greeting",
            Self::BareLineFeed => "a command ended by LF alone",
            Self::BareCarriageReturn => "a CR inside of a command",
            Self::LongCommand => "a command line over 512 octets",
            Self::PipeliningNotOffered => "pipelining where it was not offered",
            Self::PipelinedAfterLastInGroup => "octets after a command that must wait for its reply",
            Self::OctetsAfterStarttls => "octets in clear after STARTTLS",
            Self::SecretInClear => "a password or token without TLS",
            Self::MissingQuit => "no QUIT before the connection ended",
            Self::ParameterNotOffered => "a parameter whose extension was not offered",
            Self::SpaceBeforePath => "a space before the path",
            Self::InvalidHello => "a hello with neither a domain nor an address literal",
            Self::MissingHelloAfterTls => "no new EHLO after STARTTLS",
            Self::MessageBareLineFeed => "a LF without CR in the message",
            Self::MessageBareCarriageReturn => "a CR without LF in the message",
            Self::MessageLongLine => "a line of the message over 998 octets",
            Self::MessageUndeclaredEightBit => "8-bit octets without BODY=8BITMIME or SMTPUTF8",
            Self::MessageNul => "NUL in the message",
            Self::MessageMissingField => "a header field is missing",
            Self::MessageRepeatedField => "a header field occurs more than once",
            Self::SizeMismatch => "SIZE is not the message's size",
        }
    }
}

/// A rule of the protocol that the client broke, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The connection, counted from 1.
    pub connection: u64,
    /// The rule.
    pub fault: Fault,
    /// What shows it: a line, a field, a count.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "connection {}: {}", self.connection, self.fault.as_str())?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// A client that left its dialogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// The connection, counted from 1.
    pub connection: u64,
    /// The entry of the connection's transcript, counted from 1.
    pub entry: usize,
    /// The line of the script, counted from 1.
    pub line: usize,
    /// What the script expected.
    pub expected: String,
    /// What came instead, for eyes, secrets masked.
    pub got: String,
    /// Where the two part, in characters of `got`.
    pub differs_at: usize,
}
