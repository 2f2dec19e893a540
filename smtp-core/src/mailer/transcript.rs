//! Provides [`Transcript`], the text of a session, and [`SentLines`], which other forms of a transcript are made of.

use super::observer::{Notice, Observer};
use crate::{Content, Escaped, Reply, Transmit, Verb};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

/// Writes a session as text: commands with their secrets masked, replies, the header section and the size of mail data.
///
/// Lines go to a function, several at once and each with its end; characters that a terminal obeys are escaped. An
/// [`Observer`] of its own may follow for other forms, made of [`SentLines`].
///
/// ```
/// use smtp_core::mailer::{Observer, Options, Transcript};
///
/// let options = Options::from_url("smtps://you@mx.example.org")?
///     .observers(|_| vec![Box::new(Transcript::new(|lines: &str| eprint!("{lines}"))) as Box<dyn Observer>]);
/// # let _ = options;
/// # Ok::<(), smtp_core::mailer::SettingError>(())
/// ```
pub struct Transcript<W> {
    write: W,
    prefix: String,
    style: fn(Mark) -> (&'static str, &'static str),
    sent: SentLines,
    is_secured: bool,
    lines: String,
}

/// The mark that a line of a [`Transcript`] begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mark {
    /// `->`: sent in clear.
    Sent,
    /// `~>`: sent under TLS.
    SentSecured,
    /// `<-`: a reply in clear.
    Received,
    /// `~<`: a reply under TLS.
    ReceivedSecured,
    /// `<**`: a reply that was not the expected success.
    Unwanted,
    /// `===`: information.
    Information,
    /// `***`: an error.
    Error,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sent => "->",
            Self::SentSecured => "~>",
            Self::Received => "<-",
            Self::ReceivedSecured => "~<",
            Self::Unwanted => "<**",
            Self::Information => "===",
            Self::Error => "***",
        })
    }
}

/// Lines are written at the end of an event, or when there are so many octets of them.
const LONGEST_WRITE: usize = 64 * 1024;

impl<W: FnMut(&str)> Transcript<W> {
    /// A transcript whose lines go to `write`.
    pub const fn new(write: W) -> Self {
        Self {
            write,
            prefix: String::new(),
            style: |_| ("", ""),
            sent: SentLines::new(),
            is_secured: false,
            lines: String::new(),
        }
    }

    /// The same with a text before the mark of each line, for example the number of the session.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The same with a style: what is written before and after a line with that mark, like the codes of a colour.
    #[must_use]
    pub const fn with_style(mut self, style: fn(Mark) -> (&'static str, &'static str)) -> Self {
        self.style = style;
        self
    }

    fn part(&mut self, part: &SentPart<'_>) {
        let mark = if self.is_secured { Mark::SentSecured } else { Mark::Sent };
        match part {
            SentPart::Command(line) | SentPart::HeaderLine(line) => self.line(mark, line),
            SentPart::MailData { octets, has_body } => {
                if *has_body {
                    self.line(mark, "[…]");
                }
                self.line(Mark::Information, &alloc::format!("{octets} octets of mail data"));
            }
        }
    }

    fn end_of_mail_data(&mut self) {
        if let Some(part) = self.sent.end() {
            self.part(&part);
        }
    }

    fn line(&mut self, mark: Mark, text: &str) {
        let (before, after) = (self.style)(mark);
        let start = self.lines.len() + before.len();
        // Writing to a string cannot fail.
        let _ = write!(self.lines, "{before}{}{mark:<3} {}", self.prefix, Escaped(text));
        let end = self.lines.trim_end().len().max(start);
        self.lines.truncate(end);
        self.lines.push_str(after);
        self.lines.push('\n');
        // Much mail data may come in one piece.
        if self.lines.len() >= LONGEST_WRITE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.lines.is_empty() {
            (self.write)(&self.lines);
            self.lines.clear();
        }
    }
}

impl<W: FnMut(&str) + Send> Observer for Transcript<W> {
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        self.is_secured = is_secured;
        let mut sent = core::mem::take(&mut self.sent);
        sent.sent(transmit, |part| self.part(&part));
        self.sent = sent;
        self.flush();
    }

    fn received(&mut self, _verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool) {
        self.end_of_mail_data();
        let mark = match (is_wanted, is_secured) {
            (false, _) => Mark::Unwanted,
            (true, false) => Mark::Received,
            (true, true) => Mark::ReceivedSecured,
        };
        for line in reply.coded_lines() {
            self.line(mark, &line);
        }
        self.flush();
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            // The error of the session tells it.
            Notice::Ended => return,
            Notice::Failed(error) => {
                self.end_of_mail_data();
                self.line(Mark::Error, &alloc::format!("{error}"));
            }
            Notice::Error(text) => {
                self.end_of_mail_data();
                self.line(Mark::Error, text);
            }
            notice => self.line(Mark::Information, &alloc::format!("{notice}")),
        }
        self.flush();
    }
}

impl<W> fmt::Debug for Transcript<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Makes lines of what is sent, with secrets masked and mail data counted.
#[derive(Debug, Default)]
pub struct SentLines {
    /// The command line that is being sent.
    command: String,
    /// The line of the header section that is being sent.
    header_line: Vec<u8>,
    is_header_shown: bool,
    octets: MailOctets,
}

/// A part of what is sent, as a transcript shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a transcript that forgets one must not compile
pub enum SentPart<'a> {
    /// A command line without its end; secrets in it are `***`.
    Command(&'a str),
    /// A line of a message's header section without its end, at most 998 octets of it; the empty line ends the section.
    HeaderLine(&'a str),
    /// The end of the mail data.
    MailData {
        /// How many octets it had, without the dot that ends it.
        octets: u64,
        /// Whether a body may have followed the header section.
        has_body: bool,
    },
}

/// Lines of mail data longer than this are cut.
const LONGEST_LINE: usize = 998;

impl SentLines {
    /// The lines of a session that begins.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            command: String::new(),
            header_line: Vec::new(),
            is_header_shown: false,
            octets: MailOctets::new(),
        }
    }

    /// Gives the parts of what is sent to `each`.
    pub fn sent(&mut self, transmit: &Transmit, mut each: impl FnMut(SentPart<'_>)) {
        for (content, octets) in transmit.spans() {
            match content {
                Content::Command => {
                    if let Some(part) = self.end() {
                        each(part);
                    }
                    for character in String::from_utf8_lossy(octets).chars() {
                        if character == '\n' {
                            let line = core::mem::take(&mut self.command);
                            let line = line.trim_end_matches('\r');
                            self.octets.command(line);
                            each(SentPart::Command(line));
                        } else {
                            self.command.push(character);
                        }
                    }
                }
                Content::Secret => self.command.push_str("***"),
                Content::Message => self.mail_data(octets, &mut each),
            }
        }
    }

    /// Ends the mail data, if any was sent since the last end: a reply came or the session ended.
    pub fn end(&mut self) -> Option<SentPart<'static>> {
        self.header_line.clear();
        let has_body = core::mem::take(&mut self.is_header_shown);
        let octets = self.octets.end();
        (octets > 0).then_some(SentPart::MailData { octets, has_body })
    }

    fn mail_data(&mut self, octets: &[u8], each: &mut impl FnMut(SentPart<'_>)) {
        self.octets.add(octets);
        let mut rest = octets;
        while !self.is_header_shown && !rest.is_empty() {
            let end = rest.iter().position(|&octet| octet == b'\n').map(|end| end + 1);
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            let room = LONGEST_LINE.saturating_sub(self.header_line.len());
            self.header_line.extend_from_slice(&part[..part.len().min(room)]);
            rest = after;
            if end.is_some() {
                let line = core::mem::take(&mut self.header_line);
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\r', '\n']);
                self.is_header_shown = line.is_empty();
                each(SentPart::HeaderLine(line));
            }
        }
    }
}

/// Counts the octets of a message's mail data as they are sent, without the lone dot that ends it.
#[derive(Debug, Default)]
struct MailOctets {
    count: u64,
    /// The last octets, as many as the end of the mail data has (RFC 5321 §4.1.1.4).
    tail: Vec<u8>,
    /// Whether a lone dot ends the mail data: after DATA, not after BDAT.
    is_dotted: bool,
}

/// The end of the mail data; its first line end belongs to the message.
const END: &[u8] = b"\r\n.\r\n";
/// What of it is no mail data.
const LONE_DOT: &[u8] = b".\r\n";

impl MailOctets {
    const fn new() -> Self {
        Self { count: 0, tail: Vec::new(), is_dotted: false }
    }

    /// A command was sent, which decides how the mail data after it ends.
    const fn command(&mut self, line: &str) {
        self.is_dotted = line.eq_ignore_ascii_case("DATA");
    }

    /// Mail data was sent.
    fn add(&mut self, octets: &[u8]) {
        self.count += octets.len() as u64;
        self.tail.extend_from_slice(&octets[octets.len().saturating_sub(END.len())..]);
        self.tail.drain(..self.tail.len().saturating_sub(END.len()));
    }

    /// How many there were since the last end.
    fn end(&mut self) -> u64 {
        let count = core::mem::take(&mut self.count);
        let tail = core::mem::take(&mut self.tail);
        if self.is_dotted && (tail == END || tail == LONE_DOT) {
            count - LONE_DOT.len() as u64
        } else {
            count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Reply};
    use alloc::string::ToString;
    use core::cell::RefCell;

    #[test]
    fn the_lone_dot_is_no_mail_data_in_any_cut() {
        for (command, data, count) in [
            ("DATA", "a\r\n.\r\n", 3),
            ("DATA", ".\r\n", 0),
            ("DATA", "a\r\n", 3),
            ("BDAT 6 LAST", "a\r\n.\r\n", 6),
        ] {
            for cut in 0..=data.len() {
                let mut octets = MailOctets::default();
                octets.command(command);
                assert_eq!(octets.end(), 0);
                octets.add(&data.as_bytes()[..cut]);
                octets.add(&data.as_bytes()[cut..]);
                assert_eq!(octets.end(), count, "{command} {data:?} cut at {cut}");
                assert_eq!(octets.end(), 0);
            }
        }
    }

    #[test]
    fn a_session_is_written_with_marks_and_without_secrets_or_controls() {
        let mut transmit = Transmit::new();
        transmit.push(Content::Command, b"AUTH PLAIN ");
        transmit.push(Content::Secret, b"AHlvdQBzM2NyM3Q=");
        transmit.push(Content::Command, b"\r\nMAIL FROM:<a@example.org>\r\nDATA\r\n");
        transmit.push(Content::Message, b"Subject: \x1b[2J\r\n\r\nbody\r\n.\r\n");
        let reply = |code, text| Reply::new(Code::new(code).unwrap(), text);
        let written = std::sync::Mutex::new(String::new());
        let mut transcript = Transcript::new(|lines: &str| written.lock().unwrap().push_str(lines))
            .with_prefix(" 1 ")
            .with_style(|mark| if mark == Mark::Unwanted { ("<", ">") } else { ("", "") });
        transcript.notice(&Notice::Information("a note"));
        transcript.received(None, &reply(220, "mx"), true, false);
        transcript.sent(&transmit, true);
        transcript.received(Some(Verb::Message), &reply(550, "no\nnever"), false, true);
        transcript.notice(&Notice::Ended);
        transcript.notice(&Notice::Error("it is over"));
        assert_eq!(
            written.lock().unwrap().to_string(),
            " 1 === a note\n 1 <-  220 mx\n 1 ~>  AUTH PLAIN ***\n 1 ~>  MAIL FROM:<a@example.org>\n 1 ~>  DATA\n \
             1 ~>  Subject: \\u{1b}[2J\n 1 ~>\n 1 ~>  […]\n 1 === 23 octets of mail data\n< 1 <** 550-no>\n< 1 <** \
             550 never>\n 1 *** it is over\n"
        );
    }

    #[test]
    fn lines_are_the_same_at_every_cut_of_what_is_sent() {
        let data = b"Subject: x\r\nTo: y\r\n\r\nbody\r\n.\r\n";
        let parts = |cut: usize| {
            let parts = RefCell::new(Vec::new());
            let mut lines = SentLines::new();
            let mut command = Transmit::new();
            command.push(Content::Command, b"DATA\r\n");
            lines.sent(&command, |part| parts.borrow_mut().push(alloc::format!("{part:?}")));
            for piece in [&data[..cut], &data[cut..]] {
                let mut transmit = Transmit::new();
                transmit.push(Content::Message, piece);
                lines.sent(&transmit, |part| parts.borrow_mut().push(alloc::format!("{part:?}")));
            }
            parts.borrow_mut().extend(lines.end().map(|part| alloc::format!("{part:?}")));
            parts.into_inner()
        };
        for cut in 0..=data.len() {
            assert_eq!(parts(cut), parts(data.len()), "cut at {cut}");
        }
        assert_eq!(parts(0).last().unwrap(), "MailData { octets: 27, has_body: true }");
    }
}
