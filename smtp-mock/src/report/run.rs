//! Defines [`Report`], the judgement on a run: did rules fire, dialogues match and expectations hold.

use core::fmt;

use super::message::examine;
use crate::{
    capture::{Capture, Finding, Mismatch, Transcript},
    scenario::{Scenario, Times, escape},
};

/// The call that came nearest to a rule that never fired.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nearest {
    /// The connection, counted from 1.
    pub connection: u64,
    /// The entry of the connection's transcript, counted from 1.
    pub entry: usize,
    /// The first guard that did not hold.
    pub guard: &'static str,
}

/// How often a rule fired.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleUse {
    /// The rule: name, hook and guards.
    pub rule: String,
    /// How often it fired.
    pub fired: u64,
    /// How often it had to.
    pub expected: Option<Times>,
    /// The call that came nearest, when it never fired.
    pub nearest: Option<Nearest>,
}

/// The judgement on a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were made.
    pub connections: u64,
    /// Messages that were accepted.
    pub messages: u64,
    /// The rules in their order.
    pub rules: Vec<RuleUse>,
    /// Clients that left their dialogue.
    pub mismatches: Vec<Mismatch>,
    /// Rules of the protocol that the client broke.
    pub findings: Vec<Finding>,
    /// Expectations of the scenario that do not hold, in words.
    pub unmet: Vec<String>,
    /// Messages that the store failed to take, a limit of its own apart; each was refused with 452.
    pub unstored: u64,
    /// Why the first of them was not stored.
    pub store_failure: Option<String>,
    /// What was said.
    pub transcript: Transcript,
    pub(crate) seed: u64,
}

impl Report {
    pub(crate) fn new(scenario: &Scenario, connections: u64, rules: Vec<RuleUse>, capture: &Capture) -> Self {
        let mut findings = capture.findings.clone();
        for message in &capture.messages {
            examine(message, &mut findings);
        }
        let mut unmet = Vec::new();
        let mut count = |word: &str, expected: Option<Times>, found: u64| {
            if let Some(expected) = expected
                && !expected.holds(found)
            {
                unmet.push(format!("{expected} {word} expected, {found} came"));
            }
        };
        count("messages", scenario.expect.messages, capture.accepted);
        count("connections", scenario.expect.connections, connections);
        for rule in &rules {
            if let Some(expected) = rule.expected
                && !expected.holds(rule.fired)
            {
                unmet.push(format!(
                    "rule {} had to fire {expected} times and fired {}",
                    rule.rule, rule.fired
                ));
            }
        }
        match scenario.expect.quit {
            Some(true) if capture.quit < connections => {
                unmet.push(format!("QUIT expected on {connections} connections, {} said it", capture.quit));
            }
            Some(false) if capture.quit > 0 => {
                unmet.push(format!("no QUIT expected, {} connections said it", capture.quit));
            }
            _ => {}
        }
        if scenario.expect.clean == Some(true) && !findings.is_empty() {
            unmet.push(format!("a client that breaks no rule expected, it broke {}", findings.len()));
        }
        Self {
            connections,
            messages: capture.accepted,
            rules,
            mismatches: capture.mismatches.clone(),
            findings,
            unmet,
            unstored: capture.unstored,
            store_failure: capture.store_failure.clone(),
            transcript: capture.transcript(),
            seed: scenario.seed,
        }
    }

    /// Whether dialogues matched, every expectation holds and every message was stored that was to be. Findings count only
    /// where the scenario asks for none.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.mismatches.is_empty() && self.unmet.is_empty() && self.unstored == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mismatch in &self.mismatches {
            writeln!(
                formatter,
                "unexpected line on connection {}, line {} of the dialogue",
                mismatch.connection, mismatch.line
            )?;
            writeln!(formatter, "    expected  C: {}", escape(mismatch.expected.as_bytes()))?;
            writeln!(formatter, "    got       C: {}", mismatch.got)?;
            writeln!(formatter, "                 {}^ differs here", " ".repeat(mismatch.differs_at))?;
        }
        if let Some(why) = &self.store_failure {
            writeln!(
                formatter,
                "{} refused because the store could not be written, the first: {why}",
                if self.unstored == 1 {
                    "1 message was".to_string()
                } else {
                    format!("{} messages were", self.unstored)
                }
            )?;
        }
        for unmet in &self.unmet {
            writeln!(formatter, "{unmet}")?;
        }
        let mark = self.mismatches.first().map(|mismatch| (mismatch.connection, mismatch.entry));
        writeln!(formatter, "  transcript")?;
        write_transcript(formatter, &self.transcript, mark)?;
        let unused: Vec<_> = self.rules.iter().filter(|rule| rule.fired == 0).collect();
        if !unused.is_empty() {
            writeln!(formatter, "  rules that never fired")?;
            for rule in unused {
                match &rule.nearest {
                    Some(nearest) => writeln!(
                        formatter,
                        "    {}: nearest was entry {} of connection {}, `{}` did not match",
                        rule.rule, nearest.entry, nearest.connection, nearest.guard
                    )?,
                    None => writeln!(formatter, "    {}: nothing came near", rule.rule)?,
                }
            }
        }
        if !self.findings.is_empty() {
            writeln!(formatter, "  what the client did wrong")?;
            for finding in &self.findings {
                writeln!(formatter, "    {finding}")?;
            }
        }
        if self.seed != 0 {
            writeln!(formatter, "  replay with seed {}", self.seed)?;
        }
        Ok(())
    }
}

/// Prints a transcript, with one entry marked.
fn write_transcript(
    formatter: &mut fmt::Formatter<'_>,
    transcript: &Transcript,
    mark: Option<(u64, usize)>,
) -> fmt::Result {
    let text = transcript.to_string();
    if text.is_empty() {
        return writeln!(formatter, "    nothing was said");
    }
    let mut connection = 0;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("  connection ") {
            connection = number.parse().unwrap_or(0);
        }
        let entry = line.split_ascii_whitespace().next().and_then(|word| word.parse::<usize>().ok());
        let marked = mark.is_some_and(|(wanted, number)| wanted == connection && entry == Some(number));
        match line.strip_prefix("  ").filter(|_| marked) {
            Some(rest) => writeln!(formatter, "  > {rest}   ← here")?,
            None => writeln!(formatter, "  {line}")?,
        }
    }
    Ok(())
}
