//! The dialogue with a SOCKS5 server (RFC 1928), with a login if it requires one (RFC 1929).

use super::{Host, Proxy, ProxyFault};
use crate::Secret;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use zeroize::Zeroizing;

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What is written, which may hold a password.
type Output = Zeroizing<Vec<u8>>;

pub(super) struct Dialogue {
    login: Option<(String, Secret)>,
    /// The last request, which waits for the proxy's choice of a login.
    request: Vec<u8>,
    state: State,
    /// What came of the answer that is expected.
    answer: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Version and method.
    Choice,
    /// Version and status of the login.
    Login,
    /// Version, reply, a reserved octet and the kind of address.
    Reply,
    /// The length of a name.
    Length,
    /// So many octets of the address that the proxy connected from, which nobody needs.
    Rest(usize),
    Done,
}

impl State {
    /// How many octets the answer has.
    const fn length(self) -> usize {
        match self {
            Self::Choice | Self::Login => 2,
            Self::Reply => 4,
            Self::Length => 1,
            Self::Rest(count) => count,
            Self::Done => 0,
        }
    }
}

impl Dialogue {
    /// The dialogue, and what it begins with.
    pub(super) fn new(proxy: &Proxy, host: &str, port: u16) -> Result<(Self, Output), ProxyFault> {
        if let Some((user, password)) = &proxy.login
            && user.len().max(password.expose().len()) > 255
        {
            return Err(ProxyFault::LoginTooLong);
        }
        let mut request = Vec::from([VERSION, CONNECT, 0]);
        match Host::new(host)? {
            Host::Address(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend_from_slice(&address.octets());
            }
            Host::Address(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend_from_slice(&address.octets());
            }
            Host::Name(name) => {
                request.extend_from_slice(&[
                    NAME,
                    u8::try_from(name.len()).map_err(|_| ProxyFault::NameTooLong)?,
                ]);
                request.extend_from_slice(name.as_bytes());
            }
        }
        request.extend_from_slice(&port.to_be_bytes());
        let greeting: &[u8] = match proxy.login {
            Some(_) => &[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD],
            None => &[VERSION, 1, NO_LOGIN],
        };
        let dialogue = Self { login: proxy.login.clone(), request, state: State::Choice, answer: Vec::new() };
        Ok((dialogue, Zeroizing::new(greeting.to_vec())))
    }

    /// How many octets may be read.
    pub(super) fn wanted(&self) -> usize {
        self.state.length() - self.answer.len()
    }

    /// Takes octets of an answer; gives what to write after a whole one.
    pub(super) fn received(&mut self, octets: &[u8]) -> Result<Option<Output>, ProxyFault> {
        if octets.len() > self.wanted() {
            return Err(TOO_MUCH);
        }
        // What is wrong from its first octet on is not awaited.
        if self.answer.is_empty() && self.state == State::Choice && octets[0] != VERSION {
            return Err(ProxyFault::OtherProtocol(octets[0]));
        }
        self.answer.extend_from_slice(octets);
        if self.wanted() > 0 {
            return Ok(None);
        }
        let answer = core::mem::take(&mut self.answer);
        let (state, output) = self.next(&answer)?;
        self.state = state;
        Ok(output)
    }

    fn next(&mut self, answer: &[u8]) -> Result<(State, Option<Output>), ProxyFault> {
        let request = |dialogue: &mut Self| Some(Zeroizing::new(core::mem::take(&mut dialogue.request)));
        Ok(match (self.state, answer) {
            (State::Choice, [_, NO_LOGIN]) | (State::Login, [_, 0]) => (State::Reply, request(self)),
            (State::Choice, [_, USER_AND_PASSWORD]) if self.login.is_some() => {
                (State::Login, self.login.take().map(login))
            }
            (State::Choice, [_, NO_METHOD]) if self.login.is_some() => {
                return Err(ProxyFault::LoginNotAccepted);
            }
            (State::Choice, [_, NO_METHOD]) => return Err(ProxyFault::LoginRequired),
            (State::Choice, _) => return Err(ProxyFault::Violation("chose a login that it was not offered")),
            (State::Login, _) => return Err(ProxyFault::LoginRefused),
            (State::Reply, [VERSION, 0, _, IPV4]) => (State::Rest(4 + 2), None),
            (State::Reply, [VERSION, 0, _, IPV6]) => (State::Rest(16 + 2), None),
            (State::Reply, [VERSION, 0, _, NAME]) => (State::Length, None),
            (State::Reply, [VERSION, 0, ..]) => {
                return Err(ProxyFault::Violation("answered with an address of an unknown kind"));
            }
            (State::Reply, [VERSION, code, ..]) => return Err(ProxyFault::Refused(*code)),
            (State::Reply, _) => return Err(ProxyFault::Violation("answered in another version")),
            (State::Length, answer) => (State::Rest(usize::from(answer[0]) + 2), None),
            (State::Rest(_) | State::Done, _) => (State::Done, None),
        })
    }
}

/// A driver that read on would take octets from the server.
const TOO_MUCH: ProxyFault = ProxyFault::Violation("sent more than was asked for");

/// User name and password (RFC 1929 §2), whose lengths are known to fit.
fn login((user, password): (String, Secret)) -> Zeroizing<Vec<u8>> {
    let password = password.expose();
    let mut octets = Zeroizing::new(Vec::with_capacity(3 + user.len() + password.len()));
    octets.push(LOGIN_VERSION);
    for part in [user.as_bytes(), password] {
        octets.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
        octets.extend_from_slice(part);
    }
    octets
}
