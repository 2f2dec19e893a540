//! Provides [`Mask`], which takes secrets out of replies that echo them.

use crate::reply::{BorrowedReply, Reply};
use crate::secret::Secret;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What stands where a secret stood.
pub(crate) const MASKED: &str = "***";

/// A shorter run of characters that a secret also holds is taken for chance.
const SHORTEST: usize = 4;

/// All that must not be seen on this connection.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    secrets: Vec<Secret>,
    /// What base64 makes of a secret wherever it stands in what is encoded: no word that holds one is shown.
    digits: Vec<Secret>,
}

impl Mask {
    /// Hides `secret` from now on.
    pub(crate) fn add(&mut self, secret: Secret) {
        if secret.is_empty() || self.secrets.contains(&secret) {
            return;
        }
        for offset in 0..3 {
            let digits = digits_at(&secret, offset);
            if digits.expose().len() >= SHORTEST {
                self.digits.push(digits);
            }
        }
        self.secrets.push(secret);
    }

    /// The reply as a value of its own, without what is secret.
    pub(crate) fn reply(&self, reply: &BorrowedReply<'_>) -> Reply {
        if self.secrets.is_empty() {
            return reply.to_reply();
        }
        let mut text = String::new();
        for (index, line) in reply.lines().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&self.line(&String::from_utf8_lossy(line)));
        }
        Reply::from_text(reply.code(), reply.enhanced(), &text)
    }

    /// One line without what is secret: whole secrets anywhere, and words that are a part of one.
    pub(crate) fn line(&self, line: &str) -> String {
        let mut line = String::from(line);
        for secret in &self.secrets {
            if let Ok(secret) = core::str::from_utf8(secret.expose())
                && secret.len() >= SHORTEST
            {
                line = line.replace(secret, MASKED);
            }
        }
        let mut shown = String::with_capacity(line.len());
        let mut rest = line.as_str();
        while !rest.is_empty() {
            let length = rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(length);
            shown.push_str(if self.hides(word) { MASKED } else { word });
            let separator = behind.find(is_of_a_word).unwrap_or(behind.len());
            shown.push_str(&behind[..separator]);
            rest = &behind[separator..];
        }
        shown
    }

    fn hides(&self, word: &str) -> bool {
        let word = word.as_bytes();
        if self.digits.iter().any(|digits| memchr::memmem::find(word, digits.expose()).is_some()) {
            return true;
        }
        self.secrets.iter().any(|secret| {
            let secret = secret.expose();
            word == secret || (word.len() >= SHORTEST && memchr::memmem::find(secret, word).is_some())
        })
    }
}

/// The base64 digits that depend on `secret` alone when `offset` octets, modulo three, stand before it.
fn digits_at(secret: &Secret, offset: usize) -> Secret {
    let mut octets = Vec::with_capacity(offset + secret.expose().len());
    octets.resize(offset, 0);
    octets.extend_from_slice(secret.expose());
    let whole = octets.len() * 8 / 6;
    let encoded = Secret::from(STANDARD_NO_PAD.encode(&octets));
    zeroize::Zeroize::zeroize(&mut octets);
    // the first digits hold bits of what stands before, the last one bits of what follows
    let first = (offset * 8).div_ceil(6);
    Secret::from(encoded.expose().get(first..whole).unwrap_or_default().to_vec())
}

/// Whether base64 or a password could hold it; what a server writes around an echo is not.
fn is_of_a_word(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '<' | '>' | '(' | ')' | '"' | '\'' | ',' | ':' | ';' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let mut mask = Mask::default();
        mask.add(Secret::from("AGFsaWNlAHMzY3JldCBwYXNz"));
        mask.add(Secret::from("s3cret pass"));
        mask.add(Secret::from("abc"));
        mask
    }

    #[test]
    fn echoes_are_masked_whole_and_in_part() {
        for (line, shown) in [
            ("5.7.8 bad AGFsaWNlAHMzY3JldCBwYXNz", "5.7.8 bad ***"),
            ("got <AGFsaWNlAHMzY3JldCBwYXNz>", "got <***>"),
            ("got \"AHMzY3JldCBw\" cut", "got \"***\" cut"),
            ("password s3cret pass is wrong", "password *** is wrong"),
            ("xs3cret passx", "x***x"),
            ("abc", "***"),
            // other strings that hold the password, at each of the three alignments
            ("is AHgAczNjcmV0IHBhc3M= it", "is *** it"),
            ("is AHh4AHMzY3JldCBwYXNz it", "is *** it"),
            ("is AHh4eABzM2NyZXQgcGFzcw== it", "is *** it"),
            ("is czNjcmV0IHBhc3M= it", "is *** it"),
            (
                "authentication failed: see https://example.com/abcd",
                "authentication failed: see https://example.com/abcd",
            ),
        ] {
            assert_eq!(mask().line(line), shown);
        }
    }
}
