//! The mailer over `std::net`, for programs without an async runtime.

mod cancel;
mod connect;
#[cfg(feature = "mx")]
mod dns;
mod socket;
mod stream;
mod timed;

#[cfg(feature = "mx")]
pub use crate::network::Exchangers;
pub use crate::network::{Connector, TlsFailure};
pub use cancel::{Cancel, Wait};
pub use connect::connect;
#[cfg(feature = "mx")]
pub use dns::Dns;
pub use stream::Stream;
