//! Provides a DNS server for tests: a table of names, and answers that go wrong on request.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A mail exchanger of a preference.
    Mx(u16, &'static str),
    /// An address.
    Host(&'static str),
    /// Another name of it.
    Alias(&'static str),
    /// SERVFAIL to whatever is asked.
    Fail,
    /// No answer at all.
    Silent,
    /// Over UDP no more than that the answer is too long.
    Truncated,
}

/// The server, which ends with its value.
#[derive(Debug)]
pub(crate) struct DnsServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

/// What stops a thread that waits for a question.
const STOP: &[u8] = b"stop";

impl DnsServer {
    /// Answers by this table, on a free port of 127.0.0.1, over UDP and TCP.
    pub(crate) fn start(table: &[(&'static str, Entry)]) -> Self {
        let (udp, tcp) = (0..64)
            .find_map(|_| {
                let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("some port is free for both");
        let address = udp.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let table = Arc::new(table.to_vec());
        let over_udp = {
            let (table, asked) = (Arc::clone(&table), Arc::clone(&asked));
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok((count, from)) = udp.recv_from(&mut buffer) {
                    if &buffer[..count] == STOP {
                        break;
                    }
                    if let Some(answer) = answer(&buffer[..count], &table, true, &asked) {
                        udp.send_to(&answer, from).expect("loopback takes it");
                    }
                }
            })
        };
        let over_tcp = {
            let asked = Arc::clone(&asked);
            thread::spawn(move || {
                for stream in tcp.incoming() {
                    let Ok(stream) = stream else { break };
                    if serve(stream, &table, &asked).is_none() {
                        break;
                    }
                }
            })
        };
        Self { address, asked, threads: vec![over_udp, over_tcp] }
    }

    /// What `--dns` takes.
    pub(crate) fn option(&self) -> String {
        self.address.to_string()
    }

    /// What was asked for, in order, as `MX example.org` or, over TCP, `tcp MX example.org`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics while it asks").clone()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("some port is free");
        socket.send_to(STOP, self.address).expect("loopback takes it");
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            stream.write_all(&4_u16.to_be_bytes()).and_then(|()| stream.write_all(STOP)).ok();
        }
        for thread in self.threads.drain(..) {
            thread.join().expect("it does not panic");
        }
    }
}

/// Answers over one connection; `None` when the server is to stop.
fn serve(mut stream: TcpStream, table: &[(&'static str, Entry)], asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            break;
        }
        if question == STOP {
            return None;
        }
        let Some(answer) = answer(&question, table, false, asked) else { break };
        let length = u16::try_from(answer.len()).expect("answers are short").to_be_bytes();
        if stream.write_all(&length).and_then(|()| stream.write_all(&answer)).is_err() {
            break;
        }
    }
    Some(())
}

fn answer(
    question: &[u8],
    table: &[(&'static str, Entry)],
    is_udp: bool,
    asked: &Mutex<Vec<String>>,
) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).expect("the resolver asks in the form of DNS");
    let query = question.queries.first().expect("it asks for something").clone();
    let mut name = text(query.name());
    let transport = if is_udp { "" } else { "tcp " };
    let line = format!("{transport}{} {name}", query.query_type());
    asked.lock().expect("no test panics while it asks").push(line);
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let mut is_known = false;
    loop {
        let entries: Vec<_> =
            table.iter().filter(|(known, _)| *known == name).map(|(_, entry)| entry.clone()).collect();
        is_known |= !entries.is_empty();
        let owner = Name::from_ascii(format!("{name}.")).expect("the table has good names");
        let mut alias = None;
        for entry in entries {
            let data = match (entry, query.query_type()) {
                (Entry::Silent, _) => return None,
                (Entry::Fail, _) => {
                    answer.metadata.response_code = ResponseCode::ServFail;
                    return Some(answer.to_vec().expect("it can be written"));
                }
                (Entry::Truncated, _) if is_udp => {
                    answer.metadata.truncation = true;
                    return Some(answer.to_vec().expect("it can be written"));
                }
                (Entry::Mx(preference, host), RecordType::MX) => {
                    let host = Name::from_ascii(format!("{host}.")).expect("the table has good names");
                    RData::MX(MX::new(preference, host))
                }
                (Entry::Host(address), kind) => match (address.parse().expect("it is an address"), kind) {
                    (IpAddr::V4(address), RecordType::A) => RData::A(A(address)),
                    (IpAddr::V6(address), RecordType::AAAA) => RData::AAAA(AAAA(address)),
                    _ => continue,
                },
                (Entry::Alias(other), _) => {
                    alias = Some(other.to_string());
                    let other = Name::from_ascii(format!("{other}.")).expect("the table has good names");
                    RData::CNAME(CNAME(other))
                }
                _ => continue,
            };
            answer.add_answer(Record::from_rdata(owner.clone(), 60, data));
        }
        match alias {
            Some(other) => name = other,
            None => break,
        }
    }
    if !is_known {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    Some(answer.to_vec().expect("it can be written"))
}

fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
