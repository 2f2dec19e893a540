//! The mailer over tokio.

mod connect;
mod deliver;
mod lane;
mod mailer;
mod queue;
mod session;
mod slots;
mod socket;
mod stream;

pub use crate::mailer::{
    Error, ErrorKind, Fate, Login, Options, RawMessage, RecipientReport, Report, Server, Submission,
};
pub use crate::network::{Connector, FileMessage, ReaderMessage, TlsFailure};
#[cfg(feature = "mx")]
pub use crate::network::{Dns, Exchangers};
pub use connect::connect;
pub use mailer::{Mailer, SendAll, Sent};
pub use stream::Stream;
