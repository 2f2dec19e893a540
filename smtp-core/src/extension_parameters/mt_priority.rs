//! Defines [`MtPriority`], MT-PRIORITY on MAIL (RFC 6710).

use super::{printed, value_of};
use crate::address::SyntaxError;
use crate::parameter::Parameter;
use alloc::string::ToString;

/// MT-PRIORITY on MAIL (RFC 6710 §4.1): how urgent the message is, from -9 to 9, the higher the more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MtPriority(i8);

impl MtPriority {
    /// Takes -9 to 9; 0 is what a message without the parameter has.
    ///
    /// # Errors
    /// Any other number.
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
        // RFC 6710 §4.1 writes each number in one way only
        let number = value.parse::<i8>().ok().filter(|number| number.to_string() == value);
        Self::new(number.unwrap_or(i8::MAX))
    }
}
