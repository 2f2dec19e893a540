//! The `smtp-mock` program.

fn main() {}
