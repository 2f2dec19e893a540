//! Reads on where nothing more may be put out: after a 421 (RFC 5321 §3.8), and after a write that failed.
//!
//! A server that says 421 should close, and not all do. Replies are matched with what was handed out until the connection
//! ends, because the end of a message may be among it: its final reply decides, and without one it is unconfirmed.

use super::job::{Expect, Owed, Task};
use super::{Client, Phase};
use crate::config::Timer;
use crate::event::{End, Goal, Verb};
use crate::fault::{Cause, Reason};
use crate::reply::Reply;

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
        if !self.is_end_being_written() {
            self.writing = None;
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
            Expect::Simple(_) => self.done(goal, End::Replied(reply.clone())),
            Expect::Hello(_) | Expect::StartTls | Expect::Xclient | Expect::Auth | Expect::Cancel => {
                self.done(goal, End::Undone(Reason::Refused(reply.clone())));
            }
            Expect::ResetBefore | Expect::ResetAfter | Expect::LoneDot => {}
        }
    }

    /// Closes once every reply came that is worth waiting for: one to QUIT is not.
    pub(super) fn close_when_drained(&mut self) {
        let is_quit = |owed: &Owed| owed.expect == Expect::Simple(Verb::Quit);
        if self.phase == Phase::Draining
            && let Some(reply) = &self.unavailable
            && self.owed.iter().all(is_quit)
        {
            let cause = Cause::Unavailable(reply.clone());
            self.close(cause);
        }
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
        self.phase == Phase::Draining
            && self.transaction(goal).is_some_and(|transaction| !transaction.is_settled())
    }
}
