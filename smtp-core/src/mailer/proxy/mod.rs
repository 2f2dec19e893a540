//! Provides [`ProxyExchange`], what is said to a proxy so that it connects to the server.

mod http;
mod socks5;
mod url;

use super::error::ProxyFault;
use super::server::{Proxy, ProxyKind, ascii_name};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use zeroize::Zeroizing;

/// The exchange with a proxy, without I/O: a driver does what [`step`](Self::step) says until it is done.
///
/// The proxy looks the server's name up, so no query leaves this machine.
///
/// ```
/// use smtp_core::mailer::{Proxy, ProxyExchange, ProxyKind, ProxyStep};
///
/// let proxy = Proxy::new(ProxyKind::Http, "proxy.example", 3128);
/// let mut exchange = ProxyExchange::new(&proxy, "mx.example.org", 25)?;
/// let ProxyStep::Write(request) = exchange.step() else { panic!() };
/// assert!(request.starts_with(b"CONNECT mx.example.org:25 HTTP/1.1\r\n"));
/// let length = request.len();
/// exchange.written(length);
/// let mut answer = &b"HTTP/1.1 200 OK\r\n\r\n220 mx.example.org\r\n"[..];
/// while let ProxyStep::Read(limit) = exchange.step() {
///     let (octets, rest) = answer.split_at(limit);
///     exchange.received(octets)?;
///     answer = rest;
/// }
/// // what the server sends is not touched
/// assert_eq!(answer, b"220 mx.example.org\r\n");
/// # Ok::<(), smtp_core::mailer::ProxyFault>(())
/// ```
pub struct ProxyExchange {
    /// What is still to be written, from `written` on.
    output: Zeroizing<Vec<u8>>,
    written: usize,
    dialogue: Dialogue,
}

enum Dialogue {
    Socks5(socks5::Dialogue),
    Http(http::Dialogue),
}

/// What a driver does next for a [`ProxyExchange`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets one must not compile
pub enum ProxyStep<'a> {
    /// Write these octets and tell by [`ProxyExchange::written`] how many have left.
    Write(&'a [u8]),
    /// Read at most so many octets and hand them to [`ProxyExchange::received`]; the octet after them may be the server's.
    Read(usize),
    /// The server is at the other end of the connection.
    Done,
}

/// Shows how many octets there are, which may hold a password.
impl fmt::Debug for ProxyStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(octets) => write!(f, "Write({} octets)", octets.len()),
            Self::Read(limit) => write!(f, "Read({limit})"),
            Self::Done => f.write_str("Done"),
        }
    }
}

/// Shows no octets, which may hold a password.
impl fmt::Debug for ProxyExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyExchange").field("step", &self.step()).finish_non_exhaustive()
    }
}

impl ProxyExchange {
    /// Asks `proxy` to connect to `host`, a name or an IP address without brackets.
    ///
    /// # Errors
    /// When the name or the login cannot be sent to such a proxy.
    pub fn new(proxy: &Proxy, host: &str, port: u16) -> Result<Self, ProxyFault> {
        let (dialogue, output) = match proxy.kind {
            ProxyKind::Socks5 => {
                let (dialogue, output) = socks5::Dialogue::new(proxy, host, port)?;
                (Dialogue::Socks5(dialogue), output)
            }
            ProxyKind::Http => {
                let (dialogue, output) = http::Dialogue::new(proxy, host, port)?;
                (Dialogue::Http(dialogue), output)
            }
        };
        Ok(Self { output, written: 0, dialogue })
    }

    /// What to do next.
    #[must_use]
    pub fn step(&self) -> ProxyStep<'_> {
        let left = &self.output[self.written..];
        let wanted = match &self.dialogue {
            _ if !left.is_empty() => return ProxyStep::Write(left),
            Dialogue::Socks5(dialogue) => dialogue.wanted(),
            Dialogue::Http(dialogue) => dialogue.wanted(),
        };
        if wanted == 0 { ProxyStep::Done } else { ProxyStep::Read(wanted) }
    }

    /// So many of the octets of [`ProxyStep::Write`] have left.
    pub fn written(&mut self, count: usize) {
        self.written = self.output.len().min(self.written.saturating_add(count));
    }

    /// These octets came, at most as many as [`ProxyStep::Read`] said; none when the proxy ended the connection.
    ///
    /// # Errors
    /// When the proxy does not connect to the server, or breaks the protocol.
    pub fn received(&mut self, octets: &[u8]) -> Result<(), ProxyFault> {
        if octets.is_empty() {
            return Err(ProxyFault::Closed);
        }
        let answer = match &mut self.dialogue {
            Dialogue::Socks5(dialogue) => dialogue.received(octets)?,
            Dialogue::Http(dialogue) => dialogue.received(octets)?,
        };
        if let Some(answer) = answer {
            (self.output, self.written) = (answer, 0);
        }
        Ok(())
    }
}

/// A host as a proxy is told it.
enum Host<'a> {
    Address(IpAddr),
    Name(Cow<'a, str>),
}

impl<'a> Host<'a> {
    /// An address as such, a name as A-labels.
    fn new(host: &'a str) -> Result<Self, ProxyFault> {
        if let Ok(address) = host.parse() {
            return Ok(Self::Address(address));
        }
        let name = ascii_name(host);
        // Nothing that could end the name early in a request; the proxy is the judge of the rest.
        if name.is_empty()
            || !name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet))
        {
            return Err(ProxyFault::InvalidName);
        }
        if name.len() > 255 {
            return Err(ProxyFault::NameTooLong);
        }
        Ok(Self::Name(name))
    }
}

#[cfg(test)]
mod tests;
