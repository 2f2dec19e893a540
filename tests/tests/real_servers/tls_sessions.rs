//! TLS as another implementation speaks it: versions that are too old, and certificates of the client.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use smtp_tests::lab::certificates::{Authority, Identity};
use smtp_tests::program::{Finished, smtp_cli};
use smtp_tests::waiting::kill;
use tempfile::TempDir;

/// OpenSSL's test server, for one client; it says what it is given to say.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
    authority: Authority,
    directory: TempDir,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new(directory.path()).unwrap();
        let own = authority.issue(&["localhost"]).unwrap();
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-CAfile"])
            .arg(authority.file())
            .arg("-cert")
            .arg(&own.certificate)
            .arg("-key")
            .arg(&own.key)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // where it tells of certificates
            .stderr(File::create(directory.path().join("told")).unwrap())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the server has no port");
            if let Some(address) = line.trim().strip_prefix("ACCEPT ") {
                break address.parse().unwrap();
            }
        };
        Self { child, input, output, address, authority, directory }
    }

    /// Goes as far as the greeting; with this certificate, if there is one.
    fn greet(&self, identity: Option<&Identity>) -> Finished {
        let server = format!("localhost:{}", self.address.port());
        let run =
            smtp_cli(["send", "--server", &server, "--tls", "implicit", "--until", "greeting", "--ca-file"])
                .arg(self.authority.file());
        let run = match identity {
            None => run,
            Some(identity) => {
                run.arg("--client-cert").arg(&identity.certificate).arg("--client-key").arg(&identity.key)
            }
        };
        run.finish().unwrap()
    }

    fn say(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end and gives what the server tells of certificates.
    fn end(mut self) -> String {
        drop(self.input.take());
        self.output.read_to_end(&mut Vec::new()).unwrap();
        fs::read_to_string(self.directory.path().join("told")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = kill(&mut self.child, "a server");
    }
}

#[test]
fn a_server_without_tls_1_2_is_refused() {
    for version in ["-tls1", "-tls1_1"] {
        let server = Server::start(&[version, "-cipher", "ALL:@SECLEVEL=0"]);
        let finished = server.greet(None);
        assert_eq!(finished.status, Some(76), "{version}: {}", finished.error());
        assert!(finished.error().contains("offers no TLS 1.2 or newer"), "{version}: {}", finished.error());
        assert_eq!(finished.error().lines().count(), 1, "{version}: {}", finished.error());
    }
    for version in ["-tls1_2", "-tls1_3"] {
        let mut server = Server::start(&[version]);
        server.say("220 mx.example.org\r\n221 bye\r\n");
        let finished = server.greet(None);
        assert_eq!(finished.status, Some(0), "{version}: {}", finished.error());
        assert!(finished.output().contains("under TLS"), "{version}: {}", finished.output());
    }
}

#[test]
fn a_server_that_wants_a_certificate_gets_the_one_that_was_named() {
    for version in ["-tls1_2", "-tls1_3"] {
        let options = [version, "-Verify", "1", "-verify_return_error"];
        let mut server = Server::start(&options);
        server.say("220 mx.example.org\r\n221 bye\r\n");
        let identity = server.authority.issue(&["you.example"]).unwrap();
        let finished = server.greet(Some(&identity));
        assert_eq!(finished.status, Some(0), "{version}: {}", finished.error());
        let said = server.end();
        assert!(said.contains("you.example"), "{version}: {said}");

        let finished = Server::start(&options).greet(None);
        assert_eq!(finished.status, Some(76), "{version}: {}", finished.error());
        assert!(finished.error().contains("the TLS handshake with"), "{version}: {}", finished.error());
        // Under TLS 1.2 the server does not say why.
        let hint = finished.error().contains("--client-cert");
        assert_eq!(hint, version == "-tls1_3", "{version}: {}", finished.error());
    }
}
