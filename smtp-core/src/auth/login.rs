//! Provides LOGIN (draft-murchison-sasl-login): obsolete, but the only mechanism of some servers.

use super::{Mechanism, MechanismError, without_nul};
use crate::secret::Secret;
use alloc::vec::Vec;

/// LOGIN: user name and password, each in response to a challenge whose text is ignored.
#[derive(Clone, Debug)]
pub struct Login {
    user: Secret,
    password: Secret,
    answered: u8,
}

impl Login {
    /// Makes the login of `user` with `password`.
    ///
    /// # Errors
    /// When either has a NUL.
    pub fn new(user: &str, password: Secret) -> Result<Self, MechanismError> {
        without_nul("user name", user.as_bytes())?;
        without_nul("password", password.expose())?;
        Ok(Self { user: Secret::from(user), password, answered: 0 })
    }
}

impl Mechanism for Login {
    fn name(&self) -> &'static str {
        "LOGIN"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        self.answered = 0;
        Ok(None)
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Secret, MechanismError> {
        self.answered += 1;
        match self.answered {
            1 => Ok(self.user.clone()),
            2 => Ok(self.password.clone()),
            _ => {
                self.answered = 2;
                Err(MechanismError::new("the server sent a third challenge, and LOGIN has two"))
            }
        }
    }

    fn secrets(&self) -> Vec<Secret> {
        alloc::vec![self.password.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_asks_twice() {
        let mut login = Login::new("alice", Secret::from("secret")).unwrap();
        for _ in 0..2 {
            assert_eq!(login.initial_response().unwrap(), None);
            assert_eq!(login.respond(b"Username:").unwrap().expose(), b"alice");
            assert_eq!(login.respond(b"Password:").unwrap().expose(), b"secret");
            assert!(login.respond(b"More?").is_err());
        }
    }
}
