//! Provides a server that does what no correct server does, with the reads and writes of a session in the hands of a
//! test; in clear, under TLS and over a socket of the file system.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::thread;

/// How the message comes to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Clear,
    Tls,
    Unix,
}

/// Both directions of a connection.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A server, one session long, and what its session gives.
pub(crate) struct Server<T> {
    pub(crate) address: String,
    /// Dropped when the client has ended.
    pub(crate) client_ended: mpsc::Sender<()>,
    pub(crate) thread: thread::JoinHandle<T>,
    _directory: Option<tempfile::TempDir>,
}

impl<T: Send + 'static> Server<T> {
    /// One whose session is carried out by `session`.
    pub(crate) fn with(
        way: Way,
        session: impl FnOnce(Box<dyn Stream>, &mpsc::Receiver<()>) -> T + Send + 'static,
    ) -> Self {
        let (client_ended, ended) = mpsc::channel();
        let directory = (way == Way::Unix).then(|| tempfile::tempdir().unwrap());
        let (address, accept): (_, Box<dyn FnOnce() -> Box<dyn Stream> + Send>) = match &directory {
            #[cfg(unix)]
            Some(directory) => {
                let path = directory.path().join("mx");
                let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
                (format!("unix:{}", path.display()), Box::new(move || Box::new(listener.accept().unwrap().0)))
            }
            _ => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap().to_string();
                (address, Box::new(move || Box::new(listener.accept().unwrap().0)))
            }
        };
        let thread = thread::spawn(move || session(accept(), &ended));
        Self { address, client_ended, thread, _directory: directory }
    }
}

/// Writes, to a client that may have left.
pub(crate) fn say(stream: &mut impl Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Reads a command.
pub(crate) fn read_line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

/// Reads so many octets.
pub(crate) fn skip(stream: &mut impl Read, count: usize) {
    let copied = io::copy(&mut stream.take(count as u64), &mut io::sink()).unwrap();
    assert_eq!(copied, count as u64, "the client left early");
}

/// The size that a BDAT names.
pub(crate) fn bdat(line: &str) -> usize {
    let size = line.strip_prefix("BDAT ").and_then(|rest| rest.split_whitespace().next());
    size.unwrap_or_else(|| panic!("{line:?} is no BDAT")).parse().unwrap()
}

/// Goes with the client up to the message: behind the 354, or with the line of the first BDAT.
pub(crate) fn at_message(
    mut stream: Box<dyn Stream>,
    way: Way,
    chunking: bool,
) -> (BufReader<Box<dyn Stream>>, String) {
    say(&mut stream, "220 mx.example\r\n");
    let mut stream = BufReader::new(stream);
    let mut offer_tls = way == Way::Tls;
    loop {
        let line = read_line(&mut stream);
        let offer = match (offer_tls, chunking) {
            (true, _) => "250-mx.example\r\n250 STARTTLS\r\n",
            (false, true) => "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
            (false, false) => "250-mx.example\r\n250 PIPELINING\r\n",
        };
        match line.split([' ', '\r']).next().unwrap() {
            "EHLO" => say(stream.get_mut(), offer),
            "STARTTLS" => {
                say(stream.get_mut(), "220 go\r\n");
                stream = BufReader::new(Box::new(secured(stream.into_inner())));
                offer_tls = false;
            }
            "MAIL" | "RCPT" => say(stream.get_mut(), "250 ok\r\n"),
            "DATA" => {
                say(stream.get_mut(), "354 go\r\n");
                return (stream, line);
            }
            "BDAT" => return (stream, line),
            other => panic!("{other:?} is not expected here"),
        }
    }
}

/// The same connection under TLS.
fn secured(stream: Box<dyn Stream>) -> impl Stream {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::new(config)).unwrap(), stream)
}

/// A message of so many octets, or a few more.
pub(crate) fn large_message(size: usize) -> String {
    let mut message = "From: a@example.org\r\nSubject: large\r\n\r\n".to_string();
    while message.len() < size {
        message.push_str("sixty-four octets with their line end, and so on until there are\r\n");
    }
    message
}
