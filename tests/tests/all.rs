//! The workspace tested from outside: one program, one module a subject.

#![allow(clippy::unwrap_used, reason = "everything here is a test or a helper of one")]

#[cfg(feature = "real-servers")]
mod lab;
