//! Provides the result as one JSON document for programs.

use super::{Fate, Report};
use crate::delivery::Reach;
use crate::error::Error;
use crate::exit::Exit;
use crate::measure::Measured;
use crate::transcript::name_of;
use serde::Serialize;
use smtp_core::{Reply, Verb};

/// The schema of the document; it changes when a program that reads it would have to.
const SCHEMA: &str = "smtp-cli/result/1";

/// The result of a run.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Present where the recipients were only asked for, and no message was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<bool>,
    messages: &'a [Message],
}

/// What became of one message.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_field_names)] // Message-ID is what the header field is called
pub(crate) struct Message {
    number: usize,
    message_id: Option<String>,
    from: String,
    exit: u8,
    /// What the server calls it, where its last reply says so.
    queue_id: Option<String>,
    octets: u64,
    /// What was said of the sender, where that alone was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Recipient>,
    recipients: Vec<Recipient>,
    cost: Measured,
}

/// What became of one recipient, or was said of the sender.
#[derive(Debug, Serialize)]
struct Recipient {
    address: String,
    /// `accepted`, `refused`, `unknown` or `unsent`; `acceptable` instead of the first in a check.
    outcome: &'static str,
    /// The mail exchanger that decided, where each domain has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Message {
    /// Its number, from 1.
    pub(super) const fn number(&self) -> usize {
        self.number
    }
}

/// The document of a run, with a line end behind it.
pub(crate) fn document(
    messages: &[Message],
    is_check: bool,
    exit: Exit,
    error: Option<&Error>,
) -> Result<String, Error> {
    let document = Document {
        schema: SCHEMA,
        exit: exit.status(),
        error: error.map(ToString::to_string),
        check: is_check.then_some(true),
        messages,
    };
    let mut text = serde_json::to_string_pretty(&document)
        .map_err(|error| Error::new(Exit::SOFTWARE, format!("a fault of this program: {error}")))?;
    text.push('\n');
    Ok(text)
}

/// What is said of one message.
pub(super) fn message(report: &Report<'_>) -> Message {
    let mail = report.mail;
    let is_check = report.reach.is_check();
    let mut fates = report
        .fates()
        .zip(report.servers())
        .map(|((address, fate), server)| recipient(address, &fate, server, is_check));
    Message {
        number: mail.number,
        message_id: mail.message.message_id().map(|id| id.as_str().to_string()),
        from: mail.envelope.from.as_str().to_string(),
        exit: report.exit().status(),
        queue_id: if is_check { None } else { report.queue_id() },
        octets: mail.message.encoded_len(),
        sender: if report.reach == Reach::Sender { fates.next() } else { None },
        recipients: fates.collect(),
        cost: mail.measure.measured(),
    }
}

fn recipient(address: String, fate: &Fate<'_>, server: Option<&str>, is_check: bool) -> Recipient {
    let (at, reply): (Option<Verb>, Option<&Reply>) = fate.reply();
    Recipient {
        address,
        outcome: match fate.word() {
            "accepted" if is_check => "acceptable",
            word => word,
        },
        server: server.map(String::from),
        at: at.map(name_of),
        code: reply.map(|reply| reply.code().value()),
        enhanced: reply.and_then(Reply::enhanced).map(|code| code.to_string()),
        reply: reply.map(|reply| reply.text().to_string()),
        reason: reply.is_none().then(|| fate.why()),
    }
}
