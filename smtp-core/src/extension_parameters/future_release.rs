//! Defines [`FutureRelease`], HOLDFOR and HOLDUNTIL on MAIL (RFC 4865).

use super::{DateTime, digits, printed, value_of};
use crate::address::SyntaxError;
use crate::parameter::Parameter;
use alloc::string::ToString;

/// HOLDFOR or HOLDUNTIL on MAIL (RFC 4865 §4): the server is to keep the message for a while before it sends it on.
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
    /// The most seconds that can be said.
    pub const LIMIT: u32 = 999_999_999;

    /// For so many seconds: HOLDFOR.
    ///
    /// # Errors
    /// None, or more than [`LIMIT`](Self::LIMIT).
    pub const fn hold_for(seconds: u32) -> Result<Self, SyntaxError> {
        if seconds == 0 || seconds > Self::LIMIT {
            return Err(SyntaxError::Malformed {
                value: "HOLDFOR",
                rule: "1 to 999999999 seconds can be said",
            });
        }
        Ok(Self { until: Until::Seconds(seconds) })
    }

    /// Until a time: HOLDUNTIL.
    #[must_use]
    pub const fn hold_until(time: DateTime) -> Self {
        Self { until: Until::Time(time) }
    }

    /// For how many seconds, if it is HOLDFOR.
    #[must_use]
    pub const fn seconds(&self) -> Option<u32> {
        match self.until {
            Until::Seconds(seconds) => Some(seconds),
            Until::Time(_) => None,
        }
    }

    /// Until when, if it is HOLDUNTIL.
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
