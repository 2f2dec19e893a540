//! The `smtp-mock` program: a scripted SMTP server for tests.

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

fn main() -> ExitCode {
    ExitCode::from(smtp_mock::program::run(std::env::args_os(), &mut stdout(), &mut stderr()))
}
