//! Sends mail from a shell or a script.

use smtp_cli::{Terminal, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os(), &mut Terminal::system()).status())
}
