//! Names of hosts in other scripts: A-labels wherever they leave.

use crate::support::{send_to, smtp_cli};
use smtp_cli::Exit;
use smtp_mock::{Certificate, Mock};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// The name that the tests write as `bücher.example`.
const A_LABELS: &str = "xn--bcher-kva.example";

/// A SOCKS5 proxy that leads every connection to `server`; gives its address, and the name that it was asked for.
fn proxy(server: SocketAddr) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut greeting = [0; 2];
        client.read_exact(&mut greeting).unwrap();
        client.read_exact(&mut vec![0; greeting[1].into()]).unwrap();
        client.write_all(&[5, 0]).unwrap();
        let mut request = [0; 5];
        client.read_exact(&mut request).unwrap();
        assert_eq!(request[..4], [5, 1, 0, 3], "a name is asked for");
        let mut name = vec![0; request[4].into()];
        client.read_exact(&mut name).unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 25]).unwrap();
        let server = TcpStream::connect(server).unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut server = server;
        // Either side may hang up first.
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(std::net::Shutdown::Both);
        let _ = back.join();
        String::from_utf8(name).unwrap()
    });
    (address, asked)
}

#[test]
fn a_server_in_another_script_is_looked_up_and_verified_by_its_a_labels() {
    let mock = Mock::builder().implicit_tls(Certificate::Good).certificate_name(A_LABELS).start();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, mock.ca_pem()).unwrap();
    for server in ["bücher.example", "smtps://BÜCHER.example", "bu\u{308}cher。example", A_LABELS] {
        let (address, asked) = proxy(mock.addr());
        let before = mock.messages().len();
        send_to(server)
            .with(["--tls", "implicit", "--ca-file", &ca.display().to_string()])
            .with(["--proxy", &format!("socks5://{address}")])
            .exits(Exit::OK);
        assert_eq!(mock.messages().len(), before + 1, "{server}");
        assert_eq!(asked.join().unwrap(), A_LABELS, "{server}");
    }
    // The name of a certificate, too: a wrong one is told by its A-labels.
    let run = |name: &str| {
        send_to(&mock.addr().to_string()).with([
            "--tls",
            "implicit",
            "--ca-file",
            &ca.display().to_string(),
            "--tls-name",
            name,
        ])
    };
    run("bücher.example").exits(Exit::OK);
    run("grüße.example").exits(Exit::NO_PERMISSION).complains(["not for xn--gre-6ka8l.example"]);
}

#[test]
fn a_name_in_another_script_that_does_not_resolve_is_told_by_its_a_labels() {
    for server in ["bücher.invalid", "smtp://bücher.invalid:25"] {
        send_to(server).exits(Exit::NO_HOST).complains(["xn--bcher-kva.invalid"]);
    }
    let ran = send_to("mx.example.org").with(["--proxy", "socks5://bücher.invalid"]).exits(Exit::NO_HOST);
    ran.complains(["xn--bcher-kva.invalid"]);
}

#[test]
fn the_hello_says_a_labels() {
    let mock = Mock::start();
    let server = mock.addr().to_string();
    smtp_cli(["verify", "--server", &server, "--helo", "bücher.example", "a@example.net"]).exits(Exit::OK);
    assert_eq!(mock.transcript().commands()[0], format!("EHLO {A_LABELS}"));
}

#[test]
fn a_name_that_is_none_in_any_script_is_a_usage_error() {
    let label = "ü".repeat(60);
    for name in
        ["bücher..example", "ü_x.example", "a.-ü.example", "\u{200d}ü.example", &format!("{label}.example")]
    {
        send_to(name).exits(Exit::USAGE).complains(["--server", "no host name"]);
        send_to(&format!("smtp://{name}:25")).exits(Exit::USAGE).complains(["--server", "no host name"]);
        let run = || send_to("127.0.0.1:9");
        run().with(["--tls-name", name]).exits(Exit::USAGE).complains(["--tls-name", "no host name"]);
        run()
            .with(["--proxy", &format!("socks5://{name}")])
            .exits(Exit::USAGE)
            .complains(["--proxy", "no host name"]);
        run().with(["--helo", name]).exits(Exit::USAGE).complains(["--helo"]);
    }
    send_to("127.0.0.1:9").with(["--tls-name", ""]).exits(Exit::USAGE).complains(["--tls-name"]);
}
