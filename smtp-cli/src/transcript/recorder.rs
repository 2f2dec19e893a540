//! Writes sessions down as a scenario that `smtp-mock` plays.

use super::Observer;
use smtp_core::{Content, Reply, Transmit, Verb};
use smtp_mock::Recording;
use std::sync::{Arc, Mutex, PoisonError};

/// The recordings of all sessions of a run, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recordings(Arc<Mutex<Vec<Recording>>>);

impl Recordings {
    /// A recorder of one more session.
    pub(crate) fn recorder(&self, is_implicit: bool) -> Recorder {
        let mut recording = Recording::new();
        if is_implicit {
            recording.implicit_tls();
        }
        Recorder { all: self.clone(), recording, was_secured: is_implicit, is_secured_by_start_tls: false }
    }

    /// The scenario of all sessions.
    pub(crate) fn scenario(&self, name: &str) -> String {
        Recording::to_toml(name, &self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes one session down; it is kept when the session is over.
#[derive(Debug)]
pub(crate) struct Recorder {
    all: Recordings,
    recording: Recording,
    was_secured: bool,
    is_secured_by_start_tls: bool,
}

impl Recorder {
    /// TLS came up behind STARTTLS.
    fn notice(&mut self, is_secured: bool) {
        if is_secured && !self.was_secured && !self.is_secured_by_start_tls {
            self.is_secured_by_start_tls = true;
            self.recording.starttls();
        }
    }
}

impl Observer for Recorder {
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        self.notice(is_secured);
        for (content, octets) in transmit.spans() {
            match content {
                Content::Command | Content::Message => self.recording.client(octets),
                Content::Secret => self.recording.client(b"***"),
            }
        }
    }

    fn received(&mut self, _verb: Option<Verb>, reply: &Reply, _is_wanted: bool, is_secured: bool) {
        self.notice(is_secured);
        let mut lines = reply.lines().peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            self.recording.server(format!("{}{separator}{line}\r\n", reply.code()).as_bytes());
        }
    }

    fn information(&mut self, _text: &str) {}

    fn error(&mut self, _text: &str) {}
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.recording.client_closed();
        let recording = std::mem::take(&mut self.recording);
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).push(recording);
    }
}
