//! Provides what a receiver may mistake for spam, or cannot read, in a message that was built or exists.

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

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The message can be read, and may be taken for something that it is not.
    Doubtful,
    /// The message breaks a rule of the RFCs, and some receivers refuse it.
    Broken,
}

/// Something about a message that should be otherwise.
#[derive(Clone, Debug)]
pub struct Finding {
    rule: &'static Rule,
    place: String,
    what: String,
}

impl Finding {
    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }

    /// The name of the rule, which stays the same from release to release, as in `missing-date`.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule.name
    }

    /// Where it is: the name of a header field, a file name or a media type.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What was found.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Why a receiver minds.
    #[must_use]
    pub fn why(&self) -> &'static str {
        self.rule.why
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.rule.advice
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a message holds is not to reach a terminal as it is.
        let place = self.place.escape_debug();
        write!(formatter, "{place}: {}: {}; {}", self.what, self.rule.why, self.rule.advice)
    }
}

/// Looks at messages.
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
    /// Looks at the message alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Compares the date of the message with this one too.
    #[must_use]
    pub fn at(mut self, now: Date) -> Self {
        self.now = Some(now);
        self
    }

    /// Compares the author of the message with the reverse-path that it is to be sent with too.
    #[must_use]
    pub fn reverse_path(mut self, reverse_path: Mailbox) -> Self {
        self.reverse_path = Some(reverse_path);
        self
    }

    /// What there is to say of a message that exists, as it is, line ends included.
    ///
    /// # Errors
    /// When it cannot be read, or is made to be endless: thousands of parts, a header section of megabytes.
    pub fn source(&self, source: &Source) -> Result<Vec<Finding>, Error> {
        structure(source).map(|structure| self.findings(&structure))
    }

    /// What there is to say of a message that was built.
    ///
    /// # Errors
    /// As [`Lint::source`].
    pub fn message(&self, message: &Message) -> Result<Vec<Finding>, Error> {
        structure_of(message).map(|structure| self.findings(&structure))
    }

    fn findings(&self, structure: &Structure) -> Vec<Finding> {
        let mut findings = Findings(Vec::new());
        header::look(self, structure, &mut findings);
        body::look(structure, &mut findings);
        findings.0
    }
}

/// What was found so far.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: &'static Rule, place: impl Into<String>, what: impl Into<String>) {
        self.0.push(Finding { rule, place: place.into(), what: what.into() });
    }
}

#[cfg(test)]
mod tests;
