//! Defines [`Job`], a goal on its way, and [`Owed`], a reply that the server owes.

use super::exchange::Exchange;
use super::transaction::{Stage, Transaction};
use crate::address::EhloDomain;
use crate::config::Timer;
use crate::event::{End, Goal, Verb};
use crate::parameter::Parameter;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A goal on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) goal: Goal,
    pub(super) task: Task,
    /// Set once it is known; told when all before it are.
    pub(super) end: Option<End>,
}

/// What a goal is about.
#[derive(Debug)]
pub(super) enum Task {
    Hello(EhloDomain),
    StartTls,
    /// The attributes, each with how it is named where the server does not take it.
    Xclient(Vec<(&'static str, Parameter)>),
    Authenticate(Box<Exchange>),
    Send(Box<Transaction>),
    Simple(Verb, Option<Text>),
}

impl Task {
    /// Whether what was queued behind it must not be done when it was not.
    pub(super) const fn is_set_up(&self) -> bool {
        matches!(self, Self::Hello(_) | Self::StartTls | Self::Xclient(_) | Self::Authenticate(_))
    }

    /// Whether MAIL of it was put out.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self, Self::Send(transaction) if transaction.stage > Stage::Mail)
    }
}

/// A reply that the server owes, in the order of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) goal: Goal,
    pub(super) expect: Expect,
}

/// What a reply will be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Hello(Verb),
    StartTls,
    Xclient,
    Auth,
    /// The answer to `*`.
    Cancel,
    /// RSET before MAIL, because the server may hold an unfinished transaction.
    ResetBefore,
    Mail,
    Rcpt(usize),
    Data,
    /// A lone dot behind a DATA that was taken although no recipient was.
    LoneDot,
    /// A chunk that is not the last.
    Chunk,
    /// The end of the mail data; under LMTP for the recipient of that index.
    Message(Option<usize>),
    /// RSET after a check.
    ResetAfter,
    Simple(Verb),
}

impl Expect {
    /// The command that the reply is to.
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

    /// The timer that runs while it is awaited.
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
