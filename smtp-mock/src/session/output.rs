//! Defines [`Output`], what a session asks its driver to do.

use core::{fmt, time::Duration};

use crate::scenario::{Certificate, Close, HandshakeFault, escape};

/// What the driver is to do next. Exhaustive on purpose: a driver that forgets one must not compile.
#[allow(clippy::exhaustive_enums)]
#[derive(Clone, Eq, PartialEq)]
pub enum Output {
    /// Write these octets, as one packet.
    Send(Vec<u8>),
    /// Do the server's half of a TLS handshake, or the fault in its place; then [`Session::tls_up`](super::Session::tls_up) or
    /// [`Session::tls_failed`](super::Session::tls_failed).
    Handshake(Handshake),
    /// End the connection. After [`Close::HalfClose`] go on reading; after the others this is all that `poll` gives.
    Close(Close),
    /// Nothing before this time; input may be read meanwhile, within [`Session::room`](super::Session::room).
    WaitUntil(Duration),
    /// Read nothing before this time.
    StopReading(Duration),
    /// Nothing before there is input.
    NeedInput,
}

/// Octets as text with escapes.
impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(octets) => write!(formatter, "Send(\"{}\")", escape(octets)),
            Self::Handshake(handshake) => formatter.debug_tuple("Handshake").field(handshake).finish(),
            Self::Close(how) => formatter.debug_tuple("Close").field(how).finish(),
            Self::WaitUntil(until) => formatter.debug_tuple("WaitUntil").field(until).finish(),
            Self::StopReading(until) => formatter.debug_tuple("StopReading").field(until).finish(),
            Self::NeedInput => formatter.write_str("NeedInput"),
        }
    }
}

/// A TLS handshake as the scenario wants it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Handshake {
    /// The certificate to show.
    pub certificate: Certificate,
    /// What to do instead of the handshake, once the client's hello has come.
    pub fault: Option<HandshakeFault>,
}

/// What a TLS handshake agreed on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Secured {
    /// The octets of tls-server-end-point (RFC 5929 §4), for channel binding.
    pub end_point: Option<Vec<u8>>,
    /// A word on protocol and cipher, for the transcript.
    pub description: String,
}
