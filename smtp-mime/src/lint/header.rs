//! Provides the checks of a message's header section.

use smtp_core::Mailbox;

use super::{Findings, Lint, decode::decode, rules};
use crate::{
    AddressList, Date, MessageId,
    address::{self, is_aligned},
    existing::{
        Field,
        structure::{StoredPart, Structure},
    },
    header::{fold::MAX_LINE, name::ADDRESS_FIELDS},
};

/// The clock difference in seconds that filters tolerate.
const MAX_AHEAD: i64 = 3 * 3600;
/// The age in seconds after which a queue gives a message up (RFC 5321 §4.5.4.1).
const MAX_AGE: i64 = 5 * 24 * 3600;
/// The length of a subject that readers show.
const MAX_SUBJECT: usize = 200;
/// Shorter subjects in capitals may be abbreviations.
const MIN_CAPITALS: usize = 8;

pub(super) fn check(lint: &Lint, structure: &Structure, findings: &mut Findings) {
    let Some(message) = structure.parts.first() else { return };
    if message.strays > 0 {
        findings.add(
            &rules::NO_FIELD,
            "header section",
            format!("{} lines are not header fields", message.strays),
        );
    }
    presence(message, findings);
    duplicates(message, findings);
    addresses(lint, message, findings);
    subject(message, findings);
    date(lint, message, findings);
    message_id(message, findings);
    for part in &structure.parts {
        part.fields.iter().for_each(|field| octets(field, findings));
    }
}

fn presence(message: &StoredPart, findings: &mut Findings) {
    let has = |name: &str| message.field(name).is_some();
    let mut missing = |rule, names: &[&str]| {
        if !names.iter().any(|name| has(name)) {
            findings.add(rule, names[0], "it is missing");
        }
    };
    missing(&rules::MISSING_FROM, &["From"]);
    missing(&rules::MISSING_DATE, &["Date"]);
    missing(&rules::MISSING_MESSAGE_ID, &["Message-ID"]);
    missing(&rules::MISSING_RECIPIENT, &["To", "Cc"]);
    missing(&rules::MISSING_SUBJECT, &["Subject"]);
    if ["Content-Type", "Content-Transfer-Encoding"].iter().any(|name| has(name)) {
        missing(&rules::MISSING_MIME_VERSION, &["MIME-Version"]);
    }
    for (name, rule) in [
        ("Bcc", &rules::BCC_PRESENT),
        ("Resent-Bcc", &rules::BCC_PRESENT),
        ("Return-Path", &rules::TRACE_PRESENT),
    ] {
        if has(name) {
            findings.add(rule, name, "it is present");
        }
    }
}

fn duplicates(message: &StoredPart, findings: &mut Findings) {
    let others = [
        "Message-ID",
        "In-Reply-To",
        "References",
        "Subject",
        "Date",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    for name in ADDRESS_FIELDS.into_iter().chain(others) {
        let count = message.fields.iter().filter(|field| field.is(name)).count();
        if count > 1 {
            findings.add(&rules::DUPLICATE_FIELD, name, format!("it occurs {count} times"));
        }
    }
}

fn addresses(lint: &Lint, message: &StoredPart, findings: &mut Findings) {
    for name in ADDRESS_FIELDS {
        for field in message.fields.iter().filter(|field| field.is(name)) {
            match address::lenient(&field.unfolded()) {
                Err(error) => findings.add(&rules::BAD_ADDRESS, name, error.to_string()),
                Ok(addresses) => {
                    names(name, &addresses, field, findings);
                    if name == "From" {
                        author(lint, message, &addresses, findings);
                    }
                }
            }
        }
    }
}

fn names(place: &str, list: &AddressList, field: &Field, findings: &mut Findings) {
    let value = field.unfolded().replace([' ', '\t'], "");
    if value.starts_with("\"\"<") || value.contains(",\"\"<") {
        findings.add(&rules::EMPTY_NAME, place, "a name is empty");
    }
    for mailbox in list.named_mailboxes() {
        let Some(name) = mailbox.display_name() else { continue };
        let shown = decode(name);
        let imitated = shown
            .split(|character: char| character.is_whitespace() || "<>()\"',;".contains(character))
            .filter_map(|word| Mailbox::try_from(word).ok())
            .find(|other| other != mailbox.mailbox());
        if let Some(other) = imitated {
            findings.add(
                &rules::IMITATING_NAME,
                place,
                format!("the name of {} is the address {other}", mailbox.mailbox()),
            );
        }
    }
}

fn author(lint: &Lint, message: &StoredPart, addresses: &AddressList, findings: &mut Findings) {
    let mut authors = addresses.mailboxes();
    let (first, second) = (authors.next(), authors.next());
    if first.is_none() {
        findings.add(&rules::MISSING_FROM, "From", "it names no author");
    }
    if second.is_some() && message.field("Sender").is_none() {
        findings.add(&rules::SEVERAL_AUTHORS, "From", "it names several authors, and there is no Sender");
    }
    if let (Some(author), Some(reverse_path)) = (first, &lint.reverse_path)
        && !is_aligned(&author.domain(), &reverse_path.domain())
    {
        findings.add(
            &rules::NOT_ALIGNED,
            "From",
            format!("{} is not aligned with {} of the envelope", author.domain(), reverse_path.domain()),
        );
    }
}

fn subject(message: &StoredPart, findings: &mut Findings) {
    let Some(field) = message.field("Subject") else { return };
    let raw = field.unfolded();
    let subject = decode(&raw);
    let mut add = |rule, problem: String| findings.add(rule, "Subject", problem);
    if subject.trim().is_empty() {
        return add(&rules::EMPTY_SUBJECT, "it is empty".to_owned());
    }
    let letters = subject.chars().filter(|character| character.is_uppercase()).count();
    if letters >= MIN_CAPITALS && !subject.chars().any(char::is_lowercase) {
        add(&rules::SHOUTING_SUBJECT, "it is all capitals".to_owned());
    }
    let characters = subject.chars().count();
    if characters > MAX_SUBJECT {
        add(&rules::LONG_SUBJECT, format!("it has {characters} characters"));
    }
    let value = field.raw_value();
    if value.strip_suffix(b"\r\n").is_some_and(|value| value.ends_with(b" ") || value.ends_with(b"\t")) {
        add(&rules::TRAILING_BLANK, "it ends with white space".to_owned());
    }
}

fn date(lint: &Lint, message: &StoredPart, findings: &mut Findings) {
    let Some(field) = message.field("Date") else { return };
    let value = field.unfolded();
    let Ok(date) = value.parse::<Date>() else {
        return findings.add(&rules::BAD_DATE, "Date", "it is not a date-time");
    };
    // A comment may follow the zone.
    let zone = value.split('(').next().unwrap_or_default().trim_end().rsplit(' ').next().unwrap_or_default();
    let digits = zone.strip_prefix(['+', '-']).unwrap_or_default();
    if digits.len() != 4 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        findings.add(&rules::OLD_DATE_FORM, "Date", "its zone is a name");
    }
    if let Some(now) = &lint.now {
        let ahead = date.to_unix().saturating_sub(now.to_unix());
        if ahead > MAX_AHEAD {
            findings.add(&rules::FUTURE_DATE, "Date", format!("it is {} hours ahead", ahead / 3600));
        }
        if ahead < -MAX_AGE {
            findings.add(&rules::PAST_DATE, "Date", format!("it is {} days ago", -ahead / 86_400));
        }
    }
}

fn message_id(message: &StoredPart, findings: &mut Findings) {
    let Some(field) = message.field("Message-ID") else { return };
    let value = field.unfolded();
    match value.parse::<MessageId>() {
        Ok(identifier) if value == identifier.as_str() => {
            let right = identifier.without_brackets().rsplit('@').next().unwrap_or_default();
            if !right.contains('.') && !right.starts_with('[') {
                findings.add(&rules::LOCAL_MESSAGE_ID, "Message-ID", "its right side is not a domain");
            }
        }
        _ => findings.add(&rules::BAD_MESSAGE_ID, "Message-ID", "it is not a message identifier"),
    }
}

/// Checks the bytes of one field.
fn octets(field: &Field, findings: &mut Findings) {
    let octets = field.octets();
    let name = field.name();
    if !octets.is_ascii() {
        let utf8 = std::str::from_utf8(octets).is_ok();
        let rule = if utf8 { &rules::RAW_HEADER } else { &rules::UNKNOWN_HEADER };
        findings.add(rule, name.clone(), "it has non-ASCII bytes");
    }
    if octets.iter().any(|octet| octet.is_ascii_control() && !matches!(octet, b'\r' | b'\n' | b'\t')) {
        findings.add(&rules::CONTROL_IN_HEADER, name.clone(), "it has a control character");
    }
    let lines = || octets.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if let Some(length) = lines().map(<[u8]>::len).find(|length| *length > MAX_LINE) {
        findings.add(&rules::LONG_LINE, name.clone(), format!("it has a line of {length} octets"));
    }
    if lines().skip(1).any(|line| !line.is_empty() && line.trim_ascii().is_empty()) {
        findings.add(&rules::BLANK_FOLD, name.clone(), "it has a line of white space only");
    }
    let long_word = field
        .unfolded()
        .split([' ', '\t'])
        .any(|word| word.starts_with("=?") && word.ends_with("?=") && word.len() > 75);
    if long_word {
        findings.add(&rules::LONG_ENCODED_WORD, name, "it has an encoded-word of more than 75 octets");
    }
}
