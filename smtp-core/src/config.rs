//! Defines [`Config`] and its tables [`Timeouts`] and [`Limits`].

mod changes;
#[cfg(feature = "serde")]
mod duration;
#[cfg(feature = "serde")]
mod limit;
#[cfg(all(test, feature = "serde"))]
mod tests;

pub use changes::{TimeoutChanges, TimeoutError, duration as parse_duration};

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The protocol to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// EHLO, then HELO if the server refuses EHLO with a permanent error (RFC 5321 §3.2).
    #[default]
    Esmtp,
    /// HELO only, without extensions.
    Smtp,
    /// LHLO, and one reply for each recipient after the mail data (RFC 2033).
    Lmtp,
}

/// The condition for mechanisms that reveal the password or token to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reveal {
    /// Only over TLS.
    #[default]
    Secured,
    /// Always, also in clear.
    Always,
    /// Never: for TLS with an unverified certificate.
    Never,
}

/// The configuration of a [`Client`](crate::Client): plain data, with the defaults of the RFCs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The protocol to use.
    pub protocol: Protocol,
    /// Whether TLS starts at once (RFC 8314 §3.3); the first output is then a handshake.
    pub implicit_tls: bool,
    /// When mechanisms that reveal the password may be used.
    pub reveal: Reveal,
    /// Extensions to ignore, by their EHLO keywords in upper case.
    pub ignored_extensions: Vec<String>,
    /// Whether to report every reply as [`Event::Reply`](crate::Event::Reply), for a transcript.
    pub report_replies: bool,
    /// Whether to report the reply to each recipient as [`Event::Recipient`](crate::Event::Recipient).
    ///
    /// The default is `true`. If this and [`report_replies`](Self::report_replies) are off, the texts of replies that
    /// accept a recipient are not kept, which is the fastest when only the outcomes matter.
    pub report_recipients: bool,
    /// The maximum duration of each phase.
    pub timeouts: Timeouts,
    /// Bounds for what a server can make the client store.
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

/// The maximum duration of each phase (RFC 5321 §4.5.3.2).
///
/// The limit of the oldest outstanding reply applies. It restarts with each complete reply and each finished write,
/// never with a part of either. `Timeouts::all(Duration::MAX)` waits forever: such an `until` may overflow the
/// driver's clock, so use [`Instant::saturating_since`](crate::Instant::saturating_since).
///
/// In a file (feature `serde`) a timeout is a number of seconds, or a string of a number and one of the units `ms`,
/// `s`, `m` and `h`. It must be more than zero and at most a week. Missing timeouts have their default values;
/// unknown names are an error.
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
    /// Establishing the connection; for the driver, the client does not use it; 5 minutes.
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
    /// Sending each block of mail data; 3 minutes.
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
    /// Replies that affect no message, after a failed write, a 421 or a refused chunk; 2 seconds.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub last_words: Duration,
}

impl Timeouts {
    /// Makes a table with the same limit for every phase.
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

    /// Returns the limit of a timer.
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

impl Timeouts {
    /// The limit of a timer, to be changed.
    const fn limit_mut(&mut self, timer: Timer) -> &mut Duration {
        match timer {
            Timer::Connect => &mut self.connect,
            Timer::Greeting => &mut self.greeting,
            Timer::Hello => &mut self.hello,
            Timer::Tls => &mut self.tls,
            Timer::Auth => &mut self.auth,
            Timer::Mail => &mut self.mail,
            Timer::Rcpt => &mut self.rcpt,
            Timer::Data => &mut self.data,
            Timer::Block => &mut self.block,
            Timer::End => &mut self.end,
            Timer::Reset => &mut self.reset,
            Timer::Noop => &mut self.noop,
            Timer::Other => &mut self.other,
            Timer::Quit => &mut self.quit,
            Timer::LastWords => &mut self.last_words,
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
    /// Establishing the connection, which is the driver's task.
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
    /// Sending a block of mail data.
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
    /// Replies that affect no message, after a failed write, a 421 or a refused chunk.
    LastWords,
}

impl Timer {
    /// The phases of [`TimeoutChanges`]; each other timer belongs to the [phase](Self::phase) `other`.
    pub(crate) const PHASES: [Self; 12] = [
        Self::Connect,
        Self::Greeting,
        Self::Hello,
        Self::Tls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Block,
        Self::End,
        Self::Other,
        Self::Quit,
    ];

    /// The phase of [`TimeoutChanges`] that limits this timer.
    #[must_use]
    pub const fn phase(self) -> Self {
        match self {
            Self::Reset | Self::Noop | Self::LastWords => Self::Other,
            timer => timer,
        }
    }

    /// The name of the phase, for messages.
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

/// Bounds for what a server can make the client store, and for commands sent ahead of replies.
///
/// In a file (feature `serde`) each is a number of at least 1; `in_flight` is at most 64. Missing limits have their
/// default values; unknown names are an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Limits {
    /// Octets in a reply line, line end included; RFC 5321 §4.5.3.1.5 allows 512, but servers exceed it.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub reply_line: usize,
    /// Lines in one reply.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub reply_lines: usize,
    /// Octets in one reply.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub reply_octets: usize,
    /// Outstanding replies with PIPELINING; 1 disables PIPELINING.
    ///
    /// 128 replies fit in the smallest socket buffers in use, so that a driver that does not read while it writes
    /// cannot deadlock (RFC 2920 §3.1).
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub window: usize,
    /// Octets of mail data stored at once: one block of DATA or one chunk of BDAT.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "limit::at_least_one"))]
    pub chunk: usize,
    /// Messages that may await their final reply at once with CHUNKING, 1 to 64.
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
