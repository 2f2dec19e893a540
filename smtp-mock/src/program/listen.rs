//! Reads an address to listen on: `1025`, `:1025`, `localhost:1025`, `127.0.0.1:1025`, `[::1]:1025`.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};

/// Reads an address; a port alone is one of loopback.
pub(super) fn parse(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("«{text}» is no address to listen on, try 1025, localhost:1025 or 127.0.0.1:0");
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if host.is_empty() || host.contains([':', ' ']) {
        return Err(wrong());
    }
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("cannot find {host}: {error}"))?;
    // Clients try 127.0.0.1 for localhost sooner or later, but not all of them ::1.
    let mut addresses: Vec<_> = addresses.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| format!("{host} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_of_loopback() {
        for (text, address) in [
            ("1025", "127.0.0.1:1025"),
            (":1025", "127.0.0.1:1025"),
            ("localhost:1025", "127.0.0.1:1025"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:25", "[::1]:25"),
            ("0.0.0.0:25", "0.0.0.0:25"),
        ] {
            assert_eq!(parse(text).map(|address| address.to_string()).as_deref(), Ok(address), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":", "localhost", "70000", "localhost:smtp", "::1:25x", "127.0.0.1", "a b:25"] {
            assert!(parse(text).unwrap_err().contains(text), "{text}");
        }
    }
}
