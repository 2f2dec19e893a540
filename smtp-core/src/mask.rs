//! Provides [`Mask`], which removes secrets from replies that echo them.

use crate::reply::{BorrowedReply, Reply};
use crate::secret::Secret;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The replacement for a secret.
pub(crate) const MASKED: &str = "***";

/// The minimum length of a match; shorter ones are regarded as coincidence.
const MIN_LENGTH: usize = 4;

/// All secrets of this connection.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    secrets: Vec<Secret>,
    /// The base64 digits of each secret at each alignment: words that contain them are masked.
    digits: Vec<Secret>,
}

impl Mask {
    /// Masks `secret` from now on.
    pub(crate) fn add(&mut self, secret: Secret) {
        if secret.is_empty() || self.secrets.contains(&secret) {
            return;
        }
        for offset in 0..3 {
            let digits = digits_at(&secret, offset);
            if digits.expose().len() >= MIN_LENGTH {
                self.digits.push(digits);
            }
        }
        self.secrets.push(secret);
    }

    /// Copies the reply with secrets masked.
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

    /// Masks a line: whole secrets anywhere, and words that are part of one.
    pub(crate) fn line(&self, line: &str) -> String {
        let mut line = String::from(line);
        for secret in &self.secrets {
            if let Ok(secret) = core::str::from_utf8(secret.expose())
                && secret.len() >= MIN_LENGTH
            {
                line = line.replace(secret, MASKED);
            }
        }
        let mut shown = String::with_capacity(line.len());
        let mut rest = line.as_str();
        while !rest.is_empty() {
            let length = rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            shown.push_str(if self.hides(word) { MASKED } else { word });
            let separator = after.find(is_of_a_word).unwrap_or(after.len());
            shown.push_str(&after[..separator]);
            rest = &after[separator..];
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
            word == secret || (word.len() >= MIN_LENGTH && memchr::memmem::find(secret, word).is_some())
        })
    }
}

/// Returns the base64 digits that depend on `secret` alone when it starts at `offset` octets modulo three.
fn digits_at(secret: &Secret, offset: usize) -> Secret {
    let mut octets = Vec::with_capacity(offset + secret.expose().len());
    octets.resize(offset, 0);
    octets.extend_from_slice(secret.expose());
    let whole = octets.len() * 8 / 6;
    let encoded = Secret::from(STANDARD_NO_PAD.encode(&octets));
    zeroize::Zeroize::zeroize(&mut octets);
    // the first digits include bits of the preceding octets, the last one bits of the following octets
    let first = (offset * 8).div_ceil(6);
    Secret::from(encoded.expose().get(first..whole).unwrap_or_default().to_vec())
}

/// Returns whether base64 or a password may have the character; the delimiters around an echo are excluded.
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
            // other strings that contain the password, at each of the three alignments
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
