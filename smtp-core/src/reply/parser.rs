//! Provides the parser of replies (RFC 5321 §4.2): incremental, with limits, without copies where possible.
//!
//! ```text
//! Reply-line     = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
//! Reply-code     = %x32-35 %x30-35 %x30-39
//! ```
//!
//! A line may end in LF alone, which some servers send; all lines of a reply must have the same code.

use super::{Code, EnhancedCode, Reply, enhanced_of};
use crate::config::Limits;
use crate::fault::Violation;
use alloc::string::String;
use alloc::vec::Vec;
use memchr::memchr;

/// A reply that borrows the received octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BorrowedReply<'a> {
    code: Code,
    /// All lines, with their codes and line ends.
    octets: &'a [u8],
}

/// Returns the first reply in `octets` and its length; `None` while it is incomplete.
///
/// # Errors
/// A [`Violation`] when it is malformed or exceeds `limits`.
///
/// ```
/// let limits = smtp_core::Limits::default();
/// let (reply, length) = smtp_core::reply::parse(b"250-one\r\n250 two\r\n220", &limits)?.unwrap();
/// assert_eq!((reply.code().value(), length), (250, 18));
/// assert_eq!(reply.lines().collect::<Vec<_>>(), [b"one", b"two"]);
/// # Ok::<(), smtp_core::Violation>(())
/// ```
pub fn parse<'a>(octets: &'a [u8], limits: &Limits) -> Result<Option<(BorrowedReply<'a>, usize)>, Violation> {
    let found = match one_line(octets, limits) {
        None => Scan::default().advance(octets, limits)?,
        found => found,
    };
    Ok(found.map(|(code, length)| (BorrowedReply { code, octets: &octets[..length] }, length)))
}

impl<'a> BorrowedReply<'a> {
    /// The reply code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The enhanced status code at the start of the text, if its class agrees with the code.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.lines().next().and_then(|line| enhanced_of(self.code, line))
    }

    /// The text of each line, after code and separator, without its line end.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.octets;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            Some(text_of(without_line_end(line)))
        })
    }

    /// Copies the reply.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        // only a reply of one line has no hyphen after the code of its first line
        if self.octets.get(3) != Some(&b'-') {
            let line = text_of(without_line_end(self.octets));
            if let Ok(text) = core::str::from_utf8(line) {
                return Reply::from_text(self.code, enhanced_of(self.code, line), text);
            }
        }
        let mut text = String::with_capacity(self.octets.len());
        for (index, line) in self.lines().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&String::from_utf8_lossy(line));
        }
        Reply::from_text(self.code, self.enhanced(), &text)
    }
}

/// Parses replies from pieces of any size; stores at most one incomplete reply.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    buffer: Vec<u8>,
    scan: Scan,
}

impl Parser {
    /// Consumes octets of `input` until a reply is complete and returns it; `None` if more is needed.
    pub(crate) fn next<'parser, 'input: 'parser>(
        &'parser mut self,
        input: &mut &'input [u8],
        limits: &Limits,
    ) -> Result<Option<BorrowedReply<'parser>>, Violation> {
        let octets = *input;
        if self.scan.complete {
            self.buffer.clear();
            self.scan = Scan::default();
        }
        if self.buffer.is_empty() {
            let found = match one_line(octets, limits) {
                None => self.begin(octets, limits)?,
                found => found,
            };
            let Some((code, length)) = found else {
                *input = &[];
                return Ok(None);
            };
            let (reply, rest) = octets.split_at(length);
            *input = rest;
            return Ok(Some(BorrowedReply { code, octets: reply }));
        }
        let before = self.buffer.len();
        self.buffer.extend_from_slice(octets);
        let Some((code, length)) = self.scan.advance(&self.buffer, limits)? else {
            *input = &[];
            return Ok(None);
        };
        *input = &octets[length - before..];
        self.buffer.truncate(length);
        self.scan.complete = true;
        Ok(Some(BorrowedReply { code, octets: &self.buffer }))
    }

    /// Returns the code of the next reply if it is complete, one line, and a 2yz that concerns its command.
    ///
    /// All other replies are left to [`next`](Self::next).
    pub(crate) fn next_completed(&self, input: &mut &[u8], limits: &Limits) -> Option<Code> {
        if !self.buffer.is_empty() && !self.scan.complete {
            return None;
        }
        let (code, length) = one_line(input, limits)?;
        let is_of_command = code.is_completed() && !code.is_of_the_connection();
        is_of_command.then(|| {
            *input = &input[length..];
            code
        })
    }

    /// Looks for a complete reply at the start of `octets`, and stores them if there is none.
    fn begin(&mut self, octets: &[u8], limits: &Limits) -> Result<Option<(Code, usize)>, Violation> {
        let found = self.scan.advance(octets, limits);
        match &found {
            Ok(Some(_)) => self.scan = Scan::default(),
            Ok(None) => self.buffer.extend_from_slice(octets),
            Err(_) => self.keep_rejected(octets),
        }
        found
    }

    /// The octets of an incomplete or malformed reply.
    pub(crate) fn incomplete(&self) -> &[u8] {
        if self.scan.complete { &[] } else { &self.buffer }
    }

    /// Discards everything received.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.scan = Scan::default();
    }

    /// Keeps the start of a malformed reply, so that it can be shown.
    fn keep_rejected(&mut self, octets: &[u8]) {
        const SHOWN: usize = 512;
        self.buffer.extend_from_slice(&octets[..octets.len().min(SHOWN)]);
    }
}

/// Parses a reply of one line, as nearly all are; a [`Scan`] handles all others, and errors.
#[inline]
fn one_line(octets: &[u8], limits: &Limits) -> Option<(Code, usize)> {
    // a hyphen announces further lines
    let end = if octets.get(3) == Some(&b'-') { None } else { memchr(b'\n', octets) }? + 1;
    let fits = end <= limits.reply_line && end <= limits.reply_octets && limits.reply_lines > 0;
    match reply_line(&octets[..end]) {
        Some((code, true)) if fits => Some((code, end)),
        _ => None,
    }
}

/// The progress of the parser in a reply; lines after the first are scanned once.
#[derive(Clone, Debug, Default)]
struct Scan {
    /// The start of the current line.
    line: usize,
    /// The end of the part without a line end.
    searched: usize,
    /// The number of complete lines.
    lines: usize,
    code: Option<Code>,
    complete: bool,
}

impl Scan {
    /// Continues in `octets`, which start at the start of the reply.
    #[inline]
    fn advance(&mut self, octets: &[u8], limits: &Limits) -> Result<Option<(Code, usize)>, Violation> {
        loop {
            let found = memchr(b'\n', &octets[self.searched..]);
            let end = found.map_or(octets.len(), |at| self.searched + at + 1);
            if end - self.line > limits.reply_line {
                return Err(Violation::ReplyLineTooLong { limit: limits.reply_line });
            }
            if end > limits.reply_octets {
                return Err(Violation::ReplyTooLarge { limit: limits.reply_octets });
            }
            let line = &octets[self.line..end];
            if found.is_none() {
                self.searched = end;
                return if may_begin_line(line) { Ok(None) } else { Err(Violation::MalformedReply) };
            }
            self.lines += 1;
            if self.lines > limits.reply_lines {
                return Err(Violation::TooManyReplyLines { limit: limits.reply_lines });
            }
            let (code, is_last) = reply_line(line).ok_or(Violation::MalformedReply)?;
            if self.code.is_some_and(|first| first != code) {
                return Err(Violation::MixedCodes);
            }
            if is_last {
                return Ok(Some((code, end)));
            }
            self.code = Some(code);
            self.line = end;
            self.searched = end;
        }
    }
}

/// Returns whether `octets` can begin a reply line, so that garbage without a line end is detected early.
fn may_begin_line(octets: &[u8]) -> bool {
    let fits = |at: usize, range: core::ops::RangeInclusive<u8>| {
        octets.get(at).is_none_or(|octet| range.contains(octet))
    };
    fits(0, b'2'..=b'5')
        && fits(1, b'0'..=b'5')
        && fits(2, b'0'..=b'9')
        && octets.get(3).is_none_or(|octet| matches!(octet, b' ' | b'-' | b'\r'))
}

/// Returns the code of a line that ends in LF, and whether it is the last of its reply.
#[inline]
fn reply_line(line: &[u8]) -> Option<(Code, bool)> {
    let (&[first, second, third, separator], rest) = line.split_first_chunk()?;
    let code = Code::from_digits([first, second, third])?;
    match separator {
        b' ' | b'\n' => Some((code, true)),
        b'-' => Some((code, false)),
        b'\r' if rest == b"\n" => Some((code, true)),
        _ => None,
    }
}

/// Returns the text after code and separator.
fn text_of(line: &[u8]) -> &[u8] {
    line.get(4..).unwrap_or_default()
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn replies(chunks: &[&[u8]], limits: &Limits) -> Result<Vec<Reply>, Violation> {
        let mut parser = Parser::default();
        let mut replies = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            // each iteration must borrow the parser anew
            while let Some(reply) = parser.next(&mut input, limits)?.map(|reply| reply.to_reply()) {
                replies.push(reply);
            }
        }
        Ok(replies)
    }

    #[test]
    fn the_multi_line_example_of_rfc_5321_section_4_2_1() {
        let text = b"250-First line\r\n250-Second line\r\n250-234 Text beginning with numbers\r\n250 The last line\r\n";
        let found = replies(&[text], &Limits::default()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].lines().collect::<Vec<_>>(),
            ["First line", "Second line", "234 Text beginning with numbers", "The last line"]
        );
    }

    #[test]
    fn replies_are_the_same_at_every_cut() {
        let text = b"220 a\r\n250-b\r\n250-\r\n250\r\n354 go\n550 5.1.1 none\r\n";
        let limits = Limits::default();
        let whole = replies(&[text], &limits).unwrap();
        assert_eq!(whole.iter().map(|reply| reply.code().value()).collect::<Vec<_>>(), [220, 250, 354, 550]);
        for cut in 0..=text.len() {
            assert_eq!(replies(&[&text[..cut], &text[cut..]], &limits).unwrap(), whole, "cut at {cut}");
        }
        let octets: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(replies(&octets, &limits).unwrap(), whole);
    }

    #[test]
    fn an_invalid_reply_is_refused_as_soon_as_it_is_detected() {
        let limits = Limits::default();
        for garbage in [
            &b"HTTP/1.1 400 Bad\r\n"[..],
            b"HTTP",
            b"\x16\x03\x01",
            b"25x",
            b"2500",
            b"150 x\r\n",
            b"620 x\r\n",
            b"25\r\n",
            b"\r\n",
            b"250\tx\r\n",
        ] {
            assert_eq!(replies(&[garbage], &limits), Err(Violation::MalformedReply), "{garbage:?}");
        }
        assert_eq!(replies(&[b"250-a\r\n251 b\r\n"], &limits), Err(Violation::MixedCodes));
    }

    #[test]
    fn endless_replies_stop_at_the_limits() {
        let limits = Limits::default();
        let mut line = b"250 ".to_vec();
        line.resize(limits.reply_line + 1, b'x');
        assert_eq!(replies(&[&line], &limits), Err(Violation::ReplyLineTooLong { limit: limits.reply_line }));
        let lines = b"250-\r\n".repeat(limits.reply_lines + 1);
        assert_eq!(
            replies(&[&lines], &limits),
            Err(Violation::TooManyReplyLines { limit: limits.reply_lines })
        );
        let mut long = b"250-".to_vec();
        long.resize(2000, b'x');
        long.extend_from_slice(b"\r\n");
        let large = long.repeat(limits.reply_octets / long.len() + 1);
        assert_eq!(replies(&[&large], &limits), Err(Violation::ReplyTooLarge { limit: limits.reply_octets }));
    }

    #[test]
    fn replies_at_the_limits_are_accepted() {
        let limits = Limits { reply_line: 16, reply_lines: 4, reply_octets: 40, ..Limits::default() };
        for (text, fits) in [
            ("250 45678901234\r\n", false),
            ("250 4567890123\r\n", true),
            ("250-\r\n250-\r\n250-\r\n250 \r\n", true),
            ("250-\r\n250-\r\n250-\r\n250-\r\n250 \r\n", false),
            ("250-4567890123\r\n250-4567890123\r\n250 45\r\n", true),
            ("250-4567890123\r\n250-4567890123\r\n250 456\r\n", false),
        ] {
            assert_eq!(replies(&[text.as_bytes()], &limits).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn invalid_utf_8_is_replaced() {
        let found = replies(&[b"250 caf\xe9\r\n"], &Limits::default()).unwrap();
        assert_eq!(found[0].text(), "caf\u{fffd}");
    }

    #[test]
    fn octets_after_a_reply_remain_in_the_input() {
        let mut parser = Parser::default();
        let mut input = &b"220 go\r\n250 injected\r\n"[..];
        assert!(parser.next(&mut input, &Limits::default()).unwrap().is_some());
        assert_eq!(input, b"250 injected\r\n");
    }

    proptest! {
        #[test]
        fn any_octets_give_the_same_in_any_cut(octets: Vec<u8>, cuts: Vec<prop::sample::Index>) {
            let limits = Limits::default();
            let mut points: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            points.push(0);
            points.push(octets.len());
            points.sort_unstable();
            let chunks: Vec<&[u8]> = points.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect();
            prop_assert_eq!(replies(&chunks, &limits).is_ok(), replies(&[&octets], &limits).is_ok());
        }

        #[test]
        fn built_replies_are_parsed_back(code in 200u16..560, lines in prop::collection::vec("[ -~]{0,60}", 1..6)) {
            prop_assume!(Code::new(code).is_some());
            let mut octets = Vec::new();
            for (index, line) in lines.iter().enumerate() {
                let separator = if index + 1 == lines.len() { ' ' } else { '-' };
                octets.extend_from_slice(alloc::format!("{code}{separator}{line}\r\n").as_bytes());
            }
            let found = replies(&[&octets], &Limits::default()).unwrap();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].code().value(), code);
            prop_assert_eq!(found[0].lines().map(ToString::to_string).collect::<Vec<_>>(), lines);
        }
    }

    #[test]
    fn lines_of_a_borrowed_reply_are_borrowed() {
        let (reply, _) = parse(b"250-a\r\n250 b\r\n", &Limits::default()).unwrap().unwrap();
        assert_eq!(reply.lines().collect::<Vec<_>>(), vec![&b"a"[..], b"b"]);
    }
}
