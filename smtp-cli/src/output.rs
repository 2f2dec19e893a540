//! Provides [`Outputs`]: all that looks on while sessions go their way, to the terminal, to files and to the log.

use crate::args::{FileArgs, GlobalArgs};
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::files::{self, Failing, InUse};
use crate::log_file::Log;
use crate::report::Report;
use crate::settings::{Encryption, Settings};
use crate::terminal::{Stream, Terminal};
use crate::transcript::{self, JsonLines, Observer, Recordings};
use indicatif::{ProgressBar, ProgressStyle};
use log::Level;
use smtp_core::{Content, Transmit};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// All that looks on.
pub(crate) struct Outputs {
    /// Where warnings go.
    warnings: Stream,
    /// Where the transcript goes that somebody looks at.
    terminal: Option<Stream>,
    file: Option<(Stream, bool, Failing)>,
    recordings: Option<Recordings>,
    /// The file that the recordings are written to at the end.
    record: Option<(PathBuf, File)>,
    /// What the run reads and writes.
    in_use: InUse,
    log: Option<Arc<Log>>,
    bar: Option<ProgressBar>,
    counts_octets: bool,
    is_quiet: bool,
    is_coloured: bool,
    epoch: Instant,
}

/// A bar is shown from so many messages on.
const MANY: usize = 20;
/// Or from so many octets.
const LARGE: u64 = 8 << 20;

impl Outputs {
    /// Creates the files that the options name, each once, and none that the run reads.
    pub(crate) fn new(
        args: &FileArgs,
        global: &GlobalArgs,
        log: Option<Log>,
        mut in_use: InUse,
        terminal: &Terminal,
    ) -> Result<Self> {
        if let Some(log) = &log {
            log.check(&in_use)?;
            in_use.add("the log", log.path());
        }
        let file = match &args.transcript {
            Some(path) => {
                let file = files::create("the transcript", path, &in_use)?;
                in_use.add("--transcript", path);
                let failing = Failing::default();
                let stream = Stream::new(Watched { file, failing: failing.clone(), has_failed: false });
                let is_json = path.extension().is_some_and(|extension| extension == "jsonl");
                Some((stream, is_json, failing))
            }
            None => None,
        };
        let record = match &args.record {
            Some(path) => {
                let file = files::create("the recording", path, &in_use)?;
                in_use.add("--record", path);
                Some((path.clone(), file))
            }
            None => None,
        };
        Ok(Self {
            warnings: terminal.warnings.clone(),
            terminal: global.verbose.then(|| terminal.error.clone()),
            file,
            recordings: args.record.is_some().then(Recordings::default),
            record,
            in_use,
            log: log.map(Arc::new),
            bar: None,
            counts_octets: false,
            is_quiet: global.quiet || global.verbose,
            is_coloured: terminal.has_colours(),
            epoch: Instant::now(),
        })
    }

    /// Shows a bar where it takes long and somebody looks: of messages where they are many, else of octets.
    pub(crate) fn begin(&mut self, count: usize, octets: u64, is_terminal: bool) {
        if self.is_quiet || !is_terminal || (count < MANY && octets < LARGE) {
            return;
        }
        self.counts_octets = count < MANY;
        let (length, template) = if self.counts_octets {
            (octets, "{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} to go")
        } else {
            (count as u64, "{bar:40} {pos}/{len} messages, {per_sec}, {eta} to go")
        };
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        self.bar = Some(bar);
    }

    /// The same stream, for which the bar makes room each time.
    pub(crate) fn beside_bar(&self, stream: Stream) -> Stream {
        match &self.bar {
            Some(bar) => Stream::new(BesideBar { bar: bar.clone(), stream }),
            None => stream,
        }
    }

    /// Writes the sessions down even where no file was named for it; gives where that can be asked for.
    pub(crate) fn record(&mut self) -> Recordings {
        self.recordings.get_or_insert_default().clone()
    }

    /// The observers of the session of that number.
    pub(crate) fn observers(&self, number: usize, settings: &Settings) -> Vec<Box<dyn Observer>> {
        let mut observers: Vec<Box<dyn Observer>> = Vec::new();
        if let Some(stream) = &self.terminal {
            observers.push(transcript::text(stream.clone(), number, self.is_coloured));
        }
        match &self.file {
            Some((stream, true, _)) => {
                observers.push(Box::new(JsonLines::new(stream.clone(), number, self.epoch)));
            }
            Some((stream, false, _)) => observers.push(transcript::text(stream.clone(), number, false)),
            None => {}
        }
        if let Some(recordings) = &self.recordings {
            observers.push(Box::new(recordings.recorder(settings.encryption == Encryption::Implicit)));
        }
        if let Some(log) = self.log.as_ref().filter(|log| log.keeps(Level::Debug)) {
            let stream = Stream::new(LogLines { log: Arc::clone(log) });
            observers.push(transcript::text(stream, number, false));
        }
        if let Some(bar) = self.bar.as_ref().filter(|_| self.counts_octets) {
            observers.push(Box::new(Progress(bar.clone())));
        }
        observers
    }

    /// A message is finished.
    pub(crate) fn finished(&self, report: &Report<'_>) {
        if let Some(bar) = self.bar.as_ref().filter(|_| !self.counts_octets) {
            bar.inc(1);
        }
        if self.log.is_some() {
            self.log(report.exit().is_ok(), &report.log_line());
        }
    }

    /// Writes a line to the log, where one is kept.
    pub(crate) fn log(&self, is_fine: bool, line: &str) {
        if let Some(log) = &self.log {
            log.write(if is_fine { Level::Info } else { Level::Error }, line);
        }
    }

    /// Writes what is written at the end; gives the errors of the files that could not be written.
    pub(crate) fn end(&self) -> Vec<Error> {
        let mut failures = Vec::new();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if let (Some(recordings), Some((path, file))) = (&self.recordings, &self.record) {
            let scenario = scenario(recordings, path);
            match scenario.and_then(|scenario| write(&scenario, path, file)) {
                Ok(()) => self.warn_of_challenge(recordings, path),
                Err(error) => failures.push(error),
            }
        }
        failures.extend(self.log.as_ref().and_then(|log| log.failure()));
        let failed = self.file.as_ref().and_then(|(_, _, failing)| failing.take());
        failures.extend(failed.map(|error| {
            Error::new(Exit::IO, format!("the transcript cannot be written to its end: {}", Reworded(&error)))
        }));
        failures
    }
}

impl Outputs {
    /// Writes the sessions so far to a file, as a scenario that `smtp-mock` plays.
    pub(crate) fn save(&self, recordings: &Recordings, path: &Path) -> Result<()> {
        let scenario = scenario(recordings, path)?;
        let file = files::create("the recording", path, &self.in_use)?;
        write(&scenario, path, &file)?;
        self.warn_of_challenge(recordings, path);
        Ok(())
    }

    /// From now on these files are in use, too.
    pub(crate) fn reads(&mut self, files: impl IntoIterator<Item = (impl Into<String>, impl Into<PathBuf>)>) {
        self.in_use.extend(files);
    }

    /// The same.
    pub(crate) fn join(&mut self, in_use: &InUse) {
        self.in_use.join(in_use);
    }

    /// Says which login of a recording nobody can play again.
    fn warn_of_challenge(&self, recordings: &Recordings, path: &Path) {
        if let Some(mechanism) = recordings.challenged() {
            let text = format!(
                "the login by {mechanism} in the recording {} cannot be replayed, record one by --auth plain or none",
                path.display()
            );
            self.warnings.clone().warn(&text);
        }
    }
}

/// The sessions as a scenario that `smtp-mock` plays, named as the file is that it will stand in.
fn scenario(recordings: &Recordings, path: &Path) -> Result<String> {
    if !recordings.are_alike() {
        let why = "one scenario cannot hold sessions with implicit TLS and without";
        return Err(unwritten(path, &why));
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(recordings.scenario(&name))
}

fn write(scenario: &str, path: &Path, mut file: &File) -> Result<()> {
    file.write_all(scenario.as_bytes()).map_err(|error| unwritten(path, &Reworded(&error)))
}

fn unwritten(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::new(Exit::IO, format!("the recording {} cannot be written: {why}", path.display()))
}

/// Moves a bar by the octets of mail data that leave.
struct Progress(ProgressBar);

impl Observer for Progress {
    fn sent(&mut self, transmit: &Transmit, _is_secured: bool) {
        let message = transmit.spans().filter(|(content, _)| *content == Content::Message);
        self.0.inc(message.map(|(_, octets)| octets.len() as u64).sum());
    }
}

/// A stream that a bar makes room for.
struct BesideBar {
    bar: ProgressBar,
    stream: Stream,
}

impl Write for BesideBar {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| self.stream.write(octets))
    }

    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        self.bar.suspend(|| self.stream.write_all(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A file whose first error is kept. Nothing is written after it, so that the file lacks its end and nothing before.
struct Watched<W> {
    file: W,
    failing: Failing,
    has_failed: bool,
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(io::ErrorKind::Other.into());
        }
        match self.file.write(octets) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.has_failed = true;
                self.failing.keep(error);
                Err(kind.into())
            }
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Lines of a transcript that go to the log.
struct LogLines {
    log: Arc<Log>,
}

impl Write for LogLines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(octets).lines() {
            self.log.write(Level::Debug, line);
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::Mutex;

    /// Fails as it is told, and otherwise keeps what is written.
    struct Failures(VecDeque<Option<io::ErrorKind>>, Arc<Mutex<Vec<u8>>>);

    impl Write for Failures {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            match self.0.pop_front().flatten() {
                Some(kind) => Err(kind.into()),
                None => self.1.lock().unwrap().write(octets),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What stands in a file after three lines, and its failure.
    fn written(failures: [Option<io::ErrorKind>; 4]) -> (String, Option<io::ErrorKind>) {
        let (failing, kept) = (Failing::default(), Arc::default());
        let file = Failures(failures.into(), Arc::clone(&kept));
        let mut stream = Stream::new(Watched { file, failing: failing.clone(), has_failed: false });
        for line in ["one\n", "two\n", "three\n"] {
            let _ = stream.write_all(line.as_bytes());
        }
        let text = String::from_utf8(kept.lock().unwrap().clone()).unwrap();
        (text, failing.take().map(|error| error.kind()))
    }

    #[test]
    fn a_write_of_the_transcript_that_a_signal_interrupts_is_no_failure() {
        let failures = [None, Some(io::ErrorKind::Interrupted), None, None];
        assert_eq!(written(failures), ("one\ntwo\nthree\n".to_string(), None));
    }

    #[test]
    fn a_transcript_has_no_gap_after_a_failure_that_passes() {
        let full = Some(io::ErrorKind::StorageFull);
        assert_eq!(written([None, full, None, None]), ("one\n".to_string(), full));
    }
}
