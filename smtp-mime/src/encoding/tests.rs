use proptest::prelude::*;

use super::*;

fn encoded(mut encoder: Encoder, octets: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = octets;
    for cut in cuts {
        let (head, tail) = rest.split_at((*cut).min(rest.len()));
        encoder.encode(head, &mut out);
        rest = tail;
    }
    encoder.encode(rest, &mut out);
    encoder.finish(&mut out);
    out
}

fn quoted(text: &str) -> String {
    String::from_utf8(encoded(Encoder::QuotedPrintable(QuotedPrintable::text()), text.as_bytes(), &[]))
        .unwrap()
}

fn scanned(octets: &[u8], cuts: &[usize]) -> Scan {
    let mut scan = Scan::new("=_token");
    let mut rest = octets;
    for cut in cuts {
        let (head, tail) = rest.split_at((*cut).min(rest.len()));
        scan.update(head);
        rest = tail;
    }
    scan.update(rest);
    scan.finish();
    scan
}

/// Decodes quoted-printable; written from the RFC, independently of the encoder.
fn unquoted(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < encoded.len() {
        if encoded[at] == b'=' && encoded[at + 1] == b'\r' {
            at += 3;
        } else if encoded[at] == b'=' {
            out.push(u8::from_str_radix(std::str::from_utf8(&encoded[at + 1..at + 3]).unwrap(), 16).unwrap());
            at += 3;
        } else {
            out.push(encoded[at]);
            at += 1;
        }
    }
    out
}

#[test]
fn quoted_printable_follows_the_rules_of_rfc_2045() {
    assert_eq!(quoted("a=b\r\n"), "a=3Db\r\n");
    assert_eq!(quoted("a \r\nb\t\r\n"), "a=20\r\nb=09\r\n");
    assert_eq!(quoted("a "), "a=20");
    assert_eq!(quoted("naïve\r\n"), "na=C3=AFve\r\n");
    assert_eq!(quoted("From me\r\nxFrom me\r\n"), "From=20me\r\nxFrom me\r\n");
    assert_eq!(quoted(".\r\n..a.\r\n"), "=2E\r\n=2E.a.\r\n");
    assert_eq!(
        quoted("Now's the time for all folk to come to the aid of their country, each of them."),
        "Now's the time for all folk to come to the aid of their country, each of th=\r\nem."
    );
    let lines = encoded(Encoder::QuotedPrintable(QuotedPrintable::octets()), b"a\nb \r\n\r", &[]);
    assert_eq!(lines, b"a=0A=\r\nb=20=0D=0A=\r\n=0D");
}

#[test]
fn line_ends_become_crlf_at_any_cut() {
    let text = b"a\nb\r\nc\rd\r\r\n\n\r";
    let expected = b"a\r\nb\r\nc\r\nd\r\n\r\n\r\n\r\n";
    for cut in 0..=text.len() {
        assert_eq!(encoded(Encoder::Lines(LineEnds::complete()), text, &[cut]), expected, "{cut}");
    }
    assert_eq!(encoded(Encoder::Lines(LineEnds::complete()), b"a", &[]), b"a\r\n");
    assert_eq!(encoded(Encoder::Lines(LineEnds::complete()), b"", &[]), b"");
}

#[test]
fn a_scan_detects_content_that_needs_encoding() {
    for (text, seven_bit) in [
        ("plain\r\n-- \r\nme\r\n", true),
        ("", true),
        ("tab\there\r\n", true),
        ("é\r\n", false),
        ("\0\r\n", false),
        ("\x1b\r\n", false),
        ("bare\n", false),
        ("\nbare", false),
        ("bare\rcr", false),
        ("blank \r\n", false),
        ("a-- \r\n", false),
        ("a\r\nFrom here\r\n", false),
        ("--=_x\r\n", false),
        ("a\r\n--=_x", false),
    ] {
        for cut in 0..=text.len() {
            assert_eq!(scanned(text.as_bytes(), &[cut]).is_seven_bit(), seven_bit, "{text:?} {cut}");
        }
    }
    assert!(scanned(&[b'x'; 998], &[]).is_seven_bit());
    assert!(!scanned(&[b'x'; 999], &[]).is_seven_bit());
}

#[test]
fn the_script_decides_between_the_encodings() {
    for (text, mostly_ascii) in [
        ("long ".repeat(300), true),
        ("Fjörður í þokunni, en allt er hljótt og kyrrt við sjóinn".to_owned(), true),
        ("Привет, мир".to_owned(), false),
        ("漢字だけの文".to_owned(), false),
        ("🎉🎉🎉".to_owned(), false),
    ] {
        let length = quoted(&text).len() as u64;
        assert_eq!(scanned(text.as_bytes(), &[]).is_mostly_ascii(length), mostly_ascii, "{text}");
    }
}

proptest! {
    #[test]
    fn what_lines_become_is_counted_without_being_made(
        lines in prop::collection::vec(prop::sample::select(vec!["\r\n", "\n", "\r", "a", "bc ", "\u{e9}", " "]), 0..60),
        filling in 0_usize..4200,
        cut in any::<prop::sample::Index>(),
    ) {
        let text = ["x".repeat(filling), lines.concat()].concat();
        let (head, tail) = text.as_bytes().split_at(cut.index(text.len() + 1));
        let (mut counter, mut converter) = (LineEnds::complete(), LineEnds::complete());
        let (mut room, mut converted) = (Vec::new(), Vec::new());
        let count = counter.count(head, &mut room) + counter.count(tail, &mut room);
        converter.convert(head, &mut converted);
        converter.convert(tail, &mut converted);
        prop_assert_eq!(count, converted.len() as u64);
        // Both complete the last line in the same way.
        let before = converted.len();
        converter.finish(&mut converted);
        room.clear();
        counter.finish(&mut room);
        prop_assert_eq!(&room[..], &converted[before..]);
    }
}

proptest! {
    #[test]
    fn base64_agrees_with_the_library_and_the_computed_length(
        octets in proptest::collection::vec(any::<u8>(), 0..600), cuts in proptest::collection::vec(0..120_usize, 0..6)
    ) {
        use ::base64::{Engine as _, engine::general_purpose::STANDARD};
        let encoded = encoded(Encoder::Base64(Base64::default()), &octets, &cuts);
        prop_assert_eq!(encoded.len() as u64, Base64::encoded_len(octets.len() as u64));
        let lines: Vec<_> = encoded.split(|octet| *octet == b'\n').collect();
        prop_assert!(lines.iter().all(|line| line.len() <= 77));
        let joined: Vec<u8> = encoded.iter().copied().filter(|octet| !b"\r\n".contains(octet)).collect();
        prop_assert_eq!(joined, STANDARD.encode(&octets).into_bytes());
    }

    #[test]
    fn base64_does_not_depend_on_the_cuts_at_the_borders_of_lines_and_blocks(
        lines in 0..520_usize, more in 0..58_usize, cuts in proptest::collection::vec((0..300_usize, 0..3_usize), 0..6)
    ) {
        let octets: Vec<u8> = (0..=255_u8).cycle().step_by(7).take(lines * 57 + more).collect();
        let cuts: Vec<_> = cuts.iter().map(|(lines, more)| (lines * 57 + more).saturating_sub(1)).collect();
        let whole = encoded(Encoder::Base64(Base64::default()), &octets, &[]);
        prop_assert_eq!(encoded(Encoder::Base64(Base64::default()), &octets, &cuts) == whole, true);
        prop_assert_eq!(whole.len() as u64, Base64::encoded_len(octets.len() as u64));
    }

    #[test]
    fn the_fast_path_agrees_with_the_slow_one(
        pieces in proptest::collection::vec(prop_oneof![
            4 => Just("\n".to_owned()), 4 => "[!-~]{1,70}", 2 => Just(" ".to_owned()), 1 => Just("From ".to_owned()),
            1 => Just("-- ".to_owned()), 1 => Just("--=_".to_owned()), 1 => "\t|F|-", 1 => "x{990,1002}",
            1 => prop_oneof![Just("\r\n"), Just("\r"), Just("é"), Just("\0"), Just("\x7f"), Just("\x1b")].prop_map(str::to_owned),
        ], 0..12), signed in any::<bool>()
    ) {
        let text = pieces.concat();
        let long = encoded(Encoder::Lines(LineEnds::complete()), text.as_bytes(), &[]);
        let scan = scanned(&long, &[]);
        let as_it_is = scan.is_seven_bit() && !(signed && scan.signature_line);
        let mut short = b"before".to_vec();
        let goes = append_plain(text.as_bytes(), signed, &mut short);
        prop_assert_eq!(goes, as_it_is && !text.contains('\r'));
        if goes {
            prop_assert_eq!(&short[6..], &long);
        }
    }

    #[test]
    fn quoted_printable_gives_the_octets_back(
        octets in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'F')], 0..400),
        cuts in proptest::collection::vec(0..90_usize, 0..6), text in any::<bool>()
    ) {
        let encoder = if text { QuotedPrintable::text() } else { QuotedPrintable::octets() };
        let whole = encoded(Encoder::QuotedPrintable(encoder.clone()), &octets, &[]);
        prop_assert_eq!(&encoded(Encoder::QuotedPrintable(encoder), &octets, &cuts), &whole);
        prop_assert_eq!(unquoted(&whole), octets.clone());
        for line in whole.split(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            prop_assert!(line.len() <= 76 && line.is_ascii());
            prop_assert!(!line.ends_with(b" ") && !line.ends_with(b"\t"));
            prop_assert!(!line.starts_with(b".") && !line.starts_with(b"From "));
        }
        let encoder = if text { QuotedPrintable::text() } else { QuotedPrintable::octets() };
        let source = Source::from(octets.as_slice());
        let measured = measure(&source, 0, source.size(), &mut Encoder::QuotedPrintable(encoder)).unwrap();
        prop_assert_eq!(measured, whole.len() as u64);
    }

    #[test]
    fn a_scan_does_not_depend_on_the_cuts(
        octets in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b' ')], 0..200),
        cuts in proptest::collection::vec(0..60_usize, 0..8)
    ) {
        let (whole, cut) = (scanned(&octets, &[]), scanned(&octets, &cuts));
        prop_assert_eq!(whole.is_seven_bit(), cut.is_seven_bit());
        prop_assert_eq!(whole.utf8.is_valid(), cut.utf8.is_valid());
        prop_assert_eq!(whole.utf8.is_valid(), std::str::from_utf8(&octets).is_ok());
        prop_assert_eq!(whole.longest_line, cut.longest_line);
    }
}
