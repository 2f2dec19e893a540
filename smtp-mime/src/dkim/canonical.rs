//! Provides the canonical forms of header and body for signatures (RFC 6376 §3.4).

use ring::digest;

use crate::existing::Field;

/// How much a header section or body may change in transit (RFC 6376 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Canonicalization {
    /// Not at all.
    Simple,
    /// White space, and the case of field names.
    Relaxed,
}

impl Canonicalization {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }
}

/// Returns the signed data of a header section (RFC 6376 §3.7, §5.4.2).
///
/// It has the fields that `names` lists, starting from the last one of each name, and the signature field without its
/// line end.
pub(super) fn data(fields: &[Field], names: &[String], signature: &[u8], form: Canonicalization) -> Vec<u8> {
    let mut data = Vec::new();
    let mut used = vec![false; fields.len()];
    for name in names {
        let next = (0..fields.len()).rev().find(|at| !used[*at] && fields[*at].is(name));
        if let Some(at) = next {
            used[at] = true;
            field(fields[at].octets(), form, &mut data);
        }
    }
    field(signature, form, &mut data);
    if data.ends_with(b"\r\n") {
        data.truncate(data.len() - 2);
    }
    data
}

fn field(octets: &[u8], form: Canonicalization, out: &mut Vec<u8>) {
    if form == Canonicalization::Simple {
        out.extend_from_slice(octets);
        return;
    }
    let colon = memchr::memchr(b':', octets).unwrap_or(octets.len());
    out.extend(octets[..colon].trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let mut blank = false;
    let start = out.len();
    for octet in octets.get(colon + 1..).unwrap_or_default() {
        match octet {
            b' ' | b'\t' => blank = true,
            b'\r' | b'\n' => {}
            _ => {
                if blank && out.len() > start {
                    out.push(b' ');
                }
                blank = false;
                out.push(*octet);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Hashes a body in pieces of any size; its lines end in CRLF.
pub(super) struct Body {
    form: Canonicalization,
    hash: digest::Context,
    canonical: Vec<u8>,
    /// Blank lines, hashed only if another line follows.
    blank_lines: u64,
    /// White space, hashed only if its line continues.
    blank: bool,
    /// The number of bytes of the line so far.
    line: usize,
    /// Whether any part of the line was hashed.
    written: bool,
    /// Whether any line was hashed.
    any: bool,
    head: [u8; 5],
    harmed: Option<&'static str>,
}

impl Body {
    pub(super) fn new(form: Canonicalization) -> Self {
        Self {
            form,
            hash: digest::Context::new(&digest::SHA256),
            canonical: Vec::new(),
            blank_lines: 0,
            blank: false,
            line: 0,
            written: false,
            any: false,
            head: [0; 5],
            harmed: None,
        }
    }

    pub(super) fn take(&mut self, octets: &[u8]) {
        for octet in octets {
            match octet {
                // A CR is always followed by its LF.
                b'\r' => {}
                b'\n' => self.end_line(),
                _ => self.octet(*octet),
            }
        }
        self.hash.update(&self.canonical);
        self.canonical.clear();
    }

    /// Returns the hash, and a reason if the body would not arrive unchanged.
    pub(super) fn finish(mut self) -> (digest::Digest, Option<&'static str>) {
        if self.line > 0 {
            self.end_line();
        }
        // An empty simple body is hashed as one CRLF, an empty relaxed body as nothing (§3.4.3, §3.4.4).
        if !self.any && self.form == Canonicalization::Simple {
            self.canonical.extend_from_slice(b"\r\n");
        }
        self.hash.update(&self.canonical);
        (self.hash.finish(), self.harmed)
    }

    fn octet(&mut self, octet: u8) {
        if !octet.is_ascii() {
            self.harmed = Some("a DKIM signature needs an ASCII body: encode its parts");
        }
        if let Some(place) = self.head.get_mut(self.line) {
            *place = octet;
        }
        self.line = self.line.saturating_add(1);
        if self.line == 5 && self.head == *b"From " {
            self.harmed = Some("a line begins with From, which mail stores change: encode the part");
        }
        if self.form == Canonicalization::Relaxed && matches!(octet, b' ' | b'\t') {
            self.blank = true;
            return;
        }
        for _ in 0..std::mem::take(&mut self.blank_lines) {
            self.canonical.extend_from_slice(b"\r\n");
            // Do not store millions of blank lines.
            if self.canonical.len() > 4096 {
                self.hash.update(&self.canonical);
                self.canonical.clear();
            }
        }
        if std::mem::take(&mut self.blank) {
            self.canonical.push(b' ');
        }
        self.canonical.push(octet);
        self.written = true;
        self.any = true;
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.written) {
            self.canonical.extend_from_slice(b"\r\n");
        } else {
            self.blank_lines += 1;
        }
        self.blank = false;
        self.line = 0;
        self.head = [0; 5];
    }
}
