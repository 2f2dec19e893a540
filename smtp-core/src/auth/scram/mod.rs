//! Provides SCRAM (RFC 5802, RFC 7677), with and without channel binding.
//!
//! Rules: the client trusts nothing from the server before it has checked the server's signature. If the server's
//! nonce does not extend the client's, or the iteration count is out of bounds, the exchange ends before anything is
//! computed.

mod hash;
mod prepare;

pub use hash::ScramHash;

use super::{ChannelBinding, Mechanism, MechanismError, joined, saslname, shown};
use crate::extensions::Extensions;
use crate::secret::Secret;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::ops::RangeInclusive;

/// SCRAM: both sides prove that they know the password without sending it.
#[derive(Clone, Debug)]
pub struct Scram {
    hash: ScramHash,
    user: String,
    authorization_identity: String,
    password: Secret,
    nonce: String,
    binding: Binding,
    state: State,
}

/// The channel binding flag of the GS2 header (RFC 5802 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Binding {
    /// `n`: the client does not support channel binding.
    None,
    /// `y`: the client supports it, but the server did not offer it.
    NotOffered,
    /// One of the two above, to be decided by the server's offer.
    Undecided,
    /// `p`: the channel is bound.
    Bound(ChannelBinding),
}

#[derive(Clone, Debug)]
enum State {
    Fresh,
    /// The client's first message was sent; these parts of it go into the signatures.
    First {
        header: String,
        bare: String,
    },
    /// The client's proof was sent.
    Proved {
        proof: Secret,
        server_key: Secret,
        auth_message: Vec<u8>,
    },
    /// The server has authenticated itself.
    Verified {
        proof: Secret,
    },
    /// The server refused, for this reason.
    Refused(MechanismError),
    /// The exchange was cancelled.
    Over,
}

impl Scram {
    /// The accepted range of iteration counts.
    ///
    /// Fewer make the password easy to guess for an eavesdropper (RFC 5802 §5.1 requires at least 4,096); more would
    /// let a server waste the client's time: ten times the usual count takes about a second.
    pub const ITERATIONS: RangeInclusive<u32> = 4_096..=2_000_000;

    /// The minimum length of a nonce; a shorter one could be guessed.
    pub const SHORTEST_NONCE: usize = 16;

    /// Makes the login of `user` with `password`.
    ///
    /// `nonce` is random text, new for each login, of visible ASCII characters other than the comma, for example 24
    /// random bytes in base64.
    ///
    /// # Errors
    /// When SASLprep prohibits the user name or password (RFC 4013), or the nonce is too short or has other
    /// characters.
    pub fn new(hash: ScramHash, user: &str, password: &Secret, nonce: &str) -> Result<Self, MechanismError> {
        if !is_nonce(nonce) || nonce.len() < Self::SHORTEST_NONCE {
            return Err(MechanismError::new(format!(
                "the nonce must have at least {} visible ASCII characters and no comma",
                Self::SHORTEST_NONCE
            )));
        }
        Ok(Self {
            hash,
            user: prepare::name("user name", user)?,
            authorization_identity: String::new(),
            password: prepare::password(password)?,
            nonce: nonce.to_string(),
            binding: Binding::None,
            state: State::Fresh,
        })
    }

    /// Sets the authorization identity to act as.
    ///
    /// # Errors
    /// When SASLprep prohibits it.
    pub fn with_authorization_identity(mut self, identity: &str) -> Result<Self, MechanismError> {
        self.authorization_identity = prepare::name("authorization identity", identity)?;
        Ok(self)
    }

    /// Binds the login to the TLS session; the mechanism's name then ends in -PLUS.
    #[must_use]
    pub fn with_channel_binding(mut self, binding: ChannelBinding) -> Self {
        self.binding = Binding::Bound(binding);
        self
    }

    /// Declares that the client supports channel binding but does not use it.
    ///
    /// If the server offered -PLUS, it then detects that a man in the middle removed -PLUS from the offer (RFC 5802
    /// §6).
    #[must_use]
    pub fn without_offered_channel_binding(mut self) -> Self {
        self.binding = Binding::Undecided;
        self
    }

    /// Returns the GS2 header (RFC 5802 §7).
    fn header(&self) -> String {
        let mut header = match self.binding {
            Binding::None | Binding::Undecided => "n,".to_string(),
            Binding::NotOffered => "y,".to_string(),
            Binding::Bound(_) => format!("p={},", ChannelBinding::NAME),
        };
        if !self.authorization_identity.is_empty() {
            header.push_str("a=");
            header.push_str(&saslname(&self.authorization_identity));
        }
        header.push(',');
        header
    }

    /// Handles the server's first message and returns the client's final message.
    fn prove(&mut self, header: &str, bare: &str, challenge: &[u8]) -> Result<Secret, MechanismError> {
        let challenge = text(challenge)?;
        let first = ServerFirst::parse(challenge)?;
        if !first.nonce.starts_with(&self.nonce) || first.nonce.len() == self.nonce.len() {
            return Err(MechanismError::new("the server's nonce does not extend ours"));
        }
        if !Self::ITERATIONS.contains(&first.iterations) {
            return Err(MechanismError::new(format!(
                "the server asks for {} iterations, and {} to {} are accepted",
                first.iterations,
                Self::ITERATIONS.start(),
                Self::ITERATIONS.end()
            )));
        }
        let mut bound = header.as_bytes().to_vec();
        if let Binding::Bound(binding) = &self.binding {
            bound.extend_from_slice(binding.as_bytes());
        }
        let without_proof = format!("c={},r={}", STANDARD.encode(bound), first.nonce);
        let auth_message = format!("{bare},{challenge},{without_proof}").into_bytes();

        let hash = self.hash;
        let salted = hash.salted(&self.password, &first.salt, first.iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        let signature = hash.hmac(&hash.hash(&client_key), &auth_message);
        let proof: Vec<u8> = client_key.expose().iter().zip(signature.expose()).map(|(a, b)| a ^ b).collect();
        let proof = Secret::from(STANDARD.encode(Secret::from(proof).expose()));
        let message = joined(&[without_proof.as_bytes(), b",p=", proof.expose()]);
        self.state = State::Proved { proof, server_key: hash.hmac(&salted, b"Server Key"), auth_message };
        Ok(message)
    }
}

impl Mechanism for Scram {
    fn name(&self) -> &'static str {
        self.hash.mechanism(matches!(self.binding, Binding::Bound(_)))
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn offered(&mut self, extensions: &Extensions) {
        if self.binding == Binding::Undecided {
            let is_plus = |name: &str| {
                let name = name.to_ascii_uppercase();
                name.starts_with("SCRAM-") && name.ends_with("-PLUS")
            };
            self.binding =
                if extensions.mechanisms().any(is_plus) { Binding::None } else { Binding::NotOffered };
        }
    }

    fn initial_response(&mut self) -> Result<Option<Secret>, MechanismError> {
        if !matches!(self.state, State::Fresh) {
            // a replay of the server's first message would be valid with the same nonce
            return Err(MechanismError::new(
                "a nonce is for one login only, make a new mechanism for the next",
            ));
        }
        let header = self.header();
        let bare = format!("n={},r={}", saslname(&self.user), self.nonce);
        let message = Secret::from(format!("{header}{bare}"));
        self.state = State::First { header, bare };
        Ok(Some(message))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
        match core::mem::replace(&mut self.state, State::Over) {
            State::First { header, bare } => self.prove(&header, &bare, challenge),
            State::Proved { proof, server_key, auth_message } => {
                let is_signed = |signature: &[u8]| self.hash.is_signed(&server_key, &auth_message, signature);
                self.state = match ServerFinal::parse(text(challenge)?)? {
                    ServerFinal::Signature(signature) if is_signed(&signature) => State::Verified { proof },
                    ServerFinal::Signature(_) => {
                        return Err(MechanismError::new(
                            "the server's signature is wrong: it does not know the password",
                        ));
                    }
                    ServerFinal::Error(error) => State::Refused(error),
                };
                // RFC 4954 §4: the reply to this response is the outcome
                Ok(Secret::from(""))
            }
            State::Fresh | State::Verified { .. } | State::Refused(_) | State::Over => Err(
                MechanismError::new(format!("the server sent one challenge too many for {}", self.name())),
            ),
        }
    }

    fn succeed(&mut self) -> Result<(), MechanismError> {
        match self.state {
            State::Verified { .. } => Ok(()),
            State::Refused(_) => Err(MechanismError::new("the server reported success after it had refused")),
            _ => Err(MechanismError::new(
                "the server reported success before it proved that it knows the password",
            )),
        }
    }

    fn refusal(&self) -> Option<MechanismError> {
        match &self.state {
            State::Refused(error) => Some(error.clone()),
            _ => None,
        }
    }

    fn secrets(&self) -> Vec<Secret> {
        let proof = match &self.state {
            State::Proved { proof, .. } | State::Verified { proof } => Some(proof),
            _ => None,
        };
        core::iter::once(&self.password).chain(proof).cloned().collect()
    }
}

/// The server's first message: `r=…,s=…,i=…` (RFC 5802 §7).
#[derive(Debug)]
struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> ServerFirst<'a> {
    fn parse(message: &'a str) -> Result<Self, MechanismError> {
        if message.starts_with("m=") {
            return Err(MechanismError::new("the server requires an unknown extension of SCRAM"));
        }
        if let Some(error) = message.strip_prefix("e=") {
            return Err(refused(error));
        }
        let mut attributes = message.split(',');
        let mut attribute = |name: &str| attributes.next().and_then(|attribute| attribute.strip_prefix(name));
        let nonce = attribute("r=").filter(|nonce| is_nonce(nonce)).ok_or_else(|| malformed("nonce"))?;
        let salt = attribute("s=")
            .and_then(|salt| STANDARD.decode(salt).ok())
            .filter(|salt| !salt.is_empty())
            .ok_or_else(|| malformed("salt"))?;
        let iterations = attribute("i=")
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0'))
            .filter(|digits| !digits.is_empty())
            .ok_or_else(|| malformed("number of iterations"))?;
        // a number that overflows is out of bounds like the maximum
        Ok(Self { nonce, salt, iterations: iterations.parse().unwrap_or(u32::MAX) })
    }
}

/// The server's final message: `v=…` or `e=…` (RFC 5802 §7).
#[derive(Debug)]
enum ServerFinal {
    Signature(Vec<u8>),
    Error(MechanismError),
}

impl ServerFinal {
    fn parse(message: &str) -> Result<Self, MechanismError> {
        let first = message.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Ok(Self::Error(refused(error)));
        }
        let signature = first.strip_prefix("v=").and_then(|signature| STANDARD.decode(signature).ok());
        signature.map(Self::Signature).ok_or_else(|| malformed("signature"))
    }
}

fn refused(error: &str) -> MechanismError {
    MechanismError::new(format!("the server refused the login: {}", shown(error.as_bytes())))
}

fn malformed(what: &'static str) -> MechanismError {
    MechanismError::new(format!("the server sent a challenge without a valid {what}"))
}

fn text(challenge: &[u8]) -> Result<&str, MechanismError> {
    core::str::from_utf8(challenge)
        .map_err(|_| MechanismError::new("the server sent a challenge that is not UTF-8"))
}

/// Returns whether the text has only characters that a nonce may have (RFC 5802 §7: printable).
fn is_nonce(nonce: &str) -> bool {
    nonce.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',')
}
