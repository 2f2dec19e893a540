//! Reads the PROXY header (version 1 and 2 of the PROXY protocol) that a proxy sends before everything.

use super::{Phase, Session};
use crate::{capture::Kind, scenario::ProxyHeader};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1.
const LONGEST_LINE: usize = 107;

enum Header {
    Incomplete,
    Broken,
    /// Its length, and source and destination where it names them.
    Complete(usize, Vec<(String, String)>),
}

impl Session {
    pub(super) fn read_proxy_header(&mut self) -> bool {
        let wanted = self.scenario().server.proxy;
        match read(self.rest(), wanted) {
            Header::Incomplete if self.ended => {
                self.client_closed();
                true
            }
            Header::Incomplete => false,
            Header::Broken => {
                // A client without the header is not the proxy: the connection ends without a reply.
                self.note("the PROXY header is missing or malformed");
                self.over(crate::scenario::Close::Fin);
                true
            }
            Header::Complete(length, mut attributes) => {
                let octets = self.rest()[..length].to_vec();
                self.log(Kind::Command, &octets, None);
                self.consume(length);
                if attributes.is_empty() {
                    attributes.push(("PROXY".to_owned(), "UNKNOWN".to_owned()));
                }
                self.attributes = attributes;
                self.phase = Phase::Start;
                true
            }
        }
    }
}

fn read(octets: &[u8], wanted: ProxyHeader) -> Header {
    let second = SIGNATURE.starts_with(&octets[..octets.len().min(SIGNATURE.len())]);
    match wanted {
        ProxyHeader::V1 => read_line(octets),
        ProxyHeader::V2 => read_binary(octets),
        _ if second => read_binary(octets),
        _ => read_line(octets),
    }
}

fn read_line(octets: &[u8]) -> Header {
    let window = &octets[..octets.len().min(LONGEST_LINE)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        let hopeless = octets.len() >= LONGEST_LINE || !b"PROXY ".starts_with(&window[..window.len().min(6)]);
        return if hopeless { Header::Broken } else { Header::Incomplete };
    };
    let Ok(line) = core::str::from_utf8(&octets[..end]) else { return Header::Broken };
    let words: Vec<_> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Header::Complete(end + 2, Vec::new()),
        ["PROXY", "TCP4" | "TCP6", source, destination, source_port, destination_port] => {
            let sound = [source, destination].iter().all(|word| word.parse::<core::net::IpAddr>().is_ok())
                && [source_port, destination_port].iter().all(|word| word.parse::<u16>().is_ok());
            if !sound {
                return Header::Broken;
            }
            Header::Complete(end + 2, attributes(source, source_port, destination, destination_port))
        }
        _ => Header::Broken,
    }
}

fn read_binary(octets: &[u8]) -> Header {
    if !SIGNATURE.starts_with(&octets[..octets.len().min(SIGNATURE.len())]) {
        return Header::Broken;
    }
    let Some(head) = octets.get(..16) else { return Header::Incomplete };
    if head[12] >> 4 != 2 {
        return Header::Broken;
    }
    let length = 16 + usize::from(u16::from_be_bytes([head[14], head[15]]));
    let Some(body) = octets.get(16..length) else { return Header::Incomplete };
    let port =
        |at: usize| body.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]).to_string());
    // LOCAL (0) speaks for the proxy itself; only PROXY (1) over TCP carries addresses.
    let found = match (head[12] & 15, head[13]) {
        (1, 0x11) => {
            let address =
                |at: usize| body.get(at..at + 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
            match (address(0), address(4), port(8), port(10)) {
                (Some(source), Some(destination), Some(source_port), Some(destination_port)) => attributes(
                    &core::net::Ipv4Addr::from(source).to_string(),
                    &source_port,
                    &core::net::Ipv4Addr::from(destination).to_string(),
                    &destination_port,
                ),
                _ => return Header::Broken,
            }
        }
        (1, 0x21) => {
            let address =
                |at: usize| body.get(at..at + 16).and_then(|octets| <[u8; 16]>::try_from(octets).ok());
            match (address(0), address(16), port(32), port(34)) {
                (Some(source), Some(destination), Some(source_port), Some(destination_port)) => attributes(
                    &core::net::Ipv6Addr::from(source).to_string(),
                    &source_port,
                    &core::net::Ipv6Addr::from(destination).to_string(),
                    &destination_port,
                ),
                _ => return Header::Broken,
            }
        }
        (0 | 1, _) => Vec::new(),
        _ => return Header::Broken,
    };
    Header::Complete(length, found)
}

fn attributes(
    source: &str,
    source_port: &str,
    destination: &str,
    destination_port: &str,
) -> Vec<(String, String)> {
    [("ADDR", source), ("PORT", source_port), ("DESTADDR", destination), ("DESTPORT", destination_port)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\nEHLO x\r\n";
        let Header::Complete(40, found) = read(line, ProxyHeader::Any) else { panic!("version 1") };
        assert_eq!(found[0], ("ADDR".to_owned(), "192.0.2.1".to_owned()));
        let mut binary = SIGNATURE.to_vec();
        binary.extend_from_slice(&[0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 15, 160, 0, 25]);
        let Header::Complete(28, found) = read(&binary, ProxyHeader::Any) else { panic!("version 2") };
        assert_eq!(found[1], ("PORT".to_owned(), "4000".to_owned()));
        for cut in 0..binary.len() {
            assert!(matches!(read(&binary[..cut], ProxyHeader::V2), Header::Incomplete), "{cut}");
        }
    }

    #[test]
    fn what_is_no_header_is_broken() {
        assert!(matches!(read(b"EHLO x\r\n", ProxyHeader::Any), Header::Broken));
        assert!(matches!(read(b"PROXY TCP4 a b c d\r\n", ProxyHeader::V1), Header::Broken));
        assert!(matches!(read(&[b'P'; 200], ProxyHeader::V1), Header::Broken));
        assert!(matches!(read(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", ProxyHeader::V2), Header::Broken));
    }
}
