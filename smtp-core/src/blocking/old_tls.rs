//! Provides [`ask_for_old_tls`]: whether a server accepts TLS below 1.2, asked by a hello without a handshake.
//!
//! TLS libraries no longer send that hello everywhere: rustls never did, and OpenSSL only at a security level that the
//! configurations of systems forbid. The message is fixed, and only the version is read from the answer.

use crate::probe;
use std::io::{self, Read, Write};
use std::vec;
use std::vec::Vec;

/// Cipher suites of TLS 1.1 and below (RFC 4492, RFC 3268, RFC 2246), and the signal of RFC 5746.
const SUITES: [u16; 13] =
    [0xc00a, 0xc014, 0xc009, 0xc013, 0x0039, 0x0033, 0x0035, 0x002f, 0xc008, 0xc012, 0x0016, 0x000a, 0x00ff];
/// TLS 1.1, the highest version that is offered.
const VERSION: [u8; 2] = [3, 2];
/// Kinds of records (RFC 5246 §6.2.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;

/// Sends a hello of TLS 1.1 to the server of that name, and reads the version of its answer; the connection is of no use
/// after that.
///
/// # Errors
/// If the stream cannot be read or written.
pub fn ask_for_old_tls(stream: &mut (impl Read + Write), name: &str) -> io::Result<probe::OldTls> {
    stream.write_all(&hello(name))?;
    // The header of a record, that of a handshake message, and the version.
    let mut octets = [0; 11];
    let mut count = 0;
    while count < octets.len() {
        match stream.read(&mut octets[count..]) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
        if octets[0] == ALERT {
            break;
        }
    }
    Ok(match octets {
        _ if count == 0 => probe::OldTls::Refused,
        [ALERT, ..] => probe::OldTls::Refused,
        [HANDSHAKE, 3, _, _, _, SERVER_HELLO, _, _, _, 3, minor] if count == octets.len() => match minor {
            0 => probe::OldTls::Accepted("SSL 3.0"),
            1 => probe::OldTls::Accepted("TLS 1.0"),
            2 => probe::OldTls::Accepted("TLS 1.1"),
            _ => probe::OldTls::Unclear,
        },
        _ => probe::OldTls::Unclear,
    })
}

/// A hello of TLS 1.1 (RFC 4346 §7.4.1.2).
fn hello(name: &str) -> Vec<u8> {
    let mut extensions = Vec::new();
    // Only a name is said, not an address (RFC 6066 §3).
    if name.parse::<std::net::IpAddr>().is_err() && name.is_ascii() && name.len() < 256 {
        let entry = [&[0][..], &prefixed(name.as_bytes())].concat();
        extend(&mut extensions, 0, &prefixed(&entry));
    }
    // The curves P-256, P-384 and P-521, and their points uncompressed (RFC 4492 §5.1).
    extend(&mut extensions, 10, &prefixed(&[0, 23, 0, 24, 0, 25]));
    extend(&mut extensions, 11, &[1, 0]);
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut body = VERSION.to_vec();
    // No key comes of this handshake, so nothing depends on what is random here.
    body.extend_from_slice(&[0x5a; 32]);
    body.push(0);
    body.extend_from_slice(&prefixed(&suites));
    body.extend_from_slice(&[1, 0]);
    body.extend_from_slice(&prefixed(&extensions));
    let mut message = vec![1, 0];
    message.extend_from_slice(&prefixed(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend_from_slice(&prefixed(&message));
    record
}

fn extend(extensions: &mut Vec<u8>, kind: u16, content: &[u8]) {
    extensions.extend_from_slice(&kind.to_be_bytes());
    extensions.extend_from_slice(&prefixed(content));
}

/// Octets with their number before them, in two octets.
fn prefixed(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), octets].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with these octets, one at a time.
    struct Script(io::Cursor<Vec<u8>>);

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    impl Write for Script {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn answers_are_told_apart() {
        for (octets, answer) in [
            (&b"\x16\x03\x02\x00\x50\x02\x00\x00\x4c\x03\x02\x00"[..], probe::OldTls::Accepted("TLS 1.1")),
            (b"\x16\x03\x01\x00\x50\x02\x00\x00\x4c\x03\x01", probe::OldTls::Accepted("TLS 1.0")),
            (b"\x16\x03\x00\x00\x50\x02\x00\x00\x4c\x03\x00", probe::OldTls::Accepted("SSL 3.0")),
            (b"\x16\x03\x03\x00\x50\x02\x00\x00\x4c\x03\x03", probe::OldTls::Unclear),
            (b"\x15\x03\x02\x00\x02\x02\x46", probe::OldTls::Refused),
            (b"\x15", probe::OldTls::Refused),
            (b"", probe::OldTls::Refused),
            (b"\x16\x03\x02", probe::OldTls::Unclear),
            (b"220 mx ready", probe::OldTls::Unclear),
        ] {
            let mut script = Script(io::Cursor::new(octets.to_vec()));
            assert_eq!(ask_for_old_tls(&mut script, "mx.example").unwrap(), answer, "{octets:?}");
        }
    }

    #[test]
    fn the_lengths_of_the_hello_add_up() {
        for name in ["mx.example", "192.0.2.1", "bücher.example"] {
            let hello = hello(name);
            let length = |place: usize| usize::from(u16::from_be_bytes([hello[place], hello[place + 1]]));
            assert_eq!(length(3), hello.len() - 5);
            assert_eq!(length(7), hello.len() - 9);
            assert_eq!(hello.windows(10).any(|octets| octets == b"mx.example"), name == "mx.example");
        }
    }
}
