//! Asks what the server offers.

use super::Session;
use crate::scenario::{Extension, On};

impl Session {
    /// The most octets that a message may have.
    pub(super) fn size_limit(&self) -> u64 {
        self.server.shared.offers.size_limit
    }

    /// Whether an extension works, offered or hidden.
    pub(super) fn knows(&self, extension: Extension) -> bool {
        self.server.shared.offers.knows(extension)
    }

    /// Whether the client was told of an extension.
    pub(super) fn is_offered(&self, extension: Extension) -> bool {
        let esmtp = self.hello.as_ref().is_some_and(|hello| hello.on != On::Helo);
        esmtp && self.server.shared.offers.shows(extension)
    }
}
