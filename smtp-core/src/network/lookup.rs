//! Provides [`LookUp`], a name that is looked up on a thread of its own, because the system's look-ups know no deadline.
//!
//! Few are under way at once, and each name only once, however many connections wait for it: a resolver that does not
//! answer must not cost a thread for each of them. The threads end with the last name that is wanted.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::string::{String, ToString};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;
#[cfg(any(test, feature = "blocking"))]
use std::time::Duration;
use std::vec::Vec;

/// What the system's resolver said, the port of each address being 0.
pub(crate) type Answer = Result<Arc<[SocketAddr]>, Arc<io::Error>>;

/// So many names are looked up at once.
const AT_ONCE: usize = 16;

/// A name that is being looked up.
#[derive(Debug)]
pub(crate) struct LookUp(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    name: String,
    state: Mutex<State>,
    is_answered: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Answer>,
    wakers: Vec<Waker>,
}

/// The names that are wanted, and how many threads are at work.
struct Desk {
    /// Those that no thread has taken yet.
    waiting: VecDeque<Weak<Slot>>,
    /// Those that a thread has taken.
    taken: Vec<Weak<Slot>>,
    threads: usize,
    /// The process whose threads these are: a fork has none of them.
    process: u32,
}

impl Desk {
    const fn new(process: u32) -> Self {
        Self { waiting: VecDeque::new(), taken: Vec::new(), threads: 0, process }
    }
}

static DESK: Mutex<Desk> = Mutex::new(Desk::new(0));

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LookUp {
    /// Begins to look a name up, or joins whoever waits for the same one.
    ///
    /// # Errors
    /// When no thread is at work and none can be started.
    pub(crate) fn begin(name: &str) -> io::Result<Self> {
        let mut desk = lock(&DESK);
        let process = std::process::id();
        if desk.process != process {
            *desk = Desk::new(process);
        }
        let under_way = desk.taken.iter().chain(&desk.waiting).filter_map(Weak::upgrade);
        if let Some(slot) = under_way.into_iter().find(|slot| slot.name == name) {
            return Ok(Self(slot));
        }
        let slot =
            Arc::new(Slot { name: name.to_string(), state: Mutex::default(), is_answered: Condvar::new() });
        if desk.threads < AT_ONCE {
            match thread::Builder::new().name("look-up".to_string()).spawn(work) {
                Ok(_) => desk.threads += 1,
                Err(error) if desk.threads == 0 => return Err(error),
                // Those that are at work will come to it.
                Err(_) => {}
            }
        }
        desk.waiting.push_back(Arc::downgrade(&slot));
        Ok(Self(slot))
    }

    /// Waits so long for the answer.
    #[cfg(feature = "blocking")]
    pub(crate) fn wait(&self, limit: Duration) -> Option<Answer> {
        let state = lock(&self.0.state);
        let waited = self.0.is_answered.wait_timeout_while(state, limit, |state| state.answer.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.answer.clone()
    }
}

impl Future for LookUp {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut state = lock(&self.0.state);
        if let Some(answer) = &state.answer {
            return Poll::Ready(answer.clone());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// Looks names up as long as some are wanted.
fn work() {
    loop {
        let slot = {
            let mut desk = lock(&DESK);
            // Nobody waits for the others any more.
            let next = std::iter::from_fn(|| desk.waiting.pop_front()).find_map(|slot| slot.upgrade());
            let Some(slot) = next else {
                desk.threads -= 1;
                return;
            };
            desk.taken.push(Arc::downgrade(&slot));
            slot
        };
        let answer = ask_system(&slot.name);
        lock(&DESK).taken.retain(|other| other.as_ptr() != Arc::as_ptr(&slot));
        let wakers = {
            let mut state = lock(&slot.state);
            state.answer = Some(answer);
            std::mem::take(&mut state.wakers)
        };
        slot.is_answered.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn ask_system(name: &str) -> Answer {
    #[cfg(test)]
    if name == SILENT {
        // As a resolver whose servers do not answer.
        loop {
            thread::park();
        }
    }
    (name, 0).to_socket_addrs().map(|addresses| addresses.collect::<Vec<_>>().into()).map_err(Arc::new)
}

/// A name that is never answered, for tests.
#[cfg(test)]
pub(crate) const SILENT: &str = "silent.invalid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_this_machine_has_a_loopback_address() {
        let answer = LookUp::begin("localhost").unwrap().wait(Duration::from_secs(20)).unwrap().unwrap();
        assert!(answer.iter().all(|address| address.ip().is_loopback()), "{answer:?}");
    }

    #[test]
    fn a_name_that_does_not_exist_is_an_error() {
        let answer = LookUp::begin("no-such-host.invalid").unwrap().wait(Duration::from_secs(20));
        answer.unwrap().unwrap_err();
        // A name that the system cannot even be asked for is no panic of the thread.
        LookUp::begin("a\0b").unwrap().wait(Duration::from_secs(20)).unwrap().unwrap_err();
    }

    #[test]
    fn many_look_ups_are_all_answered_by_a_few_threads() {
        let look_ups: Vec<_> =
            (0..100).map(|at| LookUp::begin(&std::format!("127.0.0.{at}")).unwrap()).collect();
        assert!(lock(&DESK).threads <= AT_ONCE);
        for look_up in &look_ups {
            assert_eq!(look_up.wait(Duration::from_secs(20)).unwrap().unwrap().len(), 1);
        }
    }

    #[test]
    fn one_name_is_looked_up_once_for_all_who_wait() {
        let first = LookUp::begin("one.name.invalid").unwrap();
        let joined = LookUp::begin("one.name.invalid").unwrap();
        let is_joined = Arc::ptr_eq(&first.0, &joined.0);
        // Unless the answer came between the two, which are a microsecond apart.
        assert!(is_joined || lock(&first.0.state).answer.is_some());
        assert!(joined.wait(Duration::from_secs(20)).unwrap().is_err());
    }

    /// What a message to a name that is never answered comes to, and how soon.
    fn fails_at_the_deadline(send: impl FnOnce(crate::mailer::Options) -> crate::mailer::Error) {
        let limit = Duration::from_millis(500);
        let options = crate::mailer::Options::from_url(&std::format!("smtp://{SILENT}:25")).unwrap();
        let begin = std::time::Instant::now();
        let error = send(options.deadline(limit));
        assert_eq!(*error.kind(), crate::mailer::ErrorKind::DeadlinePassed);
        assert!(begin.elapsed() >= limit && begin.elapsed() < 10 * limit, "{:?}", begin.elapsed());
    }

    #[test]
    #[cfg(feature = "blocking")]
    fn a_deadline_holds_while_the_resolver_is_silent_blocking() {
        fails_at_the_deadline(|options| crate::blocking::Mailer::new(options).verify().unwrap_err());
    }

    #[test]
    #[cfg(feature = "tokio")]
    fn a_deadline_holds_while_the_resolver_is_silent_tokio() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        fails_at_the_deadline(|options| {
            let mailer = crate::tokio::Mailer::new(options);
            runtime.block_on(mailer.verify()).unwrap_err()
        });
    }
}
