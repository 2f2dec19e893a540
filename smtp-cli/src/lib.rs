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
mod config;
mod configure;
mod error;
mod exit;
mod explain;
mod files;
mod interrupt;
mod layers;
mod lint;
mod log_file;
mod login;
mod manual;
mod measure;
mod mx;
mod outgoing;
mod output;
mod privilege;
mod probe;
mod report;
mod send;
mod sendmail;
mod session;
mod settings;
mod shell;
mod shown;
mod terminal;
mod transcript;
mod verify;
mod words;

pub use exit::Exit;
pub use interrupt::Interrupt;
pub use terminal::{Ask, Clock, Environment, Random, Sleep, Stream, Terminal};

use args::{Args, Command, Parsed};
use std::ffi::OsString;
use std::io::Write;

/// Carries out a command: `arguments` begin with the program's name.
///
/// Results go to the terminal's output, transcript and errors to its error stream; what remains is the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>, terminal: &mut Terminal) -> Exit {
    match carry_out(arguments.into_iter().collect(), terminal) {
        Ok(exit) => exit,
        Err(error) => {
            // Where even this cannot be written, the exit status is all that is left to say it.
            let _ = writeln!(terminal.error, "smtp-cli: {error}");
            error.exit()
        }
    }
}

fn carry_out(arguments: Vec<OsString>, terminal: &mut Terminal) -> error::Result<Exit> {
    privilege::check()?;
    if let Some(called) = sendmail::Called::of(&arguments) {
        return sendmail::sendmail(called, terminal);
    }
    let (args, matches) = match args::parse(arguments.clone())? {
        Parsed::Args(args, matches) => (args, matches),
        Parsed::Text(text) => {
            terminal.print(&text)?;
            return Ok(Exit::OK);
        }
    };
    terminal.obey(&args.global);
    match args.command {
        Command::Send(_)
        | Command::Compose(_)
        | Command::Lint(_)
        | Command::Shell(_)
        | Command::Probe(_)
        | Command::Verify(_) => {
            let settled = layers::settle(arguments, args, &matches, terminal)?;
            let Args { global, command } = *settled.args;
            match command {
                Command::Shell(shell) => {
                    let typed = layers::typed_of(&matches);
                    shell::shell(&shell, &global, settled.program, typed, terminal)
                }
                Command::Probe(probe) => probe::probe(&probe, &global, settled.program, terminal),
                Command::Verify(verify) => verify::verify(&verify, &global, settled.program, terminal),
                Command::Send(send) => send::send(&send, &global, settled.program, terminal),
                Command::Compose(compose) => compose::print(*compose, terminal),
                Command::Lint(lint) => lint::lint(*lint, terminal),
                _ => Ok(Exit::SOFTWARE),
            }
        }
        Command::Explain(explain) => explain::explain(&explain, terminal),
        Command::Config(config) => configure::configure(&config, &args.global, terminal),
        // That was before the grammar, whose options are not sendmail's.
        Command::Sendmail(_) => Err(error::Error::usage("sendmail stands before its own options")),
        Command::Completions(completions) => manual::completions(&completions, terminal),
        Command::Man(man) => manual::man(&man, terminal),
        Command::Help(help) => {
            let words = help.command.into_iter().chain(["--help".to_string()]).map(OsString::from);
            carry_out(std::iter::once("smtp-cli".into()).chain(words).collect(), terminal)
        }
    }
}
