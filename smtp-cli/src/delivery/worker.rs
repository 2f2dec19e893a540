//! Provides the work of one session after the other: messages taken from the queue, sent, and settled.

use super::queue::Queue;
use super::{Plan, Reach};
use crate::driver::Step;
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::mail::{Mail, Next, Octets, Policy, Progress, turned_down};
use crate::session::Session;
use crate::transaction::ending_of;
use smtp_core::{Cause, Code, End, Event, Goal, Misuse, Outcome, Reason, Reply, Verb};
use std::collections::VecDeque;

/// Messages that are given to a session beyond those in flight, so that the next one's commands can leave with the end
/// of the one before.
const AHEAD: usize = 1;
/// So many sessions in a row may break without a message having got a reply, where there are several sessions.
const FRUITLESS: usize = 3;
/// The same of one session that the server ended by 421.
const TURNED_AWAY: usize = 2;

/// A message that a session has.
struct Underway {
    goal: Goal,
    mail: Mail,
    octets: Option<Octets>,
}

/// A session and the messages that it has.
struct Work<'a, 'q> {
    session: Session<'a>,
    plan: &'a Plan<'a>,
    queue: &'a Queue<'q>,
    policy: Policy,
    underway: VecDeque<Underway>,
    /// How many messages got a reply.
    fruits: usize,
    /// The cause by which the session ended, once it has.
    cause: Option<Cause>,
    /// Whether the message at work when the session broke was settled.
    is_break_settled: bool,
    /// The reply by which the server awaits the message.
    ready: Option<Reply>,
}

/// Sends messages until none is left in this round, over one session after the other if they break.
pub(super) fn work<'a>(
    plan: &'a Plan<'a>,
    queue: &'a Queue<'_>,
    policy: Policy,
    number: usize,
) -> Result<()> {
    let mut fruitless = 0;
    while !plan.settings.interrupt.is_requested() && !queue.is_empty() {
        let session = Session::open(plan.settings, plan.password, (plan.observers)(number))?;
        if let Err(error) = (plan.inspection)(&session) {
            session.leave();
            return Err(error);
        }
        let mut work = Work {
            session,
            plan,
            queue,
            policy,
            underway: VecDeque::new(),
            fruits: 0,
            cause: None,
            is_break_settled: false,
            ready: None,
        };
        // Behind DATA the connection is closed, so that each message has its own.
        work.run(if plan.reach == Reach::Data { 1 } else { plan.settings.in_flight + AHEAD });
        if work.fruits > 0 {
            fruitless = 0;
        } else {
            fruitless += 1;
        }
        let limit = match &work.cause {
            _ if plan.connections > 1 => FRUITLESS,
            Some(Cause::Unavailable(_)) if plan.may_reconnect => TURNED_AWAY,
            _ => 1,
        };
        if fruitless >= limit {
            return match &work.cause {
                None | Some(Cause::Quit | Cause::Aborted) => Ok(()),
                Some(cause) => Err(work.session.closed(cause)),
            };
        }
    }
    Ok(())
}

impl Work<'_, '_> {
    /// Sends until the queue is empty and the session over, or broken.
    fn run(&mut self, depth: usize) {
        loop {
            self.fill(depth);
            match self.session.step() {
                Step::Body(goal) => self.pass_on(goal),
                Step::Event(Event::Done { goal, end }) => self.settle(goal, end),
                Step::Event(Event::Closed(cause)) => {
                    if self.plan.reach == Reach::Data && cause == Cause::Aborted {
                        self.session.inform("closing without QUIT, which would be a line of the message");
                    } else {
                        self.session.complain_of(&cause);
                    }
                    self.cause = Some(cause);
                }
                Step::Event(Event::Reply { verb: Some(Verb::Data), reply, .. }) => self.ready = Some(reply),
                // Everything was said, QUIT included, and nothing is due: there is nothing to wait for.
                Step::Idle if self.underway.is_empty() && self.queue.is_empty() => self.session.quit(),
                Step::Event(_) | Step::Idle => {}
                Step::Closed => break,
            }
        }
        // Promise 1 of the core leaves none; should it ever, none is lost.
        for underway in self.underway.drain(..) {
            (self.plan.finished)(&underway.mail, None);
        }
    }

    /// Gives the session as many messages as it is to have; with the last of them, QUIT.
    fn fill(&mut self, depth: usize) {
        let interrupt = &self.plan.settings.interrupt;
        while self.cause.is_none() && self.underway.len() < depth && !interrupt.is_requested() {
            let Some(mut mail) = self.queue.take() else {
                self.session.quit();
                return;
            };
            if let Err(error) = mail.fit(self.session.extensions()) {
                mail.leave(error);
                self.finish(&mail);
                continue;
            }
            let transaction = mail.transaction();
            let submitted = match self.plan.reach {
                Reach::Sender => self.session.check_sender(transaction),
                Reach::Recipients => self.session.check(transaction),
                Reach::Data | Reach::Message => self.session.submit(transaction),
            };
            match submitted {
                Ok(goal) => self.underway.push_back(Underway { goal, mail, octets: None }),
                Err(Misuse::Closed | Misuse::AfterQuit) => {
                    self.queue.bring_back(mail);
                    return;
                }
                Err(misuse) => {
                    mail.leave(turned_down(&misuse));
                    self.fruits += 1;
                    self.finish(&mail);
                }
            }
        }
    }

    /// Nothing more can be done for a message.
    fn finish(&self, mail: &Mail) {
        (self.plan.finished)(mail, None);
    }

    fn pass_on(&mut self, goal: Goal) {
        if self.plan.reach == Reach::Data {
            self.session.give_up();
            return;
        }
        // It is among the last: those before it await their replies.
        let Some(underway) = self.underway.iter_mut().rev().find(|underway| underway.goal == goal) else {
            self.session.give_up();
            return;
        };
        let octets = underway.octets.get_or_insert_with(|| underway.mail.reader());
        let result = self.session.pass_on(octets);
        if let Err(error) = result {
            // Nothing of it may pass for the whole: the connection ends without the end of the mail data.
            underway.mail.unreadable = Some(Error::new(Exit::NO_INPUT, Reworded(&error).to_string()));
            self.session.give_up();
        }
    }

    fn settle(&mut self, goal: Goal, end: End) {
        let Some(place) = self.underway.iter().position(|underway| underway.goal == goal) else { return };
        let Some(Underway { mut mail, .. }) = self.underway.remove(place) else { return };
        let count = mail.pending();
        let mut outcomes = self.session.outcomes_of(goal, end, count);
        if self.plan.reach == Reach::Sender {
            // What was said of the sender holds for all whom the message is for.
            let of_sender = outcomes.first().cloned().unwrap_or(Outcome::Unsent(Reason::Prerequisite));
            outcomes.resize(count, of_sender);
        }
        if let Some(reply) = self.ready.take().filter(|_| self.plan.reach == Reach::Data) {
            for outcome in outcomes.iter_mut().filter(|outcome| is_given_up(outcome)) {
                *outcome = Outcome::Accepted(reply.clone());
            }
        }
        let is_last_word = outcomes.iter().any(is_unavailable);
        let is_turned_away =
            turn_away(&mut outcomes) || self.session.is_between_messages() && all_unavailable(&outcomes);
        mail.measure.join(&self.session.take_measure());
        mail.ending = ending_of(&outcomes, &self.session);
        if let Some(interrupted) = self.session.interruption() {
            mail.interrupt(&mut outcomes, interrupted);
        }
        let is_broken = mail.ending.is_some();
        // The first one that the break met was at work, or was turned away; those behind it had not begun.
        let is_waiting = self.is_break_settled || outcomes.iter().any(is_behind_a_refusal);
        let progress = match (is_broken && is_waiting, is_turned_away) {
            (true, _) => Progress::Waiting,
            (_, true) => Progress::TurnedAway,
            (_, false) => Progress::Begun,
        };
        self.is_break_settled |= is_broken || is_last_word || mail.unreadable.is_some();
        if !is_broken && !is_last_word {
            self.fruits += 1;
        }
        match mail.settle(outcomes, self.policy, progress) {
            Next::Finished => self.finish(&mail),
            Next::Again => self.queue.bring_back(mail),
            Next::Later => self.queue.put_aside(mail),
        }
    }
}

/// Whether the server said 421 to MAIL: that is no word on the sender, but on the connection (RFC 5321 §3.8), so the message
/// was not sent, and is not told as refused.
fn turn_away(outcomes: &mut [Outcome]) -> bool {
    let mut is_turned_away = false;
    for outcome in outcomes {
        let is_unavailable = is_unavailable(outcome);
        if let Outcome::Refused { verb: Verb::Mail, reply } = outcome
            && is_unavailable
        {
            is_turned_away = true;
            *outcome = Outcome::Unsent(Reason::Closed(Cause::Unavailable(reply.clone())));
        }
    }
    is_turned_away
}

/// Whether the server said 421 before anybody had an outcome.
fn all_unavailable(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unsent(Reason::Closed(Cause::Unavailable(_)))))
}

/// Whether it was refused by the 421 that ended the session.
fn is_unavailable(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { reply, .. } if reply.code() == Code::UNAVAILABLE)
}

/// Whether the session ended because the message before it was refused in its middle.
const fn is_behind_a_refusal(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::Closed(Cause::Refused(_))))
}

/// Whether we gave the message up ourselves.
const fn is_given_up(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unsent(Reason::Aborted | Reason::Closed(Cause::Aborted)))
}
