//! Defines replies (RFC 5321 §4.2): their codes, their text and the parser that bounds them.

mod code;
mod explain;
mod parser;

pub use code::{Code, EnhancedCode, Severity};
pub use explain::{Explanation, Fault, Next, Occasion, explain, explain_enhanced, explained_codes};
pub use parser::{BorrowedReply, parse};

pub(crate) use parser::Parser;

use alloc::sync::Arc;
use core::fmt;

/// A reply: its code, its enhanced status code where it has one, and its lines of text.
///
/// Cloning is cheap. The text is what the server sent, made valid UTF-8 and without what the core
/// knows to be secret; [`Display`](fmt::Display) shows control characters escaped, so that a reply
/// cannot play with a terminal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    code: Code,
    enhanced: Option<EnhancedCode>,
    /// The lines' text behind code and separator, with a line feed between them.
    text: Arc<str>,
}

impl Reply {
    /// A reply of `code` whose lines are those of `text`, which line feeds separate.
    #[must_use]
    pub fn new(code: Code, text: &str) -> Self {
        Self { code, enhanced: enhanced_of(code, text.as_bytes()), text: Arc::from(text) }
    }

    /// Its reply code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The enhanced status code that its first line begins with (RFC 2034 §4), when its class agrees with the code.
    #[must_use]
    pub const fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text of each line, behind code and separator.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// The text of all lines, with a line feed between them.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is 2yz.
    #[must_use]
    pub const fn is_completed(&self) -> bool {
        self.code.is_completed()
    }

    /// Whether it is 4yz: the same may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.code.severity(), Severity::Transient)
    }

    /// Whether it is 5yz: the same would be refused again.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self.code.severity(), Severity::Permanent)
    }

    /// A reply without text; costs no allocation.
    pub(crate) fn bare(code: Code) -> Self {
        Self { code, enhanced: None, text: Arc::default() }
    }

    pub(crate) fn from_text(code: Code, enhanced: Option<EnhancedCode>, text: &str) -> Self {
        Self { code, enhanced, text: Arc::from(text) }
    }
}

/// One line: the code, then the text with its lines parted by ` / ` and control characters escaped.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let mut separator = " ";
        for line in self.lines().filter(|line| !line.is_empty()) {
            f.write_str(separator)?;
            separator = " / ";
            for character in line.chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    fmt::Write::write_char(f, character)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

/// The enhanced status code at the start of `text`, unless its class contradicts `code` (RFC 2034 §4).
fn enhanced_of(code: Code, text: &[u8]) -> Option<EnhancedCode> {
    EnhancedCode::split_from(text)
        .map(|(enhanced, _)| enhanced)
        .filter(|enhanced| u16::from(enhanced.class) == code.value() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[test]
    fn a_reply_is_shown_on_one_line_without_control_characters() {
        let reply = Reply::new(Code::OK, "first\n\u{1b}[2Jsecond\n");
        assert_eq!(reply.to_string(), "250 first / \\u{1b}[2Jsecond");
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        assert_eq!(Reply::new(Code::OK, "5.1.1 odd").enhanced(), None);
        let reply = Reply::new(Code::MAILBOX_UNAVAILABLE, "5.1.1 none\n5.1.1 here");
        assert_eq!(reply.enhanced().map(|code| code.to_string()).as_deref(), Some("5.1.1"));
        assert_eq!(reply.lines().collect::<Vec<_>>(), ["5.1.1 none", "5.1.1 here"]);
    }
}
