//! Defines the tables of a scenario that describe the server.

use core::{fmt, time::Duration};
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{Octets, Reply, Times, duration, offers};

/// The protocol that the server speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protocol {
    /// SMTP (RFC 5321).
    #[default]
    Smtp,
    /// LMTP (RFC 2033).
    Lmtp,
}

/// The PROXY header that must come before everything.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProxyHeader {
    /// None is expected.
    #[default]
    None,
    /// The line of version 1.
    V1,
    /// The octets of version 2.
    V2,
    /// Either.
    Any,
}

/// The `[server]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ServerSettings {
    /// The name in the greeting and in the reply to EHLO.
    pub hostname: String,
    /// The greeting; without it `220 HOSTNAME ESMTP`.
    pub greeting: Option<Reply>,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// The lines of the reply to EHLO, STARTTLS and AUTH apart: they follow from `[tls]` and `[auth]`.
    #[serde(deserialize_with = "offers::deserialize_lines")]
    pub extensions: Vec<String>,
    /// Extensions that work but are not offered.
    #[serde(deserialize_with = "offers::deserialize_lines")]
    pub hide: Vec<String>,
    /// The PROXY header that is expected.
    pub proxy: ProxyHeader,
    /// The reply in place of the greeting to a client that speaks before it, and then the connection ends.
    pub early: Option<Reply>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            hostname: "mock.example.test".to_owned(),
            greeting: None,
            protocol: Protocol::Smtp,
            extensions: [
                "PIPELINING",
                "SIZE 67108864",
                "8BITMIME",
                "SMTPUTF8",
                "DSN",
                "ENHANCEDSTATUSCODES",
                "CHUNKING",
                "BINARYMIME",
                "VRFY",
            ]
            .map(str::to_owned)
            .to_vec(),
            hide: Vec::new(),
            proxy: ProxyHeader::None,
            early: None,
        }
    }
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TlsMode {
    /// Never.
    #[default]
    None,
    /// After STARTTLS (RFC 3207).
    Starttls,
    /// At once (RFC 8314).
    Implicit,
}

/// The certificate that the server shows.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Certificate {
    /// For `localhost`, 127.0.0.1, `::1` and the host name, by the mock's own authority.
    #[default]
    Good,
    /// As `Good`, but expired.
    Expired,
    /// As `Good`, but not valid yet.
    NotYetValid,
    /// For another host.
    WrongHost,
    /// Signed by itself.
    SelfSigned,
    /// Signed by an unknown authority.
    #[serde(alias = "unknown-issuer")]
    UnknownCa,
    /// Signed by an intermediate authority that is not sent along.
    MissingIntermediate,
}

impl Certificate {
    /// All seven.
    pub const ALL: [Self; 7] = [
        Self::Good,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongHost,
        Self::SelfSigned,
        Self::UnknownCa,
        Self::MissingIntermediate,
    ];

    /// The word of scenario files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongHost => "wrong-host",
            Self::SelfSigned => "self-signed",
            Self::UnknownCa => "unknown-ca",
            Self::MissingIntermediate => "missing-intermediate",
        }
    }

    /// The certificate of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = if word == "unknown-issuer" { "unknown-ca" } else { word };
        Self::ALL.into_iter().find(|certificate| certificate.as_str() == word)
    }
}

/// What goes wrong where the TLS handshake should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HandshakeFault {
    /// The client's hello is answered with a fatal alert.
    Alert,
    /// The client's hello is answered with octets that are no TLS.
    Garbage,
    /// The client's hello is answered with an SMTP reply in clear.
    Plaintext,
    /// The client's hello is never answered.
    Stall,
    /// The connection ends in order at the client's hello.
    Fin,
    /// The connection is reset at the client's hello.
    Rst,
}

impl HandshakeFault {
    /// What is sent in place of the handshake, if anything.
    #[must_use]
    pub fn octets(self) -> Option<&'static [u8]> {
        match self {
            // handshake_failure (40), fatal, in a TLS 1.2 record (RFC 5246 §7.2).
            Self::Alert => Some(b"\x15\x03\x03\x00\x02\x02\x28"),
            Self::Garbage => Some(b"\x00\xff\x13\x37no handshake here\x80\x80\x80\x80"),
            Self::Plaintext => Some(b"220 2.0.0 still speaking in clear\r\n"),
            Self::Stall | Self::Fin | Self::Rst => None,
        }
    }
}

/// The `[tls]` table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TlsSettings {
    /// When TLS begins.
    pub mode: TlsMode,
    /// The certificate.
    pub cert: Certificate,
    /// Octets in clear after the reply to STARTTLS, in the same packet.
    pub inject: Option<Octets>,
    /// Whether MAIL and AUTH need TLS (530).
    pub require: bool,
    /// A fault in place of the handshake.
    pub handshake: Option<HandshakeFault>,
}

/// A SASL mechanism of the server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN.
    Login,
    /// CRAM-MD5 (RFC 2195).
    CramMd5,
    /// SCRAM-SHA-1 (RFC 5802).
    ScramSha1,
    /// SCRAM-SHA-1-PLUS (RFC 5802), bound by tls-server-end-point.
    ScramSha1Plus,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-256-PLUS (RFC 7677), bound by tls-server-end-point.
    ScramSha256Plus,
    /// XOAUTH2.
    Xoauth2,
    /// OAUTHBEARER (RFC 7628).
    Oauthbearer,
    /// EXTERNAL (RFC 4422 appendix A).
    External,
    /// ANONYMOUS (RFC 4505).
    Anonymous,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Plain,
        Self::Login,
        Self::CramMd5,
        Self::ScramSha1,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha256Plus,
        Self::Xoauth2,
        Self::Oauthbearer,
        Self::External,
        Self::Anonymous,
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
            Self::External => "EXTERNAL",
            Self::Anonymous => "ANONYMOUS",
        }
    }

    /// The mechanism of this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether an eavesdropper can read the password or token in the exchange.
    #[must_use]
    pub fn reveals_secret(self) -> bool {
        matches!(self, Self::Plain | Self::Login | Self::Xoauth2 | Self::Oauthbearer)
    }

    pub(crate) fn binds_channel(self) -> bool {
        matches!(self, Self::ScramSha1Plus | Self::ScramSha256Plus)
    }
}

impl<'de> Deserialize<'de> for Mechanism {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.map(|mechanism| format!("`{}`", mechanism.as_str())).to_vec();
            D::Error::custom(format!("unknown mechanism `{name}`, expected one of {}", names.join(", ")))
        })
    }
}

/// The `[auth]` table.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AuthSettings {
    /// The mechanisms on offer; none, and no users or tokens either, means no AUTH.
    pub mechanisms: Option<Vec<Mechanism>>,
    /// Passwords by user.
    pub users: BTreeMap<String, String>,
    /// OAuth tokens by user.
    pub tokens: BTreeMap<String, String>,
    /// Whether MAIL needs AUTH (530).
    pub require: bool,
    /// Whether mechanisms that reveal the password are offered and taken without TLS.
    pub plaintext_ok: bool,
    /// SCRAM's iteration count.
    pub iterations: u32,
}

/// Names alone: the secrets of a test may be real ones.
impl fmt::Debug for AuthSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuthSettings")
            .field("mechanisms", &self.mechanisms)
            .field("users", &self.users.keys())
            .field("tokens", &self.tokens.keys())
            .field("require", &self.require)
            .field("plaintext_ok", &self.plaintext_ok)
            .field("iterations", &self.iterations)
            .finish()
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            mechanisms: None,
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            require: false,
            plaintext_ok: false,
            iterations: 4096,
        }
    }
}

impl AuthSettings {
    /// The mechanisms on offer: those that are named, or those that the users and tokens can use.
    #[must_use]
    pub fn offered(&self) -> Vec<Mechanism> {
        if let Some(mechanisms) = &self.mechanisms {
            return mechanisms.clone();
        }
        let mut offered = Vec::new();
        if !self.users.is_empty() {
            offered.extend([
                Mechanism::Plain,
                Mechanism::Login,
                Mechanism::CramMd5,
                Mechanism::ScramSha1,
                Mechanism::ScramSha1Plus,
                Mechanism::ScramSha256,
                Mechanism::ScramSha256Plus,
            ]);
        }
        if !self.tokens.is_empty() {
            offered.extend([Mechanism::Xoauth2, Mechanism::Oauthbearer]);
        }
        offered
    }
}

/// The `[wire]` table: how every reply is cut.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct WireSettings {
    /// Offsets at which every reply is cut into packets.
    pub split: Vec<usize>,
    /// A pause between the lines of every reply, each its own packet.
    #[serde(deserialize_with = "some_duration")]
    pub split_lines: Option<Duration>,
    /// Every reply a few octets at a time.
    pub drip: Option<super::Drip>,
    /// Whether every reply has a packet of its own, even when more input waits.
    pub separate: bool,
}

/// The `[limits]` table; beyond a limit the server answers as a provider would: with `reply`, by default a 421, which
/// ends the connection; in place of the greeting any 4yz ends it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LimitSettings {
    /// How long a client may be silent, or read nothing, before the connection ends with 421 4.4.2 (RFC 5321
    /// §4.5.3.2.7); 0 is for ever. Silence that the scenario makes, such as a stall or a delay, does not count.
    #[serde(deserialize_with = "duration::deserialize")]
    pub idle: Duration,
    /// Messages in any minute, over all connections: then `reply` to MAIL.
    pub messages_per_minute: Option<u64>,
    /// Connections in any minute: then `reply` in place of the greeting.
    pub connections_per_minute: Option<u64>,
    /// Connections at once: then `reply` in place of the greeting.
    pub connections: Option<u64>,
    /// Messages of one connection: then `reply` to MAIL.
    pub messages_per_connection: Option<u64>,
    /// Recipients of one transaction: then 452 (RFC 5321 §4.5.3.1.10).
    pub recipients: Option<usize>,
    /// The reply of the four limits by count and rate.
    pub reply: Option<Reply>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(5),
            messages_per_minute: None,
            connections_per_minute: None,
            connections: None,
            messages_per_connection: None,
            recipients: None,
            reply: None,
        }
    }
}

impl LimitSettings {
    /// How long a client may be silent, where that is limited.
    pub(crate) fn idle(&self) -> Option<Duration> {
        Some(self.idle).filter(|idle| !idle.is_zero())
    }
}

/// A fault that chaos may choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChaosFault {
    /// A reply of 4yz.
    #[serde(rename = "reply-4xx")]
    Temporary,
    /// A reply of 5yz.
    #[serde(rename = "reply-5xx")]
    Permanent,
    /// 421 and the end of the connection.
    #[serde(rename = "421-close")]
    Unavailable,
    /// 421, and the session goes on as if the command had failed.
    #[serde(rename = "421-continue")]
    UnavailableContinues,
    /// A reset in place of the reply.
    Rst,
    /// The end of the connection in place of the reply.
    Fin,
    /// Half of the reply, then the end.
    DropMidReply,
    /// No answer ever again.
    Stall,
    /// The reply octet by octet.
    Drip,
    /// The reply after a pause.
    Delay,
    /// Random octets in place of the reply.
    Garbage,
}

/// The `[chaos]` table: faults by chance, the same ones for the same seed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChaosSettings {
    /// The probability of a fault at each reply, above 0 and up to 1.
    pub chance: f64,
    /// The faults to choose from.
    #[serde(default = "every_fault")]
    pub faults: Vec<ChaosFault>,
}

impl ChaosSettings {
    /// Every fault, with this probability.
    #[must_use]
    pub fn with_chance(chance: f64) -> Self {
        Self { chance, faults: every_fault() }
    }
}

/// The `[expect]` table: what must hold at the end.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ExpectSettings {
    /// Messages that were accepted.
    pub messages: Option<Times>,
    /// Connections that were made.
    pub connections: Option<Times>,
    /// Whether every connection ends with QUIT (`true`) or none does (`false`).
    pub quit: Option<bool>,
    /// Whether the client breaks no rule of its own: the compliance report is empty.
    pub clean: Option<bool>,
}

impl ExpectSettings {
    /// Reads one expectation in the words of the table: `messages=1`, `connections=1..3`, `quit=true`.
    ///
    /// # Errors
    /// A text for people, when it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| format!("«{text}» has no =, try messages=1"))?;
        let integer = value.parse().map(toml::Value::Integer).ok();
        let value = integer.or_else(|| value.parse().map(toml::Value::Boolean).ok());
        let value = value.unwrap_or_else(|| toml::Value::String(text[name.len() + 1..].to_owned()));
        let table = toml::Table::from_iter([(name.to_owned(), value)]);
        table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }

    /// Takes over what the other sets.
    #[cfg(feature = "program")]
    pub(crate) fn merge(&mut self, other: &Self) {
        self.messages = other.messages.or(self.messages);
        self.connections = other.connections.or(self.connections);
        self.quit = other.quit.or(self.quit);
        self.clean = other.clean.or(self.clean);
    }
}

fn every_fault() -> Vec<ChaosFault> {
    vec![
        ChaosFault::Temporary,
        ChaosFault::Permanent,
        ChaosFault::Unavailable,
        ChaosFault::UnavailableContinues,
        ChaosFault::Rst,
        ChaosFault::Fin,
        ChaosFault::DropMidReply,
        ChaosFault::Stall,
        ChaosFault::Drip,
        ChaosFault::Delay,
        ChaosFault::Garbage,
    ]
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(deserializer).map(Some)
}
