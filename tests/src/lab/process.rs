//! Defines a server's processes: they are one process group, and none outlives the value that stands for it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::living::{self, members};
use crate::waiting::{end_of, kill, wait_for};

/// What the watchdog runs: its standard input ends when the test process does, however that happens. Its
/// arguments are the process group, the directory to remove, and when the group's leader began.
const WATCHDOG: &str = r#"
while read -r _; do :; done
# another process may have the number of a leader that is gone
[ "$(sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20)" = "$3" ] && kill -s KILL -- "-$1"
# a process that has not died yet may write meanwhile, and keep the directory from being removed
for _ in 1 2 3 4 5 6 7 8 9 10; do
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
    /// The leader is reaped: its number, and that of the group, may be another's.
    ended: bool,
    _shown: living::Log,
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
        // it is not reaped: there is one
        let started = living::Process::of(leader.id()).map_or(0, |process| process.started);
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &group.to_string()])
            .arg(directory)
            .arg(started.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // an interrupt from the terminal must not end it together with the tests
            .process_group(0)
            .spawn();
        match watchdog {
            Ok(watchdog) => {
                let shown = living::Log::of(name, &log);
                Ok(Self { name, leader, group, log, watchdog, ended: false, _shown: shown })
            }
            Err(error) => {
                end(name, &mut leader, group)?;
                Err(error)
            }
        }
    }

    /// Waits until `look` says that the server is ready; fails, with the server's log, when it ends before or takes too long.
    pub(super) fn ready(&mut self, mut look: impl FnMut() -> bool) -> io::Result<()> {
        let name = self.name;
        let started = wait_for(&format!("the start of {name}"), || {
            // looked at without reaping it: its group is still to be ended
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if waitid(WaitId::Pid(self.group), options)?.is_some() {
                self.ended = true;
                let status = end(name, &mut self.leader, self.group)?;
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
        let ended = if self.ended { Ok(()) } else { end(self.name, &mut self.leader, self.group).map(drop) };
        // after the server, so that something watches until it is gone
        let ended = ended.and_then(|()| kill(&mut self.watchdog, "a watchdog"));
        match ended {
            Err(error) if !std::thread::panicking() => panic!("{} does not end: {error}", self.name),
            // the test has failed already
            _ => {}
        }
    }
}

/// The file, beside a log, of what is said on standard error before the log is open.
fn complaints(log: &Path) -> PathBuf {
    log.with_extension("stderr")
}

/// Ends a process group, and returns when none of its processes is left, with how the leader ended.
///
/// They are killed: what an orderly end would save goes with the directory. The leader is reaped last: until then its
/// number, which is that of the group, is nobody else's.
fn end(name: &str, leader: &mut Child, group: Pid) -> io::Result<std::process::ExitStatus> {
    wait_for(&format!("the end of {name}"), || {
        // the leader by itself, too, which has no group of its own yet when it has just been started
        let _ = leader.kill();
        let _ = kill_process_group(group, Signal::KILL);
        Ok(members(leader.id()).is_empty().then_some(()))
    })?;
    end_of(leader, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that leaves its end to a child process, as mail servers do.
    fn sleeper(directory: &Path) -> Process {
        let script = ["-c", "sleep 600 & sleep 600; :"];
        let mut server =
            Process::start("sleeper", Path::new("/bin/sh"), script, directory.join("log"), directory)
                .unwrap();
        let group = server.leader.id();
        // the shell and its two children
        server.ready(|| members(group).len() == 3).unwrap();
        server
    }

    #[test]
    fn dropping_it_ends_every_process_of_the_group() {
        let directory = tempfile::tempdir().unwrap();
        let server = sleeper(directory.path());
        let group = server.leader.id();
        drop(server);
        assert_eq!(members(group), []);
    }

    #[test]
    fn the_watchdog_leaves_a_group_alone_whose_leader_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let mut other = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &other.id().to_string()])
            .arg(directory.path())
            // not when it began
            .arg("1")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        end_of(&mut watchdog, "a watchdog").unwrap();
        assert!(!directory.path().exists());
        assert_eq!(other.try_wait().unwrap(), None);
        kill(&mut other, "a sleeper").unwrap();
    }

    #[test]
    fn the_watchdog_cleans_up_for_a_test_process_that_died() {
        let directory = tempfile::tempdir().unwrap();
        let mut server = sleeper(directory.path());
        // what the end of this process does, however it comes
        drop(server.watchdog.stdin.take());
        wait_for("the end of the group and of the directory", || {
            let gone = members(server.leader.id()).is_empty() && !directory.path().exists();
            Ok(gone.then_some(()))
        })
        .unwrap();
    }
}
