//! What both drivers share of the world outside: TLS, the look-up of names, the order of addresses.

mod addresses;
#[cfg(feature = "mx")]
mod dns;
mod lookup;
mod tls;
mod witness;

pub(crate) use addresses::{STAGGER, connect_error, found, header_ends, look_up_error, proxy_error, select};
#[cfg(feature = "mx")]
pub use dns::{Dns, Exchangers};
pub(crate) use lookup::LookUp;
pub use tls::{Connector, TlsFailure};
pub(crate) use tls::{Handshake, TlsStream};
pub(crate) use witness::Witness;
