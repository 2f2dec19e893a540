//! The shell and `verify` as processes: typed at a pseudo-terminal, and read from a pipe.

mod piped;
mod support;
#[cfg(unix)]
mod typed;
mod verify;
