//! Defines [`Failure`], the text of every assertion that does not hold.

use core::{fmt, panic::Location};

use super::Report;

/// An assertion that does not hold: what, where in the test, and the report of the run.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) what: String,
    pub(crate) caller: Option<&'static Location<'static>>,
    pub(crate) report: Box<Report>,
}

impl Failure {
    /// A failure, with the caller's line.
    #[must_use]
    #[track_caller]
    pub fn new(what: impl Into<String>, report: Report) -> Self {
        Self { what: what.into(), caller: Some(Location::caller()), report: Box::new(report) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "smtp-mock: {}", self.what)?;
        if let Some(caller) = self.caller {
            write!(formatter, "   ({}:{})", caller.file(), caller.line())?;
        }
        writeln!(formatter)?;
        write!(formatter, "{}", self.report)
    }
}

impl core::error::Error for Failure {}
