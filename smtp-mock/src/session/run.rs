//! Chooses the reply to a command: by rules, chaos, magic addresses, or as a correct server.

use std::sync::Arc;

use super::{Handshake, Session, answer::Answer, command::Command};
use crate::{
    scenario::{Close, On, Rule, Step},
    server::Facts,
};

/// What follows when everything has been said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum After {
    #[default]
    Nothing,
    Close,
    StartTls,
    /// The message could not be stored: it is not acknowledged.
    StoreFailed,
}

impl Session {
    /// Answers a command; returns whether the reply is positive.
    pub(super) fn perform(&mut self, mut command: Command, line: &[u8]) -> bool {
        if self.server.shared.rules.are_any() {
            let mut rule = self.matching_rule(&command, command.on(), line);
            if rule.is_none() && matches!(command, Command::Chunk { last: true }) {
                rule = self.matching_rule(&command, On::Body, line);
            }
            if let Some(rule) = rule {
                let name: Option<Arc<str>> = Some(rule.name.as_deref().unwrap_or(rule.on.as_str()).into());
                // A rule without steps only counts.
                let steps = if rule.then.is_empty() { &[Step::Default][..] } else { &rule.then };
                return self.run(&mut command, steps, name.as_ref());
            }
        }
        if let Some(steps) = self.chaos_steps(&command) {
            return self.run(&mut command, &steps, Some(&"chaos".into()));
        }
        if let Some(steps) = self.magic_steps(&command) {
            return self.run(&mut command, &steps, Some(&"magic address".into()));
        }
        if matches!(command, Command::Handshake) || self.scenario().tls.inject.is_some() {
            return self.run(&mut command, &[Step::Default], None);
        }
        self.obey(&mut command)
    }

    /// Does what a correct server does, where nothing departs from it.
    fn obey(&mut self, command: &mut Command) -> bool {
        let (answer, code, after) = self.decide(command, None, true);
        self.send_reply(&answer);
        self.follow(after);
        matches!(code / 100, 2 | 3)
    }

    /// The correct server's answer, its code and what follows; the state has gone the way of that code. The command may
    /// lose its arguments to the state where they are not read afterwards.
    fn decide(&mut self, command: &mut Command, keep: Option<bool>, last: bool) -> (Answer, u16, After) {
        let answer = self.default_reply(command);
        let code = answer.code();
        match self.apply(command, code, keep, last) {
            // It announces the end of the connection (RFC 5321 §3.8).
            _ if code == 421 => (answer, code, After::Close),
            After::StoreFailed => (self.not_stored(), 452, After::StoreFailed),
            after => (answer, code, after),
        }
    }

    /// The reply to a message that the store did not take.
    pub(super) fn not_stored(&self) -> Answer {
        self.answer(452, "4.3.1", "the store takes no more")
    }

    fn follow(&mut self, after: After) {
        match after {
            After::Close => self.outbox.close(Close::Fin),
            After::StartTls => self.start_tls(),
            After::Nothing | After::StoreFailed => {}
        }
    }

    fn matching_rule(&mut self, command: &Command, on: On, line: &[u8]) -> Option<Arc<Rule>> {
        let transaction = self.transaction.as_ref();
        let recipients = transaction.map_or(&[][..], |transaction| &transaction.recipients);
        let message = self.begun + u64::from(transaction.is_none());
        let body = transaction.and_then(|transaction| transaction.chunks.as_ref());
        let named = match (command, self.recipient) {
            (Command::Rcpt(Ok(path)), _) => Some(path),
            (Command::Body, Some(index)) => recipients.get(index),
            _ => None,
        };
        let (from, size) = match command {
            Command::Mail(Ok(path)) => {
                (Some(path.mailbox.as_str()), path.parameter("SIZE").and_then(|size| size.parse().ok()))
            }
            _ => (
                transaction.map(|transaction| transaction.reverse_path.mailbox.as_str()),
                body.map(|body| body.size),
            ),
        };
        let facts = Facts {
            on,
            line,
            to: named.map(|path| path.mailbox.as_str()),
            recipients,
            from,
            connection: self.number,
            message,
            secure: self.secured.is_some(),
            authenticated: self.user.is_some(),
            size,
            octets: body.map(|body| body.octets.as_slice()),
            entry: self.asked,
        };
        self.server.shared.rules.choose(&facts, &mut self.random)
    }

    /// Does steps in order; returns whether the command was accepted.
    fn run(&mut self, command: &mut Command, steps: &[Step], rule: Option<&Arc<str>>) -> bool {
        let mut cut = self.cut_of_wire();
        let mut decision: Option<u16> = None;
        let mut after = After::Nothing;
        let keep = steps.iter().rev().find_map(|step| match step {
            Step::Capture(keep) => Some(*keep),
            _ => None,
        });
        for (index, step) in steps.iter().enumerate() {
            let last = index + 1 == steps.len();
            match step {
                Step::Default if matches!(command, Command::Handshake) => self.push_handshake(),
                Step::Default => {
                    let answer = if decision.is_none() {
                        let (answer, code, follows) = self.decide(command, keep, last);
                        decision = Some(code);
                        after = follows;
                        answer
                    } else {
                        self.default_reply(command)
                    };
                    let mut octets = answer.to_octets();
                    if after == After::StartTls
                        && let Some(injected) = &self.scenario().tls.inject
                    {
                        // In clear and in the same packet: what a careless client takes for part of the TLS session.
                        octets.extend_from_slice(&injected.0);
                    }
                    self.send(octets, &cut, rule);
                }
                Step::Reply(_)
                | Step::UnavailableContinues
                | Step::Raw(_)
                | Step::RawHex(_)
                | Step::LongLine(_) => {
                    let mut octets = self.octets_of(step);
                    if let (None, Some(code)) = (decision, step.code()) {
                        decision = Some(code);
                        after = self.apply(command, code, keep, last);
                        if after == After::StoreFailed {
                            // Not even a rule acknowledges what is not stored.
                            octets = self.not_stored().to_octets();
                            decision = Some(452);
                        }
                        if *step == Step::UnavailableContinues {
                            // Not even where 421 stands in place of the greeting does the session end.
                            after = After::Nothing;
                        }
                    }
                    self.send(octets, &cut, rule);
                }
                step => self.do_step(step, &mut cut, rule),
            }
        }
        if decision.is_none() {
            self.leave_undecided(command, keep);
        }
        if !steps.iter().any(|step| matches!(step, Step::Close(_))) {
            self.follow(after);
        }
        decision.is_some_and(|code| matches!(code / 100, 2 | 3))
    }

    /// The TLS handshake is due: rules on `tls` may come before it or in its place.
    pub(super) fn start_tls(&mut self) {
        self.phase = super::Phase::Command;
        self.perform(Command::Handshake, b"");
        if self.outbox.is_empty() {
            // Nothing was asked for in its place, such as when a rule only counts.
            self.push_handshake();
        }
    }

    fn push_handshake(&mut self) {
        let tls = &self.scenario().tls;
        let handshake = Handshake { certificate: tls.cert, fault: tls.handshake };
        self.outbox.handshake(handshake);
    }
}
