//! Provides ANONYMOUS (RFC 4505).

use super::{Mechanism, MechanismError, no_challenge};
use crate::secret::Secret;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// ANONYMOUS (RFC 4505): no login, with an optional trace for the server's log.
#[derive(Clone, Debug, Default)]
pub struct Anonymous {
    trace: String,
}

impl Anonymous {
    /// The maximum length of the trace in characters (RFC 4505 §2).
    pub const LIMIT: usize = 255;

    /// Makes the mechanism without a trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the trace: a mail address, or a token without `@` (RFC 4505 §2).
    ///
    /// # Errors
    /// When the trace is empty or too long, or has a control character.
    pub fn with_trace(mut self, trace: &str) -> Result<Self, MechanismError> {
        let length = trace.chars().count();
        if !(1..=Self::LIMIT).contains(&length) {
            return Err(MechanismError::new(alloc::format!(
                "the trace has {length} characters, and may have 1 to {}",
                Self::LIMIT
            )));
        }
        if trace.chars().any(char::is_control) {
            return Err(MechanismError::new("the trace holds a control character"));
        }
        self.trace = trace.to_string();
        Ok(self)
    }
}

impl Mechanism for Anonymous {
    fn name(&self) -> &'static str {
        "ANONYMOUS"
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        Ok(Some(Secret::from(self.trace.as_str())))
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Secret, MechanismError> {
        Err(no_challenge("ANONYMOUS"))
    }

    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_1_to_255_characters_and_no_control() {
        assert!(Anonymous::new().with_trace(&"ä".repeat(255)).is_ok());
        for trace in ["", "a\nb", &"ä".repeat(256)] {
            assert!(Anonymous::new().with_trace(trace).is_err());
        }
    }
}
