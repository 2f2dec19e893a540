//! Finds what an envelope must say of octets that are at hand: body type, size and whether they need SMTPUTF8.

use crate::{BodyType, Envelope};

/// Completes an envelope by what the octets of its message show; what it says already stays.
pub(super) fn describe(envelope: &mut Envelope, octets: &[u8]) {
    if envelope.size.is_none() && envelope.body != BodyType::Binary {
        envelope.size = Some(octets.len() as u64 + missing_octets(octets));
    }
    if octets.is_ascii() {
        return;
    }
    if envelope.body == BodyType::SevenBit {
        envelope.body = BodyType::EightBitMime;
    }
    envelope.utf8_headers |= !header_section(octets).is_ascii();
}

/// How many octets the repair of line ends adds: for each lone CR or LF one, and a line end after the last line.
fn missing_octets(octets: &[u8]) -> u64 {
    let mut missing = 0;
    let mut previous = 0;
    for &octet in octets {
        match (previous, octet) {
            (b'\r', b'\n') => {}
            (_, b'\n') | (b'\r', _) => missing += 1,
            _ => {}
        }
        previous = octet;
    }
    match previous {
        b'\n' => missing,
        b'\r' => missing + 1,
        _ if octets.is_empty() => missing,
        _ => missing + 2,
    }
}

/// The octets before the first blank line.
fn header_section(octets: &[u8]) -> &[u8] {
    let mut begin = 0;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            return &octets[..begin];
        }
        begin += line.len();
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(octets: &[u8]) -> Envelope {
        let mut envelope = Envelope::new("<>".parse().unwrap(), []);
        describe(&mut envelope, octets);
        envelope
    }

    #[test]
    fn the_size_is_that_of_the_repaired_octets() {
        for (octets, repaired) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\n", "a\r\n"),
            ("a\r\n", "a\r\n"),
            ("a\rb", "a\r\nb\r\n"),
            ("\r", "\r\n"),
            ("\n\r\n\r\r", "\r\n\r\n\r\n\r\n"),
            ("a\n\nb\r", "a\r\n\r\nb\r\n"),
        ] {
            assert_eq!(described(octets.as_bytes()).size, Some(repaired.len() as u64), "{octets:?}");
        }
    }

    #[test]
    fn octets_above_127_need_8bitmime_and_in_the_header_section_smtputf8() {
        let plain = described(b"Subject: x\r\n\r\nhello\r\n");
        assert_eq!((plain.body, plain.utf8_headers), (BodyType::SevenBit, false));
        let body = described("Subject: x\r\n\r\nhéllo\r\n".as_bytes());
        assert_eq!((body.body, body.utf8_headers), (BodyType::EightBitMime, false));
        let header = described("Subject: é\n\nhello\n".as_bytes());
        assert_eq!((header.body, header.utf8_headers), (BodyType::EightBitMime, true));
    }
}
