//! Defines [`Job`], a goal in progress, and [`Outstanding`], an expected reply.

use super::exchange::Exchange;
use super::transaction::{Stage, Transaction};
use crate::address::EhloDomain;
use crate::config::Timer;
use crate::event::{End, Goal, Verb};
use crate::parameter::Parameter;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A goal in progress.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) goal: Goal,
    pub(super) task: Task,
    /// Set once known; reported once all earlier goals are reported.
    pub(super) end: Option<End>,
}

/// The task of a goal.
#[derive(Debug)]
pub(super) enum Task {
    Hello(EhloDomain),
    StartTls,
    /// The attributes, each with its name for errors.
    Xclient(Vec<(&'static str, Parameter)>),
    Authenticate(Box<Exchange>),
    Send(Box<Transaction>),
    Simple(Verb, Option<Text>),
}

impl Task {
    /// Returns whether the goals queued after it depend on it.
    pub(super) const fn is_set_up(&self) -> bool {
        matches!(self, Self::Hello(_) | Self::StartTls | Self::Xclient(_) | Self::Authenticate(_))
    }

    /// Returns whether its MAIL was queued.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self, Self::Send(transaction) if transaction.stage > Stage::Mail)
    }
}

/// An expected reply; replies arrive in the order of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outstanding {
    pub(super) goal: Goal,
    pub(super) expect: Expect,
}

/// The command or step that a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Hello(Verb),
    StartTls,
    Xclient,
    Auth,
    /// The reply to `*`, which cancels AUTH.
    Cancel,
    /// RSET before MAIL, because the server may have an unfinished transaction.
    ResetBefore,
    Mail,
    Rcpt(usize),
    Data,
    /// The final dot after the server answered DATA with 354 although it had accepted no recipient.
    LoneDot,
    /// A chunk that is not the last.
    Chunk,
    /// The end of the mail data; with LMTP for the recipient with this index.
    Message(Option<usize>),
    /// RSET after a check.
    ResetAfter,
    Simple(Verb),
}

impl Expect {
    /// Returns the command that the reply belongs to.
    pub(super) const fn verb(self) -> Verb {
        match self {
            Self::Hello(verb) | Self::Simple(verb) => verb,
            Self::StartTls => Verb::StartTls,
            Self::Xclient => Verb::Xclient,
            Self::Auth | Self::Cancel => Verb::Auth,
            Self::ResetBefore | Self::ResetAfter => Verb::Rset,
            Self::Mail => Verb::Mail,
            Self::Rcpt(_) => Verb::Rcpt,
            Self::Data => Verb::Data,
            Self::Chunk => Verb::Bdat,
            Self::LoneDot | Self::Message(_) => Verb::Message,
        }
    }

    /// Returns the timer that limits the wait.
    pub(super) const fn timer(self) -> Timer {
        match self.verb() {
            Verb::Ehlo | Verb::Helo | Verb::Lhlo => Timer::Hello,
            Verb::StartTls => Timer::Tls,
            Verb::Auth => Timer::Auth,
            Verb::Mail => Timer::Mail,
            Verb::Rcpt => Timer::Rcpt,
            Verb::Data => Timer::Data,
            Verb::Bdat | Verb::Message => Timer::End,
            Verb::Rset => Timer::Reset,
            Verb::Noop => Timer::Noop,
            Verb::Quit => Timer::Quit,
            Verb::Vrfy | Verb::Expn | Verb::Help | Verb::Raw | Verb::Xclient => Timer::Other,
        }
    }
}
