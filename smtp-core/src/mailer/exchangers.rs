//! Chooses where the mail for a recipient goes to: [`Destination`]s, and the order of their mail exchangers (RFC 5321 §5.1).

use crate::{DomainPart, Envelope, Mailbox};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

/// Where the mail for a mailbox goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // RFC 5321 §4.1.2 and §4.1.3 know no more
pub enum Destination {
    /// The mail exchangers of a domain, in ASCII and lower case.
    Domain(String),
    /// The host of an address literal.
    Address(IpAddr),
}

/// Why the mail for a recipient goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationError {
    /// The recipient is `postmaster` without a domain, who is at every server (RFC 5321 §4.5.1).
    NoDomain,
    /// The domain has no form in ASCII.
    Domain {
        /// The domain.
        domain: String,
        /// Why it has none.
        why: String,
    },
    /// The address literal is no IP address.
    Literal(String),
}

impl Destination {
    /// The destination of a mailbox; `None` stands for `postmaster` without a domain.
    ///
    /// # Errors
    /// If its mail goes nowhere.
    pub fn of(mailbox: Option<&Mailbox>) -> Result<Self, DestinationError> {
        match mailbox.ok_or(DestinationError::NoDomain)?.domain() {
            DomainPart::Domain(domain) if domain.is_ascii() => {
                Ok(Self::Domain(domain.as_str().to_ascii_lowercase()))
            }
            #[cfg(feature = "idna")]
            DomainPart::Domain(domain) => match domain.to_ascii() {
                Ok(ascii) => Ok(Self::Domain(ascii.as_str().to_ascii_lowercase())),
                Err(error) => Err(DestinationError::Domain {
                    domain: domain.as_str().to_string(),
                    why: error.to_string(),
                }),
            },
            #[cfg(not(feature = "idna"))]
            DomainPart::Domain(domain) => Err(DestinationError::Domain {
                domain: domain.as_str().to_string(),
                why: "it is not ASCII, and A-labels need the feature idna".to_string(),
            }),
            DomainPart::AddressLiteral(literal) => literal
                .ip()
                .map(Self::Address)
                .ok_or_else(|| DestinationError::Literal(literal.as_str().to_string())),
        }
    }
}

/// The recipients of an envelope by their destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destinations {
    /// The destinations, in the order of their first recipients, with the indices of all their recipients.
    pub groups: Vec<(Destination, Vec<usize>)>,
    /// The recipients whose mail goes nowhere.
    pub unreachable: Vec<(usize, DestinationError)>,
}

impl Destinations {
    /// Those of an envelope.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        let mut destinations = Self::default();
        for (index, recipient) in envelope.recipients.iter().enumerate() {
            match Destination::of(recipient.to.mailbox()) {
                Ok(destination) => {
                    match destinations.groups.iter_mut().find(|(known, _)| *known == destination) {
                        Some((_, recipients)) => recipients.push(index),
                        None => destinations.groups.push((destination, vec![index])),
                    }
                }
                Err(error) => destinations.unreachable.push((index, error)),
            }
        }
        destinations
    }
}

/// Puts the hosts of one preference into a random order, so that they share the load (RFC 5321 §5.1).
///
/// `random` gives numbers that cannot be foreseen; without one the order stays as the DNS server made it.
pub fn shuffle<T>(hosts: &mut [T], mut random: impl FnMut() -> Option<u64>) {
    for last in (1..hosts.len()).rev() {
        let Some(number) = random() else { return };
        let choice = number % (last as u64 + 1);
        hosts.swap(last, usize::try_from(choice).unwrap_or_default());
    }
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDomain => f.write_str("the recipient postmaster has no domain"),
            Self::Domain { domain, why } => write!(f, "the domain {domain} cannot be looked up: {why}"),
            Self::Literal(literal) => write!(f, "{literal} is no IP address"),
        }
    }
}

impl core::error::Error for DestinationError {}

#[cfg(all(test, feature = "idna"))]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn recipients_are_grouped_by_destination() {
        let to = [
            "<a@Example.org>",
            "<b@[127.0.0.1]>",
            "<c@example.ORG>",
            "<d@bücher.example>",
            "<e@xn--bcher-kva.example>",
            "<postmaster>",
            "<f@[x:1]>",
        ];
        let envelope = Envelope::new("<>".parse().unwrap(), to.map(|path| path.parse().unwrap()));
        let Destinations { groups, unreachable } = Destinations::of(&envelope);
        let domain = |name: &str| Destination::Domain(name.to_string());
        assert_eq!(
            groups,
            [
                (domain("example.org"), vec![0, 2]),
                (Destination::Address([127, 0, 0, 1].into()), vec![1]),
                (domain("xn--bcher-kva.example"), vec![3, 4]),
            ]
        );
        let unreachable: Vec<_> =
            unreachable.iter().map(|(index, error)| (*index, error.to_string())).collect();
        assert_eq!(unreachable[0], (5, "the recipient postmaster has no domain".to_string()));
        assert_eq!(unreachable[1], (6, "[x:1] is no IP address".to_string()));
    }

    #[test]
    fn every_order_of_hosts_comes_up() {
        let mut orders = BTreeSet::new();
        for first in 0..6 {
            for second in 0..6 {
                let mut hosts = ['a', 'b', 'c'];
                let mut numbers = [first, second].into_iter();
                shuffle(&mut hosts, || numbers.next());
                orders.insert(hosts);
            }
        }
        assert_eq!(orders.len(), 6);
        let mut hosts = ['a', 'b'];
        shuffle(&mut hosts, || None);
        assert_eq!(hosts, ['a', 'b']);
    }
}
