//! Provides the name of this machine, and random text for a login.

use crate::EhloDomain;
use crate::mailer::{Error, ErrorKind};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::string::String;

/// The full name of this machine, or this address as a literal if it has none (RFC 5321 §4.1.3).
pub(crate) fn own_name(address: Option<IpAddr>) -> EhloDomain {
    let name = gethostname::gethostname();
    let name = name.to_string_lossy();
    let domain = name.parse().ok().filter(|_| name.contains('.') && name.parse::<IpAddr>().is_err());
    domain.unwrap_or_else(|| EhloDomain::from(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))))
}

/// Random text for one login.
pub(crate) fn nonce() -> Result<String, Error> {
    let mut octets = [0; 18];
    getrandom::fill(&mut octets)
        .map_err(|error| Error::new(ErrorKind::System).with_source(std::format!("no randomness: {error}")))?;
    Ok(octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    }))
}

/// A number from 0 to 1 that cannot be foreseen; 0.5 on a system without randomness.
pub(crate) fn jitter() -> f64 {
    let mut octets = [0; 4];
    match getrandom::fill(&mut octets) {
        Ok(()) => f64::from(u32::from_le_bytes(octets)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}
