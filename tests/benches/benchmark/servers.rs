//! Provides the servers: Postfix's smtp-sink, and `smtp-mock --sink`.

use super::clients::Programs;
use super::process::{Core, pinned, pinned_to};
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server of which it is known where it listens; it ends when this does.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it is called in the tables.
    pub(crate) name: &'static str,
}

impl Server {
    /// Postfix's smtp-sink, if it is installed.
    pub(crate) fn sink() -> io::Result<Self> {
        // It has no free port of its own choice.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut words: Vec<OsString> = vec!["smtp-sink".into()];
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            words.extend(["-u".into(), "postfix".into()]);
        }
        words.extend([address.to_string().into(), "1024".into()]);
        let words = pinned(words);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .env("PATH", super::clients::PATH)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { child, address, name: "smtp-sink" };
        for _ in 0..100 {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other("smtp-sink does not listen; is Postfix installed?"))
    }

    /// `smtp-mock --sink`.
    pub(crate) fn mock(programs: &Programs) -> io::Result<Self> {
        Self::mock_with(programs, Core::Last, &[])
    }

    /// `smtp-mock --sink` with these options, on this processor, with as many descriptors as it may have.
    pub(crate) fn mock_with(programs: &Programs, core: Core, options: &[String]) -> io::Result<Self> {
        let mut words: Vec<OsString> =
            ["sh", "-c", "ulimit -n $(ulimit -H -n); exec \"$@\"", "sh"].map(Into::into).to_vec();
        words.extend([programs.mock.clone().into(), "--sink".into()]);
        words.extend(options.iter().map(Into::into));
        let words = pinned_to(core, words);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.split('"').find_map(|word| word.parse().ok());
        let address = address.ok_or_else(|| io::Error::other(format!("smtp-mock says {line:?}")))?;
        Ok(Self { child, address, name: "smtp-mock" })
    }

    /// Both.
    pub(crate) fn both(programs: &Programs) -> io::Result<[Self; 2]> {
        Ok([Self::sink()?, Self::mock(programs)?])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
