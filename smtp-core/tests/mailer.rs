//! The mailers against servers over real sockets: every test of behaviour runs on both faces, blocking and tokio.

#![allow(clippy::unwrap_used)] // what a test takes for granted is allowed to fail it

#[cfg(feature = "mx")]
#[path = "mailer/dns.rs"]
mod dns;
#[path = "mailer/face.rs"]
mod face;
#[path = "mailer/net.rs"]
mod net;
#[path = "mailer/proxies.rs"]
mod proxies;
#[path = "mailer/sending.rs"]
mod sending;
#[path = "mailer/streams.rs"]
mod streams;
// its servers are OpenSSL's
#[cfg(not(any(windows, target_vendor = "apple")))]
#[path = "mailer/tls.rs"]
mod tls;
