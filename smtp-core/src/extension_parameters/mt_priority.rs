//! Defines [`MtPriority`], MT-PRIORITY on MAIL (RFC 6710).

use super::{printed, value_of};
use crate::address::SyntaxError;
use crate::parameter::Parameter;
use alloc::string::ToString;

/// MT-PRIORITY on MAIL (RFC 6710 §4.1): the priority of the message, from -9 (lowest) to 9 (highest).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MtPriority(i8);

impl MtPriority {
    /// Accepts -9 to 9; a message without the parameter has priority 0.
    ///
    /// # Errors
    /// When the number is out of range.
    pub const fn new(priority: i8) -> Result<Self, SyntaxError> {
        if priority < -9 || priority > 9 {
            return Err(SyntaxError::Malformed { value: "MT-PRIORITY", rule: "it is a number from -9 to 9" });
        }
        Ok(Self(priority))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> i8 {
        self.0
    }
}

impl From<MtPriority> for Parameter {
    fn from(priority: MtPriority) -> Self {
        printed("MT-PRIORITY", &priority.0.to_string())
    }
}

impl TryFrom<&Parameter> for MtPriority {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        let value = value_of(parameter, "MT-PRIORITY")?;
        // RFC 6710 §4.1 allows only one form of each number
        let number = value.parse::<i8>().ok().filter(|number| number.to_string() == value);
        Self::new(number.unwrap_or(i8::MAX))
    }
}
