//! Provides [`Exchange`], the part of AUTH that all mechanisms share (RFC 4954 §4).

use crate::auth::Mechanism;
use crate::command::AUTH_LINE_LIMIT;
use crate::config::Limits;
use crate::extensions::Extensions;
use crate::fault::Reason;
use crate::reply::Reply;
use crate::secret::Secret;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A login in progress.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The mechanisms not tried yet, in order of preference.
    rest: VecDeque<Box<dyn Mechanism>>,
    current: Option<Box<dyn Mechanism>>,
    /// An initial response too long for the command line, to be sent after the first challenge.
    deferred: Option<Secret>,
    rounds: usize,
    /// A mechanism that hides the password was refused, so none that reveals it may follow.
    must_not_reveal: bool,
    /// The reason for the cancellation, if the exchange was cancelled.
    pub(super) cancelled: Option<Reason>,
}

/// The next step of an exchange.
#[derive(Debug)]
pub(super) enum AuthStep {
    /// AUTH with a mechanism, and an initial response in base64.
    Auth(&'static str, Option<Secret>),
    /// A response in base64.
    Response(Secret),
    /// `*`.
    Cancel,
}

impl Exchange {
    pub(super) fn new(mechanisms: Vec<Box<dyn Mechanism>>) -> Self {
        Self {
            rest: mechanisms.into(),
            current: None,
            deferred: None,
            rounds: 0,
            must_not_reveal: false,
            cancelled: None,
        }
    }

    /// Begins with the first mechanism that is offered and permitted.
    pub(super) fn begin(&mut self, extensions: &Extensions, may_reveal: bool) -> Result<AuthStep, Reason> {
        let mut would_reveal = false;
        while let Some(mut mechanism) = self.rest.pop_front() {
            if !extensions.mechanisms().any(|name| name.eq_ignore_ascii_case(mechanism.name())) {
                continue;
            }
            if mechanism.reveals_password() && !may_reveal {
                would_reveal = true;
                continue;
            }
            if mechanism.reveals_password() && self.must_not_reveal {
                continue;
            }
            self.rounds = 0;
            self.deferred = None;
            mechanism.offered(extensions);
            let response =
                mechanism.initial_response().map_err(|error| Reason::Mechanism(error.into_inner()))?;
            let name = mechanism.name();
            self.current = Some(mechanism);
            let Some(response) = response else { return Ok(AuthStep::Auth(name, None)) };
            let encoded = if response.is_empty() { Secret::from("=") } else { encode(&response) };
            let length = "AUTH  \r\n".len() + name.len() + encoded.expose().len();
            if length > AUTH_LINE_LIMIT {
                self.deferred = Some(response);
                return Ok(AuthStep::Auth(name, None));
            }
            return Ok(AuthStep::Auth(name, Some(encoded)));
        }
        Err(if would_reveal { Reason::WouldRevealPassword } else { Reason::NoMechanism })
    }

    /// Responds to a challenge, which is in base64.
    pub(super) fn respond(&mut self, challenge: &str, limits: &Limits) -> AuthStep {
        match self.response(challenge, limits) {
            Ok(response) => AuthStep::Response(encode(&response)),
            Err(reason) => {
                self.cancelled = Some(reason);
                AuthStep::Cancel
            }
        }
    }

    /// Checks whether the mechanism accepts the server's report of success.
    pub(super) fn succeed(&mut self) -> Result<(), Reason> {
        let Some(mechanism) = &mut self.current else { return Ok(()) };
        if self.deferred.is_some() {
            return Err(Reason::Mechanism("the server reported success before it had the response".into()));
        }
        mechanism.succeed().map_err(|error| Reason::Mechanism(error.into_inner()))
    }

    /// Returns whether the current mechanism hides the password from the server and from eavesdroppers.
    pub(super) fn hides_password(&self) -> bool {
        self.current.as_ref().is_some_and(|mechanism| !mechanism.reveals_password())
    }

    /// Drops the refused mechanism; if it hides the password, none that reveals it may follow.
    pub(super) fn drop_mechanism(&mut self) {
        if let Some(mechanism) = self.current.take() {
            self.must_not_reveal |= !mechanism.reveals_password();
        }
    }

    /// The secrets that must be masked in every reply.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.current.iter().chain(&self.rest).flat_map(|mechanism| mechanism.secrets()).collect()
    }

    /// Returns the reason for a refusal by `reply`; the mechanism may have received a more precise one.
    pub(super) fn refusal(&self, reply: &Reply) -> Reason {
        match self.current.as_ref().and_then(|mechanism| mechanism.refusal()) {
            Some(error) => Reason::LoginRefused { reply: reply.clone(), why: error.into_inner() },
            None => Reason::Refused(reply.clone()),
        }
    }

    fn response(&mut self, challenge: &str, limits: &Limits) -> Result<Secret, Reason> {
        self.rounds += 1;
        if self.rounds > limits.auth_rounds {
            return Err(Reason::Mechanism("the server sent too many challenges".into()));
        }
        let challenge = STANDARD
            .decode(challenge.trim_ascii())
            .map_err(|_| Reason::Mechanism("the server sent a challenge that is not base64".into()))?;
        if challenge.len() > limits.challenge {
            return Err(Reason::Mechanism("the server sent a challenge that is too long".into()));
        }
        if let Some(response) = self.deferred.take() {
            return Ok(response);
        }
        let mechanism = self
            .current
            .as_mut()
            .ok_or_else(|| Reason::Mechanism("the server sent a challenge too late".into()))?;
        mechanism.respond(&challenge).map_err(|error| Reason::Mechanism(error.into_inner()))
    }
}

/// Encodes in base64 with the exact capacity, because growth would leave copies of the secret in memory.
fn encode(response: &Secret) -> Secret {
    Secret::from(STANDARD.encode(response.expose()))
}
