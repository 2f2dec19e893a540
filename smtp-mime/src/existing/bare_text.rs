//! Provides [`with_blank_line`], the end of a header section for messages that have none.

use crate::ExistingMessage;
use std::io::{self, BufRead, Cursor, Read};

/// Inserts a blank line before the first line that is no header field, unless the header section has an end.
///
/// Programs pipe texts without a header section to sendmail(8), and rely on it to take them for a body.
///
/// ```
/// use std::io::Read;
///
/// let mut message = String::new();
/// smtp_mime::with_blank_line(&b"Subject: backup\ndone\n"[..])?.read_to_string(&mut message)?;
/// assert_eq!(message, "Subject: backup\n\ndone\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If the input cannot be read.
pub fn with_blank_line(mut input: impl BufRead) -> io::Result<impl Read> {
    let mut head = Vec::new();
    // A longer header section is an error of whoever opens the message.
    while head.len() <= ExistingMessage::HEADER_LIMIT {
        let start = head.len();
        let room = (ExistingMessage::HEADER_LIMIT - start + 1) as u64;
        if (&mut input).take(room).read_until(b'\n', &mut head)? == 0 {
            break;
        }
        let line = &head[start..];
        if line.trim_ascii().is_empty() && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            break;
        }
        if !is_of_header(line, start == 0) {
            let end: &[u8] = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
            head.splice(start..start, end.iter().copied());
            break;
        }
    }
    Ok(Cursor::new(head).chain(input))
}

/// Whether a line is a field (RFC 5322 §2.2), the continuation of one, or that of an mbox file before the first.
fn is_of_header(line: &[u8], is_first: bool) -> bool {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return !is_first;
    }
    if is_first && (line.starts_with(b"From ") || line.starts_with(b">From ")) {
        return true;
    }
    let Some(colon) = line.iter().position(|octet| *octet == b':') else { return false };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(octets: &str, expected: &str) {
        let mut read = String::new();
        with_blank_line(octets.as_bytes()).unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_text_without_header_section_gets_a_blank_line_before_it() {
        becomes("disk full\nhelp\n", "\ndisk full\nhelp\n");
        becomes("disk full\r\n", "\r\ndisk full\r\n");
        becomes("no line end", "\nno line end");
        becomes("  indented\n", "\n  indented\n");
        becomes("two words: x\n", "\ntwo words: x\n");
        becomes(
            "Subject: x\nTo: a@b\n c\nnow the text\nBcc: no field\n",
            "Subject: x\nTo: a@b\n c\n\nnow the text\nBcc: no field\n",
        );
    }

    #[test]
    fn a_message_stays_as_it_is() {
        for text in [
            "",
            "\n",
            "Subject: x\n\nno field\n",
            "Subject: x\r\n\r\nx",
            "From a@b Mon\nTo : c@d\n\ny\n",
            "A: b",
        ] {
            becomes(text, text);
        }
    }

    #[test]
    fn a_line_without_end_is_not_read_to_its_end_before_it_is_passed_on() {
        let long = "x".repeat(ExistingMessage::HEADER_LIMIT + 100);
        becomes(&long, &format!("\n{long}"));
        let field = format!("A: {long}\n");
        becomes(&field, &field);
    }
}
