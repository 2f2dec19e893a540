//! The mailers against servers over real sockets: every test of behaviour runs on both faces, blocking and tokio.

#![allow(clippy::unwrap_used)] // what a test takes for granted is allowed to fail it

#[path = "mailer/face.rs"]
mod face;
#[path = "mailer/tools.rs"]
mod tools;

#[path = "mailer/batch.rs"]
mod batch;
#[path = "mailer/construction.rs"]
mod construction;
#[path = "mailer/deadlines.rs"]
mod deadlines;
#[cfg(feature = "mx")]
#[path = "mailer/dns.rs"]
mod dns;
#[path = "mailer/dropping.rs"]
mod dropping;
#[path = "mailer/login.rs"]
mod login;
#[path = "mailer/net.rs"]
mod net;
#[path = "mailer/opening.rs"]
mod opening;
#[path = "mailer/outcomes.rs"]
mod outcomes;
#[path = "mailer/pool.rs"]
mod pool;
#[path = "mailer/proxies.rs"]
mod proxies;
#[path = "mailer/secrets.rs"]
mod secrets;
#[path = "mailer/security.rs"]
mod security;
#[path = "mailer/sending.rs"]
mod sending;
#[path = "mailer/settling.rs"]
mod settling;
#[path = "mailer/sources.rs"]
mod sources;
#[path = "mailer/stale.rs"]
mod stale;
#[path = "mailer/stopping.rs"]
mod stopping;
#[path = "mailer/streams.rs"]
mod streams;
// its servers are OpenSSL's
#[cfg(not(any(windows, target_vendor = "apple")))]
#[path = "mailer/tls.rs"]
mod tls;
