//! The shell and `verify` as processes: typed at a pseudo-terminal, and read from a pipe.

#![allow(clippy::unwrap_used, reason = "everything here is a test or a helper of one")]

mod in_process;
#[cfg(unix)]
mod password_prompt;
mod piped;
mod support;
#[cfg(unix)]
mod typed;
mod verify;
