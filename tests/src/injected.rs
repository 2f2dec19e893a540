//! Provides runs of a program in which one system call fails, or is the last: strace puts the failure in its place.
//!
//! A run without a fault is [`noted`] first; its [`calls`], from one that matters on, give the
//! [`injections`]; [`each`] runs the program again with each of them, and asks an oracle what it made of it:
//!
//! ```no_run
//! # use smtp_tests::injected::{calls, each, injections, noted};
//! # use std::path::Path;
//! # fn run(wrapper: &[std::ffi::OsString]) -> Result<(), String> { Ok(()) }
//! let notes = Path::new("notes");
//! run(&noted(notes)).expect("nothing fails where nothing is injected");
//! let all = injections(&calls(notes, "socket(").expect("strace notes calls"));
//! let outcome = each(&all, 1, |wrapper, _| run(wrapper));
//! outcome.assert();
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, fs, thread};

/// How many runs there are at once.
const AT_ONCE: usize = 2;

/// The faults of each system call that is worth one, beside the end of the program at every call of any name.
///
/// What is not executed must be something that can fail so: a `close` that fails has closed the descriptor all the same,
/// a `futex` that fails wakes nobody, and memory is another subject.
const ERRORS: [(&[&str], &[&str]); 9] = [
    (&["read", "readv", "recvfrom", "recvmsg", "pread64"], &["EINTR", "EIO", "ECONNRESET"]),
    (
        &["write", "writev", "sendto", "sendmsg", "pwrite64", "copy_file_range", "sendfile"],
        &["EINTR", "ENOSPC", "EIO", "ECONNRESET", "EPIPE"],
    ),
    (&["open", "openat", "creat", "mkdir", "mkdirat"], &["EINTR", "ENOSPC", "EMFILE", "EIO"]),
    (
        &[
            "rename",
            "renameat",
            "renameat2",
            "link",
            "linkat",
            "ftruncate",
            "fsync",
            "fdatasync",
            "fallocate",
        ],
        &["EINTR", "ENOSPC", "EIO"],
    ),
    (&["accept", "accept4", "connect", "poll", "ppoll", "epoll_wait", "select", "getrandom"], &["EINTR"]),
    (&["connect"], &["ECONNREFUSED", "ENETUNREACH"]),
    (&["setsockopt", "getsockname", "ioctl", "fcntl"], &["ENOBUFS"]),
    (&["clone", "clone3", "recvfrom", "recvmsg", "sendto", "sendmsg"], &["EAGAIN"]),
    (
        &[
            "socket",
            "accept4",
            "dup",
            "dup3",
            "pipe2",
            "eventfd2",
            "epoll_create1",
            "statx",
            "newfstatat",
            "lseek",
            "unlink",
        ],
        &["EMFILE", "EIO"],
    ),
];

/// The errors after which the same call is to be made again.
const PASSING: [&str; 2] = ["EINTR", "EAGAIN"];

/// A system call of a run: its name, and which of its name it is in its thread, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "a name and a number are all that strace wants")]
pub struct Call {
    /// The name.
    pub name: String,
    /// Which of this name it is.
    pub ordinal: usize,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "an oracle that forgets one must not compile")]
pub enum Fault {
    /// It fails with this error, and is not executed.
    Error(&'static str),
    /// It and all later ones of its name fail so, as on a disk that stays full.
    Lasting(&'static str),
    /// The program is asked to end by SIGTERM; the call is executed.
    Terminate,
    /// The program is killed instead.
    Kill,
}

/// A fault in place of a call. strace counts calls for each thread by itself: where several have as many of a name, each of
/// them meets the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a call and its fault are all of it")]
pub struct Injection {
    /// The call.
    pub call: Call,
    /// What becomes of it.
    pub fault: Fault,
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { name, ordinal } = &self.call;
        match self.fault {
            Fault::Error(error) => write!(f, "{name} {ordinal} fails with {error}"),
            Fault::Lasting(error) => write!(f, "{name} fails with {error} from {ordinal} on"),
            Fault::Terminate => write!(f, "terminated at {name} {ordinal}"),
            Fault::Kill => write!(f, "killed at {name} {ordinal}"),
        }
    }
}

/// The words to run a program under strace, which notes its calls in `file`.
#[must_use]
pub fn noted(file: &Path) -> Vec<OsString> {
    words(file, &[])
}

/// The calls of a run, from the first one that begins so on, each once: `socket(`, or `read(0,`. Left out is what a thread
/// that began later counts as another did before: the other would meet the fault.
///
/// # Errors
/// When the notes cannot be read, and `InvalidData` when they hold no such call.
pub fn calls(notes: &Path, begin: &str) -> io::Result<BTreeSet<Call>> {
    let notes = fs::read_to_string(notes)?;
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut before, mut found) = (BTreeSet::new(), BTreeSet::new());
    let mut has_begun = false;
    for line in notes.lines() {
        // «number name(arguments…», and what is no call: «number <... name resumed>», «number +++ exited with 0 +++»
        let Some((thread, rest)) = line.trim_start().split_once(' ') else { continue };
        let rest = rest.trim_start();
        let Some((name, _)) = rest.split_once('(') else { continue };
        if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) || name.contains(' ') {
            continue;
        }
        let ordinal = counts.entry((thread, name)).or_default();
        *ordinal += 1;
        has_begun |= rest.starts_with(begin);
        let call = Call { name: name.to_owned(), ordinal: *ordinal };
        if has_begun { &mut found } else { &mut before }.insert(call);
    }
    let lacks = || io::Error::new(io::ErrorKind::InvalidData, format!("no {begin} is noted"));
    if has_begun { Ok(found.difference(&before).cloned().collect()) } else { Err(lacks()) }
}

/// Every fault of every call.
#[must_use]
pub fn injections(calls: &BTreeSet<Call>) -> Vec<Injection> {
    let of_call = |call: &Call| {
        let errors = ERRORS.iter().filter(|(names, _)| names.contains(&call.name.as_str()));
        let errors: BTreeSet<&'static str> = errors.flat_map(|(_, errors)| errors.iter().copied()).collect();
        let lasting = errors.clone().into_iter().filter(|error| !PASSING.contains(error)).map(Fault::Lasting);
        let faults =
            errors.into_iter().map(Fault::Error).chain(lasting).chain([Fault::Terminate, Fault::Kill]);
        faults.map(|fault| Injection { call: call.clone(), fault }).collect::<Vec<_>>()
    };
    calls.iter().flat_map(of_call).collect()
}

/// What became of the runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// How many runs there were.
    pub runs: usize,
    /// In how many the call was made, and met its fault: threads take turns in their own way in each run.
    pub met: usize,
    /// What the oracle objected to, with the injection.
    pub objections: Vec<String>,
}

impl Outcome {
    /// Fails where the oracle objected to a run, or where most of the faults were never met.
    ///
    /// # Panics
    /// Then.
    #[track_caller]
    pub fn assert(&self) {
        let Self { runs, met, objections } = self;
        println!("{runs} runs, {met} of them with a fault");
        assert!(objections.is_empty(), "{} of {runs}:\n{}", objections.len(), objections.join("\n"));
        assert!(2 * met > *runs, "of {runs} faults only {met} were met");
    }
}

/// Runs a program once with every `every`-th injection, two at once. `run` is given the words that come before the program's
/// name, and says what is wrong with what the program did.
pub fn each(
    injections: &[Injection],
    every: usize,
    run: impl Fn(&[OsString], &Injection) -> Result<(), String> + Sync,
) -> Outcome {
    crate::watch::this_test();
    // not always the same fault, where a call has as many as are passed over
    let chosen: Vec<&Injection> = injections.iter().step_by(every.max(1)).collect();
    let next = AtomicUsize::new(0);
    let outcome = Mutex::new(Outcome { runs: chosen.len(), met: 0, objections: Vec::new() });
    let work = || {
        while let Some(injection) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let directory = tempfile::tempdir().map_err(|error| error.to_string());
            let result = directory.and_then(|directory| {
                let notes = directory.path().join("notes");
                let judged = run(&words(&notes, &options(injection)), injection);
                let notes = fs::read_to_string(notes).unwrap_or_default();
                let marks = ["(INJECTED)", "--- SIGTERM", "killed by SIG"];
                let met = marks.iter().any(|mark| notes.contains(mark));
                judged.map(|()| met).map_err(|error| format!("{error}\n{}", last_lines(&notes)))
            });
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok(met) => outcome.met += usize::from(met),
                Err(error) => outcome.objections.push(format!("{injection}: {error}")),
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// strace's options for an injection: it stops the program at no other call.
fn options(Injection { call: Call { name, ordinal }, fault }: &Injection) -> [String; 2] {
    let (fault, more) = match fault {
        Fault::Error(error) => (format!("error={error}"), ""),
        Fault::Lasting(error) => (format!("error={error}"), "+"),
        Fault::Terminate => ("signal=TERM".to_owned(), ""),
        Fault::Kill => ("signal=KILL".to_owned(), ""),
    };
    [format!("--trace={name}"), format!("--inject={name}:{fault}:when={ordinal}{more}")]
}

fn words(file: &Path, options: &[String]) -> Vec<OsString> {
    let first = ["strace", "-f", "-qq", "-o"].map(OsString::from).into_iter().chain([file.into()]);
    first.chain(options.iter().map(OsString::from)).collect()
}

fn last_lines(notes: &str) -> String {
    let lines: Vec<&str> = notes.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &str = "7  read(3, \"x\", 1) = 1
7  socket(AF_INET, SOCK_STREAM, 0) = 4
7  read(4,  <unfinished ...>
8  read(4, \"y\", 1) = 1
8  read(4, \"y\", 1) = 1
7  <... read resumed>\"(\", 1) = 1
8  --- SIGTERM {si_signo=SIGTERM} ---
7  +++ exited with 0 +++
";

    #[test]
    fn calls_are_counted_by_thread_and_name_from_the_one_that_matters_on() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), NOTES).unwrap();
        let call = |name: &str, ordinal| Call { name: name.to_owned(), ordinal };
        let found = calls(file.path(), "socket(").unwrap();
        assert_eq!(found, [call("read", 2), call("socket", 1)].into());
        let all: Vec<String> = injections(&found).iter().map(ToString::to_string).collect();
        assert_eq!(all.len(), 7 + 6, "{all:?}");
        assert_eq!(all[3], "read fails with ECONNRESET from 2 on");
        assert_eq!(all[6], "killed at read 2");
        fs::write(file.path(), "7  read(3) = 1\n").unwrap();
        assert_eq!(calls(file.path(), "socket(").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
