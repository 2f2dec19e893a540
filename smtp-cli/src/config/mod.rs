//! Provides the configuration files: where they are, which account is meant, and what that account says.

mod file;

pub(crate) use file::{Entry, PROGRAM_KEYS, Value, nearest};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::terminal::Terminal;
use file::{Account, File};
use std::path::{Path, PathBuf};

/// The configuration files that there are, the system's first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    files: Vec<File>,
}

/// A setting of a file, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The setting.
    pub(crate) entry: Entry,
    /// Which layer it belongs to, the strongest last.
    pub(crate) layer: usize,
    /// In words: which section of which file.
    pub(crate) source: String,
}

/// Where the files are looked for: the system's, then the user's.
pub(crate) fn paths(terminal: &Terminal) -> Vec<PathBuf> {
    let directory =
        |variable: &str| terminal.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let (system, user) = if cfg!(windows) {
        (directory("ProgramData"), directory("APPDATA"))
    } else {
        let system =
            terminal.variable("XDG_CONFIG_DIRS").and_then(|list| std::env::split_paths(&list).next());
        let user =
            directory("XDG_CONFIG_HOME").or_else(|| directory("HOME").map(|home| home.join(".config")));
        (system.filter(|path| path.is_absolute()).or_else(|| Some("/etc/xdg".into())), user)
    };
    system.into_iter().chain(user).map(|directory| directory.join("smtp-cli").join("config.toml")).collect()
}

impl Configuration {
    /// Reads the file that is named, which must be there, or those of [`paths`] that are; `options` gives the names that
    /// a setting may have.
    pub(crate) fn load(
        named: Option<&Path>,
        terminal: &mut Terminal,
        options: impl Fn() -> Vec<String>,
    ) -> Result<Self> {
        let mut files = Vec::new();
        match named {
            Some(path) => {
                let text = format!("the configuration {} is not there", path.display());
                files.push(file::read(path, &options)?.ok_or_else(|| Error::new(Exit::CONFIGURATION, text))?);
            }
            None => {
                for path in paths(terminal) {
                    files.extend(file::read(&path, &options)?);
                }
            }
        }
        let configuration = Self { files };
        configuration.check_accounts()?;
        configuration.warn_of_readers(terminal);
        Ok(configuration)
    }

    /// The names of the accounts.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(|file| &file.accounts).map(|account| account.name.as_str())
    }

    /// The files that were read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// A setting of the program itself; the user's file counts before the system's.
    pub(crate) fn program(&self, key: &str) -> Option<Found> {
        self.files.iter().rev().find_map(|file| {
            let entry = file.program.iter().find(|entry| entry.key == key)?.clone();
            let source = format!("{}, line {}", file.path.display(), entry.line);
            Some(Found { source, layer: 0, entry })
        })
    }

    /// Which account is meant: the one that is named, the first whose pattern takes the sender, or the default.
    pub(crate) fn choose(&self, named: Option<&str>, from: Option<&str>) -> Result<Option<String>> {
        if let Some(name) = named {
            self.account(name).ok_or_else(|| self.no_account(name, "--account"))?;
            return Ok(Some(name.to_string()));
        }
        if let Some(from) = from.map(address_of) {
            for (_, account) in self.by_priority() {
                let patterns = account.entries.iter().find(|entry| entry.key == "match-from");
                let patterns = match patterns.map(|entry| &entry.value) {
                    Some(Value::List(patterns)) => patterns.as_slice(),
                    Some(Value::Text(pattern)) => std::slice::from_ref(pattern),
                    _ => &[],
                };
                if patterns.iter().any(|pattern| is_match(pattern, from)) {
                    return Ok(Some(account.name.clone()));
                }
            }
        }
        match self.program("default-account") {
            Some(Found { entry: Entry { value: Value::Text(name), .. }, .. }) => {
                self.account(&name).ok_or_else(|| self.no_account(&name, "default-account"))?;
                Ok(Some(name))
            }
            _ => Ok(None),
        }
    }

    /// What the defaults and that account say, later over earlier.
    pub(crate) fn settings(&self, account: Option<&str>) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut add = |file: &File, layer: usize, section: &str, entry: &Entry| {
            let source = format!("[{section}] of {}, line {}", file.path.display(), entry.line);
            found.push(Found { source, layer, entry: entry.clone() });
        };
        for (layer, file) in self.files.iter().enumerate() {
            file.defaults.iter().for_each(|entry| add(file, layer, "defaults", entry));
        }
        let Some(name) = account else { return Ok(found) };
        for (layer, (file, account)) in (self.files.len()..).zip(self.chain(name)?.into_iter().rev()) {
            let section = format!("account.{}", account.name);
            let settings = account
                .entries
                .iter()
                .filter(|entry| !matches!(entry.key.as_str(), "inherit" | "match-from"));
            settings.for_each(|entry| add(file, layer, &section, entry));
        }
        Ok(found)
    }

    /// An account and those that it inherits from, itself first.
    fn chain(&self, name: &str) -> Result<Vec<(&File, &Account)>> {
        let mut chain: Vec<(&File, &Account)> = Vec::new();
        let mut next = Some(name.to_string());
        while let Some(name) = next {
            let (file, account) = self.account(&name).ok_or_else(|| self.no_account(&name, "inherit"))?;
            if chain.iter().any(|(_, known)| known.name == account.name) {
                return Err(Error::new(
                    Exit::CONFIGURATION,
                    format!(
                        "configuration {}: line {}: the account {} inherits from itself",
                        file.path.display(),
                        account.line,
                        account.name
                    ),
                ));
            }
            chain.push((file, account));
            let parent = account.entries.iter().find(|entry| entry.key == "inherit");
            next = match parent.map(|entry| &entry.value) {
                Some(Value::Text(parent)) => Some(parent.clone()),
                Some(_) => {
                    return Err(Error::new(
                        Exit::CONFIGURATION,
                        format!("configuration {}: inherit names one account", file.path.display()),
                    ));
                }
                None => None,
            };
        }
        Ok(chain)
    }

    fn check_accounts(&self) -> Result<()> {
        for name in self.accounts() {
            self.chain(name)?;
        }
        Ok(())
    }

    fn account(&self, name: &str) -> Option<(&File, &Account)> {
        self.by_priority().find(|(_, account)| account.name == name)
    }

    /// The accounts, the user's before the system's.
    fn by_priority(&self) -> impl Iterator<Item = (&File, &Account)> {
        self.files.iter().rev().flat_map(|file| file.accounts.iter().map(move |account| (file, account)))
    }

    fn no_account(&self, name: &str, by: &str) -> Error {
        let names: Vec<_> = self.accounts().collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => {
                "no configuration file has any, smtp-cli config init writes one".to_string()
            }
            None => format!("there are {}", names.join(", ")),
        };
        Error::new(Exit::CONFIGURATION, format!("the account {name} of {by} is not there; {hint}"))
    }

    /// Warns of a file that holds a password and that others may read.
    fn warn_of_readers(&self, terminal: &mut Terminal) {
        for file in &self.files {
            let sections = file.accounts.iter().flat_map(|account| &account.entries).chain(&file.defaults);
            if sections.into_iter().any(|entry| entry.key == "password") && others_can_read(&file.path) {
                terminal.warnings.warn(&format!(
                    "others can read {}, which holds a password: chmod 600 it, or use password-command",
                    file.path.display()
                ));
            }
        }
    }
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Elsewhere a file of a user's profile is the user's own, and permissions are no few bits to look at.
#[cfg(not(unix))]
fn others_can_read(_path: &Path) -> bool {
    false
}

/// The address of `Name <address>`, or of the address alone.
fn address_of(text: &str) -> &str {
    match text.rsplit_once('<') {
        Some((_, address)) => address.trim_end().trim_end_matches('>'),
        None => text.trim(),
    }
}

/// Whether a text fits a pattern, in which `*` stands for anything and `?` for one character; case does not matter.
fn is_match(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.to_lowercase().chars().collect(), text.to_lowercase().chars().collect());
    // The last star may have to take one more, which is all the going back that is ever needed.
    let (mut at, mut position, mut star) = (0, 0, None);
    while position < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[position] => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    position = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}
