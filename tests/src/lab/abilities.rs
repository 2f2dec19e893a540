//! Defines what a server of the lab says of itself: where it listens, what it offers there, and what it cannot do
//! and why. Tests go through this data, so that a further server is one more file and no further test.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::certificates::Authority;
use super::maildir::Maildir;

/// The mechanisms that the tests ask every server for.
pub const MECHANISMS: [&str; 11] = [
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "XOAUTH2",
    "OAUTHBEARER",
    "EXTERNAL",
    // what no server here offers for mail: the sender stays unknown
    "ANONYMOUS",
];

/// A server of the lab.
pub trait Server: Send + Sync + fmt::Debug {
    /// What it says of itself.
    fn abilities(&self) -> &'static Abilities;

    /// Where it listens, one listener for each kind that it has.
    fn listeners(&self) -> Vec<Listener>;

    /// Where the mail for a mailbox lands.
    fn maildir(&self, mailbox: &str) -> Maildir;

    /// Who issued its certificates, and those that clients may show.
    fn authority(&self) -> &Authority;

    /// What it logged so far, for the message of a failed test.
    fn log(&self) -> String;

    /// The listener of this kind, if it has one.
    fn listener(&self, kind: Kind) -> Option<Listener> {
        self.listeners().into_iter().find(|listener| listener.kind == kind)
    }
}

/// A place where a server takes mail.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Which of the server's.
    pub kind: Kind,
    /// Where it is.
    pub address: Address,
    /// Whether it takes mail for its own domains from clients that have not logged in.
    pub is_open: bool,
}

impl Listener {
    /// A listener at a TCP port that requires a login.
    pub(super) fn new(kind: Kind, address: SocketAddr) -> Self {
        Self { kind, address: Address::Tcp(address), is_open: false }
    }

    /// The same, for mail from everyone.
    pub(super) fn open(self) -> Self {
        Self { is_open: true, ..self }
    }
}

/// The kinds of listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a test that forgets one must not compile")]
pub enum Kind {
    /// Over TCP, with this use of TLS.
    Tls(Tls),
    /// Over TCP with this use of TLS, for clients that show a certificate of the [authority](Server::authority).
    Certificate(Tls),
    /// At a unix socket.
    Unix,
}

impl Kind {
    /// What becomes of TLS there.
    #[must_use]
    pub fn tls(self) -> Tls {
        match self {
            Self::Tls(tls) | Self::Certificate(tls) => tls,
            Self::Unix => Tls::None,
        }
    }
}

/// What becomes of TLS at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a test that forgets one must not compile")]
pub enum Tls {
    /// The session stays in clear.
    None,
    /// The client asks for it by STARTTLS (RFC 3207).
    StartTls,
    /// It is there from the first octet on (RFC 8314 §3.3).
    Implicit,
}

impl Tls {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::StartTls, Self::Implicit];

    /// The value of the program's `--tls`.
    #[must_use]
    pub fn mode(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
        }
    }
}

/// The address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are no other sockets here")]
pub enum Address {
    /// A TCP port of the loopback interface.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    /// The value of the program's `--server`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", Path::display(path)),
        }
    }
}

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there are no others here")]
pub enum Protocol {
    /// RFC 5321.
    Esmtp,
    /// RFC 2033.
    Lmtp,
}

/// What a server can do, and what it cannot.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs, reason = "each server of the lab is a literal of it")]
pub struct Abilities {
    /// The server's name.
    pub name: &'static str,
    /// What it speaks.
    pub protocol: Protocol,
    /// The cells of the matrix TLS × mechanism that cannot be; all others must work.
    pub absent: &'static [Absent],
    /// The features that it lacks, with the reasons; all others must work.
    pub lacks: &'static [(Feature, &'static str)],
}

impl Abilities {
    /// Why a login by this mechanism (none: mail without a login) cannot be tried with this TLS.
    #[must_use]
    pub fn reason(&self, tls: Tls, mechanism: Option<&str>) -> Option<&'static str> {
        // what holds for every server
        if tls == Tls::None && mechanism.is_some_and(|name| name.ends_with("-PLUS")) {
            return Some("there is no channel to bind to without TLS");
        }
        if tls == Tls::None && mechanism == Some("EXTERNAL") {
            return Some("there is no client certificate without TLS");
        }
        let matches = |absent: &&Absent| {
            absent.tls.is_none_or(|of| of == tls)
                && absent.mechanisms.is_none_or(|names| mechanism.is_some_and(|name| names.contains(&name)))
        };
        self.absent.iter().find(matches).map(|absent| absent.reason)
    }

    /// Why it lacks a feature.
    #[must_use]
    pub fn lack(&self, feature: Feature) -> Option<&'static str> {
        self.lacks.iter().find_map(|(lacking, reason)| (*lacking == feature).then_some(*reason))
    }
}

/// Cells of the matrix that cannot be.
#[derive(Debug)]
pub struct Absent {
    tls: Option<Tls>,
    mechanisms: Option<&'static [&'static str]>,
    reason: &'static str,
}

impl Absent {
    /// No cell with this TLS can be.
    pub(super) const fn tls(tls: Tls, reason: &'static str) -> Self {
        Self { tls: Some(tls), mechanisms: None, reason }
    }

    /// No cell with these mechanisms can be.
    pub(super) const fn mechanisms(names: &'static [&'static str], reason: &'static str) -> Self {
        Self { tls: None, mechanisms: Some(names), reason }
    }
}

/// What is tried with every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a test that forgets one must not compile")]
pub enum Feature {
    /// RFC 2920: the envelope leaves in one write.
    Pipelining,
    /// RFC 3030: the message leaves by BDAT.
    Chunking,
    /// RFC 6152: text of 8 bits lands as it was sent.
    EightBitMime,
    /// RFC 6531: mail for an address that is not ASCII.
    SmtpUtf8,
    /// RFC 5321 §4.5.5: a notification, whose reverse-path is null.
    NullReversePath,
    /// RFC 1870: a message that is too large is not sent, and refused where it is.
    Size,
    /// RFC 3461: a report of the delivery.
    Dsn,
    /// An unknown user among others.
    PartialRefusal,
    /// An unknown user alone.
    UnknownUser,
    /// A login with another password.
    BadPassword,
    /// Each mechanism with passwords beyond ASCII letters.
    Passwords,
    /// Mail for a domain of others, without a login.
    RelayDenied,
    /// A listener that asks for the client's certificate.
    ClientCertificate,
    /// An attachment of 25 MB.
    LargeAttachment,
    /// 200 messages on one connection.
    ManyMessages,
    /// A recipient refused after the message, beside others that got it (RFC 2033 §4.2).
    MixedResults,
    /// Mail by a unix socket.
    UnixSocket,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Pipelining,
        Self::Chunking,
        Self::EightBitMime,
        Self::SmtpUtf8,
        Self::NullReversePath,
        Self::Size,
        Self::Dsn,
        Self::PartialRefusal,
        Self::UnknownUser,
        Self::BadPassword,
        Self::Passwords,
        Self::RelayDenied,
        Self::ClientCertificate,
        Self::LargeAttachment,
        Self::ManyMessages,
        Self::MixedResults,
        Self::UnixSocket,
    ];
}
