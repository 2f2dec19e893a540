//! Provides [`Mx`], which delivers each message to the mail exchangers of its recipients' domains (RFC 5321 §5.1).
//!
//! Each domain has a transaction of its own. Its hosts are tried in the order of their preference, those of equal
//! preference in random order, and each of them at each of its addresses, until one has decided: a session that
//! cannot be opened, or that ends before the server has decided, leads to the next; a refusal does not.

use crate::args::{ConnectionArgs, SendArgs, Until};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::outgoing::{Mail, Outgoing};
use crate::session;
use crate::settings::{Route, Settings};
use crate::terminal::Random;
use crate::transcript::Observer;
use crate::words::Words;
use smtp_core::blocking;
use smtp_core::blocking::{Dns, Exchangers, Wait};
use smtp_core::mailer::{
    self, Delivery, Destination, DestinationError, Destinations, ErrorKind, LookUpFault, Own, Reach, Repeat,
    Until as Opened, shuffle, wait_before,
};
use smtp_core::{Code, Outcome, Reason};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Delivers to mail exchangers.
#[derive(Debug)]
pub(crate) struct Mx<'a> {
    connection: &'a ConnectionArgs,
    dns: Dns,
    /// How this machine calls itself, in lower case.
    own_name: String,
}

/// How messages are delivered to mail exchangers.
pub(crate) struct Plan<'a> {
    /// What holds for every mail exchanger.
    pub(crate) settings: &'a Settings,
    /// Makes the observers of a session by these settings.
    pub(crate) observers: &'a (dyn Fn(&Settings) -> Vec<Box<dyn Observer>> + Sync),
    /// Looks at a session that is open, before anything is sent.
    pub(crate) inspection: &'a (dyn Fn(&blocking::Session) -> Result<()> + Sync),
    /// Takes each message for which nothing more can be done.
    pub(crate) finished: &'a (dyn Fn(Mail) + Sync),
    /// How many more rounds there are for transient failures.
    pub(crate) retries: u32,
    /// How far each message goes.
    pub(crate) reach: Reach,
    /// Waits between the rounds.
    pub(crate) wait: &'a (dyn Fn(std::time::Duration) + Sync),
    /// A number from 0 to 1 that cannot be foreseen.
    pub(crate) jitter: &'a (dyn Fn() -> f64 + Sync),
}

/// More addresses of a domain are not tried: nobody waits so long, and the list is the domain's to make.
const MOST_TRIES: usize = 64;

/// A message on its way, with those of its recipients for whom there is more to do.
struct Underway {
    mail: Mail,
    /// Where they go, and who they are.
    groups: Vec<(Destination, Vec<usize>)>,
}

/// What became of the hosts of a domain.
#[derive(Debug, Default)]
struct Tries {
    count: usize,
    /// What went wrong last, of those that may succeed later if there is any.
    error: Option<Error>,
    /// Whether a fault that is ours would be met at every host.
    is_ours: bool,
}

/// What the arguments mean for mail exchangers, before it is known which; refuses what cannot be done with them.
pub(crate) fn settings(args: &SendArgs) -> Result<Settings> {
    let run = &args.run;
    let refused = if run.connections > 1 {
        "--connections has no meaning with --mx, where each domain has a connection of its own"
    } else if run.in_flight > 1 {
        "--in-flight has no meaning with --mx, where each message has a connection of its own for each domain"
    } else if !matches!(run.until, None | Some(Until::Rcpt)) {
        "with --mx a session can stop behind --until rcpt alone; to look at one host name it by --server host:25"
    } else {
        return Settings::for_exchanger(&args.connection, "mail exchangers", Ipv4Addr::UNSPECIFIED.into());
    };
    Err(Error::usage(refused))
}

impl<'a> Mx<'a> {
    /// Sets the look-ups up.
    pub(crate) fn new(connection: &'a ConnectionArgs) -> Result<Self> {
        let name = match &connection.helo {
            Some(domain) => domain.to_string(),
            None => gethostname::gethostname().to_string_lossy().into_owned(),
        };
        let dns = Dns::new(connection.dns.map(|server| server.0))
            .map_err(|error| Error::new(Exit::OS, format!("look-ups cannot be set up: {error}")))?;
        Ok(Self { connection, dns, own_name: name.trim_end_matches('.').to_ascii_lowercase() })
    }

    /// Delivers all that `supply` gives, one domain after the other.
    pub(crate) fn deliver(&self, plan: &Plan<'_>, random: &Random, supply: impl Iterator<Item = Mail>) {
        let mut later = Vec::new();
        for mail in supply {
            later.extend(self.go_round(plan, random, Underway::new(mail), plan.retries > 0));
        }
        for round in 1..=plan.retries {
            if later.is_empty() {
                break;
            }
            (plan.wait)(wait_before(round, (plan.jitter)()));
            if plan.settings.interrupt.is_requested() {
                break;
            }
            let has_later = round < plan.retries;
            later = std::mem::take(&mut later)
                .into_iter()
                .filter_map(|underway| self.go_round(plan, random, underway, has_later))
                .collect();
        }
        // Nothing is left here but after an interrupt.
        for underway in later {
            (plan.finished)(underway.mail);
        }
    }

    /// Tries all domains of a message; gives it back where there is more to do later.
    fn go_round(
        &self,
        plan: &Plan<'_>,
        random: &Random,
        mut underway: Underway,
        has_later: bool,
    ) -> Option<Underway> {
        let mut later = Vec::new();
        for (destination, mut recipients) in std::mem::take(&mut underway.groups) {
            let mail = &mut underway.mail;
            if mail.error().is_some() {
                break;
            }
            self.reach(plan, random, mail, &destination, &recipients);
            recipients.retain(|&index| {
                mail.outcomes()[index].as_ref().is_some_and(mailer::is_transient)
                    || mail.own(index).error.as_ref().is_some_and(|error| error.repeat() == Repeat::Safe)
            });
            let may_go_on = has_later && !plan.settings.interrupt.is_requested();
            if may_go_on && !recipients.is_empty() {
                later.push((destination, recipients));
            }
        }
        underway.groups = later;
        if underway.groups.is_empty() || underway.mail.error().is_some() {
            (plan.finished)(underway.mail);
            return None;
        }
        Some(underway)
    }

    /// Sends a message to the recipients of one domain, or says why not.
    fn reach(
        &self,
        plan: &Plan<'_>,
        random: &Random,
        mail: &mut Mail,
        destination: &Destination,
        recipients: &[usize],
    ) {
        let mut pending = recipients.to_vec();
        for &index in &pending {
            mail.outcomes_mut()[index] = None;
            *mail.own_mut(index) = Own::NONE;
        }
        if let Err(error) = plan.settings.interrupt.check() {
            for index in pending {
                mail.own_mut(index).error = Some(error.clone().into());
            }
            return;
        }
        let mut tries = Tries::default();
        let error = match destination {
            Destination::Address(address) => {
                self.attempt(plan, mail, &mut pending, &address.to_string(), *address, &mut tries);
                None
            }
            Destination::Domain(domain) => {
                let found = self.exchangers(plan, domain);
                let found = found.and_then(|found| {
                    self.in_turn(plan, random, mail, &mut pending, (domain, &found), &mut tries)
                });
                found.err()
            }
        };
        // What a host that was tried said is better than that another is ourselves.
        let error = match (tries.verdict(destination), error) {
            (Some(error), _) | (None, Some(error)) => error,
            (None, None) => Error::new(Exit::SOFTWARE, "a fault of this program: nobody was tried"),
        };
        let error = plan.settings.interrupt.check().err().unwrap_or(error);
        for index in pending {
            mail.own_mut(index).error = Some(error.clone().into());
        }
    }

    /// The hosts of a domain by preference.
    fn exchangers(&self, plan: &Plan<'_>, domain: &str) -> Result<Vec<(u16, Vec<String>)>> {
        let found = self.dns.exchangers(domain, &wait(plan)).map_err(|error| match fault(&error) {
            LookUpFault::NoDomain | LookUpFault::NoAddress => {
                Error::new(Exit::NO_HOST, format!("the domain {domain} does not exist; is it spelled right?"))
            }
            _ => Error::new(
                Exit::TEMPORARY,
                format!("the mail exchangers of {domain} cannot be looked up for now: {}", why(&error)),
            ),
        })?;
        match found {
            Exchangers::Null => Err(Error::new(
                Exit::NO_HOST,
                format!("{domain} takes no mail: it says so by a null MX (RFC 7505)"),
            )),
            Exchangers::Implicit => {
                tell(plan, &format!("{domain} lists no mail exchanger, so its own host is tried"));
                Ok(vec![(0, vec![domain.to_string()])])
            }
            Exchangers::Listed(found) => {
                let names: Vec<_> = found
                    .iter()
                    .flat_map(|(preference, names)| {
                        names.iter().map(move |name| format!("{name} ({preference})"))
                    })
                    .collect();
                tell(plan, &format!("the mail exchangers of {domain}: {}", names.join(", ")));
                Ok(found)
            }
        }
    }

    /// Tries the hosts of a domain in turn; the error is why there are none, or no more.
    fn in_turn(
        &self,
        plan: &Plan<'_>,
        random: &Random,
        mail: &mut Mail,
        pending: &mut Vec<usize>,
        (domain, found): (&str, &[(u16, Vec<String>)]),
        tries: &mut Tries,
    ) -> Result<()> {
        for (preference, names) in found {
            let mut names = names.clone();
            shuffle(&mut names, || {
                let mut octets = [0; 8];
                random(&mut octets).ok().map(|()| u64::from_le_bytes(octets))
            });
            let mut hosts = Vec::new();
            for name in names {
                let addresses = match self.addresses(plan, domain, &name) {
                    Ok(addresses) => addresses,
                    Err(error) => {
                        tell(plan, &error.to_string());
                        tries.failed(error);
                        continue;
                    }
                };
                // RFC 5321 §5.1: whoever is as good as we are, or worse, would give it back to us.
                if name == self.own_name || addresses.iter().any(|&address| self.is_own(address)) {
                    let text = format!(
                        "{name} is this machine, so mail exchangers of {domain} from preference {preference} on are left out"
                    );
                    tell(plan, &text);
                    return Err(Error::new(
                        Exit::UNAVAILABLE,
                        format!(
                            "mail for {domain} would come back: its mail exchanger {name} is this machine; deliver \
                             it here by --server localhost:25"
                        ),
                    ));
                }
                hosts.push((name, addresses));
            }
            for (name, addresses) in hosts {
                for address in addresses {
                    if tries.count >= MOST_TRIES {
                        return Ok(());
                    }
                    self.attempt(plan, mail, pending, &name, address, tries);
                    if pending.is_empty() || tries.is_ours || plan.settings.interrupt.is_requested() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn addresses(&self, plan: &Plan<'_>, domain: &str, name: &str) -> Result<Vec<IpAddr>> {
        let Route { family, bind, .. } = plan.settings.route;
        let found = self.dns.addresses(name, family, &wait(plan)).map(|mut addresses| {
            // A socket that has an address of ours reaches those of its family.
            addresses.retain(|address| bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4()));
            addresses
        });
        let none = |what: &str| {
            let of = if name == domain { String::new() } else { format!(", a mail exchanger of {domain},") };
            let kind = if family.is_some() || bind.is_some() { " that the options allow" } else { "" };
            Error::new(Exit::NO_HOST, format!("{name}{of} {what}{kind}"))
        };
        match found {
            Ok(addresses) if addresses.is_empty() => Err(none("has no address")),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(match fault(&error) {
                LookUpFault::NoDomain | LookUpFault::NoAddress if name == domain => {
                    none("has neither a mail exchanger nor an address")
                }
                LookUpFault::NoDomain => none("does not exist, so it has no address"),
                LookUpFault::NoAddress => none("has no address"),
                _ => Error::new(
                    Exit::TEMPORARY,
                    format!("the address of {name} cannot be looked up for now: {}", why(&error)),
                ),
            }),
        }
    }

    /// One session with one host at one address. Who was decided on is no longer pending.
    fn attempt(
        &self,
        plan: &Plan<'_>,
        mail: &mut Mail,
        pending: &mut Vec<usize>,
        name: &str,
        address: IpAddr,
        tries: &mut Tries,
    ) {
        let settings = match Settings::for_exchanger(self.connection, name, address) {
            Ok(settings) => Settings { interrupt: plan.settings.interrupt.clone(), ..settings },
            Err(error) => return tries.failed(error),
        };
        let words = Words::new(&settings);
        let opener = match settings.opener(None) {
            Ok(opener) => opener,
            Err(error) => return tries.failed(error),
        };
        let heard = Mutex::new(None);
        let attempt = blocking::Plan {
            open: &|_| {
                let session = session::open(&opener, Opened::Ready, (plan.observers)(&settings), &words)?;
                if let Err(error) = (plan.inspection)(&session) {
                    session.leave();
                    return Err(error.into());
                }
                Ok(session.into())
            },
            keep: None,
            finished: &|part: Delivery<&Outgoing>, left: Option<&mailer::Error>| {
                *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((part, left.cloned()));
            },
            connections: 1,
            in_flight: 1,
            retries: 0,
            reach: plan.reach,
            // Where this host is not available, the next one may be.
            may_reconnect: false,
            wait: plan.wait,
            jitter: plan.jitter,
            cancel: settings.interrupt.cancel(),
        };
        let mut measure = mailer::Measure::default();
        let mut said = Said::default();
        let part = mail.part(pending);
        let failed = blocking::deliver(&attempt, std::iter::once(part));
        let failed = failed.map(|error| words.of(&error));
        if let Some((part, left)) = heard.into_inner().unwrap_or_else(PoisonError::into_inner) {
            measure.join(part.measure());
            said = Said {
                outcomes: part.outcomes().to_vec(),
                ending: part.ending().cloned(),
                unreadable: part.error().map(|error| words.of(error)),
                left: left.map(|error| words.of(&error)),
            };
        }
        mail.measure_mut().join(&measure);
        let server = match address.to_string() {
            address if address == name => settings.destination.to_string(),
            address => format!("{} [{address}]", settings.destination),
        };
        let mut unsettled = Vec::new();
        let mut unavailable = None;
        for (index, outcome) in std::mem::take(pending).into_iter().zip(said.outcomes) {
            match outcome {
                None | Some(Outcome::Unsent(Reason::Closed(_))) if said.unreadable.is_none() => {
                    unsettled.push(index);
                }
                None => {}
                // RFC 5321 §3.8: it ends the session whatever it is the reply to, and is no word on the recipient.
                Some(Outcome::Refused { reply, .. }) if reply.code() == Code::UNAVAILABLE => {
                    unsettled.push(index);
                    unavailable = Some(Error::new(
                        Exit::TEMPORARY,
                        format!("{server} is not available: {reply}; try again later"),
                    ));
                }
                Some(outcome) => {
                    if matches!(outcome, Outcome::Unconfirmed(_)) {
                        mail.set_ending(said.ending.as_ref().map(|error| words.of(error).into()));
                    }
                    mail.outcomes_mut()[index] = Some(outcome);
                    mail.own_mut(index).server = Some(server.clone());
                }
            }
        }
        if !unsettled.is_empty() {
            let error = said
                .left
                .or_else(|| said.ending.map(|error| words.of(&error)))
                .or(failed)
                .or(unavailable)
                .unwrap_or_else(|| {
                    Error::new(
                        Exit::TEMPORARY,
                        format!("{server} ended the connection before it had decided"),
                    )
                });
            tries.failed(error);
        }
        *pending = unsettled;
        if let Some(error) = said.unreadable {
            mail.fail(error.into());
        }
    }

    /// Whether an address is this machine's: the system would choose it to talk to itself. Loopback is left out: it is
    /// where tests and filters listen, and no domain's exchanger that a mistake leads to.
    fn is_own(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.connection.bind == Some(address) {
            return true;
        }
        if address.is_loopback() {
            return false;
        }
        let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        // To connect such a socket sends nothing.
        address.is_unspecified()
            || UdpSocket::bind::<(IpAddr, u16)>((any, 0)).is_ok_and(|socket| {
                socket.connect((address, 25)).is_ok()
                    && socket.local_addr().is_ok_and(|local| local.ip() == address)
            })
    }
}

/// What a session said of the recipients.
#[derive(Default)]
struct Said {
    outcomes: Vec<Option<Outcome>>,
    ending: Option<mailer::Error>,
    unreadable: Option<Error>,
    left: Option<Error>,
}

impl Underway {
    /// A message with its recipients put together by domain.
    fn new(mut mail: Mail) -> Self {
        let Destinations { mut groups, unreachable, .. } = Destinations::of(mail.envelope());
        let has_left = !unreachable.is_empty();
        for (index, error) in unreachable {
            mail.own_mut(index).error = Some(nowhere(&error).into());
        }
        if mail.envelope().all_or_nothing && (groups.len() > 1 || has_left) {
            groups.clear();
            let error = Error::usage(
                "--require-all cannot be kept for recipients of several domains, each of which has servers of its own",
            );
            mail.fail(error.into());
        }
        Self { mail, groups }
    }
}

/// The words for a recipient whose mail goes nowhere.
fn nowhere(error: &DestinationError) -> Error {
    match error {
        DestinationError::NoDomain => Error::usage(
            "the recipient postmaster has no domain, so there is no mail exchanger; use postmaster@domain",
        ),
        DestinationError::Literal(_) => {
            Error::new(Exit::DATA, format!("{error}, so there is no way to its host"))
        }
        error => Error::new(Exit::DATA, error.to_string()),
    }
}

/// Why a look-up gave nothing.
fn fault(error: &mailer::Error) -> LookUpFault {
    match error.kind() {
        ErrorKind::LookUp { fault, .. } => *fault,
        _ => LookUpFault::Failed,
    }
}

/// The same in words.
fn why(error: &mailer::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => "nobody answered in time".to_string(),
    }
}

impl Tries {
    fn failed(&mut self, error: Error) {
        self.count += 1;
        self.is_ours |= !matches!(
            error.exit(),
            Exit::TEMPORARY | Exit::NO_HOST | Exit::UNAVAILABLE | Exit::PROTOCOL | Exit::NO_PERMISSION
        );
        let is_better = |known: &Error| known.exit() == Exit::TEMPORARY && error.exit() != Exit::TEMPORARY;
        if !self.error.as_ref().is_some_and(is_better) {
            self.error = Some(error);
        }
    }

    /// The words for a domain of which no host has decided.
    fn verdict(&self, target: &Destination) -> Option<Error> {
        let error = self.error.clone()?;
        match target {
            Destination::Domain(domain) if self.count > 1 && !self.is_ours => Some(Error::new(
                error.exit(),
                format!(
                    "none of the {} tries with mail exchangers of {domain} succeeded; {error}",
                    self.count
                ),
            )),
            _ => Some(error),
        }
    }
}

/// Until when a look-up may take: it is a part of getting connected.
fn wait(plan: &Plan<'_>) -> Wait {
    plan.settings.interrupt.until(Instant::now() + plan.settings.timeouts.connect)
}

/// Says something in the transcript, which belongs to no session.
fn tell(plan: &Plan<'_>, text: &str) {
    for mut observer in (plan.observers)(plan.settings) {
        observer.information(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::example_of;

    #[test]
    fn all_or_nothing_holds_for_one_domain_alone() {
        let mail = example_of(1, &["a@example.org", "b@example.net"], true);
        let underway = Underway::new(mail);
        assert!(underway.groups.is_empty());
        assert!(underway.mail.error().is_some());
        let mail = example_of(1, &["a@example.org", "b@example.org"], true);
        assert_eq!(Underway::new(mail).groups.len(), 1);
    }

    #[test]
    fn what_may_succeed_later_is_said_of_a_domain_before_what_may_not() {
        let mut tries = Tries::default();
        let domain = Destination::Domain("example.org".to_string());
        assert!(tries.verdict(&domain).is_none());
        tries.failed(Error::new(Exit::TEMPORARY, "busy"));
        assert_eq!(tries.verdict(&domain).unwrap().to_string(), "busy");
        tries.failed(Error::new(Exit::NO_HOST, "gone"));
        let error = tries.verdict(&domain).unwrap();
        assert_eq!(error.exit(), Exit::TEMPORARY);
        assert!(error.to_string().ends_with("succeeded; busy"), "{error}");
        assert!(!tries.is_ours);
        tries.failed(Error::usage("wrong"));
        assert!(tries.is_ours);
    }

    #[test]
    fn loopback_is_ourselves_only_where_we_are_bound_to_it() {
        let args = ConnectionArgs { bind: Some([127, 0, 0, 7].into()), ..ConnectionArgs::default() };
        let mx = Mx::new(&args).unwrap();
        assert!(mx.is_own([127, 0, 0, 7].into()));
        assert!(!mx.is_own([127, 0, 0, 1].into()));
        assert!(!mx.is_own([192, 0, 2, 1].into()));
        assert!(mx.is_own(Ipv4Addr::UNSPECIFIED.into()));
    }
}
