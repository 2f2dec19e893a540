//! Provides the messages in what a client said, as a receiver has to read them.

use std::io;

/// The messages in all that a client wrote on one connection in clear, after DATA (RFC 5321 §4.1.1.4, without
/// the dots of transparency, §4.5.2) or BDAT (RFC 3030).
///
/// # Errors
/// `UnexpectedEof` when the last one is not complete, `InvalidData` when a BDAT has no size.
pub fn messages(said: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut chunks = Vec::new();
    let mut rest = said;
    while !rest.is_empty() {
        let command = line(&mut rest)?;
        let words: Vec<String> =
            String::from_utf8_lossy(command).split_whitespace().map(str::to_uppercase).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["DATA"] => found.push(mail_data(&mut rest)?),
            ["BDAT", size, ref last @ ..] => {
                let size = size.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                chunks.extend_from_slice(rest.get(..size).ok_or(io::ErrorKind::UnexpectedEof)?);
                rest = &rest[size..];
                if last == ["LAST"] {
                    found.push(std::mem::take(&mut chunks));
                }
            }
            _ => {}
        }
    }
    if chunks.is_empty() { Ok(found) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// What comes before the lone dot.
fn mail_data(rest: &mut &[u8]) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let line = line(rest)?;
        if line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

/// Takes the octets up to the next CRLF, which is the only line end there is.
fn line<'a>(rest: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let (line, behind) = rest.split_at(end + 2);
    *rest = behind;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_and_transparency_is_undone() {
        let said = b"EHLO a\r\nMAIL FROM:<a@b>\r\nDATA\r\nSubject: x\r\n\r\n..\r\na\n.\nb\r\n.\r\n\
            BDAT 5\r\nDATA\rbdat 3 last\r\n\r\nxQUIT\r\n";
        assert_eq!(messages(said).unwrap(), [&b"Subject: x\r\n\r\n.\r\na\n.\nb\r\n"[..], b"DATA\r\r\nx"]);
    }

    #[test]
    fn a_message_without_its_end_is_none() {
        for said in [&b"DATA\r\nx\r\n"[..], b"BDAT 2\r\nxy", b"BDAT 3 LAST\r\nxy", b"DATA\r\nx\r\n."] {
            assert_eq!(
                messages(said).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof,
                "{}",
                said.escape_ascii()
            );
        }
    }
}
