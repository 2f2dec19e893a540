//! Provides [`run`], which says what a process cost.

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// The word by which this program is asked to [`launch`] another.
pub(crate) const LAUNCH: &str = "launch";

/// What a process cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// Of the processor, its own and the system's for it.
    pub(crate) cpu: Duration,
    /// The most memory that it had at once, in octets.
    pub(crate) peak: u64,
}

/// Runs a program to its end, which must be a good one.
///
/// A small process of its own starts it and waits for it: the system counts the memory of whoever starts a program as
/// that program's.
pub(crate) fn run(words: &[OsString]) -> io::Result<Cost> {
    let done = Command::new(std::env::current_exe()?)
        .arg(LAUNCH)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let text = String::from_utf8_lossy(&done.stdout);
    let mut numbers = text.lines().last().unwrap_or_default().split(' ').map(str::parse::<u64>);
    let (Some(Ok(wall)), Some(Ok(cpu)), Some(Ok(peak)), true) =
        (numbers.next(), numbers.next(), numbers.next(), done.status.success())
    else {
        let error = String::from_utf8_lossy(&done.stderr);
        return Err(io::Error::other(format!("{words:?}: {}", error.trim())));
    };
    Ok(Cost { wall: Duration::from_nanos(wall), cpu: Duration::from_nanos(cpu), peak })
}

/// Runs a program and prints its cost: nanoseconds, nanoseconds, octets.
pub(crate) fn launch(words: &[String]) -> io::Result<()> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let begin = Instant::now();
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).spawn()?;
    let used = child.wait4()?;
    let wall = begin.elapsed();
    if !used.status.success() {
        return Err(io::Error::other(format!("{program}: {}", used.status)));
    }
    let cpu = used.rusage.utime + used.rusage.stime;
    println!("{} {} {}", wall.as_nanos(), cpu.as_nanos(), used.rusage.maxrss);
    Ok(())
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A processor that a process is kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// The first one.
    First,
    /// The last one.
    Last,
}

/// The words that keep a process on the last processor, where they can.
pub(crate) fn pinned(words: Vec<OsString>) -> Vec<OsString> {
    pinned_to(Core::Last, words)
}

/// The words that keep a process on this processor, where they can.
pub(crate) fn pinned_to(core: Core, words: Vec<OsString>) -> Vec<OsString> {
    let core = match core {
        Core::First => 0,
        Core::Last => std::thread::available_parallelism().map_or(0, |count| count.get() - 1),
    };
    if cfg!(target_os = "linux") {
        let taskset = ["taskset".into(), "-c".into(), core.to_string().into()];
        taskset.into_iter().chain(words).collect()
    } else {
        words
    }
}

/// In which order the clients take their turns in that round: another one begins each time, because whoever runs behind
/// a slow one finds the machine as that one left it.
pub(crate) fn turns(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (round + turn) % count)
}
