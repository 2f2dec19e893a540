//! Provides the result as one JSON document for programs.

use super::{Fate, Report};
use crate::error::Error;
use crate::exit::Exit;
use crate::measure::Measured;
use crate::shown;
use crate::transcript::name_of;
use serde::Serialize;
use smtp_core::mailer::Reach;
use smtp_core::{Reply, Verb};

/// The schema of the document; it changes when a program that reads it would have to.
const SCHEMA: &str = "smtp-cli/result/1";

/// What became of one message.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_field_names)] // Message-ID is what the header field is called
struct Message {
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
    #[serde(flatten)]
    decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The reply by which something was decided, and the command that it is to.
#[derive(Debug, Serialize)]
pub(crate) struct Decision {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enhanced: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
}

impl Decision {
    pub(crate) fn new(at: Option<Verb>, reply: Option<&Reply>) -> Self {
        Self {
            at: at.map(name_of),
            code: reply.map(|reply| reply.code().value()),
            enhanced: reply.and_then(Reply::enhanced).map(|code| code.to_string()),
            reply: reply.map(|reply| reply.text().to_string()),
        }
    }
}

/// The document of a run up to its messages; `is_check` says that the recipients were only asked for, and no message was
/// sent.
pub(super) fn begin(is_check: bool) -> String {
    let check = if is_check { "\n  \"check\": true," } else { "" };
    format!("{{\n  \"schema\": \"{SCHEMA}\",{check}\n  \"messages\": [")
}

/// The rest of it, with a line end behind it.
pub(super) fn end(is_empty: bool, exit: Exit, error: Option<&Error>) -> String {
    let bracket = if is_empty { "]" } else { "\n  ]" };
    let error = error.map(|error| format!(",\n  \"error\": {}", shown::json_line(&error.to_string())));
    format!("{bracket},\n  \"exit\": {}{}\n}}\n", exit.status(), error.unwrap_or_default())
}

/// What is said of one message, as an element of the document, without a comma before or behind it.
pub(super) fn message(report: &Report<'_>) -> String {
    let mail = report.mail;
    let is_check = report.reach.is_check();
    let mut fates = report
        .fates()
        .zip(report.servers())
        .map(|((address, fate), server)| recipient(address, &fate, server, is_check));
    let message = Message {
        number: mail.submission().number,
        message_id: mail.submission().message.message_id().map(|id| id.as_str().to_string()),
        from: mail.envelope().from.as_str().to_string(),
        exit: report.exit().status(),
        queue_id: if is_check { None } else { report.queue_id() },
        octets: mail.submission().message.encoded_len(),
        sender: if report.reach == Reach::Sender { fates.next() } else { None },
        recipients: fates.collect(),
        cost: mail.measure().into(),
    };
    format!("\n    {}", shown::json_lines(&message).replace('\n', "\n    "))
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
        decision: Decision::new(at, reply),
        reason: reply.is_none().then(|| fate.why()),
    }
}
