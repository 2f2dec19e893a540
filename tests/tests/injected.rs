//! Programs in which one system call fails, or all from one on, or that are ended there: what they report is so, and what
//! they say to be kept is kept, whole.
//!
//! A part of all faults is tried, and all of them with `SMTP_TESTS_INJECT=all`, as `bash .ci/long injection` does.

mod send;
mod store;

use std::env;

/// One of how many faults is tried: this many, unless all are wanted.
fn every(many: usize) -> usize {
    if env::var_os("SMTP_TESTS_INJECT").is_some_and(|word| word == "all") { 1 } else { many }
}
