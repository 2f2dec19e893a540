//! Reads [`Options`] from a URL.

use super::host::HostAndPort;
use super::options::Options;
use super::security::{Security, TlsVersion};
use super::server::{Family, Server};
use super::setting_error::SettingError;
use crate::{EhloDomain, Protocol, Secret, TimeoutChanges, parse_duration};
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;
use percent_encoding::percent_decode_str;

/// The port of submission (RFC 6409), of submission under TLS (RFC 8314) and of LMTP by habit.
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;
const LMTP: u16 = 24;

impl Options {
    /// Reads options from a URL: `smtp://[user[:password]@]host[:port][?key=value&…]`.
    ///
    /// The schemes are `smtp` (port 587), `smtps` (implicit TLS, port 465), `lmtp` (port 24) and `lmtp+unix` for the path of
    /// a unix socket. User name and password are percent-encoded; [`password`](Self::password) takes one that is not in the
    /// URL. The keys:
    ///
    /// `tls` (`none`, `opportunistic`, `starttls`, `implicit`), `tls-min`, `tls-name`, `tls-pin`, `helo`, `auth` (mechanisms,
    /// separated by commas), `protocol`, `family` (`4` or `6`), `bind`, `proxy` (`socks5://…` or `http://…`), `timeout`,
    /// `deadline`, `connections`, `messages`, `idle`, `lifetime`, `in-flight`, `retries`, `pipelining`, `chunking`.
    ///
    /// # Errors
    /// If a part of the URL is wrong or a key is not known; the error names the part, and never repeats a password.
    pub fn from_url(url: &str) -> Result<Self, SettingError> {
        options(url)
    }
}

/// Reads options from a URL.
fn options(text: &str) -> Result<Options, SettingError> {
    let (scheme, rest) =
        text.split_once("://").ok_or(url("scheme", "is missing: smtp://, smtps:// or lmtp://"))?;
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    if rest.contains('#') || query.is_some_and(|query| query.contains('#')) {
        return Err(url("fragment", "has no meaning; write # as %23"));
    }
    let (login, authority) = match rest.rsplit_once('@') {
        Some((login, authority)) => (Some(login), authority),
        None => (None, rest),
    };
    let scheme = scheme.to_ascii_lowercase();
    let mut options = match scheme.as_str() {
        "unix" | "lmtp+unix" => {
            let mut options = Options::new(Server::unix(percent_decode_str(authority).collect::<Vec<u8>>()));
            if scheme == "lmtp+unix" {
                options.settings.protocol = Protocol::Lmtp;
            }
            options
        }
        "smtp" | "smtps" | "lmtp" => {
            let default = match scheme.as_str() {
                "smtps" => SUBMISSIONS,
                "lmtp" => LMTP,
                _ => SUBMISSION,
            };
            let mut options = Options::new(server(authority, default)?);
            match scheme.as_str() {
                "smtps" => options.settings.security = Security::Implicit,
                "lmtp" => options.settings.protocol = Protocol::Lmtp,
                _ => {}
            }
            options
        }
        _ => return Err(url("scheme", "is not known: smtp://, smtps:// or lmtp://")),
    };
    if let Some(login) = login {
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        options = options.user(decoded("user name", user)?);
        if let Some(password) = password {
            let octets: Vec<u8> = percent_decode_str(password).collect();
            options = options.password(Secret::from(octets));
        }
    }
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
        options = set(options, key, &decoded("query", value)?)?;
    }
    Ok(options)
}

/// Sets one option by its key.
fn set(mut options: Options, key: &str, value: &str) -> Result<Options, SettingError> {
    let is_smtps = options.settings.security == Security::Implicit;
    match key {
        "tls" => {
            let security = match value {
                "none" => Security::None,
                "opportunistic" => Security::Opportunistic,
                "starttls" | "required" => Security::StartTls,
                "implicit" => Security::Implicit,
                _ => return Err(url("setting tls", "is none, opportunistic, starttls or implicit")),
            };
            if is_smtps && security != Security::Implicit {
                return Err(SettingError::Contradiction(
                    "the setting tls",
                    "smtps://, which is implicit TLS",
                ));
            }
            options.settings.security = security;
        }
        "tls-min" => {
            options.settings.trust.minimum = match value {
                "1.2" => TlsVersion::Tls12,
                "1.3" => TlsVersion::Tls13,
                _ => return Err(url("setting tls-min", "is 1.2 or 1.3")),
            }
        }
        "tls-name" => options.settings.trust.name = Some(value.to_string()),
        "tls-pin" => {
            let pin =
                value.parse().map_err(|_| url("setting tls-pin", "is sha256: and 64 hexadecimal digits"))?;
            options.settings.trust.pin = Some(pin);
        }
        "helo" => {
            let hello: EhloDomain =
                value.parse().map_err(|_| url("setting helo", "is no domain or address literal"))?;
            options.settings.hello = Some(hello);
        }
        "auth" => {
            let names = value.split(',').filter(|name| !name.is_empty());
            options = options.mechanisms(names.map(ToString::to_string));
        }
        "protocol" => {
            options.settings.protocol = match value {
                "esmtp" => Protocol::Esmtp,
                "smtp" => Protocol::Smtp,
                "lmtp" => Protocol::Lmtp,
                _ => return Err(url("setting protocol", "is esmtp, smtp or lmtp")),
            }
        }
        "family" => {
            options.settings.route.family = Some(match value {
                "4" => Family::V4,
                "6" => Family::V6,
                _ => return Err(url("setting family", "is 4 or 6")),
            });
        }
        "bind" => {
            let address = value.parse().map_err(|_| url("setting bind", "is no IP address"))?;
            options.settings.route.bind = Some(address);
        }
        "proxy" => options.settings.route.proxy = Some(value.parse()?),
        "timeout" => {
            let changes: TimeoutChanges = value.parse().map_err(|_| {
                url("setting timeout", "is a duration like 90s, or phases like rcpt=90s,end=5m")
            })?;
            changes.apply(&mut options.settings.timeouts);
        }
        "deadline" => options.deadline = Some(duration(value, "setting deadline")?),
        "connections" => options.pool.connections = count(value, "setting connections")?,
        "messages" => options.pool.messages = count(value, "setting messages")?,
        "idle" => options.pool.idle = duration(value, "setting idle")?,
        "lifetime" => options.pool.lifetime = duration(value, "setting lifetime")?,
        "in-flight" => {
            options.settings.limits.in_flight = count(value, "setting in-flight")?.min(64);
        }
        "retries" => {
            options.retries = value.parse().map_err(|_| url("setting retries", "is no number"))?;
        }
        "pipelining" => options = options.pipelining(switch(value, "setting pipelining")?),
        "chunking" => options = options.chunking(switch(value, "setting chunking")?),
        _ => {
            return Err(SettingError::UnknownKey(
                key.chars().filter(char::is_ascii_graphic).take(40).collect(),
            ));
        }
    }
    Ok(options)
}

/// The server of a URL's authority.
fn server(authority: &str, default: u16) -> Result<Server, SettingError> {
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains('/') {
        return Err(url("path", "has no meaning; in user name or password write / as %2F"));
    }
    // A name in another script may be percent-encoded (RFC 3986 §3.2.2).
    let HostAndPort { host, port } = decoded("host", authority)?.parse()?;
    Ok(Server::host(host, port.unwrap_or(default)))
}

fn decoded(part: &'static str, text: &str) -> Result<String, SettingError> {
    percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| url(part, "is not UTF-8"))
}

fn duration(text: &str, part: &'static str) -> Result<Duration, SettingError> {
    parse_duration(text).map_err(|_| url(part, "is a number with the unit ms, s, m or h, like 90s"))
}

fn count(text: &str, part: &'static str) -> Result<usize, SettingError> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(url(part, "is a number of at least 1")),
    }
}

fn switch(text: &str, part: &'static str) -> Result<bool, SettingError> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(url(part, "is true or false")),
    }
}

const fn url(part: &'static str, why: &'static str) -> SettingError {
    SettingError::Url { part, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn scheme_port_and_loopback_choose_the_security() {
        for (text, server, security) in [
            ("smtp://mx.example.org", "mx.example.org:587", Security::StartTls),
            ("smtp://mx.example.org:465", "mx.example.org:465", Security::Implicit),
            ("smtps://mx.example.org", "mx.example.org:465", Security::Implicit),
            ("smtp://127.0.0.1:2525", "127.0.0.1:2525", Security::Opportunistic),
            ("smtp://[::1]:25/", "[::1]:25", Security::Opportunistic),
            ("lmtp://mx.example.org", "mx.example.org:24", Security::StartTls),
            ("lmtp+unix:///run/lmtp", "unix:/run/lmtp", Security::Opportunistic),
            ("smtp://mx.example.org?tls=none", "mx.example.org:587", Security::None),
        ] {
            let options = options(text).unwrap();
            assert_eq!(
                (options.settings.server.to_string().as_str(), options.settings.security),
                (server, security)
            );
        }
    }

    #[test]
    fn user_and_password_are_percent_encoded_and_no_error_repeats_them() {
        let options = options("smtp://you%40example.org:p%40ss%2F%23%3A@mx.example.org:25").unwrap();
        let login = options.settings.login.unwrap();
        assert_eq!(login.user(), "you@example.org");
        let secret = login.secret(super::super::SecretRequest::Login).unwrap().unwrap();
        assert_eq!(secret.expose(), b"p@ss/#:");
        for text in [
            "smtp://you:hunter2@mx:99999",
            "smtp://you:hunter2/x@mx/path",
            "smtp://you:hunter2#@mx",
            "smtp://you:hunter2@",
            "http://you:hunter2@mx",
            "smtp://you:hunter2@mx?tls=hunter2",
            "smtp://you:hunter2@mx?proxy=socks4://hunter2",
            "you:hunter2@mx",
        ] {
            let error = super::options(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        assert_eq!(
            super::options("smtp://mx?colour=red").unwrap_err(),
            SettingError::UnknownKey("colour".to_string())
        );
    }

    #[test]
    fn every_common_setting_is_a_key() {
        let options = options(
            "smtp://mx.example.org?timeout=30s,end=5m&deadline=1m&connections=3&messages=5&idle=10&lifetime=500ms&in-flight=8\
             &retries=2&pipelining=false&chunking=no&helo=me.example&auth=PLAIN,LOGIN&family=4&bind=192.0.2.1&tls-min=1.3\
             &proxy=socks5://u:p@proxy",
        )
        .unwrap();
        let timeouts = options.settings.timeouts;
        assert_eq!((timeouts.mail, timeouts.end), (Duration::from_secs(30), Duration::from_mins(5)));
        assert_eq!(options.deadline, Some(Duration::from_mins(1)));
        assert_eq!((options.pool.connections, options.pool.messages), (3, 5));
        assert_eq!(options.pool.lifetime, Duration::from_millis(500));
        assert_eq!(options.settings.ignored_extensions, ["PIPELINING", "CHUNKING"]);
        let proxy = options.settings.route.proxy.unwrap();
        assert_eq!((proxy.to_string().as_str(), proxy.login.unwrap().0.as_str()), ("proxy:1080", "u"));
    }
}
