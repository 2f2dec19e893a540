//! Writes the transcript as JSON Lines, one object for each line that was sent or received.

use super::mail_octets::MailOctets;
use super::{Observer, name_of};
use crate::shown;
use crate::terminal::Stream;
use serde::Serialize;
use smtp_core::{Content, Reply, Transmit, Verb};
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
    line: String,
    /// Octets of mail data that left since the last command.
    message: MailOctets,
    /// Whether what left last did so under TLS.
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
        Self {
            stream,
            session: session.max(1),
            epoch,
            line: String::new(),
            message: MailOctets::default(),
            is_secured: false,
        }
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

    fn end_message(&mut self) {
        let octets = self.message.end();
        if octets > 0 {
            let line = Line { tls: Some(self.is_secured), octets: Some(octets), ..self.line("sent") };
            self.write(&line);
        }
    }
}

impl Observer for JsonLines {
    fn sent(&mut self, transmit: &Transmit, is_secured: bool) {
        self.is_secured = is_secured;
        for (content, octets) in transmit.spans() {
            match content {
                Content::Command => {
                    self.end_message();
                    for character in String::from_utf8_lossy(octets).chars() {
                        if character == '\n' {
                            let command = std::mem::take(&mut self.line);
                            let text = command.trim_end_matches('\r');
                            self.message.command(text);
                            let line = Line { tls: Some(is_secured), text: Some(text), ..self.line("sent") };
                            self.write(&line);
                        } else {
                            self.line.push(character);
                        }
                    }
                }
                Content::Secret => self.line.push_str("***"),
                Content::Message => self.message.add(octets),
            }
        }
    }

    fn received(&mut self, verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool) {
        self.end_message();
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

    fn information(&mut self, text: &str) {
        let line = Line { text: Some(text), ..self.line("information") };
        self.write(&line);
    }

    fn error(&mut self, text: &str) {
        self.end_message();
        let line = Line { text: Some(text), ..self.line("error") };
        self.write(&line);
    }
}
