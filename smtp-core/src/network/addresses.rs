//! The addresses that a connection may go to, in the order of RFC 8305, and what becomes of errors on the way to them.

use super::lookup::Answer;
use crate::mailer::{ConnectFault, Error, ErrorKind, LookUpFault, ProxyFault, Route, SettingError};
use std::io;
use std::net::SocketAddr;
use std::string::ToString;
use std::time::Duration;
use std::vec::Vec;

/// After so long without an answer the next address is tried too (RFC 8305 §5).
pub(crate) const STAGGER: Duration = Duration::from_millis(250);

/// The addresses of `name` that the route may use, both families in turn.
pub(crate) fn select(
    name: &str,
    addresses: Vec<SocketAddr>,
    route: &Route,
) -> Result<Vec<SocketAddr>, Error> {
    let mut addresses = interleaved(addresses);
    addresses.retain(|address| route.family.is_none_or(|family| family.has(address.ip())));
    if addresses.is_empty() {
        return Err(look_up_error(name, LookUpFault::NoAddressOfFamily));
    }
    addresses.retain(|address| route.bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4()));
    if addresses.is_empty() {
        return Err(SettingError::BindFamily.into());
    }
    Ok(addresses)
}

/// The addresses of a name that was looked up, with their port.
pub(crate) fn found(name: &str, port: u16, answer: Answer) -> Result<Vec<SocketAddr>, Error> {
    let addresses = answer.map_err(|error| look_up_error(name, LookUpFault::Failed).with_source(error))?;
    if addresses.is_empty() {
        return Err(look_up_error(name, LookUpFault::NoAddress));
    }
    Ok(addresses
        .iter()
        .map(|&address| {
            let mut address = address;
            address.set_port(port);
            address
        })
        .collect())
}

pub(crate) fn look_up_error(name: &str, fault: LookUpFault) -> Error {
    ErrorKind::LookUp { name: name.to_string(), fault }.into()
}

/// The ends of a connection that a PROXY header names: behind a proxy the other end is not the server.
pub(crate) fn header_ends(
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    route: &Route,
) -> (Option<SocketAddr>, Option<SocketAddr>) {
    // An IPv4 address that a socket of IPv6 shows as one of its own.
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    (local.map(canonical), peer.filter(|_| route.proxy.is_none()).map(canonical))
}

/// Why a connection to the server or to its proxy was not made.
pub(crate) fn connect_error(error: io::Error, route: &Route) -> Error {
    let fault = connect_fault(&error);
    let kind = match route.proxy {
        Some(_) => ErrorKind::Proxy(ProxyFault::Connect(fault)),
        None => ErrorKind::Connect(fault),
    };
    match fault {
        ConnectFault::Refused | ConnectFault::TimedOut => kind.into(),
        _ => Error::new(kind).with_source(error),
    }
}

/// What became of the connection to a proxy while it was asked to connect further.
pub(crate) fn proxy_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut => ErrorKind::Proxy(ProxyFault::TimedOut).into(),
        _ => Error::new(ErrorKind::Proxy(ProxyFault::Failed)).with_source(error),
    }
}

/// The families in turn, beginning with that of the first, each in its own order; none twice (RFC 8305 §4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let first_is_v6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        unique.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut mixed: Vec<_> =
        first.into_iter().flat_map(|address| [Some(address), second.next()]).flatten().collect();
    mixed.extend(second);
    mixed
}

/// What an error of the system means for a connection.
fn connect_fault(error: &io::Error) -> ConnectFault {
    // ENFILE and EMFILE; WSAEMFILE and WSAENOBUFS: there is no kind for them.
    let codes = if cfg!(windows) { [10_024, 10_055] } else { [23, 24] };
    let is_exhausted = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
        || error.raw_os_error().is_some_and(|code| codes.contains(&code));
    match error.kind() {
        _ if is_exhausted => ConnectFault::Exhausted,
        io::ErrorKind::ConnectionRefused => ConnectFault::Refused,
        io::ErrorKind::TimedOut => ConnectFault::TimedOut,
        _ => ConnectFault::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailer::Family;

    fn parsed(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let mixed =
            interleaved(parsed(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "[::1]:1", "2.2.2.2:1"]));
        assert_eq!(mixed, parsed(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]));
        let mixed = interleaved(parsed(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
        assert_eq!(mixed, parsed(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
    }

    #[test]
    fn addresses_that_the_route_excludes_are_told_by_what_excludes_them() {
        let kind = |addresses: &[&str], route: &Route| {
            select("mx.example", parsed(addresses), route).unwrap_err().kind().clone()
        };
        let name = "mx.example".to_string();
        let mut route = Route::default();
        let error = found(&name, 25, Ok(Vec::new().into())).unwrap_err();
        let fault = LookUpFault::NoAddress;
        assert_eq!(*error.kind(), ErrorKind::LookUp { name: name.clone(), fault });
        route.bind = Some([127, 0, 0, 1].into());
        assert_eq!(kind(&["[::1]:1"], &route), ErrorKind::Setting(SettingError::BindFamily));
        route.family = Some(Family::V4);
        let fault = LookUpFault::NoAddressOfFamily;
        assert_eq!(kind(&["[::1]:1"], &route), ErrorKind::LookUp { name, fault });
        let found = select("mx.example", parsed(&["[::1]:1", "1.1.1.1:1"]), &route);
        assert_eq!(found.unwrap(), parsed(&["1.1.1.1:1"]));
    }
}
