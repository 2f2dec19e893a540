//! Serves many connections with one thread, as long as none of them makes it wait.
//!
//! A thread for each connection costs a change of threads for each command, which is more than all else that a command
//! costs. So a connection begins here, and moves to a thread of its own at the first thing that takes time: a handshake,
//! a delay, a client that does not read.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::fd::AsRawFd as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, Waker, event::Event, unix::SourceFd};

use super::{
    LARGE, LINGER,
    connections::Connections,
    socket::Socket,
    workers::{Job, Workers},
};
use crate::{scenario::Close, session::Output, sync::lock};

/// The token of the waker; connections have theirs from 0.
const WAKER: Token = Token(usize::MAX);

/// How many reads and writes a connection may have before it is the next one's turn.
const TURN: usize = 64;

/// A thread that serves many connections, seen from outside.
#[derive(Debug)]
pub(crate) struct EventLoop {
    /// Connections that it has not taken over yet; `None` when it has ended.
    inbox: Mutex<Option<Vec<Job>>>,
    waker: Waker,
}

/// The same, seen from the thread.
struct Loop {
    poll: Poll,
    handle: Arc<EventLoop>,
    connections: Arc<Connections>,
    /// Where a connection goes that has to wait.
    workers: Arc<Workers>,
    members: HashMap<usize, Member>,
    /// Connections whose turn was over before they had nothing left to do.
    ready: Vec<usize>,
    /// No connection has a deadline before this time. Where one ended or was busy meanwhile, its deadline is later: a look
    /// at all of them then costs less than an entry in an order for each.
    first_deadline: Option<Duration>,
    next: usize,
    buffer: Vec<u8>,
}

struct Member {
    job: Job,
    /// All that had come was read: there is an event when more comes.
    drained: bool,
    /// The client's direction is closed, and no further event will tell.
    hung: bool,
    ended: bool,
    /// Our direction is closed; the client has until then to close its own.
    closing: Option<Duration>,
}

/// What becomes of a connection after its turn.
enum Turn {
    /// There is nothing to do before there is input.
    Waits,
    /// It has more to do, the others come first.
    Again,
    /// It is over.
    Over,
    /// It needs a thread of its own, which begins with this.
    Leaves(Output),
}

impl EventLoop {
    /// Starts the thread.
    pub(crate) fn start(
        connections: &Arc<Connections>,
        workers: &Arc<Workers>,
    ) -> io::Result<(Arc<Self>, std::thread::JoinHandle<()>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let handle = Arc::new(Self { inbox: Mutex::new(Some(Vec::new())), waker });
        let mut members = Loop {
            poll,
            handle: Arc::clone(&handle),
            connections: Arc::clone(connections),
            workers: Arc::clone(workers),
            members: HashMap::new(),
            ready: Vec::new(),
            first_deadline: None,
            next: 0,
            buffer: vec![0; LARGE],
        };
        let thread = std::thread::Builder::new().name("smtp-mock loop".to_owned()).spawn(move || {
            members.run();
        })?;
        Ok((handle, thread))
    }

    /// Hands a connection over; gives it back when the thread has ended.
    pub(crate) fn take(&self, job: Job) -> Result<(), Box<Job>> {
        match &mut *lock(&self.inbox) {
            Some(inbox) => inbox.push(job),
            None => return Err(Box::new(job)),
        }
        self.wake();
        Ok(())
    }

    /// Lets the thread look whether the mock stops.
    pub(crate) fn wake(&self) {
        // A waker fails only when its counter is full, and then the thread is awake.
        let _ = self.waker.wake();
    }
}

impl Loop {
    fn run(&mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            let limit = if self.ready.is_empty() { self.next_limit() } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, limit) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nothing that was registered can make it fail; should it, threads of their own go on.
                Err(_) => break,
            }
            for token in core::mem::take(&mut self.ready) {
                self.serve(token, None);
            }
            let mut woken = false;
            for event in &events {
                let token = event.token();
                woken |= token == WAKER;
                self.serve(token.0, Some(event));
            }
            self.end_overdue();
            if woken {
                let jobs = lock(&self.handle.inbox).as_mut().map(core::mem::take).unwrap_or_default();
                for job in jobs {
                    self.welcome(job);
                }
            }
            if self.members.is_empty() && self.connections.is_stopped() {
                break;
            }
        }
        let jobs = lock(&self.handle.inbox).take().unwrap_or_default();
        let members = core::mem::take(&mut self.members);
        for job in jobs.into_iter().chain(members.into_values().map(|member| member.job)) {
            self.workers.serve(job);
        }
    }

    /// Begins to serve a connection.
    fn welcome(&mut self, job: Job) {
        let token = self.next;
        // The waker's token is never reached: so many connections would take centuries.
        self.next += 1;
        let descriptor = job.socket.as_raw_fd();
        let registered = job.socket.set_nonblocking(true).and_then(|()| {
            self.poll.registry().register(&mut SourceFd(&descriptor), Token(token), Interest::READABLE)
        });
        if registered.is_err() {
            self.workers.serve(job);
            return;
        }
        self.members.insert(token, Member { job, drained: true, hung: false, ended: false, closing: None });
        self.serve(token, None);
    }

    /// Gives a connection its turn, because of an event or because it has something left to do.
    fn serve(&mut self, token: usize, event: Option<&Event>) {
        let Some(member) = self.members.get_mut(&token) else { return };
        match event {
            Some(event) => {
                member.drained = false;
                member.hung |= event.is_read_closed() || event.is_error();
            }
            // After an event, the time counts when something was read.
            None => member.job.session.now(self.connections.elapsed()),
        }
        let turn = member.take_turn(&mut self.buffer, &self.connections);
        if matches!(turn, Turn::Waits) {
            self.first_deadline = [self.first_deadline, member.deadline()].into_iter().flatten().min();
            return;
        }
        if matches!(turn, Turn::Again) {
            self.ready.push(token);
            return;
        }
        let Some(member) = self.members.remove(&token) else { return };
        let descriptor = member.job.socket.as_raw_fd();
        let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
        if let Turn::Leaves(output) = turn {
            self.workers.serve(Job { first: Some(output), ..member.job });
        } else {
            self.end(member);
        }
    }

    /// Closes a connection.
    fn end(&self, member: Member) {
        let number = member.job.number;
        drop(member);
        self.connections.ended(number);
    }

    /// How long to wait for events.
    fn next_limit(&self) -> Option<Duration> {
        let left = self.first_deadline?.saturating_sub(self.connections.elapsed());
        Some(left + Duration::from_millis(1))
    }

    /// Ends connections whose client has been silent for too long, or was to close its direction.
    fn end_overdue(&mut self) {
        let now = self.connections.elapsed();
        if self.first_deadline.is_none_or(|first| now < first) {
            return;
        }
        let deadlines = self.members.iter().filter_map(|(&token, member)| Some((member.deadline()?, token)));
        let (overdue, later): (Vec<_>, Vec<_>) = deadlines.partition(|&(deadline, _)| deadline <= now);
        self.first_deadline = later.into_iter().map(|(deadline, _)| deadline).min();
        for (_, token) in overdue {
            if self.members.get(&token).is_some_and(|member| member.closing.is_none()) {
                self.serve(token, None);
            } else if let Some(member) = self.members.remove(&token) {
                self.end(member);
            }
        }
    }
}

impl Member {
    /// When its client must have said something, or closed its direction.
    fn deadline(&self) -> Option<Duration> {
        self.closing.or_else(|| self.job.session.deadline())
    }

    /// Does what the session asks for until it has to wait or has had its share.
    fn take_turn(&mut self, buffer: &mut [u8], connections: &Connections) -> Turn {
        for _ in 0..TURN {
            if self.closing.is_some() {
                // Octets left unread would make the close a reset.
                match self.read(buffer) {
                    Ok(Some(0)) | Err(_) => return Turn::Over,
                    Ok(Some(_)) => continue,
                    Ok(None) => return Turn::Waits,
                }
            }
            let session = &mut self.job.session;
            match session.poll() {
                Output::Send(octets) => match write(&mut self.job.socket, &octets) {
                    Ok(count) if count == octets.len() => session.reuse(octets),
                    Ok(count) => return Turn::Leaves(Output::Send(octets[count..].to_vec())),
                    Err(error) => {
                        session.now(connections.elapsed());
                        session.lost(&format!("the client is gone: {error}"));
                        return Turn::Over;
                    }
                },
                Output::NeedInput if self.ended => {
                    session.lost("the client closed the connection");
                    return Turn::Over;
                }
                Output::NeedInput => match self.read(buffer) {
                    Ok(None) => return Turn::Waits,
                    Ok(Some(0)) => {
                        self.ended = true;
                        self.job.session.now(connections.elapsed());
                        self.job.session.eof();
                    }
                    Ok(Some(count)) => {
                        connections.acknowledge(&self.job.socket);
                        self.job.session.now(connections.elapsed());
                        self.job.session.input(&buffer[..count]);
                    }
                    Err(error) => {
                        self.job.session.now(connections.elapsed());
                        self.job.session.lost(&format!("the client is gone: {error}"));
                        return Turn::Over;
                    }
                },
                Output::Close(Close::HalfClose) => {
                    let _ = self.job.socket.shutdown(Shutdown::Write);
                }
                Output::Close(Close::Rst) => {
                    self.job.socket.reset_on_close();
                    return Turn::Over;
                }
                Output::Close(Close::Fin) => {
                    let _ = self.job.socket.shutdown(Shutdown::Write);
                    self.closing = Some(connections.elapsed() + LINGER);
                }
                output @ (Output::Handshake(_) | Output::WaitUntil(_) | Output::StopReading(_)) => {
                    return Turn::Leaves(output);
                }
            }
        }
        Turn::Again
    }

    /// Reads; `None` when there is nothing to read before the next event.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        while self.hung || !self.drained {
            match self.job.socket.read(buffer) {
                Ok(count) => {
                    // A read that was not filled took all there was: the system call that would tell so is spared.
                    self.drained = count < buffer.len();
                    return Ok(Some(count));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drained = true;
                    self.hung = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Writes what can be written without waiting.
fn write(socket: &mut Socket, octets: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < octets.len() {
        match socket.write(&octets[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => break,
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(written)
}
