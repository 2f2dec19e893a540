//! Reads a configuration file: sections of settings, each of which knows its line.

use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What stands before the first table: settings of the program itself.
    pub(crate) program: Vec<Entry>,
    /// Settings for every account, and for none.
    pub(crate) defaults: Vec<Entry>,
    /// The accounts, in the order in which they stand.
    pub(crate) accounts: Vec<Account>,
}

/// A named set of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name.
    pub(crate) name: String,
    /// The line that it begins on.
    pub(crate) line: usize,
    /// Its settings.
    pub(crate) entries: Vec<Entry>,
}

/// A setting.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name, which is that of an option or one of [`OWN_KEYS`].
    pub(crate) key: String,
    /// The value.
    pub(crate) value: Value,
    /// The line that it stands on.
    pub(crate) line: usize,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Anything with one value.
    Text(String),
    /// Something that is on or off.
    Flag(bool),
    /// Something with several values.
    List(Vec<String>),
}

/// Keys of an account that are no options.
pub(crate) const OWN_KEYS: [&str; 3] = ["inherit", "match-from", "password"];
/// Keys before the first table.
pub(crate) const PROGRAM_KEYS: [&str; 3] = ["default-account", "log-file", "log-level"];
/// A configuration of more octets than this is a wrong file.
const LARGEST: u64 = 1 << 20;

/// Reads the file at `path`; `None` where there is none. `options` gives the names that a setting may have.
pub(crate) fn read(path: &Path, options: impl FnOnce() -> Vec<String>) -> Result<Option<File>> {
    let failed =
        |why: String| Error::new(Exit::CONFIGURATION, format!("configuration {}: {why}", path.display()));
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("it cannot be read: {}", Reworded(&error)))),
        Ok(metadata) if metadata.len() > LARGEST => {
            return Err(failed(format!("it is larger than {LARGEST} octets, is it the right file?")));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("it cannot be read: {}", Reworded(&error))))?;
    let mut file = parse(&text, &options()).map_err(|(line, why)| failed(format!("line {line}: {why}")))?;
    path.clone_into(&mut file.path);
    Ok(Some(file))
}

/// A line, and what is wrong with it; never the line's text, which may hold a password.
type LineError = (usize, String);

/// Reads the text of a configuration file.
pub(crate) fn parse(text: &str, options: &[String]) -> std::result::Result<File, LineError> {
    let lines = Lines(text);
    let root = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.of(span.start));
        (line, error.message().to_string())
    })?;
    let mut file = File::default();
    for (key, value) in in_order(root.get_ref()) {
        let name: &str = key.get_ref();
        let line = lines.of(key.span().start);
        match (name, value.get_ref()) {
            ("defaults", DeValue::Table(table)) => {
                file.defaults = section(table, options, &["password"], &lines)?;
            }
            ("account", DeValue::Table(accounts)) => {
                for (name, table) in in_order(accounts) {
                    let line = lines.of(name.span().start);
                    let DeValue::Table(table) = table.get_ref() else {
                        return Err((line, format!("[account.{}] must be a table", name.get_ref())));
                    };
                    file.accounts.push(Account {
                        name: name.get_ref().to_string(),
                        line,
                        entries: section(table, options, &OWN_KEYS, &lines)?,
                    });
                }
            }
            ("defaults" | "account", _) => {
                return Err((line, format!("{name} must be a table, like [account.NAME]")));
            }
            (name, value) if PROGRAM_KEYS.contains(&name) => {
                let value = converted(name, value).map_err(|why| (line, why))?;
                file.program.push(Entry { key: name.to_string(), value, line });
            }
            (name, _) => {
                let known = PROGRAM_KEYS.iter().copied().chain(["defaults", "account"]);
                let near = nearest(name, known).map(|near| format!("did you mean {near}?")).or_else(|| {
                    options
                        .iter()
                        .any(|option| option == name)
                        .then(|| format!("{name} belongs into [defaults] or [account.NAME]"))
                });
                let near =
                    near.unwrap_or_else(|| "settings belong into [defaults] or [account.NAME]".to_string());
                return Err((line, format!("the key {name:?} is not known here; {near}")));
            }
        }
    }
    Ok(file)
}

/// The settings of a table.
fn section(
    table: &DeTable<'_>,
    options: &[String],
    own: &[&str],
    lines: &Lines<'_>,
) -> std::result::Result<Vec<Entry>, LineError> {
    let mut entries = Vec::new();
    for (key, value) in in_order(table) {
        let name: &str = key.get_ref();
        let line = lines.of(key.span().start);
        if !own.contains(&name) && !options.iter().any(|option| option == name) {
            let known = options.iter().map(String::as_str).chain(own.iter().copied());
            let near = nearest(name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err((line, format!("the key {name:?} is not known{near}")));
        }
        let value = converted(name, value.get_ref()).map_err(|why| (line, why))?;
        entries.push(Entry { key: name.to_string(), value, line });
    }
    Ok(entries)
}

/// The value of a setting as the options take it.
fn converted(key: &str, value: &DeValue<'_>) -> std::result::Result<Value, String> {
    match value {
        DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
        DeValue::Array(values) => values
            .iter()
            .map(|value| scalar(key, value.get_ref()))
            .collect::<std::result::Result<_, _>>()
            .map(Value::List),
        // Time limits by phase: a table of them is what --timeout says with commas.
        DeValue::Table(table) if key == "timeout" => {
            let parts: std::result::Result<Vec<_>, String> = in_order(table)
                .into_iter()
                .map(|(phase, limit)| Ok(format!("{}={}", phase.get_ref(), scalar(key, limit.get_ref())?)))
                .collect();
            Ok(Value::Text(parts?.join(",")))
        }
        value => scalar(key, value).map(Value::Text),
    }
}

fn scalar(key: &str, value: &DeValue<'_>) -> std::result::Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.as_str().to_string()),
        DeValue::Float(number) => Ok(number.as_str().to_string()),
        other => Err(format!("the value of {key} is of the type {}, a text belongs here", other.type_str())),
    }
}

/// The pairs of a table in the order of the text.
fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

/// The known word that a wrong one was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    known
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Finds the line of an octet.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn of(&self, position: usize) -> usize {
        self.0.as_bytes().iter().take(position).filter(|&&octet| octet == b'\n').count() + 1
    }
}

/// Shows the value, unless it is a password.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Entry");
        debug.field("key", &self.key).field("line", &self.line);
        if self.key == "password" { debug.field("value", &"***") } else { debug.field("value", &self.value) }
            .finish()
    }
}
