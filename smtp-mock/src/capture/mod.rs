//! Provides what the server keeps of its sessions: messages, transcripts and findings, within limits.

#[cfg(feature = "program")]
mod backlog;
mod finding;
mod log;
mod message;
#[cfg(feature = "net")]
mod store;
mod transcript;

use std::{collections::VecDeque, sync::Arc};

#[cfg(feature = "program")]
pub(crate) use self::backlog::Backlog;
#[cfg(feature = "net")]
pub use self::store::{Store, StoreError, StoreFormat};
pub use self::{
    finding::{Fault, Finding, Mismatch},
    message::{Envelope, Message, Parameter, Path, Summary},
    transcript::{Entry, Kind, Transcript},
};
pub(crate) use self::{
    log::{Extra, Item, Log, Page},
    message::{header_fields, unfolded},
};
use crate::sync::Change;

/// How much a server keeps; what goes beyond makes it forget the oldest, never refuse.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CaptureLimits {
    /// Messages.
    pub messages: usize,
    /// Octets of messages.
    pub message_octets: usize,
    /// Octets of transcripts, with 128 for each entry's own cost.
    pub transcript_octets: usize,
    /// Findings about the client.
    pub findings: usize,
}

impl Default for CaptureLimits {
    fn default() -> Self {
        Self {
            messages: 100_000,
            message_octets: 256 * 1024 * 1024,
            transcript_octets: 64 * 1024 * 1024,
            findings: 10_000,
        }
    }
}

/// What was kept so far.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    pub(crate) messages: VecDeque<Arc<Message>>,
    pub(crate) log: Log,
    pub(crate) findings: Vec<Finding>,
    pub(crate) mismatches: Vec<Mismatch>,
    /// What the program is still to tell of, where it tells of messages: a limit may make us forget them before.
    #[cfg(feature = "program")]
    pub(crate) backlog: Option<Backlog>,
    /// Messages that were accepted, kept or not.
    pub(crate) accepted: u64,
    /// Messages that were numbered: accepted, or kept without a positive reply.
    pub(crate) numbered: u64,
    pub(crate) forgotten_findings: u64,
    /// Messages that the store failed to take, and why the first of them.
    pub(crate) unstored: u64,
    pub(crate) store_failure: Option<String>,
    /// Connections that ended, and of these the ones that said QUIT.
    pub(crate) ended: u64,
    pub(crate) quit: u64,
    message_octets: usize,
    versions: [u64; 3],
}

impl Capture {
    /// Counts the changes that a waiter wants to hear of, so that it sees what came between its look and its wait.
    pub(crate) fn version(&self, change: Change) -> u64 {
        self.versions[change as usize]
    }

    pub(crate) fn touch(&mut self, change: Change) {
        for version in &mut self.versions[..=change as usize] {
            *version += 1;
        }
    }

    pub(crate) fn keep_message(&mut self, message: Message, limits: &CaptureLimits) -> u64 {
        self.numbered += 1;
        if message.code.is_some_and(|code| code / 100 == 2) {
            self.accepted += 1;
        }
        self.message_octets += message.octets.len();
        let message = Arc::new(Message { number: self.numbered, ..message });
        #[cfg(feature = "program")]
        if let Some(backlog) = &mut self.backlog {
            backlog.push(Arc::clone(&message));
        }
        self.messages.push_back(message);
        while self.messages.len() > limits.messages || self.message_octets > limits.message_octets {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.message_octets -= oldest.octets.len();
        }
        self.numbered
    }

    /// Counts a message that is not kept.
    pub(crate) fn count_message(&mut self) {
        self.numbered += 1;
        self.accepted += 1;
    }

    pub(crate) fn keep_entries(&mut self, page: &mut Page, limits: &CaptureLimits) {
        self.log.append(page, limits.transcript_octets);
    }

    pub(crate) fn keep_findings(&mut self, findings: &mut Vec<Finding>, limits: &CaptureLimits) {
        for finding in findings.drain(..) {
            if self.findings.len() < limits.findings {
                self.findings.push(finding);
            } else {
                self.forgotten_findings += 1;
            }
        }
    }

    pub(crate) fn transcript(&self) -> Transcript {
        let (mut entries, _) = self.log.since(0);
        // Stable: within a connection the order of happening stays.
        entries.sort_by_key(|entry| entry.connection);
        Transcript { entries, forgotten: self.log.forgotten() }
    }

    /// Forgets messages and transcripts; counts and rules stay.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.log.clear();
        self.findings.clear();
        self.message_octets = 0;
    }
}
