//! Provides `completions` and `man`, made from the grammar that also makes the help.

use std::{io::Write, path::Path};

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::{DONE, Trouble, args::Arguments, no_output};

/// Prints what completes the options in a shell.
pub(super) fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Result<u8, Trouble> {
    let mut octets = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "smtp-mock", &mut octets);
    out.write_all(&octets).map_err(no_output)?;
    Ok(DONE)
}

/// Prints a manual page, or writes all of them.
pub(super) fn man(
    command: Option<&str>,
    directory: Option<&Path>,
    out: &mut dyn Write,
) -> Result<u8, Trouble> {
    let pages =
        pages().map_err(|error| Trouble::refused(format!("a manual page cannot be made: {error}")))?;
    if let Some(directory) = directory {
        for (name, page) in pages {
            let path = directory.join(format!("{name}.1"));
            std::fs::write(&path, page).map_err(|error| Trouble::cannot_write(&path, &error))?;
        }
        return Ok(DONE);
    }
    let wanted = command.map_or_else(|| "smtp-mock".to_owned(), |command| format!("smtp-mock-{command}"));
    let Some((_, page)) = pages.iter().find(|(name, _)| *name == wanted) else {
        let names: Vec<_> = pages.iter().filter_map(|(name, _)| name.strip_prefix("smtp-mock-")).collect();
        let command = command.unwrap_or_default();
        return Err(Trouble::refused(format!(
            "«{command}» is no command, expected one of {}",
            names.join(", ")
        )));
    };
    out.write_all(page).map_err(no_output)?;
    Ok(DONE)
}

/// The page of the program, then one for each command.
fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let program = Arguments::command();
    let commands = program
        .get_subcommands()
        .map(|command| (format!("smtp-mock-{}", command.get_name()), command.clone()));
    let mut pages = Vec::new();
    for (name, command) in core::iter::once(("smtp-mock".to_owned(), program.clone())).chain(commands) {
        let mut page = Vec::new();
        let man = Man::new(command).title(&name).date(DATE);
        man.source(concat!("smtp-mock ", env!("CARGO_PKG_VERSION")))
            .manual("User Commands")
            .render(&mut page)?;
        page.extend_from_slice(EXIT_STATUS.as_bytes());
        pages.push((name, page));
    }
    Ok(pages)
}

/// The date of the manual, without which what follows it would be taken for it.
const DATE: &str = "2026-11-30";

const EXIT_STATUS: &str = "\
.SH EXIT STATUS
.nf
0    done, and every expectation holds
1    an expectation does not hold, or a message could not be stored
2    an argument, a scenario or another file is refused
3    an address could not be listened on
124  the time of --timeout is over
130  a second interrupt came before the first had ended the run
.fi
";
