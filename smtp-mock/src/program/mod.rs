//! Provides the `smtp-mock` program: `run`, `check`, `record`, `replay`, `certs`, `presets`, `completions`, `man`.

mod args;
mod fault;
mod listen;
mod manual;
mod record;
mod run;

use std::{ffi::OsString, fs, io::Write, path::Path};

use clap::Parser as _;

use self::args::{Arguments, Command};
use crate::{Authority, Certificate, Preset, Scenario};

/// Done, and every expectation holds.
const DONE: u8 = 0;
/// An expectation does not hold, or a message could not be stored.
const UNSATISFIED: u8 = 1;
/// The scenario, or another file or argument, is refused.
const REFUSED: u8 = 2;
/// An address could not be listened on.
const NOT_BOUND: u8 = 3;
/// A second interrupt came before the first had ended the run: nothing is told of it.
const INTERRUPTED: u8 = 130;
/// The time was over.
const TIMED_OUT: u8 = 124;

/// Runs the program and gives its exit status: 0 done and expectations met, 1 an expectation or the store failed, 2 an argument or
/// scenario is refused, 3 cannot listen, 124 time over.
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render();
            // Help and version were asked for: they are output, and the status is 0.
            let _ = if error.use_stderr() { write!(err, "{text}") } else { write!(out, "{text}") };
            return u8::try_from(error.exit_code()).unwrap_or(REFUSED);
        }
    };
    let status = match arguments.command {
        None => run::run(arguments.run.scenario.as_deref(), &arguments.run.options, out, err),
        Some(Command::Run(run)) => run::run(run.scenario.as_deref(), &run.options, out, err),
        Some(Command::Replay { file, options }) => run::run(Some(&file), &options, out, err),
        Some(Command::Check { files }) => check(&files, out),
        Some(Command::Record(record)) => record::record(&record, out, err),
        Some(Command::Certs { directory, name }) => certs(&directory, &name, out),
        Some(Command::Completions { shell }) => manual::completions(shell, out),
        Some(Command::Man { command, directory }) => {
            manual::man(command.as_deref(), directory.as_deref(), out)
        }
        Some(Command::Presets { name }) => presets(name.as_deref(), out),
    };
    match status {
        Ok(status) => status,
        Err(Trouble { status, message }) => {
            let _ = writeln!(err, "smtp-mock: {message}");
            status
        }
    }
}

/// Why the program ends early.
struct Trouble {
    status: u8,
    message: String,
}

impl Trouble {
    fn refused(message: impl Into<String>) -> Self {
        Self { status: REFUSED, message: message.into() }
    }

    fn cannot_write(path: &Path, error: &std::io::Error) -> Self {
        Self::refused(format!("cannot write {}: {error}", path.display()))
    }
}

fn check(files: &[std::path::PathBuf], out: &mut dyn Write) -> Result<u8, Trouble> {
    let mut status = DONE;
    for file in files {
        let verdict = match Scenario::read(file) {
            Ok(scenario) => {
                format!(
                    "{}: {} rules, {} dialogues",
                    file.display(),
                    scenario.rules.len(),
                    scenario.dialogues.len()
                )
            }
            Err(message) => {
                status = REFUSED;
                message
            }
        };
        writeln!(out, "{verdict}").map_err(no_output)?;
    }
    Ok(status)
}

fn certs(directory: &Path, names: &[String], out: &mut dyn Write) -> Result<u8, Trouble> {
    let authority = Authority::new(names.iter().cloned()).map_err(Trouble::refused)?;
    let write = |name: String, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| Trouble::cannot_write(&path, &error))
    };
    fs::create_dir_all(directory)
        .map_err(|error| Trouble::refused(format!("cannot make {}: {error}", directory.display())))?;
    write("ca.pem".to_owned(), &authority.pem())?;
    for certificate in Certificate::ALL {
        let chain = authority.chain(certificate).map_err(Trouble::refused)?;
        write(format!("{}.pem", certificate.as_str()), &chain.certificates_pem)?;
        write(format!("{}.key", certificate.as_str()), &chain.key_pem)?;
    }
    writeln!(out, "{}", directory.join("ca.pem").display()).map_err(no_output)?;
    Ok(DONE)
}

fn presets(name: Option<&str>, out: &mut dyn Write) -> Result<u8, Trouble> {
    match name {
        Some(name) => {
            write!(out, "{}", preset(name)?.source()).map_err(no_output)?;
        }
        None => {
            for preset in Preset::all() {
                let scenario = preset.scenario().map_err(|error| Trouble::refused(error.to_string()))?;
                writeln!(out, "{}", preset.name()).map_err(no_output)?;
                for line in scenario.about.unwrap_or_default().lines() {
                    writeln!(out, "    {line}").map_err(no_output)?;
                }
            }
        }
    }
    Ok(DONE)
}

fn preset(name: &str) -> Result<Preset, Trouble> {
    Preset::named(name).ok_or_else(|| {
        let names: Vec<_> = Preset::all().iter().map(|preset| preset.name()).collect();
        Trouble::refused(format!("«{name}» is no preset, expected one of {}", names.join(", ")))
    })
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn no_output(error: std::io::Error) -> Trouble {
    Trouble { status: REFUSED, message: format!("cannot write to standard output: {error}") }
}
