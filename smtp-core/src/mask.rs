//! Provides [`Mask`], which takes secrets out of replies that echo them.

use crate::reply::{BorrowedReply, Reply};
use crate::secret::Secret;
use alloc::string::String;
use alloc::vec::Vec;

/// What stands where a secret stood.
const MASKED: &str = "***";

/// A shorter run of characters that a secret also holds is taken for chance.
const SHORTEST: usize = 4;

/// All that must not be seen on this connection.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    secrets: Vec<Secret>,
}

impl Mask {
    /// Hides `secret` from now on.
    pub(crate) fn add(&mut self, secret: Secret) {
        if !secret.is_empty() && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
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
        self.secrets.iter().any(|secret| {
            let secret = secret.expose();
            word == secret || (word.len() >= SHORTEST && memchr::memmem::find(secret, word).is_some())
        })
    }
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
            (
                "authentication failed: see https://example.com/abcd",
                "authentication failed: see https://example.com/abcd",
            ),
        ] {
            assert_eq!(mask().line(line), shown);
        }
    }
}
