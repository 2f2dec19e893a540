//! Defines [`FutureRelease`], HOLDFOR and HOLDUNTIL on MAIL (RFC 4865).

use super::{DateTime, digits, printed, value_of};
use crate::address::SyntaxError;
use crate::parameter::Parameter;
use alloc::string::ToString;

/// HOLDFOR or HOLDUNTIL on MAIL (RFC 4865 §4): the server holds the message before it relays it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FutureRelease {
    until: Until,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Until {
    Seconds(u32),
    Time(DateTime),
}

impl FutureRelease {
    /// The maximum number of seconds.
    pub const LIMIT: u32 = 999_999_999;

    /// Holds the message for this number of seconds: HOLDFOR.
    ///
    /// # Errors
    /// When it is zero or more than [`LIMIT`](Self::LIMIT).
    pub const fn hold_for(seconds: u32) -> Result<Self, SyntaxError> {
        if seconds == 0 || seconds > Self::LIMIT {
            return Err(SyntaxError::Malformed {
                value: "HOLDFOR",
                rule: "the value must be 1 to 999999999 seconds",
            });
        }
        Ok(Self { until: Until::Seconds(seconds) })
    }

    /// Holds the message until this time: HOLDUNTIL.
    #[must_use]
    pub const fn hold_until(time: DateTime) -> Self {
        Self { until: Until::Time(time) }
    }

    /// The number of seconds, if it is HOLDFOR.
    #[must_use]
    pub const fn seconds(&self) -> Option<u32> {
        match self.until {
            Until::Seconds(seconds) => Some(seconds),
            Until::Time(_) => None,
        }
    }

    /// The time, if it is HOLDUNTIL.
    #[must_use]
    pub const fn time(&self) -> Option<&DateTime> {
        match &self.until {
            Until::Seconds(_) => None,
            Until::Time(time) => Some(time),
        }
    }
}

impl From<FutureRelease> for Parameter {
    fn from(release: FutureRelease) -> Self {
        match release.until {
            Until::Seconds(seconds) => printed("HOLDFOR", &seconds.to_string()),
            Until::Time(time) => printed("HOLDUNTIL", time.as_str()),
        }
    }
}

impl TryFrom<&Parameter> for FutureRelease {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        if parameter.keyword() == "HOLDFOR" {
            return Self::hold_for(digits(value_of(parameter, "HOLDFOR")?, "HOLDFOR")?);
        }
        Ok(Self::hold_until(value_of(parameter, "HOLDUNTIL")?.parse()?))
    }
}
