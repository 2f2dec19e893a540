//! Provides the header section of an existing message (RFC 5322 §2.2).

use crate::{Error, Source};

/// The maximum length of a header section in octets.
pub(super) const LIMIT: usize = 1024 * 1024;

/// A field with its folds, unchanged except for line ends.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    octets: Vec<u8>,
    colon: usize,
}

impl Field {
    /// Makes a field of bytes written by this crate, including the line end.
    pub(crate) fn written(octets: Vec<u8>) -> Self {
        let colon = memchr::memchr(b':', &octets).unwrap_or(octets.len());
        Self { octets, colon }
    }

    /// The name, without the white space that old programs put after it (RFC 5322 §4.5).
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.octets[..self.colon]).trim_end().to_owned()
    }

    /// The whole field, including its last line end.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The bytes after the colon, including the last line end.
    pub(crate) fn raw_value(&self) -> &[u8] {
        self.octets.get(self.colon + 1..).unwrap_or_default()
    }

    /// The value on one line, without outer white space; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn unfolded(&self) -> String {
        String::from_utf8_lossy(self.raw_value()).replace("\r\n", "").trim().to_owned()
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.octets[..self.colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a message, and the start of its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderSection {
    pub(crate) fields: Vec<Field>,
    /// The position of the body in the source.
    pub(crate) body: u64,
}

impl HeaderSection {
    /// Reads fields until the first blank line or the end.
    pub(crate) fn read(source: &Source) -> Result<Self, Error> {
        let failed = |rule| Error::Part { part: source.name(), rule };
        let mut head = Vec::new();
        let mut reader = source.open()?;
        // Reads no more than the header section and the rest of its last chunk.
        let end = loop {
            if let Some(end) = end_of_header(&head, reader.is_at_end()) {
                break end;
            }
            if head.len() > LIMIT {
                return Err(failed(
                    "its header section is longer than 1 MiB: put a blank line before the body",
                ));
            }
            head.extend_from_slice(reader.chunk(source)?);
        };
        if end.fields > LIMIT {
            return Err(failed("its header section is longer than 1 MiB: put a blank line before the body"));
        }
        let (fields, strays) = fields_of(&head[..end.fields]);
        if strays > 0 {
            return Err(failed(
                "a line before the first blank line is not a header field: put a blank line before the body",
            ));
        }
        Ok(Self { fields, body: end.body as u64 })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    /// The fields as they are sent, without the blank line after them.
    pub(crate) fn octets(&self) -> Vec<u8> {
        self.fields.iter().flat_map(|field| field.octets().iter().copied()).collect()
    }
}

/// Parses fields, after an optional mbox line; also returns the number of invalid lines.
pub(crate) fn fields_of(header: &[u8]) -> (Vec<Field>, usize) {
    let mut fields: Vec<Field> = Vec::new();
    let mut strays = 0;
    for (number, line) in Lines(header).enumerate() {
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        match fields.last_mut() {
            Some(last) if continues => last.octets.extend_from_slice(line),
            _ if number == 0 && is_of_mbox(line) => continue,
            _ => {
                let Some(field) = field(line) else {
                    strays += 1;
                    continue;
                };
                fields.push(field);
            }
        }
        if let Some(last) = fields.last_mut() {
            last.octets.extend_from_slice(b"\r\n");
        }
    }
    (fields, strays)
}

/// Returns whether a first line is that of an mbox file.
///
/// It must not be a From field with white space before its colon, which RFC 5322 §4.5 allows in old messages.
fn is_of_mbox(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b">").unwrap_or(line).strip_prefix(b"From ");
    rest.is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

/// Parses a line that begins a field.
fn field(line: &[u8]) -> Option<Field> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| Field { octets: line.to_vec(), colon })
}

struct End {
    /// The position after the last line of the fields.
    fields: usize,
    /// The position after the blank line.
    body: usize,
}

/// Finds the end of the header section, unless more bytes are needed.
fn end_of_header(head: &[u8], complete: bool) -> Option<End> {
    let mut start = 0;
    loop {
        let line = memchr::memchr2(b'\r', b'\n', &head[start..]).map(|length| start + length);
        let Some(end) = line else {
            return complete.then_some(End { fields: head.len(), body: head.len() });
        };
        let next = match head.get(end..end + 2) {
            Some(b"\r\n") => end + 2,
            // The byte after a CR decides whether the CR is a line end of its own.
            None if head[end] == b'\r' && !complete => return None,
            _ => end + 1,
        };
        if end == start {
            return Some(End { fields: start, body: next });
        }
        start = next;
    }
}

/// The lines of a text without their ends, which are CRLF, CR or LF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        let line_end = if self.0[end..].starts_with(b"\r\n") { 2 } else { 1 };
        self.0 = self.0.get(end + line_end..).unwrap_or_default();
        Some(line)
    }
}
