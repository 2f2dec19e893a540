//! A scripted SMTP server for tests: a correct server, except where a scenario tells it to depart from that.
//!
//! It shares no code with any client, so that it cannot share a client's mistakes.
//!
//! # Four ways to run it
//!
//! 1. **Embedded in a test**: [`Mock`] listens on a free port of loopback, in threads of its own, and stops when it is
//!    dropped; dropping it also fails the test when an expectation does not hold.
//! 2. **In virtual time**: [`Pair`] joins any client core to a [`Session`] in one thread. Time jumps to the next
//!    deadline, so a timeout of five minutes takes microseconds, and every cut of the octets can be tried.
//! 3. **Over any `Read` and `Write`**: [`serve`].
//! 4. **As a program**: `smtp-mock`, one JSON line with its port on standard output, an exit status that reports
//!    whether the client did what the scenario expects.
//!
//! All four do what [`Session::poll`] returns; a session has no socket, no clock and no thread.
//!
//! # A worked example for each kind of test
//!
//! **Does the client retry after greylisting?** A rule fires twice and is spent.
//!
//! ```
//! # #[cfg(feature = "net")] {
//! # use std::{io::{Read, Write}, net::TcpStream};
//! # fn send(address: std::net::SocketAddr) -> String {
//! #     let mut stream = TcpStream::connect(address).unwrap();
//! #     stream.write_all(b"EHLO client.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\n").unwrap();
//! #     let mut said = vec![0; 4096];
//! #     let mut all = String::new();
//! #     while !(all.contains("\n354 ") || all.contains("\n554 ")) {
//! #         let count = stream.read(&mut said).unwrap();
//! #         all.push_str(std::str::from_utf8(&said[..count]).unwrap());
//! #     }
//! #     if all.contains("\n354 ") { stream.write_all(b"Subject: Hello\r\n\r\nHi\r\n.\r\n").unwrap(); }
//! #     stream.write_all(b"QUIT\r\n").unwrap();
//! #     stream.read_to_string(&mut all).unwrap();
//! #     all
//! # }
//! use smtp_mock::{Mock, On, Rule};
//!
//! let mx = Mock::builder()
//!     .hostname("mx.example.test")
//!     .rule(Rule::on(On::Rcpt).to("bob@*").times(2).reply("450 4.2.0 greylisted").named("greylist").expect(2))
//!     .start();
//! for _ in 0..3 {
//!     send(mx.addr()); // the code under test
//! }
//! let message = mx.wait_for(|message| message.subject().as_deref() == Some("Hello"));
//! assert_eq!(message.to(), ["bob@b.test"]);
//! mx.transcript().connection(3).assert("
//!     S: 220 mx.example.test *
//!     C: EHLO *
//!     ...
//!     C: MAIL FROM:<a@x.test>*
//!     S: 250*
//!     C: RCPT TO:<bob@*
//!     S: 250*
//!     ...
//! ");
//! # }
//! ```
//!
//! **Does it survive a connection that dies in the middle of a reply, or after the message was accepted?**
//!
//! ```
//! # #[cfg(feature = "net")] {
//! use smtp_mock::{Close, Mock, Octets, On, Rule, Step};
//!
//! let mx = Mock::builder()
//!     .rule(Rule::on(On::Mail).connection(1).step(Step::Raw(Octets(b"250 2.1.".to_vec()))).close(Close::Fin))
//!     .rule(Rule::on(On::Body).connection(2).step(Step::Capture(true)).close(Close::Rst)) // the 250 is lost
//!     .start();
//! # drop(mx);
//! # }
//! ```
//!
//! **Is a bad certificate refused?** Seven kinds are ready: see [`Certificate`]. Handshakes that fail: [`HandshakeFault`].
//!
//! ```
//! # #[cfg(feature = "net")] {
//! use smtp_mock::{Certificate, Mock};
//!
//! let mx = Mock::builder().starttls(Certificate::WrongHost).user("alice", "secret").start();
//! let trusted = mx.ca_pem(); // give it to the client: the chain is good, the name is not
//! assert!(trusted.starts_with("-----BEGIN CERTIFICATE-----"));
//! # }
//! ```
//!
//! **Is every deadline kept?** In virtual time, to the nanosecond; [`ClientCore`] is what your core must offer.
//!
//! ```
//! use core::time::Duration;
//! use smtp_mock::{ClientCore, Pair, Ending, On, Rule, Scenario, Server, Turn};
//!
//! /// A client that waits five minutes for the greeting.
//! struct Impatient { heard: bool, gave_up: bool }
//! impl ClientCore for Impatient {
//!     fn received(&mut self, _: &[u8]) { self.heard = true; }
//!     fn sent(&mut self) {}
//!     fn write_failed(&mut self) {}
//!     fn secured(&mut self) {}
//!     fn lost(&mut self) {}
//!     fn poll(&mut self, now: Duration, _: &mut Vec<u8>) -> Turn {
//!         let until = Duration::from_secs(300);
//!         self.gave_up = !self.heard && now >= until;
//!         if self.heard || self.gave_up { Turn::Closed } else { Turn::Read { until } }
//!     }
//! }
//! let mut scenario = Scenario::new();
//! scenario.rules.push(Rule::on(On::Connect).delay(Duration::from_secs(301)).default_reply());
//! let server = Server::new(scenario);
//! let mut pair = Pair::new(Impatient { heard: false, gave_up: false }, server.session());
//! assert_eq!(pair.run(), Ending::Closed);
//! assert!(pair.client().gave_up);
//! assert_eq!(pair.now(), Duration::from_secs(300));
//! ```
//!
//! **Does it send exactly this?** A dialogue is a session written out; the first line that differs fails the test.
//!
//! ```
//! # #[cfg(feature = "net")] {
//! # use std::{io::{Read, Write}, net::TcpStream};
//! use smtp_mock::Mock;
//!
//! let mx = Mock::dialogue("
//!     S: 220 mx.example.test ESMTP
//!     C: EHLO *
//!     S: 250-mx.example.test
//!     !split 3,4
//!     S: 250 DSN
//!     C: QUIT
//!     S: 221 bye
//! ").unwrap().start();
//! # let mut stream = TcpStream::connect(mx.addr()).unwrap();
//! # stream.write_all(b"EHLO me\r\nQUIT\r\n").unwrap();
//! # stream.shutdown(std::net::Shutdown::Write).unwrap();
//! # stream.read_to_string(&mut String::new()).unwrap();
//! # mx.wait_closed(1);
//! # }
//! ```
//!
//! **Does it follow the protocol?** [`Report::findings`] lists bare line ends, long lines, undeclared 8-bit, pipelining that
//! was not offered, passwords in clear, a missing QUIT, missing header fields and more; `[expect] clean = true` makes
//! any of them a failure.
//!
//! **From a shell**, with any client in any language:
//!
//! ```sh
//! smtp-mock --fault rcpt=452*2 --fault body=stall@3 --exit-after '3 sessions' --timeout 1m >start.json &
//! until test -s start.json; do sleep 0.1; done
//! my-client --server "$(sed 's/.*"smtp":"\([^"]*\)".*/\1/' start.json)"
//! wait $!    # 0 done and as expected, 1 an expectation or the store failed, 2 refused, 3 cannot listen, 124 time over
//! ```
//!
//! # Scenario files
//!
//! The same in TOML, for the program and for [`Mock::scenario`]: see the `scenarios` directory of the package for one
//! of each kind, each of which is read by the crate's tests. Durations are texts (`250ms`, `1.5s`, `5m`, `1h 30m`), patterns know
//! `*` and `?`, an unknown word is refused with file, line, column and the words that are allowed.
//!
//! # Its limits
//!
//! A mock stops at once, whatever its clients do. 2,048 clients are served at once; more wait for their greeting in the
//! listen backlog (`Builder::sessions`, `--sessions`). A client that is silent, or reads nothing, for five minutes gets 421
//! and the end of its connection (`[limits] idle` of a scenario, `--idle`). What is kept of the sessions is bounded by
//! [`CaptureLimits`]; a store takes each message whole or refuses it with 452.
//!
//! # What it does not do
//!
//! Client certificates cannot be asked for (native-tls has no way), so EXTERNAL takes the authorization identity at its
//! word. Passwords are compared as octets: SASLprep is not applied. Anyone who can reach the port can use the server: it
//! listens on loopback unless it is told otherwise.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod capture;
mod driver;
#[cfg(feature = "net")]
mod mock;
mod pair;
#[cfg(feature = "program")]
pub mod program;
mod random;
mod record;
mod report;
mod scenario;
mod server;
mod session;
mod sync;
#[cfg(feature = "net")]
mod tls;

pub use self::{
    capture::{
        CaptureLimits, Entry, Envelope, Fault, Finding, Kind, Message, Mismatch, Parameter, Path, Summary,
        Transcript,
    },
    driver::serve,
    pair::{ClientCore, Cuts, Ending, Pair, Turn},
    record::Recording,
    report::{Failure, Nearest, Report, RuleUse, TranscriptDifference},
    scenario::{
        AuthSettings, Certificate, ChaosFault, ChaosSettings, Close, Dialogue, DialogueLine, Drip,
        ExpectSettings, Glob, HandshakeFault, LimitSettings, Mechanism, Octets, On, Preset, Protocol,
        ProxyHeader, Reply, Rule, Scenario, ScenarioError, ServerSettings, Step, Times, TlsMode, TlsSettings,
        When, WireSettings, escape, parse_duration, print_duration,
    },
    server::Server,
    session::{Handshake, Output, Secured, Session},
};
#[cfg(feature = "net")]
pub use self::{
    capture::{Store, StoreError, StoreFormat},
    driver::Blackhole,
    mock::{Builder, Mock, StartError},
    tls::{Authority, Chain},
};

/// The example of the README, compiled and run as a test.
#[cfg(all(doctest, feature = "net"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
