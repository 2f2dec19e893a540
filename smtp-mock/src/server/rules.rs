//! Defines [`Rules`], which holds each command against the rules and counts how often each fires.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    capture::{Path, header_fields, unfolded},
    random::Random,
    report::{Nearest, RuleUse},
    scenario::{On, Rule, When},
    sync::lock,
};

/// The rules of a server with their counters.
#[derive(Debug)]
pub(crate) struct Rules {
    states: Mutex<Vec<RuleState>>,
    // Read before the lock is taken: without rules, sessions never meet.
    any: AtomicBool,
}

#[derive(Debug)]
struct RuleState {
    rule: Arc<Rule>,
    seen: u64,
    fired: u64,
    nearest: Option<Nearest>,
}

/// What a rule's hook and guards are held against.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) on: On,
    pub(crate) line: &'a [u8],
    /// The recipient that the command names.
    pub(crate) to: Option<&'a str>,
    /// The recipients that were accepted before.
    pub(crate) recipients: &'a [Path],
    pub(crate) from: Option<&'a str>,
    pub(crate) connection: u64,
    pub(crate) message: u64,
    pub(crate) secure: bool,
    pub(crate) authenticated: bool,
    pub(crate) size: Option<u64>,
    pub(crate) octets: Option<&'a [u8]>,
    /// The entry of the connection's transcript, counted from 1.
    pub(crate) entry: usize,
}

impl Rules {
    pub(super) fn new(rules: impl Iterator<Item = Rule>) -> Self {
        let states: Vec<_> = rules.map(RuleState::new).collect();
        Self { any: AtomicBool::new(!states.is_empty()), states: Mutex::new(states) }
    }

    /// Puts a rule before all others.
    pub(super) fn put_first(&self, rule: Rule) {
        lock(&self.states).insert(0, RuleState::new(rule));
        self.any.store(true, Ordering::Release);
    }

    /// How often each rule fired.
    pub(super) fn uses(&self) -> Vec<RuleUse> {
        lock(&self.states).iter().map(RuleState::to_use).collect()
    }

    /// Whether there was ever a rule; without any, sessions need not gather facts.
    pub(crate) fn are_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The rule that fires, if one does; it is counted.
    pub(crate) fn choose(&self, facts: &Facts<'_>, random: &mut Random) -> Option<Arc<Rule>> {
        for state in lock(&self.states).iter_mut() {
            if state.rule.on != facts.on && state.rule.on != On::Any {
                continue;
            }
            if let Some(guard) = first_unmet(&state.rule.when, facts) {
                state.nearest = Some(Nearest { connection: facts.connection, entry: facts.entry, guard });
                continue;
            }
            state.seen += 1;
            let spent = state.rule.times.is_some_and(|times| state.fired >= times);
            if state.seen <= state.rule.skip || spent {
                continue;
            }
            if let Some(chance) = state.rule.chance
                && !random.chance(chance)
            {
                continue;
            }
            state.fired += 1;
            return Some(Arc::clone(&state.rule));
        }
        None
    }
}

impl RuleState {
    fn new(rule: Rule) -> Self {
        Self { rule: Arc::new(rule), seen: 0, fired: 0, nearest: None }
    }

    fn to_use(&self) -> RuleUse {
        RuleUse {
            rule: self.rule.describe(),
            fired: self.fired,
            expected: self.rule.expect,
            nearest: self.nearest.clone().filter(|_| self.fired == 0),
        }
    }
}

/// The first guard that does not hold.
fn first_unmet(when: &When, facts: &Facts<'_>) -> Option<&'static str> {
    let unless = |word: &'static str, holds: bool| (!holds).then_some(word);
    if let Some(connection) = when.connection
        && connection != facts.connection
    {
        return Some("connection");
    }
    if let Some(message) = when.message
        && message != facts.message
    {
        return Some("message");
    }
    if let Some(secure) = when.secure
        && secure != facts.secure
    {
        return Some("secure");
    }
    if let Some(authenticated) = when.authenticated
        && authenticated != facts.authenticated
    {
        return Some("authenticated");
    }
    if let Some(line) = &when.line
        && !line.matches(facts.line)
    {
        return Some("line");
    }
    if let Some(from) = &when.from
        && !facts.from.is_some_and(|mailbox| from.matches(mailbox.as_bytes()))
    {
        return Some("from");
    }
    if let Some(to) = &when.to {
        let holds = match facts.to {
            Some(mailbox) => to.matches(mailbox.as_bytes()),
            None => facts.recipients.iter().any(|path| to.matches(path.mailbox.as_bytes())),
        };
        if !holds {
            return Some("to");
        }
    }
    if let Some(least) = when.larger_than
        && facts.size.is_none_or(|size| size <= least)
    {
        return Some("larger-than");
    }
    when.header.as_ref().and_then(|pattern| {
        let holds = facts.octets.is_some_and(|octets| {
            header_fields(octets).any(|(name, value)| {
                let line = [name, b": ", unfolded(value).as_bytes()].concat();
                pattern.matches(&line)
            })
        });
        unless("header", holds)
    })
}
