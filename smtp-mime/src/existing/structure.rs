//! Finds the parts of an existing message, and their positions (RFC 2046 §5.1, §5.2.1).
//!
//! Rule 1: no body is stored; a part is a range of bytes with the result of a scan.
//! Rule 2: a delimiter of any open multipart ends all parts within it, as readers do it.

use super::{
    Field,
    header::{LIMIT, fields_of},
};
use crate::{Error, Message, Source, encoding::Scan};

/// The maximum number of parts in a message, more than any real message has.
const MAX_PARTS: usize = 10_000;
/// The maximum nesting of parts.
const MAX_DEPTH: usize = 64;
/// The bytes needed to recognise a delimiter: `--`, 70 octets (RFC 2046 §5.1.1), `--` and white space.
const DELIMITER: usize = 256;

/// One entity of a message.
#[derive(Debug)]
pub(crate) struct StoredPart {
    /// The multipart or message that contains it.
    pub(crate) parent: Option<usize>,
    /// The position of its header section.
    pub(crate) start: u64,
    /// The position of its body.
    pub(crate) body: u64,
    /// The position after its body; the line end before a delimiter belongs to the delimiter.
    pub(crate) end: u64,
    pub(crate) fields: Vec<Field>,
    /// The number of lines in its header section that are not fields.
    pub(crate) strays: usize,
    /// Whether such a line, or an mbox line, has non-ASCII bytes.
    pub(crate) stray_eight_bit: bool,
    pub(crate) content: StoredContent,
    /// The scan of its body, without parts within it.
    pub(crate) scan: Scan,
}

/// The values of a part's Content- fields.
#[derive(Debug)]
pub(crate) struct StoredContent {
    /// `type/subtype` in lower case.
    pub(crate) media: String,
    /// The parameters of Content-Type, with names in lower case.
    pub(crate) parameters: Vec<(String, String)>,
    /// The parameters of Content-Disposition.
    pub(crate) disposition: Vec<(String, String)>,
    /// Content-Transfer-Encoding in lower case.
    pub(crate) encoding: String,
}

impl StoredPart {
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// Returns whether it can contain parts.
    pub(crate) fn is_container(&self) -> bool {
        self.content.media.starts_with("multipart/") || self.content.media == "message/rfc822"
    }
}

impl StoredContent {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// The file name that a reader shows, with sections joined and percent-encoding kept.
    pub(crate) fn file_name(&self) -> Option<String> {
        for (parameters, attribute) in [(&self.disposition, "filename"), (&self.parameters, "name")] {
            if let Some(value) = find(parameters, attribute) {
                return Some(value.to_owned());
            }
            let sections: String = parameters
                .iter()
                .filter(|(name, _)| name.strip_prefix(attribute).is_some_and(|rest| rest.starts_with('*')))
                .map(|(_, value)| value.rsplit('\'').next().unwrap_or_default())
                .collect();
            if !sections.is_empty() {
                return Some(sections);
            }
        }
        None
    }

    fn of(fields: &[Field], within_digest: bool) -> Self {
        let value = |name: &str| fields.iter().find(|field| field.is(name)).map(Field::unfolded);
        let default = if within_digest { "message/rfc822" } else { "text/plain" };
        let (media, parameters) =
            value("Content-Type").map_or_else(|| (default.to_owned(), Vec::new()), |value| split(&value));
        let disposition = value("Content-Disposition").map(|value| split(&value).1).unwrap_or_default();
        let encoding = value("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
        let encoding = if encoding.is_empty() { "7bit".to_owned() } else { encoding };
        Self { media, parameters, disposition, encoding }
    }
}

/// The structure of a message.
#[derive(Debug)]
pub(crate) struct Structure {
    /// The entities in order, the message itself first.
    pub(crate) parts: Vec<StoredPart>,
    /// The number of lines that end in CRLF, lone LF and lone CR.
    pub(crate) line_ends: [u64; 3],
}

/// Reads a whole message and returns its structure.
pub(crate) fn structure(source: &Source) -> Result<Structure, Error> {
    let mut reader = source.open()?;
    let mut walker = Walker::new(source.name());
    while !reader.is_at_end() {
        walker.take(reader.chunk(source)?)?;
    }
    walker.finish()
}

/// Returns the structure of a message that is ready to be sent.
pub(crate) fn structure_of(message: &Message) -> Result<Structure, Error> {
    let mut reader = message.reader();
    let mut walker = Walker::new("message".to_owned());
    loop {
        let chunk = reader.chunk()?;
        if chunk.is_empty() {
            return walker.finish();
        }
        walker.take(chunk)?;
    }
}

struct Walker {
    name: String,
    parts: Vec<StoredPart>,
    line_ends: [u64; 3],
    /// The parts that have not ended yet, the innermost last.
    open: Vec<usize>,
    /// The header section being read, if any.
    header: Option<Vec<u8>>,
    /// The number of bytes read.
    position: u64,
    /// The position of the current line.
    line_start: u64,
    /// The start of the current line.
    line: Vec<u8>,
    /// The length of the previous line's end.
    line_end: u64,
    after_cr: bool,
}

impl Walker {
    fn new(name: String) -> Self {
        let mut walker = Self {
            name,
            parts: Vec::new(),
            line_ends: [0; 3],
            open: Vec::new(),
            header: None,
            position: 0,
            line_start: 0,
            line: Vec::new(),
            line_end: 0,
            after_cr: false,
        };
        walker.begin_part(0);
        walker
    }

    /// Processes bytes, in pieces that end at line ends.
    fn take(&mut self, octets: &[u8]) -> Result<(), Error> {
        let mut rest = octets;
        while !rest.is_empty() {
            if self.after_cr {
                self.after_cr = false;
                let lf = rest[0] == b'\n';
                self.line_ends[if lf { 0 } else { 2 }] += 1;
                if lf {
                    self.position += 1;
                    self.body(b"\n");
                    rest = &rest[1..];
                }
                self.end_line(if lf { 2 } else { 1 })?;
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', rest);
            let text = &rest[..end.unwrap_or(rest.len())];
            self.text(text)?;
            rest = &rest[text.len()..];
            if let Some(ending) = rest.first().copied().filter(|_| end.is_some()) {
                self.position += 1;
                rest = &rest[1..];
                self.body(&[ending]);
                if ending == b'\r' {
                    self.after_cr = true;
                } else {
                    self.line_ends[1] += 1;
                    self.end_line(1)?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Structure, Error> {
        if self.after_cr {
            self.line_ends[2] += 1;
            self.end_line(1)?;
        } else if self.line_start < self.position {
            self.end_line(0)?;
        }
        if let Some(header) = self.header.take() {
            self.end_header(&header, self.position)?;
        }
        self.close(0, self.position);
        Ok(Structure { parts: self.parts, line_ends: self.line_ends })
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Error> {
        self.position += text.len() as u64;
        let room = if self.header.is_some() { LIMIT } else { DELIMITER };
        if self.header.is_some() && self.line.len() + text.len() > LIMIT {
            return Err(self.failed("a header section in it is longer than 1 MiB"));
        }
        self.line.extend_from_slice(&text[..text.len().min(room.saturating_sub(self.line.len()))]);
        self.body(text);
        Ok(())
    }

    /// Scans body bytes for the innermost part.
    fn body(&mut self, octets: &[u8]) {
        if let (None, Some(part)) = (&self.header, self.open.last()) {
            self.parts[*part].scan.update(octets);
        }
    }

    fn end_line(&mut self, line_end: u64) -> Result<(), Error> {
        let line = std::mem::take(&mut self.line);
        let length = self.position - self.line_start - line_end;
        if let Some((depth, last)) = self.delimiter(&line, length) {
            if let Some(header) = self.header.take() {
                self.end_header(&header, self.line_start)?;
            }
            self.close(depth + 1, self.line_start.saturating_sub(self.line_end));
            if !last {
                if self.open.len() >= MAX_DEPTH {
                    return Err(self.failed("its parts are nested more than 64 deep"));
                }
                if self.parts.len() >= MAX_PARTS {
                    return Err(self.failed("it has more than 10000 parts"));
                }
                self.begin_part(self.position);
            }
        } else if let Some(mut header) = self.header.take() {
            if length == 0 {
                self.end_header(&header, self.position)?;
            } else {
                if header.len() + line.len() > LIMIT {
                    return Err(self.failed("a header section in it is longer than 1 MiB"));
                }
                header.extend_from_slice(&line);
                header.extend_from_slice(b"\r\n");
                self.header = Some(header);
            }
        }
        self.line_start = self.position;
        self.line_end = line_end;
        Ok(())
    }

    /// Returns which open part the line delimits, and whether it is the closing delimiter.
    fn delimiter(&self, line: &[u8], length: u64) -> Option<(usize, bool)> {
        let rest = line.strip_prefix(b"--")?;
        if length > DELIMITER as u64 {
            return None;
        }
        let rest = rest.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(depth, part)| {
            let content = &self.parts[*part].content;
            let boundary =
                content.parameter("boundary").filter(|_| content.media.starts_with("multipart/"))?;
            match rest.strip_prefix(boundary.as_bytes())? {
                b"" => Some((depth, false)),
                b"--" => Some((depth, true)),
                _ => None,
            }
        })
    }

    fn begin_part(&mut self, start: u64) {
        let part = StoredPart {
            parent: self.open.last().copied(),
            start,
            body: start,
            end: start,
            fields: Vec::new(),
            strays: 0,
            stray_eight_bit: false,
            content: StoredContent::of(&[], false),
            scan: Scan::new("="),
        };
        self.open.push(self.parts.len());
        self.parts.push(part);
        self.header = Some(Vec::new());
    }

    fn end_header(&mut self, header: &[u8], body: u64) -> Result<(), Error> {
        let Some(index) = self.open.last().copied() else { return Ok(()) };
        let within_digest = self.parts[index]
            .parent
            .is_some_and(|parent| self.parts[parent].content.media == "multipart/digest");
        let part = &mut self.parts[index];
        (part.fields, part.strays) = fields_of(header);
        // Fields keep all bytes of their lines: any further non-ASCII bytes are in other lines.
        part.stray_eight_bit = eight_bit_octets(header)
            > part.fields.iter().map(|field| eight_bit_octets(field.octets())).sum::<usize>();
        part.content = StoredContent::of(&part.fields, within_digest);
        part.body = body;
        let encoded = matches!(part.content.encoding.as_str(), "base64" | "quoted-printable");
        if part.content.media == "message/rfc822" && !encoded {
            if self.open.len() >= MAX_DEPTH {
                return Err(self.failed("its parts are nested more than 64 deep"));
            }
            self.begin_part(body);
        }
        Ok(())
    }

    /// Ends the open parts from a depth on.
    fn close(&mut self, depth: usize, end: u64) {
        for index in self.open.drain(depth.min(self.open.len())..) {
            let part = &mut self.parts[index];
            part.end = end.max(part.body);
            part.scan.finish();
        }
    }

    fn failed(&self, rule: &'static str) -> Error {
        Error::Part { part: self.name.clone(), rule }
    }
}

/// Counts non-ASCII bytes.
fn eight_bit_octets(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| !octet.is_ascii()).count()
}

/// Returns the value before the first semicolon in lower case, and the valid parameters after it.
fn split(value: &str) -> (String, Vec<(String, String)>) {
    let mut pieces = Vec::new();
    let (mut piece, mut quoted, mut escaped) = (String::new(), false, false);
    for character in value.chars() {
        match character {
            _ if escaped => {
                escaped = false;
                piece.push(character);
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => pieces.push(std::mem::take(&mut piece)),
            _ => piece.push(character),
        }
    }
    pieces.push(piece);
    let mut pieces = pieces.into_iter();
    let first = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
    let parameters = pieces
        .filter_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    (first, parameters)
}

fn find<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(attribute, _)| attribute == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(String, Option<usize>, String)> {
        let source = Source::from(text);
        let parts = structure(&source).unwrap().parts;
        parts
            .iter()
            .map(|part| {
                let range = usize::try_from(part.body).unwrap()..usize::try_from(part.end).unwrap();
                (part.content.media.clone(), part.parent, text[range].to_owned())
            })
            .collect()
    }

    #[test]
    fn the_example_of_rfc_2046_has_its_parts() {
        // RFC 2046 §5.1.1, with a preamble, an epilogue and each kind of line end.
        for line_end in ["\n", "\r\n", "\r"] {
            let text = "Content-type: multipart/mixed; boundary=\"simple boundary\"\n\npreamble\n\n--simple boundary\n\nimplicitly typed\nnot ended\n--simple boundary\nContent-type: text/plain; charset=us-ascii\n\nexplicitly typed\nended\n\n--simple boundary--\n\nepilogue\n";
            let text = text.replace('\n', line_end);
            let parts = parts(&text);
            assert_eq!(parts.len(), 3, "{line_end:?}");
            assert_eq!(parts[1].2, format!("implicitly typed{line_end}not ended"));
            assert_eq!(
                parts[2],
                ("text/plain".to_owned(), Some(0), format!("explicitly typed{line_end}ended{line_end}"))
            );
        }
    }

    #[test]
    fn messages_within_messages_are_opened_and_outer_delimiters_end_inner_parts() {
        let text = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n";
        let media: Vec<_> = parts(text).into_iter().map(|(media, parent, _)| (media, parent)).collect();
        assert_eq!(
            media,
            [
                ("multipart/mixed".to_owned(), None),
                ("message/rfc822".to_owned(), Some(0)),
                ("multipart/alternative".to_owned(), Some(1)),
                ("text/plain".to_owned(), Some(2)),
                ("text/plain".to_owned(), Some(0)),
            ]
        );
    }

    #[test]
    fn hostile_structures_end() {
        let deep = (0..200).fold(String::new(), |text, level| {
            text + &format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n")
        });
        assert!(structure(&Source::from(deep)).is_err());
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\n".repeat(20_000));
        assert!(structure(&Source::from(many)).is_err());
        let nested = "Content-Type: message/rfc822\n\n".repeat(200);
        assert!(structure(&Source::from(nested)).is_err());
        assert!(structure(&Source::from("X: ".to_owned() + &"x".repeat(3_000_000))).is_err());
        assert_eq!(parts("").len(), 1);
        assert_eq!(parts("Content-Type: multipart/mixed; boundary=\"\"\n\n--\n").len(), 2);
    }
}
