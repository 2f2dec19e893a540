//! What a proxy says before everything, and what keeps its password from being seen.

use crate::support::{ca_file, send, send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Certificate, Mock, ProxyHeader, Scenario};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

fn behind_proxy(header: ProxyHeader) -> smtp_mock::Builder {
    let mut scenario = Scenario::new();
    scenario.server.proxy = header;
    Mock::builder().scenario(scenario).certificate_name("127.0.0.1")
}

/// What the server believes of its client.
fn attributes(mock: &Mock) -> String {
    format!("{:?}", mock.messages().last().unwrap().envelope.attributes)
}

#[test]
fn a_proxy_header_comes_first_in_clear_and_before_starttls() {
    for (kind, header) in [(ProxyHeader::V1, "v1"), (ProxyHeader::V2, "v2")] {
        let header = format!("{header};src=192.0.2.7:50000;dst=192.0.2.25:25");
        let run = |mock: &Mock| send(mock).with(["--proxy-header", &header, "-v"]);
        let mock = behind_proxy(kind).start();
        let ran = run(&mock).exits(Exit::OK);
        assert!(ran.error.contains("=== PROXY header of version "), "{}", ran.error);
        assert!(attributes(&mock).contains("192.0.2.7"), "{}", attributes(&mock));
        let mock = behind_proxy(kind).starttls(Certificate::Good).start();
        let (_file, ca) = ca_file(&mock);
        run(&mock).with(["--tls", "starttls", "--ca-file", &ca]).exits(Exit::OK);
        assert!(attributes(&mock).contains("192.0.2.7"));
    }
}

#[test]
fn a_proxy_header_leaves_before_the_handshake_of_implicit_tls() {
    for (version, header) in [
        ("v1", &b"PROXY TCP4 192.0.2.7 192.0.2.25 50000 25\r\n"[..]),
        ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x19\xc3\x50\0\x19"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        let length = header.len();
        let heard = thread::spawn(move || {
            let mut octets = vec![0; length + 3];
            listener.accept().unwrap().0.read_exact(&mut octets).unwrap();
            octets
        });
        let option = format!("{version};src=192.0.2.7:50000;dst=192.0.2.25:25");
        // Whoever heard the hello of TLS hangs up.
        let ran = send_to(&server).with(["--tls", "implicit", "--proxy-header", &option]).run();
        assert!([75, 76].contains(&ran.exit.status()), "{}", ran.error);
        assert_eq!(heard.join().unwrap(), [header, b"\x16\x03\x01"].concat());
    }
}

#[test]
fn a_proxy_header_without_addresses_says_those_of_the_connection() {
    let mock = behind_proxy(ProxyHeader::Any).start();
    for header in ["v1", "v2"] {
        send(&mock).with(["--proxy-header", header, "--bind", "127.0.0.9"]).exits(Exit::OK);
        assert!(attributes(&mock).contains("127.0.0.9"), "{}", attributes(&mock));
    }
    send(&mock).with(["--proxy-header", "v1;src=[2001:db8::1]:50000"]).exits(Exit::USAGE).complains([
        "--proxy-header",
        "both be IPv4 or both be IPv6",
        "dst=",
    ]);
}

#[test]
fn xclient_is_said_where_it_is_offered_and_nothing_is_sent_where_it_is_not() {
    let mock = Mock::builder().extensions(["PIPELINING", "XCLIENT NAME ADDR"]).start();
    let ran = send(&mock).with(["--xclient", "NAME=spike.example ADDR=192.0.2.7", "-v"]).exits(Exit::OK);
    assert!(ran.error.contains("->  XCLIENT NAME=spike.example ADDR=192.0.2.7\n<-  220 "), "{}", ran.error);
    assert!(attributes(&mock).contains("spike.example"), "{}", attributes(&mock));
    // Each attribute must be on offer.
    send(&mock).with(["--xclient", "LOGIN=you"]).exits(Exit::UNAVAILABLE).complains([
        "does not offer XCLIENT LOGIN",
        "nothing was sent",
        "it takes NAME ADDR",
    ]);
    assert_eq!(mock.messages().len(), 1);
    let mock = Mock::start();
    send(&mock).with(["--xclient", "ADDR=192.0.2.7"]).exits(Exit::UNAVAILABLE).complains(["whom they trust"]);
    assert!(mock.messages().is_empty());
    for wrong in ["", "ADDR", "ADDR=mx", "ADDR=192.0.2.7\r\nMAIL", "NAME=a b"] {
        send(&mock).with(["--xclient", wrong]).exits(Exit::USAGE).complains(["--xclient"]);
    }
}

/// An HTTP proxy for one connection, its address and what it was asked.
fn http_proxy(status: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            client.read_exact(&mut octet).unwrap();
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).unwrap();
        client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
        if status.starts_with("200") {
            let mut server = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let up = thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Both);
            up.join().unwrap();
        }
        head
    });
    (address, asked)
}

#[test]
fn a_message_is_sent_through_an_http_proxy_with_its_login() {
    let mock = Mock::start();
    let (address, asked) = http_proxy("200 OK");
    let url = format!("http://you:s3cr3tpw@{address}");
    let ran = send(&mock).with(["--tls", "none", "-v"]).environment("SMTP_CLI_PROXY", &url).exits(Exit::OK);
    assert!(!ran.error.contains("s3cr3tpw"), "{}", ran.error);
    let head = asked.join().unwrap();
    assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", mock.addr())), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic eW91OnMzY3IzdHB3\r\n"), "{head}");
    assert_eq!(mock.messages().len(), 1);
}

#[test]
fn an_http_proxy_that_does_not_connect_is_named_with_its_status() {
    for (status, exit, part) in [
        (
            "407 Proxy Authentication Required",
            Exit::NO_PERMISSION,
            "wants a login, give it as http://user:password@",
        ),
        ("403 Forbidden", Exit::UNAVAILABLE, "HTTP status 403"),
        ("503 Service Unavailable", Exit::TEMPORARY, "HTTP status 503"),
    ] {
        let (address, asked) = http_proxy(status);
        let ran = send_to("mx.example:25").with(["--proxy", &format!("http://{address}")]).exits(exit);
        ran.complains([&format!("the proxy {address} "), part]);
        assert!(asked.join().unwrap().starts_with("CONNECT mx.example:25 "));
    }
    send_to("mx.example").with(["--proxy", "http://proxy"]).exits(Exit::USAGE).complains(["--proxy", "port"]);
}

#[test]
fn a_proxy_of_the_environment_is_not_for_servers_on_this_machine() {
    let nobody = format!("socks5://{}", Mock::unreachable().unwrap());
    let bundled =
        send_to("mock").environment("SMTP_CLI_PROXY", &nobody).environment("SMTP_CLI_BIND", "192.0.2.1");
    bundled.exits(Exit::OK);
    send_to("mock").with(["--proxy", &nobody]).exits(Exit::USAGE).complains(["--proxy has no meaning"]);
    send_to("unix:/run/lmtp")
        .with(["--bind", "127.0.0.2"])
        .exits(Exit::USAGE)
        .complains(["--bind has no meaning"]);
    // Any other server is asked for through it.
    let ran = send_to("mx.example").environment("SMTP_CLI_PROXY", &nobody).exits(Exit::TEMPORARY);
    ran.complains(["the proxy ", "refuses connections", "is --proxy right?"]);
}

#[test]
fn the_password_of_a_proxy_is_shown_nowhere() {
    let nobody = Mock::unreachable().unwrap();
    let url = format!("socks5://you:s3cr3tpw@{nobody}");
    let runs = [
        send_to("mx.example").with(["--proxy", &url, "-v"]),
        send_to("mx.example").with(["-v"]).environment("SMTP_CLI_PROXY", &url),
        send_to("mx.example").environment("SMTP_CLI_PROXY", "socks5://you:s3cr3tpw@proxy:0"),
        send_to("mx.example").with(["--proxy", "http://you:s3cr3tpw@proxy"]),
        smtp_cli(["config", "show"]).environment("SMTP_CLI_PROXY", &url),
    ];
    for (run, status) in runs.into_iter().zip([75, 75, 64, 64, 0]) {
        let ran = run.run();
        assert_eq!(ran.exit.status(), status, "{}", ran.error);
        assert!(!ran.error.contains("s3cr3tpw") && !ran.output.contains("s3cr3tpw"), "{ran:?}");
    }
    let shown = smtp_cli(["config", "show"]).environment("SMTP_CLI_PROXY", &url).exits(Exit::OK);
    assert!(shown.output.contains(&format!("socks5://you:***@{nobody}")), "{}", shown.output);
}
