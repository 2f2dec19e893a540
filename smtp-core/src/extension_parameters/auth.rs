//! Defines [`AuthParameter`], AUTH on MAIL (RFC 4954 §5).

use super::{printed, value_of};
use crate::address::{Mailbox, SyntaxError};
use crate::parameter::Parameter;
use crate::xtext;

/// AUTH on MAIL (RFC 4954 §5): the submitter of the message, for servers that trust each other; `<>` if unknown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuthParameter {
    submitter: Option<Mailbox>,
}

impl AuthParameter {
    /// Makes `AUTH=<>`: the submitter is unknown.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { submitter: None }
    }

    /// Names the submitter.
    ///
    /// # Errors
    /// When the mailbox is not ASCII, or its encoded form is too long for a parameter.
    pub fn new(submitter: Mailbox) -> Result<Self, SyntaxError> {
        let octets = "AUTH=".len() + xtext::encode(submitter.as_str(), "AUTH")?.len();
        if octets > Parameter::LIMIT {
            return Err(SyntaxError::TooLong { value: "AUTH", octets, limit: Parameter::LIMIT });
        }
        Ok(Self { submitter: Some(submitter) })
    }

    /// The submitter, if one is known.
    #[must_use]
    pub const fn submitter(&self) -> Option<&Mailbox> {
        self.submitter.as_ref()
    }
}

impl From<AuthParameter> for Parameter {
    fn from(auth: AuthParameter) -> Self {
        match auth.submitter {
            None => printed("AUTH", "<>"),
            Some(mailbox) => {
                let encoded = xtext::encode(mailbox.as_str(), "AUTH");
                printed("AUTH", &encoded.expect("it was encoded when it was made"))
            }
        }
    }
}

impl TryFrom<&Parameter> for AuthParameter {
    type Error = SyntaxError;

    fn try_from(parameter: &Parameter) -> Result<Self, SyntaxError> {
        match value_of(parameter, "AUTH")? {
            "<>" => Ok(Self::unknown()),
            encoded => Self::new(xtext::decode(encoded, "AUTH")?.parse()?),
        }
    }
}
