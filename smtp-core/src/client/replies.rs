//! Takes the replies: each belongs to the command that has waited longest (RFC 5321 §4.2, RFC 2920 §3.1).

use super::job::{Expect, Owed, Task};
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
    /// Takes octets, however they are cut.
    pub(super) fn receive(&mut self, octets: &[u8]) {
        let mut input = octets;
        loop {
            match self.phase {
                Phase::Closed => return,
                Phase::Handshake | Phase::Upgrade if input.is_empty() => return,
                // RFC 3207 §4.2: what came in clear must not be taken for a part of the secured session
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
                    let awaits_challenge = self.owed.front().is_some_and(|owed| owed.expect == Expect::Auth);
                    // before it is masked, because it is what the response is made from
                    let challenge = (awaits_challenge && reply.code() == Code::CHALLENGE)
                        .then(|| reply.lines().next().map(|line| String::from_utf8_lossy(line).to_string()));
                    // these are never what was waited for, and are told with what they say
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

    /// Takes the replies by which recipients of one message are taken, in a run, where their code is all that counts. What
    /// is no such reply, and the last one that is owed, stays in `input`.
    fn take_recipients(&mut self, input: &mut &[u8]) {
        let Some(&Owed { goal, expect: Expect::Rcpt(_) }) = self.owed.front() else { return };
        let counts_code_alone = !self.config.report_replies && !self.config.report_recipients;
        let Some(index) = self.job_index(goal).filter(|_| counts_code_alone) else { return };
        let Task::Send(transaction) = &mut self.jobs[index].task else { return };
        if transaction.is_check || transaction.is_mail_refused {
            return;
        }
        while self.owed_handed_out > 0
            && transaction.owed > 1
            && let Some(&Owed { goal: of, expect: Expect::Rcpt(index) }) = self.owed.front()
            && of == goal
            && let Some(code) = self.parser.next_completed(input, &self.config.limits)
        {
            self.owed.pop_front();
            self.owed_handed_out -= 1;
            transaction.owed -= 1;
            transaction.answer(index, &Reply::bare(code));
            self.answered = Some(Verb::Rcpt);
            self.restarts_timer = true;
        }
    }

    /// STARTTLS led to TLS: all that was learnt in clear is forgotten (RFC 3207 §4.2).
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
        // what is owed for a command that has not been handed out cannot have been replied to
        let owed = if self.owed_handed_out > 0 { self.owed.front().copied() } else { None };
        self.is_suspect = false;
        if self.config.report_replies {
            let wanted = is_wanted(owed, self.phase, reply);
            let verb = owed.map(|owed| owed.expect.verb());
            self.events.push_back(Event::Reply { verb, reply: reply.clone(), wanted });
        }
        if self.phase == Phase::Greeting {
            return self.greet(reply);
        }
        let Some(owed) = owed else { return self.take_unowed(reply) };
        self.owed.pop_front();
        self.owed_handed_out -= 1;
        self.owed_final -= usize::from(matches!(owed.expect, Expect::Message(_)));
        self.answered = Some(owed.expect.verb());
        if reply.code() == Code::UNAVAILABLE {
            self.take_unavailable(owed, reply);
            self.count_reply(owed.goal);
            return self.close_when_drained();
        }
        let is_intermediate = reply.code().severity() == Severity::Intermediate;
        // what 334 and 354 ask for is not the same: mail data behind a 334 would be read as commands
        let asks_for_more = match owed.expect {
            Expect::Auth => reply.code() == Code::CHALLENGE,
            Expect::Data => reply.code() == Code::START_MAIL_INPUT,
            _ => false,
        };
        // 220 and 221 speak of the connection: as the reply to a message, say, they would be those of another command
        let is_of_the_connection = reply.code().is_of_the_connection()
            && !matches!(owed.expect, Expect::StartTls | Expect::Xclient | Expect::Simple(_));
        if is_of_the_connection || is_intermediate && !asks_for_more {
            return self.violate(Violation::UnexpectedReply(reply.clone()));
        }
        self.dispatch(owed, reply, challenge);
        self.count_reply(owed.goal);
        self.close_when_drained();
    }

    /// One reply less is owed to the transaction of that goal; ends it with the last.
    fn count_reply(&mut self, goal: Goal) {
        let Some(transaction) = self.transaction(goal) else { return };
        transaction.owed -= 1;
        if transaction.stage == Stage::Written && transaction.owed == 0 && !self.waits_for_close(goal) {
            self.finish_writing(goal);
        }
    }

    /// Whether a challenge that comes now is not to be shown: with what the server says of a password (salt, nonce,
    /// signature) who reads the log can try passwords at leisure, though none was sent.
    fn hides_challenge(&self) -> bool {
        let Some(owed) = self.owed.front().filter(|owed| owed.expect == Expect::Auth) else { return false };
        let job = self.job_index(owed.goal).and_then(|index| self.jobs.get(index));
        matches!(job.map(|job| &job.task), Some(Task::Authenticate(exchange)) if exchange.hides_password())
    }

    /// Of which replies, should one come now, the code is enough, so that its text need not be kept.
    fn ignored_text(&self) -> Option<Severity> {
        let owed = self.owed.front().filter(|_| self.owed_handed_out > 0)?;
        let is = |what: fn(&Transaction) -> bool| {
            let job = self.job_index(owed.goal).and_then(|index| self.jobs.get(index));
            matches!(job.map(|job| &job.task), Some(Task::Send(transaction)) if what(transaction))
        };
        match owed.expect {
            Expect::ResetBefore | Expect::Chunk => Some(Severity::Completed),
            Expect::Rcpt(_) => (!self.config.report_recipients && is(|transaction| !transaction.is_check))
                .then_some(Severity::Completed),
            Expect::Mail => is(|transaction| !transaction.is_of_sender).then_some(Severity::Completed),
            Expect::Data => is(|transaction| !transaction.is_hopeless()).then_some(Severity::Intermediate),
            _ => None,
        }
    }

    fn greet(&mut self, reply: &Reply) {
        match reply.code().severity() {
            Severity::Completed => {
                self.phase = Phase::Open;
                self.events.push_back(Event::Greeting(reply.clone()));
            }
            Severity::Intermediate => self.violate(Violation::UnexpectedReply(reply.clone())),
            _ if reply.code() == Code::UNAVAILABLE => self.close(Cause::Unavailable(reply.clone())),
            _ => self.close(Cause::Refused(reply.clone())),
        }
    }

    pub(super) fn dispatch(&mut self, Owed { goal, expect }: Owed, reply: &Reply, challenge: Option<&str>) {
        let is_completed = reply.is_completed();
        match expect {
            Expect::Hello(verb) => self.take_hello_reply(goal, verb, reply),
            Expect::StartTls if reply.code() == Code::READY => self.phase = Phase::Upgrade,
            Expect::Xclient if reply.code() == Code::READY => {
                self.return_to_greeting();
                self.done(goal, End::Replied(reply.clone()));
            }
            Expect::StartTls | Expect::Xclient if is_completed => {
                self.violate(Violation::UnexpectedReply(reply.clone()));
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
            // RFC 5321 §4.1.1.5: 250 is the one reply there is; without it a transaction may still be open
            Expect::ResetBefore => self.violate(Violation::UnexpectedReply(reply.clone())),
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
                // a server that reads on gets the rest of the chunk, so that the next command is one
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
                // a message whose MAIL left with it may now go out under the sender of the one that was to be forgotten
                if is_reset_refused && self.jobs.iter().any(|job| job.task.has_begun()) {
                    return self.violate(Violation::UnexpectedReply(reply.clone()));
                }
                if verb == Verb::Quit && self.unavailable.is_some() {
                    self.take_last_reply(reply);
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
            // RFC 5321 §4.1.4: EHLO ends a transaction as RSET does
            self.open_transaction = None;
            self.has_open_recipients = false;
            self.done(goal, End::Replied(reply.clone()));
        } else if verb == Verb::Ehlo && reply.is_permanent() {
            self.say_hello(goal, Verb::Helo);
        } else {
            self.done(goal, End::Undone(Reason::Refused(reply.clone())));
        }
    }

    /// XCLIENT was taken: to the server this is a new client that has said nothing yet.
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
                let say = exchange.respond(challenge.unwrap_or_default(), &limits);
                // proofs and digests are made from the challenge
                for secret in exchange.secrets() {
                    self.mask.add(secret);
                }
                self.say(goal, say);
            }
            code if code.is_completed() => match exchange.succeed() {
                Ok(()) => {
                    self.is_authenticated = true;
                    self.done(goal, End::Authenticated(reply.clone()));
                }
                Err(reason) => {
                    let reason = self.masked(reason);
                    self.done(goal, End::Undone(reason));
                    self.violate(Violation::UnexpectedReply(reply.clone()));
                }
            },
            code if !code.is_negative() => self.violate(Violation::UnexpectedReply(reply.clone())),
            Code::PARAMETER_NOT_IMPLEMENTED | Code::MECHANISM_TOO_WEAK => {
                exchange.give_up_mechanism();
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
            return self.violate(Violation::UnexpectedReply(reply.clone()));
        }
        let Some(index) = self.job_index(goal) else { return };
        let Task::Authenticate(exchange) = &mut self.jobs[index].task else { return };
        let reason = exchange.cancelled.take().unwrap_or_else(|| Reason::Refused(reply.clone()));
        let reason = self.masked(reason);
        self.done(goal, End::Undone(reason));
    }

    /// What a mechanism says may quote the server, who may quote what is secret.
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
        let (is_lmtp, put_out) = (self.is_lmtp(), self.put_out());
        let Some(transaction) = self.transaction(goal) else { return };
        if reply.is_completed() {
            return self.violate(Violation::UnexpectedReply(reply.clone()));
        }
        if reply.code().is_negative() {
            transaction.refuse_open(Verb::Data, reply);
            return self.finish_writing(goal);
        }
        // the mail data that is awaited will not come
        if let Some(unavailable) = &self.unavailable {
            let cause = Cause::Unavailable(unavailable.clone());
            return self.close(cause);
        }
        let Some(transaction) = self.transaction(goal) else { return };
        if !transaction.is_hopeless() {
            transaction.stage = Stage::Data;
            transaction.data_begins = Some(put_out);
            return;
        }
        if transaction.has_stray_recipient {
            // a lone dot would send an empty message to someone
            return self.violate(Violation::UnexpectedReply(reply.clone()));
        }
        // RFC 2920 §3.1: nobody was taken, and yet the server waits for mail data
        transaction.stage = Stage::Written;
        self.pending.push(Content::Message, b".\r\n");
        self.open_transaction = None;
        if !is_lmtp {
            self.owe(goal, Expect::LoneDot);
        }
    }

    fn take_final_reply(&mut self, goal: Goal, index: Option<usize>, reply: &Reply) {
        let is_completed = reply.is_completed();
        if is_completed && self.open_transaction == Some(goal) {
            self.open_transaction = None;
        }
        let Some(transaction) = self.transaction(goal) else { return };
        let is_chunk_missing = transaction.chunk_refusal.is_some() || transaction.has_doubtful_chunk;
        let violation = if !is_completed {
            None
        } else if transaction.accepted == 0 {
            Some(Violation::AcceptedWithoutRecipients(reply.clone()))
        } else if is_chunk_missing {
            // it was refused and accepted: nobody can tell which of the two holds
            transaction.chunk_refusal = None;
            Some(Violation::UnexpectedReply(reply.clone()))
        } else {
            None
        };
        if let Some(violation) = violation {
            transaction.doubt(&Cause::Violation(violation.clone()));
            return self.violate(violation);
        }
        match index {
            Some(index) => transaction.conclude_one(index, reply),
            None => transaction.conclude_open(reply),
        }
    }

    /// Takes a reply that no command has asked for.
    fn take_unowed(&mut self, reply: &Reply) {
        if self.unavailable.is_some() {
            return self.violate(Violation::UnsolicitedReply(reply.clone()));
        }
        if reply.code() == Code::UNAVAILABLE {
            return self.close(Cause::Unavailable(reply.clone()));
        }
        // refused while the mail data is on its way: no end can follow, or a part of it would pass for the whole
        let ending =
            self.owed.front().filter(|owed| matches!(owed.expect, Expect::Message(_))).map(|owed| owed.goal);
        let Some(goal) = self.streaming().or(ending).filter(|_| reply.code().is_negative()) else {
            return self.violate(Violation::UnsolicitedReply(reply.clone()));
        };
        if let Some(transaction) = self.transaction(goal) {
            transaction.refuse_open(Verb::Message, reply);
        }
        self.close(Cause::Refused(reply.clone()));
    }

    pub(super) fn violate(&mut self, violation: Violation) {
        if self.unavailable.is_some() {
            self.doubt_replies(&violation);
        }
        self.close(Cause::Violation(violation));
    }
}

/// Whether it is what was hoped for.
fn is_wanted(owed: Option<Owed>, phase: Phase, reply: &Reply) -> bool {
    match owed.map(|owed| owed.expect) {
        None => phase == Phase::Greeting && reply.is_completed(),
        Some(Expect::Data) => reply.code() == Code::START_MAIL_INPUT,
        Some(Expect::Auth) => reply.is_completed() || reply.code() == Code::CHALLENGE,
        Some(_) => reply.is_completed(),
    }
}
