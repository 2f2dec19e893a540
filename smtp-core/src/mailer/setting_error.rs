//! Defines [`SettingError`], a wrong setting, and [`ProxyUrlError`].

use super::host::HostError;
use alloc::string::String;
use core::fmt;

/// A wrong setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// A part of the URL: which, and what is wrong. It never repeats the text, which may hold a password.
    Url {
        /// The part, like `scheme` or `port`.
        part: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The host or the port of the URL.
    Host(HostError),
    /// The URL of the proxy.
    ProxyUrl(ProxyUrlError),
    /// A key of the URL's query that is not known.
    UnknownKey(String),
    /// Two settings that exclude each other.
    Contradiction(&'static str, &'static str),
    /// The authorities hold no certificate in PEM.
    NoCertificate,
    /// The client's certificate or its key cannot be read.
    Identity,
    /// The key does not belong to the client's certificate.
    KeyMismatch,
    /// The TLS library refuses the settings.
    Tls,
    /// The server's name is no name that a certificate can be for.
    ServerName,
    /// A path that is too long for a unix socket.
    SocketPathTooLong,
    /// The system has no unix sockets.
    NoUnixSockets,
    /// The local address is of another family than the server's addresses.
    BindFamily,
    /// The local address cannot be used.
    Bind,
    /// The addresses of the PROXY header are of different families.
    MixedFamilies,
    /// The connection has no addresses for the PROXY header, and none are given.
    NoHeaderAddresses,
}

/// A text that is no URL of a [`Proxy`](super::Proxy); it never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// The scheme is missing or not known.
    Scheme,
    /// The host or the port is wrong.
    Host(HostError),
    /// An HTTP proxy has no port.
    NoPort,
    /// It has a path, a query or a fragment.
    Path,
    /// It has a user name without a password.
    NoPassword,
    /// The user name or the password, which is named, is empty or longer than the protocol allows.
    Length(&'static str),
    /// The user name is not UTF-8.
    NotUtf8,
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("a proxy is socks5://[user:password@]host[:port] or http://[user:password@]host:port"),
            Self::Host(HostError::Port) => {
                write!(f, "{}; write @ and : of a password as %40 and %3A", HostError::Port)
            }
            Self::Host(error) => error.fmt(f),
            Self::NoPort => f.write_str("the port of the HTTP proxy is missing: http://host:port"),
            Self::Path => f.write_str(
                "a path, a query or a fragment has no meaning for a proxy; write / ? # of a user name or password as %XX",
            ),
            Self::NoPassword => f.write_str("the login of the proxy needs a password: user:password@host"),
            Self::Length(what) => write!(f, "the {what} of the proxy must have 1 to 255 octets"),
            Self::NotUtf8 => f.write_str("the user name of the proxy is not UTF-8"),
        }
    }
}

impl core::error::Error for ProxyUrlError {}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { part, why } => write!(f, "the {part} of the URL {why}"),
            Self::Host(HostError::Port) => {
                write!(f, "{}; write @ and : of a password as %40 and %3A", HostError::Port)
            }
            Self::Host(error) => error.fmt(f),
            Self::ProxyUrl(error) => error.fmt(f),
            Self::UnknownKey(key) => write!(f, "the URL has a setting that is not known: {key}"),
            Self::Contradiction(one, other) => write!(f, "{one} contradicts {other}"),
            Self::NoCertificate => f.write_str("the authorities hold no certificate in PEM"),
            Self::Identity => f.write_str(
                "the client's certificate or its key cannot be read; the key must be PKCS #8 in PEM without a password",
            ),
            Self::KeyMismatch => f.write_str("the key does not belong to the client's certificate"),
            Self::Tls => f.write_str("TLS cannot be set up"),
            Self::ServerName => f.write_str("the server's name cannot stand in a certificate"),
            Self::SocketPathTooLong => f.write_str("the path of the unix socket is too long"),
            Self::NoUnixSockets => f.write_str("this system has no unix sockets"),
            Self::BindFamily => {
                f.write_str("the local address is of another family than the server's addresses")
            }
            Self::Bind => f.write_str("the local address cannot be used"),
            Self::MixedFamilies => MIXED.fmt(f),
            Self::NoHeaderAddresses => {
                f.write_str("the connection has no addresses for the PROXY header, and none are given")
            }
        }
    }
}

const MIXED: &str = "source and destination of the PROXY header must both be IPv4 or both be IPv6";

impl core::error::Error for SettingError {}

impl From<HostError> for SettingError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<ProxyUrlError> for SettingError {
    fn from(error: ProxyUrlError) -> Self {
        Self::ProxyUrl(error)
    }
}
