//! Provides the commands `completions` and `man`, made from the grammar that also makes the help.

use crate::args::{self, CompletionsArgs, ManArgs};
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Terminal;
use clap::builder::Resettable;
use clap_mangen::Man;

/// What the manual says of files and variables.
const CONFIGURATION: &str = include_str!("manual/configuration.roff");
const SIGNALS: &str = include_str!("manual/signals.roff");
/// What it shows in the end.
const EXAMPLES: &str = include_str!("manual/examples.roff");

/// Prints what completes the options in a shell.
pub(crate) fn completions(args: &CompletionsArgs, terminal: &mut Terminal) -> Result<Exit> {
    let mut octets = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "smtp-cli", &mut octets);
    terminal.print_octets(&octets)?;
    Ok(Exit::OK)
}

/// Prints a manual page, or writes all of them.
pub(crate) fn man(args: &ManArgs, terminal: &mut Terminal) -> Result<Exit> {
    let command = args::command();
    let pages = pages(&command)?;
    if let Some(directory) = &args.directory {
        for (name, page) in pages {
            let path = directory.join(format!("{name}.1"));
            std::fs::write(&path, page)
                .map_err(|error| Error::cannot_create("the manual page", &path, &error))?;
        }
        return Ok(Exit::OK);
    }
    let wanted = match &args.command {
        None => "smtp-cli".to_string(),
        Some(name) => format!("smtp-cli-{name}"),
    };
    let Some((_, page)) = pages.iter().find(|(name, _)| *name == wanted) else {
        let name = args.command.as_deref().unwrap_or_default();
        let names = pages.iter().filter_map(|(name, _)| name.strip_prefix("smtp-cli-"));
        let near = nearest(name, names).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(Error::usage(format!("there is no command {name:?}{near}")));
    };
    terminal.print_octets(page)?;
    Ok(Exit::OK)
}

/// The date of the manual, which a page must bear: without it the words behind it would be taken for it.
const DATE: &str = "2026-11-20";

fn page_of(command: clap::Command, name: &str) -> Man {
    Man::new(command)
        .title(name)
        .date(DATE)
        .source(concat!("smtp-cli ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
}

/// All pages: that of the program, and one for each command, and for each command of these.
fn pages(command: &clap::Command) -> Result<Vec<(String, Vec<u8>)>> {
    let failed =
        |error: std::io::Error| Error::new(Exit::SOFTWARE, format!("a manual page cannot be made: {error}"));
    let mut pages = Vec::new();
    let mut page = Vec::new();
    page_of(command.clone(), "smtp-cli").render(&mut page).map_err(failed)?;
    page.extend_from_slice(undoing(command).as_bytes());
    let statuses = crate::exit::meanings(".SH EXIT STATUS\n.nf\n", ".fi\n");
    page.extend_from_slice([CONFIGURATION, SIGNALS, &statuses, EXAMPLES].concat().as_bytes());
    pages.push(("smtp-cli".to_string(), page));
    let nested = command.get_subcommands().flat_map(|command| {
        let name = format!("smtp-cli-{}", command.get_name());
        let below = command.get_subcommands().map({
            let name = name.clone();
            move |below| (format!("{name}-{}", below.get_name()), below)
        });
        std::iter::once((name, command)).chain(below.collect::<Vec<_>>())
    });
    for (name, command) in nested {
        let mut page = Vec::new();
        let is_send = command.get_name() == "send";
        let is_sendmail = command.get_name() == "sendmail";
        // A table is no text to be filled, as what stands after the help is.
        let has_table = is_send || is_sendmail;
        let command = if has_table { command.clone().after_help(Resettable::Reset) } else { command.clone() };
        let undoing = undoing(&command);
        page_of(command, &name).render(&mut page).map_err(failed)?;
        page.extend_from_slice(undoing.as_bytes());
        if is_sendmail {
            let table = crate::sendmail::HELP.replace('-', "\\-");
            page.extend_from_slice(format!(".SH SENDMAIL OPTIONS\n.nf\n{table}.fi\n").as_bytes());
        }
        if is_send {
            page.extend_from_slice(statuses.as_bytes());
        }
        pages.push((name, page));
    }
    Ok(pages)
}

/// The options that undo the switches of a command, which its help does not list one by one.
fn undoing(command: &clap::Command) -> String {
    let undoing: Vec<_> = command
        .get_arguments()
        .filter(|arg| args::is_undo(arg))
        .filter_map(|arg| Some(format!("\\fB\\-\\-{}\\fR", arg.get_long()?.replace('-', "\\-"))))
        .collect();
    if undoing.is_empty() {
        return String::new();
    }
    format!(
        ".SH SWITCHES\nEach of these undoes a switch that a file, a variable or an earlier option sets:\n{}.\n",
        undoing.join(",\n")
    )
}
