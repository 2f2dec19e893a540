//! Defines [`Settings`], everything that opening a session needs to know.

use super::login::Login;
use super::security::{Security, Trust};
use super::server::{Route, Server};
use crate::{Config, EhloDomain, Limits, Protocol, Reveal, Timeouts, XclientAttribute};
use alloc::string::String;
use alloc::vec::Vec;

/// Everything that opening a session needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The server.
    pub server: Server,
    /// The path that connections to it take.
    pub route: Route,
    /// Which protocol is spoken.
    pub protocol: Protocol,
    /// How TLS is used.
    pub security: Security,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// Who logs in; `None` for no login.
    pub login: Option<Login>,
    /// Whether a password or a token may leave in clear, or under a certificate that nothing verified.
    pub reveals_secrets: bool,
    /// The name of this machine in EHLO; `None` for its full host name, or its address where it has none.
    pub hello: Option<EhloDomain>,
    /// The client that XCLIENT names; nothing for no XCLIENT.
    pub xclient: Vec<XclientAttribute>,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// What a server may make the client hold, and how far ahead of its replies the client goes.
    pub limits: Limits,
    /// Extensions that are treated as not offered, by their EHLO keywords in upper case.
    pub ignored_extensions: Vec<String>,
    /// Whether the time of each phase is measured.
    pub measures: bool,
}

impl Settings {
    /// The safe defaults for a server: verified TLS, from the first octet at port 465 and by STARTTLS elsewhere; on
    /// loopback and unix sockets TLS where it is offered.
    #[must_use]
    pub fn new(server: Server) -> Self {
        let security = match &server {
            Server::Host { port: 465, .. } => Security::Implicit,
            server if server.is_loopback() => Security::Opportunistic,
            _ => Security::StartTls,
        };
        Self {
            server,
            route: Route::default(),
            protocol: Protocol::Esmtp,
            security,
            trust: Trust::default(),
            login: None,
            reveals_secrets: false,
            hello: None,
            xclient: Vec::new(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            ignored_extensions: Vec::new(),
            measures: false,
        }
    }

    /// The name that the server's certificate must be valid for.
    #[must_use]
    pub fn certificate_name(&self) -> &str {
        self.trust.name.as_deref().unwrap_or_else(|| self.server.certificate_name())
    }

    /// Which certificates are trusted in this session: any, where TLS is opportunistic.
    #[must_use]
    pub fn effective_trust(&self) -> Trust {
        let mut trust = self.trust.clone();
        trust.any_certificate |= self.security == Security::Opportunistic;
        trust
    }

    /// Whether a session is under TLS whose certificate proves who the server is.
    #[must_use]
    pub const fn verifies(&self) -> bool {
        self.security.is_required() && self.trust.verifies()
    }

    /// Where a password or token may leave by a mechanism that reveals it.
    #[must_use]
    pub const fn reveal(&self) -> Reveal {
        if self.reveals_secrets || matches!(self.server, Server::Unix(_)) {
            Reveal::Always
        } else if self.verifies() {
            Reveal::Secured
        } else {
            Reveal::Never
        }
    }

    /// The configuration of the protocol machine.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            protocol: self.protocol,
            implicit_tls: self.security == Security::Implicit,
            reveal: self.reveal(),
            ignored_extensions: self.ignored_extensions.clone(),
            report_replies: self.measures,
            report_recipients: false,
            timeouts: self.timeouts,
            limits: self.limits,
        }
    }
}
