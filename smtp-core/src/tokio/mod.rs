//! The mailer over tokio.

mod connect;
mod socket;
mod stream;

pub use crate::network::{Connector, TlsFailure};
#[cfg(feature = "mx")]
pub use crate::network::{Dns, Exchangers};
pub use connect::connect;
pub use stream::Stream;
