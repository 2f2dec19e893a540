//! Defines replies (RFC 5321 §4.2): their codes, their text and a parser with limits.

mod code;
mod explain;
mod parser;

pub use code::{Code, EnhancedCode, Severity};
pub use explain::{Explanation, Fault, Next, Occasion, explain, explain_enhanced, explained_codes};
pub use parser::{BorrowedReply, parse};

pub(crate) use parser::Parser;

use crate::shown::is_shown;
use alloc::format;
use alloc::sync::Arc;
use core::fmt::{self, Write as _};

/// A reply: its code, its enhanced status code if it has one, and its lines of text.
///
/// Cloning is cheap. The text is the server's, converted to valid UTF-8 and with known secrets masked.
/// [`Display`](fmt::Display) is for people: it escapes characters that could control a terminal (see [`is_shown`])
/// and cuts the text after [`SHOWN`](Self::SHOWN) octets with a note of how many were left out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    code: Code,
    enhanced: Option<EnhancedCode>,
    /// The text of the lines after code and separator, joined by line feeds.
    text: Arc<str>,
}

impl Reply {
    /// The number of octets of text that [`Display`](fmt::Display) shows.
    pub const SHOWN: usize = 1024;

    /// Makes a reply with `code`; line feeds in `text` separate its lines.
    #[must_use]
    pub fn new(code: Code, text: &str) -> Self {
        Self { code, enhanced: enhanced_of(code, text.as_bytes()), text: Arc::from(text) }
    }

    /// The reply code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The enhanced status code at the start of the text, if its class agrees with the code (RFC 2034 §4).
    #[must_use]
    pub const fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text of each line, after code and separator.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// Each line as it is sent: code, separator and text, without its end.
    pub fn coded_lines(&self) -> impl Iterator<Item = alloc::string::String> {
        let mut lines = self.lines().peekable();
        core::iter::from_fn(move || {
            let line = lines.next()?;
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            Some(alloc::format!("{}{separator}{line}", self.code()))
        })
    }

    /// The text of all lines, joined by line feeds.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The identifier under which the server queued a message, if this is the reply to its end: a guess from the words of
    /// well-known servers, which have no common form.
    #[must_use]
    pub fn queue_id(&self) -> Option<&str> {
        const MARKS: [&str; 4] = ["queued as ", " id=", "Message accepted for delivery: ", "mail accepted: "];
        let mark = MARKS.iter().find_map(|mark| self.text.find(mark).map(|place| place + mark.len()))?;
        let rest = &self.text[mark..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.+@".contains(c)));
        Some(rest[..end.unwrap_or(rest.len())].trim_end_matches('.')).filter(|id| !id.is_empty())
    }

    /// Returns whether it is 2yz.
    #[must_use]
    pub const fn is_completed(&self) -> bool {
        self.code.is_completed()
    }

    /// Returns whether it is 4yz, a transient failure: a retry may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.code.severity(), Severity::Transient)
    }

    /// Returns whether it is 5yz, a permanent failure: a retry would fail again.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self.code.severity(), Severity::Permanent)
    }

    /// Cuts the text to [`SHOWN`](Self::SHOWN) octets, with a note of how many were left out.
    pub(crate) fn shortened(&self) -> Self {
        let (shown, left_out) = cut(&self.text);
        if left_out == 0 {
            return self.clone();
        }
        Self { text: Arc::from(format!("{shown}{}", LeftOut(left_out))), ..self.clone() }
    }

    /// Makes a reply without text; does not allocate.
    pub(crate) fn bare(code: Code) -> Self {
        Self { code, enhanced: None, text: Arc::default() }
    }

    pub(crate) fn from_text(code: Code, enhanced: Option<EnhancedCode>, text: &str) -> Self {
        Self { code, enhanced, text: Arc::from(text) }
    }
}

/// Prints one line: the code, then the start of the text with lines joined by ` / ` and control characters escaped.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let (shown, left_out) = cut(&self.text);
        let mut separator = " ";
        for line in shown.split('\n').filter(|line| !line.is_empty()) {
            f.write_str(separator)?;
            separator = " / ";
            for character in line.chars() {
                if is_shown(character) {
                    f.write_char(character)?;
                } else {
                    write!(f, "{}", character.escape_default())?;
                }
            }
        }
        if left_out > 0 {
            write!(f, "{}", LeftOut(left_out))?;
        }
        Ok(())
    }
}

/// Returns the part of a text that is shown, and the number of octets left out.
fn cut(text: &str) -> (&str, usize) {
    // The note itself takes some octets, so a slightly longer text is shown whole.
    const NOTE: usize = 32;
    if text.len() <= Reply::SHOWN + NOTE {
        return (text, 0);
    }
    let shown = &text[..text.floor_char_boundary(Reply::SHOWN)];
    (shown, text.len() - shown.len())
}

/// The note of how many octets were left out.
struct LeftOut(usize);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "… ({} octets left out)", self.0)
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
    fn a_long_reply_is_shown_truncated_with_a_note() {
        let line = "é".repeat(25);
        let text = format!("x{}", alloc::vec![line.as_str(); 100].join("\n"));
        let reply = Reply::new(Code::OK, &text);
        assert_eq!(reply.text(), text);
        let shown = reply.to_string();
        assert!(shown.starts_with(&format!("250 x{line} / {line} / ")), "{shown}");
        // 1024 octets would end within a character
        assert!(shown.ends_with("é… (4077 octets left out)"), "{shown}");
        assert_eq!(text.len() - 4077, 1023);
        assert_eq!(reply.shortened().text(), format!("{}… (4077 octets left out)", &text[..1023]));
        // a shortened text is not shortened again
        assert_eq!(reply.shortened().to_string(), shown);
        assert_eq!(reply.shortened().shortened(), reply.shortened());
        let whole = Reply::new(Code::OK, &"x".repeat(Reply::SHOWN));
        assert_eq!(whole.shortened(), whole);
        assert_eq!(whole.to_string().len(), "250 ".len() + Reply::SHOWN);
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        assert_eq!(Reply::new(Code::OK, "5.1.1 odd").enhanced(), None);
        let reply = Reply::new(Code::MAILBOX_UNAVAILABLE, "5.1.1 none\n5.1.1 here");
        assert_eq!(reply.enhanced().map(|code| code.to_string()).as_deref(), Some("5.1.1"));
        assert_eq!(reply.lines().collect::<Vec<_>>(), ["5.1.1 none", "5.1.1 here"]);
    }

    #[test]
    fn queue_identifiers_are_found() {
        for (text, id) in [
            ("2.0.0 Ok: queued as 4XyZ1", Some("4XyZ1")),
            ("OK id=1rAbCd-000000001Ab-0x2Y", Some("1rAbCd-000000001Ab-0x2Y")),
            ("2.0.0 queued as 1.1", Some("1.1")),
            ("thanks", None),
            ("queued as \u{1b}", None),
        ] {
            assert_eq!(Reply::new(Code::OK, text).queue_id(), id, "{text}");
        }
    }
}
