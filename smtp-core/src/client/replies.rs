//! Matches replies with commands, in the order of the commands (RFC 5321 §4.2, RFC 2920 §3.1).

use super::job::{Expect, Outstanding, Task};
use super::transaction::{Stage, Transaction};
use super::{Client, Phase};
use crate::config::Timer;
use crate::event::{End, Event, Goal, Verb};
use crate::extensions::Extensions;
use crate::fault::{Cause, Reason, Violation};
use crate::mask::MASKED;
use crate::reply::{Code, Reply, Severity};
use crate::transmit::Content;
use alloc::string::{String, ToString};

impl Client {
    /// Parses received octets, however they are divided.
    pub(super) fn receive(&mut self, octets: &[u8]) {
        let mut input = octets;
        loop {
            match self.phase {
                Phase::Closed => return,
                Phase::Handshake | Phase::Upgrade if input.is_empty() => return,
                // RFC 3207 §4.2: octets in clear must not count as part of the secured session
                Phase::Handshake | Phase::Upgrade => {
                    return self.close(Cause::Violation(Violation::InjectedOctets));
                }
                Phase::Greeting | Phase::Open | Phase::Draining => {}
            }
            self.take_recipients(&mut input);
            let ignored = self.ignored_text().filter(|_| !self.config.report_replies);
            let hides_challenge = self.hides_challenge();
            let (reply, challenge) = match self.parser.next(&mut input, &self.config.limits) {
                Ok(None) => return,
                Ok(Some(reply)) => {
                    let awaits_challenge =
                        self.outstanding.front().is_some_and(|awaited| awaited.expect == Expect::Auth);
                    // taken before masking, because the response is computed from it
                    let challenge = (awaits_challenge && reply.code() == Code::CHALLENGE)
                        .then(|| reply.lines().next().map(|line| String::from_utf8_lossy(line).to_string()));
                    // unexpected codes keep their text, because it will be reported
                    let is_odd = reply.code().is_of_the_connection() || reply.code() == Code::CHALLENGE;
                    let is_bare = ignored == Some(reply.code().severity()) && !is_odd;
                    let reply = match reply.code() {
                        Code::CHALLENGE if hides_challenge => Reply::new(Code::CHALLENGE, MASKED),
                        code if is_bare => Reply::bare(code),
                        _ => self.mask.reply(&reply),
                    };
                    (reply, challenge.flatten())
                }
                Err(violation) => return self.close(Cause::Violation(violation)),
            };
            self.restarts_timer = true;
            self.take_reply(&reply, challenge.as_deref());
        }
    }

    /// Handles a run of replies that accept recipients of one message, when only their code matters.
    ///
    /// Other replies, and the last outstanding one, remain in `input`.
    fn take_recipients(&mut self, input: &mut &[u8]) {
        let Some(&Outstanding { goal, expect: Expect::Rcpt(_) }) = self.outstanding.front() else { return };
        let needs_code_only = !self.config.report_replies && !self.config.report_recipients;
        let Some(index) = self.job_index(goal).filter(|_| needs_code_only) else { return };
        let Task::Send(transaction) = &mut self.jobs[index].task else { return };
        if transaction.is_check || transaction.is_mail_refused {
            return;
        }
        while self.outstanding_transmitted > 0
            && transaction.outstanding > 1
            && let Some(&Outstanding { goal: of, expect: Expect::Rcpt(index) }) = self.outstanding.front()
            && of == goal
            && let Some(code) = self.parser.next_completed(input, &self.config.limits)
        {
            self.outstanding.pop_front();
            self.outstanding_transmitted -= 1;
            transaction.outstanding -= 1;
            transaction.answer(index, &Reply::bare(code));
            self.answered = Some(Verb::Rcpt);
            self.restarts_timer = true;
        }
    }

    /// Forgets what was learnt before TLS, after a handshake that STARTTLS began (RFC 3207 §4.2).
    pub(super) fn secured_by_start_tls(&mut self) {
        self.phase = Phase::Open;
        self.is_secured = true;
        self.is_hello_done = false;
        self.extensions = Extensions::default();
        self.parser.clear();
        if let Some(goal) = self.jobs.get(self.cursor).map(|job| job.goal) {
            self.done(goal, End::Secured);
        }
    }

    fn take_reply(&mut self, reply: &Reply, challenge: Option<&str>) {
        // a command that was not transmitted cannot have a reply yet
        let awaited = if self.outstanding_transmitted > 0 { self.outstanding.front().copied() } else { None };
        self.is_suspect = false;
        if self.config.report_replies {
            let wanted = is_wanted(awaited, self.phase, reply);
            let verb = awaited.map(|awaited| awaited.expect.verb());
            self.events.push_back(Event::Reply { verb, reply: reply.clone(), wanted });
        }
        if self.phase == Phase::Greeting {
            return self.greet(reply);
        }
        let Some(awaited) = awaited else { return self.take_unsolicited(reply) };
        self.outstanding.pop_front();
        self.outstanding_transmitted -= 1;
        self.outstanding_final -= usize::from(matches!(awaited.expect, Expect::Message(_)));
        self.answered = Some(awaited.expect.verb());
        if reply.code() == Code::UNAVAILABLE {
            self.take_unavailable(awaited, reply);
            self.count_reply(awaited.goal);
            return self.close_when_drained();
        }
        let is_intermediate = reply.code().severity() == Severity::Intermediate;
        // 334 and 354 are not interchangeable: after a 334, mail data would be read as commands
        let asks_for_more = match awaited.expect {
            Expect::Auth => reply.code() == Code::CHALLENGE,
            Expect::Data => reply.code() == Code::START_MAIL_INPUT,
            _ => false,
        };
        // 220 and 221 concern the connection, so they cannot be the reply to a message, for example
        let is_of_the_connection = reply.code().is_of_the_connection()
            && !matches!(awaited.expect, Expect::StartTls | Expect::Xclient | Expect::Simple(_));
        if is_of_the_connection || is_intermediate && !asks_for_more {
            return self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
        }
        self.dispatch(awaited, reply, challenge);
        self.count_reply(awaited.goal);
        self.close_when_drained();
    }

    /// Counts a reply to the transaction of that goal, and ends the transaction with the last one.
    fn count_reply(&mut self, goal: Goal) {
        let Some(transaction) = self.transaction(goal) else { return };
        transaction.outstanding -= 1;
        if transaction.stage == Stage::Written && transaction.outstanding == 0 && !self.waits_for_close(goal)
        {
            self.finish_writing(goal);
        }
    }

    /// Returns whether to hide the next challenge from the log.
    ///
    /// A challenge has salt, nonce or signature, with which a reader of the log could guess passwords offline, even
    /// though the exchange did not send the password.
    fn hides_challenge(&self) -> bool {
        let Some(awaited) = self.outstanding.front().filter(|awaited| awaited.expect == Expect::Auth) else {
            return false;
        };
        let job = self.job_index(awaited.goal).and_then(|index| self.jobs.get(index));
        matches!(job.map(|job| &job.task), Some(Task::Authenticate(exchange)) if exchange.hides_password())
    }

    /// Returns the class of replies whose text is not needed next.
    fn ignored_text(&self) -> Option<Severity> {
        let awaited = self.outstanding.front().filter(|_| self.outstanding_transmitted > 0)?;
        let is = |what: fn(&Transaction) -> bool| {
            let job = self.job_index(awaited.goal).and_then(|index| self.jobs.get(index));
            matches!(job.map(|job| &job.task), Some(Task::Send(transaction)) if what(transaction))
        };
        match awaited.expect {
            Expect::ResetBefore | Expect::Chunk => Some(Severity::Completed),
            Expect::Rcpt(_) => (!self.config.report_recipients && is(|transaction| !transaction.is_check))
                .then_some(Severity::Completed),
            Expect::Mail => is(|transaction| !transaction.is_of_sender).then_some(Severity::Completed),
            Expect::Data => is(|transaction| !transaction.is_blocked()).then_some(Severity::Intermediate),
            _ => None,
        }
    }

    fn greet(&mut self, reply: &Reply) {
        match reply.code().severity() {
            Severity::Completed => {
                self.phase = Phase::Open;
                self.events.push_back(Event::Greeting(reply.clone()));
            }
            Severity::Intermediate => self.close_on_violation(Violation::UnexpectedReply(reply.clone())),
            _ if reply.code() == Code::UNAVAILABLE => self.close(Cause::Unavailable(reply.clone())),
            _ => self.close(Cause::Refused(reply.clone())),
        }
    }

    pub(super) fn dispatch(
        &mut self,
        Outstanding { goal, expect }: Outstanding,
        reply: &Reply,
        challenge: Option<&str>,
    ) {
        let is_completed = reply.is_completed();
        match expect {
            Expect::Hello(verb) => self.take_hello_reply(goal, verb, reply),
            Expect::StartTls if reply.code() == Code::READY => self.phase = Phase::Upgrade,
            Expect::Xclient if reply.code() == Code::READY => {
                self.return_to_greeting();
                self.done(goal, End::Replied(reply.clone()));
            }
            Expect::StartTls | Expect::Xclient if is_completed => {
                self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
            }
            Expect::StartTls | Expect::Xclient => {
                self.done(goal, End::Undone(Reason::Refused(reply.clone())));
            }
            Expect::Auth => self.take_auth_reply(goal, reply, challenge),
            Expect::Cancel => self.take_cancel_reply(goal, reply),
            Expect::ResetBefore | Expect::Chunk if is_completed => {}
            Expect::Mail if is_completed => {
                if let Some(transaction) = self.transaction(goal) {
                    transaction.take_sender(reply);
                }
            }
            // RFC 5321 §4.1.1.5 allows no other reply than 250; otherwise a transaction may still be open
            Expect::ResetBefore => self.close_on_violation(Violation::UnexpectedReply(reply.clone())),
            Expect::Mail => {
                if let Some(transaction) = self.transaction(goal) {
                    transaction.refuse_mail(reply);
                }
            }
            Expect::Rcpt(index) => self.take_rcpt_reply(goal, index, reply),
            Expect::Data => self.take_data_reply(goal, reply),
            Expect::LoneDot => {}
            Expect::Chunk => {
                if let Some(transaction) = self.transaction(goal) {
                    transaction.chunk_refusal.get_or_insert_with(|| reply.clone());
                }
                // a server that continues reading gets the rest of the chunk, so that the next command is read as one
                if self.writing.is_some() && !self.is_end_being_written() {
                    self.writing = Some(Timer::LastWords);
                }
            }
            Expect::Message(index) => self.take_final_reply(goal, index, reply),
            Expect::ResetAfter => {
                if !is_completed {
                    self.open_transaction = Some(goal);
                    self.has_open_recipients = true;
                }
            }
            Expect::Simple(verb) => {
                let is_reset_refused = verb == Verb::Rset && !is_completed;
                if is_reset_refused {
                    self.open_transaction = Some(goal);
                    self.has_open_recipients = true;
                }
                self.done(goal, End::Replied(reply.clone()));
                // the transaction that is still open would get the recipients of a MAIL pipelined after this RSET
                if is_reset_refused && self.jobs.iter().any(|job| job.task.has_begun()) {
                    return self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
                }
                if verb == Verb::Quit && self.unavailable.is_some() {
                    self.take_quit_reply(reply);
                } else if verb == Verb::Quit {
                    self.close(Cause::Quit);
                }
            }
        }
    }

    fn take_hello_reply(&mut self, goal: Goal, verb: Verb, reply: &Reply) {
        if reply.is_completed() {
            self.extensions = match verb {
                Verb::Helo => Extensions::default(),
                _ => Extensions::from_reply(reply, &self.config.ignored_extensions),
            };
            self.is_hello_done = true;
            // RFC 5321 §4.1.4: EHLO resets a transaction like RSET
            self.open_transaction = None;
            self.has_open_recipients = false;
            self.done(goal, End::Replied(reply.clone()));
        } else if verb == Verb::Ehlo && reply.is_permanent() {
            self.queue_hello(goal, Verb::Helo);
        } else {
            self.done(goal, End::Undone(Reason::Refused(reply.clone())));
        }
    }

    /// Resets the session after XCLIENT, which makes the server expect a new hello.
    fn return_to_greeting(&mut self) {
        self.is_hello_done = false;
        self.is_authenticated = false;
        self.extensions = Extensions::default();
        self.open_transaction = None;
        self.has_open_recipients = false;
    }

    fn take_auth_reply(&mut self, goal: Goal, reply: &Reply, challenge: Option<&str>) {
        let limits = self.config.limits;
        let Some(index) = self.job_index(goal) else { return };
        let Task::Authenticate(exchange) = &mut self.jobs[index].task else { return };
        match reply.code() {
            Code::CHALLENGE => {
                let step = exchange.respond(challenge.unwrap_or_default(), &limits);
                // proofs and digests are computed from the challenge
                for secret in exchange.secrets() {
                    self.mask.add(secret);
                }
                self.queue_auth(goal, step);
            }
            code if code.is_completed() => match exchange.succeed() {
                Ok(()) => {
                    self.is_authenticated = true;
                    self.done(goal, End::Authenticated(reply.clone()));
                }
                Err(reason) => {
                    let reason = self.masked(reason);
                    self.done(goal, End::Undone(reason));
                    self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
                }
            },
            code if !code.is_negative() => self.close_on_violation(Violation::UnexpectedReply(reply.clone())),
            Code::PARAMETER_NOT_IMPLEMENTED | Code::MECHANISM_TOO_WEAK => {
                exchange.drop_mechanism();
                self.begin_exchange(goal, Some(reply));
            }
            _ => {
                let reason = exchange.refusal(reply);
                let reason = self.masked(reason);
                self.done(goal, End::Undone(reason));
            }
        }
    }

    fn take_cancel_reply(&mut self, goal: Goal, reply: &Reply) {
        if !reply.code().is_negative() {
            return self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
        }
        let Some(index) = self.job_index(goal) else { return };
        let Task::Authenticate(exchange) = &mut self.jobs[index].task else { return };
        let reason = exchange.cancelled.take().unwrap_or_else(|| Reason::Refused(reply.clone()));
        let reason = self.masked(reason);
        self.done(goal, End::Undone(reason));
    }

    /// Masks secrets in a mechanism's message, which may quote the server.
    fn masked(&self, reason: Reason) -> Reason {
        match reason {
            Reason::Mechanism(why) => Reason::Mechanism(self.mask.line(&why).into()),
            Reason::LoginRefused { reply, why } => {
                Reason::LoginRefused { reply, why: self.mask.line(&why).into() }
            }
            other => other,
        }
    }

    fn take_rcpt_reply(&mut self, goal: Goal, index: usize, reply: &Reply) {
        if let Some(transaction) = self.transaction(goal) {
            transaction.answer(index, reply);
        }
        if self.config.report_recipients {
            self.events.push_back(Event::Recipient { goal, index, reply: reply.clone() });
        }
    }

    fn take_data_reply(&mut self, goal: Goal, reply: &Reply) {
        let (is_lmtp, position) = (self.is_lmtp(), self.output_position());
        let Some(transaction) = self.transaction(goal) else { return };
        if reply.is_completed() {
            return self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
        }
        if reply.code().is_negative() {
            transaction.refuse_open(Verb::Data, reply);
            return self.finish_writing(goal);
        }
        // the server will not read the mail data after a 421
        if let Some(unavailable) = &self.unavailable {
            let cause = Cause::Unavailable(unavailable.clone());
            return self.close(cause);
        }
        let Some(transaction) = self.transaction(goal) else { return };
        if !transaction.is_blocked() {
            transaction.stage = Stage::Data;
            transaction.data_begins = Some(position);
            return;
        }
        if transaction.has_stray_recipient {
            // a final dot would send an empty message to that recipient
            return self.close_on_violation(Violation::UnexpectedReply(reply.clone()));
        }
        // RFC 2920 §3.1: no recipient was accepted, but the server waits for mail data
        transaction.stage = Stage::Written;
        self.pending.push(Content::Message, b".\r\n");
        self.open_transaction = None;
        if !is_lmtp {
            self.expect_reply(goal, Expect::LoneDot);
        }
    }

    fn take_final_reply(&mut self, goal: Goal, index: Option<usize>, reply: &Reply) {
        let is_completed = reply.is_completed();
        if is_completed && self.open_transaction == Some(goal) {
            self.open_transaction = None;
        }
        let Some(transaction) = self.transaction(goal) else { return };
        let is_chunk_missing = transaction.chunk_refusal.is_some() || transaction.has_unconfirmed_chunk;
        let violation = if !is_completed {
            None
        } else if transaction.accepted == 0 {
            Some(Violation::AcceptedWithoutRecipients(reply.clone()))
        } else if is_chunk_missing {
            // a chunk was refused but the message accepted, so the outcome is unknown
            transaction.chunk_refusal = None;
            Some(Violation::UnexpectedReply(reply.clone()))
        } else {
            None
        };
        if let Some(violation) = violation {
            transaction.mark_contradiction(&Cause::Violation(violation.clone()));
            return self.close_on_violation(violation);
        }
        match index {
            Some(index) => transaction.apply_final_reply_to(index, reply),
            None => transaction.apply_final_reply(reply),
        }
    }

    /// Handles a reply that belongs to no command.
    fn take_unsolicited(&mut self, reply: &Reply) {
        if self.unavailable.is_some() {
            return self.close_on_violation(Violation::UnsolicitedReply(reply.clone()));
        }
        if reply.code() == Code::UNAVAILABLE {
            return self.close(Cause::Unavailable(reply.clone()));
        }
        // a refusal during the mail data: sending its end now would pass a part off as the whole message
        let ending = self
            .outstanding
            .front()
            .filter(|awaited| matches!(awaited.expect, Expect::Message(_)))
            .map(|awaited| awaited.goal);
        let Some(goal) = self.streaming().or(ending).filter(|_| reply.code().is_negative()) else {
            return self.close_on_violation(Violation::UnsolicitedReply(reply.clone()));
        };
        if let Some(transaction) = self.transaction(goal) {
            transaction.refuse_open(Verb::Message, reply);
        }
        self.close(Cause::Refused(reply.clone()));
    }

    pub(super) fn close_on_violation(&mut self, violation: Violation) {
        if self.unavailable.is_some() {
            self.discard_outcomes(&violation);
        }
        self.close(Cause::Violation(violation));
    }
}

/// Returns whether the reply is the expected success.
fn is_wanted(awaited: Option<Outstanding>, phase: Phase, reply: &Reply) -> bool {
    match awaited.map(|awaited| awaited.expect) {
        None => phase == Phase::Greeting && reply.is_completed(),
        Some(Expect::Data) => reply.code() == Code::START_MAIL_INPUT,
        Some(Expect::Auth) => reply.is_completed() || reply.code() == Code::CHALLENGE,
        Some(_) => reply.is_completed(),
    }
}
