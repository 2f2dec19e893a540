//! The server's half of SCRAM (RFC 5802, RFC 7677) with and without channel binding.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::{Context, Progress, decode, encode};
use crate::scenario::Mechanism;

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn mac(self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        const WHY: &str = "HMAC takes keys of every length";
        match self {
            Self::Sha1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key).expect(WHY);
                mac.update(octets);
                mac.finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect(WHY);
                mac.update(octets);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }

    fn digest(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(octets).to_vec(),
            Self::Sha256 => Sha256::digest(octets).to_vec(),
        }
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, salt, iterations).to_vec(),
            Self::Sha256 => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec(),
        }
    }
}

#[derive(Debug)]
enum State {
    First,
    Final {
        user: String,
        gs2_header: String,
        first_bare: String,
        server_first: String,
        nonce: String,
    },
    /// The server's signature was sent; an empty response ends the exchange.
    Signed {
        user: String,
    },
}

/// One SCRAM exchange.
#[derive(Debug)]
pub(crate) struct Scram {
    mechanism: Mechanism,
    hash: Hash,
    state: State,
}

impl Scram {
    pub(crate) fn new(mechanism: Mechanism) -> Self {
        let hash = match mechanism {
            Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => Hash::Sha1,
            _ => Hash::Sha256,
        };
        Self { mechanism, hash, state: State::First }
    }

    pub(crate) fn respond(&mut self, response: &[u8], context: &Context<'_>) -> Progress {
        let Ok(text) = core::str::from_utf8(response) else { return Progress::Broken("SCRAM speaks UTF-8") };
        match &self.state {
            State::First => self.first(text, context),
            State::Final { .. } => self.last(text, context),
            State::Signed { user } if text.is_empty() => Progress::Success(user.clone()),
            State::Signed { .. } => Progress::Broken("SCRAM ends with an empty response"),
        }
    }

    /// client-first-message: `gs2-header n=user,r=nonce`.
    fn first(&mut self, text: &str, context: &Context<'_>) -> Progress {
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(authorize), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Progress::Broken("SCRAM wants a GS2 header");
        };
        let bound = self.mechanism.binds_channel();
        match flag {
            "p=tls-server-end-point" if bound && context.end_point.is_some() => {}
            "n" if !bound => {}
            // «y» says: I could bind, you did not offer. If we did, someone in between took the offer away.
            "y" if !bound && !offers_binding(context) => {}
            _ => return Progress::Broken("the channel binding flag does not fit the mechanism"),
        }
        let mut attributes = bare.split(',');
        let user = attributes.next().and_then(|part| part.strip_prefix("n="));
        let nonce =
            attributes.next().and_then(|part| part.strip_prefix("r=")).filter(|nonce| !nonce.is_empty());
        let (Some(user), Some(nonce)) = (user, nonce) else {
            return Progress::Broken("SCRAM wants n= and r=");
        };
        let user = user.replace("=2C", ",").replace("=3D", "=");
        let nonce = format!("{nonce}{}", context.nonce);
        let salt = self.hash.digest(format!("salt of {user}").as_bytes());
        let iterations = context.settings.iterations;
        let server_first = format!("r={nonce},s={},i={iterations}", encode(&salt[..16]));
        self.state = State::Final {
            user,
            gs2_header: format!("{flag},{authorize},"),
            first_bare: bare.to_owned(),
            server_first: server_first.clone(),
            nonce,
        };
        Progress::Challenge(server_first.into_bytes())
    }

    /// client-final-message: `c=binding,r=nonce,p=proof`.
    fn last(&mut self, text: &str, context: &Context<'_>) -> Progress {
        let State::Final { user, gs2_header, first_bare, server_first, nonce } = &self.state else {
            return Progress::Refused;
        };
        let Some((without_proof, proof)) = text.rsplit_once(",p=") else {
            return Progress::Broken("SCRAM wants a proof");
        };
        let mut binding = gs2_header.clone().into_bytes();
        if self.mechanism.binds_channel() {
            binding.extend_from_slice(context.end_point.unwrap_or_default());
        }
        if without_proof != format!("c={},r={nonce}", encode(&binding)) {
            return Progress::Refused;
        }
        let Some(password) = context.settings.users.get(user) else { return Progress::Refused };
        let salt = self.hash.digest(format!("salt of {user}").as_bytes());
        let salted = self.hash.salted(password.as_bytes(), &salt[..16], context.settings.iterations);
        let message = format!("{first_bare},{server_first},{without_proof}");
        let client_key = self.hash.mac(&salted, b"Client Key");
        let signature = self.hash.mac(&self.hash.digest(&client_key), message.as_bytes());
        let wanted: Vec<u8> = client_key.iter().zip(&signature).map(|(left, right)| left ^ right).collect();
        if decode(proof.as_bytes()) != Some(wanted) {
            return Progress::Refused;
        }
        let server_key = self.hash.mac(&salted, b"Server Key");
        let verifier = format!("v={}", encode(&self.hash.mac(&server_key, message.as_bytes())));
        self.state = State::Signed { user: user.clone() };
        Progress::Challenge(verifier.into_bytes())
    }
}

fn offers_binding(context: &Context<'_>) -> bool {
    context.end_point.is_some()
        && context.settings.offered().iter().any(|mechanism| mechanism.binds_channel())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::AuthSettings;

    /// A client written against the RFC's text alone.
    fn client(
        mechanism: Mechanism,
        password: &str,
        flag: &str,
        binding: &[u8],
        end_point: Option<&[u8]>,
    ) -> Progress {
        let hash = Scram::new(mechanism).hash;
        let settings = AuthSettings {
            users: [("user".to_owned(), "pencil".to_owned())].into(),
            ..AuthSettings::default()
        };
        let context =
            Context { settings: &settings, hostname: "h", end_point, nonce: "3rfcNHYJY1ZVvWVs7j".to_owned() };
        let mut scram = Scram::new(mechanism);
        let bare = "n=user,r=fyko+d2lbbFgONRv9qkxdawL";
        let Progress::Challenge(server_first) = scram.respond(format!("{flag},,{bare}").as_bytes(), &context)
        else {
            return Progress::Broken("no challenge");
        };
        let server_first = String::from_utf8(server_first).unwrap();
        let mut parts = server_first.split(',');
        let nonce = parts.next().unwrap().strip_prefix("r=").unwrap();
        let salt = decode(parts.next().unwrap().strip_prefix("s=").unwrap().as_bytes()).unwrap();
        let salted = hash.salted(password.as_bytes(), &salt, 4096);
        let bound = [format!("{flag},,").as_bytes(), binding].concat();
        let without_proof = format!("c={},r={nonce}", encode(&bound));
        let message = format!("{bare},{server_first},{without_proof}");
        let key = hash.mac(&salted, b"Client Key");
        let signature = hash.mac(&hash.digest(&key), message.as_bytes());
        let proof: Vec<u8> = key.iter().zip(signature).map(|(left, right)| left ^ right).collect();
        let last = scram.respond(format!("{without_proof},p={}", encode(&proof)).as_bytes(), &context);
        if !matches!(last, Progress::Challenge(_)) {
            return last;
        }
        scram.respond(b"", &context)
    }

    #[test]
    fn the_right_password_passes_and_the_wrong_one_does_not() {
        for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256] {
            assert_eq!(client(mechanism, "pencil", "n", b"", None), Progress::Success("user".to_owned()));
            assert_eq!(client(mechanism, "pen", "n", b"", None), Progress::Refused);
        }
    }

    #[test]
    fn channel_binding_must_be_the_connections_own() {
        let bound = |binding: &[u8]| {
            client(
                Mechanism::ScramSha256Plus,
                "pencil",
                "p=tls-server-end-point",
                binding,
                Some(b"certificate"),
            )
        };
        assert_eq!(bound(b"certificate"), Progress::Success("user".to_owned()));
        assert_eq!(bound(b"another"), Progress::Refused);
        let downgraded = client(Mechanism::ScramSha256, "pencil", "y", b"", Some(b"certificate"));
        assert_eq!(downgraded, Progress::Broken("no challenge"));
    }

    #[test]
    fn keys_as_in_rfc_5802() {
        let salt = decode(b"QSXCR+Q6sek8bf92").unwrap();
        let salted = Hash::Sha1.salted(b"pencil", &salt, 4096);
        let key = Hash::Sha1.mac(&salted, b"Client Key");
        let message = "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                       s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
        let signature = Hash::Sha1.mac(&Hash::Sha1.digest(&key), message.as_bytes());
        let proof: Vec<u8> = key.iter().zip(signature).map(|(left, right)| left ^ right).collect();
        assert_eq!(encode(&proof), "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    }
}
