//! Ends goals, and all remaining ones with the connection.

use super::job::Task;
use super::{Client, Phase, PlannedState};
use crate::event::{End, Event, Goal, Verb};
use crate::fault::{Cause, Reason};

impl Client {
    /// Records the end of a goal, and reports it once all earlier goals are reported.
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
            // no later goal will be done, so plan with the current state
            self.planned = PlannedState {
                hello: self.is_hello_done,
                secured: self.is_secured,
                authenticated: self.is_authenticated,
                quit: self.planned.quit,
            };
        }
        self.report_ends();
    }

    /// Ends the connection and with it every goal.
    pub(super) fn close(&mut self, cause: Cause) {
        if self.phase == Phase::Closed {
            return;
        }
        let cause = match (self.unavailable.take(), cause) {
            // after a 421 the server was expected to end the connection, in whatever way
            (Some(reply), Cause::Lost | Cause::TimedOut(_) | Cause::Quit) => Cause::Unavailable(reply),
            (_, cause) => cause,
        };
        self.phase = Phase::Closed;
        self.outstanding.clear();
        self.outstanding_transmitted = 0;
        self.outstanding_final = 0;
        self.writing = None;
        self.pending.clear();
        self.chunk.clear();
        let transmitted = self.transmitted;
        for job in &mut self.jobs {
            if job.end.is_some() {
                continue;
            }
            job.end = Some(match &mut job.task {
                Task::Send(transaction) => {
                    let is_end_transmitted = transaction.data_ends.is_some_and(|end| end <= transmitted);
                    transaction.cut_off(&cause, is_end_transmitted);
                    transaction.take_end()
                }
                _ => End::Undone(Reason::Closed(cause.clone())),
            });
        }
        self.report_ends();
        self.events.push_back(Event::Closed(cause));
    }

    fn report_ends(&mut self) {
        while let Some(job) = self.jobs.front_mut() {
            let Some(end) = job.end.take() else { return };
            let goal = job.goal;
            self.jobs.pop_front();
            self.cursor = self.cursor.saturating_sub(1);
            self.events.push_back(Event::Done { goal, end });
        }
    }
}
