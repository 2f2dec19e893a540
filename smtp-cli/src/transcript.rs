//! Provides the transcript of a session: what left and what came, with its marks and without its secrets.

mod json_lines;
mod mail_octets;
mod recorder;

pub(crate) use json_lines::JsonLines;
pub(crate) use recorder::Recordings;

use crate::error::Escaped;
use crate::terminal::Stream;
use anstyle::{AnsiColor, Style};
use mail_octets::MailOctets;
use smtp_core::{Content, Reply, Transmit, Verb};
use std::io::Write;

/// Looks on while a session goes its way.
pub(crate) trait Observer: Send {
    /// These octets leave.
    fn sent(&mut self, transmit: &Transmit, is_secured: bool);
    /// This reply came, to that command.
    fn received(&mut self, verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool);
    /// Something happened besides.
    fn information(&mut self, text: &str);
    /// Something went wrong.
    fn error(&mut self, text: &str);
    /// The server ended the stream before the session was over.
    fn ended(&mut self) {}
}

/// The name of a verb for programs; the end of the mail data, which is no command, is `message`.
pub(crate) const fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Message => "message",
        verb => verb.name(),
    }
}

/// Writes the transcript as text.
///
/// | mark | |
/// |---|---|
/// | `->` `<-` | sent and received |
/// | `~>` `~<` | the same under TLS |
/// | `<**` | a reply that was not what was wanted |
/// | `***` | an error |
/// | `===` | information |
#[derive(Debug)]
pub(crate) struct Transcript {
    stream: Stream,
    /// Whether marks and errors are coloured.
    is_coloured: bool,
    /// What every line begins with, where there are several sessions.
    prefix: String,
    /// The line that is being sent, until its end is.
    line: String,
    message: MailData,
    octets: MailOctets,
    /// Whether what left last did so under TLS.
    is_secured: bool,
    /// Lines that are to be written, all at once.
    lines: String,
}

/// How much of a message was shown.
#[derive(Debug, Default)]
struct MailData {
    line: Vec<u8>,
    is_header_shown: bool,
}

/// Lines of mail data longer than this are cut in the transcript.
const LONGEST_LINE: usize = 998;
/// Lines of so many octets are written before the event is over to which they belong.
const LONGEST_WRITE: usize = 64 * 1024;

impl Transcript {
    /// A transcript of the session of that number, which every line bears unless it is 0.
    pub(crate) fn new(stream: Stream, session: usize) -> Self {
        let prefix = if session == 0 { String::new() } else { format!("{session:>2} ") };
        Self {
            stream,
            is_coloured: false,
            prefix,
            line: String::new(),
            message: MailData::default(),
            octets: MailOctets::default(),
            is_secured: false,
            lines: String::new(),
        }
    }
}

impl Transcript {
    /// The same with colours, for a terminal.
    pub(crate) fn coloured(mut self, wanted: bool) -> Self {
        self.is_coloured = wanted;
        self
    }
}

impl Observer for Transcript {
    /// Shows what leaves: commands as they are, secrets masked, and of the mail data the header section and the size.
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        self.is_secured = is_secured;
        let mark = self.sent_mark();
        for (content, octets) in transmit.spans() {
            match content {
                Content::Command => {
                    self.end_message();
                    for character in String::from_utf8_lossy(octets).chars() {
                        match character {
                            '\n' => {
                                let line = std::mem::take(&mut self.line);
                                let line = line.trim_end_matches('\r');
                                self.octets.command(line);
                                self.write(mark, line);
                            }
                            character => self.line.push(character),
                        }
                    }
                }
                Content::Secret => self.line.push_str("***"),
                Content::Message => self.mail_data(mark, octets),
            }
        }
        self.flush();
    }

    /// Shows a reply, line by line.
    fn received(&mut self, _verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool) {
        self.end_message();
        let mark = match (is_wanted, is_secured) {
            (false, _) => "<**",
            (true, false) => "<-",
            (true, true) => "~<",
        };
        let mut lines = reply.lines().peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            self.write(mark, &format!("{}{separator}{line}", reply.code()));
        }
        self.flush();
    }

    /// Shows what happened besides.
    fn information(&mut self, text: &str) {
        self.write("===", text);
        self.flush();
    }

    /// Shows an error.
    fn error(&mut self, text: &str) {
        self.end_message();
        self.write("***", text);
        self.flush();
    }
}

impl Transcript {
    fn mail_data(&mut self, mark: &str, octets: &[u8]) {
        let mut rest = octets;
        while !self.message.is_header_shown && !rest.is_empty() {
            let end = rest.iter().position(|&octet| octet == b'\n').map(|end| end + 1);
            let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
            let room = LONGEST_LINE.saturating_sub(self.message.line.len());
            self.message.line.extend_from_slice(&part[..part.len().min(room)]);
            rest = behind;
            if end.is_some() {
                let line = std::mem::take(&mut self.message.line);
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\r', '\n']);
                self.message.is_header_shown = line.is_empty();
                self.write(mark, line);
            }
        }
        self.octets.add(octets);
    }

    /// Says how large the mail data was, once something else comes.
    fn end_message(&mut self) {
        let message = std::mem::take(&mut self.message);
        let octets = self.octets.end();
        if octets > 0 {
            if message.is_header_shown {
                self.write(self.sent_mark(), "[…]");
            }
            self.write("===", &format!("{octets} octets of mail data"));
        }
    }

    /// The mark of what is sent.
    const fn sent_mark(&self) -> &'static str {
        if self.is_secured { "~>" } else { "->" }
    }

    fn write(&mut self, mark: &str, text: &str) {
        let line = format!("{}{mark:<3} {}", self.prefix, Escaped(text));
        let style = match mark {
            "<**" => Some(AnsiColor::Yellow),
            "***" => Some(AnsiColor::Red),
            "===" => Some(AnsiColor::Cyan),
            _ => None,
        };
        let line = match style.filter(|_| self.is_coloured) {
            Some(colour) => {
                let style = Style::new().fg_color(Some(colour.into()));
                format!("{style}{}{style:#}", line.trim_end())
            }
            None => line,
        };
        self.lines.push_str(line.trim_end());
        self.lines.push('\n');
        // Much mail data may come in one piece.
        if self.lines.len() >= LONGEST_WRITE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.lines.is_empty() {
            // A transcript that cannot be written must not end the session.
            let _ = self.stream.write_all(self.lines.as_bytes());
            self.lines.clear();
        }
    }
}
