//! Provides [`Line`], a connection on which a check says what the protocol machine never would.

use crate::settings::{Encryption, Settings};
use crate::transcript::Observer;
use crate::words::Words;
use smtp_core::blocking::{Stream, connect};
use smtp_core::mailer::Notice;
use smtp_core::{Limits, Protocol, Reply};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// What is said of a connection that was ended.
pub(super) const ENDED: &str = "the connection was ended";
/// What is said where nothing came in time.
pub(super) const TOO_LONG: &str = "it took too long";

/// A connection whose every read and write ends at one deadline.
#[derive(Debug)]
pub(super) struct Timed {
    stream: Stream,
    deadline: Instant,
}

impl Timed {
    /// Sets the deadline anew.
    pub(super) const fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The stream and its deadline.
    pub(super) fn into_parts(self) -> (Stream, Instant) {
        (self.stream, self.deadline)
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer, self.deadline)
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.try_write(octets) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.wait(self.deadline)?;
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection in clear.
pub(super) struct Line {
    pub(super) stream: Timed,
    received: Vec<u8>,
}

impl Line {
    /// Connects; where TLS comes after STARTTLS, also hears the greeting and says hello.
    pub(super) fn open(settings: &Settings, observers: Vec<Box<dyn Observer>>) -> Result<Self, String> {
        let wait = settings.interrupt.until(Instant::now() + settings.timeouts.connect);
        let words = Words::new(settings);
        let mut observers = words.observers(observers);
        let mut tell =
            |notice: &Notice<'_>| observers.iter_mut().for_each(|observer| observer.notice(notice));
        let stream = connect(&settings.destination, &settings.route, &wait, &mut tell)
            .map_err(|error| words.of(&error).to_string())?;
        let opener = settings.opener(None).map_err(|error| error.to_string())?;
        let domain = opener.hello(stream.local_address());
        let mut line = Self { stream: Timed { stream, deadline: wait.deadline() }, received: Vec::new() };
        if settings.encryption != Encryption::Implicit {
            let verb = if settings.protocol == Protocol::Lmtp { "LHLO" } else { "EHLO" };
            line.reply("the greeting", settings.timeouts.greeting)?;
            line.say(&format!("{verb} {domain}\r\n"), settings.timeouts.hello)?;
            line.reply(verb, settings.timeouts.hello)?;
        }
        Ok(line)
    }

    /// Asks for TLS, with `behind` in the same packet.
    pub(super) fn start_tls(&mut self, behind: &str, settings: &Settings) -> Result<(), String> {
        let limit = settings.timeouts.tls;
        self.say(&format!("STARTTLS\r\n{behind}"), limit)?;
        let reply = self.reply("STARTTLS", limit)?;
        if !self.received.is_empty() {
            return Err(format!("more came in clear behind the reply to STARTTLS: {reply}"));
        }
        self.stream.set_deadline(Instant::now() + limit);
        Ok(())
    }

    fn say(&mut self, text: &str, limit: Duration) -> Result<(), String> {
        self.stream.set_deadline(Instant::now() + limit);
        self.stream.write_all(text.as_bytes()).map_err(|error| words(&error))
    }

    /// A reply that lets the check go on.
    fn reply(&mut self, to: &str, limit: Duration) -> Result<Reply, String> {
        self.stream.set_deadline(Instant::now() + limit);
        let reply = reply(&mut self.stream, &mut self.received)?;
        if reply.is_completed() { Ok(reply) } else { Err(format!("{to} was refused: {reply}")) }
    }
}

/// Reads one reply; what came behind it stays in `received`.
pub(super) fn reply(stream: &mut impl Read, received: &mut Vec<u8>) -> Result<Reply, String> {
    let limits = Limits::default();
    let mut buffer = [0; 4096];
    loop {
        match smtp_core::reply::parse(received, &limits) {
            Ok(Some((reply, used))) => {
                let reply = reply.to_reply();
                received.drain(..used);
                return Ok(reply);
            }
            Ok(None) => {}
            Err(violation) => return Err(format!("the protocol was broken: {violation}")),
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ENDED.to_string()),
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(words(&error)),
        }
    }
}

/// What is said of a connection that did not do.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => TOO_LONG.to_string(),
        io::ErrorKind::UnexpectedEof => ENDED.to_string(),
        _ => crate::error::Reworded(error).to_string(),
    }
}
