//! Writes the transcript as JSON Lines, one object for each line that was sent or received.

use super::{Observer, name_of};
use crate::shown;
use crate::terminal::Stream;
use serde::Serialize;
use smtp_core::mailer::{Notice, SentLines, SentPart};
use smtp_core::{Reply, Transmit, Verb};
use std::io::Write;
use std::time::Instant;

/// The schema of a line; it changes when a program that reads it would have to.
const SCHEMA: &str = "smtp-cli/transcript/1";

/// Writes the transcript as JSON Lines.
#[derive(Debug)]
pub(crate) struct JsonLines {
    stream: Stream,
    session: usize,
    epoch: Instant,
    sent: SentLines,
    /// Whether what was sent last was under TLS.
    is_secured: bool,
}

/// What stands in one line.
#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    session: usize,
    milliseconds: u64,
    /// `sent`, `received`, `information` or `error`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verb: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// Octets of mail data, which are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
}

impl JsonLines {
    /// The transcript of the session of that number.
    pub(crate) fn new(stream: Stream, session: usize, epoch: Instant) -> Self {
        Self { stream, session: session.max(1), epoch, sent: SentLines::new(), is_secured: false }
    }

    fn line(&self, kind: &'static str) -> Line<'static> {
        Line {
            schema: SCHEMA,
            session: self.session,
            milliseconds: u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX),
            kind,
            tls: None,
            verb: None,
            code: None,
            enhanced: None,
            wanted: None,
            text: None,
            octets: None,
        }
    }

    fn write(&mut self, line: &Line<'_>) {
        // A transcript that cannot be written must not end the session.
        let _ = writeln!(self.stream, "{}", shown::json_line(line));
    }

    fn part(&mut self, part: &SentPart<'_>) {
        let line = Line { tls: Some(self.is_secured), ..self.line("sent") };
        match *part {
            SentPart::Command(text) => self.write(&Line { text: Some(text), ..line }),
            SentPart::MailData { octets, .. } => self.write(&Line { octets: Some(octets), ..line }),
            SentPart::HeaderLine(_) => {}
        }
    }

    fn end_of_mail_data(&mut self) {
        if let Some(part) = self.sent.end() {
            self.part(&part);
        }
    }
}

impl Observer for JsonLines {
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        self.is_secured = is_secured;
        let mut sent = std::mem::take(&mut self.sent);
        sent.sent(transmit, |part| self.part(&part));
        self.sent = sent;
    }

    fn received(&mut self, verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool) {
        self.end_of_mail_data();
        let line = Line {
            tls: Some(is_secured),
            verb: verb.map(name_of),
            code: Some(reply.code().value()),
            enhanced: reply.enhanced().map(|code| code.to_string()),
            wanted: Some(is_wanted),
            text: Some(reply.text()),
            ..self.line("received")
        };
        self.write(&line);
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        let kind = match notice {
            Notice::Ended => return,
            Notice::Failed(_) | Notice::Error(_) => "error",
            _ => "information",
        };
        if kind == "error" {
            self.end_of_mail_data();
        }
        let text = notice.to_string();
        self.write(&Line { text: Some(&text), ..self.line(kind) });
    }
}
