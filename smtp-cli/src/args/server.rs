//! Defines [`Server`], what `--server` takes, and reads the names of hosts, in other scripts too.

use smtp_core::{Domain, DomainPart, EhloDomain};
use std::ffi::OsStr;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// Why a password is not taken from an URL.
const PASSWORD_IN_URL: &str = "a password in an URL shows in the list of processes, use --password-env, --password-file or --password-command";

/// What stands behind a colon may be meant as a password, so it is not repeated.
pub(super) const NO_PORT: &str = "what stands behind the colon is no port, which is a number from 1 to 65535; a password belongs into --password-env, --password-file or --password-command";

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
            return Err(PASSWORD_IN_URL.to_string());
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

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port` and a bare `v6`.
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text.to_string(), None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']').ok_or("the bracket of the address is not closed")?;
            let address = host.strip_prefix("IPv6:").unwrap_or(host);
            if address.parse::<std::net::IpAddr>().is_err() {
                return Err("what stands between the brackets is no IP address".to_string());
            }
            let port = match behind {
                "" => None,
                behind => Some(behind.strip_prefix(':').ok_or("only :port may stand behind the bracket")?),
            };
            (address, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host = host_name(host)?;
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(NO_PORT.to_string()),
            Ok(port) => Some(port),
        },
    };
    Ok((host, port))
}

/// The name of a host; one in another script as its A-labels (RFC 5890 §2.3.2.1), by which it is looked up, named in a
/// handshake and looked for in a certificate.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the host name is missing".to_string());
    }
    if let Some(character) =
        text.chars().find(|&c| c.is_control() || c.is_whitespace() || "/\\@<>".contains(c))
    {
        return Err(format!("{character:?} cannot stand in a host name"));
    }
    if text.is_ascii() {
        return Ok(text.to_string());
    }
    // The full stops of East Asian scripts divide labels, too (RFC 5895 §2).
    let dotted = text.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    let (name, root) = dotted.strip_suffix('.').map_or((dotted.as_str(), ""), |name| (name, "."));
    let ascii = Domain::new(name).and_then(|domain| domain.to_ascii());
    let ascii = ascii.map_err(|error| format!("{text:?} is no host name: {error}"))?;
    Ok(format!("{}{root}", ascii.as_str()))
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
            ("mx.example.org:25", host(None, None, "mx.example.org", Some(25))),
            ("127.0.0.1:2525", host(None, None, "127.0.0.1", Some(2525))),
            ("::1", host(None, None, "::1", None)),
            ("[::1]", host(None, None, "::1", None)),
            ("[IPv6:::1]:24", host(None, None, "::1", Some(24))),
            ("smtp://mx.example.org", host(Some(Scheme::Smtp), None, "mx.example.org", None)),
            (
                "smtps://you%40example.org@mx:466/",
                host(Some(Scheme::Smtps), Some("you@example.org"), "mx", Some(466)),
            ),
            ("LMTP://[::1]:24", host(Some(Scheme::Lmtp), None, "::1", Some(24))),
            ("bücher.example:25", host(None, None, "xn--bcher-kva.example", Some(25))),
            ("smtps://BÜCHER。example.", host(Some(Scheme::Smtps), None, "xn--bcher-kva.example.", None)),
            ("my_host", host(None, None, "my_host", None)),
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
            (":25", "host name is missing"),
            ("mx:0", "no port"),
            ("mx:65536", "no port"),
            ("mx:smtp", "no port"),
            ("a b", "cannot stand in a host name"),
            ("bücher..example", "is no host name"),
            ("\u{200d}bücher.example", "is no host name"),
            ("ü_x.example", "is no host name"),
            ("mx\r\nQUIT", "cannot stand in a host name"),
            ("[::1", "not closed"),
            ("[mx]", "no IP address"),
            ("[::1]25", "only :port"),
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
}
