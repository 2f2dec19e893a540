//! Asks for what an account needs, and writes it.

use crate::args::{GlobalArgs, Server};
use crate::config;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::files;
use crate::shown;
use crate::terminal::Terminal;
use std::fmt::Write as _;
use std::io::Write as _;

/// Asks for an account and writes it to the user's configuration file, which must not be there yet.
pub(super) fn init(global: &GlobalArgs, terminal: &mut Terminal) -> Result<()> {
    let path = global.config.clone().or_else(|| config::paths(terminal).pop());
    let path = path.ok_or_else(|| {
        Error::new(
            Exit::CONFIGURATION,
            "there is no place for a configuration file, name one by --config FILE",
        )
    })?;
    if path.exists() {
        return Err(Error::new(
            Exit::CANNOT_CREATE,
            format!("the configuration {} is there already, edit it", path.display()),
        ));
    }
    if !terminal.input_is_terminal {
        return Err(Error::usage("config init asks questions, so it needs a terminal"));
    }
    let name = terminal.ask("Name of the account: ")?;
    if !name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character)) {
        return Err(Error::usage("the name of an account is made of letters, digits, - and _"));
    }
    let server = terminal.ask("Server (host[:port], or smtps://host): ")?;
    server.parse::<Server>().map_err(|error| Error::usage(format!("the server: {error}")))?;
    let from = terminal.ask("Your address: ")?;
    from.parse::<smtp_mime::NameAddr>().map_err(|error| Error::usage(format!("your address: {error}")))?;
    let user = terminal.ask_for_any("User name (empty for no login): ")?;
    let mut text = format!("default-account = {}\n\n[account.{name}]\n", quoted(&name));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "server = {}\nfrom = {}", quoted(&server), quoted(&from));
    if !user.is_empty() {
        let _ = writeln!(text, "user = {}", quoted(&user));
        let command =
            terminal.ask_for_any("Command that prints the password (empty: asked for each time): ")?;
        if !command.is_empty() {
            let _ = writeln!(text, "password-command = {}", quoted(&command));
        }
    }
    write(&path, &text).map_err(|error| Error::cannot_create("the configuration", &path, &error))?;
    terminal.print(&format!("{} written\n", path.display()))
}

fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    // A password may come to stand in it.
    files::create_new(path)?.write_all(text.as_bytes())
}

/// A TOML string, which can also be printed to a terminal.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().all(smtp_core::is_shown) {
        return toml::Value::String(text.to_string()).to_string();
    }
    // A JSON text without characters beyond U+FFFF escaped is a basic string of TOML.
    shown::json_line(&text)
}
