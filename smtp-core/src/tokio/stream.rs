//! Provides [`Stream`], a connection in clear or under TLS.

use super::socket::Socket;
use crate::ChannelBinding;
use crate::mailer::TlsFault;
use crate::network::{Connector, Handshake, TlsFailure, TlsStream, Witness};
use std::boxed::Box;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::vec::Vec;
use tokio::runtime::{self, Handle};

/// A connection in clear or under TLS, for one task.
///
/// A future of it may be dropped, by a timeout for one, and loses nothing that came; only after a handshake that was
/// dropped the stream is broken. The connection is closed when the stream is dropped, in a runtime or not.
#[derive(Debug)]
pub struct Stream {
    state: State,
    witness: Witness,
    /// The runtime that tells when the socket is ready.
    runtime: runtime::Id,
}

#[derive(Debug)]
enum State {
    Clear(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// Gone: a handshake failed.
    Broken,
}

impl Stream {
    /// A connection of the runtime that this is called in.
    pub(super) fn new(socket: Socket, runtime: &Handle) -> Self {
        Self { witness: socket.witness(), state: State::Clear(socket), runtime: runtime.id() }
    }

    /// Reads what is there, or what comes first; none at the end of the stream.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.forget_room();
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready().await?,
                result => return result,
            }
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Of the kind `WouldBlock` if there is nothing; else the connection is lost.
    pub fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Clear(stream) => stream.read(buffer),
            State::Tls(stream) => stream.read(buffer),
            State::Broken => Ok(0),
        }
    }

    /// Writes as much as there is room for; after `WouldBlock` the same octets must be written again, whatever was
    /// read in between.
    ///
    /// # Errors
    /// Of the kind `WouldBlock` if there is no room; else the connection is lost.
    pub fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.forget_room();
        match &mut self.state {
            State::Clear(stream) => stream.write(octets),
            State::Tls(stream) => stream.write(octets),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Lets what was written leave.
    ///
    /// # Errors
    /// Of the kind `WouldBlock` if there is no room; else the connection is lost.
    pub fn try_flush(&mut self) -> io::Result<()> {
        self.forget_room();
        match &mut self.state {
            State::Clear(stream) => stream.flush(),
            State::Tls(stream) => stream.flush(),
            State::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes all of it.
    pub(super) async fn write_all(&mut self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            match self.try_write(octets) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => octets = &octets[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until there is something to read, or room where the last write found none.
    ///
    /// # Errors
    /// When the runtime of the connection is shut down.
    pub async fn ready(&self) -> io::Result<()> {
        match self.socket() {
            Some(socket) => socket.ready().await,
            None => Ok(()),
        }
    }

    /// Does the TLS handshake; after a failure, or when it is dropped, the stream is broken.
    ///
    /// # Errors
    /// When the certificate is not trusted, or the handshake fails for another reason.
    pub async fn handshake(&mut self, connector: &Connector) -> Result<(), TlsFailure> {
        let stream = match std::mem::replace(&mut self.state, State::Broken) {
            State::Clear(stream) => stream,
            other => {
                self.state = other;
                return Err(TlsFailure {
                    fault: TlsFault::Protocol,
                    source: Some("TLS is up already".into()),
                });
            }
        };
        self.witness.forget();
        let mut handshake = connector.connect(stream, &self.witness);
        loop {
            match handshake {
                Handshake::Done(stream) => {
                    self.state = State::Tls(Box::new(stream));
                    return Ok(());
                }
                Handshake::Failed(failure) => return Err(failure),
                Handshake::Waits(mut unfinished) => {
                    if let Err(error) = unfinished.get_mut().ready().await {
                        return Err(unfinished.failed(error));
                    }
                    unfinished.get_mut().lacks_room = false;
                    handshake = unfinished.proceed();
                }
            }
        }
    }

    /// Whether TLS is up.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        matches!(self.state, State::Tls(_))
    }

    /// The first octets that came, below TLS; from the handshake on those of the handshake.
    #[must_use]
    pub fn first_octets(&self) -> Vec<u8> {
        self.witness.first()
    }

    /// Our own address, if there is one.
    #[must_use]
    pub fn local_address(&self) -> Option<IpAddr> {
        Some(self.socket()?.local()?.ip().to_canonical())
    }

    /// The address at the other end, if there is one; with a proxy it is the proxy's.
    #[must_use]
    pub fn peer_address(&self) -> Option<SocketAddr> {
        self.socket()?.peer()
    }

    /// What binds a login to the TLS session (RFC 5929 §4), if TLS is up and the certificate has it.
    #[must_use]
    pub fn channel_binding(&self) -> Option<ChannelBinding> {
        match &self.state {
            State::Tls(stream) => stream.channel_binding(),
            State::Clear(_) | State::Broken => None,
        }
    }

    /// Whether a connection that was idle cannot be used again: something came that nobody asked for, it ended, it failed,
    /// or its runtime is not the one that this is called in. It does not wait.
    #[must_use]
    pub fn is_stale(&mut self) -> bool {
        if Handle::try_current().is_ok_and(|runtime| runtime.id() != self.runtime) {
            return true;
        }
        // The runtime may not have seen yet what the system has; then it is to know that nothing is there.
        [true, false].into_iter().any(|asks| {
            self.ask_system(asks);
            !matches!(self.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        })
    }

    /// Sends `close_notify` under TLS, which tells the peer that nothing was cut off.
    pub async fn close(&mut self) {
        while let State::Tls(stream) = &mut self.state {
            stream.get_mut().lacks_room = false;
            match stream.shutdown() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The session is over; a peer that is gone already does not change its outcome.
                _ => return,
            }
            if self.ready().await.is_err() {
                return;
            }
        }
    }

    /// The same with nothing remembered of what came, because something else begins.
    pub(super) fn begun_anew(self) -> Self {
        self.witness.forget();
        self
    }

    fn socket(&self) -> Option<&Socket> {
        match &self.state {
            State::Clear(stream) => Some(stream),
            State::Tls(stream) => Some(stream.get_ref()),
            State::Broken => None,
        }
    }

    /// Lets what follows show whether there is room. [`try_read`](Self::try_read) does not reset this: under TLS a read may
    /// write octets of its own, whose room says nothing of those that wait.
    fn forget_room(&mut self) {
        if let Some(socket) = self.socket_mut() {
            socket.lacks_room = false;
        }
    }

    fn ask_system(&mut self, asks: bool) {
        if let Some(socket) = self.socket_mut() {
            socket.asks_system = asks;
        }
    }

    fn socket_mut(&mut self) -> Option<&mut Socket> {
        match &mut self.state {
            State::Clear(stream) => Some(stream),
            State::Tls(stream) => Some(stream.get_mut()),
            State::Broken => None,
        }
    }

    /// Both ends, as a PROXY header names them.
    pub(super) fn ends(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        self.socket().map_or((None, None), |socket| (socket.local(), socket.peer()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Duration;
    use std::vec;
    use tokio::time::timeout;

    #[test]
    fn only_who_wrote_last_waits_for_room() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut far, _) = listener.accept().unwrap();
            let mut near = Stream::new(Socket::tcp(near), &Handle::current());
            let octets = vec![0; 1 << 20];
            let mut written = 0;
            tokio::task::yield_now().await;
            while let Ok(count) = near.try_write(&octets) {
                written += count;
            }
            io::copy(&mut (&mut far).take(written as u64), &mut io::sink()).unwrap();
            let socket = near.socket_mut().unwrap();
            // As a read does that answers new keys of the peer's.
            timeout(Duration::from_secs(20), socket.ready()).await.unwrap().unwrap();
            socket.write_all(b"x").unwrap();
            timeout(Duration::from_secs(20), near.ready()).await.unwrap().unwrap();
            // A read waits for what comes alone, or it would not let the others of its thread go on.
            assert!(timeout(Duration::from_millis(100), near.read(&mut [0; 8])).await.is_err());
            assert!(timeout(Duration::from_millis(100), near.ready()).await.is_err());
        });
    }
}
