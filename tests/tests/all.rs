//! The workspace tested from outside: one program, one module a subject.
//!
//! Where a test belongs:
//!
//! - It looks at one type, function or file: beside that code, in its crate.
//! - It looks at one crate through its public items: in that crate's own tests.
//! - It runs the program, or joins crates: here, in the module of its subject.
//! - It is what a server, an argument or a message does to cheat: a case in [`hostile`], with the row of its threat.
//! - It needs a server that somebody else wrote: in [`real_servers`], whose lab starts it. These run with
//!   `--features real-servers` on a machine where `.ci/setup` has installed the servers.
//!
//! A test that takes longer than five minutes ends the process with a list of what lives (`smtp_tests::watch`).
//!
//! What several modules need is in the library of this package: the lab, the program as a process, the search
//! for leaked passwords. A test compares octets and outcomes; it waits for events and never for time, binds
//! port 0 of 127.0.0.1, and writes to a temporary directory of its own.

#![allow(clippy::unwrap_used, reason = "everything here is a test or a helper of one")]

mod bad_input;
mod bodies;
mod cuts;
#[cfg(unix)]
mod documented;
mod hostile;
#[cfg(feature = "real-servers")]
mod injected;
mod ledger;
mod pipelining;
#[cfg(unix)]
mod privilege;
#[cfg(feature = "real-servers")]
mod real_servers;
mod secrets;
mod sessions;
mod shell;
mod timeouts;
mod tls;
mod watched;
