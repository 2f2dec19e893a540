//! Provides the command `config`: show, check, path, init and import.

mod import;
mod init;

use crate::args::{self, ConfigAction, ConfigArgs, GlobalArgs, ShowArgs};
use crate::config;
use crate::error::Result;
use crate::exit::Exit;
use crate::layers::{self, Layers};
use crate::terminal::Terminal;
use std::ffi::OsString;

/// Carries out what is asked about the configuration.
pub(crate) fn configure(args: &ConfigArgs, global: &GlobalArgs, terminal: &mut Terminal) -> Result<Exit> {
    match &args.action {
        ConfigAction::Show(show) => self::show(show, global, terminal)?,
        ConfigAction::Check => check(global, terminal)?,
        ConfigAction::Path => {
            let configuration = layers::load(global, terminal)?;
            let read: Vec<_> = configuration.files().map(std::path::Path::to_path_buf).collect();
            let paths = match &global.config {
                Some(path) => vec![path.clone()],
                None => config::paths(terminal),
            };
            for path in paths {
                let there = if read.contains(&path) { "" } else { "  (not there)" };
                terminal.print(&format!("{}{there}\n", path.display()))?;
            }
        }
        ConfigAction::Init => init::init(global, terminal)?,
        ConfigAction::Import(import) => import::import(import, terminal)?,
    }
    Ok(Exit::OK)
}

/// Shows the effective settings, each with its source.
fn show(show: &ShowArgs, global: &GlobalArgs, terminal: &mut Terminal) -> Result<()> {
    let configuration = layers::load(global, terminal)?;
    let options = args::rows("send");
    // As if these had been options of `send`.
    let mut words: Vec<OsString> = vec!["smtp-cli".into(), "send".into()];
    for (option, value) in [("--account", &show.account.account), ("--from", &show.from)] {
        words.extend(value.iter().map(|value| format!("{option}={value}").into()));
    }
    let matches = match args::parse(words)? {
        args::Parsed::Args(_, matches) => matches,
        args::Parsed::Text(text) => return terminal.print(&text),
    };
    let Some((command, matches)) = matches.subcommand() else { return Ok(()) };
    let layers = Layers::new(command, &options, matches, &configuration, terminal)?;
    let mut rows: Vec<(String, String, String)> = Vec::new();
    for setting in &layers.settings {
        let values: Vec<_> =
            setting.values.iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let values = match options.has(&setting.option, args::Rule::MayHoldPassword) {
            true => values.iter().map(|value| args::Proxy::masked(value)).collect(),
            false => values,
        };
        let value = if setting.values.is_empty() { "true".to_string() } else { values.join(", ") };
        rows.push((setting.option.clone(), value, setting.source.to_string()));
    }
    if layers.password.is_some() {
        rows.push(("password".to_string(), "***".to_string(), "the configuration file".to_string()));
    }
    let unsaid = options.iter().filter(|row| !rows.iter().any(|(known, ..)| *known == row.name));
    let built_in =
        |row: &args::Row| Some((row.name.clone(), row.built_in()?.to_string(), "built in".to_string()));
    let built_in: Vec<_> = unsaid.filter_map(built_in).collect();
    rows.extend(built_in);
    for key in config::PROGRAM_KEYS {
        if let Some(found) = configuration.program(key) {
            let value = match found.entry.value {
                config::Value::Text(text) => text,
                config::Value::Flag(flag) => flag.to_string(),
                config::Value::List(texts) => texts.join(", "),
            };
            rows.push((key.to_string(), value, found.source));
        }
    }
    if let Some(account) = &layers.account {
        terminal.print(&format!("account {account}\n"))?;
    }
    let width = |column: fn(&(String, String, String)) -> &String| {
        rows.iter().map(|row| column(row).chars().count()).max().unwrap_or_default()
    };
    let (first, second) = (width(|row| &row.0), width(|row| &row.1).min(48));
    for (option, value, source) in &rows {
        let line = format!("{option:<first$}  {value:<second$}  # {source}");
        terminal.print(&format!("{}\n", crate::error::Escaped(&line)))?;
    }
    Ok(())
}

/// Reads every file and every account, so that what is wrong is said.
fn check(global: &GlobalArgs, terminal: &mut Terminal) -> Result<()> {
    let configuration = layers::load(global, terminal)?;
    let options = args::rows("send");
    let accounts: Vec<Option<String>> =
        std::iter::once(None).chain(configuration.accounts().map(|name| Some(name.to_string()))).collect();
    for account in &accounts {
        let mut words: Vec<OsString> = vec!["smtp-cli".into(), "send".into()];
        words.extend(account.iter().map(|name| format!("--account={name}").into()));
        if let args::Parsed::Args(_, matches) = args::parse(words)?
            && let Some((command, matches)) = matches.subcommand()
        {
            Layers::new(command, &options, matches, &configuration, terminal)?;
        }
    }
    let files: Vec<_> = configuration.files().map(|path| path.display().to_string()).collect();
    if files.is_empty() {
        return terminal.print("there is no configuration file; smtp-cli config init writes one\n");
    }
    let accounts = match accounts.len() - 1 {
        1 => "1 account".to_string(),
        count => format!("{count} accounts"),
    };
    terminal.print(&format!("{}: fine, {accounts}\n", files.join(" and ")))
}
