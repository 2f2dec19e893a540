//! Defines the threads that serve one connection each, for as long as its session takes.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use super::{connections::Connections, drive, socket::Socket, stream::Stream};
use crate::{
    session::{Output, Session},
    sync::lock,
};

/// How long a thread waits for another connection: a client that makes one for each message then pays for no thread.
const IDLE: Duration = Duration::from_secs(1);

/// What one session needs of the stack, the handshake of TLS included, several times over.
const STACK: usize = 256 * 1024;

/// A connection that is to be served.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) socket: Socket,
    pub(crate) session: Session,
    pub(crate) number: u64,
    /// What the session has asked for and was not done yet.
    pub(crate) first: Option<Output>,
}

/// A pool of threads, which grows as long as each of its threads has a connection.
#[derive(Debug)]
pub(crate) struct Workers {
    connections: Arc<Connections>,
    pool: Mutex<Pool>,
    /// A connection waits for an idle thread, or the mock stops.
    work: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    /// Threads whose session has ended and that wait for the next.
    idle: usize,
    /// Connections for idle threads, never more than there are.
    jobs: VecDeque<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, pool: Mutex::default(), work: Condvar::new() }
    }

    /// Gives a connection a thread of its own: one that is idle, or a new one.
    pub(crate) fn serve(self: &Arc<Self>, job: Job) {
        let number = job.number;
        let mut pool = lock(&self.pool);
        if self.connections.is_stopped() || job.socket.set_nonblocking(false).is_err() {
            drop(pool);
            drop(job);
            self.connections.ended(number);
            return;
        }
        if pool.idle > pool.jobs.len() {
            pool.jobs.push_back(job);
            drop(pool);
            self.work.notify_one();
            return;
        }
        pool.threads.retain(|thread| !thread.is_finished());
        let workers = Arc::clone(self);
        let thread = std::thread::Builder::new()
            .name("smtp-mock".to_owned())
            .stack_size(STACK)
            .spawn(move || workers.work(job));
        if let Ok(thread) = thread {
            pool.threads.push(thread);
        } else {
            // The system gives no thread: the connection closes with the session that was moved into it.
            drop(pool);
            self.connections.ended(number);
        }
    }

    /// Lets idle threads end, once the connections are stopped.
    pub(crate) fn wake(&self) {
        // Under the lock, so that none can be between its check and its wait.
        let _pool = lock(&self.pool);
        self.work.notify_all();
    }

    /// Waits for the threads; to be called once the connections are stopped and the listeners closed.
    pub(crate) fn join(&self) {
        let threads = core::mem::take(&mut lock(&self.pool).threads);
        for thread in threads {
            // A session that panicked has said so on standard error; the others are still to be joined.
            let _ = thread.join();
        }
    }

    /// Serves a connection, then those that come while the thread is idle.
    fn work(self: Arc<Self>, mut job: Job) {
        loop {
            let number = job.number;
            job.serve(&self.connections);
            self.connections.ended(number);
            let mut pool = lock(&self.pool);
            pool.idle += 1;
            let waits = |pool: &mut Pool| pool.jobs.is_empty() && !self.connections.is_stopped();
            let waited = self.work.wait_timeout_while(pool, IDLE, waits);
            let (mut pool, _) = waited.unwrap_or_else(PoisonError::into_inner);
            pool.idle -= 1;
            let Some(next) = pool.jobs.pop_front() else { return };
            job = next;
        }
    }
}

impl Job {
    fn serve(mut self, connections: &Arc<Connections>) {
        let mut stream = Stream::new(self.socket, Arc::clone(connections), self.number);
        drive(&mut self.session, &mut stream, connections.epoch(), self.first);
    }
}
