//! Ends a test process in which one test takes too long, with a dump of what [lives](crate::living).
//!
//! The limit is five minutes for each test, or `SMTP_TESTS_LIMIT` (such as `90s` or `20m`; `0s` is none). A test is watched
//! from the first thing that it asks of this library on, until its thread ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::living::{self, Process};

/// How long a test may take.
const LIMIT: Duration = Duration::from_mins(5);

/// Watches the test that this thread runs, from now on until the thread ends. What is no test's thread is not watched.
pub fn this_test() {
    let current = thread::current();
    // threads that a test starts have no name of a test: the test itself is watched
    let Some(name) = current.name().filter(|name| name.contains("::") || *name == "main") else { return };
    let Some(watch) = watch() else { return };
    HERE.with_borrow_mut(|here| {
        // one test after the other may run on the main thread: each begins anew
        if here.is_none() || name == "main" {
            *here = None;
            *here = Some(watch.begin(name));
        }
    });
}

thread_local! {
    static HERE: RefCell<Option<Ticket>> = const { RefCell::new(None) };
}

/// The tests that run.
struct Watch {
    limit: Duration,
    tests: Mutex<Tests>,
    changed: Condvar,
}

#[derive(Default)]
struct Tests {
    next: u64,
    running: BTreeMap<u64, (String, Instant)>,
}

/// A test that runs for as long as this value lives.
struct Ticket {
    watch: &'static Watch,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.watch.tests().running.remove(&self.number);
    }
}

impl Watch {
    fn tests(&self) -> MutexGuard<'_, Tests> {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&'static self, name: &str) -> Ticket {
        let mut tests = self.tests();
        let number = tests.next;
        tests.next += 1;
        tests.running.insert(number, (name.to_owned(), Instant::now()));
        drop(tests);
        self.changed.notify_one();
        Ticket { watch: self, number }
    }

    /// Waits until a test has taken too long, and gives its name.
    fn first_overdue(&self) -> String {
        let mut tests = self.tests();
        loop {
            let left = |begin: &Instant| self.limit.saturating_sub(begin.elapsed());
            let first = tests.running.values().min_by_key(|(_, begin)| *begin);
            tests = match first {
                Some((name, begin)) if left(begin).is_zero() => return name.clone(),
                Some((_, begin)) => {
                    let left = left(begin);
                    self.changed.wait_timeout(tests, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(tests).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Ends the process.
    fn end(&self, overdue: &str) -> ! {
        let limit = self.limit;
        let mut text =
            format!("\nthe test {overdue} takes longer than {limit:?} (SMTP_TESTS_LIMIT); tests that run:\n");
        for (name, begin) in self.tests().running.values() {
            let _ = writeln!(text, "  {name} for {:?}", begin.elapsed());
        }
        text += &living::dump();
        // not by a macro, whose words a test's output would keep; a reader that is gone is no reason to go on
        let _ = std::io::stderr().write_all(text.as_bytes());
        for child in living::below(process::id()) {
            // the watchdogs of servers end them, and remove their files, when this process has ended
            if !child.command.contains(" watchdog ") {
                kill(&child);
            }
        }
        process::abort();
    }
}

/// Kills this process and no other that has its number meanwhile.
fn kill(process: &Process) {
    let number = i32::try_from(process.number).ok().and_then(Pid::from_raw);
    let Some(handle) = number.and_then(|number| pidfd_open(number, PidfdFlags::empty()).ok()) else { return };
    // whom the handle is for is known when it is there
    if Process::of(process.number).is_some_and(|now| now.started == process.started) {
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}

/// The watch of this process, which begins with the first test; `None` where there is no limit or this is no test.
fn watch() -> Option<&'static Watch> {
    static WATCH: OnceLock<Option<Watch>> = OnceLock::new();
    static THREAD: OnceLock<()> = OnceLock::new();
    let watch = WATCH.get_or_init(|| {
        let limit = env::var("SMTP_TESTS_LIMIT").map_or(Ok(LIMIT), |text| smtp_mock::parse_duration(&text));
        let limit = limit.unwrap_or_else(|error| panic!("SMTP_TESTS_LIMIT: {error}"));
        let watch = Watch { limit, tests: Mutex::default(), changed: Condvar::new() };
        (is_test() && !limit.is_zero()).then_some(watch)
    });
    let watch = watch.as_ref()?;
    THREAD.get_or_init(|| {
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watch.end(&watch.first_overdue()))
            .map(drop)
            .expect("a thread can be started");
    });
    Some(watch)
}

/// Whether this program runs tests, by Cargo's name for it: the lab of a person and the benchmarks take their time.
fn is_test() -> bool {
    let program = env::current_exe().unwrap_or_default();
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let in_deps = program.parent().and_then(Path::file_name).is_some_and(|directory| directory == "deps");
    in_deps && (name.starts_with("all-") || name.starts_with("smtp_tests-"))
}
