//! Defines [`ProxyHeader`], with which a proxy tells the server about the client.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// A header of the PROXY protocol, version 1 or 2 (defined in `doc/proxy-protocol.txt` of `HAProxy`).
///
/// The driver sends it, before the TLS handshake of implicit TLS and before it reads the greeting.
///
/// ```
/// use smtp_core::ProxyHeader;
///
/// let header = ProxyHeader::new("192.0.2.1:56324".parse()?, "198.51.100.7:25".parse()?)?;
/// assert_eq!(header.version_1(), b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n");
/// assert_eq!(header.version_2().len(), 16 + 12);
/// assert_eq!(ProxyHeader::unknown().version_1(), b"PROXY UNKNOWN\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProxyHeader {
    addresses: Option<(SocketAddr, SocketAddr)>,
}

/// The error for two addresses of different families in a [`ProxyHeader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MixedFamilies;

impl fmt::Display for MixedFamilies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("source and destination of a PROXY header must both be IPv4 or both be IPv6")
    }
}

impl core::error::Error for MixedFamilies {}

/// The signature of version 2, which is not a valid command in any protocol.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

impl ProxyHeader {
    /// Describes a TCP connection from `source` to `destination`.
    ///
    /// # Errors
    /// When one is IPv4 and the other IPv6.
    pub const fn new(source: SocketAddr, destination: SocketAddr) -> Result<Self, MixedFamilies> {
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(MixedFamilies);
        }
        Ok(Self { addresses: Some((source, destination)) })
    }

    /// Describes no connection: the server uses the addresses of the actual one.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { addresses: None }
    }

    /// Source and destination; `None` where the proxy does not say for whom it speaks.
    #[must_use]
    pub const fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.addresses
    }

    /// The header in version 1, a line of at most 107 octets.
    #[must_use]
    pub fn version_1(&self) -> Vec<u8> {
        let Some((source, destination)) = self.addresses else { return b"PROXY UNKNOWN\r\n".to_vec() };
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let (from, to) = (source.ip(), destination.ip());
        format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
    }

    /// The header in version 2.
    #[must_use]
    pub fn version_2(&self) -> Vec<u8> {
        /// The version in the high four bits, and the command LOCAL or PROXY in the low ones.
        const LOCAL: u8 = 0x20;
        const PROXY: u8 = 0x21;
        /// The address family and transport: unspecified, TCP over IPv4, TCP over IPv6.
        const UNSPECIFIED: u8 = 0x00;
        const TCP4: u8 = 0x11;
        const TCP6: u8 = 0x21;
        let mut octets = SIGNATURE.to_vec();
        let Some((source, destination)) = self.addresses else {
            octets.extend_from_slice(&[LOCAL, UNSPECIFIED, 0, 0]);
            return octets;
        };
        let (family, length) = if source.is_ipv4() { (TCP4, 12) } else { (TCP6, 36) };
        octets.extend_from_slice(&[PROXY, family, 0, length]);
        for address in [source.ip(), destination.ip()] {
            match address {
                IpAddr::V4(address) => octets.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => octets.extend_from_slice(&address.octets()),
            }
        }
        octets.extend_from_slice(&source.port().to_be_bytes());
        octets.extend_from_slice(&destination.port().to_be_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn the_longest_line_of_version_1() {
        let longest: SocketAddr = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap();
        let line = ProxyHeader::new(longest, longest).unwrap().version_1();
        assert_eq!(line.len(), 104);
        assert!(line.starts_with(b"PROXY TCP6 ffff:ffff:") && line.ends_with(b" 65535 65535\r\n"));
    }

    #[test]
    fn version_2_octet_for_octet() {
        let header = ProxyHeader::new("192.0.2.1:258".parse().unwrap(), "192.0.2.2:25".parse().unwrap());
        assert_eq!(
            header.unwrap().version_2(),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x01\x02\0\x19"
        );
        assert_eq!(ProxyHeader::unknown().version_2(), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }

    #[test]
    fn families_do_not_mix() {
        let (four, six) = ("192.0.2.1:1".parse().unwrap(), "[::1]:1".parse().unwrap());
        assert_eq!(ProxyHeader::new(four, six), Err(MixedFamilies));
    }

    /// Parses a header of either version, like a server.
    fn read(octets: &[u8]) -> (SocketAddr, SocketAddr) {
        if let Some(rest) = octets.strip_prefix(&SIGNATURE[..]) {
            let (head, body) = rest.split_at(4);
            assert_eq!((head[0], usize::from(u16::from_be_bytes([head[2], head[3]]))), (0x21, body.len()));
            let width = if head[1] == 0x11 { 4 } else { 16 };
            let address = |octets: &[u8]| match <[u8; 4]>::try_from(octets) {
                Ok(octets) => IpAddr::from(octets),
                Err(_) => IpAddr::from(<[u8; 16]>::try_from(octets).unwrap()),
            };
            let port = |at: usize| u16::from_be_bytes([body[2 * width + at], body[2 * width + at + 1]]);
            let (from, to) = (address(&body[..width]), address(&body[width..2 * width]));
            return ((from, port(0)).into(), (to, port(2)).into());
        }
        let line = String::from_utf8(octets.to_vec()).unwrap();
        let words: Vec<&str> = line.strip_suffix("\r\n").unwrap().split(' ').collect();
        let address = |ip: usize, port: usize| {
            let ip: IpAddr = words[ip].parse().unwrap();
            assert_eq!(words[1], if ip.is_ipv4() { "TCP4" } else { "TCP6" });
            SocketAddr::new(ip, words[port].parse().unwrap())
        };
        (address(2, 4), address(3, 5))
    }

    proptest! {
        #[test]
        fn printed_values_parse_to_the_same_value(
            four in any::<[[u8; 4]; 2]>(), six in any::<[[u8; 16]; 2]>(), ports in any::<[u16; 2]>(), is_four in any::<bool>()
        ) {
            let address = |at: usize| {
                let ip = if is_four { IpAddr::from(four[at]) } else { IpAddr::from(six[at]) };
                SocketAddr::new(ip, ports[at])
            };
            let header = ProxyHeader::new(address(0), address(1)).unwrap();
            prop_assert!(header.version_1().len() <= 107);
            prop_assert_eq!(read(&header.version_1()), (address(0), address(1)));
            prop_assert_eq!(read(&header.version_2()), (address(0), address(1)));
        }
    }
}
