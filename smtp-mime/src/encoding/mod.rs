//! Provides the content transfer encodings (RFC 2045 §6) and the choice between them.

mod base64;
mod line_ends;
mod plain;
mod quoted_printable;
mod scan;

pub(crate) use base64::Base64;
pub(crate) use line_ends::LineEnds;
pub(crate) use plain::append_plain;
pub(crate) use quoted_printable::QuotedPrintable;
pub(crate) use scan::Scan;

use crate::{Error, Source};

/// The encoding of a body part (RFC 2045 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContentTransferEncoding {
    /// Unchanged; lines of at most 998 octets of ASCII.
    SevenBit,
    /// Mostly ASCII, the rest as `=XX`.
    QuotedPrintable,
    /// Four characters for three bytes.
    Base64,
    /// Unchanged; lines of at most 998 octets; the server must offer 8BITMIME (RFC 6152).
    EightBit,
    /// Unchanged, any octets; the server must offer BINARYMIME and CHUNKING (RFC 3030).
    Binary,
}

impl ContentTransferEncoding {
    /// The value of the header field Content-Transfer-Encoding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
        }
    }
}

/// Encodes the bytes of a source as a body, chunk by chunk.
#[derive(Clone, Debug)]
pub(crate) enum Encoder {
    /// Unchanged.
    Verbatim,
    /// Lines, with CRLF line ends.
    Lines(LineEnds),
    Base64(Base64),
    QuotedPrintable(QuotedPrintable),
    /// Converts line ends first, then encodes.
    TextBase64(LineEnds, Base64, Vec<u8>),
    TextQuotedPrintable(LineEnds, QuotedPrintable, Vec<u8>),
}

impl Encoder {
    /// Encodes the next bytes and appends the result.
    pub(crate) fn encode(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Verbatim => out.extend_from_slice(octets),
            Self::Lines(lines) => lines.convert(octets, out),
            Self::Base64(encoder) => encoder.encode(octets, out),
            Self::QuotedPrintable(encoder) => encoder.encode(octets, out),
            Self::TextBase64(lines, encoder, text) => {
                text.clear();
                lines.convert(octets, text);
                encoder.encode(text, out);
            }
            Self::TextQuotedPrintable(lines, encoder, text) => {
                text.clear();
                lines.convert(octets, text);
                encoder.encode(text, out);
            }
        }
    }

    /// Appends the bytes held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Verbatim => {}
            Self::Lines(lines) => lines.finish(out),
            Self::Base64(encoder) => encoder.finish(out),
            Self::QuotedPrintable(encoder) => encoder.finish(out),
            Self::TextBase64(lines, encoder, text) => {
                text.clear();
                lines.finish(text);
                encoder.encode(text, out);
                encoder.finish(out);
            }
            Self::TextQuotedPrintable(lines, encoder, text) => {
                text.clear();
                lines.finish(text);
                encoder.encode(text, out);
                encoder.finish(out);
            }
        }
    }
}

/// Returns the encoded length of a source, from the byte `from` to the one before `until`.
pub(crate) fn measure(source: &Source, from: u64, until: u64, encoder: &mut Encoder) -> Result<u64, Error> {
    let mut reader = source.open_range(from, until)?;
    let mut out = Vec::new();
    let mut octets = 0;
    while !reader.is_at_end() {
        out.clear();
        encoder.encode(reader.chunk(source)?, &mut out);
        octets += out.len() as u64;
    }
    out.clear();
    encoder.finish(&mut out);
    Ok(octets + out.len() as u64)
}

#[cfg(test)]
mod tests;
