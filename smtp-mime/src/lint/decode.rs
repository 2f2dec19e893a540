//! Decodes encoded-words as readers show them (RFC 2047 §6).

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Some programs omit the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes the encoded-words in a text; invalid ones remain unchanged.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains("=?") {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        // White space between two encoded-words is not shown (RFC 2047 §6.2).
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        if let Some((text, after)) = encoded_word(word) {
            decoded.push_str(&text);
            rest = after;
            after_word = true;
        } else {
            decoded.push_str("=?");
            rest = &word[2..];
            after_word = false;
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

fn encoded_word(text: &str) -> Option<(String, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (encoded, after) = rest.split_once("?=")?;
    if encoded.contains(|character: char| character.is_whitespace() || character == '?') {
        return None;
    }
    let octets = match encoding {
        "B" | "b" => LENIENT.decode(encoded).ok()?,
        "Q" | "q" => unquoted(encoded)?,
        _ => return None,
    };
    // A language may follow the charset (RFC 2231 §5).
    let charset = charset.split('*').next().unwrap_or_default().to_ascii_lowercase();
    let decoded = match charset.as_str() {
        "utf-8" | "us-ascii" => String::from_utf8_lossy(&octets).into_owned(),
        "iso-8859-1" => octets.iter().map(|octet| char::from(*octet)).collect(),
        _ => return None,
    };
    Some((decoded, after))
}

fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [octet, more @ ..] = rest {
        match octet {
            b'_' => octets.push(b' '),
            b'=' => {
                let digits = std::str::from_utf8(more.get(..2)?).ok()?;
                octets.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &more[2..];
                continue;
            }
            _ => octets.push(*octet),
        }
        rest = more;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The table of RFC 2047 §8, without the comments' parentheses.
    #[test]
    fn the_examples_of_rfc_2047_are_decoded() {
        for (encoded, shown) in [
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?_b?=", "a b"),
            ("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
            ("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
            ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
            ("=?x?=", "=?x?="),
            ("=?utf-8?Q?=zz?=", "=?utf-8?Q?=zz?="),
        ] {
            assert_eq!(decode(encoded), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[=?a-zBQ8_ -]{0,40}", other in any::<String>()) {
            prop_assert!(decode(&text).len() <= text.len() * 3);
            prop_assert!(decode(&other).len() <= other.len() * 3);
        }
    }
}
