//! Provides [`Transmit`], the caller's buffer for output.

use alloc::vec::Vec;
use core::fmt;

/// The content of a span of [`Transmit`], so that a log can decide what to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // a log that forgets a kind must not compile
pub enum Content {
    /// Command lines.
    Command,
    /// The exchange of AUTH, which no log may show.
    Secret,
    /// Mail data.
    Message,
}

/// Bytes to write, with their kinds; reused for every write.
///
/// [`Client::poll`](crate::Client::poll) fills it when it returns [`Output::Write`](crate::Output::Write); the driver
/// writes all of [`octets`](Self::octets) and reports [`Input::Sent`](crate::Input::Sent).
#[derive(Clone, Default)]
pub struct Transmit {
    pub(crate) octets: Vec<u8>,
    pub(crate) spans: Vec<(Content, usize)>,
}

impl Transmit {
    /// Makes an empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new(), spans: Vec::new() }
    }

    /// All bytes, in the order in which they must be written.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The same bytes in spans of one kind each; a line that contains a secret has several.
    pub fn spans(&self) -> impl Iterator<Item = (Content, &[u8])> {
        let mut rest = self.octets.as_slice();
        self.spans.iter().map(move |&(content, length)| {
            let (span, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            (content, span)
        })
    }

    /// Returns whether there is nothing to write.
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

    /// Marks the last `length` octets, which were appended to `octets` directly, as `content`.
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

/// Shows the number of bytes only, because they may be secret.
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
