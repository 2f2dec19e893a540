//! Programs in which one system call fails, once for each call and error: what is said to be kept is kept, whole.
//!
//! A part of all faults is tried, and all of them with `SMTP_TESTS_INJECT=all`, as `bash .ci/long injection` does.

mod store;

use std::env;

/// One of how many faults is tried.
fn every() -> usize {
    if env::var_os("SMTP_TESTS_INJECT").is_some_and(|word| word == "all") { 1 } else { 10 }
}
