//! Defines [`Server`] and [`DnsServer`], what `--server` and `--dns` take.

use smtp_core::mailer::{HostAndPort, HostError};
use smtp_core::{DomainPart, EhloDomain};
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where a password is not shown in the list of processes.
const PASSWORD_OPTIONS: &str = "--password-env, --password-file or --password-command";

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Where a message is sent to, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// A host by name or address.
    Host {
        /// The scheme of an URL.
        scheme: Option<Scheme>,
        /// The user of an URL.
        user: Option<String>,
        /// Name or address, without brackets.
        host: String,
        /// The port, if one is named.
        port: Option<u16>,
    },
    /// A socket of the file system.
    Unix(PathBuf),
    /// The bundled server.
    Mock,
}

/// The scheme of a server's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `smtp://`
    Smtp,
    /// `smtps://`: TLS from the first octet on.
    Smtps,
    /// `lmtp://`
    Lmtp,
}

impl Server {
    /// Reads what was typed; the path of a socket may be any that the system has.
    pub(crate) fn read(text: &OsStr) -> Result<Self, String> {
        match text.to_str() {
            Some(text) => text.parse(),
            None => Self::read_octets(text),
        }
    }

    #[cfg(unix)]
    fn read_octets(text: &OsStr) -> Result<Self, String> {
        use std::os::unix::ffi::OsStrExt;

        match text.as_bytes().strip_prefix(b"unix:") {
            Some(path) => Ok(Self::Unix(OsStr::from_bytes(path).into())),
            None => Err("what is not UTF-8 can only be the path behind unix:".to_string()),
        }
    }

    #[cfg(not(unix))]
    fn read_octets(_text: &OsStr) -> Result<Self, String> {
        Err("what is no Unicode cannot be a server".to_string())
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "mock" {
            return Ok(Self::Mock);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() || path.contains('\0') {
                return Err("unix: needs the path of a socket behind it".to_string());
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let behind_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
        // Before anything else, so that no other complaint repeats it.
        if behind_scheme.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(format!(
                "a password in an URL shows in the list of processes, use {PASSWORD_OPTIONS}"
            ));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.contains('@') {
                return Err("a user belongs into --user, or into an URL like smtp://user@host".to_string());
            }
            let (host, port) = host_and_port(text)?;
            return Ok(Self::Host { scheme: None, user: None, host, port });
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "smtp" | "submission" => Scheme::Smtp,
            "smtps" | "submissions" => Scheme::Smtps,
            "lmtp" => Scheme::Lmtp,
            _ => return Err("the scheme is none of smtp://, smtps:// and lmtp://".to_string()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err("a path, a query or a fragment has no meaning here, use options instead".to_string());
        }
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(percent_decoded(user)?), rest),
            None => (None, rest),
        };
        let (host, port) = host_and_port(rest)?;
        Ok(Self::Host { scheme: Some(scheme), user, host, port })
    }
}

/// A host and a port, if one is named.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let HostAndPort { host, port, .. } = text.parse().map_err(|error| match error {
        // What stands after a colon may be meant as a password.
        HostError::Port => format!("{error}; a password belongs into {PASSWORD_OPTIONS}"),
        error => error.to_string(),
    })?;
    Ok((host, port))
}

/// The name to give in EHLO, which is ASCII (RFC 6531 §3.7.1).
pub(crate) fn hello_name(text: &str) -> Result<EhloDomain, String> {
    let ascii = DomainPart::new(text).and_then(|part| part.to_ascii());
    ascii.and_then(EhloDomain::new).map_err(|error| error.to_string())
}

/// Undoes the `%XX` of an URL's user (RFC 3986 §2.1).
fn percent_decoded(text: &str) -> Result<String, String> {
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
    String::from_utf8(decoded).map_err(|_| "the user of the URL is not UTF-8".to_string())
}

/// A DNS server to ask instead of the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DnsServer(pub(crate) SocketAddr);

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

    fn host(scheme: Option<Scheme>, user: Option<&str>, host: &str, port: Option<u16>) -> Server {
        Server::Host { scheme, user: user.map(String::from), host: host.to_string(), port }
    }

    #[test]
    fn every_form_is_read() {
        for (text, server) in [
            ("mx.example.org", host(None, None, "mx.example.org", None)),
            ("::1", host(None, None, "::1", None)),
            ("smtp://mx.example.org", host(Some(Scheme::Smtp), None, "mx.example.org", None)),
            (
                "smtps://you%40example.org@mx:466/",
                host(Some(Scheme::Smtps), Some("you@example.org"), "mx", Some(466)),
            ),
            ("LMTP://[::1]:24", host(Some(Scheme::Lmtp), None, "::1", Some(24))),
            ("bücher.example:25", host(None, None, "xn--bcher-kva.example", Some(25))),
            ("unix:/run/lmtp", Server::Unix("/run/lmtp".into())),
            ("mock", Server::Mock),
        ] {
            assert_eq!(text.parse(), Ok(server), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_by_name() {
        for (text, part) in [
            ("", "host name is missing"),
            ("mx:smtp", "no port"),
            ("a b", "cannot stand in a host name"),
            ("http://mx", "the scheme"),
            ("smtp://you:secret", "--password-env"),
            ("smtp://you:secret@mx", "--password-env"),
            ("smtp://you:sec/ret@mx", "--password-env"),
            ("you:secret@mx", "--password-env"),
            ("smtp://mx/path", "no meaning"),
            ("you@mx", "--user"),
            ("unix:", "path of a socket"),
            ("smtp://%ff@mx", "not UTF-8"),
        ] {
            let error = text.parse::<Server>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
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
