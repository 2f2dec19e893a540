//! Reads on where nothing more may be put out: after a 421 (RFC 5321 §3.8), and after a write that failed.
//!
//! A server that says 421 should close, and not all do. Replies are matched with what was handed out until the connection
//! ends, because the end of a message may be among it: its final reply decides, and without one it is unconfirmed. Where one
//! reply more comes than is owed, the 421 was none to a command, and nothing that was taken from the replies after it holds;
//! so messages whose end was handed out are told when the connection has ended.

use super::job::{Expect, Job, Owed, Task};
use super::{Client, Phase};
use crate::config::Timer;
use crate::event::{End, Goal, Verb};
use crate::fault::{Cause, Reason, Violation};
use crate::reply::{Code, Reply};
use alloc::vec::Vec;

impl Client {
    /// A write failed: the reply that explains it may have come, or be on its way.
    pub(super) fn write_failed(&mut self) {
        if matches!(self.phase, Phase::Handshake | Phase::Upgrade) {
            return self.close(Cause::Lost);
        }
        self.writing = None;
        self.begin_draining();
    }

    /// Takes a 421 as the reply to that command; what stood after it may have been done all the same.
    pub(super) fn take_unavailable(&mut self, Owed { goal, expect }: Owed, reply: &Reply) {
        self.unavailable.get_or_insert_with(|| reply.clone());
        if self.writing.is_some() && !self.is_end_being_written() {
            // a command of which only a part leaves gets no reply, and those that come could not be matched any more
            let is_matched = self.jobs.iter().any(|job| self.hangs_on_replies(job));
            self.writing = is_matched.then_some(Timer::LastWords);
        }
        self.begin_draining();
        match expect {
            Expect::Mail | Expect::Data | Expect::Message(_) | Expect::Rcpt(_) => {
                self.dispatch(Owed { goal, expect }, reply, None);
            }
            Expect::Chunk => {
                if let Some(transaction) = self.transaction(goal) {
                    transaction.has_doubtful_chunk = true;
                }
            }
            Expect::Simple(verb) => {
                self.done(goal, End::Replied(reply.clone()));
                if verb == Verb::Quit {
                    self.take_last_reply(reply);
                }
            }
            Expect::Hello(_) | Expect::StartTls | Expect::Xclient | Expect::Auth | Expect::Cancel => {
                self.done(goal, End::Undone(Reason::Refused(reply.clone())));
            }
            Expect::ResetBefore | Expect::ResetAfter | Expect::LoneDot => {}
        }
    }

    /// Closes once every reply came that is worth waiting for: one to QUIT is not, and one that nobody is owed only where it
    /// would change what is told.
    pub(super) fn close_when_drained(&mut self) {
        let is_quit = |owed: &Owed| owed.expect == Expect::Simple(Verb::Quit);
        if self.phase == Phase::Draining
            && let Some(reply) = &self.unavailable
            && self.owed.iter().all(is_quit)
            && !self.jobs.iter().any(|job| self.hangs_on_replies(job))
        {
            let cause = Cause::Unavailable(reply.clone());
            self.close(cause);
        }
    }

    /// A reply after a 421 does not fit what it would be to: those since the 421 may have belonged to other commands.
    pub(super) fn doubt_replies(&mut self, violation: &Violation) {
        let doubtful: Vec<bool> = self.jobs.iter().map(|job| self.hangs_on_replies(job)).collect();
        for (job, _) in self.jobs.iter_mut().zip(doubtful).filter(|(_, is_doubtful)| *is_doubtful) {
            if let Task::Send(transaction) = &mut job.task {
                transaction.unsettle(&Cause::Violation(violation.clone()));
            }
        }
    }

    /// Takes the reply to QUIT after a 421: nothing follows it.
    pub(super) fn take_last_reply(&mut self, reply: &Reply) {
        if matches!(reply.code(), Code::CLOSING | Code::UNAVAILABLE) {
            self.close(Cause::Quit);
        } else {
            self.violate(Violation::UnexpectedReply(reply.clone()));
        }
    }

    /// Whether the end of that message was handed out and nobody has been told what became of it.
    fn hangs_on_replies(&self, job: &Job) -> bool {
        let Task::Send(transaction) = &job.task else { return false };
        job.end.is_none() && transaction.data_ends.is_some_and(|end| end <= self.handed_out)
    }

    /// The timer of the next reply: its own while the fate of a message hangs on what is to come, and a short one else.
    pub(super) fn draining_timer(&self) -> Timer {
        let own = self.owed.front().filter(|_| self.owed_final > 0).map(|owed| owed.expect.timer());
        own.unwrap_or(Timer::LastWords)
    }

    /// From now on nothing is put out; what was and has not been handed out is taken back.
    fn begin_draining(&mut self) {
        self.phase = Phase::Draining;
        self.restarts_timer = true;
        self.pending.clear();
        self.chunk.clear();
        while self.owed.len() > self.owed_handed_out {
            let Some(Owed { goal, expect }) = self.owed.pop_back() else { return };
            self.owed_final -= usize::from(matches!(expect, Expect::Message(_)));
            if let Some(transaction) = self.transaction(goal) {
                transaction.owed -= 1;
            }
        }
    }

    /// Whether the write under way holds the end of a message, so that it has to be finished.
    pub(super) fn is_end_being_written(&self) -> bool {
        let is_within = |end: u64| self.sent < end && end <= self.handed_out;
        self.writing.is_some()
            && self.jobs.iter().any(|job| match &job.task {
                Task::Send(transaction) => transaction.data_ends.is_some_and(is_within),
                _ => false,
            })
    }

    /// Whether that goal, all of whose replies came, has to wait for the end of the connection to be told.
    pub(super) fn waits_for_close(&mut self, goal: Goal) -> bool {
        let is_unavailable = self.unavailable.is_some();
        self.phase == Phase::Draining
            && self.transaction(goal).is_some_and(|transaction| is_unavailable || !transaction.is_settled())
    }
}
