//! Writes the parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).

use std::fmt::Write as _;

use super::fold::{Folder, LINE};

/// Writes `; attribute=value`, divided into sections if a line would be too long (RFC 2231 §3, §4).
///
/// Printable ASCII is written unchanged, other text in percent-encoded UTF-8. Marks of RFC 2231 are quoted, because
/// some readers interpret them in tokens. Quotes, backslashes and text that looks like an encoded-word are
/// percent-encoded, because some readers do not unescape or wrongly decode them.
pub(crate) fn write(folder: &mut Folder<'_>, attribute: &str, value: &str) {
    folder.glue(";");
    let bare = is_attribute(value);
    if bare && attribute.len() + value.len() + 3 <= LINE {
        return folder.pieces(" ", [attribute, "=", value]);
    }
    let plain = !value.contains("=?")
        && value.chars().all(|character| matches!(character, ' '..='~') && !matches!(character, '"' | '\\'));
    let encoded;
    let (before, whole, after) = match (plain, bare) {
        (true, true) => ("=", value, ""),
        (true, false) => ("=\"", value, "\""),
        (false, _) => {
            encoded = percent_encoded(value);
            ("*=utf-8''", encoded.as_str(), "")
        }
    };
    // One space precedes it, and a semicolon may follow.
    if attribute.len() + before.len() + whole.len() + after.len() + 2 <= LINE {
        return folder.pieces(" ", [attribute, before, whole, after]);
    }
    let mut index = 0;
    let mut rest = value;
    while !rest.is_empty() {
        let mut section = match (plain, index) {
            (true, _) => format!("{attribute}*{index}=\""),
            (false, 0) => format!("{attribute}*0*=utf-8''"),
            (false, _) => format!("{attribute}*{index}*="),
        };
        let mut length = 0;
        for character in rest.chars() {
            let piece = if plain {
                character.to_string()
            } else {
                percent_encoded(character.encode_utf8(&mut [0; 4]))
            };
            // Leaves room for a closing quote, a space before and a semicolon after; a section has at least one
            // character.
            if section.len() + piece.len() + 3 > LINE && length > 0 {
                break;
            }
            section.push_str(&piece);
            length += character.len_utf8();
        }
        if plain {
            section.push('"');
        }
        if index > 0 {
            folder.glue(";");
        }
        folder.word(" ", &section);
        rest = &rest[length..];
        index += 1;
    }
}

/// Returns whether a text is a token (RFC 2045 §5.1).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_octet)
}

/// Returns whether a text can be a parameter name: a token without the marks of RFC 2231.
pub(crate) fn is_attribute(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|octet| is_token_octet(octet) && !matches!(octet, b'*' | b'\'' | b'%'))
}

fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || (octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&octet))
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{octet:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: &str) -> String {
        let mut out = Vec::new();
        let mut folder = Folder::new(&mut out, "Content-Disposition");
        folder.word(" ", "attachment");
        write(&mut folder, "filename", value);
        folder.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_field_has_the_form_of_its_kind() {
        assert_eq!(field("a.txt"), "Content-Disposition: attachment; filename=a.txt\r\n");
        assert_eq!(field("a b,c.txt"), "Content-Disposition: attachment; filename=\"a b,c.txt\"\r\n");
        assert_eq!(
            field("naïve.txt"),
            "Content-Disposition: attachment; filename*=utf-8''na%C3%AFve.txt\r\n"
        );
        assert_eq!(field("a\"b"), "Content-Disposition: attachment; filename*=utf-8''a%22b\r\n");
        assert_eq!(field(""), "Content-Disposition: attachment; filename=\"\"\r\n");
    }

    #[test]
    fn long_values_are_divided_between_characters() {
        for value in ["x y".repeat(100), "漢".repeat(80), "ü\"".repeat(70)] {
            let field = field(&value);
            assert!(field.lines().all(|line| line.len() <= LINE), "{field}");
            let mut joined = String::new();
            for (index, line) in field.lines().skip(1).enumerate() {
                let section = line.trim().trim_end_matches(';');
                let (name, text) = section.split_once('=').unwrap();
                assert_eq!(name.trim_end_matches('*'), format!("filename*{index}"));
                joined.push_str(text.trim_start_matches("utf-8''").trim_matches('"'));
                let octets = text.replace("utf-8''", "").replace('%', "").len();
                assert!(!text.contains('%') || octets > 0);
            }
            let plain = value.is_ascii() && !value.contains('"');
            assert_eq!(joined, if plain { value.clone() } else { percent_encoded(&value) });
        }
    }
}
