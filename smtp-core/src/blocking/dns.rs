//! Provides [`Dns`], the look-ups for delivery to mail exchangers, without an async runtime around them.

use super::cancel::Wait;
use crate::mailer::{Error, ErrorKind, Family, LookUpFault};
use crate::network::{self, Exchangers, look_up_error};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;
use std::vec::Vec;
use tokio::runtime::{self, Handle, Runtime};

/// Looks mail exchangers and their addresses up.
///
/// The resolver is asynchronous; it runs on the thread that asks.
#[derive(Debug)]
pub struct Dns {
    dns: network::Dns,
    /// Always there but in `drop`.
    runtime: Option<Runtime>,
}

impl Dns {
    /// Asks `server`, or the servers that the system is configured for.
    ///
    /// # Errors
    /// When this machine lacks a resource.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(ErrorKind::System).with_source(error))?;
        Ok(Self { dns: network::Dns::new(server), runtime: Some(runtime) })
    }

    /// The mail exchangers of a domain.
    ///
    /// # Errors
    /// When the domain does not exist, or this is not known when the wait is over.
    pub fn exchangers(&self, domain: &str, wait: &Wait) -> Result<Exchangers, Error> {
        self.run(domain, wait, self.dns.exchangers(domain, wait.deadline()))
    }

    /// The addresses of a host, IPv6 first.
    ///
    /// # Errors
    /// When it has none, or this is not known when the wait is over.
    pub fn addresses(&self, host: &str, family: Option<Family>, wait: &Wait) -> Result<Vec<IpAddr>, Error> {
        self.run(host, wait, self.dns.addresses(host, family, wait.deadline()))
    }

    fn run<T: Send>(
        &self,
        name: &str,
        wait: &Wait,
        look_up: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let Some(runtime) = &self.runtime else { return Err(ErrorKind::System.into()) };
        let until_over = async {
            let mut look_up = std::pin::pin!(look_up);
            while let Some(slice) = wait.slice() {
                // The look-up itself ends at the deadline with what is known then.
                if let Ok(answer) = tokio::time::timeout(slice, &mut look_up).await {
                    return answer;
                }
            }
            if wait.cancel().is_requested() {
                return Err(ErrorKind::Cancelled.into());
            }
            // What is known at the deadline is used.
            let answer = tokio::time::timeout(Duration::ZERO, look_up).await;
            answer.unwrap_or_else(|_| Err(look_up_error(name, LookUpFault::TimedOut)))
        };
        if Handle::try_current().is_err() {
            return runtime.block_on(until_over);
        }
        // A thread of a runtime must not drive another one.
        let elsewhere = thread::scope(|scope| {
            let look_up = thread::Builder::new().name("look-up".into());
            let thread = look_up.spawn_scoped(scope, || runtime.block_on(until_over));
            thread.map(thread::ScopedJoinHandle::join)
        });
        match elsewhere {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ErrorKind::System.into()),
            Err(error) => Err(Error::new(ErrorKind::System).with_source(error)),
        }
    }
}

/// A thread of another runtime may drop it too, which must not wait.
impl Drop for Dns {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocking::Cancel;
    use std::net::UdpSocket;
    use std::time::Instant;

    fn fault(error: &Error) -> LookUpFault {
        let ErrorKind::LookUp { fault, .. } = error.kind() else { panic!("{error:?}") };
        *fault
    }

    #[test]
    fn a_silent_server_is_given_up_at_the_deadline_or_by_cancellation() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let dns = Dns::new(Some(silent.local_addr().unwrap())).unwrap();
        let start = Instant::now();
        let wait = Wait::new(start + Duration::from_millis(300), &Cancel::default());
        assert_eq!(fault(&dns.exchangers("example.org", &wait).unwrap_err()), LookUpFault::TimedOut);
        assert_eq!(fault(&dns.addresses("example.org", None, &wait).unwrap_err()), LookUpFault::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(5));
        let cancel = Cancel::default();
        cancel.request();
        let wait = Wait::new(Instant::now() + Duration::from_mins(1), &cancel);
        let error = dns.exchangers("example.org", &wait).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn it_works_and_is_dropped_in_a_runtime_too() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = silent.local_addr().unwrap();
        let outer = runtime::Builder::new_current_thread().build().unwrap();
        outer.block_on(async {
            let dns = Dns::new(Some(server)).unwrap();
            let wait = Wait::new(Instant::now() + Duration::from_millis(200), &Cancel::default());
            assert_eq!(fault(&dns.exchangers("example.org", &wait).unwrap_err()), LookUpFault::TimedOut);
        });
    }
}
