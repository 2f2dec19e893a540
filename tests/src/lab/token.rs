//! Provides an issuer of bearer tokens, as JSON Web Tokens (RFC 7519) under a key that it shares with the server.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What tokens are signed with; known to nobody but the tests.
const KEY: &[u8] = b"the key that the issuer of the lab shares with its server";

/// How long a token is good for, in seconds.
const LIFETIME: u64 = 3600;

/// An issuer of tokens, which left its key where the server looks for it.
#[derive(Debug)]
pub(super) struct Issuer {
    keys: PathBuf,
}

impl Issuer {
    /// Writes the key into a directory of its own in `home`.
    pub(super) fn new(home: &Path) -> io::Result<Self> {
        let keys = home.join("keys");
        // Dovecot's layout: by whom the token is for, its algorithm and the name of the key
        let directory = keys.join("default").join("HS256");
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("default"), STANDARD.encode(KEY))?;
        Ok(Self { keys })
    }

    /// The directory of the keys.
    pub(super) fn keys(&self) -> &Path {
        &self.keys
    }

    /// A token for a user, who is a mailbox.
    #[allow(clippy::unused_self, reason = "it is good only where the issuer left its key")]
    pub(super) fn token(&self, user: &str) -> io::Result<String> {
        let now =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
        let claims = format!(
            r#"{{"sub":"{user}","iat":{now},"nbf":{now},"exp":{expiry},"iss":"lab"}}"#,
            expiry = now + LIFETIME
        );
        let signed =
            [r#"{"alg":"HS256","typ":"JWT"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).map_err(io::Error::other)?;
        mac.update(signed.as_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }
}
