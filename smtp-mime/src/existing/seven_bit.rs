//! Re-encodes an existing message for servers without 8BITMIME (RFC 6152 §3, RFC 2045 §6).

use super::{
    ExistingMessage, Field, HeaderSection,
    structure::{StoredPart, structure},
};
use crate::{
    BodyType, ContentTransferEncoding, Error, Message, Source,
    encoding::{Base64, Encoder, LineEnds, QuotedPrintable, measure},
    entity::{Plan, Segment},
};

/// Encodes every part that is not ASCII in quoted-printable or base64; all others remain unchanged.
pub(super) fn message(existing: &ExistingMessage) -> Result<Message, Error> {
    let source = &existing.source;
    let failed = |rule| Error::Part { part: source.name(), rule };
    let parts = structure(source)?.parts;
    for part in parts.iter().skip(1) {
        check_header(part).map_err(failed)?;
    }
    if parts.iter().all(|part| !part.scan.eight_bit && !part.scan.nul) {
        return existing.message();
    }
    if existing.header.has("DKIM-Signature") {
        return Err(failed("another encoding would break its DKIM signature: remove that field first"));
    }
    let mut header = existing.header.clone();
    let mut rewriter = Rewriter { source, plan: Plan::default(), copied: header.body };
    for (index, part) in parts.iter().enumerate() {
        check(&parts, index).map_err(failed)?;
        let changed = if part.is_container() {
            let relabelled = matches!(part.content.encoding.as_str(), "8bit" | "binary");
            relabelled.then_some((ContentTransferEncoding::SevenBit, None))
        } else if part.scan.eight_bit || part.scan.nul {
            Some(rewriter.leaf(part, index == 0)?)
        } else {
            None
        };
        let Some((encoding, leaf)) = changed else { continue };
        if index == 0 {
            label_message(&mut header, encoding, part);
        } else {
            rewriter.copy(part.start, false)?;
            rewriter.octets(labelled(&part.fields, encoding));
            rewriter.copied = part.body;
        }
        if let Some(leaf) = leaf {
            rewriter.plan.segments.push(leaf);
            rewriter.copied = part.end;
            if index == 0 && encoding == ContentTransferEncoding::Base64 {
                rewriter.octets(b"\r\n".to_vec());
            }
        }
    }
    rewriter.copy(source.size(), true)?;
    Ok(existing.finished(&header, &rewriter.plan, BodyType::SevenBit))
}

/// Refuses a part whose header section is not ASCII, even when its body is.
fn check_header(part: &StoredPart) -> Result<(), &'static str> {
    if part.fields.iter().any(|field| !field.octets().is_ascii()) {
        return Err("a part has non-ASCII header fields, which have no other encoding");
    }
    if part.stray_eight_bit {
        return Err(
            "a non-ASCII line before the first blank line of a part is not a header field: put a blank line \
             before the body of the part",
        );
    }
    Ok(())
}

/// Refuses parts whose meaning a new encoding would change.
fn check(parts: &[StoredPart], index: usize) -> Result<(), &'static str> {
    let part = &parts[index];
    let eight_bit = part.scan.eight_bit || part.scan.nul;
    if !eight_bit {
        return Ok(());
    }
    let signed = |media: &str| matches!(media, "multipart/signed" | "multipart/encrypted");
    let mut ancestor = Some(index);
    while let Some(at) = ancestor {
        if signed(&parts[at].content.media) {
            return Err(
                "another encoding would break the signature of a part: send it to a server with 8BITMIME",
            );
        }
        ancestor = parts[at].parent;
    }
    if part.is_container() {
        return Err("a multipart in it has non-ASCII bytes between its parts");
    }
    match part.content.encoding.as_str() {
        "7bit" | "8bit" | "binary" => Ok(()),
        _ => Err("a part has non-ASCII bytes although it is declared as encoded"),
    }
}

struct Rewriter<'a> {
    source: &'a Source,
    plan: Plan,
    /// The position up to which the source is planned.
    copied: u64,
}

impl Rewriter<'_> {
    /// Chooses the best encoding of a part, and encodes it.
    fn leaf(
        &self,
        part: &StoredPart,
        whole: bool,
    ) -> Result<(ContentTransferEncoding, Option<Segment>), Error> {
        let is_text = part.content.media.starts_with("text/") && part.content.encoding != "binary";
        let lines = || if whole { LineEnds::complete() } else { LineEnds::open() };
        let mut quoted = if is_text {
            Encoder::TextQuotedPrintable(lines(), QuotedPrintable::text(), Vec::new())
        } else {
            Encoder::QuotedPrintable(QuotedPrintable::octets())
        };
        let mut based = if is_text {
            Encoder::TextBase64(lines(), Base64::default(), Vec::new())
        } else {
            Encoder::Base64(Base64::default())
        };
        let (quoted_octets, based_octets) = (
            measure(self.source, part.body, part.end, &mut quoted.clone())?,
            measure(self.source, part.body, part.end, &mut based.clone())?,
        );
        let takes_quoted = is_text && quoted_octets * 100 <= based_octets * 115;
        let (encoding, encoder, octets) = if takes_quoted {
            (ContentTransferEncoding::QuotedPrintable, &mut quoted, quoted_octets)
        } else {
            (ContentTransferEncoding::Base64, &mut based, based_octets)
        };
        let segment = Segment::Encoded {
            source: self.source.clone(),
            from: part.body,
            until: part.end,
            encoder: encoder.clone(),
            octets,
        };
        Ok((encoding, Some(segment)))
    }

    /// Copies the source up to the start or the end of a line.
    fn copy(&mut self, until: u64, complete: bool) -> Result<(), Error> {
        if until <= self.copied {
            return Ok(());
        }
        let encoder = Encoder::Lines(if complete { LineEnds::complete() } else { LineEnds::open() });
        let octets = measure(self.source, self.copied, until, &mut encoder.clone())?;
        self.plan.segments.push(Segment::Encoded {
            source: self.source.clone(),
            from: self.copied,
            until,
            encoder,
            octets,
        });
        self.copied = until;
        Ok(())
    }

    fn octets(&mut self, octets: Vec<u8>) {
        self.plan.segments.push(Segment::Octets(octets));
    }
}

fn encoding_field(encoding: ContentTransferEncoding) -> Field {
    Field::written(format!("Content-Transfer-Encoding: {}\r\n", encoding.as_str()).into_bytes())
}

/// Returns the header section of a part with another encoding, and the blank line.
fn labelled(fields: &[Field], encoding: ContentTransferEncoding) -> Vec<u8> {
    let mut octets: Vec<u8> = fields
        .iter()
        .filter(|field| !field.is("Content-Transfer-Encoding"))
        .flat_map(|field| field.octets().iter().copied())
        .collect();
    octets.extend_from_slice(encoding_field(encoding).octets());
    octets.extend_from_slice(b"\r\n");
    octets
}

/// Declares the encoding in the message's own fields; adds MIME-Version if it is missing.
fn label_message(header: &mut HeaderSection, encoding: ContentTransferEncoding, part: &StoredPart) {
    if !header.has("MIME-Version") {
        header.fields.push(Field::written(b"MIME-Version: 1.0\r\n".to_vec()));
    }
    if !header.has("Content-Type") {
        // RFC 1428 §3 defines the name for an unknown charset.
        let charset = if part.scan.utf8.is_valid() { "utf-8" } else { "unknown-8bit" };
        header
            .fields
            .push(Field::written(format!("Content-Type: text/plain; charset={charset}\r\n").into_bytes()));
    }
    header.fields.retain(|field| !field.is("Content-Transfer-Encoding"));
    header.fields.push(encoding_field(encoding));
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::{MessageParser, MimeHeaders as _};

    fn converted(text: &[u8]) -> Result<String, Error> {
        let existing = ExistingMessage::open(Source::from(text))?;
        let message = message(&existing)?;
        let mut octets = Vec::new();
        message.write_to(&mut octets)?;
        assert_eq!(octets.len() as u64, message.encoded_len());
        assert!(!message.needs_8bitmime());
        Ok(String::from_utf8(octets).unwrap())
    }

    #[test]
    fn an_encoded_text_declares_its_encoding() {
        let text = "From: a@x.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\nund mehr";
        assert_eq!(
            converted(text.as_bytes()).unwrap(),
            "From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\nund mehr\r\n"
        );
        let plain = converted("From: a@x.example\n\nПривет, мир\n".as_bytes()).unwrap();
        assert!(plain.contains("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
        let parsed = MessageParser::default().parse(plain.as_bytes()).unwrap();
        assert_eq!(parsed.body_text(0).unwrap(), "Привет, мир\r\n");
        assert!(converted(b"From: a@x.example\n\n\xe4\n").unwrap().contains("charset=unknown-8bit"));
    }

    #[test]
    fn parts_are_encoded_in_place_and_multiparts_relabelled() {
        let text = "From: a@x.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\npreamble\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrün\n--b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: 8bit\n\nä\nö\n--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: inner\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nBlau\u{e4}\n--b--\nepilogue\n";
        let text = converted(text.as_bytes()).unwrap();
        assert!(text.is_ascii() && !text.contains("8bit"), "{text}");
        assert!(text.contains("\r\n\r\npreamble\r\n--b\r\n") && text.ends_with("\r\n--b--\r\nepilogue\r\n"));
        assert!(text.contains("Content-Type: text/plain\r\n\r\nplain\r\n--b\r\n"));
        let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.body_text(0).unwrap(), "Grün");
        let binary =
            parsed.parts.iter().find(|part| part.is_content_type("application", "octet-stream")).unwrap();
        assert_eq!(binary.contents(), "ä\nö".as_bytes());
        let inner = parsed.parts.iter().find_map(|part| part.message()).unwrap();
        assert_eq!(inner.body_text(0).unwrap(), "Blau\u{e4}");
    }

    #[test]
    fn ascii_parts_remain_unchanged() {
        let text = "From: a@x.example\nContent-Transfer-Encoding: 8bit\n\nplain\n";
        assert_eq!(converted(text.as_bytes()).unwrap(), text.replace('\n', "\r\n"));
    }

    #[test]
    fn signed_parts_are_refused() {
        let signed = "Content-Type: multipart/signed; boundary=b\n\n--b\n\nGrün\n--b--\n";
        let dkim = "DKIM-Signature: v=1\n\nGrün\n";
        let said = "Content-Transfer-Encoding: base64\n\nGrün\n";
        let between = "Content-Type: multipart/mixed; boundary=b\n\nGrün\n--b\n\nx\n--b--\n";
        for text in [signed, dkim, said, between] {
            assert!(matches!(converted(text.as_bytes()), Err(Error::Part { .. })), "{text}");
        }
    }

    #[test]
    fn a_stray_line_outside_ascii_in_the_header_section_of_a_part_is_refused() {
        let begin: &[u8] = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n";
        for (part, rest) in [
            // Cases: no other part needs an encoding; a body does; the part is in an enclosed message.
            (&b"Cont\x94ent-Transfer-Encoding: base64\n"[..], &b"\nx\n--b--\n"[..]),
            (b"X: y\nCont\x94ent: z\n", b"\n\xe4\n--b--\n"),
            (b"Content-Type: message/rfc822\n\nstr\x94y\n", b"\nx\n--b--\n"),
            // Also an mbox line, and a header section that ends with such a line.
            (b"From \x94 Thu Jan 1\n", b"\nx\n--b--\n"),
            (b"str\x94y", b""),
        ] {
            let octets = [begin, part, rest].concat();
            let refused = converted(&octets).unwrap_err().to_string();
            assert!(refused.contains("not a header field"), "{refused}");
        }
        let field = [begin, b"X: \x94\n\nx\n--b--\n"].concat();
        assert!(converted(&field).unwrap_err().to_string().contains("non-ASCII header fields"));
        let plain = [begin, b"stray\n\n\xe4\n--b--\n"].concat();
        assert!(converted(&plain).unwrap().is_ascii());
    }
}
