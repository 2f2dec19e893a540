//! Provides the driver: one loop that does what a [`Session`] asks for, over sockets or any `Read + Write`.

#[cfg(feature = "net")]
mod blackhole;
#[cfg(feature = "net")]
mod connections;
#[cfg(feature = "net")]
mod dispatcher;
#[cfg(all(feature = "net", unix))]
mod event_loop;
#[cfg(feature = "net")]
mod listener;
#[cfg(feature = "net")]
mod socket;
#[cfg(feature = "net")]
mod stream;
#[cfg(feature = "net")]
mod workers;

use core::time::Duration;
use std::{
    io::{self, Read, Write},
    time::Instant,
};

#[cfg(feature = "net")]
pub use self::blackhole::Blackhole;
#[cfg(feature = "net")]
pub(crate) use self::{
    connections::Connections,
    dispatcher::Dispatcher,
    listener::{Listener, Place},
};
use crate::{
    scenario::Close,
    session::{Handshake, Output, Secured, Session},
};

/// What is read at once from a client that says little: a session that waits costs no more.
const SMALL: usize = 4 * 1024;
/// What is read at once from a client that sends more than fits.
const LARGE: usize = 64 * 1024;

/// How long an orderly close waits for the client's end before it gives up.
#[cfg(feature = "net")]
const LINGER: Duration = Duration::from_secs(2);

/// A connection as the driver wants it.
pub(crate) trait Connection {
    /// Whether a read can end because the time is over.
    const READS_IN_TIME: bool;
    /// Reads; `None` when the time was over first.
    fn read(&mut self, buffer: &mut [u8], limit: Option<Duration>) -> io::Result<Option<usize>>;
    /// Writes one packet.
    fn write(&mut self, octets: &[u8]) -> io::Result<()>;
    /// Does the server's half of a handshake, or the fault in its place; `first` is to be read before the transport.
    fn handshake(&mut self, handshake: Handshake, first: Vec<u8>) -> Result<Secured, String>;
    /// Ends the connection, or one direction.
    fn close(&mut self, how: Close);
    /// Lets time pass; `false` when the mock stops meanwhile.
    fn sleep(&mut self, duration: Duration) -> bool;
}

/// Does what the session asks for until it is over, what it has asked for already first. Times are since `epoch`.
pub(crate) fn drive<C: Connection>(
    session: &mut Session,
    connection: &mut C,
    epoch: Instant,
    mut first: Option<Output>,
) {
    let mut buffer = vec![0; SMALL];
    let mut ended = false;
    loop {
        session.now(epoch.elapsed());
        let limit = match first.take().unwrap_or_else(|| session.poll()) {
            Output::Send(octets) => {
                if let Err(error) = connection.write(&octets) {
                    session.lost(&format!("the client is gone: {error}"));
                    return;
                }
                session.reuse(octets);
                continue;
            }
            Output::Handshake(handshake) => {
                let first = session.take_handshake_octets();
                let result = connection.handshake(handshake, first);
                session.now(epoch.elapsed());
                match result {
                    Ok(secured) => session.tls_up(secured),
                    Err(why) => session.tls_failed(&why),
                }
                continue;
            }
            Output::Close(how) => {
                connection.close(how);
                if how == Close::HalfClose {
                    continue;
                }
                return;
            }
            Output::StopReading(until) => {
                if !connection.sleep(until.saturating_sub(epoch.elapsed())) {
                    session.lost("the mock stopped");
                    return;
                }
                continue;
            }
            Output::WaitUntil(until) => {
                let left = until.saturating_sub(epoch.elapsed());
                if ended || session.room() == 0 || !C::READS_IN_TIME {
                    if !connection.sleep(left) {
                        session.lost("the mock stopped");
                        return;
                    }
                    continue;
                }
                Some(left)
            }
            Output::NeedInput if ended => {
                // The session has heard of the end and wants nothing of it: there is nothing to wait for.
                session.lost("the client closed the connection");
                return;
            }
            Output::NeedInput => session.deadline().map(|until| whole(until.saturating_sub(epoch.elapsed()))),
        };
        if C::READS_IN_TIME && limit.is_some_and(|left| left.is_zero()) {
            continue;
        }
        match connection.read(&mut buffer, limit) {
            Ok(None) => {}
            Ok(Some(0)) => {
                ended = true;
                session.eof();
            }
            Ok(Some(count)) => {
                session.input(&buffer[..count]);
                if count == buffer.len() && count < LARGE {
                    buffer.resize(count * 4, 0);
                }
            }
            Err(error) => {
                session.lost(&format!("the client is gone: {error}"));
                return;
            }
        }
    }
}

/// The next whole second, so that a socket need not be told of a new limit before each read.
fn whole(duration: Duration) -> Duration {
    if duration > Duration::from_secs(1) {
        Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
    } else {
        duration
    }
}

/// Serves one session over any stream, such as a pipe in memory; without TLS, which needs a socket.
///
/// Waits block the thread; while one lasts, nothing is read. A client may be silent for ever. A reset cannot be told from the end of the stream.
///
/// ```
/// use smtp_mock::{Scenario, Server, serve};
/// let mut said = Vec::new();
/// let input: &[u8] = b"EHLO client.test\r\nQUIT\r\n";
/// let server = Server::new(Scenario::new());
/// serve(server.session(), input, &mut said);
/// assert!(said.ends_with(b"221 2.0.0 bye\r\n"));
/// ```
pub fn serve(mut session: Session, input: impl Read, output: impl Write) {
    drive(&mut session, &mut Plain { input, output }, Instant::now(), None);
}

struct Plain<I, O> {
    input: I,
    output: O,
}

impl<I: Read, O: Write> Connection for Plain<I, O> {
    const READS_IN_TIME: bool = false;

    fn read(&mut self, buffer: &mut [u8], _: Option<Duration>) -> io::Result<Option<usize>> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(Some),
            }
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.output.write_all(octets)?;
        self.output.flush()
    }

    fn handshake(&mut self, _: Handshake, _: Vec<u8>) -> Result<Secured, String> {
        Err("this stream has no TLS".to_owned())
    }

    fn close(&mut self, _: Close) {
        // The streams end when they are dropped; what was written must be out.
        let _ = self.output.flush();
    }

    fn sleep(&mut self, duration: Duration) -> bool {
        std::thread::sleep(duration);
        true
    }
}
