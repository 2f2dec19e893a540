//! Provides [`Opener`], the settings of sessions together with what is made of them once.

use super::name::own_name;
use super::tls::Connector;
use crate::EhloDomain;
use crate::mailer::{Error, Security, Settings};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// The settings of sessions, together with what is made of them once: TLS is set up when the first session needs it.
///
/// It is cheap to clone, and its clones share what was made.
#[derive(Clone, Debug)]
pub struct Opener(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    connector: OnceLock<Result<Connector, Error>>,
}

impl Opener {
    /// An opener of these settings; it does no I/O.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, connector: OnceLock::new() }))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Sets TLS up if sessions use it.
    ///
    /// # Errors
    /// If its settings cannot be used.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        if self.0.settings.security == Security::None { Ok(()) } else { self.connector().map(drop) }
    }

    pub(crate) fn connector(&self) -> Result<&Connector, Error> {
        let settings = &self.0.settings;
        let make = || Connector::new(settings.certificate_name(), &settings.effective_trust());
        self.0.connector.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// The name of this machine in EHLO, on a connection from this address.
    #[must_use]
    pub fn hello(&self, local: Option<IpAddr>) -> EhloDomain {
        self.0.settings.hello.clone().unwrap_or_else(|| own_name(local))
    }
}
