//! Decides which thread serves a connection.

use std::sync::{Arc, atomic::AtomicBool};
#[cfg(unix)]
use std::{sync::Mutex, thread::JoinHandle};

#[cfg(unix)]
use super::event_loop::EventLoop;
use super::{
    connections::Connections,
    socket::Socket,
    workers::{Job, Workers},
};
use crate::server::Server;
#[cfg(unix)]
use crate::sync::lock;

/// Gives each accepted connection its session and a thread: an event loop where there are some, else one of its own.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    server: Server,
    connections: Arc<Connections>,
    workers: Arc<Workers>,
    #[cfg(unix)]
    loops: Mutex<Loops>,
}

/// The event loops, started for the first connection.
#[cfg(unix)]
#[derive(Debug, Default)]
struct Loops {
    started: Option<Vec<Arc<EventLoop>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Dispatcher {
    pub(crate) fn new(server: Server, connections: Connections) -> Self {
        let connections = Arc::new(connections);
        Self {
            server,
            workers: Arc::new(Workers::new(Arc::clone(&connections))),
            connections,
            #[cfg(unix)]
            loops: Mutex::default(),
        }
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Serves a connection once there is room for it, unless the mock stops or `closing` is set before. With `implicit`, it
    /// begins with TLS.
    pub(crate) fn serve(&self, socket: Socket, implicit: bool, closing: &AtomicBool) {
        let Some(number) = self.connections.admit(&socket, closing) else { return };
        // The number of the session is given here, in the order of arrival, not by whichever thread is first.
        let mut session = self.server.session();
        if implicit {
            session.begin_with_tls();
        }
        let job = Job { socket, session, number, first: None };
        #[cfg(unix)]
        let job = match self.event_loop(number) {
            Some(event_loop) => match event_loop.take(job) {
                Ok(()) => return,
                Err(job) => *job,
            },
            None => job,
        };
        self.workers.serve(job);
    }

    /// Ends every connection, whatever its session does, and serves no other. It waits for nothing.
    pub(crate) fn stop(&self) {
        self.connections.stop();
        #[cfg(unix)]
        lock(&self.loops).started.iter().flatten().for_each(|event_loop| event_loop.wake());
        self.workers.wake();
    }

    /// Waits for the threads of the connections; to be called after [`stop`](Self::stop), with the listeners closed.
    pub(crate) fn join(&self) {
        #[cfg(unix)]
        for thread in core::mem::take(&mut lock(&self.loops).threads) {
            // A session that panicked has said so on standard error; the others are still to be joined.
            let _ = thread.join();
        }
        self.workers.join();
    }

    /// The event loop of a connection, where there is one.
    #[cfg(unix)]
    fn event_loop(&self, number: u64) -> Option<Arc<EventLoop>> {
        let mut loops = lock(&self.loops);
        // A stop wakes the loops that it finds under this lock: none may start after it.
        if loops.started.is_none() && !self.connections.is_stopped() {
            let start = |_| EventLoop::start(&self.connections, &self.workers).ok();
            let (started, threads) = (0..loop_count()).filter_map(start).unzip();
            *loops = Loops { started: Some(started), threads };
        }
        let started = loops.started.as_deref().unwrap_or_default();
        let turn = usize::try_from(number).unwrap_or(0).checked_rem(started.len())?;
        started.get(turn).cloned()
    }
}

/// How many event loops share the connections: one for each processor, and few.
#[cfg(unix)]
fn loop_count() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(4))
}
