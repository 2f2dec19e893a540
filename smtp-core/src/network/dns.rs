//! Provides [`Dns`], the look-ups for delivery to mail exchangers (RFC 5321 §5.1, RFC 7505).

use crate::mailer::{Error, ErrorKind, Family, LookUpFault, ascii_name};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::fmt;
use std::format;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::string::{String, ToString};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use std::vec::Vec;
use tokio::runtime::{self, Handle};

/// Looks mail exchangers and their addresses up.
///
/// It may be used in several runtimes in turn: what is open to the DNS servers belongs to the last one.
pub struct Dns {
    /// The only server to ask, if not those of the system.
    server: Option<SocketAddr>,
    resolver: Mutex<Option<(runtime::Id, TokioResolver)>>,
}

/// What DNS says of the mail exchangers of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // RFC 5321 §5.1 and RFC 7505 know no more
pub enum Exchangers {
    /// Names of hosts by their preference, the best first; in no order among equals.
    Listed(Vec<(u16, Vec<String>)>),
    /// None is listed, so the domain's own host accepts its mail, if it has an address.
    Implicit,
    /// The domain accepts no mail (RFC 7505).
    Null,
}

/// The longest wait for one answer of one server, of which there may be several.
const PATIENCE: Duration = Duration::from_secs(5);

/// The records of one kind, or why there are none.
type Found = Result<Vec<RData>, Failure>;

/// Why a look-up gave no records.
#[derive(Debug)]
enum Failure {
    /// The name does not exist.
    NoDomain,
    /// The name has no such records.
    NoRecords,
    /// Nobody answered.
    TimedOut,
    /// The servers cannot tell: why.
    Unavailable(String),
}

impl Failure {
    /// How much hope it leaves that a later look-up finds something.
    const fn rank(&self) -> u8 {
        match self {
            Self::NoDomain => 0,
            Self::NoRecords => 1,
            Self::TimedOut => 2,
            Self::Unavailable(_) => 3,
        }
    }

    fn error(self, name: &str) -> Error {
        let (fault, source) = match self {
            Self::NoDomain => (LookUpFault::NoDomain, None),
            Self::NoRecords => (LookUpFault::NoAddress, None),
            Self::TimedOut => (LookUpFault::TimedOut, None),
            Self::Unavailable(why) => (LookUpFault::Unavailable, Some(why)),
        };
        let error = super::look_up_error(name, fault);
        match source {
            Some(why) => error.with_source(why),
            None => error,
        }
    }
}

impl Dns {
    /// Asks `server`, or the servers that the system is configured for.
    #[must_use]
    pub const fn new(server: Option<SocketAddr>) -> Self {
        Self { server, resolver: Mutex::new(None) }
    }

    /// The mail exchangers of a domain.
    ///
    /// # Errors
    /// When the domain does not exist, or this is not known by `deadline`.
    pub async fn exchangers(&self, domain: &str, deadline: Instant) -> Result<Exchangers, Error> {
        let found = match self.look_up(domain, &[RecordType::MX], deadline).await?.pop() {
            Some(Ok(found)) => found,
            // No such records is no such exchanger; the domain's own host may have an address.
            Some(Err(Failure::NoRecords)) | None => Vec::new(),
            Some(Err(failure)) => return Err(failure.error(domain)),
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
    ///
    /// # Errors
    /// When it has none, or this is not known by `deadline`.
    pub async fn addresses(
        &self,
        host: &str,
        family: Option<Family>,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, Error> {
        let kinds: &[RecordType] = match family {
            None => &[RecordType::AAAA, RecordType::A],
            Some(Family::V4) => &[RecordType::A],
            Some(Family::V6) => &[RecordType::AAAA],
        };
        let mut addresses = Vec::new();
        let mut failure = Failure::NoDomain;
        for found in self.look_up(host, kinds, deadline).await? {
            match found {
                Ok(found) => {
                    for address in found.iter().filter_map(RData::ip_addr) {
                        if !addresses.contains(&address) {
                            addresses.push(address);
                        }
                    }
                }
                // That nobody could say it weighs most: there may be an address.
                Err(other) if other.rank() > failure.rank() => failure = other,
                Err(_) => {}
            }
        }
        match (addresses.is_empty(), failure, family) {
            (false, ..) => Ok(addresses),
            (true, Failure::NoRecords, Some(_)) => {
                Err(super::look_up_error(host, LookUpFault::NoAddressOfFamily))
            }
            (true, failure, _) => Err(failure.error(host)),
        }
    }

    /// What records of each of these kinds a name has, asked for at once; those that are known at the deadline.
    async fn look_up(
        &self,
        name: &str,
        kinds: &[RecordType],
        deadline: Instant,
    ) -> Result<Vec<Found>, Error> {
        // With its dot, so that no search list of this system is tried.
        let Ok(name) = Name::from_ascii(format!("{}.", ascii_name(name.trim_end_matches('.')))) else {
            return Ok(Vec::from([Err(Failure::NoDomain)]));
        };
        let resolver = self.resolver()?;
        let asked = kinds.iter().map(|&kind| {
            let (resolver, name) = (resolver.clone(), name.clone());
            let answer = async move {
                match tokio::time::timeout_at(deadline.into(), resolver.lookup(name, kind)).await {
                    // The answer holds the aliases that led to it as well.
                    Ok(Ok(lookup)) => Ok(lookup.answers().iter().map(|record| record.data.clone()).collect()),
                    Ok(Err(error)) => Err(failure(&error)),
                    Err(_) => Err(Failure::TimedOut),
                }
            };
            Box::pin(answer) as Pin<Box<dyn Future<Output = Found> + Send>>
        });
        Ok(all_of(asked.collect()).await)
    }

    /// The resolver of the runtime that this is called in.
    fn resolver(&self) -> Result<TokioResolver, Error> {
        let runtime = Handle::try_current().map_err(system)?.id();
        let mut current = self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, resolver)) = &*current
            && *id == runtime
        {
            return Ok(resolver.clone());
        }
        let resolver = build(self.server).map_err(system)?;
        *current = Some((runtime, resolver.clone()));
        Ok(resolver)
    }
}

/// DNS servers are not configured, or there is no runtime.
fn system(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::System).with_source(error)
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").field("server", &self.server).finish_non_exhaustive()
    }
}

fn build(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        Some(address) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            let server = NameServerConfig::new(address.ip(), true, connections.to_vec());
            let config = ResolverConfig::from_parts(None, Vec::new(), Vec::from([server]));
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio()?,
    };
    let options = builder.options_mut();
    options.timeout = options.timeout.min(PATIENCE);
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    if server.is_some() {
        options.use_hosts_file = ResolveHosts::Never;
    }
    builder.build()
}

/// What each of these futures gives.
async fn all_of<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + Send>>>) -> Vec<T> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(ended) = future.as_mut().poll(context)
            {
                *result = Some(ended);
            }
        }
        if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

fn failure(error: &NetError) -> Failure {
    if error.is_nx_domain() {
        return Failure::NoDomain;
    }
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => Failure::NoRecords,
        NetError::Dns(DnsError::ResponseCode(code)) => {
            Failure::Unavailable(format!("its name servers fail ({})", code.to_str().to_lowercase()))
        }
        NetError::Timeout => Failure::TimedOut,
        error => Failure::Unavailable(error.to_string()),
    }
}

/// A host's name as it is written, without the dot at its end.
fn name_of(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
