//! Defines [`Facts`], what was seen of a server.

use crate::mailer::{Pin, Security, Server, Settings};
use crate::{Extensions, Protocol, Reply};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

/// What was seen of a server; what is not known has no value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// Where it is.
    pub server: String,
    /// When it was looked at, in seconds since the beginning of 1970.
    pub now: i64,
    /// Whether it is a host that others reach over a network.
    pub is_remote: bool,
    /// Whether it speaks LMTP, which is for neighbours.
    pub is_lmtp: bool,
    /// Whether every certificate is to be trusted.
    pub is_trust_unwanted: bool,
    /// Whether TLS was to be left alone.
    pub is_tls_unwanted: bool,
    /// The name that its certificate has to bear.
    pub tls_name: String,
    /// How long the connection and the greeting took.
    pub greeted_after: Duration,
    /// The greeting.
    pub greeting: Option<Reply>,
    /// Why there was no hello, if there was none.
    pub hello_refusal: Option<String>,
    /// What it offers in clear; none under implicit TLS.
    pub clear: Option<Offer>,
    /// What it offers under TLS.
    pub secured: Option<Offer>,
    /// Whether TLS came up.
    pub is_secured: bool,
    /// Why there was no TLS although it was offered.
    pub tls_failure: Option<String>,
    /// What the handshake showed.
    pub tls: Option<Tls>,
    /// Why the certificate is not trusted, once that was asked.
    pub trust: Option<Result<(), String>>,
    /// Whether a command that came with STARTTLS was answered under TLS.
    pub injection: Option<bool>,
    /// What it said to a hello of a version below TLS 1.2, once it was asked.
    pub old_tls: Option<OldTls>,
    /// What could not be found out, and why.
    pub not_checked: Vec<(&'static str, String)>,
}

/// The offer in the reply to a hello.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The first line of the reply.
    pub hello: String,
    /// Whether EHLO, or LHLO, was taken, not HELO alone.
    pub is_extended: bool,
    /// The extensions.
    pub extensions: Extensions,
}

/// What a handshake showed.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The version of TLS.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// How the keys were agreed on, where that is known.
    pub group: Option<String>,
    /// The certificates in the order in which they came.
    pub chain: Vec<Certificate>,
    /// Whether the first is for the name that was asked for.
    pub is_for_name: bool,
}

impl Facts {
    /// Nothing was seen yet of this server, at `now` in seconds since the beginning of 1970.
    #[must_use]
    pub fn new(settings: &Settings, now: i64) -> Self {
        Self {
            server: settings.server.to_string(),
            now,
            is_remote: matches!(settings.server, Server::Host { .. }),
            is_lmtp: settings.protocol == Protocol::Lmtp,
            is_trust_unwanted: false,
            is_tls_unwanted: settings.security == Security::None,
            tls_name: settings.certificate_name().to_string(),
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
    #[must_use]
    pub fn offer(&self) -> Option<&Offer> {
        self.secured.as_ref().or(self.clear.as_ref())
    }

    /// The place of that.
    pub const fn last_offer(&mut self) -> &mut Option<Offer> {
        if self.secured.is_some() { &mut self.secured } else { &mut self.clear }
    }
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// The beginning of the time in which it is valid, in seconds since the beginning of 1970.
    pub not_before: i64,
    /// The end of that time.
    pub not_after: i64,
    /// The kind of its key, in words.
    pub key: String,
    /// Whether the key is too short for today (NIST SP 800-57, 112 bits of security).
    pub is_key_weak: bool,
    /// The algorithm of the issuer's signature.
    pub signature: String,
    /// The digest of its key.
    pub pin: Pin,
    /// Whether it is its own issuer.
    pub is_self_issued: bool,
}

impl Certificate {
    /// Whether the issuer signed by a digest of which forgeries are known. A certificate that is its own issuer is not
    /// trusted for its signature.
    #[must_use]
    pub fn is_signature_weak(&self) -> bool {
        let signature = self.signature.to_ascii_lowercase();
        !self.is_self_issued && ["sha1", "md5", "md2"].iter().any(|digest| signature.contains(digest))
    }
}

/// The answer of a server that was asked for TLS below 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there are three
pub enum OldTls {
    /// It accepts this version, and none above it that was offered.
    Accepted(&'static str),
    /// It refused, by an alert or by ending the connection.
    Refused,
    /// It answered something else.
    Unclear,
}
