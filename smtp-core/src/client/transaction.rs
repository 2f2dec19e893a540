//! Defines [`Transaction`], a message or check in progress (RFC 5321 §3.3), with the state of its recipients.

use crate::envelope::Envelope;
use crate::event::{End, Outcome, Verb};
use crate::fault::{Cause, Reason};
use crate::reply::Reply;
use crate::transparency::LineEnds;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A message or check in progress.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Arc<Envelope>,
    /// MAIL and RCPT only.
    pub(super) is_check: bool,
    /// MAIL only: the single standing is that of the sender.
    pub(super) is_of_sender: bool,
    pub(super) stage: Stage,
    pub(super) standings: Vec<Standing>,
    /// The number of octets of reply texts that the standings may still keep whole.
    room: usize,
    /// The number of RCPT commands queued.
    pub(super) asked: usize,
    /// The number of RCPT replies received.
    pub(super) answered: usize,
    /// The number of accepted recipients, whatever happened to them later.
    pub(super) accepted: usize,
    /// The number of refused recipients.
    pub(super) refused: usize,
    /// MAIL was refused.
    pub(super) is_mail_refused: bool,
    /// A RCPT was accepted although MAIL was refused, so the server has another sender.
    pub(super) has_stray_recipient: bool,
    /// The number of outstanding replies to this transaction.
    pub(super) outstanding: usize,
    pub(super) line_ends: LineEnds,
    /// The application marked the body as complete.
    pub(super) is_body_complete: bool,
    /// The reply that refused a chunk; the following chunks cannot make a whole message.
    pub(super) chunk_refusal: Option<Reply>,
    /// The reply to a chunk was 421, so the server may or may not have accepted it.
    pub(super) has_unconfirmed_chunk: bool,
    /// The output position at the first octet of mail data.
    pub(super) data_begins: Option<u64>,
    /// The output position after the end of the mail data.
    pub(super) data_ends: Option<u64>,
}

/// The progress of a transaction's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nothing was checked yet.
    Start,
    /// Gathering the first chunk, to know whether the message is small enough for one group.
    Gather,
    /// RSET, if the server may have an unfinished transaction.
    Reset,
    Mail,
    Rcpt,
    /// All RCPT are queued; decides whether the mail data follows at once.
    Gate,
    /// DATA is queued.
    AwaitData,
    /// Sending the mail data of DATA.
    Data,
    /// Sending the mail data of BDAT.
    Chunks,
    /// Everything is queued.
    Written,
}

/// The state of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No reply yet.
    Waiting,
    /// RCPT was accepted with this reply.
    Accepted(Reply),
    /// The final outcome.
    Settled(Outcome),
}

/// The number of octets of RCPT reply texts that a transaction keeps whole.
///
/// Beyond it, each reply keeps its beginning ([`Reply::SHOWN`]), so that a server cannot use up the memory.
const WHOLE_TEXTS: usize = 4 * 1024 * 1024;

impl Transaction {
    pub(super) fn new(envelope: Arc<Envelope>, is_check: bool) -> Self {
        let standings = alloc::vec![Standing::Waiting; envelope.recipients.len()];
        Self {
            envelope,
            is_check,
            is_of_sender: false,
            stage: Stage::Start,
            standings,
            room: WHOLE_TEXTS,
            asked: 0,
            answered: 0,
            accepted: 0,
            refused: 0,
            is_mail_refused: false,
            has_stray_recipient: false,
            outstanding: 0,
            line_ends: LineEnds::default(),
            is_body_complete: false,
            chunk_refusal: None,
            has_unconfirmed_chunk: false,
            data_begins: None,
            data_ends: None,
        }
    }

    /// Makes a check of the sender only.
    pub(super) fn of_sender(mut envelope: Envelope) -> Self {
        envelope.recipients.clear();
        let transaction = Self::new(Arc::new(envelope), true);
        Self {
            is_of_sender: true,
            standings: alloc::vec![Standing::Waiting],
            asked: 1,
            answered: 1,
            ..transaction
        }
    }

    /// Handles the acceptance of MAIL.
    pub(super) fn take_sender(&mut self, reply: &Reply) {
        if self.is_of_sender {
            self.standings = alloc::vec![Standing::Accepted(reply.clone())];
        }
    }

    /// Returns whether every recipient has its RCPT reply.
    pub(super) fn is_answered(&self) -> bool {
        self.answered == self.standings.len()
    }

    /// Returns whether no mail data may follow: no recipient was accepted, or not all of those required.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_mail_refused
            || (self.envelope.all_or_nothing && self.refused > 0)
            || (self.is_answered() && self.accepted == 0)
    }

    /// Returns whether a chunk was refused, so that the rest of the message is not sent.
    pub(super) fn is_chunk_refused(&self) -> bool {
        self.chunk_refusal.is_some() || (self.stage == Stage::Written && self.data_ends.is_none())
    }

    /// Returns whether the server may have accepted recipients and wait for mail data that will not come.
    pub(super) fn leaves_recipients(&self) -> bool {
        self.data_ends.is_none() && !self.is_mail_refused && !self.is_check && self.asked > self.refused
    }

    /// Handles the refusal of MAIL, which refuses every recipient.
    pub(super) fn refuse_mail(&mut self, reply: &Reply) {
        self.is_mail_refused = true;
        self.refuse_open(Verb::Mail, reply);
    }

    /// Handles the reply to the RCPT with `index`.
    pub(super) fn answer(&mut self, index: usize, reply: &Reply) {
        self.answered += 1;
        if self.is_mail_refused {
            self.has_stray_recipient |= reply.is_completed();
            return;
        }
        let reply = self.keep(reply);
        let Some(standing) = self.standings.get_mut(index) else { return };
        if reply.is_completed() {
            self.accepted += 1;
            *standing = Standing::Accepted(reply);
        } else {
            self.refused += 1;
            *standing = Standing::Settled(if is_too_many(&reply, self.accepted) {
                Outcome::Unsent(Reason::TooManyRecipients(reply))
            } else {
                Outcome::Refused { verb: Verb::Rcpt, reply }
            });
        }
    }

    /// Settles all open recipients as refused at `verb`.
    pub(super) fn refuse_open(&mut self, verb: Verb, reply: &Reply) {
        self.settle_open(|_| Outcome::Refused { verb, reply: reply.clone() });
    }

    /// Settles all open recipients as unsent.
    pub(super) fn leave_open_unsent(&mut self, reason: &Reason) {
        self.settle_open(|_| Outcome::Unsent(reason.clone()));
    }

    /// Applies the final reply to all open recipients.
    pub(super) fn apply_final_reply(&mut self, reply: &Reply) {
        if reply.is_completed() {
            self.settle_open(|_| Outcome::Accepted(reply.clone()));
        } else {
            self.refuse_message(reply);
        }
    }

    /// Settles all open recipients as refused with the message.
    ///
    /// The reply is that to the first refused chunk, because the replies to later chunks only repeat it (RFC 3030
    /// §2).
    pub(super) fn refuse_message(&mut self, reply: &Reply) {
        let reply = self.chunk_refusal.take().unwrap_or_else(|| reply.clone());
        self.refuse_open(Verb::Message, &reply);
    }

    /// Applies the final reply for one recipient (RFC 2033 §4.2).
    pub(super) fn apply_final_reply_to(&mut self, index: usize, reply: &Reply) {
        // Sharing one reply among recipients keeps its text once.
        let reply = self.chunk_refusal.clone().unwrap_or_else(|| self.keep(reply));
        if let Some(standing @ Standing::Accepted(_)) = self.standings.get_mut(index) {
            *standing = Standing::Settled(if reply.is_completed() {
                Outcome::Accepted(reply)
            } else {
                Outcome::Refused { verb: Verb::Message, reply }
            });
        }
    }

    /// Marks all outcomes unconfirmed if the server accepted the mail data after it had refused every recipient.
    pub(super) fn mark_contradiction(&mut self, cause: &Cause) {
        if self.accepted == 0 {
            self.mark_unconfirmed(cause);
        }
    }

    /// Marks all outcomes unconfirmed, because the replies cannot be trusted.
    pub(super) fn mark_unconfirmed(&mut self, cause: &Cause) {
        self.standings.fill(Standing::Settled(Outcome::Unconfirmed(cause.clone())));
    }

    /// Returns whether every recipient has an outcome.
    pub(super) fn is_settled(&self) -> bool {
        self.is_check || self.standings.iter().all(|standing| matches!(standing, Standing::Settled(_)))
    }

    /// Settles the open recipients when the connection ends.
    ///
    /// If the end of the mail data was transmitted they are unconfirmed, unless a chunk was refused, which failed the
    /// transaction (RFC 3030 §2).
    pub(super) fn cut_off(&mut self, cause: &Cause, is_end_transmitted: bool) {
        let is_check = self.is_check;
        if is_end_transmitted && self.has_stray_recipient && self.outstanding > 0 {
            return self.mark_contradiction(cause);
        }
        if let Some(reply) = self.chunk_refusal.take() {
            return self.refuse_open(Verb::Message, &reply);
        }
        self.settle_open(|standing| match standing {
            Standing::Accepted(reply) if is_check => Outcome::Accepted(reply.clone()),
            _ if is_end_transmitted => Outcome::Unconfirmed(cause.clone()),
            _ => Outcome::Unsent(Reason::Closed(cause.clone())),
        });
    }

    /// Returns the goal's end; a recipient without an outcome was accepted, or never asked for.
    pub(super) fn take_end(&mut self) -> End {
        let outcomes = core::mem::take(&mut self.standings).into_iter().map(|standing| match standing {
            Standing::Settled(outcome) => outcome,
            Standing::Accepted(reply) if self.is_check => Outcome::Accepted(reply),
            Standing::Accepted(_) | Standing::Waiting => Outcome::Unsent(Reason::AnotherRefused),
        });
        if self.is_check { End::Checked(outcomes.collect()) } else { End::Delivered(outcomes.collect()) }
    }

    /// Returns the reply as it is kept for one recipient.
    fn keep(&mut self, reply: &Reply) -> Reply {
        match self.room.checked_sub(reply.text().len()) {
            Some(room) => {
                self.room = room;
                reply.clone()
            }
            None => reply.shortened(),
        }
    }

    fn settle_open(&mut self, outcome: impl Fn(&Standing) -> Outcome) {
        for standing in &mut self.standings {
            if !matches!(standing, Standing::Settled(_)) {
                *standing = Standing::Settled(outcome(standing));
            }
        }
    }
}

/// Returns whether the server accepts no more recipients in this transaction (RFC 5321 §4.5.3.1.10).
fn is_too_many(reply: &Reply, accepted: usize) -> bool {
    match reply.enhanced() {
        Some(enhanced) if enhanced.is_detail(5, 3) => true,
        // x.2.z concerns the mailbox: 452 can also mean that it is full
        Some(enhanced) if enhanced.subject == 2 => false,
        _ => matches!(reply.code().value(), 452 | 552) && accepted > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Recipient;
    use crate::reply::Code;

    #[test]
    fn long_replies_to_many_recipients_take_bounded_memory() {
        const COUNT: usize = 1000;
        let path: crate::ForwardPath = "<bob@example.net>".parse().unwrap();
        let envelope = Envelope::new(crate::ReversePath::null(), core::iter::empty());
        let recipients = alloc::vec![Recipient::from(path); COUNT];
        for is_by_message in [false, true] {
            let envelope = Envelope { recipients: recipients.clone(), ..envelope.clone() };
            let mut transaction = Transaction::new(Arc::new(envelope), false);
            let (ok, no) = (Code::OK, Code::MAILBOX_UNAVAILABLE);
            for index in 0..COUNT {
                // Each reply has a text of its own, as received.
                let reply = |code| Reply::new(code, &"x".repeat(60_000));
                if is_by_message {
                    transaction.answer(index, &Reply::bare(ok));
                    transaction.apply_final_reply_to(index, &reply(no));
                } else {
                    transaction.answer(index, &reply(no));
                }
            }
            let End::Delivered(outcomes) = transaction.take_end() else { panic!("it was no check") };
            let lengths: Vec<_> = outcomes
                .iter()
                .map(|outcome| match outcome {
                    Outcome::Refused { reply, .. } => reply.text().len(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!((lengths.len(), lengths[0]), (COUNT, 60_000));
            assert!(lengths[COUNT - 1] >= Reply::SHOWN);
            let kept: usize = lengths.iter().sum();
            assert!(kept <= WHOLE_TEXTS + COUNT * (Reply::SHOWN + 32), "{kept}");
        }
    }
}
