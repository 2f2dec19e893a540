//! Defines [`Transcript`]: everything that was said, with direction, time and whether TLS was up.

use core::{fmt, time::Duration};
use std::sync::Arc;

use crate::scenario::escape;

/// What an entry of a transcript is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A line of the client: a command, or a response within AUTH.
    Command,
    /// Mail data of the client, this many octets on the wire; the octets themselves are in the message.
    MailData(u64),
    /// Octets of the server.
    Reply,
    /// Something that happened and was not said: a close, a handshake.
    Note,
}

/// One thing that was said or happened on a connection.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    /// The connection, counted from 1.
    pub connection: u64,
    /// When, on the driver's clock.
    pub time: Duration,
    /// What it is.
    pub kind: Kind,
    /// The exact octets, line end included; AUTH's secrets too, which only [`text`](Self::text) masks.
    pub octets: Vec<u8>,
    /// Whether it travelled under TLS.
    pub secure: bool,
    /// The packets that the octets were cut into, when they were more than one.
    pub packets: Vec<usize>,
    /// The rule that made the server say it.
    pub rule: Option<Arc<str>>,
    /// From which octet on the line is a secret.
    pub(crate) secret: Option<usize>,
    /// Whether to print the secret all the same.
    pub(crate) reveal: bool,
}

impl Entry {
    /// The lines of the entry, marked `C: `, `S: ` or `-- `, secrets masked.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self.kind {
            Kind::Command => vec![format!("C: {}", self.masked())],
            Kind::MailData(octets) => vec![format!("C: <{octets} octets of mail data>")],
            Kind::Note => vec![format!("-- {}", escape(&self.octets))],
            Kind::Reply => {
                let mut lines: Vec<_> = self
                    .octets
                    .split_inclusive(|&octet| octet == b'\n')
                    .map(|line| match line.strip_suffix(b"\r\n") {
                        Some(line) => format!("S: {}", escape(line)),
                        // What is not ended by CRLF shows its end, or that it has none.
                        None => format!("S> {}", escape(line)),
                    })
                    .collect();
                if lines.is_empty() {
                    lines.push("S> ".to_owned());
                }
                lines
            }
        }
    }

    /// The entry on one line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (index, line) in self.lines().iter().enumerate() {
            if index == 0 {
                text.push_str(line);
            } else {
                text.push_str(" ⏎ ");
                text.push_str(&line[3..]);
            }
        }
        text
    }

    fn masked(&self) -> String {
        let line = self.octets.strip_suffix(b"\r\n").unwrap_or(&self.octets);
        match self.secret {
            Some(from) if !self.reveal && from < line.len() => format!("{}****", escape(&line[..from])),
            _ => escape(line),
        }
    }
}

/// Secrets are masked here too: a failing test prints its values with `Debug`.
impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("connection", &self.connection)
            .field("time", &self.time)
            .field("text", &self.text())
            .field("secure", &self.secure)
            .field("packets", &self.packets)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lock = if self.secure { "~" } else { " " };
        write!(formatter, "{:>9.3} {lock}{}", self.time.as_secs_f64(), self.text())?;
        if self.packets.len() > 1 {
            let sizes: Vec<_> = self.packets.iter().take(8).map(ToString::to_string).collect();
            let more = if self.packets.len() > 8 { "+…" } else { "" };
            write!(formatter, "   [{} packets: {}{more}]", self.packets.len(), sizes.join("+"))?;
        }
        if let Some(rule) = &self.rule {
            write!(formatter, "   [rule \"{rule}\"]")?;
        }
        Ok(())
    }
}

/// What was said on all connections, in order of connection and time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Transcript {
    pub(crate) entries: Vec<Entry>,
    pub(crate) forgotten: u64,
}

impl Transcript {
    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many older entries the limits made the capture forget.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The part that is about one connection.
    #[must_use]
    pub fn connection(&self, number: u64) -> Self {
        let entries = self.entries.iter().filter(|entry| entry.connection == number).cloned().collect();
        Self { entries, forgotten: self.forgotten }
    }

    /// Every line, marked `C: `, `S: ` or `-- `, without times.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.entries.iter().flat_map(Entry::lines).collect()
    }

    /// The lines that the client sent, mail data apart, secrets masked.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.entries.iter().filter(|entry| entry.kind == Kind::Command).map(Entry::masked).collect()
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forgotten > 0 {
            writeln!(formatter, "  ({} older entries were forgotten)", self.forgotten)?;
        }
        let mut connection = None;
        let mut number = 0;
        for entry in &self.entries {
            if connection != Some(entry.connection) {
                connection = Some(entry.connection);
                number = 0;
                writeln!(formatter, "  connection {}", entry.connection)?;
            }
            number += 1;
            writeln!(formatter, "  {number:>4} {entry}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, octets: &[u8]) -> Entry {
        Entry {
            connection: 1,
            time: Duration::from_millis(50),
            kind,
            octets: octets.to_vec(),
            secure: false,
            packets: Vec::new(),
            rule: None,
            secret: None,
            reveal: false,
        }
    }

    #[test]
    fn secrets_are_masked_in_text_and_debug() {
        let mut auth = entry(Kind::Command, b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n");
        auth.secret = Some(11);
        assert_eq!(auth.text(), "C: AUTH PLAIN ****");
        assert!(!format!("{auth:?}").contains("AGFs"));
        auth.reveal = true;
        assert_eq!(auth.text(), "C: AUTH PLAIN AGFsaWNlAHNlY3JldA==");
    }

    #[test]
    fn replies_print_line_by_line_and_packets_show() {
        let mut reply = entry(Kind::Reply, b"250-a\r\n250 b\r\n");
        reply.packets = vec![1, 13];
        reply.rule = Some("cut".into());
        assert_eq!(reply.to_string(), "    0.050  S: 250-a ⏎ 250 b   [2 packets: 1+13]   [rule \"cut\"]");
        assert_eq!(entry(Kind::Reply, b"250 bare\n\xff").lines(), ["S> 250 bare\\n", "S> \\xff"]);
    }
}
