//! Examines captured messages for what a client should not have sent.

use crate::capture::{Fault, Finding, Message, header_fields};

/// Adds what is wrong with a message. Each rule is reported once a message.
pub(crate) fn examine(message: &Message, findings: &mut Vec<Finding>) {
    let mut add = |fault: Fault, detail: String| {
        findings.push(Finding {
            connection: message.connection,
            fault,
            detail: format!(
                "message {}{}{detail}",
                message.number,
                if detail.is_empty() { "" } else { ": " }
            ),
        });
    };
    let octets = &message.octets;
    let mut lone_feed = None;
    let mut lone_return = None;
    let mut long_line = None;
    let (mut line, mut begin) = (1, 0);
    for at in memchr::memchr2_iter(b'\r', b'\n', octets) {
        match octets[at] {
            b'\n' => {
                let complete = at > 0 && octets[at - 1] == b'\r';
                if !complete {
                    lone_feed.get_or_insert(line);
                }
                let length = at - begin - usize::from(complete);
                if length > 998 {
                    long_line.get_or_insert((line, length));
                }
                line += 1;
                begin = at + 1;
            }
            _ if octets.get(at + 1) != Some(&b'\n') => {
                lone_return.get_or_insert(line);
            }
            _ => {}
        }
    }
    if octets.len() - begin > 998 {
        long_line.get_or_insert((line, octets.len() - begin));
    }
    let body = message.envelope.reverse_path.parameter("BODY").unwrap_or("").to_ascii_uppercase();
    let binary = body == "BINARYMIME";
    if let Some(line) = lone_feed.filter(|_| !binary) {
        add(Fault::MessageBareLineFeed, format!("line {line}"));
    }
    if let Some(line) = lone_return.filter(|_| !binary) {
        add(Fault::MessageBareCarriageReturn, format!("line {line}"));
    }
    if let Some((line, length)) = long_line.filter(|_| !binary) {
        add(Fault::MessageLongLine, format!("line {line} has {length} octets"));
    }
    let declared = body == "8BITMIME" || binary;
    let international = message.envelope.reverse_path.parameter("SMTPUTF8").is_some();
    if !declared && !international && !octets.is_ascii() {
        let line =
            octets.iter().take_while(|octet| octet.is_ascii()).filter(|octet| **octet == b'\n').count() + 1;
        add(Fault::MessageUndeclaredEightBit, format!("line {line}"));
    }
    if !binary && memchr::memchr(0, octets).is_some() {
        add(Fault::MessageNul, String::new());
    }
    for (name, required) in [
        ("Date", true),
        ("From", true),
        ("Message-ID", true),
        ("Sender", false),
        ("Reply-To", false),
        ("To", false),
        ("Cc", false),
        ("Subject", false),
    ] {
        let count =
            header_fields(octets).filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes())).count();
        if required && count == 0 {
            add(Fault::MessageMissingField, name.to_owned());
        }
        if count > 1 {
            add(Fault::MessageRepeatedField, format!("{name}, {count} times"));
        }
    }
    if let Some(size) =
        message.envelope.reverse_path.parameter("SIZE").and_then(|size| size.parse::<usize>().ok())
    {
        // RFC 1870 §6 allows an estimate, but a size that is too small may get a message refused half-way.
        if size != octets.len() {
            add(Fault::SizeMismatch, format!("SIZE={size}, {} octets came", octets.len()));
        }
    }
}
