//! The mailer over `std::net`, for programs without an async runtime.
//!
//! A [`Mailer`] sends messages to one server. Below it, a [`Session`] is one connection that is opened as its settings say,
//! and [`deliver`] sends many messages over several sessions; they are for applications that open their connections
//! themselves.

mod cancel;
mod command;
mod connect;
mod deliver;
#[cfg(feature = "mx")]
mod dns;
mod mailer;
mod old_tls;
mod queue;
mod session;
mod slots;
mod socket;
mod stream;
mod timed;

pub use crate::mailer::{
    Error, ErrorKind, Fate, Login, Options, RawMessage, RecipientReport, Report, Server, Submission,
};
#[cfg(feature = "mx")]
pub use crate::network::Exchangers;
pub use crate::network::{Connector, FileMessage, Opener, ReaderMessage, TlsFailure};
pub use cancel::{Cancel, Wait};
pub use command::{CommandError, first_line_of};
pub use connect::connect;
pub use deliver::{Finished, Keep, Open, Opened, Plan, deliver};
#[cfg(feature = "mx")]
pub use dns::Dns;
pub use mailer::{Mailer, SendAll, Sent};
pub use old_tls::ask_for_old_tls;
pub use session::{Session, SessionStep};
pub use stream::Stream;
