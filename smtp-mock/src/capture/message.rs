//! Defines [`Message`], mail that the server took, with its [`Envelope`].

use core::{fmt, time::Duration};
use std::borrow::Cow;

use mail_parser::{MessageParser, MimeHeaders as _};

use crate::scenario::escape;

/// A parameter of MAIL or RCPT (RFC 5321 §4.1.1.11).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// The keyword as it was written.
    pub keyword: String,
    /// The value, if it has one.
    pub value: Option<String>,
}

/// A path with the parameters that came with it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Path {
    /// The mailbox between the angle brackets, as it was written; empty for `<>`.
    pub mailbox: String,
    /// The parameters after it.
    pub parameters: Vec<Parameter>,
}

impl Path {
    /// The value of a parameter; `Some("")` when it has none, `None` when it was not given.
    #[must_use]
    pub fn parameter(&self, keyword: &str) -> Option<&str> {
        let found =
            self.parameters.iter().find(|parameter| parameter.keyword.eq_ignore_ascii_case(keyword))?;
        Some(found.value.as_deref().unwrap_or(""))
    }
}

/// The envelope of a message: sender and recipients of the commands, not of the header section.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Envelope {
    /// The argument of EHLO, HELO or LHLO.
    pub hello: String,
    /// The reverse-path of MAIL.
    pub reverse_path: Path,
    /// The forward-paths of RCPT that were accepted.
    pub forward_paths: Vec<Path>,
    /// The authenticated user, if any.
    pub user: Option<String>,
    /// Whether TLS was up.
    pub secure: bool,
    /// The attributes that XCLIENT or a PROXY header gave, by name.
    pub attributes: Vec<(String, String)>,
}

/// A message as it was received.
#[derive(Clone, Eq, PartialEq)]
pub struct Message {
    /// Its number over all connections, counted from 1 in the order of acceptance.
    pub number: u64,
    /// The connection, counted from 1.
    pub connection: u64,
    /// When its last octet was read, on the driver's clock.
    pub time: Duration,
    /// The envelope.
    pub envelope: Envelope,
    /// The exact octets, transparency undone.
    pub octets: Vec<u8>,
    /// The code of the reply that it got; `None` when it got none.
    pub code: Option<u16>,
}

/// The octets as text, and of a long message the beginning only: a failing test prints it.
impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 2000;
        let more = if self.octets.len() > SHOWN { "…" } else { "" };
        let octets = escape(&self.octets[..self.octets.len().min(SHOWN)]);
        formatter
            .debug_struct("Message")
            .field("number", &self.number)
            .field("connection", &self.connection)
            .field("time", &self.time)
            .field("envelope", &self.envelope)
            .field("octets", &format_args!("\"{octets}{more}\""))
            .field("code", &self.code)
            .finish()
    }
}

impl Message {
    /// The reverse-path.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.envelope.reverse_path.mailbox
    }

    /// The forward-paths.
    #[must_use]
    pub fn to(&self) -> Vec<&str> {
        self.envelope.forward_paths.iter().map(|path| path.mailbox.as_str()).collect()
    }

    /// The values of every header field of this name, unfolded and not decoded.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        header_fields(&self.octets)
            .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| unfolded(value))
            .collect()
    }

    /// The value of the first header field of this name, unfolded and not decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers(name).into_iter().next()
    }

    /// The subject, decoded.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        MessageParser::default().parse_headers(&self.octets)?.subject().map(str::to_owned)
    }

    /// The first text body part, decoded.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        MessageParser::default().parse(&self.octets)?.body_text(0).map(Cow::into_owned)
    }

    /// The attachments, decoded: name and octets.
    #[must_use]
    pub fn attachments(&self) -> Vec<(String, Vec<u8>)> {
        let Some(parsed) = MessageParser::default().parse(&self.octets) else { return Vec::new() };
        parsed
            .attachments()
            .map(|part| (part.attachment_name().unwrap_or("").to_owned(), part.contents().to_vec()))
            .collect()
    }

    /// What a person wants to see of it: envelope, header fields, body parts and sizes.
    #[must_use]
    pub fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

/// Prints a message for people; see [`Message::summary`].
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a>(&'a Message);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.0;
        let lines = memchr::memchr_iter(b'\n', &message.octets).count();
        writeln!(
            formatter,
            "message {}: {} octets, {lines} lines, connection {}{}",
            message.number,
            message.octets.len(),
            message.connection,
            if message.envelope.secure { ", over TLS" } else { ", in clear" },
        )?;
        let show = |formatter: &mut fmt::Formatter<'_>, word: &str, path: &Path| {
            write!(formatter, "  {word:<9}<{}>", escape(path.mailbox.as_bytes()))?;
            for parameter in &path.parameters {
                write!(formatter, " {}", escape(parameter.keyword.as_bytes()))?;
                if let Some(value) = &parameter.value {
                    write!(formatter, "={}", escape(value.as_bytes()))?;
                }
            }
            writeln!(formatter)
        };
        show(formatter, "from", &message.envelope.reverse_path)?;
        for path in &message.envelope.forward_paths {
            show(formatter, "to", path)?;
        }
        if let Some(user) = &message.envelope.user {
            writeln!(formatter, "  user     {}", escape(user.as_bytes()))?;
        }
        for (name, value) in header_fields(&message.octets) {
            writeln!(formatter, "  | {}: {}", escape(name), escape(unfolded(value).as_bytes()))?;
        }
        if let Some(parsed) = MessageParser::default().parse(&message.octets) {
            let part_type = |part: &mail_parser::MessagePart<'_>| {
                part.content_type().map_or_else(
                    || "text/plain".to_owned(),
                    |value| match value.subtype() {
                        Some(subtype) => format!("{}/{subtype}", value.ctype()),
                        None => value.ctype().to_owned(),
                    },
                )
            };
            for part in parsed.text_bodies() {
                writeln!(
                    formatter,
                    "  body       {}, {} octets",
                    escape(part_type(part).as_bytes()),
                    part.len()
                )?;
            }
            for part in parsed.attachments() {
                let name = part.attachment_name().unwrap_or("(no name)");
                let kind = part_type(part);
                writeln!(
                    formatter,
                    "  attachment {}, {}, {} octets",
                    escape(name.as_bytes()),
                    escape(kind.as_bytes()),
                    part.contents().len()
                )?;
            }
        }
        Ok(())
    }
}

/// The header fields of a message: names, and values as they are.
pub(crate) fn header_fields(octets: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = octets;
    core::iter::from_fn(move || {
        let end = field_end(rest);
        let (field, after) = rest.split_at(end);
        let colon = memchr::memchr(b':', field)?;
        rest = after;
        Some((field[..colon].trim_ascii_end(), &field[colon + 1..]))
    })
}

/// The value of a header field on one line.
pub(crate) fn unfolded(value: &[u8]) -> String {
    String::from_utf8_lossy(value).replace(['\r', '\n'], "").trim().to_owned()
}

/// Where a header field that begins the octets ends, folded lines included; 0 at the end of the header section.
fn field_end(octets: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let line = match memchr::memchr(b'\n', &octets[end..]) {
            Some(at) => at + 1,
            None => octets.len() - end,
        };
        let next = &octets[end..];
        let is_blank =
            next[..line].trim_ascii().is_empty() && (end == 0 || !matches!(next.first(), Some(b' ' | b'\t')));
        let continues = end == 0 || matches!(next.first(), Some(b' ' | b'\t'));
        if line == 0 || is_blank || !continues {
            return end;
        }
        end += line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(octets: &[u8]) -> Message {
        Message {
            number: 1,
            connection: 1,
            time: Duration::ZERO,
            envelope: Envelope {
                hello: "client.test".to_owned(),
                reverse_path: Path { mailbox: "a@b.test".to_owned(), parameters: Vec::new() },
                forward_paths: vec![Path { mailbox: "c@d.test".to_owned(), parameters: Vec::new() }],
                ..Envelope::default()
            },
            octets: octets.to_vec(),
            code: Some(250),
        }
    }

    #[test]
    fn fields_are_unfolded_and_end_at_the_blank_line() {
        let mail = message(b"Subject: =?utf-8?Q?caf=C3=A9?=\r\nX-Long: one\r\n two\r\n\r\nSubject: body\r\n");
        assert_eq!(mail.headers("subject").len(), 1);
        assert_eq!(mail.header("x-long").unwrap(), "one two");
        assert_eq!(mail.subject().unwrap(), "café");
        assert_eq!(message(b"").headers("a"), Vec::<String>::new());
        assert_eq!(message(b"no colon").headers("a"), Vec::<String>::new());
    }

    #[test]
    fn the_summary_names_envelope_fields_and_attachments() {
        let mail = message(
            b"Subject: Hello\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nText\r\n--x\r\n\
              Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
              Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--x--\r\n",
        );
        let text = mail.summary().to_string();
        assert!(text.contains("from     <a@b.test>\n  to       <c@d.test>\n  | Subject: Hello\n"), "{text}");
        assert!(text.contains("attachment a.pdf, application/pdf, 5 octets"), "{text}");
        assert_eq!(mail.attachments(), [("a.pdf".to_owned(), b"hello".to_vec())]);
    }
}
