//! Compares a transcript with a pattern: `...` stands for any lines, `*` for anything within a line.

use core::fmt;

use crate::{
    capture::Transcript,
    scenario::{Glob, match_items},
};

/// Where a transcript leaves a pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TranscriptDifference {
    /// The line of the pattern that nothing matched, counted from 1 without blank lines; `None` when the pattern is
    /// at its end and the transcript is not.
    pub expected: Option<(usize, String)>,
    /// The line of the transcript that should have matched; `None` when it is at its end.
    pub got: Option<String>,
}

impl fmt::Display for TranscriptDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, expected) = match &self.expected {
            Some((line, expected)) => (Some(*line), expected.as_str()),
            None => (None, "(the end of the transcript)"),
        };
        let got = self.got.as_deref().unwrap_or("(the end of the transcript)");
        match line {
            Some(line) => writeln!(formatter, "the transcript leaves the pattern at its line {line}")?,
            None => writeln!(formatter, "the transcript goes on where the pattern ends")?,
        }
        writeln!(formatter, "    expected  {expected}")?;
        write!(formatter, "    got       {got}")?;
        if self.got.is_some() && self.expected.is_some() {
            let at = Glob::new(expected).agrees_up_to(got.as_bytes());
            let columns = String::from_utf8_lossy(&got.as_bytes()[..at]).chars().count();
            write!(formatter, "\n              {}^ differs here", " ".repeat(columns))?;
        }
        Ok(())
    }
}

impl core::error::Error for TranscriptDifference {}

impl Transcript {
    /// Compares the lines with a pattern: each line must match one (`*` and `?` as in [`Glob`]), `...` any number.
    ///
    /// Lines are marked `C: `, `S: ` and `-- `; each line of a reply counts, blank lines and indentation do not.
    /// When the pattern speaks of no notes (`-- `), notes are left out.
    ///
    /// # Errors
    /// The first line at which the two part.
    pub fn compare(&self, pattern: &str) -> Result<(), TranscriptDifference> {
        let pattern: Vec<_> = pattern.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let notes = pattern.iter().any(|line| line.starts_with("-- "));
        let lines: Vec<_> =
            self.lines().into_iter().filter(|line| notes || !line.starts_with("-- ")).collect();
        let is_match = |wanted: &&str, line: &String| Glob::new(*wanted).matches(line.as_bytes());
        match_items(&pattern, &lines, |&wanted| wanted == "...", is_match).map_err(|(at, position)| {
            TranscriptDifference {
                expected: pattern.get(at).map(|line| (at + 1, (*line).to_owned())),
                got: lines.get(position).cloned(),
            }
        })
    }

    /// Panics unless the transcript matches; see [`compare`](Self::compare).
    ///
    /// # Panics
    /// With the difference and the whole transcript, at the caller's line.
    #[track_caller]
    pub fn assert(&self, pattern: &str) {
        if let Err(difference) = self.compare(pattern) {
            let caller = core::panic::Location::caller();
            panic!("smtp-mock: {difference}   ({}:{})\n  transcript\n{self}", caller.file(), caller.line());
        }
    }
}
