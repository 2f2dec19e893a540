//! Defines [`Answer`], a reply that is written once and needs no room of its own before.

use std::borrow::Cow;

use crate::scenario::{Reply, append_code};

/// What the correct server says, or the scenario in its place.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// One line in the server's own words.
    Own { code: u16, enhanced: Option<&'static str>, text: Cow<'static, str> },
    /// A message was taken: the connection and the message's number on it.
    Queued { enhanced: Option<&'static str>, connection: u64, message: u64 },
    /// A reply of several lines, or as the scenario words it.
    Whole(Reply),
}

impl Answer {
    /// One line without an enhanced status code.
    pub(super) fn line(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Own { code, enhanced: None, text: text.into() }
    }

    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Own { code, .. } => *code,
            Self::Queued { .. } => 250,
            Self::Whole(reply) => reply.code(),
        }
    }

    /// Writes the octets, CRLF included.
    pub(super) fn append_to(&self, octets: &mut Vec<u8>) {
        let enhanced = match self {
            Self::Own { enhanced, .. } | Self::Queued { enhanced, .. } => enhanced.unwrap_or_default(),
            Self::Whole(reply) => return reply.append_to(octets),
        };
        append_code(self.code(), octets);
        if !enhanced.is_empty() {
            octets.push(b' ');
            octets.extend_from_slice(enhanced.as_bytes());
        }
        match self {
            Self::Queued { connection, message, .. } => {
                octets.extend_from_slice(b" queued as ");
                append_number(*connection, octets);
                octets.push(b'.');
                append_number(*message, octets);
            }
            Self::Own { code, text, .. } => {
                // A bare code stays bare, but an empty challenge needs its space (RFC 4954 §4).
                if !text.is_empty() || !enhanced.is_empty() || *code == 334 {
                    octets.push(b' ');
                }
                octets.extend_from_slice(text.as_bytes());
            }
            Self::Whole(_) => {}
        }
        octets.extend_from_slice(b"\r\n");
    }

    pub(super) fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(64);
        self.append_to(&mut octets);
        octets
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Whole(reply)
    }
}

/// Writes a number in digits; the formatting of the standard library costs more than all the rest of a reply.
fn append_number(mut number: u64, octets: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut begin = digits.len();
    loop {
        begin -= 1;
        digits[begin] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    octets.extend_from_slice(&digits[begin..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_written_as_replies_are() {
        for (code, enhanced, text) in [
            (250, Some("2.0.0"), "ok"),
            (250, None, "ok"),
            (250, None, ""),
            (334, None, ""),
            (7, None, "odd"),
        ] {
            let own = Answer::Own { code, enhanced, text: text.into() };
            let words: Vec<_> = enhanced.into_iter().chain([text]).collect();
            assert_eq!(own.to_octets(), Reply::new(code, words.join(" ")).to_octets());
            assert_eq!(own.code(), code);
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        for (connection, message) in [(0, 1), (10, 99), (u64::MAX, 1_000_000)] {
            let queued = Answer::Queued { enhanced: Some("2.0.0"), connection, message };
            let text = format!("250 2.0.0 queued as {connection}.{message}\r\n");
            assert_eq!(queued.to_octets(), text.as_bytes());
        }
    }
}
