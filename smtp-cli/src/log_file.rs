//! Provides [`Log`], the file to which a line for each message is appended.

use crate::config::{Configuration, Found, Value};
use crate::error::{Error, Escaped, Result, Reworded};
use crate::exit::Exit;
use crate::files::{self, Failing, InUse};
use log::{Level, LevelFilter, Log as _, Record};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A log file with a level.
pub(crate) struct Log {
    dispatch: Box<dyn log::Log>,
    level: LevelFilter,
    path: PathBuf,
    failing: Failing,
}

impl Log {
    /// The log that the configuration asks for.
    pub(crate) fn new(configuration: &Configuration) -> Result<Option<Self>> {
        let text = |found: Option<Found>| match found {
            Some(Found { entry, source, .. }) => match entry.value {
                Value::Text(text) => Ok(Some((text, source))),
                _ => Err(Error::new(Exit::CONFIGURATION, format!("{source}: {} takes a text", entry.key))),
            },
            None => Ok(None),
        };
        let level = match text(configuration.program("log-level"))? {
            Some((word, source)) => word.parse().map_err(|_| {
                Error::new(
                    Exit::CONFIGURATION,
                    format!(
                        "{source}: the log-level {word:?} is none of off, error, warn, info, debug and trace"
                    ),
                )
            })?,
            None => LevelFilter::Info,
        };
        let Some((path, _)) = text(configuration.program("log-file"))? else { return Ok(None) };
        Ok(Some(Self::at(PathBuf::from(path), level)))
    }

    /// A log of that level in that file.
    pub(crate) fn at(path: PathBuf, level: LevelFilter) -> Self {
        let file = path.clone();
        let failing = Failing::default();
        let failed = failing.clone();
        let (_, dispatch) = fern::Dispatch::new()
            .level(level)
            .format(|out, message, record| {
                let now = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
                let text = message.to_string();
                out.finish(format_args!(
                    "{now} {:<5} [{}] {}",
                    record.level(),
                    std::process::id(),
                    Escaped(&text)
                ));
            })
            // Opened for each line, so that a file that was moved away does not go on growing.
            .chain(fern::Output::call(move |record| {
                // A log that cannot be written any more must not end the session.
                let _ = append(&file, record).map_err(|error| failed.keep(error));
            }))
            .into_log();
        Self { dispatch, level, path, failing }
    }

    /// Whether lines of that level are kept.
    pub(crate) fn keeps(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Appends a line.
    pub(crate) fn write(&self, level: Level, text: &str) {
        self.dispatch
            .log(&Record::builder().level(level).target("smtp-cli").args(format_args!("{text}")).build());
    }

    /// Checks that the file can be written and is none that is in use, before anything is sent that would have to be
    /// logged.
    pub(crate) fn check(&self, in_use: &InUse) -> Result<()> {
        files::check_append("the log", &self.path, in_use)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Why it lacks lines, if it does; said once.
    pub(crate) fn failure(&self) -> Option<Error> {
        let error = self.failing.take()?;
        let text = format!("the log {} cannot be written: {}", self.path.display(), Reworded(&error));
        Some(Error::new(Exit::IO, text))
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("path", &self.path).field("level", &self.level).finish_non_exhaustive()
    }
}

/// One write for one line, so that the lines of several processes do not mix.
fn append(path: &Path, record: &Record<'_>) -> std::io::Result<()> {
    files::append(path)?.write_all(format!("{}\n", record.args()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_above_the_level_and_survive_a_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("smtp.log");
        let log = Log::at(path.clone(), LevelFilter::Info);
        log.check(&InUse::default()).unwrap();
        log.write(Level::Info, "first\nline");
        log.write(Level::Debug, "unseen");
        std::fs::rename(&path, directory.path().join("smtp.log.1")).unwrap();
        log.write(Level::Warn, "second");
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        let line = read("smtp.log.1");
        assert!(line.ends_with(&format!("INFO  [{}] first\\nline\n", std::process::id())), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert!(read("smtp.log").contains("WARN "));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_named() {
        let error = Log::at("no/such/directory/x.log".into(), LevelFilter::Info)
            .check(&InUse::default())
            .unwrap_err();
        assert_eq!(error.exit(), Exit::CANNOT_CREATE);
    }
}
