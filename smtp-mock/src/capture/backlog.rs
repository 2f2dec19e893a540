//! Defines [`Backlog`], the messages that are still to be told of.

use std::{collections::VecDeque, sync::Arc};

use super::Message;

/// How many messages may wait.
const MOST_MESSAGES: usize = 1024;
/// How many octets of messages may wait, the last one left out.
const MOST_OCTETS: usize = 16 * 1024 * 1024;

/// The messages that are still to be told of, oldest first. It forgets none: what is full makes sessions wait.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    messages: VecDeque<Arc<Message>>,
    octets: usize,
    /// Nothing is taken any more until all sessions have ended, so none may wait.
    closing: bool,
}

impl Backlog {
    pub(crate) fn is_full(&self) -> bool {
        !self.closing && (self.messages.len() >= MOST_MESSAGES || self.octets >= MOST_OCTETS)
    }

    pub(crate) fn push(&mut self, message: Arc<Message>) {
        self.octets += message.octets.len();
        self.messages.push_back(message);
    }

    pub(crate) fn take(&mut self) -> VecDeque<Arc<Message>> {
        self.octets = 0;
        core::mem::take(&mut self.messages)
    }

    /// Takes whatever comes from now on.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }
}
