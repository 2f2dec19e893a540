//! Defines [`Transaction`], a message or check on its way (RFC 5321 §3.3), and what became of its recipients.

use crate::envelope::Envelope;
use crate::event::{End, Outcome, Verb};
use crate::fault::{Cause, Reason};
use crate::reply::Reply;
use crate::transparency::LineEnds;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A message or check on its way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Arc<Envelope>,
    /// MAIL and RCPT only.
    pub(super) is_check: bool,
    /// MAIL only: the one standing is that of the sender.
    pub(super) is_of_sender: bool,
    pub(super) stage: Stage,
    pub(super) standings: Vec<Standing>,
    /// Octets of reply texts that the standings may still keep whole.
    room: usize,
    /// RCPT commands put out.
    pub(super) asked: usize,
    /// RCPT replies that came.
    pub(super) answered: usize,
    /// Recipients that were taken, whatever became of them later.
    pub(super) accepted: usize,
    /// Recipients that were not.
    pub(super) refused: usize,
    /// MAIL was refused.
    pub(super) is_mail_refused: bool,
    /// A RCPT was taken although MAIL was refused: the server holds somebody else's sender.
    pub(super) has_stray_recipient: bool,
    /// Replies owed to this transaction.
    pub(super) owed: usize,
    pub(super) line_ends: LineEnds,
    /// The application said that the body is complete.
    pub(super) is_body_complete: bool,
    /// A chunk was refused, by this reply; what follows cannot be a whole message.
    pub(super) chunk_refusal: Option<Reply>,
    /// The reply to a chunk was 421: who knows whether the server took it.
    pub(super) has_doubtful_chunk: bool,
    /// How far the output had come when the first octet of mail data was put to it.
    pub(super) data_begins: Option<u64>,
    /// How far the output had come behind the end of the mail data.
    pub(super) data_ends: Option<u64>,
}

/// How far the commands of a transaction were put out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nothing was looked at yet.
    Start,
    /// The first chunk is gathered, to know whether the message is small enough to leave in one group.
    Gather,
    /// RSET, where the server may hold an unfinished transaction.
    Reset,
    Mail,
    Rcpt,
    /// All RCPT are out; does the mail data follow at once?
    Gate,
    /// DATA is out.
    AwaitData,
    /// The mail data of DATA is streaming.
    Data,
    /// The mail data of BDAT is streaming.
    Chunks,
    /// All is out.
    Written,
}

/// What is known of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing yet.
    Waiting,
    /// RCPT was taken, by this reply.
    Taken(Reply),
    /// This is what became of it.
    Settled(Outcome),
}

/// Octets of texts that the replies to RCPT may keep whole in a transaction; once there is no more room, each keeps its
/// beginning ([`Reply::SHOWN`]), so that a server decides on no more memory than that.
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
            owed: 0,
            line_ends: LineEnds::default(),
            is_body_complete: false,
            chunk_refusal: None,
            has_doubtful_chunk: false,
            data_begins: None,
            data_ends: None,
        }
    }

    /// The question whether the sender would be taken.
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

    /// MAIL was taken.
    pub(super) fn take_sender(&mut self, reply: &Reply) {
        if self.is_of_sender {
            self.standings = alloc::vec![Standing::Taken(reply.clone())];
        }
    }

    /// Whether each recipient has its RCPT reply.
    pub(super) fn is_answered(&self) -> bool {
        self.answered == self.standings.len()
    }

    /// Whether, by what is known, no mail data may follow: nobody was taken, or not all of those who had to be.
    pub(super) fn is_hopeless(&self) -> bool {
        self.is_mail_refused
            || (self.envelope.all_or_nothing && self.refused > 0)
            || (self.is_answered() && self.accepted == 0)
    }

    /// Whether a chunk was refused, so that the rest of the message is not sent.
    pub(super) fn is_given_up(&self) -> bool {
        self.chunk_refusal.is_some() || (self.stage == Stage::Written && self.data_ends.is_none())
    }

    /// Whether the server may hold recipients of it and wait for mail data that will not come.
    pub(super) fn leaves_recipients(&self) -> bool {
        self.data_ends.is_none() && !self.is_mail_refused && !self.is_check && self.asked > self.refused
    }

    /// MAIL was refused: so is everyone.
    pub(super) fn refuse_mail(&mut self, reply: &Reply) {
        self.is_mail_refused = true;
        self.refuse_open(Verb::Mail, reply);
    }

    /// Takes the reply to the RCPT of `index`.
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
            *standing = Standing::Taken(reply);
        } else {
            self.refused += 1;
            *standing = Standing::Settled(if is_too_many(&reply, self.accepted) {
                Outcome::Unsent(Reason::TooManyRecipients(reply))
            } else {
                Outcome::Refused { verb: Verb::Rcpt, reply }
            });
        }
    }

    /// Everyone who is not settled was refused at `verb`.
    pub(super) fn refuse_open(&mut self, verb: Verb, reply: &Reply) {
        self.settle_open(|_| Outcome::Refused { verb, reply: reply.clone() });
    }

    /// Everyone who is not settled was not sent to.
    pub(super) fn leave_open_unsent(&mut self, reason: &Reason) {
        self.settle_open(|_| Outcome::Unsent(reason.clone()));
    }

    /// The server's last word on everyone who is not settled.
    pub(super) fn conclude_open(&mut self, reply: &Reply) {
        if reply.is_completed() {
            self.settle_open(|_| Outcome::Accepted(reply.clone()));
        } else {
            self.refuse_message(reply);
        }
    }

    /// Everyone who is not settled was refused the message: by the first reply that did so, since those to the chunks
    /// behind a refused one repeat it in other words (RFC 3030 §2).
    pub(super) fn refuse_message(&mut self, reply: &Reply) {
        let reply = self.chunk_refusal.take().unwrap_or_else(|| reply.clone());
        self.refuse_open(Verb::Message, &reply);
    }

    /// The server's last word on one (RFC 2033 §4.2).
    pub(super) fn conclude_one(&mut self, index: usize, reply: &Reply) {
        // One reply for many costs its text once.
        let reply = self.chunk_refusal.clone().unwrap_or_else(|| self.keep(reply));
        if let Some(standing @ Standing::Taken(_)) = self.standings.get_mut(index) {
            *standing = Standing::Settled(if reply.is_completed() {
                Outcome::Accepted(reply)
            } else {
                Outcome::Refused { verb: Verb::Message, reply }
            });
        }
    }

    /// The server accepted the mail data although it had refused MAIL or every recipient: no refusal can be relied on.
    pub(super) fn doubt(&mut self, cause: &Cause) {
        if self.accepted == 0 {
            self.unsettle(cause);
        }
    }

    /// Nothing that was taken from the replies holds.
    pub(super) fn unsettle(&mut self, cause: &Cause) {
        self.standings.fill(Standing::Settled(Outcome::Unconfirmed(cause.clone())));
    }

    /// Whether everyone has an outcome.
    pub(super) fn is_settled(&self) -> bool {
        self.is_check || self.standings.iter().all(|standing| matches!(standing, Standing::Settled(_)))
    }

    /// The connection ended: those whose end of mail data was handed out are unconfirmed, unless a chunk was refused,
    /// which failed the transaction (RFC 3030 §2).
    pub(super) fn cut_off(&mut self, cause: &Cause, is_end_handed_out: bool) {
        let is_check = self.is_check;
        if is_end_handed_out && self.has_stray_recipient && self.owed > 0 {
            return self.doubt(cause);
        }
        if let Some(reply) = self.chunk_refusal.take() {
            return self.refuse_open(Verb::Message, &reply);
        }
        self.settle_open(|standing| match standing {
            Standing::Taken(reply) if is_check => Outcome::Accepted(reply.clone()),
            _ if is_end_handed_out => Outcome::Unconfirmed(cause.clone()),
            _ => Outcome::Unsent(Reason::Closed(cause.clone())),
        });
    }

    /// How the goal ended; whoever has no outcome by now has that of having been taken, or of not having been asked.
    pub(super) fn take_end(&mut self) -> End {
        let outcomes = core::mem::take(&mut self.standings).into_iter().map(|standing| match standing {
            Standing::Settled(outcome) => outcome,
            Standing::Taken(reply) if self.is_check => Outcome::Accepted(reply),
            Standing::Taken(_) | Standing::Waiting => Outcome::Unsent(Reason::AnotherRefused),
        });
        if self.is_check { End::Checked(outcomes.collect()) } else { End::Delivered(outcomes.collect()) }
    }

    /// The reply as it is kept for one recipient.
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

/// Whether the server takes no more in this transaction (RFC 5321 §4.5.3.1.10), rather than this one not.
fn is_too_many(reply: &Reply, accepted: usize) -> bool {
    match reply.enhanced() {
        Some(enhanced) if enhanced.is_detail(5, 3) => true,
        // x.2.z is about the mailbox: full, say, which 452 means too
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
                // As it comes: each with a text of its own.
                let reply = |code| Reply::new(code, &"x".repeat(60_000));
                if is_by_message {
                    transaction.answer(index, &Reply::bare(ok));
                    transaction.conclude_one(index, &reply(no));
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
