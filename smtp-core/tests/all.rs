//! The engine from outside: what octets leave, what is told, and when. No test opens a socket or sleeps.

#![allow(clippy::unwrap_used)] // what a test takes for granted is allowed to fail it

mod pair;

mod authentication;
mod bodies;
mod chunking;
mod delivery;
mod endings;
mod examples;
mod lmtp;
mod mechanisms;
mod mechanisms_hostile;
#[cfg(feature = "scram")]
mod mechanisms_scram;
mod parameters;
mod pipelining;
mod properties;
mod sessions;
mod threats;
mod timers;
mod tls;
mod unavailable;
