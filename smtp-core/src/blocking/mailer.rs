//! Provides [`Mailer`], which sends messages over connections that it keeps.

use super::cancel::Cancel;
use super::deliver::{Keep, Opened, Plan, deliver, deliver_from};
use super::queue::{Queue, Signal, Supply};
use super::session::Session;
use super::slots::{Slot, Slots};
use crate::mailer::{
    BoxError, Delivery, Error, ErrorKind, Options, Pace, Reach, Report, Submission, Until, settled,
};
use crate::network::{Opener, jitter};
use crate::{Envelope, Secret};
use std::boxed::Box;
use std::fmt;
use std::string::{String, ToString};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::vec::Vec;

/// Sends messages to one server, over connections that it opens when needed and keeps for the next message.
///
/// A program makes one mailer and keeps it: it is cheap to clone, its clones share the connections, and any number of
/// threads may use it at once. Making one does no I/O and starts no thread; [`verify`](Self::verify) tells whether its
/// settings work. Async programs use the mailer of the feature `tokio`.
///
/// ```no_run
/// use smtp_core::Envelope;
/// use smtp_core::blocking::{Mailer, RawMessage};
///
/// let mailer = Mailer::from_url("smtps://you@mx.example.org")?.password("hunter2");
/// let envelope = Envelope::new("<you@example.org>".parse()?, ["<b@example.net>".parse()?]);
/// let report = mailer.send(&RawMessage::new(envelope, "Subject: hello\r\n\r\nIt works.\r\n"))?;
/// for recipient in report.recipients() {
///     println!("{recipient}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Mailer {
    shared: Arc<Shared>,
    cancel: Cancel,
    deadline: Option<Duration>,
}

struct Shared {
    options: Options,
    opener: Opener,
    /// The server, for reports.
    server: String,
    slots: Arc<Slots>,
    /// How many sessions were opened.
    sessions: AtomicUsize,
    pace: Option<Mutex<Pace>>,
    /// What the pace calls time zero.
    epoch: Instant,
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
        let opener = Opener::new(options.settings.clone());
        Self {
            cancel: Cancel::default(),
            deadline: options.deadline,
            shared: Arc::new(Shared {
                server: options.settings.server.to_string(),
                slots: Arc::new(Slots::new(options.pool)),
                opener,
                sessions: AtomicUsize::new(0),
                pace: options.rate.map(|rate| Mutex::new(Pace::new(rate))),
                epoch: Instant::now(),
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

    /// The same mailer, whose sends end when `cancel` is requested by another thread. It shares the connections.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Sends a message to its recipients, and returns what became of each.
    ///
    /// A refused recipient does not stop the others.
    ///
    /// # Errors
    /// If the server accepted the message for no recipient, refused it for none, and cannot have it: why. Nothing was sent.
    pub fn send<S: Submission + ?Sized>(&self, message: &S) -> Result<Report, Error> {
        self.transact(Delivery::new(message, 0).map_err(|(_, error)| no_envelope(error))?, Reach::Message)
    }

    /// Asks whether the recipients of an envelope would be accepted, by MAIL and RCPT, without a message.
    ///
    /// # Errors
    /// If the server said nothing of any of them: why.
    pub fn check(&self, envelope: &Envelope) -> Result<Report, Error> {
        let question = crate::mailer::RawMessage::new(envelope.clone(), "");
        let delivery = Delivery::new(&question, 0).map_err(|(_, error)| no_envelope(error))?;
        self.transact(delivery, Reach::Recipients)
    }

    /// Opens a connection and logs in, to tell whether the settings work. The connection is kept.
    ///
    /// # Errors
    /// Why there is no session.
    pub fn verify(&self) -> Result<(), Error> {
        let lane = Lane::new(self, self.ends_at());
        lane.admit()?;
        let Opened { session, .. } = lane.open()?;
        lane.keep(session, 0);
        Ok(())
    }

    /// Sends messages over as many connections as the options allow, and returns a result for each as it finishes.
    ///
    /// The messages are asked for one at a time, on a thread of their own, and only as many ahead as the connections can
    /// have under way. Dropping the iterator ends the batch as a cancellation does, and no further message is asked for. After a connection could not be opened no other is opened in the
    /// same round, so a dead server costs one timeout.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn send_all<I>(&self, messages: I) -> Result<SendAll<I::Item>, Error>
    where
        I: IntoIterator<Item: Submission + 'static, IntoIter: Send + 'static>,
    {
        let cancel = self.cancel.child();
        let mailer = self.clone().with_cancel(&cancel);
        let Options { pool, rate, .. } = &self.shared.options;
        let (sender, receiver) = sync_channel(pool.connections);
        // As many messages wait as sessions can have; under a rate limit none, as each waited for its time already.
        let in_flight = self.shared.options.settings.limits.in_flight;
        let ahead = if rate.is_some() { 0 } else { pool.connections * (in_flight + 1) };
        let (supply, supplied) = sync_channel(ahead);
        let signal = Arc::new(Signal::default());
        let queue = Queue::new(Supply::Ahead(supplied), Arc::clone(&signal));
        let deadline = self.ends_at();
        let is_wanted = Arc::new(AtomicBool::new(true));
        let supplying = {
            let (mailer, results, is_wanted) = (mailer.clone(), sender.clone(), Arc::clone(&is_wanted));
            let messages = messages.into_iter();
            move || {
                let deliveries = messages.enumerate().filter_map(|(index, message)| {
                    match Delivery::new(message, index) {
                        Ok(delivery) => Some(delivery),
                        Err((message, error)) => {
                            // The application may not want any more.
                            let _ = results.send(Sent { index, message, result: Err(no_envelope(error)) });
                            None
                        }
                    }
                });
                for delivery in mailer.paced(deliveries, deadline) {
                    if !is_wanted.load(Ordering::Relaxed) || supply.send(delivery).is_err() {
                        break;
                    }
                    signal.raise();
                }
                drop(supply);
                signal.raise();
            }
        };
        let sending = move || {
            mailer.batch(queue, deadline, &|result| {
                // The application may not want any more; then no message is asked for either.
                if sender.send(result).is_err() {
                    mailer.cancel.request();
                    is_wanted.store(false, Ordering::Relaxed);
                }
            });
        };
        let threads: [(&str, Box<dyn FnOnce() + Send>); 2] =
            [("supply", Box::new(supplying)), ("send_all", Box::new(sending))];
        for (name, run) in threads {
            std::thread::Builder::new()
                .name(name.to_string())
                .spawn(run)
                .map_err(|error| Error::new(ErrorKind::System).with_source(error))?;
        }
        Ok(SendAll { receiver, cancel })
    }

    /// Closes the idle connections with QUIT, and ends every later send; returns within `limit`.
    pub fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let sessions = self.shared.slots.close();
        std::thread::scope(|scope| {
            for mut session in sessions {
                let leave = move || {
                    session.begin(&Cancel::default(), Some(deadline));
                    session.leave();
                };
                // Without a thread the connection is closed without QUIT.
                let _ = std::thread::Builder::new().spawn_scoped(scope, leave);
            }
        });
    }

    fn transact<S: Submission>(&self, delivery: Delivery<S>, reach: Reach) -> Result<Report, Error> {
        let deadline = self.ends_at();
        let lanes = Lanes(Vec::from([Lane::new(self, deadline)]));
        let result = Mutex::new(None);
        deliver(
            &Plan {
                open: &|number| lanes.of(number)?.open(),
                keep: Some(&lanes),
                finished: &|delivery: Delivery<S>, left: Option<&Error>| {
                    let settled = settled(&delivery, &self.shared.server, left);
                    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(settled);
                },
                connections: 1,
                in_flight: 1,
                retries: self.shared.options.retries,
                reach,
                may_reconnect: true,
                wait: &|time| self.sleep(time, deadline),
                jitter: &jitter,
                cancel: &self.cancel,
            },
            self.paced(std::iter::once(delivery), deadline),
        );
        let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
        result.unwrap_or_else(|| Err(ErrorKind::Cancelled.into()))
    }

    fn batch<S: Submission>(
        &self,
        queue: Queue<'_, S>,
        deadline: Option<Instant>,
        finished: &(dyn Fn(Sent<S>) + Sync),
    ) {
        let options = &self.shared.options;
        let connections = options.pool.connections;
        let lanes = Lanes((0..=connections).map(|_| Lane::new(self, deadline)).collect());
        let plan = Plan {
            open: &|number| lanes.of(number)?.open(),
            keep: Some(&lanes),
            finished: &|delivery: Delivery<S>, left: Option<&Error>| {
                let result = settled(&delivery, &self.shared.server, left);
                let index = delivery.index();
                finished(Sent { index, message: delivery.into_submission(), result });
            },
            connections,
            in_flight: options.settings.limits.in_flight,
            retries: options.retries,
            reach: Reach::Message,
            may_reconnect: true,
            wait: &|time| self.sleep(time, deadline),
            jitter: &jitter,
            cancel: &self.cancel,
        };
        deliver_from(&plan, queue);
    }

    /// The same messages, each when the rate limit allows it.
    fn paced<T>(
        &self,
        supply: impl Iterator<Item = T> + Send,
        deadline: Option<Instant>,
    ) -> impl Iterator<Item = T> + Send {
        supply.inspect(move |_| {
            if let Some(pace) = &self.shared.pace {
                let now = crate::Instant::from_epoch(self.shared.epoch.elapsed());
                let wait = pace.lock().unwrap_or_else(PoisonError::into_inner).reserve(now);
                self.sleep(wait, deadline);
            }
        })
    }

    /// The right to have connections open.
    #[cfg(test)]
    pub(super) fn slots(&self) -> &Arc<Slots> {
        &self.shared.slots
    }

    fn ends_at(&self) -> Option<Instant> {
        self.deadline.and_then(|deadline| Instant::now().checked_add(deadline))
    }

    /// Lets time pass, or less of it if the send is cancelled or its deadline passes.
    fn sleep(&self, time: Duration, deadline: Option<Instant>) {
        let end = Instant::now() + time;
        self.cancel.sleep_until(deadline.map_or(end, |deadline| deadline.min(end)));
    }
}

/// The lanes of a delivery, by the numbers of their sessions.
struct Lanes<'a>(Vec<Lane<'a>>);

impl<'a> Lanes<'a> {
    fn of(&self, number: usize) -> Result<&Lane<'a>, Error> {
        self.0.get(number).ok_or_else(|| ErrorKind::System.into())
    }
}

impl Keep for Lanes<'_> {
    fn admit(&self, number: usize) -> Result<(), Error> {
        self.of(number)?.admit()
    }

    fn keep(&self, number: usize, session: Session, messages: usize) {
        if let Ok(lane) = self.of(number) {
            lane.keep(session, messages);
        }
    }

    fn release(&self, number: usize) {
        if let Ok(lane) = self.of(number) {
            lane.release();
        }
    }
}

/// One connection after the other, for one send or one part of a batch.
struct Lane<'a> {
    mailer: &'a Mailer,
    deadline: Option<Instant>,
    slot: Mutex<Option<Slot>>,
}

impl<'a> Lane<'a> {
    const fn new(mailer: &'a Mailer, deadline: Option<Instant>) -> Self {
        Self { mailer, deadline, slot: Mutex::new(None) }
    }

    /// Waits for the right to have a connection open.
    fn admit(&self) -> Result<(), Error> {
        let mut held = self.lock();
        if held.is_none() {
            let Mailer { shared, cancel, .. } = self.mailer;
            *held = Some(shared.slots.take(cancel, self.deadline)?);
        }
        Ok(())
    }

    /// A session: an idle one that still serves, or a new one. After one that did not, a new one.
    fn open(&self) -> Result<Opened, Error> {
        let Mailer { shared, cancel, .. } = self.mailer;
        let limits = &shared.options.pool;
        let mut held = self.lock();
        let Some(slot) = held.as_mut() else { return Err(ErrorKind::MailerClosed.into()) };
        if let Some((mut session, check)) = slot.idle() {
            session.begin(cancel, self.deadline);
            if session.still_serves(check) {
                return Ok(Opened { session, is_reused: true, messages: slot.tenure.remaining(limits) });
            }
        }
        let number = shared.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let observers = shared.options.observers.as_ref().map(|make| make(number)).unwrap_or_default();
        let session = Session::open(&shared.opener, Until::Ready, observers, cancel, self.deadline)?;
        slot.renew();
        Ok(Opened { session, is_reused: false, messages: limits.messages })
    }

    /// Takes a session back that may be used again.
    fn keep(&self, mut session: Session, messages: usize) {
        let slot = self.lock().take();
        let Some(mut slot) = slot else { return };
        slot.tenure.add_messages(messages);
        session.rest();
        if let Some(mut spent) = slot.put(session) {
            spent.begin(&Cancel::default(), None);
            spent.part();
        }
    }

    /// Lets others have the connection.
    fn release(&self) {
        let slot = self.lock().take();
        drop(slot);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Slot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The results of [`Mailer::send_all`], as they finish.
#[derive(Debug)]
pub struct SendAll<S> {
    receiver: Receiver<Sent<S>>,
    cancel: Cancel,
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

impl<S> Iterator for SendAll<S> {
    type Item = Sent<S>;

    fn next(&mut self) -> Option<Sent<S>> {
        self.receiver.recv().ok()
    }
}

impl<S> Drop for SendAll<S> {
    /// Cancels what is left; it does not wait.
    fn drop(&mut self) {
        self.cancel.request();
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
