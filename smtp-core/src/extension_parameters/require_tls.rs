//! Defines [`RequireTls`], REQUIRETLS on MAIL (RFC 8689).

use crate::address::SyntaxError;
use crate::parameter::Parameter;

/// REQUIRETLS on MAIL (RFC 8689 §2): each server must relay the message over verified TLS or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // it has no value
pub struct RequireTls;

impl From<RequireTls> for Parameter {
    fn from(_: RequireTls) -> Self {
        Self::new("REQUIRETLS", None).expect("the keyword is made of letters")
    }
}

impl TryFrom<&Parameter> for RequireTls {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        match (parameter.keyword(), parameter.value()) {
            ("REQUIRETLS", None) => Ok(Self),
            _ => Err(SyntaxError::Malformed { value: "REQUIRETLS", rule: "it must not have a value" }),
        }
    }
}
