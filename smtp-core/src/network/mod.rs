//! What both drivers share of the world outside: TLS, the look-up of names, the order of addresses, files.

mod addresses;
#[cfg(feature = "mx")]
#[cfg_attr(not(feature = "tokio"), allow(unreachable_pub))] // then only its blocking face is public
mod dns;
mod failure;
mod lookup;
mod name;
#[cfg_attr(not(feature = "blocking"), allow(unreachable_pub))] // only its blocking face is public
mod opener;
pub(crate) mod scratch;
mod source;
mod tls;
#[cfg(unix)]
mod unix_path;
mod witness;

pub(crate) use addresses::{STAGGER, connect_error, found, header_ends, look_up_error, proxy_error, select};
#[cfg(all(feature = "mx", feature = "tokio"))]
pub use dns::Dns;
#[cfg(all(feature = "mx", not(feature = "tokio")))]
pub(crate) use dns::Dns;
#[cfg(feature = "mx")]
pub use dns::Exchangers;
pub(crate) use failure::cause_of;
pub(crate) use lookup::LookUp;
pub(crate) use name::{jitter, nonce};
#[cfg_attr(not(feature = "blocking"), allow(unreachable_pub))]
pub use opener::Opener;
pub use source::{FileMessage, ReaderMessage};
pub use tls::{Connector, TlsFailure};
pub(crate) use tls::{Handshake, TlsStream};
#[cfg(unix)]
pub(crate) use unix_path::path_of;
pub(crate) use witness::Witness;
