//! Finds problems in a message that receivers may refuse, misread or rate as spam.

mod body;
mod decode;
mod header;
mod rules;

use std::fmt;

use smtp_core::Mailbox;

use crate::{
    Date, Error, Message, Source,
    existing::structure::{Structure, structure, structure_of},
};
use rules::Rule;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The message is readable, but may be misinterpreted.
    Doubtful,
    /// The message violates an RFC, and some receivers refuse it.
    Broken,
}

/// A problem in a message.
#[derive(Clone, Debug)]
pub struct Finding {
    rule: &'static Rule,
    place: String,
    problem: String,
}

impl Finding {
    /// The severity.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }

    /// The name of the rule, which is stable across releases, as in `missing-date`.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule.name
    }

    /// The place: the name of a header field, a file name or a media type.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The problem that was found.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// The reason why it matters to receivers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.rule.reason
    }

    /// The advice.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.rule.advice
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Content of a message must not reach a terminal unescaped.
        let place = self.place.escape_debug();
        write!(formatter, "{place}: {}: {}; {}", self.problem, self.rule.reason, self.rule.advice)
    }
}

/// Checks messages.
///
/// ```
/// use smtp_mime::{Lint, Severity, Source};
///
/// let findings = Lint::new().source(&Source::from("From: you@example.org\nSubject: BUY THIS NOW\n\nbody\n"))?;
/// let rules: Vec<_> = findings.iter().map(|finding| finding.rule()).collect();
/// assert_eq!(rules, ["missing-date", "missing-message-id", "missing-recipient", "shouting-subject"]);
/// assert_eq!(findings[0].severity(), Severity::Broken);
/// # Ok::<(), smtp_mime::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lint {
    now: Option<Date>,
    reverse_path: Option<Mailbox>,
}

impl Lint {
    /// Checks the message on its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also compares the date of the message with this one.
    #[must_use]
    pub fn at(mut self, now: Date) -> Self {
        self.now = Some(now);
        self
    }

    /// Also compares the author of the message with this reverse-path.
    #[must_use]
    pub fn reverse_path(mut self, reverse_path: Mailbox) -> Self {
        self.reverse_path = Some(reverse_path);
        self
    }

    /// Checks an existing message as it is, including its line ends.
    ///
    /// # Errors
    /// When it cannot be read, or exceeds the limits: thousands of parts, a header section of megabytes.
    pub fn source(&self, source: &Source) -> Result<Vec<Finding>, Error> {
        structure(source).map(|structure| self.findings(&structure))
    }

    /// Checks a message that was built.
    ///
    /// # Errors
    /// As [`Lint::source`].
    pub fn message(&self, message: &Message) -> Result<Vec<Finding>, Error> {
        structure_of(message).map(|structure| self.findings(&structure))
    }

    fn findings(&self, structure: &Structure) -> Vec<Finding> {
        let mut findings = Findings(Vec::new());
        header::check(self, structure, &mut findings);
        body::check(structure, &mut findings);
        findings.0
    }
}

/// The findings so far.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: &'static Rule, place: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Finding { rule, place: place.into(), problem: problem.into() });
    }
}

#[cfg(test)]
mod tests;
