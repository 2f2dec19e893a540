//! Messages from outside: what programs that nobody here wrote make of them.

// All of it is test: what cannot be unwrapped has failed.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "dkim")]
mod dkim;
mod filters;
mod kinds;
mod known_answers;
mod round_trip;
mod signed;
mod strict;
