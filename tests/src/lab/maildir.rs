//! Provides what a server delivered: the messages of a Maildir, and their parts that the delivery added.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::waiting::wait_for;

/// The fields that delivery puts above a message (RFC 5321 §4.4, and what the servers and scripts of the lab add).
const TRACE: [&str; 7] = [
    "Return-Path",
    "X-Original-To",
    "Delivered-To",
    "Envelope-To",
    "X-Mail-Parameters",
    "X-Recipient-Parameters",
    "Received",
];

/// How many octets at its start a message is searched in: those of the delivery, and its header section.
const START: u64 = 8192;

/// A Maildir: one file a message.
#[derive(Clone, Debug)]
pub struct Maildir {
    directory: PathBuf,
    hops: usize,
}

impl Maildir {
    /// The Maildir at `directory`, which need not exist yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), hops: 1 }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The same, for messages that came by way of this many servers, each of which added a Received field.
    #[must_use]
    pub fn behind(self, hops: usize) -> Self {
        Self { hops, ..self }
    }

    /// Waits for a message whose first octets hold `part`.
    ///
    /// # Errors
    /// `TimedOut` after 30 seconds; and what reading the files gives.
    pub fn find(&self, part: &str) -> io::Result<Delivered> {
        self.find_all(part, 1)?.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Waits for this many messages whose first octets hold `part`.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_all(&self, part: &str, count: usize) -> io::Result<Vec<Delivered>> {
        let what = format!("the delivery of «{part}» to {}", self.directory.display());
        wait_for(&what, || {
            let found = self.files_of(part)?;
            if found.len() < count { Ok(None) } else { self.read(&found).map(Some) }
        })
    }

    /// The messages so far whose first octets hold `part`.
    ///
    /// # Errors
    /// What reading the files gives.
    pub fn holding(&self, part: &str) -> io::Result<Vec<Delivered>> {
        self.read(&self.files_of(part)?)
    }

    /// Waits until there are at least `count` messages and gives all of them, in the order of their delivery.
    ///
    /// # Errors
    /// `TimedOut` after 30 seconds; and what reading the files gives.
    pub fn wait(&self, count: usize) -> io::Result<Vec<Delivered>> {
        let what = format!("the delivery of {count} messages to {}", self.directory.display());
        wait_for(&what, || {
            let messages = self.messages()?;
            Ok((messages.len() >= count).then_some(messages))
        })
    }

    /// What has been delivered so far, in the order of delivery.
    ///
    /// # Errors
    /// What reading the files gives.
    pub fn messages(&self) -> io::Result<Vec<Delivered>> {
        self.read(&self.files()?)
    }

    fn read(&self, files: &[PathBuf]) -> io::Result<Vec<Delivered>> {
        files.iter().map(|path| Ok(Delivered::behind(&fs::read(path)?, self.hops))).collect()
    }

    /// The files whose first octets hold `part`: reading large ones whole, again and again, would take all the time
    /// that their delivery needs.
    fn files_of(&self, part: &str) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for path in self.files()? {
            let mut start = Vec::new();
            File::open(&path)?.take(START).read_to_end(&mut start)?;
            if memchr::memmem::find(&start, part.as_bytes()).is_some() {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// The files of the messages, in the order of their delivery.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        // a message is moved to «new» when it is complete; «tmp» holds those that are being written
        let entries = match fs::read_dir(self.directory.join("new")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

/// A message as a server stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    fields: Vec<(String, String)>,
    message: Vec<u8>,
}

impl Delivered {
    /// Takes a stored message apart; its line ends, LF in a Maildir, become CRLF again.
    ///
    /// Only the block at the top, in which no name of [the trace fields](Self::trace) comes twice, is taken
    /// for the delivery's: a Received field that the message brought along stays in the message.
    #[must_use]
    pub fn new(stored: &[u8]) -> Self {
        Self::behind(stored, 1)
    }

    /// The same for a message that came by way of this many servers, each of which added a Received field.
    #[must_use]
    pub fn behind(stored: &[u8], hops: usize) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut rest = stored;
        while let Some((name, value, after)) = first_field(rest) {
            let known = TRACE.iter().any(|trace| trace.eq_ignore_ascii_case(&name));
            let seen = fields.iter().filter(|(seen, _)| seen.eq_ignore_ascii_case(&name)).count();
            let most = if name.eq_ignore_ascii_case("Received") { hops } else { 1 };
            if !known || seen >= most {
                break;
            }
            fields.push((name, value));
            rest = after;
        }
        let message = rest.split_inclusive(|octet| *octet == b'\n').flat_map(crlf).collect();
        Self { fields, message }
    }

    /// The message without what the delivery added, with CRLF line ends.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The value, unfolded, of a field that the delivery added: Return-Path (the reverse-path of the
    /// envelope), Delivered-To or X-Original-To (the forward-path), Received (the last server's).
    #[must_use]
    pub fn trace(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// What the first server on its way, the one that the client spoke to, said of the session in its Received field.
    #[must_use]
    pub fn first_hop(&self) -> Option<&str> {
        let mut fields = self.fields.iter().rev();
        fields.find_map(|(found, value)| found.eq_ignore_ascii_case("Received").then_some(value.as_str()))
    }

    /// The mailbox of the envelope, by whichever name the server has for the field.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        self.trace("Delivered-To").or_else(|| self.trace("Envelope-To"))
    }
}

/// The first header field of a message with LF line ends: its name, its unfolded value, what follows it.
fn first_field(octets: &[u8]) -> Option<(String, String, &[u8])> {
    let folded = |end: &usize| !matches!(octets.get(end + 1), Some(b' ' | b'\t'));
    let ends = octets.iter().enumerate().filter_map(|(at, octet)| (*octet == b'\n').then_some(at));
    let end = ends.clone().find(folded)?;
    let (field, after) = octets.split_at(end + 1);
    let (name, value) = str::from_utf8(field).ok()?.split_once(':')?;
    Some((name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "), after))
}

/// A line, with CRLF for the LF at its end.
fn crlf(line: &[u8]) -> Vec<u8> {
    match line.strip_suffix(b"\n") {
        Some(text) => [text, b"\r\n"].concat(),
        None => line.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &[u8] = b"Return-Path: <a@example.org>\nX-Original-To: b@example.net\n\
        Delivered-To: b@example.net\nReceived: from here\n\tby there\n for <b@example.net>\n";

    #[test]
    fn trace_fields_are_parted_from_the_message() {
        let delivered = Delivered::new(&[STORED, b"Subject: x\n\nReceived: body\n"].concat());
        assert_eq!(delivered.message(), b"Subject: x\r\n\r\nReceived: body\r\n");
        assert_eq!(delivered.trace("return-path"), Some("<a@example.org>"));
        assert_eq!(delivered.trace("Received"), Some("from here by there for <b@example.net>"));
        assert_eq!(delivered.trace("Subject"), None);
    }

    #[test]
    fn a_received_field_of_the_message_itself_stays() {
        let delivered = Delivered::new(&[STORED, b"Received: from afar\nSubject: x\n\n"].concat());
        assert_eq!(delivered.message(), b"Received: from afar\r\nSubject: x\r\n\r\n");
    }

    #[test]
    fn each_server_on_the_way_adds_a_received_field() {
        let stored = [STORED, b"Received: from first\nReceived: from afar\nSubject: x\n\n"].concat();
        let delivered = Delivered::behind(&stored, 2);
        assert_eq!(delivered.message(), b"Received: from afar\r\nSubject: x\r\n\r\n");
        assert_eq!(delivered.first_hop(), Some("from first"));
    }

    #[test]
    fn octets_that_are_no_line_end_stay() {
        let delivered = Delivered::new(b"Subject: x\n\na\rb\xff\0\n\n.\nlast");
        assert_eq!(delivered.message(), b"Subject: x\r\n\r\na\rb\xff\0\r\n\r\n.\r\nlast");
    }
}
