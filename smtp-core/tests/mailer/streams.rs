//! One interface over the streams of both faces, so that one suite tests both.

use smtp_core::ChannelBinding;
use smtp_core::blocking::{self, Cancel, Wait};
use smtp_core::mailer::{Error, Notice, Route, Server, TlsFault};
use smtp_core::tokio::{self as face, Connector};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A wait that no test reaches unless it fails.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What a face connects and reads by.
pub(crate) trait Net {
    type Stream;

    fn new() -> Self;
    fn connect(
        &self,
        server: &Server,
        route: &Route,
        limit: Duration,
        tell: &mut (dyn FnMut(&Notice<'_>) + Send),
    ) -> Result<Self::Stream, Error>;
    fn read(&self, stream: &mut Self::Stream, buffer: &mut [u8], limit: Duration) -> io::Result<usize>;
    fn try_read(&self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize>;
    fn try_write(&self, stream: &mut Self::Stream, octets: &[u8]) -> io::Result<usize>;
    fn ready(&self, stream: &mut Self::Stream);
    fn handshake(
        &self,
        stream: &mut Self::Stream,
        connector: &Connector,
        limit: Duration,
    ) -> Result<(), TlsFault>;
    fn is_stale(&self, stream: &mut Self::Stream) -> bool;
    fn close(&self, stream: &mut Self::Stream);
    fn channel_binding(stream: &Self::Stream) -> Option<ChannelBinding>;
    fn addresses(stream: &Self::Stream) -> (Option<IpAddr>, Option<SocketAddr>);

    /// Connects in time, without a word.
    fn to(&self, server: &Server, route: &Route) -> Result<Self::Stream, Error> {
        self.connect(server, route, LONG, &mut |_| {})
    }

    /// Connects to a listener of this machine.
    fn to_address(&self, address: SocketAddr) -> Self::Stream {
        let server = Server::host(address.ip().to_string(), address.port());
        self.to(&server, &Route::default()).unwrap()
    }

    fn write_all(&self, stream: &mut Self::Stream, mut octets: &[u8]) {
        while !octets.is_empty() {
            match self.try_write(stream, octets) {
                Ok(count) => octets = &octets[count..],
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    self.ready(stream);
                }
            }
        }
    }

    fn read_exact(&self, stream: &mut Self::Stream, count: usize) -> Vec<u8> {
        let mut octets = vec![0; count];
        let mut at = 0;
        while at < count {
            let read = self.read(stream, &mut octets[at..], LONG).unwrap();
            assert_ne!(read, 0, "the stream ends after {at} octets");
            at += read;
        }
        octets
    }
}

/// The face of the feature `blocking`.
pub(crate) struct Blocking(Cancel);

impl Net for Blocking {
    type Stream = blocking::Stream;

    fn new() -> Self {
        Self(Cancel::default())
    }

    fn connect(
        &self,
        server: &Server,
        route: &Route,
        limit: Duration,
        tell: &mut (dyn FnMut(&Notice<'_>) + Send),
    ) -> Result<Self::Stream, Error> {
        blocking::connect(server, route, &Wait::new(Instant::now() + limit, &self.0), tell)
    }

    fn read(&self, stream: &mut Self::Stream, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        stream.read(buffer, Instant::now() + limit)
    }

    fn try_read(&self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.try_read(buffer)
    }

    fn try_write(&self, stream: &mut Self::Stream, octets: &[u8]) -> io::Result<usize> {
        stream.try_write(octets)
    }

    fn ready(&self, stream: &mut Self::Stream) {
        let deadline = Instant::now() + LONG;
        while !stream.wait(deadline).unwrap() {}
    }

    fn handshake(
        &self,
        stream: &mut Self::Stream,
        connector: &Connector,
        limit: Duration,
    ) -> Result<(), TlsFault> {
        stream.handshake(connector, Instant::now() + limit).map_err(|failure| failure.fault)
    }

    fn is_stale(&self, stream: &mut Self::Stream) -> bool {
        stream.is_stale()
    }

    fn close(&self, stream: &mut Self::Stream) {
        stream.close(Instant::now() + LONG);
    }

    fn channel_binding(stream: &Self::Stream) -> Option<ChannelBinding> {
        stream.channel_binding()
    }

    fn addresses(stream: &Self::Stream) -> (Option<IpAddr>, Option<SocketAddr>) {
        (stream.local_address(), stream.peer_address())
    }
}

/// The face of the feature `tokio`.
pub(crate) struct Tokio(pub(crate) Runtime);

impl Net for Tokio {
    type Stream = face::Stream;

    fn new() -> Self {
        Self(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
    }

    fn connect(
        &self,
        server: &Server,
        route: &Route,
        limit: Duration,
        tell: &mut (dyn FnMut(&Notice<'_>) + Send),
    ) -> Result<Self::Stream, Error> {
        self.0.block_on(face::connect(server, route, Instant::now() + limit, tell))
    }

    fn read(&self, stream: &mut Self::Stream, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        let read = async { tokio::time::timeout(limit, stream.read(buffer)).await };
        self.0.block_on(read).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn try_read(&self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        // The runtime learns of what came only while it runs.
        self.0.block_on(tokio::task::yield_now());
        stream.try_read(buffer)
    }

    fn try_write(&self, stream: &mut Self::Stream, octets: &[u8]) -> io::Result<usize> {
        self.0.block_on(tokio::task::yield_now());
        stream.try_write(octets)
    }

    fn ready(&self, stream: &mut Self::Stream) {
        self.0.block_on(async { tokio::time::timeout(LONG, stream.ready()).await }).unwrap().unwrap();
    }

    fn handshake(
        &self,
        stream: &mut Self::Stream,
        connector: &Connector,
        limit: Duration,
    ) -> Result<(), TlsFault> {
        let done = async { tokio::time::timeout(limit, stream.handshake(connector)).await };
        match self.0.block_on(done) {
            Ok(done) => done.map_err(|failure| failure.fault),
            Err(_) => Err(TlsFault::TimedOut),
        }
    }

    fn is_stale(&self, stream: &mut Self::Stream) -> bool {
        // Nothing runs the runtime before, so that it knows nothing of what came.
        let _entered = self.0.enter();
        stream.is_stale()
    }

    fn close(&self, stream: &mut Self::Stream) {
        self.0.block_on(stream.close());
    }

    fn channel_binding(stream: &Self::Stream) -> Option<ChannelBinding> {
        stream.channel_binding()
    }

    fn addresses(stream: &Self::Stream) -> (Option<IpAddr>, Option<SocketAddr>) {
        (stream.local_address(), stream.peer_address())
    }
}

/// Runs tests on the streams of both faces: each is a function that takes the face.
macro_rules! on_both {
    ($($(#[$attribute:meta])* $test:ident),* $(,)?) => {
        mod on_blocking {
            $($(#[$attribute])*
            #[test]
            fn $test() {
                super::$test(&<crate::streams::Blocking as crate::streams::Net>::new());
            })*
        }
        mod on_tokio {
            $($(#[$attribute])*
            #[test]
            fn $test() {
                super::$test(&<crate::streams::Tokio as crate::streams::Net>::new());
            })*
        }
    };
}
pub(crate) use on_both;
