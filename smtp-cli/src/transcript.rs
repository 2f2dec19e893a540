//! Provides the transcripts of a session: as text and as JSON Lines, and the recording that `smtp-mock` plays.

mod json_lines;
mod recorder;

pub(crate) use json_lines::JsonLines;
pub(crate) use recorder::Recordings;
pub(crate) use smtp_core::mailer::Observer;

use crate::terminal::Stream;
use smtp_core::Verb;
use smtp_core::mailer::{Mark, Transcript};
use std::io::Write;

/// The name of a verb for programs; the end of the mail data, which is no command, is `message`.
pub(crate) const fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Message => "message",
        verb => verb.name(),
    }
}

/// The transcript as text of the session of that number, which every line bears unless it is 0.
pub(crate) fn text(mut stream: Stream, session: usize, is_coloured: bool) -> Box<dyn Observer> {
    // A transcript that cannot be written must not end the session.
    let transcript = Transcript::new(move |lines: &str| drop(stream.write_all(lines.as_bytes())));
    let prefix = if session == 0 { String::new() } else { format!("{session:>2} ") };
    let transcript = transcript.with_prefix(prefix);
    Box::new(if is_coloured { transcript.with_style(colour) } else { transcript })
}

/// What a terminal colours a line by (ECMA-48 SGR), before and after it.
const fn colour(mark: Mark) -> (&'static str, &'static str) {
    match mark {
        Mark::Unwanted => ("\u{1b}[33m", "\u{1b}[0m"),
        Mark::Error => ("\u{1b}[31m", "\u{1b}[0m"),
        Mark::Information => ("\u{1b}[36m", "\u{1b}[0m"),
        _ => ("", ""),
    }
}
