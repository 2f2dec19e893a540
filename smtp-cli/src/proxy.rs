//! Provides [`negotiate`]: what is said to a SOCKS5 server so that it connects for us (RFC 1928), with a login where it
//! wants one (RFC 1929).
//!
//! Of the libraries for this, the blocking one (`socks`) has seen no release since 2022 and knows no deadline for the
//! whole, and the others want an asynchronous runtime around the connection; the exchange is three messages.
//! The server's name is looked up by the proxy, as curl's `socks5h://` does, so that nothing of it is asked here.

use crate::args::Proxy;
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use smtp_core::Domain;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use zeroize::Zeroizing;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks the proxy at the other end of `stream` to connect to that host.
pub(crate) fn negotiate(
    stream: &mut (impl Read + Write),
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<()> {
    let destination = destination(host, port)?;
    let methods: &[u8] = if proxy.login.is_some() { &[NO_LOGIN, USER_AND_PASSWORD] } else { &[NO_LOGIN] };
    let mut greeting = vec![VERSION, if proxy.login.is_some() { 2 } else { 1 }];
    greeting.extend_from_slice(methods);
    say(stream, proxy, &greeting)?;
    let [version, method] = read(stream, proxy)?;
    if version != VERSION {
        return Err(no_socks(proxy, version));
    }
    match (method, &proxy.login) {
        (NO_LOGIN, _) => {}
        (USER_AND_PASSWORD, Some((user, password))) => {
            log_in(stream, proxy, user, password.expose())?;
        }
        (NO_METHOD, None) => {
            return Err(Error::new(
                Exit::NO_PERMISSION,
                format!(
                    "the proxy {proxy} wants a login, give it as socks5://user:password@host:port, best by \
                     SMTP_CLI_PROXY"
                ),
            ));
        }
        (NO_METHOD, Some(_)) => {
            return Err(Error::new(
                Exit::NO_PERMISSION,
                format!("the proxy {proxy} takes no login by user and password, try it without"),
            ));
        }
        _ => return Err(broken(proxy, "chose a login that it was not offered")),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    request.extend_from_slice(&destination);
    say(stream, proxy, &request)?;
    let [version, code, _, kind] = read(stream, proxy)?;
    if version != VERSION {
        return Err(broken(proxy, "answered in another version"));
    }
    if code != 0 {
        return Err(refused(proxy, host, port, code));
    }
    // The address that the proxy connected from, which nobody needs.
    match kind {
        IPV4 => read::<6>(stream, proxy).map(drop),
        IPV6 => read::<18>(stream, proxy).map(drop),
        NAME => {
            let [length] = read(stream, proxy)?;
            let mut rest = vec![0; usize::from(length) + 2];
            stream.read_exact(&mut rest).map_err(|error| lost(proxy, &error))
        }
        _ => Err(broken(proxy, "answered with an address of no known kind")),
    }
}

/// User name and password (RFC 1929 §2).
fn log_in(stream: &mut (impl Read + Write), proxy: &Proxy, user: &str, password: &[u8]) -> Result<()> {
    let too_long = || Error::usage("the login of the proxy is too long");
    let mut login = Zeroizing::new(Vec::with_capacity(3 + user.len() + password.len()));
    login.push(1);
    for octets in [user.as_bytes(), password] {
        login.push(u8::try_from(octets.len()).map_err(|_| too_long())?);
        login.extend_from_slice(octets);
    }
    say(stream, proxy, &login)?;
    let [_, status] = read(stream, proxy)?;
    if status == 0 {
        return Ok(());
    }
    Err(Error::new(
        Exit::NO_PERMISSION,
        format!("the proxy {proxy} refused the login of {user}, check user and password of --proxy"),
    ))
}

/// Host and port as a request has them: an address as such, a name for the proxy to look up.
fn destination(host: &str, port: u16) -> Result<Vec<u8>> {
    let mut octets = match host.parse() {
        Ok(IpAddr::V4(address)) => [&[IPV4], &address.octets()[..]].concat(),
        Ok(IpAddr::V6(address)) => [&[IPV6], &address.octets()[..]].concat(),
        Err(_) => {
            let ascii = host.parse::<Domain>().ok().and_then(|domain| domain.to_ascii().ok());
            let name = ascii.as_ref().map_or(host, Domain::as_str);
            let length = u8::try_from(name.len()).map_err(|_| {
                Error::usage(format!("the host name {name} has more than the 255 octets that a proxy takes"))
            })?;
            [&[NAME, length], name.as_bytes()].concat()
        }
    };
    octets.extend_from_slice(&port.to_be_bytes());
    Ok(octets)
}

fn say(stream: &mut impl Write, proxy: &Proxy, octets: &[u8]) -> Result<()> {
    stream.write_all(octets).and_then(|()| stream.flush()).map_err(|error| lost(proxy, &error))
}

fn read<const N: usize>(stream: &mut impl Read, proxy: &Proxy) -> Result<[u8; N]> {
    let mut octets = [0; N];
    stream.read_exact(&mut octets).map_err(|error| lost(proxy, &error))?;
    Ok(octets)
}

fn lost(proxy: &Proxy, error: &io::Error) -> Error {
    let text = match error.kind() {
        io::ErrorKind::TimedOut => {
            format!("the proxy {proxy} did not answer in time, give it more by --timeout connect=DUR")
        }
        io::ErrorKind::UnexpectedEof => {
            format!("the proxy {proxy} ended the connection; is it a SOCKS5 server?")
        }
        _ => format!("the connection to the proxy {proxy} broke: {}", Reworded(error)),
    };
    Error::new(Exit::TEMPORARY, text)
}

fn no_socks(proxy: &Proxy, version: u8) -> Error {
    let what = match version {
        0 | 4 => "it speaks SOCKS4, not SOCKS5",
        b'H' => "it speaks HTTP, not SOCKS5",
        b'2' | b'5' => "it may be a mail server; --proxy names a SOCKS5 server, --server the mail server",
        _ => "it does not speak SOCKS5",
    };
    broken(proxy, &format!("is no SOCKS5 server: {what}"))
}

fn broken(proxy: &Proxy, what: &str) -> Error {
    Error::new(Exit::PROTOCOL, format!("the proxy {proxy} {what}"))
}

/// What a negative reply means (RFC 1928 §6).
fn refused(proxy: &Proxy, host: &str, port: u16, code: u8) -> Error {
    let (exit, why) = match code {
        1 => (Exit::TEMPORARY, "it failed, and the proxy does not say why".to_string()),
        2 => (Exit::UNAVAILABLE, "its rules do not allow that".to_string()),
        3 => (Exit::TEMPORARY, "the network cannot be reached".to_string()),
        4 => (Exit::TEMPORARY, "the host cannot be reached, or its name does not resolve there".to_string()),
        5 => (Exit::TEMPORARY, "the connection was refused; is it the right --port?".to_string()),
        6 => (Exit::TEMPORARY, "the way is too long (TTL)".to_string()),
        7 => (Exit::UNAVAILABLE, "it knows no CONNECT".to_string()),
        8 => (Exit::UNAVAILABLE, "it knows no addresses of this kind".to_string()),
        code => (Exit::PROTOCOL, format!("it gave the unknown reply {code}")),
    };
    Error::new(exit, format!("the proxy {proxy} did not connect to {host} port {port}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy that says this, whatever it hears.
    struct Script {
        answers: io::Cursor<Vec<u8>>,
        heard: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            // One octet at a time, as a network may give them.
            let length = buffer.len().min(1);
            self.answers.read(&mut buffer[..length])
        }
    }

    impl Write for Script {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.heard.extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn negotiated(url: &str, host: &str, answers: &[u8]) -> (Result<()>, Vec<u8>, u64) {
        let mut script = Script { answers: io::Cursor::new(answers.to_vec()), heard: Vec::new() };
        let done = negotiate(&mut script, &url.parse().unwrap(), host, 25);
        (done, script.heard, script.answers.position())
    }

    #[test]
    fn a_name_is_left_to_the_proxy() {
        let answers = b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34220 mx";
        let (done, heard, read) = negotiated("socks5://proxy", "mx.example", answers);
        done.unwrap();
        assert_eq!(heard, b"\x05\x01\x00\x05\x01\x00\x03\x0amx.example\x00\x19");
        // What the server behind the proxy says is left to whom it is for.
        assert_eq!(read, answers.len() as u64 - 6);
        let (_, heard, _) = negotiated("socks5://proxy", "bücher.example", answers);
        assert!(heard.ends_with(b"\x15xn--bcher-kva.example\x00\x19"), "{heard:?}");
    }

    #[test]
    fn addresses_go_as_addresses_and_come_as_what_they_are() {
        let (done, heard, _) =
            negotiated("socks5://proxy", "192.0.2.1", b"\x05\x00\x05\x00\x00\x03\x02ab\x12\x34");
        done.unwrap();
        assert_eq!(heard[3..], *b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19");
        let answers = [&b"\x05\x00\x05\x00\x00\x04"[..], &[0; 18]].concat();
        let (done, heard, read) = negotiated("socks5://proxy", "::1", &answers);
        done.unwrap();
        assert_eq!((heard[3..7].to_vec(), read), (b"\x05\x01\x00\x04".to_vec(), answers.len() as u64));
    }

    #[test]
    fn a_login_is_said_where_it_is_wanted() {
        let answers = b"\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\0";
        let (done, heard, _) = negotiated("socks5://you:s3cr3t@proxy", "192.0.2.1", answers);
        done.unwrap();
        assert!(heard.starts_with(b"\x05\x02\x00\x02\x01\x03you\x06s3cr3t\x05\x01\x00"), "{heard:?}");
        let (done, heard, _) =
            negotiated("socks5://you:s3cr3t@proxy", "192.0.2.1", b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0");
        done.unwrap();
        assert!(!heard.windows(6).any(|octets| octets == b"s3cr3t"));
    }

    #[test]
    fn every_failure_has_its_words_and_its_status() {
        let login = "socks5://you:s3cr3t@proxy";
        for (url, answers, status, words) in [
            ("socks5://proxy", &b"\x05\xff"[..], 77, "wants a login"),
            (login, b"\x05\xff", 77, "no login by user"),
            (login, b"\x05\x02\x01\x01", 77, "refused the login of you"),
            ("socks5://proxy", b"\x05\x02", 76, "not offered"),
            ("socks5://proxy", b"HTTP/1.1 400", 76, "HTTP"),
            ("socks5://proxy", b"\x00\x5b", 76, "SOCKS4"),
            ("socks5://proxy", b"220 mx", 76, "mail server"),
            ("socks5://proxy", b"", 75, "is it a SOCKS5 server?"),
            ("socks5://proxy", b"\x05\x00\x05\x00\x00\x01\0", 75, "ended the connection"),
            ("socks5://proxy", b"\x05\x00\x04\x00\x00\x01", 76, "another version"),
            ("socks5://proxy", b"\x05\x00\x05\x00\x00\x09", 76, "no known kind"),
            ("socks5://proxy", b"\x05\x00\x05\x01\x00\x01", 75, "does not say why"),
            ("socks5://proxy", b"\x05\x00\x05\x02\x00\x01", 69, "rules"),
            ("socks5://proxy", b"\x05\x00\x05\x03\x00\x01", 75, "network"),
            ("socks5://proxy", b"\x05\x00\x05\x04\x00\x01", 75, "does not resolve"),
            ("socks5://proxy", b"\x05\x00\x05\x05\x00\x01", 75, "--port"),
            ("socks5://proxy", b"\x05\x00\x05\x06\x00\x01", 75, "TTL"),
            ("socks5://proxy", b"\x05\x00\x05\x07\x00\x01", 69, "CONNECT"),
            ("socks5://proxy", b"\x05\x00\x05\x08\x00\x01", 69, "of this kind"),
            ("socks5://proxy", b"\x05\x00\x05\x63\x00\x01", 76, "99"),
        ] {
            let error = negotiated(url, "mx.example", answers).0.unwrap_err();
            assert_eq!(error.exit().status(), status, "{error}");
            let text = error.to_string();
            assert!(text.contains(words) && text.contains("proxy:1080"), "{words}: {text}");
            assert!(!text.contains("s3cr3t"), "{text}");
        }
        let error = negotiated("socks5://proxy", &"x".repeat(256), b"").0.unwrap_err();
        assert_eq!(error.exit(), Exit::USAGE);
    }
}
