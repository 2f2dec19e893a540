//! Defines [`Server`], the address of a mail server, and [`Route`], the path that a connection to it takes.

use super::header_template::HeaderTemplate;
use crate::Secret;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// The address of a mail server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there are two
pub enum Server {
    /// A host that listens on a TCP port.
    Host {
        /// Its name or IP address, without brackets.
        name: String,
        /// Its port.
        port: u16,
    },
    /// The path of a unix socket.
    Unix(UnixPath),
}

/// The path of a unix socket: bytes, which need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixPath(Vec<u8>);

impl UnixPath {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for UnixPath {
    fn from(path: T) -> Self {
        Self(path.into())
    }
}

/// The path, with replacement characters for what is not UTF-8.
impl fmt::Display for UnixPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl Server {
    /// A host by name or IP address, and its port.
    pub fn host(name: impl Into<String>, port: u16) -> Self {
        Self::Host { name: name.into(), port }
    }

    /// The unix socket of this path.
    pub fn unix(path: impl Into<UnixPath>) -> Self {
        Self::Unix(path.into())
    }

    /// Whether a connection stays on this machine, as far as the name alone tells.
    ///
    /// True for unix sockets, loopback addresses and the names of RFC 6761 §6.3.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let Self::Host { name, .. } = self else { return true };
        if let Ok(address) = name.parse::<IpAddr>() {
            return address.to_canonical().is_loopback();
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost" || name.ends_with(".localhost")
    }

    /// The name that the server's certificate must be valid for.
    #[must_use]
    pub fn certificate_name(&self) -> &str {
        match self {
            Self::Host { name, .. } => name,
            Self::Unix(_) => "localhost",
        }
    }
}

/// `host:port`, `[address]:port` or `unix:path`.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// The path that a connection to a server takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The only address family that may be used; `None` for both.
    pub family: Option<Family>,
    /// The address of the server, if its name was looked up already.
    pub address: Option<IpAddr>,
    /// The local address to connect from.
    pub bind: Option<IpAddr>,
    /// The proxy to connect through.
    pub proxy: Option<Proxy>,
    /// The PROXY header to send before everything else.
    pub header: Option<HeaderTemplate>,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there are two
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Whether `address` is of this family.
    #[must_use]
    pub const fn has(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// A proxy that connects to the server for the client.
///
/// The proxy looks the server's name up, so no query leaks from this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxy {
    /// The protocol of the proxy.
    pub kind: ProxyKind,
    /// Its host name or IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name and password, if it requires a login.
    pub login: Option<(String, Secret)>,
}

/// The protocol of a [`Proxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928), with a login by RFC 1929.
    Socks5,
    /// HTTP CONNECT (RFC 9110 §9.3.6), with a login by RFC 7617.
    Http,
}

impl Proxy {
    /// A proxy without a login.
    pub fn new(kind: ProxyKind, host: impl Into<String>, port: u16) -> Self {
        Self { kind, host: host.into(), port, login: None }
    }

    /// The same with a login.
    #[must_use]
    pub fn with_login(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.login = Some((user.into(), password));
        self
    }
}

/// `host:port`, without the login.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A host's name as A-labels, as far as the feature `idna` and the name allow it.
#[cfg(feature = "idna")]
pub(crate) fn ascii_name(name: &str) -> Cow<'_, str> {
    match name.parse::<crate::Domain>().ok().and_then(|domain| domain.to_ascii().ok()) {
        Some(domain) => Cow::Owned(domain.as_str().into()),
        None => Cow::Borrowed(name),
    }
}

/// A host's name as it is.
#[cfg(not(feature = "idna"))]
pub(crate) fn ascii_name(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn only_names_and_addresses_of_this_machine_are_loopback() {
        for name in
            ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LocalHost.", "mail.localhost"]
        {
            assert!(Server::host(name, 25).is_loopback(), "{name}");
        }
        for name in ["192.0.2.1", "localhost.example.org", "notlocalhost", "::2", "mx.example.org"] {
            assert!(!Server::host(name, 25).is_loopback(), "{name}");
        }
        assert!(Server::unix("/run/lmtp").is_loopback());
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(Server::host("::1", 25).to_string(), "[::1]:25");
        assert_eq!(Server::host("mx.example.org", 587).to_string(), "mx.example.org:587");
    }
}
