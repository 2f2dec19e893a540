//! What the tests of the mailers are made of: messages, options, observers, and what is awaited of a server.

use smtp_core::mailer::{
    BoxError, Error, ErrorKind, Fate, Notice, Observer, Options, PoolLimits, RawMessage, Report, Source,
    Submission,
};
use smtp_core::{Content, Envelope, Outcome, Reply, Timeouts, Transmit, Verb};
use smtp_mock::{Kind, Mock, Server, Transcript};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens at once on a machine at rest happens within this on a loaded one.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) fn envelope(to: &[&str]) -> Envelope {
    let to = to.iter().map(|address| format!("<{address}>").parse().unwrap());
    Envelope::new("<a@example.org>".parse().unwrap(), to)
}

pub(crate) fn message(to: &[&str]) -> RawMessage {
    RawMessage::new(envelope(to), "Subject: hello\r\n\r\nIt works.\r\n")
}

/// A message to one recipient with this subject.
pub(crate) fn titled(subject: &str) -> RawMessage {
    RawMessage::new(envelope(&["b@example.net"]), format!("Subject: {subject}\r\n\r\nIt works.\r\n"))
}

/// A message of about so many octets.
pub(crate) fn large(octets: usize) -> RawMessage {
    let lines = "A line of forty octets, its end included\r\n".repeat(octets / 42 + 1);
    RawMessage::new(envelope(&["b@example.net"]), format!("Subject: large\r\n\r\n{lines}"))
}

/// Options for a server on loopback, with timers that fail a test instead of stopping it.
pub(crate) fn options_for(address: SocketAddr) -> Options {
    Options::from_url(&format!("smtp://{address}")).unwrap().timeouts(Timeouts::all(Duration::from_secs(20)))
}

pub(crate) fn options(mock: &Mock) -> Options {
    options_for(mock.addr())
}

/// The default limits, changed.
pub(crate) fn limits(change: impl FnOnce(&mut PoolLimits)) -> PoolLimits {
    let mut limits = PoolLimits::default();
    change(&mut limits);
    limits
}

/// Waits for something at the server.
#[track_caller]
pub(crate) fn await_at(mock: &Mock, what: &str, mut is_so: impl FnMut(&Server) -> bool) {
    let found = mock.server().wait_until(SOON, |server| is_so(server).then_some(()));
    assert!(found.is_some(), "{what} was awaited:\n{}", mock.transcript().lines().join("\n"));
}

/// How many lines of the client begin so.
pub(crate) fn count_of(transcript: &Transcript, command: &str) -> usize {
    transcript.commands().iter().filter(|line| line.starts_with(command)).count()
}

/// Whether a message, or a part of one, left.
pub(crate) fn has_mail_data(transcript: &Transcript) -> bool {
    transcript.entries().iter().any(|entry| matches!(entry.kind, Kind::MailData(_)))
}

/// How many messages of this subject the server accepted.
pub(crate) fn copies(mock: &Mock, subject: &str) -> usize {
    mock.messages().iter().filter(|message| message.subject().as_deref() == Some(subject)).count()
}

/// The report says that the server accepted the message for everybody.
#[track_caller]
pub(crate) fn assert_accepted(result: &Result<Report, Error>) {
    assert!(result.as_ref().is_ok_and(Report::is_accepted), "{result:?}");
}

/// The kind of the error.
#[track_caller]
pub(crate) fn kind_of<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind().clone()
}

/// The outcome of the only recipient.
#[track_caller]
pub(crate) fn outcome_of(result: Result<Report, Error>) -> Outcome {
    let report = result.unwrap();
    match &report.recipients()[0].fate {
        Fate::Decided { outcome, .. } => outcome.clone(),
        other => panic!("{other:?}"),
    }
}

/// What observers were told, of all sessions, a line each.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// The options, observed.
    pub(crate) fn observe(&self, options: Options) -> Options {
        let log = self.clone();
        options.observers(move |number| vec![Box::new(Logged { number, log: log.clone() })])
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

struct Logged {
    number: usize,
    log: Log,
}

impl Observer for Logged {
    fn sent(&mut self, transmit: &Transmit, _: bool) {
        for (content, octets) in transmit.spans() {
            let shown = match content {
                Content::Secret => "****".into(),
                _ => String::from_utf8_lossy(octets),
            };
            self.log.add(format!("{} sent {content:?} {shown}", self.number));
        }
    }

    fn received(&mut self, verb: Option<Verb>, reply: &Reply, _: bool, _: bool) {
        self.log.add(format!("{} received {verb:?} {reply}", self.number));
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        self.log.add(format!("{} {notice:?}", self.number));
    }
}

/// A message whose source fails after so many octets.
pub(crate) struct Failing {
    pub(crate) message: RawMessage,
    pub(crate) after: usize,
}

impl Submission for Failing {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        self.message.envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(FailingSource { source: self.message.open()?, left: self.after }))
    }
}

struct FailingSource {
    source: Box<dyn Source>,
    left: usize,
}

impl Source for FailingSource {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        if self.left == 0 {
            return Err(io::Error::other("the disk is gone").into());
        }
        let room = buffer.len().min(self.left);
        let count = self.source.read(&mut buffer[..room])?;
        self.left -= count;
        Ok(count)
    }
}

/// A server by hand, which accepts everything until it is told otherwise, and keeps the octets of each connection as
/// they came.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    octets: Arc<Mutex<Vec<Vec<u8>>>>,
    ended: std::sync::mpsc::Receiver<()>,
}

impl Recorder {
    /// A server that offers these extensions.
    pub(crate) fn start(extensions: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let octets = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = std::sync::mpsc::channel();
        let kept = Arc::clone(&octets);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, end) = (Arc::clone(&kept), end.clone());
                std::thread::spawn(move || {
                    let mut seen = Vec::new();
                    // How a connection ends is what the tests look at.
                    let _ = serve(&stream.unwrap(), extensions, &mut seen);
                    kept.lock().unwrap().push(seen);
                    let _ = end.send(());
                });
            }
        });
        Self { address, octets, ended }
    }

    /// What came on the next connection that ends.
    pub(crate) fn ended(&self) -> Vec<u8> {
        self.ended.recv_timeout(SOON).expect("a connection ends");
        self.octets.lock().unwrap().pop().expect("it was kept")
    }
}

fn serve(stream: &TcpStream, extensions: &[&str], seen: &mut Vec<u8>) -> io::Result<()> {
    stream.set_read_timeout(Some(SOON))?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    writer.write_all(b"220 recorder\r\n")?;
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&line);
        let line = String::from_utf8_lossy(&line).to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("EHLO") => {
                let mut reply: String =
                    extensions.iter().map(|extension| format!("250-{extension}\r\n")).collect();
                reply.push_str("250 HELP\r\n");
                writer.write_all(reply.replacen("250-", "250-recorder\r\n250-", 1).as_bytes())?;
            }
            Some("DATA") => {
                writer.write_all(b"354 go on\r\n")?;
                let mut line = Vec::new();
                while line != b".\r\n" {
                    line.clear();
                    if reader.read_until(b'\n', &mut line)? == 0 {
                        return Ok(());
                    }
                    seen.extend_from_slice(&line);
                }
                writer.write_all(b"250 2.0.0 queued\r\n")?;
            }
            Some("BDAT") => {
                let length = words.next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
                let mut chunk = Vec::new();
                let read = (&mut reader).take(length).read_to_end(&mut chunk);
                seen.extend_from_slice(&chunk);
                read?;
                writer.write_all(b"250 2.0.0 ok\r\n")?;
            }
            Some("QUIT") => {
                writer.write_all(b"221 2.0.0 bye\r\n")?;
                return Ok(());
            }
            _ => writer.write_all(b"250 2.0.0 ok\r\n")?,
        }
    }
}
