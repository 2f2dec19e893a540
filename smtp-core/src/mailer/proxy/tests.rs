use super::*;
use crate::Secret;
use alloc::string::String;
use alloc::vec;

fn proxy(kind: ProxyKind) -> Proxy {
    Proxy::new(kind, "proxy.example", 1080)
}

fn with_login(kind: ProxyKind) -> Proxy {
    proxy(kind).with_login("you", Secret::from("s3cr3t"))
}

/// What was written, how many octets were read, and how it ended.
type Played = (Vec<u8>, usize, Result<(), ProxyFault>);

/// Plays a proxy that sends `answers` whatever it hears; each read and write ends after `cut` octets at the latest.
fn play(proxy: &Proxy, host: &str, answers: &[u8], cut: usize) -> Played {
    let mut exchange = match ProxyExchange::new(proxy, host, 25) {
        Ok(exchange) => exchange,
        Err(fault) => return (Vec::new(), 0, Err(fault)),
    };
    let (mut heard, mut read) = (Vec::new(), 0);
    loop {
        match exchange.step() {
            ProxyStep::Write(octets) => {
                let count = octets.len().min(cut);
                heard.extend_from_slice(&octets[..count]);
                exchange.written(count);
            }
            ProxyStep::Read(limit) => {
                let count = limit.min(cut).min(answers.len() - read);
                let octets = &answers[read..read + count];
                read += count;
                if let Err(fault) = exchange.received(octets) {
                    return (heard, read, Err(fault));
                }
            }
            ProxyStep::Done => return (heard, read, Ok(())),
        }
    }
}

/// The same at every cut, where nothing may differ.
fn played(proxy: &Proxy, host: &str, answers: &[u8]) -> Played {
    let whole = play(proxy, host, answers, usize::MAX);
    for cut in 1..=40 {
        assert_eq!(play(proxy, host, answers, cut), whole, "cut after {cut}");
    }
    whole
}

#[test]
fn socks_leaves_a_name_to_the_proxy_and_the_servers_octets_to_the_server() {
    let answers = b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34220 mx";
    let (heard, read, end) = played(&proxy(ProxyKind::Socks5), "mx.example", answers);
    end.unwrap();
    assert_eq!(heard, b"\x05\x01\x00\x05\x01\x00\x03\x0amx.example\x00\x19");
    assert_eq!(read, answers.len() - 6);
}

#[cfg(feature = "idna")]
#[test]
fn a_name_in_another_script_leaves_as_a_labels() {
    let (heard, ..) = played(&proxy(ProxyKind::Socks5), "bücher.example", b"\x05\x00");
    assert!(heard.ends_with(b"\x15xn--bcher-kva.example\x00\x19"), "{heard:?}");
    let (heard, ..) = played(&proxy(ProxyKind::Http), "bücher.example", b"");
    assert!(heard.starts_with(b"CONNECT xn--bcher-kva.example:25 "), "{heard:?}");
}

#[test]
fn socks_takes_addresses_of_every_kind() {
    let (heard, _, end) =
        played(&proxy(ProxyKind::Socks5), "192.0.2.1", b"\x05\x00\x05\x00\x00\x03\x02ab\x12\x34");
    end.unwrap();
    assert_eq!(heard[3..], *b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x19");
    let answers = [&b"\x05\x00\x05\x00\x00\x04"[..], &[0; 18], b"220"].concat();
    let (heard, read, end) = played(&proxy(ProxyKind::Socks5), "::1", &answers);
    end.unwrap();
    assert_eq!((&heard[3..7], read), (&b"\x05\x01\x00\x04"[..], answers.len() - 3));
    // A name without an octet still has its port.
    let (_, read, end) = played(&proxy(ProxyKind::Socks5), "::1", b"\x05\x00\x05\x00\x00\x03\x00\x12\x34220");
    end.unwrap();
    assert_eq!(read, 9);
}

#[test]
fn a_socks_login_leaves_only_if_it_is_wanted() {
    let answers = b"\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\0";
    let (heard, _, end) = played(&with_login(ProxyKind::Socks5), "192.0.2.1", answers);
    end.unwrap();
    assert!(heard.starts_with(b"\x05\x02\x00\x02\x01\x03you\x06s3cr3t\x05\x01\x00"), "{heard:?}");
    let answers = b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0";
    let (heard, _, end) = played(&with_login(ProxyKind::Socks5), "192.0.2.1", answers);
    end.unwrap();
    assert!(!heard.windows(6).any(|octets| octets == b"s3cr3t"));
}

#[test]
fn each_failure_of_socks_has_its_fault() {
    use ProxyFault::{
        Closed, LoginNotAccepted, LoginRefused, LoginRequired, OtherProtocol, Refused, Violation,
    };
    let (plain, login) = (proxy(ProxyKind::Socks5), with_login(ProxyKind::Socks5));
    for (proxy, answers, fault) in [
        (&plain, &b"\x05\xff"[..], LoginRequired),
        (&login, b"\x05\xff", LoginNotAccepted),
        (&login, b"\x05\x02\x01\x01", LoginRefused),
        (&plain, b"\x05\x02", Violation("chose a login that it was not offered")),
        (&plain, b"HTTP/1.1 400", OtherProtocol(b'H')),
        (&plain, b"\x00\x5b", OtherProtocol(0)),
        (&plain, b"220 mx", OtherProtocol(b'2')),
        (&plain, b"", Closed),
        (&plain, b"\x05\x00\x05\x00\x00\x01\0", Closed),
        (&plain, b"\x05\x00\x04\x00\x00\x01", Violation("answered in another version")),
        (&plain, b"\x05\x00\x05\x00\x00\x09", Violation("answered with an address of an unknown kind")),
        (&plain, b"\x05\x00\x05\x01\x00\x01", Refused(1)),
        (&plain, b"\x05\x00\x05\x63\x00\x01", Refused(0x63)),
    ] {
        let fault = Err(fault);
        for cut in 1..=answers.len().max(1) {
            assert_eq!(play(proxy, "mx.example", answers, cut).2, fault, "{answers:?}");
        }
    }
}

#[test]
fn http_connects_and_leaves_the_servers_octets_to_the_server() {
    let answers = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\nContent-Length: 5\r\n\r\n220 mx\r\n";
    let (heard, read, end) = played(&proxy(ProxyKind::Http), "mx.example", answers);
    end.unwrap();
    assert_eq!(heard, b"CONNECT mx.example:25 HTTP/1.1\r\nHost: mx.example:25\r\n\r\n");
    assert_eq!(read, answers.len() - 8);
    let (heard, read, end) = played(&proxy(ProxyKind::Http), "::1", b"HTTP/1.0 200\n\n220");
    end.unwrap();
    assert!(heard.starts_with(b"CONNECT [::1]:25 HTTP/1.1\r\nHost: [::1]:25\r\n"), "{heard:?}");
    assert_eq!(read, 14);
}

#[test]
fn interim_answers_of_http_precede_the_final_one() {
    let answers = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 204 \r\n\r\n220";
    let (_, read, end) = played(&proxy(ProxyKind::Http), "mx.example", answers);
    end.unwrap();
    assert_eq!(read, answers.len() - 3);
}

#[test]
fn an_http_login_is_basic() {
    let (heard, _, end) = played(&with_login(ProxyKind::Http), "mx.example", b"HTTP/1.1 200 OK\r\n\r\n");
    end.unwrap();
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.ends_with("\r\nProxy-Authorization: Basic eW91OnMzY3IzdA==\r\n\r\n"), "{heard}");
}

#[test]
fn each_failure_of_http_has_its_fault() {
    use ProxyFault::{Closed, LoginRefused, LoginRequired, OtherProtocol, Status, Violation};
    let (plain, login) = (proxy(ProxyKind::Http), with_login(ProxyKind::Http));
    let broken = Violation("answered with a status line that is no HTTP/1");
    for (proxy, answers, fault) in [
        (&plain, &b"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n"[..], LoginRequired),
        (&login, b"HTTP/1.1 407 \r\n\r\n", LoginRefused),
        (&plain, b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Status(502)),
        (&plain, b"HTTP/1.1 101 Switching\r\n\r\n", Status(101)),
        (&plain, b"\x05\x00", OtherProtocol(5)),
        (&plain, b"220 mx", OtherProtocol(b'2')),
        (&plain, b"", Closed),
        (&plain, b"HTTP/1.1 200 OK\r\nVia: x\r\n", Closed),
        (&plain, b"HTTP/2 200\r\n", broken.clone()),
        (&plain, b"HTTP/1.1 2000 OK\r\n", broken.clone()),
        (&plain, b"HTTP/1.1 20\r\n", broken.clone()),
        (&plain, b"HTTP/1.1 2x0 \r\n", broken.clone()),
        (&plain, b"HELLO\r\n", broken),
    ] {
        for cut in [1, usize::MAX] {
            assert_eq!(play(proxy, "mx.example", answers, cut).2, Err(fault.clone()), "{answers:?}");
        }
    }
}

#[test]
fn an_http_answer_without_end_is_given_up() {
    for answers in [
        [&b"HTTP/1.1 200 OK\r\nX: "[..], &vec![b'x'; 1 << 15]].concat(),
        [&b"HTTP/1.1 "[..], &vec![b'2'; 1 << 15]].concat(),
        b"HTTP/1.1 100 \r\n\r\n".repeat(2000),
    ] {
        let (_, read, end) = play(&proxy(ProxyKind::Http), "mx.example", &answers, usize::MAX);
        assert_eq!(end, Err(ProxyFault::Violation("sent an answer that is too long")));
        assert_eq!(read, 16 * 1024 + 1);
    }
}

#[test]
fn what_cannot_be_sent_is_refused_before_an_octet_leaves() {
    for kind in [ProxyKind::Socks5, ProxyKind::Http] {
        for host in ["mx.example\r\nX: y", "mx.example HTTP/1.1", "", "a/b", "a@b", "a:25", "a\0b"] {
            assert_eq!(played(&proxy(kind), host, b"").2, Err(ProxyFault::InvalidName), "{host:?}");
        }
        assert_eq!(played(&proxy(kind), &"x".repeat(256), b"").2, Err(ProxyFault::NameTooLong));
    }
    let long = proxy(ProxyKind::Socks5).with_login("you", Secret::from("x".repeat(256)));
    assert_eq!(played(&long, "mx.example", b"").2, Err(ProxyFault::LoginTooLong));
    let colon = proxy(ProxyKind::Http).with_login("y:ou", Secret::from("x"));
    assert_eq!(played(&colon, "mx.example", b"").2, Err(ProxyFault::InvalidLogin));
}

#[test]
fn no_debug_output_shows_the_password() {
    for kind in [ProxyKind::Socks5, ProxyKind::Http] {
        let mut exchange = ProxyExchange::new(&with_login(kind), "mx.example", 25).unwrap();
        let mut shown = alloc::format!("{exchange:?} {:?}", exchange.step());
        exchange.written(usize::MAX);
        if kind == ProxyKind::Socks5 {
            exchange.received(b"\x05\x02").unwrap();
        }
        shown.extend([alloc::format!("{exchange:?} {:?}", exchange.step())]);
        assert!(
            !shown.contains("s3cr3t") && !shown.contains("MzY3IzdA") && !shown.contains("115"),
            "{shown}"
        );
    }
}
