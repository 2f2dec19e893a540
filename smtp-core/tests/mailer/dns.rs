//! Look-ups of mail exchangers, answered by a server of this file.

use crate::streams::LONG;
use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use smtp_core::blocking::{self, Cancel, Wait};
use smtp_core::mailer::{Error, ErrorKind, Family, LookUpFault};
use smtp_core::tokio::{Dns, Exchangers};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// Answers from a table; its thread ends with the program.
fn server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..count]) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
    address
}

fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).unwrap();
    let query = question.queries.first().unwrap().clone();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let mx = |preference, name: &str| RData::MX(MX::new(preference, Name::from_ascii(name).unwrap()));
    let name = query.name().to_ascii();
    let (code, records) = match (name.as_str(), query.query_type()) {
        ("example.org.", RecordType::MX) => (
            ResponseCode::NoError,
            vec![
                mx(20, "C.example.org."),
                mx(10, "a.example.org."),
                mx(10, "b.example.org."),
                mx(10, "A.example.org."),
            ],
        ),
        ("null.example.", RecordType::MX) => (ResponseCode::NoError, vec![mx(0, ".")]),
        ("null-and-more.example.", RecordType::MX) => {
            (ResponseCode::NoError, vec![mx(0, "."), mx(5, "a.example.org.")])
        }
        ("a.example.org.", RecordType::A) => {
            (ResponseCode::NoError, vec![RData::A(A::new(192, 0, 2, 1)), RData::A(A::new(192, 0, 2, 2))])
        }
        ("a.example.org.", RecordType::AAAA) => {
            (ResponseCode::NoError, vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))])
        }
        ("four.example.", RecordType::A) => (ResponseCode::NoError, vec![RData::A(A::new(192, 0, 2, 4))]),
        // The other kind is never answered.
        ("half.example.", RecordType::A) => (ResponseCode::NoError, vec![RData::A(A::new(192, 0, 2, 5))]),
        ("half.example." | "silent.example.", _) => return None,
        ("fails.example.", _) => (ResponseCode::ServFail, Vec::new()),
        ("four.example." | "implicit.example.", _) => (ResponseCode::NoError, Vec::new()),
        _ => (ResponseCode::NXDomain, Vec::new()),
    };
    answer.metadata.response_code = code;
    answer.add_answers(records.into_iter().map(|data| Record::from_rdata(query.name().clone(), 60, data)));
    Some(answer.to_vec().unwrap())
}

/// What both faces look up, which must be the same.
struct Both {
    blocking: blocking::Dns,
    tokio: Dns,
    runtime: tokio::runtime::Runtime,
}

impl Both {
    fn new() -> Self {
        let server = Some(server());
        Self {
            blocking: blocking::Dns::new(server).unwrap(),
            tokio: Dns::new(server),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    fn exchangers(&self, domain: &str, limit: Duration) -> Result<Exchangers, Error> {
        let one = self.blocking.exchangers(domain, &Wait::new(Instant::now() + limit, &Cancel::default()));
        let other = self.runtime.block_on(self.tokio.exchangers(domain, Instant::now() + limit));
        assert_eq!(one, other);
        one
    }

    fn addresses(&self, host: &str, family: Option<Family>, limit: Duration) -> Result<Vec<IpAddr>, Error> {
        let wait = Wait::new(Instant::now() + limit, &Cancel::default());
        let one = self.blocking.addresses(host, family, &wait);
        let other = self.runtime.block_on(self.tokio.addresses(host, family, Instant::now() + limit));
        assert_eq!(one, other);
        one
    }
}

fn fault<T: std::fmt::Debug>(result: Result<T, Error>, wanted: &str) -> LookUpFault {
    let error = result.unwrap_err();
    let ErrorKind::LookUp { name, fault } = error.kind() else { panic!("{error:?}") };
    assert_eq!(name, wanted);
    *fault
}

#[test]
fn exchangers_are_listed_by_preference_once_each() {
    let both = Both::new();
    let Exchangers::Listed(mut listed) = both.exchangers("example.org", LONG).unwrap() else { panic!() };
    for (_, names) in &mut listed {
        names.sort();
    }
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(listed, [(10, names(&["a.example.org", "b.example.org"])), (20, names(&["c.example.org"]))]);
    assert_eq!(both.exchangers("example.org.", LONG), both.exchangers("EXAMPLE.org", LONG));
}

#[test]
fn a_domain_without_exchangers_is_told_from_one_that_accepts_no_mail() {
    let both = Both::new();
    assert_eq!(both.exchangers("null.example", LONG), Ok(Exchangers::Null));
    assert_eq!(both.exchangers("implicit.example", LONG), Ok(Exchangers::Implicit));
    let found = both.exchangers("null-and-more.example", LONG).unwrap();
    assert_eq!(found, Exchangers::Listed(vec![(5, vec!["a.example.org".into()])]));
}

#[test]
fn addresses_are_those_of_the_families_that_are_wanted() {
    let both = Both::new();
    let (four, six) = (["192.0.2.1", "192.0.2.2"], ["2001:db8::1"]);
    let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
    let all = parsed(&[six[0], four[0], four[1]]);
    assert_eq!(both.addresses("a.example.org", None, LONG), Ok(all));
    assert_eq!(both.addresses("a.example.org", Some(Family::V4), LONG), Ok(parsed(&four)));
    assert_eq!(both.addresses("a.example.org", Some(Family::V6), LONG), Ok(parsed(&six)));
    let found = both.addresses("four.example", Some(Family::V6), LONG);
    assert_eq!(fault(found, "four.example"), LookUpFault::NoAddressOfFamily);
    assert_eq!(both.addresses("four.example", None, LONG), Ok(parsed(&["192.0.2.4"])));
}

#[test]
fn what_is_known_at_the_deadline_is_used() {
    let both = Both::new();
    let found = both.addresses("half.example", None, Duration::from_millis(500));
    assert_eq!(found, Ok(vec!["192.0.2.5".parse().unwrap()]));
}

#[test]
fn names_that_do_not_exist_servers_that_fail_and_silence_are_told_apart() {
    let both = Both::new();
    for (name, wanted, is_transient) in [
        ("no.example", LookUpFault::NoDomain, false),
        ("a..example", LookUpFault::NoDomain, false),
        ("fails.example", LookUpFault::Unavailable, true),
        ("silent.example", LookUpFault::TimedOut, true),
    ] {
        let limit = if wanted == LookUpFault::TimedOut { Duration::from_millis(300) } else { LONG };
        let found = both.exchangers(name, limit);
        assert_eq!(found.as_ref().unwrap_err().is_transient(), is_transient, "{name}");
        assert_eq!(fault(found, name), wanted);
        assert_eq!(fault(both.addresses(name, None, limit), name), wanted);
    }
    let found = both.addresses("implicit.example", None, LONG);
    assert_eq!(fault(found, "implicit.example"), LookUpFault::NoAddress);
}

#[test]
fn one_value_serves_several_runtimes_in_turn() {
    let dns = Dns::new(Some(server()));
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(dns.exchangers("null.example", Instant::now() + LONG));
        assert_eq!(found, Ok(Exchangers::Null));
    }
}
