//! Provides the command `config`: show, check, path, init and import.

mod import;
mod init;

use crate::args::{self, ConfigAction, ConfigArgs, GlobalArgs, Parsed, Rows, ShowArgs};
use crate::config::{self, Configuration};
use crate::error::{Error, Result};
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
    let given = [("--account", show.account.account.as_deref()), ("--from", show.from.as_deref())];
    let layers = of_send(given, &options, &configuration, terminal)?;
    let mut rows: Vec<(String, String, String)> = Vec::new();
    for setting in &layers.settings {
        let may_hold_password = options.has(&setting.option, args::Rule::MayHoldPassword);
        let shown = |value: &OsString| match value.to_string_lossy() {
            value if may_hold_password => masked(&value),
            value => value.into_owned(),
        };
        let values: Vec<_> = setting.values.iter().map(shown).collect();
        let value = if setting.values.is_empty() { "true".to_string() } else { values.join(", ") };
        rows.push((setting.option.clone(), value, setting.source.to_string()));
    }
    if layers.password.is_some() {
        rows.push(("password".to_string(), "***".to_string(), "the configuration file".to_string()));
    }
    let unsaid = options.iter().filter(|row| !rows.iter().any(|(known, ..)| known == row.name));
    let built_in = |row: args::Row<'_>| {
        Some((row.name.to_string(), row.built_in()?.to_string(), "built in".to_string()))
    };
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

/// The layers as if these had been options of `send`.
fn of_send<'r, const N: usize>(
    given: [(&str, Option<&str>); N],
    options: &'r Rows,
    configuration: &Configuration,
    terminal: &Terminal,
) -> Result<Layers<'r>> {
    let given = given.into_iter().filter_map(|(option, value)| Some(format!("{option}={}", value?).into()));
    let words = ["smtp-cli".into(), "send".into()].into_iter().chain(given);
    if let Parsed::Args(_, matches) = args::parse(words)?
        && let Some((command, matches)) = matches.subcommand()
    {
        return Layers::new(command, options, matches, configuration, terminal);
    }
    Err(Error::new(Exit::SOFTWARE, "a fault of this program: settings ask for help"))
}

/// The text of a URL with its password masked, also where it is none.
fn masked(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let login = rest.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host)));
    let separator = if scheme.is_empty() { "" } else { "://" };
    login.map_or_else(|| text.to_string(), |(user, host)| format!("{scheme}{separator}{user}:***@{host}"))
}

/// Reads every file and every account, so that what is wrong is said.
fn check(global: &GlobalArgs, terminal: &mut Terminal) -> Result<()> {
    let configuration = layers::load(global, terminal)?;
    let options = args::rows("send");
    let accounts: Vec<_> = std::iter::once(None).chain(configuration.accounts().map(Some)).collect();
    for account in &accounts {
        of_send([("--account", *account)], &options, &configuration, terminal)?;
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
