//! Defines [`Observer`], which looks on while a session goes its way.

use super::error::Error;
use super::fate::Report;
use super::server::{Proxy, UnixPath};
use crate::{ProxyHeader, Reply, Transmit, Verb};
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
}
