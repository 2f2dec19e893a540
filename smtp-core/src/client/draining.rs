//! Reads the remaining replies when nothing more may be sent: after a 421 (RFC 5321 §3.8) or a failed write.
//!
//! A server that sends 421 should close the connection, but not all do. The client matches replies with the
//! transmitted commands until the connection ends, because the end of a message may be among them: its final reply
//! decides the outcome, and without one the message is unconfirmed. One reply more than expected shows that the 421
//! was not a reply to a command, so that all replies after it were matched wrongly. Therefore the client reports
//! messages whose end was transmitted only when the connection has ended.

use super::job::{Expect, Job, Outstanding, Task};
use super::{Client, Phase};
use crate::config::Timer;
use crate::event::{End, Goal, Verb};
use crate::fault::{Cause, Reason, Violation};
use crate::reply::{Code, Reply};
use alloc::vec::Vec;

impl Client {
    /// Handles a failed write: a reply that explains it may have arrived or be on its way.
    pub(super) fn write_failed(&mut self) {
        if matches!(self.phase, Phase::Handshake | Phase::Upgrade) {
            return self.close(Cause::Lost);
        }
        self.writing = None;
        self.begin_draining();
    }

    /// Handles a 421 in reply to that command; the server may still have done the commands after it.
    pub(super) fn take_unavailable(&mut self, Outstanding { goal, expect }: Outstanding, reply: &Reply) {
        self.unavailable.get_or_insert_with(|| reply.clone());
        if self.writing.is_some() && !self.is_end_being_written() {
            // a command that was sent in part gets no reply, after which no reply could be matched
            let is_matched = self.jobs.iter().any(|job| self.awaits_final_reply(job));
            self.writing = is_matched.then_some(Timer::LastWords);
        }
        self.begin_draining();
        match expect {
            Expect::Mail | Expect::Data | Expect::Message(_) | Expect::Rcpt(_) => {
                self.dispatch(Outstanding { goal, expect }, reply, None);
            }
            Expect::Chunk => {
                if let Some(transaction) = self.transaction(goal) {
                    transaction.has_unconfirmed_chunk = true;
                }
            }
            Expect::Simple(verb) => {
                self.done(goal, End::Replied(reply.clone()));
                if verb == Verb::Quit {
                    self.take_quit_reply(reply);
                }
            }
            Expect::Hello(_) | Expect::StartTls | Expect::Xclient | Expect::Auth | Expect::Cancel => {
                self.done(goal, End::Undone(Reason::Refused(reply.clone())));
            }
            Expect::ResetBefore | Expect::ResetAfter | Expect::LoneDot => {}
        }
    }

    /// Closes the connection once no outstanding reply can change a reported outcome; a reply to QUIT cannot.
    pub(super) fn close_when_drained(&mut self) {
        let is_quit = |awaited: &Outstanding| awaited.expect == Expect::Simple(Verb::Quit);
        if self.phase == Phase::Draining
            && let Some(reply) = &self.unavailable
            && self.outstanding.iter().all(is_quit)
            && !self.jobs.iter().any(|job| self.awaits_final_reply(job))
        {
            let cause = Cause::Unavailable(reply.clone());
            self.close(cause);
        }
    }

    /// Discards outcomes since the 421, because a reply that does not fit shows that replies were matched wrongly.
    pub(super) fn discard_outcomes(&mut self, violation: &Violation) {
        let doubtful: Vec<bool> = self.jobs.iter().map(|job| self.awaits_final_reply(job)).collect();
        for (job, _) in self.jobs.iter_mut().zip(doubtful).filter(|(_, is_doubtful)| *is_doubtful) {
            if let Task::Send(transaction) = &mut job.task {
                transaction.mark_unconfirmed(&Cause::Violation(violation.clone()));
            }
        }
    }

    /// Handles the reply to QUIT after a 421; no other reply follows it.
    pub(super) fn take_quit_reply(&mut self, reply: &Reply) {
        if matches!(reply.code(), Code::CLOSING | Code::UNAVAILABLE) {
            self.close(Cause::Quit);
        } else {
            self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
        }
    }

    /// Returns whether the end of that message was transmitted and its outcome not yet reported.
    fn awaits_final_reply(&self, job: &Job) -> bool {
        let Task::Send(transaction) = &job.task else { return false };
        job.end.is_none() && transaction.data_ends.is_some_and(|end| end <= self.transmitted)
    }

    /// Returns the timer of the next reply: the usual one while it decides about a message, otherwise a short one.
    pub(super) fn draining_timer(&self) -> Timer {
        let own = self
            .outstanding
            .front()
            .filter(|_| self.outstanding_final > 0)
            .map(|awaited| awaited.expect.timer());
        own.unwrap_or(Timer::LastWords)
    }

    /// Stops sending: commands that were queued but not transmitted are removed.
    fn begin_draining(&mut self) {
        self.phase = Phase::Draining;
        self.restarts_timer = true;
        self.pending.clear();
        self.chunk.clear();
        while self.outstanding.len() > self.outstanding_transmitted {
            let Some(Outstanding { goal, expect }) = self.outstanding.pop_back() else { return };
            self.outstanding_final -= usize::from(matches!(expect, Expect::Message(_)));
            if let Some(transaction) = self.transaction(goal) {
                transaction.outstanding -= 1;
            }
        }
    }

    /// Returns whether the current write contains the end of a message, and must therefore be finished.
    pub(super) fn is_end_being_written(&self) -> bool {
        let is_within = |end: u64| self.sent < end && end <= self.transmitted;
        self.writing.is_some()
            && self.jobs.iter().any(|job| match &job.task {
                Task::Send(transaction) => transaction.data_ends.is_some_and(is_within),
                _ => false,
            })
    }

    /// Returns whether that goal, which has all its replies, is reported only when the connection ends.
    pub(super) fn waits_for_close(&mut self, goal: Goal) -> bool {
        let is_unavailable = self.unavailable.is_some();
        self.phase == Phase::Draining
            && self.transaction(goal).is_some_and(|transaction| is_unavailable || !transaction.is_settled())
    }
}
