//! Defines [`Rrvs`], RRVS on RCPT (RFC 7293).

use super::{DateTime, printed, value_of};
use crate::address::SyntaxError;
use crate::parameter::Parameter;

/// RRVS on RCPT (RFC 7293 §3): deliver only if the mailbox has had the same owner since then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rrvs {
    since: DateTime,
    action: Option<RrvsAction>,
}

/// The action of a server whose next hop does not offer RRVS (RFC 7293 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the RFC has these two
pub enum RrvsAction {
    /// `R`: rejects the message.
    Reject,
    /// `C`: relays the message without the parameter.
    Continue,
}

impl Rrvs {
    /// Sets the time since which the mailbox must have had the same owner.
    #[must_use]
    pub const fn new(since: DateTime) -> Self {
        Self { since, action: None }
    }

    /// Sets the action if the next hop does not offer RRVS.
    #[must_use]
    pub const fn with_action(mut self, action: RrvsAction) -> Self {
        self.action = Some(action);
        self
    }

    /// The time since which the mailbox must have had the same owner.
    #[must_use]
    pub const fn since(&self) -> &DateTime {
        &self.since
    }

    /// The action if the next hop does not offer RRVS, if set.
    #[must_use]
    pub const fn action(&self) -> Option<RrvsAction> {
        self.action
    }
}

impl From<Rrvs> for Parameter {
    fn from(rrvs: Rrvs) -> Self {
        let action = match rrvs.action {
            None => "",
            Some(RrvsAction::Reject) => ";R",
            Some(RrvsAction::Continue) => ";C",
        };
        printed("RRVS", &alloc::format!("{}{action}", rrvs.since))
    }
}

impl TryFrom<&Parameter> for Rrvs {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        let value = value_of(parameter, "RRVS")?;
        let Some((since, action)) = value.split_once(';') else { return Ok(Self::new(value.parse()?)) };
        let action = match action {
            _ if action.eq_ignore_ascii_case("R") => RrvsAction::Reject,
            _ if action.eq_ignore_ascii_case("C") => RrvsAction::Continue,
            _ => return Err(SyntaxError::Malformed { value: "RRVS", rule: "C or R must follow the date" }),
        };
        Ok(Self::new(since.parse()?).with_action(action))
    }
}
