//! Defines [`Xclient`] and [`DnsServer`], what `--xclient` and `--dns` take.

use smtp_core::{XclientAttribute, XclientLogin};
use std::mem::discriminant;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The attributes of XCLIENT, at least one and none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Xclient(pub(crate) Vec<XclientAttribute>);

/// How a server is told that a thing is not known.
const UNAVAILABLE: &str = "[UNAVAILABLE]";

impl FromStr for Xclient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut attributes: Vec<XclientAttribute> = Vec::new();
        for word in text.split_ascii_whitespace() {
            let (name, value) = word.split_once('=').ok_or_else(|| {
                format!("{word:?} is no ATTR=VALUE, try 'NAME=client.example ADDR=192.0.2.1'")
            })?;
            let attribute = attribute(name, value)?;
            if attributes.iter().any(|known| discriminant(known) == discriminant(&attribute)) {
                return Err(format!("{name} is given twice"));
            }
            // What xtext cannot say is refused now, not when the server is there.
            attribute.to_parameter().map_err(|error| format!("{name}: {error}"))?;
            attributes.push(attribute);
        }
        if attributes.is_empty() {
            return Err("an attribute is missing, try 'NAME=client.example ADDR=192.0.2.1'".to_string());
        }
        Ok(Self(attributes))
    }
}

fn attribute(name: &str, value: &str) -> Result<XclientAttribute, String> {
    let wrong = |what: &str| format!("{name}={value}: the value is no {what}, nor {UNAVAILABLE}");
    let value = Some(value).filter(|value| !value.eq_ignore_ascii_case(UNAVAILABLE));
    let address = || {
        let parse = |text: &str| {
            let text = match text.get(..5) {
                Some(tag) if tag.eq_ignore_ascii_case("IPV6:") => &text[5..],
                _ => text,
            };
            text.parse::<IpAddr>().map_err(|_| wrong("IP address"))
        };
        value.map(parse).transpose()
    };
    let port = || value.map(|text| text.parse().map_err(|_| wrong("port"))).transpose();
    Ok(match name.to_ascii_uppercase().as_str() {
        "NAME" => XclientAttribute::Name(
            value.map(|text| text.parse().map_err(|_| wrong("host name"))).transpose()?,
        ),
        "ADDR" => XclientAttribute::Address(address()?),
        "PORT" => XclientAttribute::Port(port()?),
        "PROTO" => match value.map(str::to_ascii_uppercase).as_deref() {
            Some("ESMTP") => XclientAttribute::IsExtended(true),
            Some("SMTP") => XclientAttribute::IsExtended(false),
            _ => return Err(format!("{name} is SMTP or ESMTP")),
        },
        "HELO" => XclientAttribute::Hello(
            value.map(|text| text.parse().map_err(|_| wrong("host name or address literal"))).transpose()?,
        ),
        "LOGIN" => XclientAttribute::Login(
            value.map(|text| XclientLogin::new(text).map_err(|_| wrong("login name"))).transpose()?,
        ),
        "DESTADDR" => XclientAttribute::DestinationAddress(address()?),
        "DESTPORT" => XclientAttribute::DestinationPort(port()?),
        _ => {
            return Err(format!(
                "{name:?} is none of NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR and DESTPORT"
            ));
        }
    })
}

/// A DNS server to ask instead of the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DnsServer(pub(crate) SocketAddr);

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

impl FromStr for DnsServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>()
            && address.port() != 0
        {
            return Ok(Self(address));
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let address: IpAddr = bare.parse().map_err(|_| {
            format!("{text:?} is no address of a DNS server, try 192.0.2.53 or [2001:db8::53]:53")
        })?;
        Ok(Self(SocketAddr::new(address, DNS_PORT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_and_written() {
        let read: Xclient =
            "name=spike.example ADDR=2001:db8::1 Port=[unavailable] PROTO=smtp HELO=[192.0.2.1] \
                             LOGIN=you DESTADDR=IPV6:::1 DESTPORT=25"
                .parse()
                .unwrap();
        let written: Vec<_> =
            read.0.iter().map(|attribute| attribute.to_parameter().unwrap().to_string()).collect();
        assert_eq!(
            written.join(" "),
            "NAME=spike.example ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE] PROTO=SMTP HELO=[192.0.2.1] LOGIN=you \
             DESTADDR=IPV6:::1 DESTPORT=25"
        );
    }

    #[test]
    fn what_is_no_attribute_is_refused_by_name() {
        for (text, part) in [
            (" ", "is missing"),
            ("NAME", "no ATTR=VALUE"),
            ("NOM=x", "none of NAME"),
            ("ADDR=mx", "no IP address"),
            ("PORT=99999", "no port"),
            ("PROTO=QMTP", "SMTP or ESMTP"),
            ("NAME=a NAME=b", "twice"),
            ("NAME=bücher.example", "NAME"),
        ] {
            let error = text.parse::<Xclient>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_dns_server_is_an_address() {
        for (text, address) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:5353", "[::1]:5353"),
        ] {
            assert_eq!(text.parse::<DnsServer>().unwrap().0.to_string(), address);
        }
        for text in ["", "dns.example", "192.0.2.53:0", "192.0.2.53:x"] {
            assert!(text.parse::<DnsServer>().is_err(), "{text}");
        }
    }
}
