//! Defines [`DeliverBy`], BY on MAIL (RFC 2852).

use super::{digits, printed, value_of};
use crate::address::SyntaxError;
use crate::parameter::Parameter;

/// BY on MAIL (RFC 2852 §4): the deadline for delivery, and the action after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    seconds: i32,
    mode: ByMode,
    is_traced: bool,
}

/// The action after the deadline (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the RFC has these two
pub enum ByMode {
    /// `N`: the server notifies the sender and continues with delivery.
    Notify,
    /// `R`: the server returns the message.
    Return,
}

impl DeliverBy {
    /// The maximum number of seconds, before or after now.
    pub const LIMIT: i32 = 999_999_999;

    /// Sets the seconds from now; with [`ByMode::Notify`] the deadline may have passed.
    ///
    /// # Errors
    /// When there are more than [`LIMIT`](Self::LIMIT) seconds, or fewer than one with [`ByMode::Return`].
    pub const fn new(seconds: i32, mode: ByMode) -> Result<Self, SyntaxError> {
        if seconds > Self::LIMIT || seconds < -Self::LIMIT {
            return Err(SyntaxError::Malformed { value: "BY", rule: "seconds have at most nine digits" });
        }
        if seconds <= 0 && matches!(mode, ByMode::Return) {
            return Err(SyntaxError::Malformed { value: "BY", rule: "with R the time must not have passed" });
        }
        Ok(Self { seconds, mode, is_traced: false })
    }

    /// Requests a report from each server that relays the message to one without DELIVERBY (`T`).
    #[must_use]
    pub const fn with_trace(mut self) -> Self {
        self.is_traced = true;
        self
    }

    /// Seconds from now.
    #[must_use]
    pub const fn seconds(&self) -> i32 {
        self.seconds
    }

    /// The action after the deadline.
    #[must_use]
    pub const fn mode(&self) -> ByMode {
        self.mode
    }

    /// Returns whether relaying is to be reported.
    #[must_use]
    pub const fn is_traced(&self) -> bool {
        self.is_traced
    }
}

impl From<DeliverBy> for Parameter {
    fn from(by: DeliverBy) -> Self {
        let mode = if by.mode == ByMode::Notify { 'N' } else { 'R' };
        let trace = if by.is_traced { "T" } else { "" };
        printed("BY", &alloc::format!("{};{mode}{trace}", by.seconds))
    }
}

impl TryFrom<&Parameter> for DeliverBy {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        let malformed = SyntaxError::Malformed {
            value: "BY",
            rule: "it must have the form seconds;N or seconds;R, optionally followed by T",
        };
        let (time, mode) = value_of(parameter, "BY")?.split_once(';').ok_or_else(|| malformed.clone())?;
        let (is_negative, time) = match time.strip_prefix('-') {
            Some(time) => (true, time),
            None => (false, time.strip_prefix('+').unwrap_or(time)),
        };
        let seconds = i32::try_from(digits(time, "BY")?).map_err(|_| malformed.clone())?;
        let (mode, is_traced) = match mode.to_ascii_uppercase().as_str() {
            "N" => (ByMode::Notify, false),
            "NT" => (ByMode::Notify, true),
            "R" => (ByMode::Return, false),
            "RT" => (ByMode::Return, true),
            _ => return Err(malformed),
        };
        let by = Self::new(if is_negative { -seconds } else { seconds }, mode)?;
        Ok(if is_traced { by.with_trace() } else { by })
    }
}
