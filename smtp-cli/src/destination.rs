//! Defines [`Destination`], where a connection goes to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where a connection goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A host by name or address.
    Host {
        /// Name or address.
        name: String,
        /// The port.
        port: u16,
    },
    /// A socket of the file system.
    Unix(PathBuf),
}

impl Destination {
    /// Whether it is this machine, as far as can be told without a look-up.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Host { name, .. } => {
                if let Ok(address) = name.parse::<IpAddr>() {
                    return address.to_canonical().is_loopback();
                }
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                // RFC 6761 §6.3: these names never leave the machine.
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }

    /// The name that a certificate has to bear.
    pub(crate) fn certificate_name(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Host { name, .. } => name,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
