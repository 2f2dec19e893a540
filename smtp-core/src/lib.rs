//! A sans-IO SMTP client (RFC 5321): reply bytes in, command bytes and events out.
//!
//! The crate has no sockets, clock, threads, logging or randomness. A [`Client`] is a state machine; a *driver*
//! connects it to a transport of any kind: blocking or async, TCP, TLS, a unix socket or two buffers in a test.
//!
//! # Overview
//!
//! ```text
//!             goals                                  Output::Event → the application
//!   hello() send() quit() …  ┐            ┌────────→
//!                            ├→  Client  ─┤           Output::Write · Read · Handshake · Body · Closed → the driver
//!   Input::Received · Sent … ┘     ↑      └────────→  Output::Idle
//!                        poll(now, &mut transmit)
//! ```
//!
//! 1. The application sets **goals**; they are queued, and each ends in exactly one [`Event::Done`].
//! 2. The driver calls [`Client::poll`] for the next action and performs it.
//! 3. The driver reports the result with [`Client::handle`].
//!
//! The application receives an [`Outcome`] for each recipient: *accepted*, *refused* (and at which command), *unsent*
//! (safe to send again) or *unconfirmed* (the end of the message was transmitted but no reply received, so it may
//! have been delivered).
//!
//! # A complete driver
//!
//! This driver works with any blocking stream that has a deadline of its own. It has a single `match`, and no read
//! buffer, so that no bytes received in clear can remain in one during a TLS handshake.
//!
//! ```
//! use smtp_core::{Client, Config, End, Envelope, Event, Input, Instant, Outcome, Output, Transmit};
//! use std::io::{Read, Write};
//!
//! fn send(stream: &mut (impl Read + Write), message: &[u8]) -> Result<Vec<Outcome>, Box<dyn std::error::Error>> {
//!     let mut client = Client::new(Config::default());
//!     // 1. the goals
//!     client.hello("client.example".parse()?)?;
//!     let to = ["<bob@example.net>".parse()?, "<eve@example.net>".parse()?];
//!     client.send(Envelope::new("<alice@example.org>".parse()?, to))?;
//!     client.quit()?;
//!
//!     let (mut transmit, mut outcomes, mut rest) = (Transmit::new(), Vec::new(), message);
//!     let began = std::time::Instant::now();
//!     loop {
//!         // 2. the next action; time enters here
//!         match client.poll(Instant::from_epoch(began.elapsed()), &mut transmit) {
//!             Output::Write { .. } => match stream.write_all(transmit.octets()) {
//!                 Ok(()) => client.handle(Input::Sent),
//!                 Err(_) => client.handle(Input::WriteFailed),
//!             },
//!             // a driver for sockets waits until `until` at the latest, then polls again
//!             Output::Read { .. } => {
//!                 let mut octets = [0; 4096];
//!                 // 3. the result
//!                 match stream.read(&mut octets) {
//!                     Ok(0) | Err(_) => client.handle(Input::Lost),
//!                     Ok(count) => client.handle(Input::Received(&octets[..count])),
//!                 }
//!             }
//!             Output::Body(_) if rest.is_empty() => client.end_of_body(),
//!             Output::Body(_) => rest = &rest[client.body(rest)..],
//!             Output::Event(Event::Done { end: End::Delivered(found), .. }) => outcomes = found,
//!             Output::Event(_) => {}
//!             // STARTTLS and implicit TLS: do the handshake, report Input::Secured, continue with the secured stream
//!             Output::Handshake { .. } => unreachable!("no goal has asked for TLS"),
//!             // all goals are done and QUIT was not among them: an application would set the next goal here
//!             Output::Idle => unreachable!("QUIT was asked for"),
//!             Output::Closed => return Ok(outcomes),
//!         }
//!     }
//! }
//!
//! # struct Scripted<'a>(&'a [u8], Vec<u8>);
//! # impl Read for Scripted<'_> { fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> { self.0.read(octets) } }
//! # impl Write for Scripted<'_> {
//! #     fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> { self.1.write(octets) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # // one octet at a time, as a network may do it
//! # struct Trickle<'a>(Scripted<'a>);
//! # impl Read for Trickle<'_> { fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> { self.0.read(&mut octets[..1]) } }
//! # impl Write for Trickle<'_> {
//! #     fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> { self.0.write(octets) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let replies = b"220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n250 queued\r\n221 bye\r\n";
//! # let mut stream = Trickle(Scripted(replies, Vec::new()));
//! let outcomes = send(&mut stream, b"Subject: hello\r\n\r\nIt works.\r\n")?;
//! assert!(matches!(outcomes[0], Outcome::Accepted(_)));
//! assert!(matches!(outcomes[1], Outcome::Refused { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate's examples have three complete drivers: `driver_blocking` for `std::net`, `driver_tokio` which reads while it
//! writes, and `in_memory`, a client and a server in one thread. Applications that send with the mailers of the features
//! `blocking` and `tokio` are the examples `send`, `web_handler` (axum, a deadline, a status for each kind of error),
//! `batch`, `test_with_mock` and `token_login`.
//!
//! # Deadlines
//!
//! A driver for sockets converts `until` to a timeout, and ignores the error of a read that reaches it:
//!
//! ```
//! use smtp_core::{Client, Input, Instant};
//! use std::io::{ErrorKind, Read};
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! fn read(stream: &mut TcpStream, client: &mut Client, now: Instant, until: Instant) -> std::io::Result<()> {
//!     // a socket does not accept a timeout of zero
//!     stream.set_read_timeout(Some(until.saturating_since(now).max(Duration::from_millis(1))))?;
//!     let mut octets = [0; 4096];
//!     match stream.read(&mut octets) {
//!         Ok(0) => client.handle(Input::Lost),
//!         Ok(count) => client.handle(Input::Received(&octets[..count])),
//!         // nothing to report: the next poll sees that `until` has come
//!         Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
//!         Err(_) => client.handle(Input::Lost),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A write that reaches its timeout is not an [`Input::WriteFailed`]: poll, and either continue after the bytes
//! already written or learn that the time is over. A driver that can read without blocking does so before each write
//! of mail data, so that it learns about a refusal before it sends the rest.
//!
//! # Behaviour
//!
//! * **One round trip.** With PIPELINING, a message's commands are sent together, and the next message's commands
//!   with the end of the previous message; with CHUNKING, a small message is sent in one group. A server that offers
//!   neither gets one command at a time.
//! * **Line ends and dots.** A body may be supplied in any pieces; it is sent with CRLF line ends only, and with dots
//!   doubled (RFC 5321 §4.5.2).
//! * **Timers.** Every output that waits has a deadline; [`Timeouts`] has the table (RFC 5321 §4.5.3.2).
//! * **A closing server.** After a 421 the client sends no command, mail data or end; it reads replies until the
//!   connection ends, because a message whose end was sent may still get its reply (RFC 5321 §3.8).
//! * **Bounds.** [`Limits`] bounds everything that a server can make grow.
//! * **Secrets.** A log is made from [`Transmit::spans`] and [`Event::Reply`]: spans are marked as
//!   [`Content::Secret`] if they hold a secret, and the client masks known secrets in replies.
//! * **Injection** is impossible by construction: [`Mailbox`], [`Domain`], [`Parameter`] and [`Text`] cannot hold
//!   characters that end a line or an argument.
//!
//! # Features
//!
//! * `idna`: `Domain::to_ascii` for domains in other scripts (RFC 5890).
//! * `serde`: [`Timeouts`] and [`Limits`] can be read from and written to configuration files.
//! * `cram-md5`: the mechanism CRAM-MD5 (RFC 2195).
//! * `scram`: the mechanisms SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), with -PLUS and without.
//! * `saslprep`: SCRAM for user names and passwords beyond ASCII (RFC 4013). This feature and those that follow
//!   need the standard library.
//! * `blocking`: the mailer over `std::net`, for programs without an async runtime: `blocking::Mailer`.
//! * `tokio`: the same for async programs: `tokio::Mailer`.
//! * `mx`: look-ups of mail exchangers, for both: `blocking::Dns`, `tokio::Dns`.
//!
//! # Mailers
//!
//! A program that sends mail needs no driver of its own: the modules `blocking` and `tokio` hold a `Mailer` with sockets, TLS,
//! login, a pool of connections and retries. What they share, without socket and clock, is the module [`mailer`].

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core)]

extern crate alloc;
#[cfg(any(test, feature = "blocking", feature = "tokio"))]
extern crate std;

mod address;
mod auth;
// with the standard library at hand its names are the usual ones
#[cfg(feature = "blocking")]
#[allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
pub mod blocking;
mod client;
mod command;
mod config;
mod envelope;
mod event;
mod extension_parameters;
mod extensions;
mod fault;
pub mod mailer;
mod mask;
#[cfg(any(feature = "blocking", feature = "tokio"))]
#[allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
mod network;
mod parameter;
pub mod probe;
mod proxy_header;
pub mod reply;
mod secret;
mod shown;
mod text;
mod time;
#[cfg(feature = "tokio")]
#[allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
pub mod tokio;
mod transmit;
mod transparency;
mod xclient;
mod xtext;

pub use address::{
    AddressLiteral, Domain, DomainPart, EhloDomain, ForwardPath, LocalPart, Mailbox, ReversePath, SyntaxError,
};
#[cfg(feature = "cram-md5")]
pub use auth::CramMd5;
pub use auth::{
    Anonymous, ChannelBinding, Credentials, External, Login, Mechanism, MechanismError, OAuthBearer, Plain,
    XOAuth2,
};
#[cfg(feature = "scram")]
pub use auth::{Scram, ScramHash};
pub use client::Client;
pub use config::{
    Config, Limits, Protocol, Reveal, TimeoutChanges, TimeoutError, Timeouts, Timer, parse_duration,
};
pub use envelope::{BodyType, Envelope, Recipient};
pub use event::{End, Event, Goal, Input, Outcome, Output, Verb};
pub use extension_parameters::{
    AuthParameter, ByMode, DateTime, DeliverBy, EnvelopeId, FutureRelease, MtPriority, Notify,
    OriginalRecipient, RequireTls, Ret, Rrvs, RrvsAction,
};
pub use extensions::{Extension, Extensions, SessionLimits};
pub use fault::{Cause, Misuse, Reason, Violation};
pub use parameter::Parameter;
pub use proxy_header::{MixedFamilies, ProxyHeader};
pub use reply::{Code, EnhancedCode, Explanation, Fault, Next, Occasion, Reply, Severity, explain};
pub use secret::Secret;
pub use shown::{Escaped, is_shown};
pub use text::Text;
pub use time::Instant;
pub use transmit::{Content, Transmit};
pub use xclient::{XclientAttribute, XclientAttributes, XclientError, XclientLogin};
