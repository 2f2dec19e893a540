//! Provides [`Plan`]: which bytes of a body are written unchanged, which are encoded, and the total length.

use std::sync::Arc;

use super::{Body, Cursor, Disposition, Entity};
use crate::{
    BodyType, ContentTransferEncoding, Context, Error, Source,
    encoding::{Base64, Encoder, LineEnds, QuotedPrintable, Scan, append_plain, measure},
    header::{fold::Folder, parameter, unstructured},
    source::CHUNK,
};

/// The number of boundaries to try before the content is regarded as hostile.
const ATTEMPTS: u32 = 8;
/// The maximum nesting of parts; readers have similar limits.
const MAX_DEPTH: usize = 64;

/// A segment of a message.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    /// Bytes that are ready.
    Octets(Vec<u8>),
    /// The encoding of a source from the byte `from` to the one before `until`, and its length.
    Encoded { source: Source, from: u64, until: u64, encoder: Encoder, octets: u64 },
}

/// The bytes of a message, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The start of the message: all of it, if it is a short text.
    pub(crate) head: Vec<u8>,
    pub(crate) segments: Vec<Segment>,
}

impl Plan {
    /// The length of the message.
    pub(crate) fn octets(&self) -> u64 {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Octets(octets) => octets.len() as u64,
            Segment::Encoded { octets, .. } => *octets,
        });
        self.head.len() as u64 + segments.sum::<u64>()
    }

    /// Whether octets of it come from files, so that reading them may wait.
    pub(crate) fn reads_files(&self) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Octets(_) => false,
            Segment::Encoded { source, .. } => source.in_memory().is_none(),
        })
    }

    /// Appends another plan.
    pub(crate) fn append(&mut self, other: &Self) {
        if !other.head.is_empty() {
            self.tail().extend_from_slice(&other.head);
        }
        for segment in &other.segments {
            match segment {
                Segment::Octets(octets) => self.tail().extend_from_slice(octets),
                Segment::Encoded { .. } => self.segments.push(segment.clone()),
            }
        }
    }

    /// The end of the plan, to which bytes can be appended.
    fn tail(&mut self) -> &mut Vec<u8> {
        if let Some(Segment::Encoded { .. }) = self.segments.last() {
            self.segments.push(Segment::Octets(Vec::new()));
        }
        match self.segments.last_mut() {
            Some(Segment::Octets(octets)) => octets,
            _ => &mut self.head,
        }
    }

    /// Returns the ready bytes of a segment; the head is the first segment.
    pub(super) fn segment(&self, index: usize) -> &[u8] {
        match index.checked_sub(1).and_then(|index| self.segments.get(index)) {
            None if index == 0 => &self.head,
            Some(Segment::Octets(octets)) => octets,
            _ => &[],
        }
    }
}

/// The requirements on the structure of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requirements {
    /// The body type that the server accepts.
    pub(crate) body_type: BodyType,
    /// Whether header fields may be in UTF-8.
    pub(crate) smtputf8: bool,
    /// Whether it will be signed, so that even white space must be preserved.
    pub(crate) signed: bool,
}

/// Plans an entity as the body of a message, with its Content- fields after the other header fields.
///
/// Returns the end of the header section and the body type that the server must offer.
pub(crate) fn plan(
    header: Vec<u8>,
    entity: &Entity,
    context: &Context,
    requirements: Requirements,
) -> Result<(Plan, usize, BodyType), Error> {
    let (mut plan, header, prepared) = planned(header, entity, context, requirements)?;
    if !prepared.lines {
        plan.tail().extend_from_slice(b"\r\n");
    }
    Ok((plan, header, prepared.body_type()))
}

/// Plans an entity as a part of another one; the line end after it belongs to the delimiter.
pub(crate) fn plan_part(
    entity: &Entity,
    context: &Context,
    requirements: Requirements,
) -> Result<(Plan, BodyType), Error> {
    planned(Vec::new(), entity, context, requirements).map(|(plan, _, prepared)| (plan, prepared.body_type()))
}

fn planned(
    header: Vec<u8>,
    entity: &Entity,
    context: &Context,
    requirements: Requirements,
) -> Result<(Plan, usize, Prepared), Error> {
    let mut plan = Plan { head: header, segments: Vec::new() };
    if !matches!(entity.body, Body::Multipart(_)) {
        // It is in no multipart, so its lines cannot be mistaken for a delimiter.
        let planner = Planner { boundary: "", requirements };
        if let Some((header, prepared)) = planner.write_plain(entity, &mut plan.head) {
            return Ok((plan, header, prepared));
        }
        let (prepared, _) = planner.prepare(entity, 0)?;
        let header = planner.write(entity, &prepared, &mut plan, &mut 0);
        return Ok((plan, header, prepared));
    }
    for attempt in 0..ATTEMPTS {
        let boundary = context.boundary(attempt);
        let planner = Planner { boundary: &boundary, requirements };
        let (prepared, collides) = planner.prepare(entity, 0)?;
        if !collides {
            let header = planner.write(entity, &prepared, &mut plan, &mut 0);
            return Ok((plan, header, prepared));
        }
    }
    Err(Error::Part {
        part: entity.label(),
        rule: "its lines look like boundaries, also with other boundaries: attach it as application/octet-stream",
    })
}

/// An entity with its encoding chosen.
#[derive(Debug)]
struct Prepared {
    encoding: ContentTransferEncoding,
    charset: Option<&'static str>,
    /// The body of a leaf.
    leaf: Option<Leaf>,
    parts: Vec<Self>,
    /// Whether its bytes are empty or end with a line end.
    lines: bool,
}

/// The body of a part without parts.
#[derive(Debug)]
enum Leaf {
    /// Bytes that are ready, or already written.
    Octets(Vec<u8>),
    Encoded(Segment),
    Plan(Arc<Plan>),
}

impl Prepared {
    /// Makes a text that is written unchanged.
    fn plain(entity: &Entity, octets: Vec<u8>) -> Self {
        Self {
            encoding: ContentTransferEncoding::SevenBit,
            charset: entity.charset(),
            leaf: Some(Leaf::Octets(octets)),
            parts: Vec::new(),
            lines: true,
        }
    }

    fn body_type(&self) -> BodyType {
        match self.encoding {
            ContentTransferEncoding::Binary => BodyType::BinaryMime,
            ContentTransferEncoding::EightBit => BodyType::EightBitMime,
            _ => BodyType::SevenBit,
        }
    }
}

struct Planner<'a> {
    boundary: &'a str,
    requirements: Requirements,
}

impl Planner<'_> {
    /// Chooses the encodings, for which it scans the sources; returns whether a boundary occurs in one.
    fn prepare(&self, entity: &Entity, depth: usize) -> Result<(Prepared, bool), Error> {
        match &entity.body {
            Body::Multipart(parts) => self.prepare_parts(entity, parts, depth),
            Body::Text(source) => self.prepare_text(entity, source, &LineEnds::complete()),
            Body::Flowed(source) => self.prepare_text(entity, source, &LineEnds::flowed()),
            Body::Prepared(prepared) => self.prepare_prepared(&prepared.plan),
            Body::Message(source) => self.prepare_message(entity, source),
            Body::Octets(source) => self.prepare_octets(entity, source),
        }
    }

    /// Writes a short text at once if no encoding is needed, as usual; returns the end of its header section.
    fn write_plain(&self, entity: &Entity, out: &mut Vec<u8>) -> Option<(usize, Prepared)> {
        let text = Self::short_text(entity)?;
        let start = out.len();
        let prepared = Prepared::plain(entity, Vec::new());
        Self::write_fields(entity, &prepared, "", out);
        let header = out.len();
        out.extend_from_slice(b"\r\n");
        if append_plain(text, self.requirements.signed, out) {
            return Some((header, prepared));
        }
        out.truncate(start);
        None
    }

    /// Returns the bytes of a text that is short enough to be stored as written.
    fn short_text(entity: &Entity) -> Option<&[u8]> {
        match &entity.body {
            Body::Text(source) if entity.encoding.is_none() => {
                source.in_memory().filter(|octets| octets.len() <= CHUNK)
            }
            _ => None,
        }
    }

    fn prepare_parts(
        &self,
        entity: &Entity,
        parts: &[Entity],
        depth: usize,
    ) -> Result<(Prepared, bool), Error> {
        let failed = |rule| Error::Part { part: entity.label(), rule };
        if parts.is_empty() {
            return Err(failed("a multipart must have a part (RFC 2046 §5.1.1)"));
        }
        if depth == MAX_DEPTH {
            return Err(failed("parts can be nested at most 64 deep"));
        }
        let mut collides = false;
        let mut prepared = Vec::with_capacity(parts.len());
        for part in parts {
            let (part, part_collides) = self.prepare(part, depth + 1)?;
            collides |= part_collides;
            prepared.push(part);
        }
        // A multipart is 8bit or binary when one of its parts is (RFC 2045 §6.4).
        let needed = prepared.iter().map(Prepared::body_type).max().unwrap_or(BodyType::SevenBit);
        let encoding = match needed {
            BodyType::SevenBit => ContentTransferEncoding::SevenBit,
            BodyType::EightBitMime => ContentTransferEncoding::EightBit,
            BodyType::BinaryMime => ContentTransferEncoding::Binary,
        };
        Ok((Prepared { encoding, charset: None, leaf: None, parts: prepared, lines: false }, collides))
    }

    fn prepare_text(
        &self,
        entity: &Entity,
        source: &Source,
        lines: &LineEnds,
    ) -> Result<(Prepared, bool), Error> {
        let failed = |rule| Error::Part { part: entity.label(), rule };
        if let Some(text) = Self::short_text(entity) {
            let mut octets = Vec::new();
            if append_plain(text, self.requirements.signed, &mut octets) {
                return Ok((Prepared::plain(entity, octets), false));
            }
        }
        let mut encoder = Encoder::Lines(lines.clone());
        let (scan, ready) = self.scan_encoded(source, &mut encoder)?;
        if !scan.utf8.is_valid() {
            return Err(failed("the text is not UTF-8: convert it, or attach it as a file"));
        }
        let eight_bit_fits = scan.fits_lines() && !scan.control && !scan.boundary_like;
        let mut quoted = Quoted {
            source,
            encoder: Encoder::TextQuotedPrintable(lines.clone(), QuotedPrintable::text(), Vec::new()),
            octets: None,
        };
        let encoding = match entity.encoding {
            Some(encoding) => encoding,
            None if scan.is_seven_bit() && !(self.requirements.signed && scan.signature_line) => {
                ContentTransferEncoding::SevenBit
            }
            None if self.requirements.body_type != BodyType::SevenBit
                && eight_bit_fits
                && !scan.from_line =>
            {
                ContentTransferEncoding::EightBit
            }
            None if scan.is_mostly_ascii(quoted.octets()?) => ContentTransferEncoding::QuotedPrintable,
            None => ContentTransferEncoding::Base64,
        };
        let (encoder, octets) = match encoding {
            ContentTransferEncoding::SevenBit if scan.eight_bit || !eight_bit_fits => {
                return Err(failed(
                    "7bit needs lines of at most 998 octets of ASCII without control characters",
                ));
            }
            ContentTransferEncoding::EightBit if !eight_bit_fits => {
                return Err(failed("8bit needs lines of at most 998 octets without control characters"));
            }
            ContentTransferEncoding::QuotedPrintable => (quoted.encoder.clone(), quoted.octets()?),
            ContentTransferEncoding::Base64 => (
                Encoder::TextBase64(lines.clone(), Base64::default(), Vec::new()),
                Base64::encoded_len(scan.octets),
            ),
            _ => (Encoder::Lines(lines.clone()), scan.octets),
        };
        let is_as_it_is =
            matches!(encoding, ContentTransferEncoding::SevenBit | ContentTransferEncoding::EightBit);
        let leaf = match ready.filter(|_| is_as_it_is) {
            Some(octets) => Leaf::Octets(octets),
            None => encoded(source, encoder, octets),
        };
        let prepared = Prepared {
            encoding,
            charset: entity.charset(),
            leaf: Some(leaf),
            parts: Vec::new(),
            lines: encoding != ContentTransferEncoding::Base64,
        };
        Ok((prepared, scan.boundary_like && scan.collides))
    }

    /// Only searches prepared bytes for the boundary of the enclosing multipart.
    fn prepare_prepared(&self, plan: &Arc<Plan>) -> Result<(Prepared, bool), Error> {
        let mut scan = Scan::new(self.boundary);
        let mut cursor = Cursor::default();
        loop {
            cursor.advance(plan)?;
            let octets = cursor.current_bytes(plan);
            if octets.is_empty() {
                break;
            }
            scan.update(octets);
        }
        let prepared = Prepared {
            encoding: ContentTransferEncoding::SevenBit,
            charset: None,
            leaf: Some(Leaf::Plan(Arc::clone(plan))),
            parts: Vec::new(),
            lines: false,
        };
        Ok((prepared, scan.collides))
    }

    /// An enclosed message is never encoded; its parts are (RFC 2046 §5.2.1).
    fn prepare_message(&self, entity: &Entity, source: &Source) -> Result<(Prepared, bool), Error> {
        let failed = |rule| Error::Part { part: entity.label(), rule };
        let mut encoder = Encoder::Lines(LineEnds::complete());
        let (scan, _) = self.scan_encoded(source, &mut encoder)?;
        if !scan.fits_lines() {
            return Err(failed(
                "an enclosed message must have lines of at most 998 octets and no NUL: attach it as application/octet-stream",
            ));
        }
        let encoding = if scan.eight_bit {
            ContentTransferEncoding::EightBit
        } else {
            ContentTransferEncoding::SevenBit
        };
        if entity.encoding.is_some_and(|wanted| wanted != encoding) {
            return Err(failed("an enclosed message can only be 7bit or 8bit (RFC 2046 §5.2.1)"));
        }
        let prepared = Prepared {
            encoding,
            charset: None,
            leaf: Some(encoded(source, Encoder::Lines(LineEnds::complete()), scan.octets)),
            parts: Vec::new(),
            lines: true,
        };
        Ok((prepared, scan.collides))
    }

    fn prepare_octets(&self, entity: &Entity, source: &Source) -> Result<(Prepared, bool), Error> {
        let failed = |rule| Error::Part { part: entity.label(), rule };
        let wants = |encoding| entity.encoding == Some(encoding);
        let is_text = entity.content_type.main() == "text";
        let mut prepared = Prepared {
            encoding: ContentTransferEncoding::Base64,
            charset: None,
            leaf: None,
            parts: Vec::new(),
            lines: false,
        };
        let (encoder, octets) = if wants(ContentTransferEncoding::Binary)
            || (self.requirements.body_type == BodyType::BinaryMime && entity.encoding.is_none() && !is_text)
        {
            // Gigabytes are not searched for a delimiter of that many random characters.
            prepared.encoding = ContentTransferEncoding::Binary;
            (Encoder::Verbatim, source.size())
        } else if entity.encoding.is_none_or(|wanted| wanted == ContentTransferEncoding::Base64) && !is_text {
            (Encoder::Base64(Base64::default()), Base64::encoded_len(source.size()))
        } else {
            let scan = self.scan(source)?;
            prepared.charset =
                match (is_text && entity.content_type.parameter("charset").is_none(), scan.eight_bit) {
                    (true, false) => Some("us-ascii"),
                    (true, true) if scan.utf8.is_valid() => Some("utf-8"),
                    _ => None,
                };
            let encoder = Encoder::QuotedPrintable(QuotedPrintable::octets());
            let mut quoted = Quoted { source, encoder, octets: None };
            prepared.encoding = match entity.encoding {
                Some(encoding) => encoding,
                None if scan.is_seven_bit() => ContentTransferEncoding::SevenBit,
                None if scan.is_mostly_ascii(quoted.octets()?) => ContentTransferEncoding::QuotedPrintable,
                None => ContentTransferEncoding::Base64,
            };
            match prepared.encoding {
                ContentTransferEncoding::SevenBit
                    if scan.eight_bit || !scan.fits_lines() || scan.boundary_like =>
                {
                    return Err(failed("7bit needs lines of at most 998 octets of ASCII that end with CRLF"));
                }
                ContentTransferEncoding::EightBit if !scan.fits_lines() || scan.boundary_like => {
                    return Err(failed("8bit needs lines of at most 998 octets that end with CRLF"));
                }
                ContentTransferEncoding::QuotedPrintable => (quoted.encoder.clone(), quoted.octets()?),
                ContentTransferEncoding::Base64 => {
                    (Encoder::Base64(Base64::default()), Base64::encoded_len(source.size()))
                }
                _ => (Encoder::Verbatim, source.size()),
            }
        };
        prepared.leaf = Some(encoded(source, encoder, octets));
        Ok((prepared, false))
    }

    fn scan(&self, source: &Source) -> Result<Scan, Error> {
        let mut scan = Scan::new(self.boundary);
        let mut reader = source.open()?;
        while !reader.is_at_end() {
            scan.update(reader.chunk(source)?);
        }
        scan.finish();
        Ok(scan)
    }

    /// Scans the encoding of a source, and returns it too if it is a single chunk.
    fn scan_encoded(&self, source: &Source, encoder: &mut Encoder) -> Result<(Scan, Option<Vec<u8>>), Error> {
        let mut scan = Scan::new(self.boundary);
        let mut reader = source.open()?;
        let mut octets = Vec::new();
        let mut scanned = 0;
        let mut chunks = 0;
        while !reader.is_at_end() {
            octets.clear();
            encoder.encode(reader.chunk(source)?, &mut octets);
            scan.update(&octets);
            scanned = octets.len();
            chunks += 1;
        }
        encoder.finish(&mut octets);
        scan.update(&octets[scanned..]);
        scan.finish();
        Ok((scan, (chunks <= 1).then_some(octets)))
    }

    /// Writes the Content- fields, the blank line and the body; returns the end of the fields.
    fn write(&self, entity: &Entity, prepared: &Prepared, plan: &mut Plan, index: &mut usize) -> usize {
        let boundary = match prepared.leaf {
            None => format!("{}.{index:x}=", self.boundary),
            Some(_) => String::new(),
        };
        // Prepared bytes include the fields.
        if !matches!(entity.body, Body::Prepared(_)) {
            Self::write_fields(entity, prepared, &boundary, plan.tail());
        }
        let header = plan.head.len();
        if !matches!(entity.body, Body::Prepared(_)) {
            plan.tail().extend_from_slice(b"\r\n");
        }
        match &prepared.leaf {
            Some(Leaf::Octets(octets)) => plan.tail().extend_from_slice(octets),
            Some(Leaf::Encoded(segment)) => plan.segments.push(segment.clone()),
            Some(Leaf::Plan(leaf)) => plan.append(leaf),
            None => self.write_parts(entity, prepared, &boundary, plan, index),
        }
        header
    }

    fn write_parts(
        &self,
        entity: &Entity,
        prepared: &Prepared,
        boundary: &str,
        plan: &mut Plan,
        index: &mut usize,
    ) {
        *index += 1;
        for (number, (part, prepared)) in entity.parts().iter().zip(&prepared.parts).enumerate() {
            let line_end = if number == 0 { "" } else { "\r\n" };
            extend(plan.tail(), [line_end, "--", boundary, "\r\n"]);
            self.write(part, prepared, plan, index);
        }
        extend(plan.tail(), ["\r\n--", boundary, "--"]);
    }

    fn write_fields(entity: &Entity, prepared: &Prepared, boundary: &str, out: &mut Vec<u8>) {
        let charset = prepared.charset.map(|charset| ("charset", charset));
        let boundary = prepared.leaf.is_none().then_some(("boundary", boundary));
        match (charset, boundary) {
            (None, None) => entity.content_type.write(&[], out),
            (Some(one), None) | (None, Some(one)) => entity.content_type.write(&[one], out),
            (Some(charset), Some(boundary)) => entity.content_type.write(&[charset, boundary], out),
        }
        if prepared.leaf.is_some() || prepared.encoding != ContentTransferEncoding::SevenBit {
            extend(out, ["Content-Transfer-Encoding: ", prepared.encoding.as_str(), "\r\n"]);
        }
        if entity.disposition.is_some() || entity.file_name.is_some() {
            let mut folder = Folder::new(out, "Content-Disposition");
            folder.word(
                " ",
                match entity.disposition {
                    Some(Disposition::Inline) => "inline",
                    _ => "attachment",
                },
            );
            if let Some(file_name) = &entity.file_name {
                parameter::write(&mut folder, "filename", file_name);
            }
            folder.end();
        }
        if let Some(content_id) = &entity.content_id {
            let mut folder = Folder::new(out, "Content-ID");
            folder.word(" ", content_id.as_str());
            folder.end();
        }
        if let Some(description) = &entity.description {
            // encoded with SMTPUTF8 too: the fields of a part belong to the body of its multipart, which remains
            // 7-bit
            unstructured::write(out, "Content-Description", description, false);
        }
    }
}

fn extend<const COUNT: usize>(out: &mut Vec<u8>, pieces: [&str; COUNT]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// A source in quoted-printable, whose length is computed only if needed because it takes another pass.
struct Quoted<'a> {
    source: &'a Source,
    encoder: Encoder,
    octets: Option<u64>,
}

impl Quoted<'_> {
    fn octets(&mut self) -> Result<u64, Error> {
        if let Some(octets) = self.octets {
            return Ok(octets);
        }
        let octets = measure(self.source, 0, self.source.size(), &mut self.encoder.clone())?;
        self.octets = Some(octets);
        Ok(octets)
    }
}

/// Makes a leaf of a whole source and its encoder.
fn encoded(source: &Source, encoder: Encoder, octets: u64) -> Leaf {
    Leaf::Encoded(Segment::Encoded { source: source.clone(), from: 0, until: source.size(), encoder, octets })
}
