//! The dialogue with an HTTP proxy (RFC 9110 §9.3.6), with a login by RFC 7617 if there is one.

use super::{Host, Proxy, ProxyFault};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use core::net::IpAddr;
use zeroize::Zeroizing;

/// An answer has at most so many octets, interim ones included.
const LONGEST: usize = 16 * 1024;

const VERSION: &[u8] = b"HTTP/1.";
const LOGIN: &[u8] = b"Proxy-Authorization: Basic ";

pub(super) struct Dialogue {
    has_login: bool,
    /// The status line, without its end.
    status_line: Vec<u8>,
    is_in_status_line: bool,
    /// Whether the line that is under way has no octet yet.
    is_line_empty: bool,
    count: usize,
    is_done: bool,
}

impl Dialogue {
    /// The dialogue, and what it begins with.
    pub(super) fn new(
        proxy: &Proxy,
        host: &str,
        port: u16,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), ProxyFault> {
        let authority = match Host::new(host)? {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            Host::Address(IpAddr::V4(address)) => format!("{address}:{port}"),
            Host::Name(name) => format!("{name}:{port}"),
        };
        let mut request = Zeroizing::new(Vec::new());
        let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some((user, password)) = &proxy.login {
            // A colon ends the user name.
            if user.contains(':') {
                return Err(ProxyFault::InvalidLogin);
            }
            let password = password.expose();
            let mut login = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
            login.extend_from_slice(user.as_bytes());
            login.push(b':');
            login.extend_from_slice(password);
            // As long as it gets, so that no part of it stays where it outgrew its place.
            let mut encoded = Zeroizing::new(String::with_capacity(login.len().div_ceil(3) * 4));
            STANDARD.encode_string(&*login, &mut encoded);
            request.reserve_exact(head.len() + LOGIN.len() + encoded.len() + 4);
            for part in [head.as_bytes(), LOGIN, encoded.as_bytes(), b"\r\n"] {
                request.extend_from_slice(part);
            }
        } else {
            request.extend_from_slice(head.as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        if request.len() > LONGEST {
            return Err(ProxyFault::LoginTooLong);
        }
        let dialogue = Self {
            has_login: proxy.login.is_some(),
            status_line: Vec::new(),
            is_in_status_line: true,
            is_line_empty: true,
            count: 0,
            is_done: false,
        };
        Ok((dialogue, request))
    }

    /// How many octets may be read: only the blank line tells the end of an answer, and the server's follow it.
    pub(super) fn wanted(&self) -> usize {
        usize::from(!self.is_done)
    }

    /// Takes an octet of an answer; there is never more to write.
    pub(super) fn received(&mut self, octets: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, ProxyFault> {
        let (&[octet], false) = (octets, self.is_done) else {
            return Err(ProxyFault::Violation("sent more than was asked for"));
        };
        self.count += 1;
        if self.count > LONGEST {
            return Err(ProxyFault::Violation("sent an answer that is too long"));
        }
        match octet {
            b'\n' if self.is_in_status_line => {
                self.status()?;
                self.is_in_status_line = false;
                self.is_line_empty = true;
            }
            b'\n' if self.is_line_empty => self.end_of_answer()?,
            b'\n' => self.is_line_empty = true,
            _ if self.is_in_status_line => {
                if self.count == 1 && octet != VERSION[0] {
                    return Err(ProxyFault::OtherProtocol(octet));
                }
                self.status_line.push(octet);
            }
            b'\r' => {}
            _ => self.is_line_empty = false,
        }
        Ok(None)
    }

    /// The status of the answer, whose line is complete (RFC 9112 §4).
    fn status(&self) -> Result<u16, ProxyFault> {
        let broken = ProxyFault::Violation("answered with a status line that is no HTTP/1");
        let [_, b' ', digits @ ..] = self.status_line.strip_prefix(VERSION).unwrap_or_default() else {
            return Err(broken);
        };
        let (digits, rest) = digits.split_at_checked(3).ok_or_else(|| broken.clone())?;
        if !digits.iter().all(u8::is_ascii_digit) || !matches!(rest.first(), None | Some(b' ' | b'\r')) {
            return Err(broken);
        }
        Ok(digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
    }

    /// The blank line came.
    fn end_of_answer(&mut self) -> Result<(), ProxyFault> {
        match self.status()? {
            // What follows it is the server's, whatever the header section says of a length (RFC 9110 §9.3.6).
            200..=299 => self.is_done = true,
            // Another protocol was not asked for; other interim answers precede the final one (RFC 9110 §15.2).
            status @ 100..=199 if status != 101 => {
                self.status_line.clear();
                self.is_in_status_line = true;
            }
            407 if self.has_login => return Err(ProxyFault::LoginRefused),
            407 => return Err(ProxyFault::LoginRequired),
            status => return Err(ProxyFault::Status(status)),
        }
        Ok(())
    }
}
