//! Provides [`Dns`], the look-ups that delivery to mail exchangers takes (RFC 5321 §5.1, RFC 7505).
//!
//! They are hickory-resolver's, which is asynchronous; its runtime has no thread but that of whoever asks.

use crate::args::DnsServer;
use crate::error::{Error, Result, Reworded};
use crate::exit::Exit;
use crate::settings::Family;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use smtp_core::blocking::Wait;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Looks names up.
pub(crate) struct Dns {
    runtime: Runtime,
    resolver: TokioResolver,
}

/// What DNS says of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exchangers {
    /// Names of hosts by their preference, the best first; in no order among equals.
    Listed(Vec<(u16, Vec<String>)>),
    /// There is none listed, so the domain's own host takes its mail, if it has an address.
    Implicit,
    /// The domain takes no mail (RFC 7505).
    Null,
}

/// Why a look-up gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The name does not exist.
    NoDomain,
    /// The name has no such records.
    NoRecords,
    /// Nobody could say it for now.
    ForNow(String),
}

/// The longest wait for one answer of one server, of which there may be several.
const PATIENCE: Duration = Duration::from_secs(5);

impl Dns {
    /// Asks `server`, or the servers that the system is set up for.
    pub(crate) fn new(server: Option<DnsServer>) -> Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
                Error::new(Exit::OS, format!("look-ups cannot be set up: {}", Reworded(&error)))
            })?;
        let failed = |error: &NetError| {
            Error::new(
                Exit::OS,
                format!("the DNS servers of this system cannot be told: {error}; name one by --dns ADDR"),
            )
        };
        let mut builder = match server {
            Some(DnsServer(address)) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = address.port();
                    connection
                });
                let server = NameServerConfig::new(address.ip(), true, connections.to_vec());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio().map_err(|error| failed(&error))?,
        };
        let options = builder.options_mut();
        options.timeout = options.timeout.min(PATIENCE);
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        if server.is_some() {
            options.use_hosts_file = ResolveHosts::Never;
        }
        let resolver = builder.build().map_err(|error| failed(&error))?;
        Ok(Self { runtime, resolver })
    }

    /// The mail exchangers of a domain, which is ASCII.
    pub(crate) fn exchangers(&self, domain: &str, wait: &Wait) -> std::result::Result<Exchangers, Failure> {
        let found = match self.look_up(domain, &[RecordType::MX], wait).pop() {
            Some(Ok(found)) => found,
            // No such records is no such exchanger; the domain's own host may have an address.
            Some(Err(Failure::NoRecords)) => Vec::new(),
            Some(Err(failure)) => return Err(failure),
            None => return Err(Failure::ForNow("nobody answered".to_string())),
        };
        let mut by_preference: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        let mut has_null = false;
        for data in found {
            let RData::MX(mx) = data else { continue };
            if mx.exchange.is_root() {
                has_null = true;
                continue;
            }
            let names = by_preference.entry(mx.preference).or_default();
            let name = name_of(&mx.exchange);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(match by_preference.is_empty() {
            // A null MX stands alone (RFC 7505 §3); beside others it names no host.
            true if has_null => Exchangers::Null,
            true => Exchangers::Implicit,
            false => Exchangers::Listed(by_preference.into_iter().collect()),
        })
    }

    /// The addresses of a host, IPv6 first.
    pub(crate) fn addresses(
        &self,
        host: &str,
        family: Option<Family>,
        wait: &Wait,
    ) -> std::result::Result<Vec<IpAddr>, Failure> {
        let kinds: &[RecordType] = match family {
            None => &[RecordType::AAAA, RecordType::A],
            Some(Family::V4) => &[RecordType::A],
            Some(Family::V6) => &[RecordType::AAAA],
        };
        let mut addresses = Vec::new();
        let mut failure = Failure::NoDomain;
        for found in self.look_up(host, kinds, wait) {
            match found {
                Ok(found) => {
                    for address in found.iter().filter_map(RData::ip_addr) {
                        if !addresses.contains(&address) {
                            addresses.push(address);
                        }
                    }
                }
                // That nobody could say it weighs most: there may be an address.
                Err(other) => failure = failure.max(other),
            }
        }
        if addresses.is_empty() { Err(failure.max(Failure::NoDomain)) } else { Ok(addresses) }
    }

    /// What records of each of these kinds a name has, asked for at once.
    fn look_up(
        &self,
        name: &str,
        kinds: &[RecordType],
        wait: &Wait,
    ) -> Vec<std::result::Result<Vec<RData>, Failure>> {
        // With its dot, so that no search list of this system is tried.
        let Ok(name) = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))) else {
            return vec![Err(Failure::NoDomain)];
        };
        self.runtime.block_on(async {
            let asked: Vec<_> = kinds
                .iter()
                .map(|&kind| {
                    let (resolver, name) = (self.resolver.clone(), name.clone());
                    tokio::spawn(async move { resolver.lookup(name, kind).await })
                })
                .collect();
            let mut answers = Vec::new();
            for mut answer in asked {
                let answered = loop {
                    let Some(slice) = wait.slice() else { break None };
                    if let Ok(answered) = tokio::time::timeout(slice, &mut answer).await {
                        break Some(answered);
                    }
                };
                answers.push(match answered {
                    Some(Ok(Ok(lookup))) => {
                        // The answer holds the aliases that led to it as well.
                        Ok(lookup.answers().iter().map(|record| record.data.clone()).collect())
                    }
                    Some(Ok(Err(error))) => Err(failure(&error)),
                    Some(Err(_)) => Err(Failure::ForNow("the look-up broke off".to_string())),
                    None => Err(Failure::ForNow(
                        "no answer came in time, give it more by --timeout connect=DUR".to_string(),
                    )),
                });
            }
            answers
        })
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

impl Failure {
    /// The one that leaves more hope.
    fn max(self, other: Self) -> Self {
        match (self, other) {
            (found @ Self::ForNow(_), _) | (_, found @ Self::ForNow(_)) => found,
            (Self::NoRecords, _) | (_, Self::NoRecords) => Self::NoRecords,
            (Self::NoDomain, Self::NoDomain) => Self::NoDomain,
        }
    }
}

fn failure(error: &NetError) -> Failure {
    if error.is_nx_domain() {
        return Failure::NoDomain;
    }
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => Failure::NoRecords,
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Failure::ForNow(format!("its name servers fail ({})", code.to_str().to_lowercase()))
        }
        NetError::Timeout => Failure::ForNow("no DNS server answered in time".to_string()),
        NetError::Io(error) => Failure::ForNow(format!("no DNS server can be asked: {}", Reworded(error))),
        error => Failure::ForNow(error.to_string().to_lowercase()),
    }
}

/// A host's name as it is written, without the dot at its end.
fn name_of(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupt;
    use std::time::Instant;

    #[test]
    fn what_leaves_hope_weighs_more() {
        let for_now = || Failure::ForNow("x".to_string());
        assert_eq!(Failure::NoDomain.max(for_now()), for_now());
        assert_eq!(for_now().max(Failure::NoRecords), for_now());
        assert_eq!(Failure::NoDomain.max(Failure::NoRecords), Failure::NoRecords);
    }

    #[test]
    fn a_server_that_nobody_is_at_is_a_failure_for_now() {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let dns = Dns::new(Some(DnsServer(free))).unwrap();
        let start = Instant::now();
        let interrupt = Interrupt::default();
        let wait = interrupt.until(start + Duration::from_millis(300));
        let found = dns.exchangers("example.org", &wait);
        assert!(matches!(found, Err(Failure::ForNow(_))), "{found:?}");
        assert!(start.elapsed() < Duration::from_secs(5));
        let found = dns.addresses("example.org", None, &interrupt.until(Instant::now()));
        assert!(matches!(found, Err(Failure::ForNow(_))), "{found:?}");
    }
}
