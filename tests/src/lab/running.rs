//! Provides a server that stands by itself: a process, a directory, and what it says of itself.

use super::abilities::{Abilities, Listener, Server};
use super::certificates::Authority;
use super::home::Home;
use super::maildir::Maildir;
use super::process::Process;

/// A server that runs, and delivers to the mail directory of its home.
#[derive(Debug)]
pub(super) struct Running {
    abilities: &'static Abilities,
    listeners: Vec<Listener>,
    // in the order in which they have to go
    process: Process,
    home: Home,
}

impl Running {
    /// A server whose process is ready.
    pub(super) fn new(
        abilities: &'static Abilities,
        listeners: Vec<Listener>,
        process: Process,
        home: Home,
    ) -> Self {
        Self { abilities, listeners, process, home }
    }
}

impl Server for Running {
    fn abilities(&self) -> &'static Abilities {
        self.abilities
    }

    fn listeners(&self) -> Vec<Listener> {
        self.listeners.clone()
    }

    fn maildir(&self, mailbox: &str) -> Maildir {
        Maildir::new(&self.home.mail().join(mailbox))
    }

    fn authority(&self) -> &Authority {
        self.home.authority()
    }

    fn log(&self) -> String {
        self.process.log()
    }
}
