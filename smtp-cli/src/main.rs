//! Sends mail from a shell or a script.

use smtp_cli::{Exit, Terminal, run};
use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A panic is a fault of this program, and has its status and its one line too.
    set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("panic").escape_debug();
        let place = panic.location().map(|place| format!(" ({place})")).unwrap_or_default();
        let line = format!("smtp-cli: a fault of this program: {what}{place}\n");
        // Not by eprintln, which panics where standard error is closed.
        let _ = stderr().write_all(line.as_bytes());
    }));
    let ran = catch_unwind(AssertUnwindSafe(|| run(std::env::args_os(), &mut Terminal::system())));
    ExitCode::from(ran.unwrap_or(Exit::SOFTWARE).status())
}
