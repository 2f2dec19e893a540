//! Defines [`Observer`], which looks on while a session goes its way.

use super::error::Error;
use super::fate::Report;
use super::server::{Proxy, UnixPath};
use crate::{ProxyHeader, Reply, Transmit, Verb};
use core::fmt;
use core::net::SocketAddr;

/// Looks on while a session goes its way, for a transcript or a log.
///
/// It sees no secret: [`Transmit::spans`] marks those that are sent, and replies that repeat one are masked. It is called
/// on the thread or task of the session, which waits for it.
pub trait Observer: Send {
    /// These octets are about to be written.
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        let _ = (transmit, is_secured);
    }

    /// This reply came, to the command `verb`; `None` for the greeting and replies that nothing asked for.
    fn received(&mut self, verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool) {
        let _ = (verb, reply, is_wanted, is_secured);
    }

    /// Something else happened.
    fn notice(&mut self, notice: &Notice<'_>) {
        let _ = notice;
    }

    /// The application adds a note of its own: [`Notice::Information`].
    fn information(&mut self, text: &str) {
        self.notice(&Notice::Information(text));
    }
}

/// What an [`Observer`] is told besides octets and replies.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A connection to this address begins.
    Connecting(SocketAddr),
    /// A connection to the unix socket of this path begins.
    ConnectingUnix(&'a UnixPath),
    /// This proxy is asked to connect to the server.
    Proxy(&'a Proxy),
    /// A PROXY header was sent.
    Header(&'a ProxyHeader),
    /// TLS is up.
    Secured,
    /// The server refused STARTTLS, and the session goes on in clear.
    StartTlsRefused(&'a Reply),
    /// The connection is closed without QUIT, which would be a line of the message that the server awaits.
    ClosedWithoutQuit,
    /// The server ended the connection.
    Ended,
    /// Something failed.
    Failed(&'a Error),
    /// The application abandoned a send; this became of its message.
    Abandoned(&'a Report),
    /// A note of the application.
    Information(&'a str),
    /// An error in the application's words.
    Error(&'a str),
}

/// In words, on one line.
impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(address) => write!(f, "connecting to {address}"),
            Self::ConnectingUnix(path) => write!(f, "connecting to unix:{path}"),
            Self::Proxy(proxy) => write!(f, "asking the proxy {proxy} to connect"),
            Self::Header(header) => match header.addresses() {
                Some((source, destination)) => write!(f, "PROXY header: from {source} to {destination}"),
                None => f.write_str("PROXY header"),
            },
            Self::Secured => f.write_str("TLS is up"),
            Self::StartTlsRefused(_) => f.write_str("STARTTLS was refused, going on in clear"),
            Self::ClosedWithoutQuit => {
                f.write_str("closing without QUIT, which would be a line of the message")
            }
            Self::Ended => f.write_str("the server ended the connection"),
            Self::Failed(error) => error.fmt(f),
            Self::Abandoned(report) => {
                f.write_str("the application abandoned the send")?;
                report.recipients().iter().try_for_each(|recipient| write!(f, "; {recipient}"))
            }
            Self::Information(text) | Self::Error(text) => f.write_str(text),
        }
    }
}
