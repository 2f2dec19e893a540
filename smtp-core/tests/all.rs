//! Tests the client from outside: the octets sent, the events and their times. No test opens a socket or sleeps.

#![allow(clippy::unwrap_used)] // an assumption of a test may fail it

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
