//! Ends goals, and with the connection all that are left.

use super::job::Task;
use super::{Client, Phase, Plan};
use crate::event::{End, Event, Goal, Verb};
use crate::fault::{Cause, Reason};

impl Client {
    /// Notes how a goal ended, and tells it as soon as all before it are told.
    pub(super) fn done(&mut self, goal: Goal, end: End) {
        let Some(index) = self.job_index(goal) else { return };
        let is_set_up_undone = self.jobs[index].task.is_set_up() && matches!(end, End::Undone(_));
        self.jobs[index].end = Some(end);
        if is_set_up_undone {
            for job in self.jobs.iter_mut().skip(index + 1) {
                job.end = match &mut job.task {
                    Task::Simple(Verb::Quit, _) => continue,
                    Task::Send(transaction) => {
                        transaction.leave_open_unsent(&Reason::Prerequisite);
                        Some(transaction.take_end())
                    }
                    _ => Some(End::Undone(Reason::Prerequisite)),
                };
            }
            // nothing behind it will be done: the plan is what is
            self.plan = Plan {
                hello: self.is_hello_done,
                secured: self.is_secured,
                authenticated: self.is_authenticated,
                quit: self.plan.quit,
            };
        }
        self.tell_ends();
    }

    /// Ends the connection and with it every goal.
    pub(super) fn close(&mut self, cause: Cause) {
        if self.phase == Phase::Closed {
            return;
        }
        let cause = match (self.unavailable.take(), cause) {
            // a server that said 421 was to end the connection, and how it does is no news
            (Some(reply), Cause::Lost | Cause::TimedOut(_) | Cause::Quit) => Cause::Unavailable(reply),
            (_, cause) => cause,
        };
        self.phase = Phase::Closed;
        self.owed.clear();
        self.owed_handed_out = 0;
        self.owed_final = 0;
        self.writing = None;
        self.pending.clear();
        self.chunk.clear();
        let handed_out = self.handed_out;
        for job in &mut self.jobs {
            if job.end.is_some() {
                continue;
            }
            job.end = Some(match &mut job.task {
                Task::Send(transaction) => {
                    let is_end_handed_out = transaction.data_ends.is_some_and(|end| end <= handed_out);
                    transaction.cut_off(&cause, is_end_handed_out);
                    transaction.take_end()
                }
                _ => End::Undone(Reason::Closed(cause.clone())),
            });
        }
        self.tell_ends();
        self.events.push_back(Event::Closed(cause));
    }

    fn tell_ends(&mut self) {
        while let Some(job) = self.jobs.front_mut() {
            let Some(end) = job.end.take() else { return };
            let goal = job.goal;
            self.jobs.pop_front();
            self.cursor = self.cursor.saturating_sub(1);
            self.events.push_back(Event::Done { goal, end });
        }
    }
}
