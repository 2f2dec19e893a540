//! Provides the goals of a [`Client`]: the operations that an application can request.

use super::exchange::Exchange;
use super::job::{Job, Task};
use super::transaction::{Stage, Transaction};
use super::{Client, Phase};
use crate::address::EhloDomain;
use crate::auth::Mechanism;
use crate::command;
use crate::config::Protocol;
use crate::envelope::{BodyType, Envelope};
use crate::event::{Goal, Verb};
use crate::fault::{Cause, Misuse};
use crate::text::Text;
use crate::transmit::Content;
use crate::xclient::XclientAttribute;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Commands that change the protocol's state, so that the client must know about them.
const STATE_CHANGING: [&str; 8] = ["DATA", "BDAT", "STARTTLS", "AUTH", "EHLO", "HELO", "LHLO", "XCLIENT"];

/// Goals. Each accepted goal ends in exactly one [`Event::Done`](crate::Event::Done).
///
/// If a goal that sets up the session (hello, TLS, XCLIENT, login) fails, the goals queued after it end as
/// [`Reason::Prerequisite`](crate::Reason::Prerequisite), except QUIT.
impl Client {
    /// Sends EHLO, or HELO if the server refuses EHLO with 5yz (RFC 5321 §3.2); with LMTP sends LHLO.
    ///
    /// # Errors
    /// [`Misuse::Closed`] or [`Misuse::AfterQuit`].
    pub fn hello(&mut self, domain: EhloDomain) -> Result<Goal, Misuse> {
        let goal = self.accept(Task::Hello(domain))?;
        self.planned.hello = true;
        Ok(goal)
    }

    /// Secures the connection with STARTTLS (RFC 3207); afterwards a new hello is required.
    ///
    /// Everything learnt before TLS is forgotten. Where TLS is required, all goals may be set in advance: if the
    /// server refuses STARTTLS or does not offer it, the goals after it fail and nothing is sent in clear. Where TLS is
    /// optional, wait for the end of this goal before setting another one; after a failure the previous hello remains
    /// valid.
    ///
    /// ```
    /// # use smtp_core::{Client, Config, Plain, Secret};
    /// # let mut client = Client::new(Config::default());
    /// client.hello("client.example".parse()?)?;
    /// client.start_tls()?;
    /// client.hello("client.example".parse()?)?;
    /// client.authenticate(vec![Box::new(Plain::new("alice", Secret::from("password"))?)])?;
    /// client.quit()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Misuse::HelloFirst`], [`Misuse::AlreadySecured`], or as [`hello`](Self::hello).
    pub fn start_tls(&mut self) -> Result<Goal, Misuse> {
        self.check_hello()?;
        if self.planned.secured {
            return Err(Misuse::AlreadySecured);
        }
        let goal = self.accept(Task::StartTls)?;
        self.planned.secured = true;
        self.planned.hello = false;
        Ok(goal)
    }

    /// Sends XCLIENT, which sets the client attributes that the server uses (Postfix).
    ///
    /// Afterwards the session is in the state after the greeting: a new hello is required, and a login is possible
    /// again.
    ///
    /// # Errors
    /// [`Misuse::NoAttribute`], [`Misuse::NotAscii`], [`Misuse::CommandTooLong`], or as
    /// [`start_tls`](Self::start_tls).
    pub fn xclient(&mut self, attributes: &[XclientAttribute]) -> Result<Goal, Misuse> {
        self.check_hello()?;
        if attributes.is_empty() {
            return Err(Misuse::NoAttribute);
        }
        let parameters: Result<Vec<_>, _> = attributes.iter().map(XclientAttribute::to_parameter).collect();
        let parameters = parameters.map_err(|_| Misuse::NotAscii)?;
        command::check_xclient(&parameters)?;
        let goal = self
            .accept(Task::Xclient(attributes.iter().map(XclientAttribute::name).zip(parameters).collect()))?;
        self.planned.hello = false;
        self.planned.authenticated = false;
        Ok(goal)
    }

    /// Logs in with the first of `mechanisms` that is offered and permitted (RFC 4954).
    ///
    /// After 504 or 534 it tries the next one, but never goes from a mechanism that hides the password to one that
    /// reveals it.
    ///
    /// # Errors
    /// [`Misuse::NoMechanism`], [`Misuse::AlreadyAuthenticated`], or as [`start_tls`](Self::start_tls).
    pub fn authenticate(&mut self, mechanisms: Vec<Box<dyn Mechanism>>) -> Result<Goal, Misuse> {
        self.check_hello()?;
        if mechanisms.is_empty() {
            return Err(Misuse::NoMechanism);
        }
        if self.planned.authenticated {
            return Err(Misuse::AlreadyAuthenticated);
        }
        let exchange = Exchange::new(mechanisms);
        for secret in exchange.secrets() {
            self.mask.add(secret);
        }
        let goal = self.accept(Task::Authenticate(Box::new(exchange)))?;
        self.planned.authenticated = true;
        Ok(goal)
    }

    /// Sends a message; [`Output::Body`](crate::Output::Body) requests its body.
    ///
    /// A shared envelope is not copied, however often it is sent.
    ///
    /// # Errors
    /// [`Misuse::NoRecipients`], [`Misuse::CommandTooLong`], or as [`start_tls`](Self::start_tls).
    pub fn send(&mut self, envelope: impl Into<Arc<Envelope>>) -> Result<Goal, Misuse> {
        self.transact(envelope.into(), false)
    }

    /// Checks whether the server would accept these recipients: MAIL, RCPT, RSET.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn check(&mut self, envelope: impl Into<Arc<Envelope>>) -> Result<Goal, Misuse> {
        self.transact(envelope.into(), true)
    }

    /// Checks whether the server would accept the sender: MAIL, RSET.
    ///
    /// The envelope's recipients are ignored, and the goal ends as [`End::Checked`](crate::End::Checked) with one
    /// outcome, that of the sender.
    ///
    /// # Errors
    /// [`Misuse::CommandTooLong`], or as [`start_tls`](Self::start_tls).
    pub fn check_sender(&mut self, envelope: Envelope) -> Result<Goal, Misuse> {
        self.check_hello()?;
        command::check_envelope(&envelope)?;
        self.accept(Task::Send(Box::new(Transaction::of_sender(envelope))))
    }

    /// Sends RSET (RFC 5321 §4.1.1.5).
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub fn reset(&mut self) -> Result<Goal, Misuse> {
        self.accept(Task::Simple(Verb::Rset, None))
    }

    /// Sends NOOP (RFC 5321 §4.1.1.9).
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub fn noop(&mut self) -> Result<Goal, Misuse> {
        self.accept(Task::Simple(Verb::Noop, None))
    }

    /// Sends VRFY, which asks about the user or mailbox `whom` (RFC 5321 §4.1.1.6).
    ///
    /// # Errors
    /// As [`hello`](Self::hello), or [`Misuse::CommandTooLong`].
    pub fn vrfy(&mut self, whom: Text) -> Result<Goal, Misuse> {
        self.simple(Verb::Vrfy, Some(whom))
    }

    /// Sends EXPN, which asks for the members of `list` (RFC 5321 §4.1.1.7).
    ///
    /// # Errors
    /// As [`vrfy`](Self::vrfy).
    pub fn expn(&mut self, list: Text) -> Result<Goal, Misuse> {
        self.simple(Verb::Expn, Some(list))
    }

    /// Sends HELP, about `topic` if given (RFC 5321 §4.1.1.8).
    ///
    /// # Errors
    /// As [`vrfy`](Self::vrfy).
    pub fn help(&mut self, topic: Option<Text>) -> Result<Goal, Misuse> {
        self.simple(Verb::Help, topic)
    }

    /// Sends any other command and expects one reply.
    ///
    /// # Errors
    /// [`Misuse::StateChangingCommand`] for DATA, BDAT, STARTTLS, AUTH, EHLO, HELO, LHLO and XCLIENT, or as
    /// [`vrfy`](Self::vrfy).
    pub fn raw(&mut self, command: Text) -> Result<Goal, Misuse> {
        let verb = command
            .as_str()
            .trim_start()
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        if STATE_CHANGING.iter().any(|name| name.eq_ignore_ascii_case(verb)) {
            return Err(Misuse::StateChangingCommand);
        }
        self.simple(Verb::Raw, Some(command))
    }

    /// Sends QUIT, pipelined with the last message where PIPELINING is offered (RFC 5321 §4.1.1.10).
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub fn quit(&mut self) -> Result<Goal, Misuse> {
        let goal = self.accept(Task::Simple(Verb::Quit, None))?;
        self.planned.quit = true;
        Ok(goal)
    }

    /// Accepts octets of the message that [`Output::Body`](crate::Output::Body) requests, and returns their number.
    ///
    /// If it accepts fewer than all, poll; the rest is then requested again. Each CR, LF and CRLF is a line end and
    /// is sent as CRLF; a last line without a line end gets one. An empty slice has no effect: to end the message,
    /// call [`end_of_body`](Self::end_of_body). When no body is requested, nothing is accepted.
    pub fn body(&mut self, octets: &[u8]) -> usize {
        if self.wanted_body().is_none() {
            return 0;
        }
        self.has_changed = true;
        let limit = self.config.limits.chunk;
        let (pending, chunk) = (&mut self.pending, &mut self.chunk);
        let Some(Job { task: Task::Send(transaction), .. }) = self.jobs.get_mut(self.cursor) else {
            return 0;
        };
        if transaction.stage == Stage::Data {
            let before = pending.octets.len();
            let accepted = octets.len().min(limit.saturating_sub(before));
            transaction.line_ends.encode::<true>(&octets[..accepted], &mut pending.octets);
            pending.mark(Content::Message, pending.octets.len() - before);
            return accepted;
        }
        let accepted = octets.len().min(limit.saturating_sub(chunk.len()));
        if transaction.envelope.body == BodyType::Binary {
            // RFC 3030 §3: in binary data, line ends are octets like any other
            chunk.extend_from_slice(&octets[..accepted]);
        } else {
            transaction.line_ends.encode::<false>(&octets[..accepted], chunk);
        }
        accepted
    }

    /// Marks the message that [`Output::Body`](crate::Output::Body) requests as complete; otherwise has no effect.
    ///
    /// The client cannot detect that a source ended too early: a driver that knows the message's length should
    /// compare it, and call [`abort_body`](Self::abort_body) on a mismatch.
    pub fn end_of_body(&mut self) {
        if self.unfinished_body().is_none() {
            return;
        }
        self.has_changed = true;
        let (pending, chunk) = (&mut self.pending, &mut self.chunk);
        let Some(Job { task: Task::Send(transaction), .. }) = self.jobs.get_mut(self.cursor) else { return };
        transaction.is_body_complete = true;
        if transaction.stage == Stage::Data {
            let before = pending.octets.len();
            transaction.line_ends.finish(&mut pending.octets);
            pending.mark(Content::Message, pending.octets.len() - before);
        } else if transaction.envelope.body != BodyType::Binary {
            transaction.line_ends.finish(chunk);
        }
    }

    /// Abandons the message that [`Output::Body`](crate::Output::Body) requests.
    ///
    /// The message ends as [`Outcome::Unsent`](crate::Outcome::Unsent). If mail data may have been sent, that is
    /// after the 354 of DATA or a first chunk of BDAT, the connection is closed without the end of the mail data, so
    /// that the server cannot accept a part of the message; goals queued after it then end too ([`Cause::Aborted`]).
    pub fn abort_body(&mut self) {
        let Some((goal, _)) = self.unfinished_body() else { return };
        self.has_changed = true;
        let Some(transaction) = self.transaction(goal) else { return };
        transaction.leave_open_unsent(&crate::fault::Reason::Aborted);
        if transaction.stage == Stage::Data || transaction.data_begins.is_some() {
            self.close(Cause::Aborted);
        } else {
            self.chunk.clear();
            self.finish_writing(goal);
        }
    }

    fn transact(&mut self, envelope: Arc<Envelope>, is_check: bool) -> Result<Goal, Misuse> {
        self.check_hello()?;
        if envelope.recipients.is_empty() {
            return Err(Misuse::NoRecipients);
        }
        // the same shared envelope was checked before; an unshared one cannot come again
        let is_checked = self.checked.as_ref().is_some_and(|checked| Arc::ptr_eq(checked, &envelope));
        if !is_checked {
            command::check_envelope(&envelope)?;
            self.checked = (Arc::strong_count(&envelope) > 1).then(|| Arc::clone(&envelope));
        }
        self.accept(Task::Send(Box::new(Transaction::new(envelope, is_check))))
    }

    fn simple(&mut self, verb: Verb, argument: Option<Text>) -> Result<Goal, Misuse> {
        command::check_length(argument.as_ref().map(|text| text.as_str().len()))?;
        self.accept(Task::Simple(verb, argument))
    }

    fn accept(&mut self, task: Task) -> Result<Goal, Misuse> {
        self.check_open()?;
        let goal = Goal(self.next_goal);
        self.next_goal += 1;
        self.has_changed = true;
        self.jobs.push_back(Job { goal, task, end: None });
        Ok(goal)
    }

    fn check_open(&self) -> Result<(), Misuse> {
        match (self.phase, self.planned.quit) {
            (Phase::Draining | Phase::Closed, _) => Err(Misuse::Closed),
            (_, true) => Err(Misuse::AfterQuit),
            _ => Ok(()),
        }
    }

    fn check_hello(&self) -> Result<(), Misuse> {
        self.check_open()?;
        if self.planned.hello { Ok(()) } else { Err(Misuse::HelloFirst) }
    }

    /// Returns whether the client uses LMTP.
    pub(super) const fn is_lmtp(&self) -> bool {
        matches!(self.config.protocol, Protocol::Lmtp)
    }
}
