//! Sends mail from a shell or a script: the thin front of [`smtp_core`], with arguments, sockets, TLS and words for
//! people.
//!
//! The program is [`run`] with the process's own [`Terminal`]; a test hands in one that it can read:
//!
//! ```
//! use smtp_cli::{Exit, Stream, Terminal, run};
//!
//! let mut terminal = Terminal::detached(Stream::new(std::io::sink()), Stream::new(std::io::sink()));
//! let arguments = ["smtp-cli", "send", "--server", "mock", "--port", "25"];
//! assert_eq!(run(arguments.map(Into::into), &mut terminal), Exit::USAGE);
//! ```

mod args;
mod bundled;
mod compose;
mod connect;
mod delivery;
mod driver;
mod error;
mod exit;
mod login;
mod mail;
mod report;
mod send;
mod session;
mod settings;
mod terminal;
mod tls;
mod transcript;
mod transport;

pub use exit::Exit;
pub use terminal::{Ask, Clock, Environment, Random, Stream, Terminal};

use args::{Command, Parsed};
use std::ffi::OsString;
use std::io::Write;

/// Carries out a command: `arguments` begin with the program's name.
///
/// Results go to the terminal's output, transcript and errors to its error stream; what remains is the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>, terminal: &mut Terminal) -> Exit {
    match carry_out(arguments, terminal) {
        Ok(exit) => exit,
        Err(error) => {
            // Where even this cannot be written, the exit status is all that is left to say it.
            let _ = writeln!(terminal.error, "smtp-cli: {error}");
            error.exit()
        }
    }
}

fn carry_out(arguments: impl IntoIterator<Item = OsString>, terminal: &mut Terminal) -> error::Result<Exit> {
    let args = match args::parse(arguments)? {
        Parsed::Args(args) => args,
        Parsed::Text(text) => {
            terminal.output.write_all(text.as_bytes()).map_err(|error| error::Error::output(&error))?;
            return Ok(Exit::OK);
        }
    };
    match args.command {
        Command::Send(send) => send::send(&send, args.global, terminal),
    }
}
