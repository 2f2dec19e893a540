//! Writes sessions down as a scenario that `smtp-mock` plays.

use super::Observer;
use smtp_core::mailer::Notice;
use smtp_core::{Content, Reply, Transmit, Verb};
use smtp_mock::Recording;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The recordings of all sessions of a run, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recordings(Arc<Mutex<Vec<Recorded>>>);

/// What was said in a session so far.
#[derive(Debug)]
struct Recorded {
    recording: Recording,
    /// Whether TLS came before everything.
    is_implicit: bool,
}

impl Recordings {
    /// A recorder of one more session.
    pub(crate) fn recorder(&self, is_implicit: bool) -> Recorder {
        Recorder {
            all: self.clone(),
            place: None,
            is_implicit,
            was_secured: is_implicit,
            is_secured_by_start_tls: false,
            is_ended: false,
        }
    }

    /// How many sessions there are.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    /// Whether one scenario can hold them all: it has TLS from the start for all of its sessions or for none.
    pub(crate) fn are_alike(&self) -> bool {
        let all = self.all();
        all.iter().all(|recorded| recorded.is_implicit) || !all.iter().any(|recorded| recorded.is_implicit)
    }

    /// The mechanism of a login that no other one can replay, because its replies depend on a challenge.
    pub(crate) fn challenged(&self) -> Option<String> {
        self.all().iter().find_map(|recorded| recorded.recording.challenged().map(String::from))
    }

    /// The scenario of all sessions, of those that last as far as they have come.
    pub(crate) fn scenario(&self, name: &str) -> String {
        let recordings: Vec<_> = self.all().iter().map(|recorded| recorded.recording.clone()).collect();
        Recording::to_toml(name, &recordings)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one session down.
#[derive(Debug)]
pub(crate) struct Recorder {
    all: Recordings,
    /// Its place among all, once anything was said: one that nobody answered is no session.
    place: Option<usize>,
    is_implicit: bool,
    was_secured: bool,
    is_secured_by_start_tls: bool,
    /// Whether the server ended the stream.
    is_ended: bool,
}

impl Recorder {
    /// Writes something down; that TLS came up behind STARTTLS stands before it.
    fn write(&mut self, is_secured: bool, write: impl FnOnce(&mut Recording)) {
        let starts_tls = is_secured && !self.was_secured && !self.is_secured_by_start_tls;
        self.is_secured_by_start_tls |= starts_tls;
        let mut all = self.all.all();
        let place = *self.place.get_or_insert_with(|| {
            let mut recording = Recording::new();
            if self.is_implicit {
                recording.implicit_tls();
            }
            all.push(Recorded { recording, is_implicit: self.is_implicit });
            all.len() - 1
        });
        if let Some(recorded) = all.get_mut(place) {
            if starts_tls {
                recorded.recording.starttls();
            }
            write(&mut recorded.recording);
        }
    }
}

impl Observer for Recorder {
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        self.write(is_secured, |recording| {
            for (content, octets) in transmit.spans() {
                match content {
                    Content::Command | Content::Message => recording.client(octets),
                    Content::Secret => recording.client(b"***"),
                }
            }
        });
    }

    fn received(&mut self, _verb: Option<Verb>, reply: &Reply, _is_wanted: bool, is_secured: bool) {
        self.write(is_secured, |recording| {
            reply.coded_lines().for_each(|line| recording.server(format!("{line}\r\n").as_bytes()));
        });
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        if matches!(notice, Notice::Ended) && !std::mem::replace(&mut self.is_ended, true) {
            self.write(self.was_secured, Recording::server_closed);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(place) = self.place.filter(|_| !self.is_ended) else { return };
        if let Some(recorded) = self.all.all().get_mut(place) {
            recorded.recording.client_closed();
        }
    }
}
