//! Defines [`Proxy`] and [`Header`], what `--proxy` and `--proxy-header` take.

use super::server::{NO_PORT, host_and_port};
use smtp_core::{ProxyHeader, Secret, mailer};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use zeroize::Zeroizing;

/// A SOCKS5 server that connects for us (RFC 1928).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// Name or address, without brackets.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// User name and password, where it wants a login (RFC 1929).
    pub(crate) login: Option<(String, Secret)>,
}

/// The port of SOCKS (RFC 1928 §3).
const DEFAULT_PORT: u16 = 1080;
/// So many octets a user name or password may have (RFC 1929 §2).
const LONGEST: usize = 255;

impl Proxy {
    /// The text of such an option with its password masked, also where it is none.
    pub(crate) fn masked(text: &str) -> String {
        let (scheme, rest) = text.split_once("://").unwrap_or(("socks5", text));
        let login = rest.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host)));
        login.map_or_else(|| text.to_string(), |(user, host)| format!("{scheme}://{user}:***@{host}"))
    }
}

impl FromStr for Proxy {
    type Err = String;

    // No complaint repeats what may be a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("a proxy is given as socks5://host:port or socks5://user:password@host:port")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "socks5" | "socks5h") {
            return Err("the scheme is not socks5://, which is the only kind of proxy known".to_string());
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(self::login(login)?), rest),
            None => (None, rest),
        };
        if rest.contains(['/', '?', '#']) {
            return Err(
                "a path, a query or a fragment has no meaning here; in user or password write them as %XX"
                    .to_string(),
            );
        }
        let (host, port) = host_and_port(rest).map_err(|why| match why.as_str() {
            NO_PORT => {
                "what stands behind the colon is no port, which is a number from 1 to 65535; a password \
                        stands before @, and an @ or : in it is written %40 or %3A"
                    .to_string()
            }
            _ => why,
        })?;
        Ok(Self { host, port: port.unwrap_or(DEFAULT_PORT), login })
    }
}

/// Host and port, without the login.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn login(text: &str) -> Result<(String, Secret), String> {
    let (user, password) = text
        .split_once(':')
        .ok_or("the login of a proxy needs a password: socks5://user:password@host:port")?;
    let decoded =
        |text: &str| Zeroizing::new(percent_encoding::percent_decode_str(text).collect::<Vec<u8>>());
    let (user, password) = (decoded(user), decoded(password));
    for (what, octets) in [("user name", &user), ("password", &password)] {
        if octets.is_empty() || octets.len() > LONGEST {
            return Err(format!("the {what} of a proxy has 1 to {LONGEST} octets"));
        }
    }
    let user = String::from_utf8(user.to_vec()).map_err(|_| "the user name of the proxy is not UTF-8")?;
    Ok((user, Secret::from(password.to_vec())))
}

/// A header of the PROXY protocol that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether it is of version 2, not 1.
    is_binary: bool,
    /// The client to name, if it is not our end of the connection.
    source: Option<SocketAddr>,
    /// The server to name, if it is not its end.
    destination: Option<SocketAddr>,
}

impl From<Header> for mailer::HeaderTemplate {
    fn from(header: Header) -> Self {
        let mut template = Self::new();
        template.is_binary = header.is_binary;
        template.source = header.source;
        template.destination = header.destination;
        template
    }
}

impl From<&Proxy> for mailer::Proxy {
    fn from(proxy: &Proxy) -> Self {
        let core = Self::new(mailer::ProxyKind::Socks5, &*proxy.host, proxy.port);
        match &proxy.login {
            Some((user, password)) => core.with_login(&**user, password.clone()),
            None => core,
        }
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(';');
        let is_binary = match parts.next().map(str::trim) {
            Some("v1") => false,
            Some("v2") => true,
            _ => return Err("a PROXY header is v1 or v2, then ;src=IP:PORT or ;dst=IP:PORT".to_string()),
        };
        let mut header = Self { is_binary, source: None, destination: None };
        for part in parts {
            let part = part.trim();
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let place = match name {
                "src" => &mut header.source,
                "dst" => &mut header.destination,
                _ => return Err(format!("{part:?} is neither src=IP:PORT nor dst=IP:PORT")),
            };
            let address = value.parse().map_err(|_| {
                format!("{value:?} is no IP:PORT, try 192.0.2.1:50000 or [2001:db8::1]:50000")
            })?;
            if place.replace(address).is_some() {
                return Err(format!("{name}= is given twice"));
            }
        }
        if let (Some(source), Some(destination)) = (header.source, header.destination) {
            ProxyHeader::new(source, destination).map_err(|error| error.to_string())?;
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_with_and_without_a_login() {
        let proxy: Proxy = "socks5://you:p%40ss%3a%2F@proxy.example:1081/".parse().unwrap();
        let (user, password) = proxy.login.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("you", &b"p@ss:/"[..]));
        assert_eq!(proxy.to_string(), "proxy.example:1081");
        assert!(!format!("{proxy:?}").contains("p@ss"), "{proxy:?}");
        let proxy: Proxy = "SOCKS5H://[::1]".parse().unwrap();
        assert_eq!((proxy.to_string().as_str(), proxy.login), ("[::1]:1080", None));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_a_word_of_the_password() {
        for (text, part) in [
            ("proxy.example:1080", "socks5://host:port"),
            ("http://proxy.example:3128", "the only kind"),
            ("socks5://you@proxy.example", "needs a password"),
            ("socks5://you:@proxy.example", "1 to 255 octets"),
            ("socks5://you:s3cr3t@", "host name is missing"),
            ("socks5://you:s3cr3t@proxy:0", "no port"),
            ("socks5://you:s3cr3t", "no port"),
            ("socks5://you:s3c/r3t@proxy/s3cr3t", "no meaning"),
            ("socks5://%ff:s3cr3t@proxy", "not UTF-8"),
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("s3cr3t") && !error.contains("s3c/"), "{error}");
            assert!(!Proxy::masked(text).contains(":s3cr3t@"), "{}", Proxy::masked(text));
        }
        assert!(format!("socks5://you:{}@proxy", "x".repeat(256)).parse::<Proxy>().is_err());
    }

    #[test]
    fn the_password_is_masked_and_nothing_else() {
        for (text, masked) in [
            ("socks5://you:s3cr@t@proxy:1080", "socks5://you:***@proxy:1080"),
            ("you:s3cr3t@proxy", "socks5://you:***@proxy"),
            ("socks5://proxy:1080", "socks5://proxy:1080"),
        ] {
            assert_eq!(Proxy::masked(text), masked);
        }
    }

    #[test]
    fn a_header_takes_the_addresses_of_the_connection_where_none_are_given() {
        let local = Some("127.0.0.1:40000".parse().unwrap());
        let peer = Some("127.0.0.1:25".parse().unwrap());
        let template = |text: &str| mailer::HeaderTemplate::from(text.parse::<Header>().unwrap());
        let octets = |text: &str| template(text).octets(local, peer).unwrap();
        assert_eq!(octets("v1"), b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n");
        assert_eq!(octets("v1;src=192.0.2.1:7"), b"PROXY TCP4 192.0.2.1 127.0.0.1 7 25\r\n");
        assert_eq!(
            octets("v1; dst=[2001:db8::2]:25;src=[2001:db8::1]:7"),
            b"PROXY TCP6 2001:db8::1 2001:db8::2 7 25\r\n"
        );
        assert_eq!(octets("v2;src=192.0.2.1:7;dst=192.0.2.2:25").len(), 28);
        assert!(template("v1;src=[::1]:7").octets(local, peer).is_err());
        assert!(template("v2").octets(None, None).is_err());
    }

    #[test]
    fn what_is_no_header_is_refused_by_name() {
        for (text, part) in [
            ("", "v1 or v2"),
            ("v3", "v1 or v2"),
            ("v1;192.0.2.1:25", "neither src="),
            ("v1;src=192.0.2.1", "no IP:PORT"),
            ("v1;src=192.0.2.1:1;src=192.0.2.1:2", "twice"),
            ("v2;src=192.0.2.1:1;dst=[::1]:25", "both be IPv4"),
        ] {
            let error = text.parse::<Header>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
