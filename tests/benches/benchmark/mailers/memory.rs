//! What an application pays in memory for connections that are open: idle ones of a pool, and such as have a message under
//! way.

use super::super::clients::Programs;
use super::super::document::Section;
use super::super::process::Core;
use super::super::servers::Server;
use super::output_of;
use smtp_core::Envelope;
use smtp_core::mailer::{BoxError, Options, RawMessage, Source, Submission};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The word by which this program is asked to hold connections.
pub(crate) const HOLDER: &str = "hold-connections";

/// How many connections are idle, and how many have a message under way.
const IDLE: usize = 100;
const BUSY: usize = 5_000;
/// How many descriptors client and server may have.
const DESCRIPTORS: u64 = 16_384;

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &[
            "What an application has in memory (resident) before its mailer opens connections and while they are open. The \
             idle connections of a pool have carried a message each; of those that are busy each has sent its message and \
             awaits the reply to it. The server is `smtp-mock` in a process of its own.",
        ],
        &["connections", "mailer", "MiB before", "MiB with them", "KiB a connection", "threads"],
    );
    let authority = programs.directory.path().join("authority.pem");
    for is_secured in [false, true] {
        let mut words = vec!["--sessions".to_string(), DESCRIPTORS.to_string()];
        if is_secured {
            words.extend(["--tls".into(), "implicit".into(), "--ca-file".into()]);
            words.push(authority.to_string_lossy().into_owned());
        }
        // All connections are being opened before the first message is sent, so that none serves two.
        let idle = [words.as_slice(), &["--fault".into(), "connect=delay:1s".into()]].concat();
        let server = Server::mock_with(programs, Core::First, &idle)?;
        for face in [Face::Blocking, Face::Tokio] {
            let holder = Holder {
                face,
                is_busy: false,
                count: IDLE,
                server: server.address,
                authority: is_secured.then(|| authority.clone()),
            };
            holder.row(&mut section)?;
        }
        let busy = [words.as_slice(), &["--fault".into(), "body=delay:30s".into()]].concat();
        let server = Server::mock_with(programs, Core::First, &busy)?;
        let holder = Holder {
            face: Face::Tokio,
            is_busy: true,
            count: BUSY,
            server: server.address,
            authority: is_secured.then(|| authority.clone()),
        };
        holder.row(&mut section)?;
    }
    Ok(section)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Blocking,
    Tokio,
}

/// An application that holds connections, in a process of its own.
#[derive(Debug)]
struct Holder {
    face: Face,
    /// Whether each connection has a message under way; else they are idle.
    is_busy: bool,
    count: usize,
    server: SocketAddr,
    authority: Option<PathBuf>,
}

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Of memory, in KiB.
    resident: usize,
    threads: usize,
}

impl Holder {
    fn row(&self, section: &mut Section) -> io::Result<()> {
        let text = output_of(&self.words(), None)?;
        let numbers: Vec<usize> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [before, with, threads] = numbers[..] else {
            return Err(io::Error::other(format!("{self:?} says {text:?}")));
        };
        let mib = |kib: usize| format!("{:.1}", f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0);
        let state = if self.is_busy { "busy" } else { "idle" };
        let security = if self.authority.is_some() { "TLS" } else { "in clear" };
        section.row(vec![
            format!("{} {state}, {security}", self.count),
            match self.face {
                Face::Blocking => "smtp-core, blocking".to_string(),
                Face::Tokio => "smtp-core, tokio".to_string(),
            },
            mib(before),
            mib(with),
            format!(
                "{:.1}",
                f64::from(u32::try_from(with.saturating_sub(before)).unwrap_or(u32::MAX))
                    / f64::from(u32::try_from(self.count).unwrap_or(u32::MAX))
            ),
            threads.to_string(),
        ]);
        Ok(())
    }

    fn words(&self) -> Vec<String> {
        let authority = self.authority.as_deref().map_or_else(|| "-".into(), Path::to_string_lossy);
        vec![
            HOLDER.to_string(),
            if self.face == Face::Blocking { "blocking" } else { "tokio" }.to_string(),
            if self.is_busy { "busy" } else { "idle" }.to_string(),
            self.count.to_string(),
            self.server.to_string(),
            authority.into_owned(),
        ]
    }

    fn parse(words: &[String]) -> io::Result<Self> {
        let [face, state, count, server, authority] = words else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok(Self {
            face: if face == "blocking" { Face::Blocking } else { Face::Tokio },
            is_busy: state == "busy",
            count: count.parse().map_err(io::Error::other)?,
            server: server.parse().map_err(io::Error::other)?,
            authority: (authority != "-").then(|| authority.into()),
        })
    }

    fn options(&self) -> io::Result<Options> {
        let tls = if self.authority.is_some() { "implicit" } else { "none" };
        let url = format!("smtp://{}?tls={tls}", self.server);
        let options = Options::from_url(&url).map_err(io::Error::other)?.connections(self.count);
        Ok(match &self.authority {
            Some(authority) => options.authorities(std::fs::read(authority)?),
            None => options,
        })
    }

    fn hold(&self) -> io::Result<(State, State)> {
        let options = self.options()?;
        let counted = Counted::new()?;
        match (self.face, self.is_busy) {
            (Face::Blocking, _) => {
                let before = State::now()?;
                let mailer = smtp_core::blocking::Mailer::new(options);
                std::thread::scope(|scope| {
                    let threads: Vec<_> =
                        (0..self.count).map(|_| scope.spawn(|| mailer.send(&counted))).collect();
                    threads.into_iter().try_for_each(|thread| match thread.join() {
                        Ok(Ok(report)) if report.is_accepted() => Ok(()),
                        other => Err(io::Error::other(format!("{other:?}"))),
                    })
                })?;
                Ok((before, State::now()?))
            }
            (Face::Tokio, is_busy) => {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(async {
                    let before = State::now()?;
                    let mailer = smtp_core::tokio::Mailer::new(options);
                    let tasks: Vec<_> = (0..self.count)
                        .map(|_| {
                            let (mailer, message) = (mailer.clone(), counted.clone());
                            tokio::spawn(async move { mailer.send(&message).await })
                        })
                        .collect();
                    if is_busy {
                        counted.reach(self.count).await?;
                        let with = State::now()?;
                        if tasks.iter().any(tokio::task::JoinHandle::is_finished) {
                            return Err(io::Error::other("a message is not under way any more"));
                        }
                        // The server takes its time with each reply, which is not what is measured.
                        return Ok((before, with));
                    }
                    for task in tasks {
                        let report = task.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
                        if !report.is_accepted() {
                            return Err(io::Error::other(format!("{report:?}")));
                        }
                    }
                    Ok((before, State::now()?))
                })
            }
        }
    }
}

/// Opens connections, and prints what that takes: KiB before and with them, and threads.
pub(crate) fn hold(words: &[String]) -> io::Result<()> {
    let descriptors = rustix::process::Resource::Nofile;
    let mut limit = rustix::process::getrlimit(descriptors);
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        limit.current = Some(limit.maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS)));
        rustix::process::setrlimit(descriptors, limit)?;
    }
    let (before, with) = Holder::parse(words)?.hold()?;
    println!("{} {} {}", before.resident, with.resident, with.threads);
    // What is under way is abandoned.
    std::process::exit(0)
}

impl State {
    /// What this process has now.
    fn now() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let number = value.split_whitespace().next().unwrap_or_default().parse();
            number.map_err(|_| io::Error::other(format!("the system says nothing of {name}")))
        };
        Ok(Self { resident: field("VmRSS:")?, threads: field("Threads:")? })
    }
}

/// A message of 1 KiB that counts how often it was read to its end.
#[derive(Clone, Debug)]
struct Counted {
    message: RawMessage,
    count: Arc<AtomicUsize>,
    reached: Arc<tokio::sync::Notify>,
}

impl Counted {
    fn new() -> io::Result<Self> {
        let from = "<alice@example.org>".parse().map_err(io::Error::other)?;
        let to = "<bob@example.net>".parse().map_err(io::Error::other)?;
        let octets = format!("Subject: hello\r\n\r\n{}", "It works.\r\n".repeat(90));
        Ok(Self {
            message: RawMessage::new(Envelope::new(from, [to]), octets),
            count: Arc::default(),
            reached: Arc::default(),
        })
    }

    /// Waits until it was read so often.
    async fn reach(&self, count: usize) -> io::Result<()> {
        let reached = async {
            while self.count.load(Ordering::SeqCst) < count {
                self.reached.notified().await;
            }
        };
        let limit = Duration::from_secs(25);
        tokio::time::timeout(limit, reached).await.map_err(|_| {
            io::Error::other(format!("{} messages of {count}", self.count.load(Ordering::SeqCst)))
        })
    }
}

impl Submission for Counted {
    fn envelope(&self) -> Result<Envelope, BoxError> {
        self.message.envelope()
    }

    fn open(&self) -> Result<Box<dyn Source>, BoxError> {
        Ok(Box::new(Counting { source: self.message.open()?, of: self.clone() }))
    }
}

struct Counting {
    source: Box<dyn Source>,
    of: Counted,
}

impl Source for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, BoxError> {
        let count = self.source.read(buffer)?;
        if count == 0 {
            self.of.count.fetch_add(1, Ordering::SeqCst);
            self.of.reached.notify_one();
        }
        Ok(count)
    }

    fn may_wait(&self) -> bool {
        false
    }
}
