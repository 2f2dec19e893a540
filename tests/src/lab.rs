//! Provides the lab: real mail servers, each with a configuration, a spool and mail directories of its own.
//!
//! A server starts on free loopback ports, writes nothing outside one temporary directory, and is stopped and
//! removed when its value is dropped, also when the test that owns it panics. When the test process dies
//! without unwinding (a signal, an abort), a watchdog process does the same.
//!
//! Debian's packages are used as they are installed (`.ci/setup` does that); no service of the machine is
//! started, stopped or read. Postfix and Dovecot change to users of their own, so the lab runs as root.
//!
//! One file holds one server: [`Postfix`], [`Dovecot`]. What they share is in [`certificates`] and in the
//! private modules for processes, accounts and tokens.

mod accounts;
pub mod certificates;
mod dovecot;
mod maildir;
mod postfix;
mod process;
mod token;

pub use accounts::User;
pub use dovecot::Dovecot;
pub use maildir::{Delivered, Maildir};
pub use postfix::Postfix;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};
use std::{array, io};

/// How long a server of the lab may take to start, to deliver or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the lab looks away between two looks at something that cannot be waited for.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks until `look` finds something; fails with `TimedOut`, naming `what`, after 30 seconds.
///
/// Processes and spools of foreign programs offer nothing to wait on, hence this bounded polling.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= end {
            let message = format!("{what} did not happen within {} s", PATIENCE.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        thread::sleep(INTERVAL);
    }
}

/// Loopback addresses with ports that are free now.
///
/// Another process may take one before the server does: who starts a server tries again with other ports.
fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    // all are held at once, so that no two are the same
    let listeners =
        (0..N).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<Vec<_>>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    Ok(array::from_fn(|index| addresses[index]))
}
