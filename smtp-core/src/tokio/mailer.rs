//! Provides [`Mailer`], which sends messages over connections that it keeps.

use super::deliver::{Plan, deliver};
use super::lane::{Lane, Shared};
use super::queue::Supply;
use super::slots::Slots;
use crate::mailer::{
    BoxError, Delivery, Error, ErrorKind, Options, Pace, RawMessage, Reach, Report, Submission, settled,
};
use crate::network::Opener;
use crate::{Envelope, Secret};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use std::boxed::Box;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::string::{String, ToString};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Sends messages to one server, over connections that it opens when needed and keeps for the next message.
///
/// A program makes one mailer and keeps it: it is cheap to clone, its clones share the connections, and any number of tasks
/// may use it at once. Making one does no I/O and needs no runtime; [`verify`](Self::verify) tells whether its settings work.
/// No task of its own runs: sending goes on while its future is polled. A future that is dropped closes its connection at
/// once. Programs without a runtime use the mailer of the feature `blocking`, whose calls would stall the others of an async
/// program.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_core::Envelope;
/// use smtp_core::tokio::{Mailer, RawMessage};
///
/// let mailer = Mailer::from_url("smtps://you@mx.example.org")?.password("hunter2");
/// let envelope = Envelope::new("<you@example.org>".parse()?, ["<b@example.net>".parse()?]);
/// let report = mailer.send(&RawMessage::new(envelope, "Subject: hello\r\n\r\nIt works.\r\n")).await?;
/// for recipient in report.recipients() {
///     println!("{recipient}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Mailer {
    shared: Arc<Shared>,
    /// The server, for reports.
    server: Arc<str>,
    pace: Option<Arc<(Mutex<Pace>, Instant)>>,
    deadline: Option<Duration>,
}

impl Mailer {
    /// A mailer for the server of a URL like `smtps://you@mx.example.org`; see [`Options::from_url`].
    ///
    /// # Errors
    /// If the URL is wrong.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        Ok(Self::new(Options::from_url(url)?))
    }

    /// A mailer with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            deadline: options.deadline,
            server: options.settings.server.to_string().into(),
            pace: options.rate.map(|rate| Arc::new((Mutex::new(Pace::new(rate)), Instant::now()))),
            shared: Arc::new(Shared {
                slots: Arc::new(Slots::new(options.pool)),
                opener: Opener::new(options.settings.clone()),
                sessions: AtomicUsize::new(0),
                options,
            }),
        }
    }

    /// A new mailer that logs in with this password, as the user of the URL.
    #[must_use]
    pub fn password(self, password: impl Into<Secret>) -> Self {
        Self::new(self.shared.options.clone().password(password))
    }

    /// The same mailer with another deadline for each send: the wait for a connection, the look-up, TLS, the login and the
    /// message. It shares the connections.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends a message to its recipients, and returns what became of each.
    ///
    /// A refused recipient does not stop the others. If the future is dropped before it is done, the connection is closed at
    /// once, and observers get [`Notice::Abandoned`](crate::mailer::Notice::Abandoned).
    ///
    /// # Errors
    /// If the server accepted the message for no recipient, refused it for none, and cannot have it: why. Nothing was sent.
    pub async fn send<S: Submission + ?Sized>(&self, message: &S) -> Result<Report, Error> {
        let delivery = Delivery::new(message, 0).map_err(|(_, error)| no_envelope(error))?;
        self.transact(delivery, Reach::Message).await
    }

    /// Asks whether the recipients of an envelope would be accepted, by MAIL and RCPT, without a message.
    ///
    /// # Errors
    /// If the server said nothing of any of them: why.
    pub async fn check(&self, envelope: &Envelope) -> Result<Report, Error> {
        let question = RawMessage::new(envelope.clone(), "");
        let delivery = Delivery::new(&question, 0).map_err(|(_, error)| no_envelope(error))?;
        self.transact(delivery, Reach::Recipients).await
    }

    /// Opens a connection and logs in, to tell whether the settings work. The connection is kept.
    ///
    /// # Errors
    /// Why there is no session.
    pub async fn verify(&self) -> Result<(), Error> {
        let lane = Lane::new(&self.shared, self.ends_at());
        lane.admit().await?;
        let opened = lane.open().await?;
        lane.keep(opened.session, 0).await;
        Ok(())
    }

    /// Sends messages over as many connections as the options allow, and returns a result for each as it finishes.
    ///
    /// The messages are asked for one at a time, when a connection has room for one, and sent while the stream is polled.
    /// Dropping it closes its connections. After a connection could not be opened no other is opened in the same round, so a
    /// dead server costs one timeout. An iterator becomes a stream by `futures_util::stream::iter`.
    pub fn send_all<'a, M>(&self, messages: M) -> SendAll<'a, M::Item>
    where
        M: Stream<Item: Submission> + Send + 'a,
    {
        let connections = self.shared.options.pool.connections;
        let (finished, deliveries) = channel(connections);
        let (unsuitable, failed) = channel(connections);
        let mailer = self.clone();
        let driver = async move {
            let supply = messages.enumerate().filter_map(|(index, message)| {
                let unsuitable: Sender<Sent<M::Item>> = unsuitable.clone();
                async move {
                    match Delivery::new(message, index) {
                        Ok(delivery) => Some(delivery),
                        Err((message, error)) => {
                            let result = Err(no_envelope(error));
                            // The application may not want any more.
                            let _ = unsuitable.send(Sent { index, message, result }).await;
                            None
                        }
                    }
                }
            });
            let in_flight = mailer.shared.options.settings.limits.in_flight;
            let plan = mailer.plan(connections, in_flight, Reach::Message, finished);
            deliver(plan, Box::pin(supply)).await;
        };
        SendAll { driver: Some(Box::pin(driver)), deliveries, failed, server: self.server.to_string() }
    }

    /// Closes the idle connections with QUIT, and ends every later send; returns within `limit`.
    pub async fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut leaving: FuturesUnordered<_> = self
            .shared
            .slots
            .close()
            .into_iter()
            .map(|mut session| async move {
                session.begin(Some(deadline));
                session.farewell().await;
            })
            .collect();
        while leaving.next().await.is_some() {}
    }

    async fn transact<S: Submission>(&self, delivery: Delivery<S>, reach: Reach) -> Result<Report, Error> {
        let (finished, mut deliveries) = channel(1);
        let supply: Supply<'_, S> = Box::pin(futures_util::stream::iter([delivery]));
        deliver(self.plan(1, 1, reach, finished), supply).await;
        match deliveries.try_recv() {
            Ok((delivery, left)) => settled(&delivery, &self.server, left.as_ref()),
            Err(_) => Err(ErrorKind::Cancelled.into()),
        }
    }

    fn plan<S>(
        &self,
        connections: usize,
        in_flight: usize,
        reach: Reach,
        finished: Sender<(Delivery<S>, Option<Error>)>,
    ) -> Plan<'_, S> {
        let deadline = self.ends_at();
        Plan {
            lanes: (0..connections).map(|_| Lane::new(&self.shared, deadline)).collect(),
            finished,
            in_flight,
            retries: self.shared.options.retries,
            reach,
            deadline,
            pace: self.pace.as_ref().map(|pace| (&pace.0, pace.1)),
            server: self.server.to_string(),
        }
    }

    fn ends_at(&self) -> Option<Instant> {
        self.deadline.and_then(|deadline| Instant::now().checked_add(deadline))
    }
}

/// The results of [`Mailer::send_all`], as they finish.
pub struct SendAll<'a, S> {
    driver: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
    deliveries: Receiver<(Delivery<S>, Option<Error>)>,
    failed: Receiver<Sent<S>>,
    server: String,
}

/// What became of one message of a batch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent<S> {
    /// The place of the message in the batch, from 0.
    pub index: usize,
    /// The message.
    pub message: S,
    /// What became of it, as [`Mailer::send`] returns it.
    pub result: Result<Report, Error>,
}

impl<S> Stream for SendAll<'_, S> {
    type Item = Sent<S>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Sent<S>>> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(Some((delivery, left))) = this.deliveries.poll_recv(context) {
                let result = settled(&delivery, &this.server, left.as_ref());
                let index = delivery.index();
                return Poll::Ready(Some(Sent { index, message: delivery.into_submission(), result }));
            }
            if let Poll::Ready(Some(sent)) = this.failed.poll_recv(context) {
                return Poll::Ready(Some(sent));
            }
            let Some(driver) = &mut this.driver else { return Poll::Ready(None) };
            let is_done = driver.as_mut().poll(context).is_ready();
            if is_done {
                this.driver = None;
            } else if this.deliveries.is_empty() && this.failed.is_empty() {
                return Poll::Pending;
            }
        }
    }
}

impl<S> fmt::Debug for SendAll<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAll").finish_non_exhaustive()
    }
}

fn no_envelope(error: BoxError) -> Error {
    Error::new(ErrorKind::Unsuitable).with_source(error)
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
