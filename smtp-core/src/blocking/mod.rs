//! The mailer over `std::net`, for programs without an async runtime.

mod cancel;
mod connect;
mod socket;
mod stream;
mod timed;

pub use crate::network::{Connector, TlsFailure};
pub use cancel::{Cancel, Wait};
pub use connect::connect;
pub use stream::Stream;
