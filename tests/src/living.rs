//! Provides what lives: the processes below this one with their states, command lines and ports, its threads, and the
//! last lines that its servers logged. It is what a wait that takes too long leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many lines of a log are shown.
const LINES: usize = 20;

/// A process that runs, or has ended and waits for its parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Process {
    /// Its number, which another process may have later.
    pub number: u32,
    /// When it began, in ticks since the machine did: with the number it is this process and no other.
    pub started: u64,
    /// The number of its parent.
    pub parent: u32,
    /// The number of its group.
    pub group: u32,
    /// A letter, as proc(5) lists them: `R` runs, `S` sleeps, `D` waits for a disk, `Z` has ended.
    pub state: char,
    /// Its command line, or its name in brackets where it has none.
    pub command: String,
}

impl Process {
    /// The process of this number.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        let directory = Path::new("/proc").join(number.to_string());
        let stat = fs::read_to_string(directory.join("stat")).ok()?;
        // proc(5): «number (name) state parent group …», the 22nd field is the start; the name may hold anything
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let words = fs::read(directory.join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " ");
        Some(Self {
            number,
            started: fields.get(19)?.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            state: fields.first()?.chars().next()?,
            command: if words.is_empty() { format!("[{name}]") } else { words },
        })
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn runs(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// All processes of the machine; those that end meanwhile are left out.
#[must_use]
pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::of).collect()
}

/// The processes below one, by way of their parents, that have not ended.
#[must_use]
pub fn below(number: u32) -> Vec<Process> {
    let all = processes();
    let mut parents = BTreeSet::from([number]);
    loop {
        let before = parents.len();
        parents.extend(
            all.iter()
                .filter(|process| parents.contains(&process.parent))
                .map(|it| it.number)
                .collect::<Vec<_>>(),
        );
        if parents.len() == before {
            break;
        }
    }
    parents.remove(&number);
    all.into_iter().filter(|process| parents.contains(&process.number) && process.runs()).collect()
}

/// The processes of a group that have not ended; the leader is one also before it has made the group.
#[must_use]
pub fn members(group: u32) -> Vec<Process> {
    let mut all = processes();
    all.retain(|process| (process.group == group || process.number == group) && process.runs());
    all
}

/// What lives below this process and in it, for eyes.
#[must_use]
pub fn dump() -> String {
    let mut text = String::from("threads of this process:\n");
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok) {
        let read =
            |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default().trim().to_owned();
        let stat = read("stat");
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next().unwrap_or('?');
        let (name, waits) = (read("comm"), read("wchan"));
        let _ = writeln!(text, "  {} {state} {name} {waits}", thread.file_name().display());
    }
    let sockets = listening();
    let _ = writeln!(text, "  it listens at {:?}", ports(std::process::id(), &sockets));
    text += "processes below it (number, parent, group, state, command, ports):\n";
    for process in below(std::process::id()) {
        let Process { number, parent, group, state, command, .. } = &process;
        let ports = ports(*number, &sockets);
        let _ = writeln!(text, "  {number} {parent} {group} {state} {command} {ports:?}");
    }
    for (name, file) in LOGS.lock().unwrap_or_else(PoisonError::into_inner).values() {
        let log = fs::read(file).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let _ = writeln!(text, "the last lines of {name} ({}):", file.display());
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// The logs of the servers that live, each with a name.
static LOGS: Mutex<BTreeMap<u64, (String, PathBuf)>> = Mutex::new(BTreeMap::new());

/// A log that is part of the [`dump`] for as long as this value lives.
#[derive(Debug)]
#[must_use]
pub struct Log(u64);

impl Log {
    /// The log, at this file, of somebody.
    pub fn of(name: &str, file: &Path) -> Self {
        let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = logs.last_key_value().map_or(0, |(number, _)| number + 1);
        logs.insert(number, (name.to_owned(), file.to_owned()));
        Self(number)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LOGS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The sockets that listen: their inodes, each with its port.
fn listening() -> BTreeMap<String, u16> {
    let mut found = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // local address, remote address, state (0A listens) … inode
            if let (Some(local), Some(&"0A"), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9))
                && let Some((_, port)) = local.rsplit_once(':')
                && let Ok(port) = u16::from_str_radix(port, 16)
            {
                found.insert((*inode).to_owned(), port);
            }
        }
    }
    found
}

/// The ports at which a process listens.
fn ports(number: u32, sockets: &BTreeMap<String, u16>) -> BTreeSet<u16> {
    let descriptors = fs::read_dir(format!("/proc/{number}/fd")).into_iter().flatten().filter_map(Result::ok);
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    let inodes = targets.filter_map(|target| {
        let target = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        sockets.get(target).copied()
    });
    inodes.collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn this_process_is_known_with_its_ports() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = std::process::id();
        let process = Process::of(number).unwrap();
        assert!(process.runs() && process.command.contains("smtp_tests"), "{process:?}");
        assert!(ports(number, &listening()).contains(&listener.local_addr().unwrap().port()));
    }

    #[test]
    fn the_dump_shows_children_and_logs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        fs::write(&file, (0..30).map(|line| format!("line {line} here")).collect::<Vec<_>>().join("\n"))
            .unwrap();
        let log = Log::of("somebody", &file);
        let mut child = std::process::Command::new("sleep").arg("54321").spawn().unwrap();
        let text = dump();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(text.contains("sleep 54321 {}"), "{text}");
        assert!(text.contains("the last lines of somebody") && text.contains("  line 29 here\n"), "{text}");
        assert!(!text.contains("line 9 here"), "{text}");
        drop(log);
        assert!(!dump().contains("line 29 here"));
    }
}
