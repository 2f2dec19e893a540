//! Accepts connections and gives each a thread; stops, pauses and resumes.

#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{Shutdown, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

#[cfg(unix)]
use super::crowd::Crowd;
use super::{
    drive,
    stream::{Raw, Stream},
};
use crate::{
    server::{Server, lock},
    session::{Output, Session},
    tls::Acceptors,
};

/// How long a thread waits for another connection: a client that makes one for each message then pays for no thread.
const IDLE: Duration = Duration::from_secs(1);

/// How long an accept that was to be woken may take before it is woken again.
const WAKING: Duration = Duration::from_millis(20);

/// What one session needs of the stack, the handshake of TLS included, several times over.
const STACK: usize = 256 * 1024;

/// What the threads of one mock share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) server: Server,
    pub(crate) acceptors: Acceptors,
    epoch: Instant,
    sessions: usize,
    /// Whether what was read is acknowledged at once.
    acknowledges: bool,
    state: Mutex<State>,
    /// The mock stops.
    stopping: Condvar,
    /// One session less than are allowed runs again.
    room: Condvar,
    /// A connection waits for an idle thread.
    work: Condvar,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// A handle on each open connection, by which a stop can end it.
    open: HashMap<u64, Raw>,
    running: usize,
    /// Threads whose session has ended and that wait for the next.
    idle: usize,
    /// Connections for idle threads, never more than there are.
    jobs: VecDeque<Job>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that serve many connections, once there was one.
    #[cfg(unix)]
    crowds: Option<Vec<Arc<Crowd>>>,
}

/// A connection that is to be served.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) raw: Raw,
    pub(crate) session: Session,
    pub(crate) number: u64,
    /// What the session has asked for and was not done yet.
    pub(crate) first: Option<Output>,
}

/// An open listener with its thread.
#[derive(Debug)]
pub(crate) struct Listener {
    thread: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    /// It has nobody to send any more when the thread ends.
    ended: Mutex<mpsc::Receiver<()>>,
    place: Place,
    implicit: bool,
    shared: Arc<Shared>,
}

/// Where a listener listens.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    #[cfg_attr(not(unix), allow(dead_code))]
    Unix(PathBuf),
}

enum Socketed {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Shared {
    pub(crate) fn new(server: Server, acceptors: Acceptors, sessions: usize) -> Arc<Self> {
        Arc::new(Self {
            acknowledges: server.scenario().quick_ack,
            server,
            acceptors,
            epoch: Instant::now(),
            sessions: sessions.max(1),
            state: Mutex::default(),
            stopping: Condvar::new(),
            room: Condvar::new(),
            work: Condvar::new(),
            next: AtomicU64::new(0),
        })
    }

    /// Lets time pass; `false` when the mock stops meanwhile.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let begin = Instant::now();
        let mut state = lock(&self.state);
        while !state.stopped {
            let Some(left) = duration.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) else {
                return true;
            };
            state = self.stopping.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Drops the handle by which a stop would end the connection.
    pub(crate) fn forget(&self, number: u64) {
        lock(&self.state).open.remove(&number);
    }

    /// How long a client may be silent, where that is limited.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.server.scenario().limits.idle()
    }

    /// Acknowledges what was just read, where the scenario wants that at once.
    pub(crate) fn acknowledge(&self, raw: &Raw) {
        if self.acknowledges {
            raw.acknowledge();
        }
    }

    /// Ends every connection, whatever its session does, and takes no further one. It waits for nothing.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        for raw in state.open.values() {
            let _ = raw.shutdown(Shutdown::Both);
        }
        #[cfg(unix)]
        state.crowds.iter().flatten().for_each(|crowd| crowd.wake());
        for waiting in [&self.stopping, &self.room, &self.work] {
            waiting.notify_all();
        }
    }

    /// Waits for the threads of the connections; to be called after [`stop`](Self::stop), with the listeners closed.
    pub(crate) fn join(&self) {
        let threads = core::mem::take(&mut lock(&self.state).threads);
        for thread in threads {
            // A session that panicked has said so on standard error; the others are still to be joined.
            let _ = thread.join();
        }
    }

    /// Lets listeners that wait for room look whether they are closed.
    fn wake_listeners(&self) {
        // Under the lock, so that none can be between its look and its wait.
        let _state = lock(&self.state);
        self.room.notify_all();
    }

    /// Gives a connection its thread, when one is free.
    fn start(self: &Arc<Self>, raw: Raw, implicit: bool, closing: &AtomicBool) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let handle = raw.clone();
        let mut state = lock(&self.state);
        while state.running >= self.sessions && !state.stopped && !closing.load(Ordering::Acquire) {
            // The rest wait in the listener's backlog: they cost the kernel's memory, not ours.
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped || closing.load(Ordering::Acquire) {
            return;
        }
        state.open.insert(number, handle);
        state.running += 1;
        // The number of the connection is given here, in the order of arrival, not by whichever thread is first.
        let mut session = self.server.session();
        if implicit {
            session.begin_with_tls();
        }
        let job = Job { raw, session, number, first: None };
        #[cfg(unix)]
        let job = {
            if state.crowds.is_none() {
                let started: Vec<_> = (0..crowds()).filter_map(|_| Crowd::start(self).ok()).collect();
                let (crowds, threads): (Vec<_>, Vec<_>) = started.into_iter().unzip();
                state.crowds = Some(crowds);
                state.threads.extend(threads);
            }
            let crowds = state.crowds.as_deref().unwrap_or_default();
            let turn = usize::try_from(number).unwrap_or(0).checked_rem(crowds.len());
            match turn.and_then(|turn| crowds.get(turn)) {
                Some(crowd) => match crowd.take(job) {
                    Ok(()) => return,
                    Err(job) => *job,
                },
                None => job,
            }
        };
        drop(state);
        self.give_thread(job);
    }

    /// Gives a connection a thread of its own: one that is idle, or a new one.
    pub(crate) fn give_thread(self: &Arc<Self>, job: Job) {
        let number = job.number;
        let mut state = lock(&self.state);
        if state.stopped || job.raw.set_nonblocking(false).is_err() {
            drop(state);
            drop(job);
            self.session_ended(number);
            return;
        }
        if state.idle > state.jobs.len() {
            state.jobs.push_back(job);
            drop(state);
            self.work.notify_one();
            return;
        }
        state.threads.retain(|thread| !thread.is_finished());
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new()
            .name("smtp-mock".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.work(job));
        if let Ok(thread) = thread {
            state.threads.push(thread);
        } else {
            // The system gives no thread: the connection closes with the session that was moved into it.
            drop(state);
            self.session_ended(number);
        }
    }

    /// Makes room for another session.
    pub(crate) fn session_ended(&self, number: u64) {
        let mut state = lock(&self.state);
        state.open.remove(&number);
        state.running -= 1;
        if state.running + 1 >= self.sessions {
            self.room.notify_all();
        }
    }

    #[cfg(unix)]
    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    /// The time since the epoch of all sessions.
    #[cfg(unix)]
    pub(crate) fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Serves a connection, then those that come while the thread is idle.
    fn work(self: Arc<Self>, mut job: Job) {
        loop {
            let number = job.number;
            job.serve(&self);
            self.session_ended(number);
            let mut state = lock(&self.state);
            state.idle += 1;
            let waits = |state: &mut State| state.jobs.is_empty() && !state.stopped;
            let waited = self.work.wait_timeout_while(state, IDLE, waits);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            let Some(next) = state.jobs.pop_front() else { return };
            job = next;
        }
    }
}

/// How many threads share the connections: one for each processor, and few.
#[cfg(unix)]
fn crowds() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(4))
}

impl Job {
    fn serve(mut self, shared: &Arc<Shared>) {
        let mut stream = Stream::new(self.raw, Arc::clone(shared), self.number);
        drive(&mut self.session, &mut stream, shared.epoch, self.first);
    }
}

impl Listener {
    /// Opens a listener. With `narrow`, sockets have small buffers, so that a client soon feels that nobody reads.
    pub(crate) fn open(
        place: &Place,
        implicit: bool,
        narrow: bool,
        shared: &Arc<Shared>,
    ) -> io::Result<Self> {
        let (socket, place) = match place {
            Place::Tcp(address) => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                // A pause must be able to open the same port again; elsewhere the flag would let two servers share it.
                #[cfg(unix)]
                socket.set_reuse_address(true)?;
                if narrow {
                    // Inherited by the connections, and only then does the window stay small.
                    socket.set_recv_buffer_size(4096)?;
                }
                socket.bind(&(*address).into())?;
                socket.listen(1024)?;
                let listener = TcpListener::from(socket);
                let address = listener.local_addr()?;
                (Socketed::Tcp(listener), Place::Tcp(address))
            }
            #[cfg(unix)]
            Place::Unix(path) => (Socketed::Unix(UnixListener::bind(path)?), Place::Unix(path.clone())),
            #[cfg(not(unix))]
            Place::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let closing = Arc::new(AtomicBool::new(false));
        let (flag, for_thread) = (Arc::clone(&closing), Arc::clone(shared));
        let (running, ended) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("smtp-mock accept".to_owned()).spawn(move || {
            accept(&socket, implicit, &flag, &for_thread);
            drop(running);
        })?;
        let (thread, ended) = (Some(thread), Mutex::new(ended));
        Ok(Self { thread, closing, ended, place, implicit, shared: Arc::clone(shared) })
    }

    /// The TCP address.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.thread.is_some()
    }

    /// Closes the listener: the next client is refused. Open connections go on.
    pub(crate) fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.closing.store(true, Ordering::Release);
        self.shared.wake_listeners();
        // Nothing portable wakes a blocked accept but a connection, which may fail for want of a descriptor: one comes
        // free when a session ends.
        let mut awake = wake(&self.place);
        while lock(&self.ended).recv_timeout(WAKING) == Err(RecvTimeoutError::Timeout) {
            awake = wake(&self.place);
        }
        drop(awake);
        let _ = thread.join();
        if let Place::Unix(path) = &self.place {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Opens the listener again, at the same port or path.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if self.thread.is_none() {
            *self = Self::open(&self.place.clone(), self.implicit, false, &Arc::clone(&self.shared))?;
        }
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

fn accept(socket: &Socketed, implicit: bool, closing: &AtomicBool, shared: &Arc<Shared>) {
    while !closing.load(Ordering::Acquire) {
        let raw = match socket {
            Socketed::Tcp(listener) => listener.accept().map(|(stream, _)| {
                // Packets are part of the scenario: the kernel must not merge them.
                let _ = stream.set_nodelay(true);
                Raw::Tcp(Arc::new(stream))
            }),
            #[cfg(unix)]
            Socketed::Unix(listener) => listener.accept().map(|(stream, _)| Raw::Unix(Arc::new(stream))),
        };
        if closing.load(Ordering::Acquire) {
            return;
        }
        match raw {
            Ok(raw) => shared.start(raw, implicit, closing),
            // Out of descriptors, most likely: a pause lets some come free.
            Err(_) => {
                if !shared.sleep(Duration::from_millis(10)) {
                    return;
                }
            }
        }
    }
}

/// Begins a connection, which wakes a blocked accept for as long as it is kept. It never waits: where the backlog is
/// full, nobody is blocked.
fn wake(place: &Place) -> io::Result<Socket> {
    let (domain, address) = match place {
        Place::Tcp(address) => {
            let mut address = *address;
            if address.ip().is_unspecified() {
                address.set_ip(match address {
                    SocketAddr::V4(_) => core::net::Ipv4Addr::LOCALHOST.into(),
                    SocketAddr::V6(_) => core::net::Ipv6Addr::LOCALHOST.into(),
                });
            }
            (Domain::for_address(address), SockAddr::from(address))
        }
        Place::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
    };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // It is under way, or refused; whoever accepts it tells.
    let _ = socket.connect(&address);
    Ok(socket)
}

/// An address whose listener never accepts and whose backlog is full: a connect to it gets no answer.
#[derive(Debug)]
pub struct Blackhole {
    address: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl Blackhole {
    /// Opens one on loopback. How soon a backlog is full is the system's choice; on Linux at once.
    ///
    /// # Errors
    /// When the system gives no socket.
    pub fn open() -> io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut fillers = Vec::new();
        for _ in 0..4 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            filler.set_nonblocking(true)?;
            let _ = SockRef::from(&filler).connect(&address.into());
            fillers.push(filler);
        }
        Ok(Self { address, _listener: listener, _fillers: fillers })
    }

    /// The address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}
