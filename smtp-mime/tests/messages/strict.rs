//! Provides a strict parser of composed messages, following RFC 5322, 2045, 2046, 2047 and 2231.
//!
//! It shares no code with the composer and knows nothing about its choices.

use std::collections::HashSet;

/// Allowed exceptions from the rules.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowed {
    /// Non-ASCII bytes in header fields (SMTPUTF8).
    pub(crate) utf8_headers: bool,
}

/// Returns every violation of a rule; none if the message is strictly valid.
pub(crate) fn violations(octets: &[u8], allowed: Allowed) -> Vec<String> {
    let mut found = Vec::new();
    if !octets.ends_with(b"\r\n") {
        found.push("the last line is not ended".to_owned());
    }
    let mut previous = 0;
    for octet in octets {
        if (*octet == b'\n') != (previous == b'\r') {
            found.push("a CR or LF is alone".to_owned());
            break;
        }
        previous = *octet;
    }
    for line in octets.split(|octet| *octet == b'\n') {
        if line.strip_suffix(b"\r").unwrap_or(line).len() > 998 {
            found.push("a line is longer than 998 octets".to_owned());
        }
    }
    let fields = entity(octets, "7bit", allowed, 0, &mut found);
    for name in ["from", "to", "subject", "date", "message-id", "mime-version"] {
        let count = fields.iter().filter(|(field, _)| field == name).count();
        if count != 1 {
            found.push(format!("{name} occurs {count} times"));
        }
    }
    for name in ["sender", "reply-to", "cc", "in-reply-to", "references"] {
        if fields.iter().filter(|(field, _)| field == name).count() > 1 {
            found.push(format!("{name} occurs more than once"));
        }
    }
    if fields.iter().any(|(field, _)| field == "bcc") {
        found.push("Bcc is on the wire".to_owned());
    }
    found
}

/// Checks an entity and its parts; returns its fields, unfolded.
fn entity(
    octets: &[u8],
    container: &str,
    allowed: Allowed,
    depth: usize,
    found: &mut Vec<String>,
) -> Vec<(String, String)> {
    let (header, body) = split(octets);
    let fields = fields(header, allowed, found);
    let value =
        |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim().to_owned());
    for (index, (name, _)) in fields.iter().enumerate() {
        if name.starts_with("content-") && fields[..index].iter().any(|(other, _)| other == name) {
            found.push(format!("{name} occurs twice"));
        }
    }
    let content_type = value("content-type").unwrap_or_else(|| "text/plain".to_owned());
    let media = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    let encoding = value("content-transfer-encoding").unwrap_or_else(|| "7bit".to_owned()).to_lowercase();
    let rank = |encoding: &str| match encoding {
        "binary" => 2,
        "8bit" => 1,
        _ => 0,
    };
    if depth > 0 && rank(&encoding) > rank(container) {
        found.push(format!("{encoding} is within {container}"));
    }
    let eight_bit = body.iter().any(|octet| !octet.is_ascii());
    match encoding.as_str() {
        "7bit" if eight_bit || body.contains(&0) => found.push(format!("8-bit octets in 7bit {media}")),
        "8bit" if body.contains(&0) => found.push("NUL in 8bit".to_owned()),
        "7bit" | "8bit" | "binary" => {}
        "quoted-printable" => quoted_printable(body, found),
        "base64" => base64(body, found),
        other => found.push(format!("unknown encoding {other}")),
    }
    for field in ["content-type", "content-disposition"] {
        if let Some(value) = value(field) {
            parameters(&value, found);
        }
    }
    let container = media.starts_with("multipart/") || media == "message/rfc822";
    if container && !matches!(encoding.as_str(), "7bit" | "8bit" | "binary") {
        found.push(format!("{media} is encoded"));
    }
    if media.starts_with("multipart/") {
        parts(&content_type, body, &encoding, allowed, depth, found);
    }
    if media == "multipart/related" && !content_type.contains("type=\"") {
        found.push("multipart/related says no type".to_owned());
    }
    fields
}

fn parts(
    content_type: &str,
    body: &[u8],
    encoding: &str,
    allowed: Allowed,
    depth: usize,
    found: &mut Vec<String>,
) {
    let Some(boundary) =
        content_type.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    else {
        found.push("a multipart has no boundary".to_owned());
        return;
    };
    let marks = |octet: u8| octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&octet);
    if boundary.is_empty() || boundary.len() > 70 || !boundary.bytes().all(marks) || boundary.ends_with(' ') {
        found.push(format!("{boundary} is no boundary"));
    }
    let delimiter = format!("\r\n--{boundary}");
    let text = [b"\r\n", body].concat();
    let places: Vec<usize> =
        (0..text.len()).filter(|at| text[*at..].starts_with(delimiter.as_bytes())).collect();
    if places.first() != Some(&0) {
        found.push("the first part has a preamble before it".to_owned());
    }
    for (index, start) in places.iter().enumerate() {
        let behind = &text[start + delimiter.len()..];
        match places.get(index + 1) {
            Some(end) => {
                if !behind.starts_with(b"\r\n") {
                    found.push(format!("a delimiter of {boundary} goes on"));
                    continue;
                }
                let part = &text[start + delimiter.len() + 2..*end];
                // The CRLF before a delimiter belongs to the delimiter.
                let _ = entity(&[part, b"\r\n"].concat(), encoding, allowed, depth + 1, found);
            }
            None if behind == b"--\r\n" => {}
            None => found.push(format!("the last delimiter of {boundary} is not the end")),
        }
    }
    if places.len() < 2 {
        found.push("a multipart has no part".to_owned());
    }
}

fn split(octets: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = octets.strip_prefix(b"\r\n") {
        return (b"", body);
    }
    match octets.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(at) => (&octets[..at + 2], &octets[at + 4..]),
        None => (octets, b""),
    }
}

fn fields(header: &[u8], allowed: Allowed, found: &mut Vec<String>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let text = String::from_utf8_lossy(header);
    if !header.is_ascii() && !allowed.utf8_headers {
        found.push("octets outside ASCII in a header section".to_owned());
    }
    for line in text.split_terminator("\r\n") {
        if line.chars().any(char::is_control) {
            found.push(format!("a control character in {line:?}"));
        }
        // A name that is longer than a line cannot be folded; no test has one.
        let words = line.trim_start().split(' ').count();
        if line.len() > 78 && words > 2 {
            found.push(format!("a header line of {} octets could have been folded: {line}", line.len()));
        }
        // There is no fold right after a name, however long it is.
        if line.contains("=?utf-8?") && line.len() > 76 && words > 2 {
            found.push(format!("a line of {} octets holds an encoded-word", line.len()));
        }
        // the text within < and > is an address or a message identifier, which may contain =? (RFC 2047 §5)
        let words = line.split([' ', '"', ',', ';', '(', ')']).filter(|word| !word.starts_with('<'));
        for word in words.filter(|word| word.contains("=?")) {
            encoded_word(word, found);
        }
        if let Some(rest) = line.strip_prefix([' ', '\t']) {
            if rest.trim().is_empty() {
                found.push("a folded line is blank".to_owned());
            }
            match fields.last_mut() {
                Some((_, value)) => value.push_str(line),
                None => found.push("the first line is folded".to_owned()),
            }
            continue;
        }
        match line.split_once(": ") {
            Some((name, value)) if name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':') => {
                fields.push((name.to_lowercase(), value.to_owned()));
            }
            _ => found.push(format!("{line:?} is not a header field")),
        }
    }
    fields
}

fn encoded_word(word: &str, found: &mut Vec<String>) {
    let pieces: Vec<_> = word.split('?').collect();
    let valid = pieces.len() == 5
        && pieces[0] == "="
        && pieces[4] == "="
        && word.len() <= 75
        && match pieces[2] {
            "Q" => {
                let mut octets = Vec::new();
                let mut rest = pieces[3].bytes();
                while let Some(octet) = rest.next() {
                    if octet == b'=' {
                        let digits: Vec<u8> = rest.by_ref().take(2).collect();
                        let digits = String::from_utf8(digits).unwrap_or_default();
                        octets.push(u8::from_str_radix(&digits, 16).unwrap_or(0xff));
                    } else {
                        octets.push(octet);
                    }
                }
                String::from_utf8(octets).is_ok()
            }
            "B" => {
                use base64::{Engine as _, engine::general_purpose::STANDARD};
                STANDARD.decode(pieces[3]).is_ok_and(|octets| String::from_utf8(octets).is_ok())
            }
            _ => false,
        };
    if !valid {
        found.push(format!("{word} is no encoded-word of whole characters"));
    }
}

fn quoted_printable(body: &[u8], found: &mut Vec<String>) {
    for line in String::from_utf8_lossy(body).split("\r\n") {
        if line.len() > 76 {
            found.push("a quoted-printable line is longer than 76".to_owned());
        }
        if line.ends_with([' ', '\t']) {
            found.push("a quoted-printable line ends with a blank".to_owned());
        }
        let octets = line.as_bytes();
        for (at, octet) in octets.iter().enumerate() {
            let hexadecimal = |octet: &u8| octet.is_ascii_digit() || (b'A'..=b'F').contains(octet);
            let escaped = octets.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(hexadecimal));
            let fine = match octet {
                b'=' => at + 1 == octets.len() || escaped,
                b'\t' | b' '..=b'~' => true,
                _ => false,
            };
            if !fine {
                found.push(format!("{line:?} is no quoted-printable"));
                break;
            }
        }
    }
}

fn base64(body: &[u8], found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(body);
    let lines: Vec<_> = text.trim_end_matches("\r\n").split("\r\n").collect();
    for (index, line) in lines.iter().enumerate() {
        let last = index + 1 == lines.len();
        let characters =
            |line: &str| line.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet));
        if line.len() > 76 || (!last && line.len() != 76) || !characters(line) || line.len() % 4 != 0 {
            found.push(format!("{line:?} is no line of base64"));
        }
    }
}

/// Parses parameters according to RFC 2045 §5.1 and RFC 2231.
fn parameters(value: &str, found: &mut Vec<String>) {
    let mut names = HashSet::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest).trim();
    while !rest.is_empty() {
        let Some((name, behind)) = rest.split_once('=') else {
            found.push(format!("{rest:?} is no parameter"));
            return;
        };
        if !names.insert(name.to_lowercase()) {
            found.push(format!("parameter {name} occurs twice"));
        }
        let extended = name.ends_with('*');
        let end = if let Some(quoted) = behind.strip_prefix('"') {
            if extended {
                found.push(format!("extended parameter {name} is quoted"));
            }
            quoted.find('"').map_or(behind.len(), |end| end + 2)
        } else {
            behind.find(';').unwrap_or(behind.len())
        };
        let word = behind[..end].trim();
        if !word.starts_with('"') {
            let token = |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&octet);
            if word.is_empty() || !word.bytes().all(token) {
                found.push(format!("{word:?} is no token"));
            }
        }
        if extended
            && (name.matches('*').count() == 1 || name.ends_with("*0*"))
            && word.matches('\'').count() != 2
        {
            found.push(format!("{word:?} says no charset"));
        }
        if word.contains("=?") {
            found.push(format!("an encoded-word in parameter {name}"));
        }
        rest = behind[end..].trim_start().strip_prefix(';').map_or("", str::trim_start);
    }
}
