//! Writes encoded-words: non-ASCII text in header fields (RFC 2047).

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use unicode_segmentation::UnicodeSegmentation as _;

use super::fold::Folder;

/// The maximum length of an encoded-word (RFC 2047 §2).
pub(crate) const LIMIT: usize = 75;
/// `=?utf-8?Q?` and `?=`.
const FRAME: usize = 12;

/// Writes a text as encoded-words of whole characters, the first one after `white_space`.
///
/// A grapheme cluster (a family of emoji, a letter with its accents) is not divided unless it is longer than an
/// encoded-word.
pub(crate) fn write(folder: &mut Folder<'_>, white_space: &str, text: &str) {
    let encoding = Encoding::shorter_for(text);
    let mut white_space = white_space;
    let mut pending = String::new();
    for cluster in clusters(text, encoding) {
        if encoding.octets(&pending, cluster) > room(folder, white_space) {
            if !pending.is_empty() {
                folder.encoded_word(white_space, &encoding.encode(&pending));
                pending.clear();
                white_space = " ";
            }
            // A cluster that does not fit starts a new line, unless it is at the start of one already.
            if encoding.octets("", cluster) > room(folder, white_space) && folder.breakable() {
                folder.break_line();
            }
        }
        pending.push_str(cluster);
    }
    folder.encoded_word(white_space, &encoding.encode(&pending));
}

/// Returns whether a reader may mistake a word for an encoded-word, or for the start of one.
pub(crate) fn looks_encoded(word: &str) -> bool {
    let octets = word.as_bytes();
    memchr::memchr_iter(b'=', octets).any(|at| octets.get(at + 1) == Some(&b'?'))
}

#[derive(Clone, Copy)]
enum Encoding {
    B,
    Q,
}

impl Encoding {
    fn shorter_for(text: &str) -> Self {
        let q: usize = text.bytes().map(q_octets).sum();
        // Readability without a decoder is worth a slightly longer form.
        if q * 2 <= base64_octets(text.len()) * 3 { Self::Q } else { Self::B }
    }

    /// The length of the encoded-word of both texts together.
    fn octets(self, text: &str, more: &str) -> usize {
        FRAME
            + match self {
                Self::B => base64_octets(text.len() + more.len()),
                Self::Q => text.bytes().chain(more.bytes()).map(q_octets).sum(),
            }
    }

    fn encode(self, text: &str) -> String {
        match self {
            Self::B => format!("=?utf-8?B?{}?=", STANDARD.encode(text)),
            Self::Q => {
                let mut word = String::from("=?utf-8?Q?");
                for octet in text.bytes() {
                    match octet {
                        b' ' => word.push('_'),
                        octet if q_octets(octet) == 1 => word.push(char::from(octet)),
                        octet => {
                            // Writing to a string cannot fail.
                            let _ = write!(word, "={octet:02X}");
                        }
                    }
                }
                word + "?="
            }
        }
    }
}

fn base64_octets(octets: usize) -> usize {
    octets.div_ceil(3) * 4
}

/// A character that needs no encoding in a phrase needs none anywhere (RFC 2047 §5 (3)).
fn q_octets(octet: u8) -> usize {
    match octet {
        b' ' | b'!' | b'*' | b'+' | b'-' | b'/' => 1,
        octet if octet.is_ascii_alphanumeric() => 1,
        _ => 3,
    }
}

fn room(folder: &Folder<'_>, white_space: &str) -> usize {
    folder.room().saturating_sub(white_space.len()).min(LIMIT)
}

/// The grapheme clusters of a text; those too long for an encoded-word are divided into characters.
fn clusters(text: &str, encoding: Encoding) -> impl Iterator<Item = &str> {
    text.graphemes(true).flat_map(move |cluster| {
        let whole = encoding.octets("", cluster) <= LIMIT;
        let characters = cluster
            .char_indices()
            .filter(move |_| !whole)
            .map(move |(at, character)| &cluster[at..at + character.len_utf8()]);
        whole.then_some(cluster).into_iter().chain(characters)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        let mut out = Vec::new();
        let mut folder = Folder::new(&mut out, "Subject");
        write(&mut folder, " ", text);
        folder.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn readable_text_stays_readable_and_the_rest_is_short() {
        assert_eq!(field("Grüße"), "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n");
        assert_eq!(field("Привет"), "Subject: =?utf-8?B?0J/RgNC40LLQtdGC?=\r\n");
    }

    #[test]
    fn no_character_is_divided_and_no_line_is_too_long() {
        for text in ["漢字".repeat(60), "é".repeat(200), "👨‍👩‍👧‍👦".repeat(12), "a\u{301}".repeat(100)]
        {
            let field = field(&text);
            for line in field.lines() {
                assert!(line.len() <= 76, "{line}");
                for word in line.split(' ').filter(|word| word.starts_with("=?")) {
                    assert!(word.len() <= LIMIT);
                    let inside = &word[10..word.len() - 2];
                    if word.starts_with("=?utf-8?B?") {
                        assert!(String::from_utf8(STANDARD.decode(inside).unwrap()).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn a_family_of_emoji_stays_together() {
        for word in field(&"👨‍👩‍👧‍👦".repeat(6)).split_whitespace().skip(1) {
            let decoded = STANDARD.decode(&word[10..word.len() - 2]).unwrap();
            assert!(String::from_utf8(decoded).unwrap().starts_with('👨'));
        }
    }
}
