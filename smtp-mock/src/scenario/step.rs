//! Defines [`Step`], what a rule does when it fires, and the faults that steps are made of.

use core::time::Duration;

use serde::Deserialize;

use super::{Octets, Reply, duration, octets};

/// How the server ends a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Close {
    /// Both directions end in order: the client reads the end of the stream.
    Fin,
    /// The connection is reset: the client's next read or write fails.
    Rst,
    /// The server's direction ends; it goes on reading and never answers again.
    #[serde(alias = "half")]
    HalfClose,
}

/// Sends what follows a few octets at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Drip {
    /// Octets in each packet, at least 1.
    #[serde(default = "one")]
    pub bytes: usize,
    /// The pause between two packets.
    #[serde(deserialize_with = "duration::deserialize")]
    pub every: Duration,
}

/// One thing that a rule makes the server do. Steps run in order; how packets are cut holds for the replies of the
/// same rule that come after it.
///
/// The first `Reply` or `Raw` (by its first three digits) or `Default` of a rule decides the command's fate: the
/// session's state goes the way that a server which sent this code would go, so a `250` to RCPT accepts the
/// recipient and a `451` to the end of mail data does not keep the message. A rule with none of them leaves the state
/// as it was.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Goes on as the correct server would.
    Default,
    /// Never answers this or anything after it; what the client sends is read and thrown away.
    Stall,
    /// Answers with a reply.
    Reply(Reply),
    /// Answers with 421 and goes on with the session as if the command had failed, as some servers do against RFC 5321
    /// §3.8.
    #[serde(rename = "421-continue")]
    UnavailableContinues,
    /// Sends octets as they are, with the escapes `\r \n \t \0 \\ \xNN`.
    Raw(Octets),
    /// Sends octets given as hexadecimal digits.
    #[serde(deserialize_with = "octets::deserialize_hexadecimal")]
    RawHex(Octets),
    /// Waits.
    #[serde(deserialize_with = "duration::deserialize")]
    Delay(Duration),
    /// Sends the following replies a few octets at a time.
    Drip(Drip),
    /// Cuts each following reply at these offsets, each part a packet of its own.
    Split(Vec<usize>),
    /// Sends each line of the following replies as its own packet, this long apart.
    #[serde(deserialize_with = "duration::deserialize")]
    SplitLines(Duration),
    /// Ends the connection.
    Close(Close),
    /// Sends this line again and again, for as long as the client takes it.
    Endless(String),
    /// Sends a reply `250` whose one line has this many octets.
    LongLine(usize),
    /// Sends this many random octets, the same in every run of one seed.
    Garbage(usize),
    /// Reads nothing for this long, so that the client's writes block.
    #[serde(deserialize_with = "duration::deserialize")]
    StopReading(Duration),
    /// Whether a message that ends here is kept, whatever the reply says.
    Capture(bool),
}

impl Step {
    /// A reply out of text: `450 4.2.0 try later`.
    ///
    /// # Errors
    /// As [`Reply::parse`].
    pub fn reply(text: &str) -> Result<Self, String> {
        Reply::parse(text).map(Self::Reply)
    }

    /// The code that this step sends, where it sends one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) => Some(reply.code()),
            Self::UnavailableContinues => Some(421),
            Self::Raw(Octets(octets)) | Self::RawHex(Octets(octets)) => {
                let digits = octets.get(..3)?;
                let rest = octets.get(3)?;
                if !matches!(rest, b' ' | b'-' | b'\r' | b'\n') {
                    return None;
                }
                core::str::from_utf8(digits).ok()?.parse().ok()
            }
            Self::LongLine(_) => Some(250),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Drip(drip) if drip.bytes == 0 => {
                Err("a drip of 0 octets never ends, try bytes = 1".to_owned())
            }
            Self::Split(offsets) if offsets.is_empty() => Err("split names no offset, try [1, 3]".to_owned()),
            Self::Split(offsets) if !offsets.is_sorted_by(|left, right| left < right) || offsets[0] == 0 => {
                Err(format!("the offsets of split must rise from 1, {offsets:?} do not"))
            }
            Self::LongLine(length) | Self::Garbage(length) if *length == 0 => {
                Err("a length of 0 octets sends nothing, try 1 or more".to_owned())
            }
            Self::LongLine(length) | Self::Garbage(length) if *length > LARGEST => {
                Err(format!("{length} octets are too many, the limit is {LARGEST}, try endless"))
            }
            Self::Endless(line) if line.contains(['\r', '\n']) => {
                Err("endless takes one line without its line end".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The most octets that one step may make at once: it bounds memory; more is what `Endless` is for.
pub(crate) const LARGEST: usize = 16 * 1024 * 1024;

fn one() -> usize {
    1
}
