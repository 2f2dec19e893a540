//! Is one of the mailers, in a process of its own, and measures what a message costs it.
//!
//! Connections are opened and a few messages are sent before the measuring begins, so a row shows what a program pays that
//! runs for long.

use futures_util::stream::StreamExt as _;
use lettre::address::Envelope as LettreEnvelope;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, PoolConfig, SmtpTransportBuilder};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, SmtpTransport, Tokio1Executor, Transport as _};
use mail_send::smtp::message::Message as MailSendMessage;
use mail_send::{SmtpClient, SmtpClientBuilder};
use smtp_core::Envelope;
use smtp_core::mailer::{Options, RawMessage, Report};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;

/// The word by which this program is asked to be a mailer.
pub(crate) const SENDER: &str = "be-mailer";

/// The octets of each message.
const OCTETS: usize = 1024;
/// How many messages each connection carries before the measuring begins.
const WARM_UP: usize = 20;

/// A mailer of an application, and how it is asked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mailer {
    /// `smtp_core::blocking::Mailer::send`, one message after the other in each thread.
    Blocking,
    /// `smtp_core::blocking::Mailer::send_all`.
    BlockingAll,
    /// `smtp_core::tokio::Mailer::send`, one message after the other in each task.
    Tokio,
    /// `smtp_core::tokio::Mailer::send_all`.
    TokioAll,
    /// `lettre::SmtpTransport`, one message after the other in each thread.
    Lettre,
    /// `lettre::AsyncSmtpTransport`, one message after the other in each task.
    LettreTokio,
    /// `mail_send::SmtpClient`, one for each task, as it has no pool.
    MailSend,
}

impl Mailer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Blocking,
        Self::BlockingAll,
        Self::Lettre,
        Self::Tokio,
        Self::TokioAll,
        Self::LettreTokio,
        Self::MailSend,
    ];

    /// What it is called in the tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "smtp-core, blocking, send",
            Self::BlockingAll => "smtp-core, blocking, send_all",
            Self::Tokio => "smtp-core, tokio, send",
            Self::TokioAll => "smtp-core, tokio, send_all",
            Self::Lettre => "lettre, blocking",
            Self::LettreTokio => "lettre, tokio",
            Self::MailSend => "mail-send, tokio",
        }
    }

    /// The one that it is compared with; `None` for that one itself.
    pub(crate) const fn peer(self) -> Option<Self> {
        match self {
            Self::Blocking | Self::BlockingAll => Some(Self::Lettre),
            Self::Tokio | Self::TokioAll | Self::MailSend => Some(Self::LettreTokio),
            Self::Lettre | Self::LettreTokio => None,
        }
    }

    /// How many messages show what it does, in a fraction of a second.
    pub(crate) const fn messages(self) -> usize {
        match self {
            Self::Blocking | Self::Tokio => 8_000,
            Self::BlockingAll | Self::TokioAll => 32_000,
            Self::Lettre | Self::LettreTokio | Self::MailSend => 2_000,
        }
    }
}

/// What a mailer is to send, and where to.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) mailer: Mailer,
    pub(crate) server: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) messages: usize,
    /// The authority of the server's certificate, for TLS from the first octet; `None` for no TLS.
    pub(crate) authority: Option<PathBuf>,
}

/// What the messages of a job took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Job {
    /// The words that ask a process of this program for it.
    pub(crate) fn words(&self) -> Vec<String> {
        let authority = self.authority.as_deref().map_or_else(|| "-".into(), Path::to_string_lossy);
        let place = Mailer::ALL.iter().position(|mailer| *mailer == self.mailer).unwrap_or_default();
        let numbers = [place, self.connections, self.messages].map(|number| number.to_string());
        [SENDER.to_string()]
            .into_iter()
            .chain(numbers)
            .chain([self.server.to_string(), authority.into_owned()])
            .collect()
    }

    /// Reads what [`words`](Self::words) wrote, without the first.
    pub(crate) fn parse(words: &[String]) -> io::Result<Self> {
        let [mailer, connections, messages, server, authority] = words else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let number = |word: &String| word.parse::<usize>().map_err(io::Error::other);
        Ok(Self {
            mailer: *Mailer::ALL.get(number(mailer)?).ok_or(io::ErrorKind::InvalidInput)?,
            connections: number(connections)?,
            messages: number(messages)?,
            server: server.parse().map_err(io::Error::other)?,
            authority: (authority != "-").then(|| authority.into()),
        })
    }

    /// Does it, and prints what it took: nanoseconds, and those of the processor.
    pub(crate) fn run(&self) -> io::Result<()> {
        let spent = match self.mailer {
            Mailer::Blocking => {
                let mailer = smtp_core::blocking::Mailer::new(self.options()?);
                let message = message()?;
                self.threads(&|| accepted(mailer.send(&message)))
            }
            Mailer::BlockingAll => {
                let mailer = smtp_core::blocking::Mailer::new(self.options()?);
                let message = message()?;
                let send = |count| -> io::Result<()> {
                    let messages = std::iter::repeat_n(message.clone(), count);
                    let results = mailer.send_all(messages).map_err(io::Error::other)?;
                    all_of(count, results.map(|sent| accepted(sent.result)))
                };
                send(self.connections * WARM_UP)?;
                let clock = Clock::start();
                send(self.messages)?;
                Ok(clock.stop())
            }
            Mailer::Lettre => {
                let transport = self.lettre()?;
                let (envelope, octets) = (lettre_envelope()?, octets());
                self.threads(&|| done(transport.send_raw(&envelope, &octets)))
            }
            Mailer::Tokio => runtime()?.block_on(async {
                let mailer = smtp_core::tokio::Mailer::new(self.options()?);
                let message = message()?;
                let sender = || Ours { mailer: mailer.clone(), message: message.clone() };
                self.tasks(self.each(sender)).await
            }),
            Mailer::TokioAll => runtime()?.block_on(async {
                let mailer = smtp_core::tokio::Mailer::new(self.options()?);
                let message = message()?;
                let send = async |count: usize| -> io::Result<()> {
                    let messages = futures_util::stream::iter(std::iter::repeat_n(&message, count));
                    let results: Vec<_> =
                        mailer.send_all(messages).map(|sent| accepted(sent.result)).collect().await;
                    all_of(count, results.into_iter())
                };
                send(self.connections * WARM_UP).await?;
                let clock = Clock::start();
                send(self.messages).await?;
                Ok(clock.stop())
            }),
            Mailer::LettreTokio => runtime()?.block_on(async {
                let transport = self.lettre_tokio()?;
                let (envelope, octets) = (lettre_envelope()?, octets());
                let sender = || Lettre {
                    transport: transport.clone(),
                    envelope: envelope.clone(),
                    octets: octets.clone(),
                };
                self.tasks(self.each(sender)).await
            }),
            Mailer::MailSend => runtime()?.block_on(self.mail_send()),
        }?;
        println!("{} {}", spent.wall.as_nanos(), spent.cpu.as_nanos());
        Ok(())
    }

    fn options(&self) -> io::Result<Options> {
        let tls = if self.authority.is_some() { "implicit" } else { "none" };
        let url = format!("smtp://{}?tls={tls}", self.server);
        let options = Options::from_url(&url).map_err(io::Error::other)?.connections(self.connections);
        Ok(match &self.authority {
            Some(authority) => options.authorities(std::fs::read(authority)?),
            None => options,
        })
    }

    fn lettre(&self) -> io::Result<SmtpTransport> {
        let builder: SmtpTransportBuilder = SmtpTransport::builder_dangerous(self.server.ip().to_string());
        let builder = builder.port(self.server.port()).pool_config(self.lettre_pool()?);
        Ok(builder.tls(self.lettre_tls()?).build())
    }

    fn lettre_tokio(&self) -> io::Result<AsyncSmtpTransport<Tokio1Executor>> {
        let builder: AsyncSmtpTransportBuilder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.server.ip().to_string());
        let builder = builder.port(self.server.port()).pool_config(self.lettre_pool()?);
        Ok(builder.tls(self.lettre_tls()?).build())
    }

    fn lettre_pool(&self) -> io::Result<PoolConfig> {
        Ok(PoolConfig::new().max_size(self.connections.try_into().map_err(io::Error::other)?))
    }

    fn lettre_tls(&self) -> io::Result<Tls> {
        let Some(authority) = &self.authority else { return Ok(Tls::None) };
        let authority = Certificate::from_pem(&std::fs::read(authority)?).map_err(io::Error::other)?;
        let parameters = TlsParameters::builder(self.server.ip().to_string()).add_root_certificate(authority);
        Ok(Tls::Wrapper(parameters.build().map_err(io::Error::other)?))
    }

    async fn mail_send(&self) -> io::Result<Spent> {
        let builder = SmtpClientBuilder::new(self.server.ip().to_string(), self.server.port());
        let builder = builder.map_err(io::Error::other)?.helo_host("client.example");
        if self.authority.is_some() {
            let mut senders = Vec::new();
            for _ in 0..self.connections {
                senders.push(MailSend(builder.connect().await.map_err(io::Error::other)?));
            }
            self.tasks(senders).await
        } else {
            let mut senders = Vec::new();
            for _ in 0..self.connections {
                senders.push(MailSend(builder.connect_plain().await.map_err(io::Error::other)?));
            }
            self.tasks(senders).await
        }
    }

    /// One for each connection.
    fn each<T>(&self, make: impl Fn() -> T) -> Vec<T> {
        (0..self.connections).map(|_| make()).collect()
    }

    /// Sends in as many tasks as there are senders.
    async fn tasks<T: Sender>(&self, senders: Vec<T>) -> io::Result<Spent> {
        let senders = sent_by(senders, WARM_UP).await?;
        let clock = Clock::start();
        sent_by(senders, self.messages / self.connections).await?;
        Ok(clock.stop())
    }

    /// Sends in as many threads as there are connections.
    fn threads(&self, send: &(dyn Fn() -> io::Result<()> + Sync)) -> io::Result<Spent> {
        let share = self.messages / self.connections;
        let barrier = Barrier::new(self.connections + 1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|_| {
                    scope.spawn(|| {
                        let warm = (0..WARM_UP).try_for_each(|_| send());
                        barrier.wait();
                        barrier.wait();
                        let measured = (0..share).try_for_each(|_| send());
                        barrier.wait();
                        warm.and(measured)
                    })
                })
                .collect();
            barrier.wait();
            let clock = Clock::start();
            barrier.wait();
            barrier.wait();
            let spent = clock.stop();
            let results = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked())));
            results.collect::<io::Result<Vec<_>>>()?;
            Ok(spent)
        })
    }
}

/// What a task sends by.
trait Sender: Send + 'static {
    /// Sends one message.
    fn send(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

struct Ours {
    mailer: smtp_core::tokio::Mailer,
    message: RawMessage,
}

struct Lettre {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    envelope: LettreEnvelope,
    octets: Vec<u8>,
}

struct MailSend<T: AsyncRead + AsyncWrite>(SmtpClient<T>);

impl Sender for Ours {
    async fn send(&mut self) -> io::Result<()> {
        accepted(self.mailer.send(&self.message).await)
    }
}

impl Sender for Lettre {
    async fn send(&mut self) -> io::Result<()> {
        done(self.transport.send_raw(&self.envelope, &self.octets).await)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Sender for MailSend<T> {
    async fn send(&mut self) -> io::Result<()> {
        let message = MailSendMessage::new("alice@example.org", ["bob@example.net"], octets());
        done(self.0.send(message).await)
    }
}

/// Each sends so many messages, all at once.
async fn sent_by<T: Sender>(senders: Vec<T>, count: usize) -> io::Result<Vec<T>> {
    let tasks: Vec<_> = senders
        .into_iter()
        .map(|mut sender| {
            tokio::spawn(async move {
                for _ in 0..count {
                    sender.send().await?;
                }
                Ok::<_, io::Error>(sender)
            })
        })
        .collect();
    let mut senders = Vec::new();
    for task in tasks {
        senders.push(task.await.map_err(io::Error::other)??);
    }
    Ok(senders)
}

/// Measures what this process takes.
struct Clock {
    begin: Instant,
    cpu: Duration,
}

impl Clock {
    fn start() -> Self {
        Self { begin: Instant::now(), cpu: cpu_time() }
    }

    fn stop(&self) -> Spent {
        Spent { wall: self.begin.elapsed(), cpu: cpu_time().saturating_sub(self.cpu) }
    }
}

/// What this process took of the processor so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// A runtime of this thread.
fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn octets() -> Vec<u8> {
    let header = "From: Alice <alice@example.org>\r\nTo: Bob <bob@example.net>\r\nSubject: a test\r\n\
                  Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n";
    let line = [[b'x'; 62].as_slice(), b"\r\n"].concat();
    let body = line.iter().copied().cycle().take(OCTETS - header.len() - 2);
    header.bytes().chain(body).chain(*b"\r\n").collect()
}

/// The message as ours take it.
fn message() -> io::Result<RawMessage> {
    let from = "<alice@example.org>".parse().map_err(io::Error::other)?;
    let to = "<bob@example.net>".parse().map_err(io::Error::other)?;
    Ok(RawMessage::new(Envelope::new(from, [to]), octets()))
}

fn lettre_envelope() -> io::Result<LettreEnvelope> {
    let from = "alice@example.org".parse().map_err(io::Error::other)?;
    let to = "bob@example.net".parse().map_err(io::Error::other)?;
    LettreEnvelope::new(Some(from), vec![to]).map_err(io::Error::other)
}

fn accepted<E: std::error::Error + Send + Sync + 'static>(result: Result<Report, E>) -> io::Result<()> {
    let report = result.map_err(io::Error::other)?;
    if report.is_accepted() { Ok(()) } else { Err(io::Error::other(report.recipients()[0].to_string())) }
}

fn done<T, E: std::error::Error + Send + Sync + 'static>(result: Result<T, E>) -> io::Result<()> {
    result.map(drop).map_err(io::Error::other)
}

/// Whether so many results came, all of them good.
fn all_of(count: usize, results: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut came = 0;
    for result in results {
        result?;
        came += 1;
    }
    if came == count { Ok(()) } else { Err(io::Error::other(format!("{came} results of {count}"))) }
}

fn panicked() -> io::Error {
    io::Error::other("a thread panicked")
}
