//! Defines [`Config`] and the tables that it holds: [`Timeouts`] and [`Limits`].

#[cfg(feature = "serde")]
mod duration;
#[cfg(feature = "serde")]
mod limit;
#[cfg(all(test, feature = "serde"))]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// EHLO, and HELO where the server refuses it for good (RFC 5321 §3.2).
    #[default]
    Esmtp,
    /// HELO only: no extension is used.
    Smtp,
    /// LHLO, and one reply for each recipient after the mail data (RFC 2033).
    Lmtp,
}

/// When a mechanism that reveals the password or token to the server may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reveal {
    /// Over TLS only.
    #[default]
    Secured,
    /// In clear too.
    Always,
    /// Not at all: for TLS whose certificate nobody checked.
    Never,
}

/// What a [`Client`](crate::Client) is to do; plain data with the defaults of the RFCs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Which protocol is spoken.
    pub protocol: Protocol,
    /// TLS from the first octet on (RFC 8314 §3.3): the first output is a handshake.
    pub implicit_tls: bool,
    /// When a mechanism that reveals the password may be used.
    pub reveal: Reveal,
    /// Extensions to be treated as not offered, by their EHLO keywords in upper case.
    pub ignored_extensions: Vec<String>,
    /// Whether to give every reply as [`Event::Reply`](crate::Event::Reply), for a transcript.
    pub report_replies: bool,
    /// Whether to give the reply to each recipient as [`Event::Recipient`](crate::Event::Recipient), as it comes; on by
    /// default. Without it and [`report_replies`](Self::report_replies) the text of a reply that takes a recipient is not
    /// kept, which is the cheapest where only the outcomes count.
    pub report_recipients: bool,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// What a server may make the client hold.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            implicit_tls: false,
            reveal: Reveal::default(),
            ignored_extensions: Vec::new(),
            report_replies: false,
            report_recipients: true,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
        }
    }
}

/// How long to wait for what (RFC 5321 §4.5.3.2).
///
/// What runs is the limit of the oldest reply that is owed; it starts anew with each whole reply and each write that is
/// done, never with a part of either. `Timeouts::all(Duration::MAX)` is for ever: an `until` so far away does not fit
/// every clock, so reckon with [`Instant::saturating_since`](crate::Instant::saturating_since).
///
/// In a file (feature `serde`) a timeout is a string of a number and a unit, `ms`, `s`, `m` or `h`, or a number of
/// seconds; more than zero, a week at most. What is not named keeps its default, an unknown name is an error.
#[cfg_attr(
    feature = "serde",
    doc = r#"
```
# use smtp_core::Timeouts;
# use core::time::Duration;
let timeouts: Timeouts = toml::from_str("greeting = '90s'\nend = '15m'\nquit = 2.5")?;
assert_eq!(timeouts.greeting, Duration::from_secs(90));
assert_eq!(timeouts.end, Duration::from_secs(15 * 60));
assert_eq!(timeouts.quit, Duration::from_millis(2500));
assert_eq!(timeouts.mail, Timeouts::default().mail);
# Ok::<(), toml::de::Error>(())
```"#
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Timeouts {
    /// The connection; the driver's, the core never uses it; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub connect: Duration,
    /// The greeting; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub greeting: Duration,
    /// The reply to EHLO, HELO or LHLO; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub hello: Duration,
    /// The reply to STARTTLS, and the handshake; 2 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub tls: Duration,
    /// Each reply of AUTH; 2 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub auth: Duration,
    /// The reply to MAIL; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub mail: Duration,
    /// The reply to RCPT; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub rcpt: Duration,
    /// The reply to DATA; 2 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub data: Duration,
    /// The sending of each block of mail data; 3 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub block: Duration,
    /// The reply to the end of the mail data; 10 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub end: Duration,
    /// The reply to RSET; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub reset: Duration,
    /// The reply to NOOP; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub noop: Duration,
    /// The reply to any other command; 5 minutes.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub other: Duration,
    /// The reply to QUIT; 1 minute.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub quit: Duration,
    /// After a write that failed, a 421 or a refused chunk: how long to wait for what no message hangs on; 2 seconds.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub last_words: Duration,
}

impl Timeouts {
    /// The same limit for every phase.
    #[must_use]
    pub const fn all(limit: Duration) -> Self {
        Self {
            connect: limit,
            greeting: limit,
            hello: limit,
            tls: limit,
            auth: limit,
            mail: limit,
            rcpt: limit,
            data: limit,
            block: limit,
            end: limit,
            reset: limit,
            noop: limit,
            other: limit,
            quit: limit,
            last_words: limit,
        }
    }

    /// The limit of one timer.
    #[must_use]
    pub const fn limit(&self, timer: Timer) -> Duration {
        match timer {
            Timer::Connect => self.connect,
            Timer::Greeting => self.greeting,
            Timer::Hello => self.hello,
            Timer::Tls => self.tls,
            Timer::Auth => self.auth,
            Timer::Mail => self.mail,
            Timer::Rcpt => self.rcpt,
            Timer::Data => self.data,
            Timer::Block => self.block,
            Timer::End => self.end,
            Timer::Reset => self.reset,
            Timer::Noop => self.noop,
            Timer::Other => self.other,
            Timer::Quit => self.quit,
            Timer::LastWords => self.last_words,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        const fn minutes(count: u64) -> Duration {
            Duration::from_secs(60 * count)
        }
        Self {
            connect: minutes(5),
            greeting: minutes(5),
            hello: minutes(5),
            tls: minutes(2),
            auth: minutes(2),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end: minutes(10),
            reset: minutes(5),
            noop: minutes(5),
            other: minutes(5),
            quit: minutes(1),
            last_words: Duration::from_secs(2),
        }
    }
}

/// One of the [`Timeouts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The connection; the driver's.
    Connect,
    /// The greeting.
    Greeting,
    /// EHLO, HELO or LHLO.
    Hello,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The sending of a block of mail data.
    Block,
    /// The end of the mail data.
    End,
    /// RSET.
    Reset,
    /// NOOP.
    Noop,
    /// Any other command.
    Other,
    /// QUIT.
    Quit,
    /// What no message hangs on after a failed write, a 421 or a refused chunk.
    LastWords,
}

impl Timer {
    /// What is waited for, in words for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Hello => "hello",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Block => "block",
            Self::End => "end",
            Self::Reset => "reset",
            Self::Noop => "noop",
            Self::Other => "other",
            Self::Quit => "quit",
            Self::LastWords => "last words",
        }
    }
}

/// What a server may make the client hold, and how far ahead of its replies the client goes.
///
/// In a file (feature `serde`) each is a number of at least 1, `in_flight` of at most 64. What is not named keeps its
/// default, an unknown name is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Limits {
    /// Octets in one line of a reply, its line end included. RFC 5321 §4.5.3.1.5 says 512; servers exceed it.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub reply_line: usize,
    /// Lines in one reply.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub reply_lines: usize,
    /// Octets in one reply.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub reply_octets: usize,
    /// Replies owed at once under PIPELINING: 128 of them fit the smallest socket buffers in use, so that a
    /// driver that does not read while it writes cannot deadlock (RFC 2920 §3.1). 1 switches PIPELINING off.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub window: usize,
    /// Octets of mail data that are held at once: one block of DATA or one chunk of BDAT.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub chunk: usize,
    /// Messages that may await their final reply at once under CHUNKING, 1 to 64.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::in_flight"))]
    pub in_flight: usize,
    /// Challenges in one AUTH exchange.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub auth_rounds: usize,
    /// Octets in one challenge, decoded.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub challenge: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reply_line: 4096,
            reply_lines: 512,
            reply_octets: 64 * 1024,
            window: 128,
            chunk: 64 * 1024,
            in_flight: 1,
            auth_rounds: 10,
            challenge: 8192,
        }
    }
}
