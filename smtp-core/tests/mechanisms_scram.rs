//! Tests SCRAM against a server that is implemented here from RFC 5802 and shares no code with the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use smtp_core::*;

const SALT: &[u8] = b"a grain of salt";

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// The data that a server stores about a user (RFC 5802 §3), and its view of the channel.
struct Server {
    stored_key: Vec<u8>,
    proving_key: Vec<u8>,
    channel: Vec<u8>,
    first_bare: String,
    first_header: String,
    first: String,
}

impl Server {
    fn new(password: &str, channel: &[u8]) -> Self {
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), SALT, 4096, &mut salted);
        Self {
            stored_key: Sha256::digest(hmac(&salted, b"Client Key")).to_vec(),
            proving_key: hmac(&salted, b"Server Key"),
            channel: channel.to_vec(),
            first_bare: String::new(),
            first_header: String::new(),
            first: String::new(),
        }
    }

    /// Handles the client's first message; returns the user, the authorization identity and the challenge.
    fn begin(&mut self, message: &[u8]) -> (String, String, String) {
        let message = std::str::from_utf8(message).unwrap();
        let parts: Vec<&str> = message.splitn(3, ',').collect();
        let [flag, identity, bare] = parts[..] else { panic!("{message}") };
        self.first_header = format!("{flag},{identity},");
        self.first_bare = bare.into();
        let (user, nonce) = bare.split_once(",r=").unwrap();
        let decode = |name: &str| name.replace("=2C", ",").replace("=3D", "=");
        let user = decode(user.strip_prefix("n=").unwrap());
        let identity = decode(identity.strip_prefix("a=").unwrap_or_default());
        self.first = format!("r={nonce}SERVER,s={},i=4096", STANDARD.encode(SALT));
        (user, identity, self.first.clone())
    }

    /// Handles the client's final message; returns the server's signature if the proof is right.
    fn finish(&self, message: &[u8]) -> Option<String> {
        let message = std::str::from_utf8(message).unwrap();
        let (without_proof, proof) = message.rsplit_once(",p=").unwrap();
        let (channel, _) = without_proof.strip_prefix("c=").unwrap().split_once(",r=").unwrap();
        let mut expected = self.first_header.clone().into_bytes();
        if self.first_header.starts_with("p=tls-server-end-point,") {
            expected.extend_from_slice(&self.channel);
        }
        if STANDARD.decode(channel).unwrap() != expected {
            return None;
        }
        let auth_message = format!("{},{},{without_proof}", self.first_bare, self.first);
        let signature = hmac(&self.stored_key, auth_message.as_bytes());
        let proof = STANDARD.decode(proof).unwrap();
        let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        if Sha256::digest(client_key).to_vec() != self.stored_key {
            return None;
        }
        Some(format!("v={}", STANDARD.encode(hmac(&self.proving_key, auth_message.as_bytes()))))
    }
}

fn nonce() -> &'static str {
    "abcdefghijklmnopqrstuvwx"
}

/// Runs a login; returns the user and the authorization identity, or `None` if the server refuses.
fn run(mut scram: Scram, server: &mut Server) -> Option<(String, String)> {
    let first = scram.initial_response().unwrap().unwrap();
    let (user, identity, challenge) = server.begin(first.expose());
    let last = scram.respond(challenge.as_bytes()).unwrap();
    let signature = server.finish(last.expose())?;
    assert!(scram.succeed().is_err(), "the server has not proved itself yet");
    assert!(scram.respond(signature.as_bytes()).unwrap().is_empty());
    scram.succeed().unwrap();
    Some((user, identity))
}

proptest! {
    // each case computes some ten thousand hashes
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_name_and_password_logs_in(
        user in "[ -~]{1,40}",
        identity in proptest::option::of("[ -~]{1,40}"),
        password in "[ -~]{0,300}",
        other in "[ -~]{0,20}",
        channel in proptest::option::of(prop::collection::vec(any::<u8>(), 28..64)),
    ) {
        let mut scram = Scram::new(ScramHash::Sha256, &user, &Secret::from(password.as_str()), nonce()).unwrap();
        if let Some(identity) = &identity {
            scram = scram.with_authorization_identity(identity).unwrap();
        }
        if let Some(channel) = &channel {
            scram = scram.with_channel_binding(ChannelBinding::tls_server_end_point(channel.clone()).unwrap());
        }
        let channel = channel.unwrap_or_default();
        let found = run(scram.clone(), &mut Server::new(&password, &channel));
        prop_assert_eq!(found, Some((user, identity.unwrap_or_default())));
        if other != password {
            prop_assert_eq!(run(scram, &mut Server::new(&other, &channel)), None);
        }
    }

    #[test]
    fn no_message_of_a_server_makes_it_panic(messages in prop::collection::vec(any::<Vec<u8>>(), 0..4)) {
        let mut scram = Scram::new(ScramHash::Sha256, "user", &Secret::from("pencil"), nonce()).unwrap();
        scram.initial_response().unwrap();
        for message in messages {
            let _ = scram.respond(&message);
        }
        prop_assert!(scram.succeed().is_err());
    }

    #[test]
    fn no_challenge_like_a_real_one_is_believed(message in "(r|s|i|v|e|m)=[a-z0-9=+/,]{0,20}(,(r|s|i|v|e)=[A-Za-z0-9=+/]{0,12}){0,4}") {
        let mut scram = Scram::new(ScramHash::Sha256, "user", &Secret::from("pencil"), nonce()).unwrap();
        scram.initial_response().unwrap();
        prop_assert!(scram.respond(message.as_bytes()).is_err(), "{}", message);
        prop_assert!(scram.succeed().is_err());
    }
}

#[test]
fn another_channel_is_refused() {
    let binding = ChannelBinding::tls_server_end_point([1; 32]).unwrap();
    let scram = Scram::new(ScramHash::Sha256, "user", &Secret::from("pencil"), nonce()).unwrap();
    let scram = scram.with_channel_binding(binding);
    assert_eq!(run(scram.clone(), &mut Server::new("pencil", &[2; 32])), None);
    assert!(run(scram, &mut Server::new("pencil", &[1; 32])).is_some());
}

#[cfg(feature = "saslprep")]
#[test]
fn two_ways_to_type_a_password_are_equal() {
    for (typed, stored) in
        [("I\u{ad}X", "IX"), ("pa\u{a0}ss", "pa ss"), ("cafe\u{301}", "café"), ("\u{2168}", "IX")]
    {
        let scram = Scram::new(ScramHash::Sha256, "user", &Secret::from(typed), nonce()).unwrap();
        assert!(run(scram, &mut Server::new(stored, &[])).is_some(), "{typed}");
    }
}
