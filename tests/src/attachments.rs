//! Provides the attachments of a message as a reader of mail sees them, and their digests.

use mail_parser::{MessageParser, MimeHeaders as _};
use sha2::{Digest as _, Sha256};

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The name that the message gives it, decoded.
    pub name: String,
    /// The media type, like `text/plain`.
    pub media_type: String,
    /// What it holds, decoded.
    pub octets: Vec<u8>,
}

/// The attachments of a message, in its order, read by a parser that shares nothing with the workspace.
#[must_use]
pub fn attachments(message: &[u8]) -> Vec<Attachment> {
    let Some(message) = MessageParser::default().parse(message) else { return Vec::new() };
    let attachment = |part: &mail_parser::MessagePart<'_>| Attachment {
        name: part.attachment_name().unwrap_or_default().to_owned(),
        media_type: part.content_type().map_or_else(String::new, |found| {
            format!("{}/{}", found.ctype(), found.subtype().unwrap_or_default())
        }),
        octets: part.contents().to_vec(),
    };
    message.attachments().map(attachment).collect()
}

/// The SHA-256 of some octets, in hexadecimal digits as `sha256sum` prints it.
#[must_use]
pub fn sha256(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_read_back() {
        let message = b"Content-Type: multipart/mixed; boundary=b\r\nMIME-Version: 1.0\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
            Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
        let (name, media_type) = ("a.pdf".to_owned(), "application/pdf".to_owned());
        assert_eq!(attachments(message), [Attachment { name, media_type, octets: vec![0, 1, 2] }]);
    }

    #[test]
    fn the_digest_is_that_of_fips_180() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
