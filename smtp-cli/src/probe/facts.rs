//! Defines [`Facts`], what was seen of a server.

use super::certificate::Certificate;
use crate::settings::Destination;
use crate::settings::{Encryption, Settings};
use smtp_core::blocking::OldTls;
use smtp_core::{Extensions, Protocol, Reply};
use std::time::Duration;

/// What was seen of a server.
#[derive(Debug)]
pub(super) struct Facts {
    /// Where it is.
    pub(super) server: String,
    /// When it was looked at, in seconds since the beginning of 1970.
    pub(super) now: i64,
    /// Whether it is a host that others reach over a network.
    pub(super) is_remote: bool,
    /// Whether it speaks LMTP, which is for neighbours.
    pub(super) is_lmtp: bool,
    /// Whether every certificate is to be trusted.
    pub(super) is_trust_unwanted: bool,
    /// Whether TLS was to be left alone.
    pub(super) is_tls_unwanted: bool,
    /// The name that its certificate has to bear.
    pub(super) tls_name: String,
    /// How long the connection and the greeting took.
    pub(super) greeted_after: Duration,
    pub(super) greeting: Option<Reply>,
    /// Why there was no hello, if there was none.
    pub(super) hello_refusal: Option<String>,
    /// What it offers in clear; none under implicit TLS.
    pub(super) clear: Option<Offer>,
    /// What it offers under TLS.
    pub(super) secured: Option<Offer>,
    /// Whether TLS came up.
    pub(super) is_secured: bool,
    /// Why there was no TLS although it was offered.
    pub(super) tls_failure: Option<String>,
    /// What the handshake showed.
    pub(super) tls: Option<Tls>,
    /// Why the certificate is not trusted, once that was asked.
    pub(super) trust: Option<Result<(), String>>,
    /// Whether a command behind STARTTLS was taken into TLS.
    pub(super) injection: Option<bool>,
    /// What it said to a hello of a version below TLS 1.2, once it was asked.
    pub(super) old_tls: Option<OldTls>,
    /// What could not be found out, and why.
    pub(super) not_checked: Vec<(&'static str, String)>,
}

/// What a hello was answered with.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// The line behind which the extensions come.
    pub(super) hello: String,
    /// Whether EHLO, or LHLO, was taken, not HELO alone.
    pub(super) is_extended: bool,
    pub(super) extensions: Extensions,
}

/// What a handshake showed.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) version: String,
    pub(super) cipher: String,
    /// How the keys were agreed on, where that is known.
    pub(super) group: Option<String>,
    /// The certificates in the order in which they came.
    pub(super) chain: Vec<Certificate>,
    /// Whether the first is for the name that was asked for.
    pub(super) is_for_name: bool,
}

impl Facts {
    pub(super) fn new(settings: &Settings, now: i64) -> Self {
        Self {
            server: settings.destination.to_string(),
            now,
            is_remote: matches!(settings.destination, Destination::Host { .. }),
            is_lmtp: settings.protocol == Protocol::Lmtp,
            is_trust_unwanted: false,
            is_tls_unwanted: settings.encryption == Encryption::None,
            tls_name: settings.tls_name.clone(),
            greeted_after: Duration::ZERO,
            greeting: None,
            hello_refusal: None,
            clear: None,
            secured: None,
            is_secured: false,
            tls_failure: None,
            tls: None,
            trust: None,
            injection: None,
            old_tls: None,
            not_checked: Vec::new(),
        }
    }

    /// What is offered where mail would be sent: under TLS, if there is TLS.
    pub(super) fn offer(&self) -> Option<&Offer> {
        self.secured.as_ref().or(self.clear.as_ref())
    }

    /// The place of that.
    pub(super) fn last_offer(&mut self) -> &mut Option<Offer> {
        if self.secured.is_some() { &mut self.secured } else { &mut self.clear }
    }
}
