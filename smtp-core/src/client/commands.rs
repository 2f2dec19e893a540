//! Queues commands as far ahead of the replies as the server and the [`Limits`](crate::Limits) allow.

use super::exchange::AuthStep;
use super::job::{Expect, Job, Outstanding, Task};
use super::transaction::Stage;
use super::{Client, Phase};
use crate::command;
use crate::config::{Protocol, Reveal};
use crate::envelope::BodyType;
use crate::event::{End, Goal, Verb};
use crate::extension_parameters;
use crate::fault::Reason;
use crate::reply::Reply;
use crate::transmit::Content;
use alloc::vec::Vec;

impl Client {
    /// Queues commands until no more can be queued, or there are enough for one write.
    pub(super) fn queue_commands(&mut self) {
        while self.phase == Phase::Open && self.has_changed && self.pending.len() < self.config.limits.chunk {
            self.has_changed = self.step();
        }
    }

    /// Returns the goal whose body is needed now.
    pub(super) fn wanted_body(&self) -> Option<Goal> {
        let (goal, stage) = self.unfinished_body()?;
        let held = if stage == Stage::Data { self.pending.len() } else { self.chunk.len() };
        (held < self.config.limits.chunk).then_some(goal)
    }

    /// Returns the goal whose body is incomplete, even if there is no room for more of it now.
    pub(super) fn unfinished_body(&self) -> Option<(Goal, Stage)> {
        let job = self.jobs.get(self.cursor)?;
        let Task::Send(transaction) = &job.task else { return None };
        let is_unfinished = self.phase == Phase::Open
            && matches!(transaction.stage, Stage::Data | Stage::Gather | Stage::Chunks)
            && !transaction.is_body_complete
            && transaction.chunk_refusal.is_none();
        is_unfinished.then_some((job.goal, transaction.stage))
    }

    /// Marks a transaction as completely queued, so that the next job can queue its commands.
    pub(super) fn finish_writing(&mut self, goal: Goal) {
        let Some(transaction) = self.transaction(goal) else { return };
        transaction.stage = Stage::Written;
        let is_answered = transaction.outstanding == 0;
        let leaves_recipients = transaction.leaves_recipients();
        if is_answered {
            let end = transaction.take_end();
            self.done(goal, end);
        }
        self.has_open_recipients |= leaves_recipients && self.open_transaction == Some(goal);
    }

    /// Queues the next step of AUTH.
    pub(super) fn queue_auth(&mut self, goal: Goal, step: AuthStep) {
        match step {
            AuthStep::Auth(name, None) => {
                command::line(&mut self.pending, &["AUTH ", name]);
                self.expect_reply(goal, Expect::Auth);
            }
            AuthStep::Auth(name, Some(response)) => {
                self.pending.push(Content::Command, b"AUTH ");
                self.pending.push(Content::Command, name.as_bytes());
                self.pending.push(Content::Command, b" ");
                self.pending.push(Content::Secret, response.expose());
                self.pending.push(Content::Command, b"\r\n");
                self.mask.add(response);
                self.expect_reply(goal, Expect::Auth);
            }
            AuthStep::Response(response) => {
                self.pending.push(Content::Secret, response.expose());
                self.pending.push(Content::Command, b"\r\n");
                self.mask.add(response);
                self.expect_reply(goal, Expect::Auth);
            }
            AuthStep::Cancel => {
                command::line(&mut self.pending, &["*"]);
                self.expect_reply(goal, Expect::Cancel);
            }
        }
    }

    /// Queues EHLO, LHLO or HELO.
    pub(super) fn queue_hello(&mut self, goal: Goal, verb: Verb) {
        if let Some(index) = self.job_index(goal)
            && let Task::Hello(domain) = &self.jobs[index].task
        {
            command::line(&mut self.pending, &[verb.name(), " ", domain.as_str()]);
            self.expect_reply(goal, Expect::Hello(verb));
        }
    }

    /// Queues XCLIENT, if the server accepts each of the attributes.
    fn queue_xclient(&mut self, goal: Goal) {
        let Some(Job { task: Task::Xclient(attributes), .. }) = self.jobs.get_mut(self.cursor) else {
            return;
        };
        let Some(offer) = self.extensions.parameters("XCLIENT") else {
            return self.done(goal, End::Undone(Reason::NotOffered("XCLIENT")));
        };
        let is_accepted =
            |keyword: &str| offer.split_ascii_whitespace().any(|name| name.eq_ignore_ascii_case(keyword));
        if let Some((name, _)) = attributes.iter().find(|(_, attribute)| !is_accepted(attribute.keyword())) {
            let reason = Reason::NotOffered(name);
            return self.done(goal, End::Undone(reason));
        }
        let attributes: Vec<_> =
            core::mem::take(attributes).into_iter().map(|(_, attribute)| attribute).collect();
        command::xclient(&mut self.pending, &attributes);
        self.expect_reply(goal, Expect::Xclient);
    }

    /// Begins AUTH with the first usable mechanism, or after `refusal` with the next one.
    pub(super) fn begin_exchange(&mut self, goal: Goal, refusal: Option<&Reply>) {
        let may_reveal = match self.config.reveal {
            Reveal::Secured => self.is_secured,
            Reveal::Always => true,
            Reveal::Never => false,
        };
        let Some(index) = self.job_index(goal) else { return };
        let Task::Authenticate(exchange) = &mut self.jobs[index].task else { return };
        if !self.extensions.has("AUTH") {
            return self.done(goal, End::Undone(Reason::NotOffered("AUTH")));
        }
        match exchange.begin(&self.extensions, may_reveal) {
            Ok(step) => self.queue_auth(goal, step),
            Err(reason) => {
                let reason = refusal.map_or(reason, |reply| Reason::Refused(reply.clone()));
                self.done(goal, End::Undone(reason));
            }
        }
    }

    /// Queues one more command if possible; returns whether anything changed.
    fn step(&mut self) -> bool {
        let Some(job) = self.jobs.get(self.cursor) else { return false };
        let goal = job.goal;
        if job.end.is_some() {
            self.cursor += 1;
            return true;
        }
        match &job.task {
            Task::Send(_) => self.step_transaction(goal),
            Task::Simple(verb, _) => self.step_simple(goal, *verb),
            // these commands change the session, so no other command is outstanding with them
            Task::Hello(_) | Task::StartTls | Task::Xclient(_) | Task::Authenticate(_)
                if !self.outstanding.is_empty() =>
            {
                false
            }
            Task::Hello(_) => {
                let verb = match self.config.protocol {
                    Protocol::Esmtp => Verb::Ehlo,
                    Protocol::Smtp => Verb::Helo,
                    Protocol::Lmtp => Verb::Lhlo,
                };
                self.queue_hello(goal, verb);
                true
            }
            Task::StartTls if self.extensions.starttls => {
                command::line(&mut self.pending, &["STARTTLS"]);
                self.expect_reply(goal, Expect::StartTls);
                true
            }
            Task::StartTls => {
                self.done(goal, End::Undone(Reason::NotOffered("STARTTLS")));
                true
            }
            Task::Xclient(_) => {
                self.queue_xclient(goal);
                true
            }
            Task::Authenticate(_) => {
                self.begin_exchange(goal, None);
                true
            }
        }
    }

    fn step_simple(&mut self, goal: Goal, verb: Verb) -> bool {
        if !self.may_queue() {
            return false;
        }
        let Some(Job { task: Task::Simple(_, argument), .. }) = self.jobs.get(self.cursor) else {
            return false;
        };
        let argument = argument.as_ref();
        let is_ascii = argument.is_none_or(crate::text::Text::is_ascii);
        if !is_ascii && !self.extensions.smtputf8 {
            self.done(goal, End::Undone(Reason::NotOffered("SMTPUTF8")));
            return true;
        }
        // RFC 6531 §3.7.4.2: the parameter that lets VRFY and EXPN hold UTF-8
        let parameter = if is_ascii || verb == Verb::Raw { "" } else { " SMTPUTF8" };
        match (verb, argument) {
            (Verb::Raw, Some(text)) => command::line(&mut self.pending, &[text.as_str()]),
            (_, Some(text)) => {
                command::line(&mut self.pending, &[verb.name(), " ", text.as_str(), parameter]);
            }
            (_, None) => command::line(&mut self.pending, &[verb.name()]),
        }
        self.expect_reply(goal, Expect::Simple(verb));
        self.is_group_ended = verb != Verb::Rset || core::mem::take(&mut self.has_open_recipients);
        match verb {
            Verb::Rset => self.open_transaction = None,
            // it may have been MAIL or RCPT
            Verb::Raw => {
                self.open_transaction = Some(goal);
                self.has_open_recipients = true;
            }
            _ => {}
        }
        self.cursor += 1;
        true
    }

    fn step_transaction(&mut self, goal: Goal) -> bool {
        let may_queue = self.may_queue();
        let is_chunking = self.extensions.chunking;
        let is_gathered = self.chunk.len() >= self.config.limits.chunk;
        let is_server_dirty = self.open_transaction.is_some();
        let Some(transaction) = self.transaction(goal) else { return false };
        match transaction.stage {
            Stage::Start => {
                if let Some(reason) = self.obstacle(goal) {
                    if let Some(transaction) = self.transaction(goal) {
                        transaction.leave_open_unsent(&reason);
                    }
                    self.finish_writing(goal);
                    return true;
                }
                let gathers =
                    is_chunking && !self.transaction(goal).is_some_and(|transaction| transaction.is_check);
                if gathers && self.outstanding_final >= self.config.limits.in_flight {
                    return false;
                }
                self.chunk.clear();
                self.set_stage(goal, if gathers { Stage::Gather } else { Stage::Reset });
                true
            }
            Stage::Gather => {
                let is_ready = transaction.is_body_complete || is_gathered;
                if is_ready {
                    transaction.stage = Stage::Reset;
                }
                is_ready
            }
            // the reply to the caller's own RSET may show that another one is needed
            Stage::Reset if !may_queue => false,
            Stage::Reset if is_server_dirty => {
                transaction.stage = Stage::Mail;
                command::line(&mut self.pending, &["RSET"]);
                self.expect_reply(goal, Expect::ResetBefore);
                self.open_transaction = None;
                self.is_group_ended = core::mem::take(&mut self.has_open_recipients);
                true
            }
            Stage::Reset => {
                transaction.stage = Stage::Mail;
                true
            }
            Stage::Mail => {
                if !may_queue {
                    return false;
                }
                transaction.stage = Stage::Rcpt;
                if let Some(Job { task: Task::Send(transaction), .. }) = self.jobs.get(self.cursor) {
                    command::mail(&mut self.pending, &transaction.envelope, &self.extensions);
                }
                self.expect_reply(goal, Expect::Mail);
                self.open_transaction = Some(goal);
                true
            }
            Stage::Rcpt => self.queue_recipients(goal),
            Stage::Gate => self.step_gate(goal, may_queue),
            Stage::Data if transaction.is_body_complete => {
                self.end_data(goal);
                true
            }
            Stage::Chunks => self.step_chunks(goal, may_queue),
            Stage::AwaitData | Stage::Data => false,
            Stage::Written => {
                self.cursor += 1;
                true
            }
        }
    }

    /// Queues RCPT for as many recipients as there is room for; returns whether anything changed.
    fn queue_recipients(&mut self, goal: Goal) -> bool {
        let before = self.outstanding.len();
        loop {
            let has_room = self.pending.len() < self.config.limits.chunk && self.may_queue();
            let Some(Job { task: Task::Send(transaction), .. }) = self.jobs.get_mut(self.cursor) else {
                return false;
            };
            let index = transaction.asked;
            let recipient =
                transaction.envelope.recipients.get(index).filter(|_| !transaction.is_mail_refused);
            let Some(recipient) = recipient else {
                transaction.stage = Stage::Gate;
                return true;
            };
            if !has_room {
                return self.outstanding.len() > before;
            }
            command::rcpt(&mut self.pending, recipient);
            transaction.asked += 1;
            transaction.outstanding += 1;
            self.is_group_ended = false;
            self.outstanding.push_back(Outstanding { goal, expect: Expect::Rcpt(index) });
        }
    }

    /// Continues after the last RCPT: with the mail data, by waiting for replies, or not at all.
    fn step_gate(&mut self, goal: Goal, may_queue: bool) -> bool {
        let (is_lmtp, is_chunking, is_suspect) = (self.is_lmtp(), self.extensions.chunking, self.is_suspect);
        let Some(transaction) = self.transaction(goal) else { return false };
        if transaction.is_check {
            return self.end_check(goal, may_queue);
        }
        if transaction.is_blocked() {
            self.chunk.clear();
            self.finish_writing(goal);
            return true;
        }
        // a message larger than one chunk waits for the replies to RCPT
        let waits = transaction.envelope.all_or_nothing
            || (is_chunking && (is_lmtp || is_suspect || !transaction.is_body_complete));
        if waits && !transaction.is_answered() {
            return false;
        }
        if is_chunking {
            transaction.stage = Stage::Chunks;
            return true;
        }
        if !may_queue {
            return false;
        }
        transaction.stage = Stage::AwaitData;
        command::line(&mut self.pending, &["DATA"]);
        self.expect_reply(goal, Expect::Data);
        self.is_group_ended = true;
        true
    }

    /// Ends a check with RSET, unless MAIL was refused and there is nothing to reset.
    fn end_check(&mut self, goal: Goal, may_queue: bool) -> bool {
        let Some(transaction) = self.transaction(goal) else { return false };
        if transaction.is_mail_refused {
            self.finish_writing(goal);
            return true;
        }
        if !may_queue {
            return false;
        }
        transaction.stage = Stage::Written;
        command::line(&mut self.pending, &["RSET"]);
        self.expect_reply(goal, Expect::ResetAfter);
        self.open_transaction = None;
        // if the RSET is refused, the recipients of the check would receive the next message
        let is_check = |job: &Job| matches!(&job.task, Task::Send(transaction) if transaction.is_check);
        self.is_group_ended = !self.jobs.get(self.cursor + 1).is_some_and(is_check);
        true
    }

    /// Queues the final dot after the mail data of DATA (RFC 5321 §4.1.1.4).
    fn end_data(&mut self, goal: Goal) {
        self.pending.push(Content::Message, b".\r\n");
        let position = self.output_position();
        // the transaction ends at the server whatever the reply is
        self.open_transaction = None;
        if let Some(transaction) = self.transaction(goal) {
            transaction.stage = Stage::Written;
            transaction.data_ends = Some(position);
        }
        self.expect_final_replies(goal);
    }

    /// Queues BDAT with the gathered chunk once it is full or the last one (RFC 3030 §2).
    fn step_chunks(&mut self, goal: Goal, may_queue: bool) -> bool {
        let position = self.output_position();
        let is_full = self.chunk.len() >= self.config.limits.chunk;
        let Some(transaction) = self.transaction(goal) else { return false };
        if let Some(reply) = transaction.chunk_refusal.take() {
            transaction.refuse_open(Verb::Message, &reply);
            self.chunk.clear();
            self.finish_writing(goal);
            return true;
        }
        let is_last = transaction.is_body_complete;
        if !may_queue || !(is_last || is_full) {
            return false;
        }
        transaction.data_begins.get_or_insert(position);
        command::bdat(&mut self.pending, self.chunk.len(), is_last);
        self.pending.push(Content::Message, &self.chunk);
        self.chunk.clear();
        if !is_last {
            self.expect_reply(goal, Expect::Chunk);
            return true;
        }
        let position = self.output_position();
        if let Some(transaction) = self.transaction(goal) {
            transaction.stage = Stage::Written;
            transaction.data_ends = Some(position);
        }
        self.expect_final_replies(goal);
        true
    }

    /// Expects one final reply, or with LMTP one for each accepted recipient (RFC 2033 §4.2).
    fn expect_final_replies(&mut self, goal: Goal) {
        if !self.is_lmtp() {
            return self.expect_reply(goal, Expect::Message(None));
        }
        let Some(transaction) = self.transaction(goal) else { return };
        let accepted = |standing: &super::transaction::Standing| {
            matches!(standing, super::transaction::Standing::Accepted(_))
        };
        let accepted: Vec<usize> = transaction
            .standings
            .iter()
            .enumerate()
            .filter(|(_, standing)| accepted(standing))
            .map(|(at, _)| at)
            .collect();
        for index in accepted {
            self.expect_reply(goal, Expect::Message(Some(index)));
        }
    }

    /// Returns the reason why this message cannot be sent to this server, if there is one.
    fn obstacle(&mut self, goal: Goal) -> Option<Reason> {
        let (eight_bit, utf8) = (self.extensions.eight_bit_mime, self.extensions.smtputf8);
        let limit = self.extensions.size_limit();
        let binary = self.extensions.binary_mime;
        let chunking = self.extensions.chunking;
        let index = self.job_index(goal)?;
        let Task::Send(transaction) = &self.jobs.get(index)?.task else { return None };
        let envelope = &transaction.envelope;
        let needed = match envelope.body {
            BodyType::SevenBit => None,
            BodyType::EightBitMime => (!eight_bit).then_some("8BITMIME"),
            BodyType::Binary if !binary => Some("BINARYMIME"),
            BodyType::Binary => (!chunking).then_some("CHUNKING"),
        };
        if let Some(keyword) = needed {
            return Some(Reason::NotOffered(keyword));
        }
        if envelope.needs_smtputf8() && !utf8 {
            return Some(Reason::NotOffered("SMTPUTF8"));
        }
        if let Some(reason) = extension_parameters::obstacle(envelope, &self.extensions, self.is_secured) {
            return Some(reason);
        }
        limit
            .filter(|&limit| envelope.size.is_some_and(|size| size > limit))
            .map(|limit| Reason::TooLarge { limit })
    }

    /// Returns whether one more command may be sent before the outstanding replies arrive (RFC 2920 §3.1).
    fn may_queue(&mut self) -> bool {
        let window = self.config.limits.window;
        if self.outstanding.is_empty() {
            self.is_window_full = false;
            return true;
        }
        if self.is_group_ended || !self.extensions.pipelining || window <= 1 {
            return false;
        }
        if self.outstanding.len() >= window {
            self.is_window_full = true;
        } else if self.outstanding.len() <= window / 2 {
            self.is_window_full = false;
        }
        !self.is_window_full
    }

    pub(super) fn expect_reply(&mut self, goal: Goal, expect: Expect) {
        self.is_group_ended = false;
        self.outstanding_final += usize::from(matches!(expect, Expect::Message(_)));
        self.outstanding.push_back(Outstanding { goal, expect });
        if let Some(transaction) = self.transaction(goal) {
            transaction.outstanding += 1;
        }
    }

    fn set_stage(&mut self, goal: Goal, stage: Stage) {
        if let Some(transaction) = self.transaction(goal) {
            transaction.stage = stage;
        }
    }
}
