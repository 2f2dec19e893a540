//! Provides the goals: what the application can ask for.

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

/// Commands that change the protocol's state, so that the client must know of them.
const STATE_CHANGING: [&str; 8] = ["DATA", "BDAT", "STARTTLS", "AUTH", "EHLO", "HELO", "LHLO", "XCLIENT"];

/// Goals. Each that is taken ends in exactly one [`Event::Done`](crate::Event::Done). A goal that sets the session up
/// (hello, TLS, login) and is not done takes those queued behind it with it, QUIT excepted: they end as
/// [`Reason::Prerequisite`](crate::Reason::Prerequisite).
impl Client {
    /// Says EHLO, and HELO where that is refused by 5yz (RFC 5321 §3.2); LHLO under LMTP.
    ///
    /// # Errors
    /// [`Misuse::Closed`] or [`Misuse::AfterQuit`].
    pub fn hello(&mut self, domain: EhloDomain) -> Result<Goal, Misuse> {
        let goal = self.take(Task::Hello(domain))?;
        self.plan.hello = true;
        Ok(goal)
    }

    /// Asks for TLS (RFC 3207). Afterwards everything learnt is forgotten and a new hello is due.
    ///
    /// Where TLS is a must, all goals may be set beforehand: when it is refused or not offered, what stands behind it is
    /// not done, and nothing leaves in clear. Where it is a wish, wait for the end of this goal before setting another: the
    /// old hello still holds.
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
        self.needs_hello()?;
        if self.plan.secured {
            return Err(Misuse::AlreadySecured);
        }
        let goal = self.take(Task::StartTls)?;
        self.plan.secured = true;
        self.plan.hello = false;
        Ok(goal)
    }

    /// Tells the server which client it is to believe in (Postfix, XCLIENT). Afterwards the session is where it was at the
    /// greeting, and a new hello is due; a login is possible again.
    ///
    /// # Errors
    /// [`Misuse::NoAttribute`], [`Misuse::NotAscii`], [`Misuse::CommandTooLong`], or as
    /// [`start_tls`](Self::start_tls).
    pub fn xclient(&mut self, attributes: &[XclientAttribute]) -> Result<Goal, Misuse> {
        self.needs_hello()?;
        if attributes.is_empty() {
            return Err(Misuse::NoAttribute);
        }
        let parameters: Result<Vec<_>, _> = attributes.iter().map(XclientAttribute::to_parameter).collect();
        let parameters = parameters.map_err(|_| Misuse::NotAscii)?;
        command::check_xclient(&parameters)?;
        let goal = self
            .take(Task::Xclient(attributes.iter().map(XclientAttribute::name).zip(parameters).collect()))?;
        self.plan.hello = false;
        self.plan.authenticated = false;
        Ok(goal)
    }

    /// Logs in (RFC 4954) by the first of `mechanisms` that is offered and may be used; goes on to the next one after
    /// 504 or 534 only, and never from one that hides the password to one that reveals it.
    ///
    /// # Errors
    /// [`Misuse::NoMechanism`], [`Misuse::AlreadyAuthenticated`], or as [`start_tls`](Self::start_tls).
    pub fn authenticate(&mut self, mechanisms: Vec<Box<dyn Mechanism>>) -> Result<Goal, Misuse> {
        self.needs_hello()?;
        if mechanisms.is_empty() {
            return Err(Misuse::NoMechanism);
        }
        if self.plan.authenticated {
            return Err(Misuse::AlreadyAuthenticated);
        }
        let exchange = Exchange::new(mechanisms);
        for secret in exchange.secrets() {
            self.mask.add(secret);
        }
        let goal = self.take(Task::Authenticate(Box::new(exchange)))?;
        self.plan.authenticated = true;
        Ok(goal)
    }

    /// Sends a message; its body is asked for by [`Output::Body`](crate::Output::Body). An envelope that is shared is not
    /// copied, however often it is sent.
    ///
    /// # Errors
    /// [`Misuse::NoRecipients`], [`Misuse::CommandTooLong`], or as [`start_tls`](Self::start_tls).
    pub fn send(&mut self, envelope: impl Into<Arc<Envelope>>) -> Result<Goal, Misuse> {
        self.transact(envelope.into(), false)
    }

    /// Asks whether these recipients would be taken: MAIL, RCPT, RSET.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn check(&mut self, envelope: impl Into<Arc<Envelope>>) -> Result<Goal, Misuse> {
        self.transact(envelope.into(), true)
    }

    /// Asks whether the sender would be taken: MAIL, RSET. The envelope's recipients are not asked for, and the goal ends
    /// as [`End::Checked`](crate::End::Checked) with one outcome, the sender's.
    ///
    /// # Errors
    /// [`Misuse::CommandTooLong`], or as [`start_tls`](Self::start_tls).
    pub fn check_sender(&mut self, envelope: Envelope) -> Result<Goal, Misuse> {
        self.needs_hello()?;
        command::check_envelope(&envelope)?;
        self.take(Task::Send(Box::new(Transaction::of_sender(envelope))))
    }

    /// Says RSET (RFC 5321 §4.1.1.5).
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub fn reset(&mut self) -> Result<Goal, Misuse> {
        self.take(Task::Simple(Verb::Rset, None))
    }

    /// Says NOOP (RFC 5321 §4.1.1.9).
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub fn noop(&mut self) -> Result<Goal, Misuse> {
        self.take(Task::Simple(Verb::Noop, None))
    }

    /// Asks who `whom` is (RFC 5321 §4.1.1.6).
    ///
    /// # Errors
    /// As [`hello`](Self::hello), or [`Misuse::CommandTooLong`].
    pub fn vrfy(&mut self, whom: Text) -> Result<Goal, Misuse> {
        self.simple(Verb::Vrfy, Some(whom))
    }

    /// Asks who is on the list `list` (RFC 5321 §4.1.1.7).
    ///
    /// # Errors
    /// As [`vrfy`](Self::vrfy).
    pub fn expn(&mut self, list: Text) -> Result<Goal, Misuse> {
        self.simple(Verb::Expn, Some(list))
    }

    /// Asks for help, about `topic` if one is given (RFC 5321 §4.1.1.8).
    ///
    /// # Errors
    /// As [`vrfy`](Self::vrfy).
    pub fn help(&mut self, topic: Option<Text>) -> Result<Goal, Misuse> {
        self.simple(Verb::Help, topic)
    }

    /// Says any other command; it is owed one reply.
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

    /// Says QUIT (RFC 5321 §4.1.1.10); rides with the last message where PIPELINING is offered.
    ///
    /// # Errors
    /// As [`hello`](Self::hello).
    pub fn quit(&mut self) -> Result<Goal, Misuse> {
        let goal = self.take(Task::Simple(Verb::Quit, None))?;
        self.plan.quit = true;
        Ok(goal)
    }

    /// Takes octets of the message that [`Output::Body`](crate::Output::Body) asks for, and says how many of them.
    ///
    /// Poll when it takes fewer than all; the rest is asked for again. Each of CR, LF and CRLF is a line end and leaves as
    /// CRLF; a last line without one gets one. No octets say nothing: call [`end_of_body`](Self::end_of_body). Octets
    /// that nothing asked for are not taken.
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
            let taken = octets.len().min(limit.saturating_sub(before));
            transaction.line_ends.encode::<true>(&octets[..taken], &mut pending.octets);
            pending.mark(Content::Message, pending.octets.len() - before);
            return taken;
        }
        let taken = octets.len().min(limit.saturating_sub(chunk.len()));
        if transaction.envelope.body == BodyType::Binary {
            // RFC 3030 §3: a line end is two octets like any other
            chunk.extend_from_slice(&octets[..taken]);
        } else {
            transaction.line_ends.encode::<false>(&octets[..taken], chunk);
        }
        taken
    }

    /// Says that the message that [`Output::Body`](crate::Output::Body) asks for is complete; without effect when none is.
    ///
    /// To the core a source that ended too early is a complete message: a driver that knows how long it should be compares,
    /// and calls [`abort_body`](Self::abort_body).
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

    /// Gives up the message that [`Output::Body`](crate::Output::Body) asks for: it ends as
    /// [`Outcome::Unsent`](crate::Outcome::Unsent). Behind the 354 of DATA, even when nothing was handed in, and behind a
    /// first chunk of BDAT the connection is closed without the end of the mail data, so that no part can pass for the
    /// whole; what is queued behind it is then unsent too ([`Cause::Aborted`]).
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
        self.needs_hello()?;
        if envelope.recipients.is_empty() {
            return Err(Misuse::NoRecipients);
        }
        // the same again was checked the last time; what nobody else holds cannot come again
        let is_checked = self.checked.as_ref().is_some_and(|checked| Arc::ptr_eq(checked, &envelope));
        if !is_checked {
            command::check_envelope(&envelope)?;
            self.checked = (Arc::strong_count(&envelope) > 1).then(|| Arc::clone(&envelope));
        }
        self.take(Task::Send(Box::new(Transaction::new(envelope, is_check))))
    }

    fn simple(&mut self, verb: Verb, argument: Option<Text>) -> Result<Goal, Misuse> {
        command::check_length(argument.as_ref().map(|text| text.as_str().len()))?;
        self.take(Task::Simple(verb, argument))
    }

    fn take(&mut self, task: Task) -> Result<Goal, Misuse> {
        self.is_open_to_goals()?;
        let goal = Goal(self.next_goal);
        self.next_goal += 1;
        self.has_changed = true;
        self.jobs.push_back(Job { goal, task, end: None });
        Ok(goal)
    }

    fn is_open_to_goals(&self) -> Result<(), Misuse> {
        match (self.phase, self.plan.quit) {
            (Phase::Draining | Phase::Closed, _) => Err(Misuse::Closed),
            (_, true) => Err(Misuse::AfterQuit),
            _ => Ok(()),
        }
    }

    fn needs_hello(&self) -> Result<(), Misuse> {
        self.is_open_to_goals()?;
        if self.plan.hello { Ok(()) } else { Err(Misuse::HelloFirst) }
    }

    /// The client speaks LMTP.
    pub(super) const fn is_lmtp(&self) -> bool {
        matches!(self.config.protocol, Protocol::Lmtp)
    }
}
