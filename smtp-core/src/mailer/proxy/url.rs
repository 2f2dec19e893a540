//! Reads a [`Proxy`] from a URL.

use super::{Proxy, ProxyKind};
use crate::Secret;
use crate::mailer::{HostAndPort, ProxyUrlError};
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// The port of SOCKS (RFC 1928 §3).
const SOCKS: u16 = 1080;
/// A user name or password of SOCKS5 has at most so many octets (RFC 1929 §2).
const LONGEST: usize = 255;

/// `socks5://[user:password@]host[:port]` or `http://[user:password@]host:port`, with `%XX` in user name and password.
impl FromStr for Proxy {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyUrlError::Scheme)?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => ProxyKind::Socks5,
            "http" => ProxyKind::Http,
            _ => return Err(ProxyUrlError::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, authority) = match rest.rsplit_once('@') {
            Some((login, authority)) => (Some(self::login(login, kind)?), authority),
            None => (None, rest),
        };
        if authority.contains(['/', '?', '#']) {
            return Err(ProxyUrlError::Path);
        }
        let HostAndPort { host, port } = authority.parse().map_err(ProxyUrlError::Host)?;
        let default = if kind == ProxyKind::Http { None } else { Some(SOCKS) };
        let port = port.or(default).ok_or(ProxyUrlError::NoPort)?;
        Ok(Self { login, ..Self::new(kind, host, port) })
    }
}

fn login(text: &str, kind: ProxyKind) -> Result<(String, Secret), ProxyUrlError> {
    let (user, password) = text.split_once(':').ok_or(ProxyUrlError::NoPassword)?;
    let decoded = |text: &str| Zeroizing::new(percent_decode_str(text).collect::<Vec<u8>>());
    let (user, password) = (decoded(user), decoded(password));
    for (what, octets) in [("user name", &user), ("password", &password)] {
        if kind == ProxyKind::Socks5 && !(1..=LONGEST).contains(&octets.len()) {
            return Err(ProxyUrlError::Length(what));
        }
    }
    let user = String::from_utf8(user.to_vec()).map_err(|_| ProxyUrlError::NotUtf8)?;
    Ok((user, Secret::from(password.to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailer::HostError;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn proxies_are_read_with_and_without_a_login() {
        let proxy: Proxy = "socks5://you:p%40ss%3a%2F@proxy.example:1081/".parse().unwrap();
        let (user, password) = proxy.login.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("you", &b"p@ss:/"[..]));
        assert_eq!(proxy.to_string(), "proxy.example:1081");
        assert!(!format!("{proxy:?}").contains("p@ss"), "{proxy:?}");
        let proxy: Proxy = "SOCKS5H://[::1]".parse().unwrap();
        assert_eq!((proxy.to_string().as_str(), proxy.login), ("[::1]:1080", None));
        let proxy: Proxy = "http://you:pass@proxy.example:3128".parse().unwrap();
        assert_eq!((proxy.kind, proxy.to_string().as_str()), (ProxyKind::Http, "proxy.example:3128"));
    }

    #[test]
    fn an_error_of_a_proxy_never_repeats_the_password() {
        for (text, wanted) in [
            ("proxy.example:1080", ProxyUrlError::Scheme),
            ("socks4://you:s3cr3t@proxy.example:3128", ProxyUrlError::Scheme),
            ("http://you:s3cr3t@proxy.example", ProxyUrlError::NoPort),
            ("socks5://you@proxy.example", ProxyUrlError::NoPassword),
            ("socks5://you:@proxy.example", ProxyUrlError::Length("password")),
            ("socks5://you:s3cr3t@", ProxyUrlError::Host(HostError::Missing)),
            ("socks5://you:s3cr3t@proxy:0", ProxyUrlError::Host(HostError::Port)),
            ("socks5://you:s3cr3t", ProxyUrlError::Host(HostError::Port)),
            ("socks5://you:s3c/r3t@proxy/s3cr3t", ProxyUrlError::Path),
            ("socks5://%ff:s3cr3t@proxy", ProxyUrlError::NotUtf8),
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert_eq!(error, wanted, "{text}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("s3cr3t") && !shown.contains("s3c/"), "{shown}");
        }
        let long = format!("socks5://you:{}@proxy", "x".repeat(256));
        assert_eq!(long.parse::<Proxy>(), Err(ProxyUrlError::Length("password")));
    }
}
