//! Defines a server's processes: they are one process group, and none outlives the value that stands for it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{io, thread};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{INTERVAL, wait_for};

/// What the watchdog runs: its standard input ends when the test process does, however that happens. Its
/// arguments are the process group and the directory to remove.
const WATCHDOG: &str = r#"
while read -r _; do :; done
# a process that has not died yet may write meanwhile, and keep the directory from being removed
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -s KILL -- "-$1"
    rm -rf -- "$2" && exit
    sleep 0.2
done
"#;

/// A server that runs in the foreground as the leader of its process group.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    leader: Child,
    group: Pid,
    log: PathBuf,
    watchdog: Child,
}

impl Process {
    /// Starts `program`, which logs to the file `log` and writes nothing outside `directory`; `name` is for
    /// messages.
    pub(super) fn start<A: AsRef<OsStr>>(
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: PathBuf,
        directory: &Path,
    ) -> io::Result<Self> {
        if !program.exists() {
            let message = format!("{} is not installed: .ci/setup does that", program.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        // a new session, not only a new group: Postfix wants to make one, which a group's leader cannot;
        // and each Postfix process closes every file number that it may have: at the limit of a million of
        // some machines, its start takes two seconds
        let mut leader = Command::new("setsid")
            .args(["prlimit", "--nofile=4096"])
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(complaints(&log))?)
            .spawn()?;
        let group = Pid::from_child(&leader);
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &group.to_string()])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // an interrupt from the terminal must not end it together with the tests
            .process_group(0)
            .spawn();
        match watchdog {
            Ok(watchdog) => Ok(Self { name, leader, group, log, watchdog }),
            Err(error) => {
                end(&mut leader, group);
                Err(error)
            }
        }
    }

    /// Waits until `look` says that the server is ready; fails, with the server's log, when it ends before or takes too long.
    pub(super) fn ready(&mut self, mut look: impl FnMut() -> bool) -> io::Result<()> {
        let name = self.name;
        let started = wait_for(&format!("the start of {name}"), || {
            if let Some(status) = self.leader.try_wait()? {
                return Err(io::Error::other(format!("{name} ended at its start ({status})")));
            }
            Ok(look().then_some(()))
        });
        started.map_err(|error| io::Error::new(error.kind(), format!("{error}:\n{}", self.log())))
    }

    /// What the server logged so far.
    pub(super) fn log(&self) -> String {
        // either may be missing: the log when the server ends before it opens it
        let read = |file: &Path| fs::read(file).unwrap_or_default();
        let octets = [read(&complaints(&self.log)), read(&self.log)].concat();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.leader, self.group);
        // after the server, so that something watches until it is gone; nobody is left to hear of a failure
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

/// The file, beside a log, of what is said on standard error before the log is open.
fn complaints(log: &Path) -> PathBuf {
    log.with_extension("stderr")
}

/// Ends a process group and returns when none of its processes is left.
///
/// They are killed: what an orderly end would save goes with the directory.
fn end(leader: &mut Child, group: Pid) {
    loop {
        // the leader by itself, too, which has no group of its own yet when it has just been started
        let _ = leader.kill();
        let _ = kill_process_group(group, Signal::KILL);
        // reaping the leader is what lets its group end; an error means that it is reaped
        let ended = !matches!(leader.try_wait(), Ok(None));
        if ended && !lives(group) {
            return;
        }
        thread::sleep(INTERVAL);
    }
}

/// Whether a process of a group runs; one that is dead and not yet reaped by its parent, which may be any
/// process of the machine, does not.
fn lives(group: Pid) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    // proc(5): «pid (name) state parent group …», and the name may hold anything; who ends meanwhile has none
    let mut states = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let group = group.to_string();
    states.any(|stat| {
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.next().is_some_and(|state| state != "Z") && fields.nth(1) == Some(group.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that leaves its end to a child process, as mail servers do.
    fn sleeper(directory: &Path) -> Process {
        let script = ["-c", "sleep 600 & touch started; sleep 600; :"];
        let mut server =
            Process::start("sleeper", Path::new("/bin/sh"), script, directory.join("log"), directory)
                .unwrap();
        server.ready(|| directory.join("started").exists()).unwrap();
        server
    }

    #[test]
    fn dropping_it_ends_every_process_of_the_group() {
        let directory = tempfile::tempdir().unwrap();
        let server = sleeper(directory.path());
        let group = server.group;
        assert!(lives(group));
        drop(server);
        assert!(!lives(group));
    }

    #[test]
    fn the_watchdog_cleans_up_for_a_test_process_that_died() {
        let directory = tempfile::tempdir().unwrap();
        let mut server = sleeper(directory.path());
        // what the end of this process does, however it comes
        drop(server.watchdog.stdin.take());
        wait_for("the end of the group and of the directory", || {
            server.leader.try_wait()?;
            let gone = !lives(server.group) && !directory.path().exists();
            Ok(gone.then_some(()))
        })
        .unwrap();
    }
}
