//! Provides the lab: real mail servers, each with a configuration, a spool and mail directories of its own.
//!
//! A server starts on free loopback ports, writes nothing outside one temporary directory, and is stopped and
//! removed when its value is dropped, also when the test that owns it panics. When the test process dies
//! without unwinding (a signal, an abort), a watchdog process does the same.
//!
//! Debian's packages are used as they are installed (`.ci/setup` does that) or, where two exclude each other, as they
//! are unpacked; no service of the machine is started, stopped or read. The servers change to users of their own, so
//! the lab runs as root.
//!
//! One file holds one server and [what it says of itself](abilities), which the tests go through. [`Lab`] starts all of
//! them; `cargo run -p smtp-tests --bin lab` does so for a person. [`Postfix`] can also be started by itself, with
//! settings of a test's own. What the servers share is in [`certificates`] and in the private modules for directories,
//! processes, accounts and tokens.

pub mod abilities;
mod accounts;
mod aiosmtpd;
pub mod certificates;
mod dovecot;
mod dovecot_lmtp;
mod exim;
mod home;
mod maildir;
mod opensmtpd;
mod postfix;
mod process;
mod running;
mod script;
mod smtp_server;
mod token;

pub use accounts::{PASSWORD, USER, User, users};
pub use dovecot::Dovecot;
pub use maildir::{Delivered, Maildir};
pub use postfix::Postfix;

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use std::{array, io};

use abilities::Server;

use crate::watch;

/// The domains whose mail is delivered here; mail for others is refused.
pub const DOMAINS: [&str; 2] = ["example.org", "example.net"];

/// The mailboxes that exist, the last only where a server offers SMTPUTF8; every other of their domains is an unknown
/// user.
pub const MAILBOXES: [&str; 4] = [USER, "friend@example.net", "colleague@example.net", "pelé@example.net"];

/// A mailbox whose quota is used up, at the servers that count it.
pub const FULL: &str = "full@example.net";

/// How many octets the servers of a [`Lab`] take for a message: one with an attachment of 25 MB, and little more.
pub const SIZE: u64 = 36_000_000;

/// Where `.ci/setup` puts the servers that cannot be installed beside others.
const PACKAGES: &str = "/var/cache/smtp-tests";

/// How often a start is tried when another process took a port in between.
const TRIES: usize = 5;

/// All servers, with the same domains, mailboxes and [`users`].
#[derive(Debug)]
pub struct Lab {
    others: Vec<Box<dyn Server>>,
    postfix: Postfix,
    token: String,
}

impl Lab {
    /// Starts them, all but the first at once.
    ///
    /// # Errors
    /// When one of them does not start; the message holds its log.
    pub fn start() -> io::Result<Self> {
        watch::this_test();
        let users = users();
        // the first knows the passwords that others ask for
        let postfix = Postfix::start_for(&users, &[("message_size_limit", &SIZE.to_string())])?;
        let token = postfix.dovecot().token(USER)?;
        let sasl = postfix.dovecot().sasl();
        let starts: [&(dyn Fn() -> io::Result<Box<dyn Server>> + Sync); 5] = [
            &|| Ok(Box::new(dovecot_lmtp::start(&users)?)),
            &|| Ok(Box::new(exim::start(&users, sasl)?)),
            &|| Ok(Box::new(opensmtpd::start(&users)?)),
            &|| Ok(Box::new(aiosmtpd::SCRIPT.start(&users, &token)?)),
            &|| Ok(Box::new(smtp_server::SCRIPT.start(&users, &token)?)),
        ];
        let others = thread::scope(|scope| {
            let threads = starts.map(|start| scope.spawn(start));
            let started = threads.map(|thread| {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("the start of a server panicked")))
            });
            started.into_iter().collect::<io::Result<Vec<_>>>()
        })?;
        Ok(Self { others, postfix, token })
    }

    /// Each of them.
    pub fn servers(&self) -> impl Iterator<Item = &dyn Server> {
        let first: [&dyn Server; 2] = [&self.postfix, self.postfix.dovecot()];
        first.into_iter().chain(self.others.iter().map(AsRef::as_ref))
    }

    /// A bearer token of [`USER`] that all servers with tokens take, good for an hour.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// How long a server may take to greet before it is asked again.
const GREETING: Duration = Duration::from_secs(2);

/// Loopback addresses with ports that are free now.
///
/// Another process may take one before the server does.
fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    // all are held at once, so that no two are the same
    let listeners =
        (0..N).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<Vec<_>>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    Ok(array::from_fn(|index| addresses[index]))
}

/// Starts a server on ports that are free, and again on others when another process took one before it did.
fn on_free_ports<T, const N: usize>(start: impl Fn([SocketAddr; N]) -> io::Result<T>) -> io::Result<T> {
    let mut tries = 1..=TRIES;
    loop {
        tries.next();
        match start(free_addresses()?) {
            Err(error) if port_was_taken(&error) && !tries.is_empty() => {}
            started => return started,
        }
    }
}

/// Whether a server's log says so.
fn port_was_taken(error: &io::Error) -> bool {
    error.to_string().to_lowercase().contains("address already in use")
}

/// Whether a server at `address` accepts a connection and begins a greeting. Who took the port instead may never greet.
fn greets(address: SocketAddr) -> bool {
    let greeting = TcpStream::connect_timeout(&address, GREETING).and_then(|mut stream| {
        stream.set_read_timeout(Some(GREETING))?;
        let mut code = [0; 3];
        stream.read_exact(&mut code).map(|()| code)
    });
    greeting.is_ok_and(|code| &code == b"220")
}
