//! Tests messages from outside, with independent programs.

// Everything here is test code: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "dkim")]
mod dkim;
mod filters;
mod kinds;
mod known_answers;
mod round_trip;
mod signed;
mod strict;
