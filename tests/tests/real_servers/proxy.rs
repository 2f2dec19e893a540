//! Proxies of others: SOCKS5 before the server, and Postfix behind a proxy that says for whom it speaks.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use smtp_tests::lab::Postfix;
use smtp_tests::program::{Finished, Run, smtp_cli};
use smtp_tests::waiting::{PATIENCE, kill};

/// Postfix refuses addresses of a family that it does not use itself.
const WITH_IPV6: (&str, &str) = ("inet_protocols", "all");
const SECRET: &str = "p@ss:w/rd";

fn send(server: &str) -> Run {
    smtp_cli(["send", "--server", server, "--helo", "client.example", "--from", "you@example.org"]).args([
        "--to",
        "friend@example.net",
        "--subject",
        "Hello",
        "--body",
        "It works.",
    ])
}

fn error(finished: &Finished) -> String {
    let text = String::from_utf8(finished.error.clone()).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("p%40ss"), "{text}");
    text
}

#[track_caller]
fn fails(run: Run, status: i32, words: &[&str]) {
    let finished = run.finish_in_process().unwrap();
    let text = error(&finished);
    assert_eq!(finished.status, Some(status), "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// What the last message that landed says of the client it came from.
fn received(postfix: &Postfix, count: usize) -> String {
    let landed = postfix.maildir("friend@example.net").wait(count).unwrap();
    let all: Vec<_> = landed.iter().map(|message| message.trace("Received").unwrap().to_string()).collect();
    all.join("\n")
}

/// A SOCKS5 server of somebody else, which ends with its value.
struct Microsocks {
    child: Child,
    address: SocketAddr,
}

impl Microsocks {
    fn start(arguments: &[&str]) -> Self {
        // Another process may take the port in between.
        for _ in 0..8 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut child = Command::new("microsocks")
                .args(["-i", "127.0.0.1", "-p", &address.port().to_string()])
                .args(arguments)
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("`.ci/setup` has installed microsocks");
            let end = Instant::now() + PATIENCE;
            while child.try_wait().unwrap().is_none() && Instant::now() < end {
                if TcpStream::connect(address).is_ok() {
                    return Self { child, address };
                }
            }
            kill(&mut child, "microsocks").unwrap();
        }
        panic!("microsocks does not start")
    }

    fn url(&self, login: &str) -> String {
        format!("socks5://{login}{}", self.address)
    }
}

impl Drop for Microsocks {
    fn drop(&mut self) {
        kill(&mut self.child, "microsocks").ok();
    }
}

#[test]
fn a_socks5_proxy_connects_for_us_and_looks_the_name_up() {
    let postfix = Postfix::start().unwrap();
    let proxy = Microsocks::start(&[]);
    let ca_file = postfix.ca_file().to_str().unwrap();
    let server = format!("localhost:{}", postfix.submission().port());
    let run = send(&server)
        .args(["--proxy", &proxy.url(""), "--ca-file", ca_file, "--user", postfix.user()])
        .args(["--password-env", "SECRET", "-v"])
        .env("SECRET", postfix.password());
    let finished = run.finish_in_process().unwrap();
    let transcript = error(&finished);
    assert_eq!(finished.status, Some(0), "{transcript}");
    let first = format!(
        "=== connecting to {0}\n=== asking the proxy {0} to connect to {server}\n<-  220 ",
        proxy.address
    );
    assert!(transcript.starts_with(&first), "{transcript}");
    assert!(received(&postfix, 1).contains("from client.example"));

    // Behind a proxy loopback is another machine's, so TLS is required unless told otherwise.
    let plain = postfix.plain().to_string();
    fails(send(&plain).args(["--proxy", &proxy.url("")]), 69, &["does not offer STARTTLS"]);
    let run = send(&plain).args(["--proxy", &proxy.url(""), "--tls", "none"]);
    assert_eq!(run.finish_in_process().unwrap().status, Some(0));

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    fails(send(&closed).args(["--proxy", &proxy.url("")]), 75, &["did not connect to 127.0.0.1", "refused"]);
    fails(send("no-such-host.invalid").args(["--proxy", &proxy.url("")]), 75, &["no-such-host.invalid"]);
    fails(send(&plain).args(["--proxy", &format!("socks5://{plain}")]), 76, &["mail server"]);
    fails(
        send(&plain).args(["--proxy", &format!("socks5://{closed}")]),
        75,
        &["the proxy", "is --proxy right?"],
    );
    let header = send(&plain).args(["--proxy", &proxy.url(""), "--tls", "none", "--proxy-header", "v1"]);
    fails(header, 64, &["--proxy-header", "src= and dst="]);
}

#[test]
fn a_proxy_that_wants_a_login_gets_it_and_nobody_sees_it() {
    let postfix = Postfix::start().unwrap();
    let proxy = Microsocks::start(&["-u", "you", "-P", SECRET]);
    let run = || send(&postfix.plain().to_string()).args(["--tls", "none", "-v"]);
    let login = proxy.url("you:p%40ss%3Aw%2Frd@");
    for run in [run().args(["--proxy", &login]), run().env("SMTP_CLI_PROXY", &login)] {
        let finished = run.finish_in_process().unwrap();
        assert_eq!(finished.status, Some(0), "{}", error(&finished));
    }
    fails(run().args(["--proxy", &proxy.url("")]), 77, &["wants a login", "SMTP_CLI_PROXY"]);
    fails(run().args(["--proxy", &proxy.url("you:wrong@")]), 77, &["refused the login of you"]);
    let shown = smtp_cli(["config", "show"]).env("SMTP_CLI_PROXY", &login).finish_in_process().unwrap();
    let shown = String::from_utf8(shown.output).unwrap();
    assert!(shown.contains(&proxy.url("you:***@")) && !shown.contains("p%40ss"), "{shown}");
}

#[test]
fn a_proxy_that_is_silent_is_given_up_at_the_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("socks5://{}", silent.local_addr().unwrap());
    let run = send("mx.example").args(["--proxy", &url, "--timeout", "connect=300ms"]);
    fails(run, 75, &["did not answer in time", "--timeout connect="]);
}

#[test]
fn xclient_tells_postfix_whom_to_believe_in() {
    let postfix = Postfix::start_with(&[("smtpd_authorized_xclient_hosts", "127.0.0.1"), WITH_IPV6]).unwrap();
    let xclient = ["--xclient", "NAME=spike.example ADDR=192.0.2.7 HELO=other.example PROTO=ESMTP"];
    let finished = send(&postfix.plain().to_string()).args(xclient).args(["-v"]).finish_in_process().unwrap();
    let transcript = error(&finished);
    assert_eq!(finished.status, Some(0), "{transcript}");
    // The session begins anew.
    assert!(transcript.contains("XCLIENT NAME=spike.example ADDR=192.0.2.7"), "{transcript}");
    assert_eq!(transcript.matches("EHLO client.example").count(), 2, "{transcript}");
    let from = received(&postfix, 1);
    assert!(from.contains("[192.0.2.7]") && from.contains("spike.example"), "{from}");

    // Under TLS it is said there.
    let server = format!("localhost:{}", postfix.submission().port());
    let run = send(&server)
        .args(["--ca-file", postfix.ca_file().to_str().unwrap(), "--user", postfix.user()])
        .args(["--password-env", "SECRET", "--xclient", "ADDR=IPV6:2001:db8::7", "-v"])
        .env("SECRET", postfix.password());
    let finished = run.finish_in_process().unwrap();
    let transcript = error(&finished);
    assert_eq!(finished.status, Some(0), "{transcript}");
    assert!(transcript.contains("~>  XCLIENT ADDR=IPV6:2001:db8::7"), "{transcript}");
    assert!(received(&postfix, 2).contains("[IPv6:2001:db8::7]"));

    fails(
        send(&postfix.plain().to_string()).args([
            "--xclient",
            "NAME=[UNAVAILABLE]",
            "--no-extension",
            "XCLIENT",
        ]),
        69,
        &["does not offer XCLIENT", "nothing was sent"],
    );
    let strict = Postfix::start().unwrap();
    fails(
        send(&strict.plain().to_string()).args(["--xclient", "ADDR=192.0.2.7"]),
        69,
        &["does not offer XCLIENT", "whom they trust"],
    );
    assert!(strict.maildir("friend@example.net").messages().unwrap().is_empty());
}

#[test]
fn a_proxy_header_tells_postfix_for_whom_we_speak() {
    let postfix = Postfix::start_with(&[WITH_IPV6]).unwrap();
    let behind_proxy = listen_behind_proxy(&postfix);
    for (header, from) in [
        ("v1;src=192.0.2.7:50000", "[192.0.2.7]"),
        ("v2;src=192.0.2.8:50000;dst=192.0.2.25:25", "[192.0.2.8]"),
        ("v2;src=[2001:db8::7]:50000;dst=[2001:db8::25]:25", "[IPv6:2001:db8::7]"),
        ("v1", "[127.0.0.1]"),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, (header, from))| (header, (from, number + 1)))
    {
        let run = send(&behind_proxy.to_string()).args(["--proxy-header", header, "-v"]);
        let finished = run.finish_in_process().unwrap();
        let transcript = error(&finished);
        assert_eq!(finished.status, Some(0), "{header}: {transcript}");
        assert!(transcript.contains("=== PROXY header of version "), "{transcript}");
        let (from, count) = from;
        assert!(received(&postfix, count).contains(from), "{header}: {}", postfix.log());
    }
}

/// One more listener of that Postfix, which takes connections from a proxy alone.
fn listen_behind_proxy(postfix: &Postfix) -> SocketAddr {
    let home = postfix.ca_file().parent().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let services = home.join("config/master.cf");
    let mut file = OpenOptions::new().append(true).open(services).unwrap();
    writeln!(file, "{address} inet n - n - - smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy").unwrap();
    drop(file);
    let master = fs::read_to_string(home.join("queue/pid/master.pid")).unwrap();
    assert!(kill_process(Pid::from_raw(master.trim().parse().unwrap()).unwrap(), Signal::HUP).is_ok());
    let end = Instant::now() + PATIENCE;
    loop {
        let mut code = [0; 3];
        let greeted = TcpStream::connect(address).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"PROXY TCP4 127.0.0.1 127.0.0.1 50000 25\r\n")?;
            stream.read_exact(&mut code)
        });
        if greeted.is_ok() && &code == b"220" {
            return address;
        }
        assert!(Instant::now() < end, "{}", postfix.log());
    }
}
