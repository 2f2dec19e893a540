//! Provides [`Transmit`], the caller's buffer of octets that are to be written.

use alloc::vec::Vec;
use core::fmt;

/// What a span of [`Transmit`] holds, so that a log can decide what to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // a log that forgets a kind must not compile
pub enum Content {
    /// Command lines.
    Command,
    /// What no log may ever show: the exchange of AUTH.
    Secret,
    /// Mail data.
    Message,
}

/// Octets to be written, with what they are; reused from one write to the next.
///
/// [`Client::poll`](crate::Client::poll) fills it when it answers
/// [`Output::Write`](crate::Output::Write); the driver writes all of [`octets`](Self::octets) and
/// says [`Input::Sent`](crate::Input::Sent).
#[derive(Clone, Default)]
pub struct Transmit {
    pub(crate) octets: Vec<u8>,
    pub(crate) spans: Vec<(Content, usize)>,
}

impl Transmit {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new(), spans: Vec::new() }
    }

    /// All octets, in the order in which they must leave.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The same octets cut into spans of one kind each; a line that holds a secret is cut within.
    pub fn spans(&self) -> impl Iterator<Item = (Content, &[u8])> {
        let mut rest = self.octets.as_slice();
        self.spans.iter().map(move |&(content, length)| {
            let (span, behind) = rest.split_at(length.min(rest.len()));
            rest = behind;
            (content, span)
        })
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn push(&mut self, content: Content, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        self.mark(content, octets.len());
    }

    /// Says that the last `length` octets, appended to `octets` directly, are `content`.
    pub(crate) fn mark(&mut self, content: Content, length: usize) {
        if length == 0 {
            return;
        }
        match self.spans.last_mut() {
            Some((last, total)) if *last == content && content != Content::Secret => *total += length,
            _ => self.spans.push((content, length)),
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.spans.iter().any(|&(content, _)| content == Content::Secret) {
            zeroize::Zeroize::zeroize(&mut self.octets);
        }
        self.octets.clear();
        self.spans.clear();
    }
}

/// Says how much of what it holds; shows none of it, because it may be secret.
impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit").field("octets", &self.octets.len()).field("spans", &self.spans).finish()
    }
}

impl Drop for Transmit {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_partition_the_octets() {
        let mut transmit = Transmit::new();
        transmit.push(Content::Command, b"MAIL");
        transmit.push(Content::Command, b"RCPT");
        transmit.push(Content::Secret, b"AAAA");
        transmit.push(Content::Message, b"");
        let spans: Vec<_> = transmit.spans().collect();
        assert_eq!(spans, [(Content::Command, &b"MAILRCPT"[..]), (Content::Secret, &b"AAAA"[..])]);
    }

    #[test]
    fn debug_shows_no_octet() {
        let mut transmit = Transmit::new();
        transmit.push(Content::Secret, b"hunter2");
        assert!(!alloc::format!("{transmit:?}").contains("hunter2"));
    }
}
