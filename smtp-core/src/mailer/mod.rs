//! What a mailer needs besides sockets and clocks, without either: opening a session, the [fates](Fate) of recipients,
//! rounds of retries, which message goes to which session next.
//!
//! Applications send by the mailers of the features `blocking` and `tokio`, which are made of this. Who brings a transport
//! of another kind makes a mailer of the same parts:
//!
//! 1. [`Settings`] say how to open a session, [`Opening`] does it.
//! 2. A [`Connection`] tells the driver what to do.
//! 3. [`Work`] gives a session its messages, each a [`Delivery`] of a [`Submission`], and settles them.
//! 4. A [`Batch`] keeps the messages that come back or wait for the next round.

mod attempts;
mod batch;
mod connection;
mod delivery;
mod error;
mod exchangers;
mod fate;
mod header_template;
mod host;
mod login;
mod mail_data;
mod measure;
mod observer;
mod opening;
mod options;
mod pool;
mod proxy;
mod rate;
mod security;
mod server;
mod setting_error;
mod settings;
mod settled;
mod submission;
mod transcript;
mod url;
mod work;

pub use attempts::{Attempts, ends_rounds};
pub use batch::{Batch, wait_before};
pub use connection::{Connection, Demand, StopReason};
pub use delivery::{After, Delivery, Own, Policy, Progress, is_companion};
pub use error::{BoxError, Closing, ConnectFault, Error, ErrorKind, LookUpFault, ProxyFault, Step, TlsFault};
pub use exchangers::{Destination, DestinationError, Destinations, shuffle};
pub use fate::{Fate, RecipientReport, Repeat, Report, is_transient};
pub use header_template::{HeaderTemplate, HeaderTemplateError};
pub use host::{HostAndPort, HostError, host_name};
pub use login::{Login, LoginKind, SecretRequest};
pub use measure::Measure;
pub use observer::{Notice, Observer};
pub use opening::{Opening, OpeningStep, Until, misused, undone};
pub use options::{Observers, Options, Rate};
pub use pool::{Check, Pool, PoolLimits, Tenure, is_proof};
pub use proxy::{ProxyExchange, ProxyStep};
pub use rate::Pace;
pub use security::{Identity, Pin, PinError, Security, TlsVersion, Trust};
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub(crate) use server::ascii_name;
pub use server::{Family, Proxy, ProxyKind, Route, Server, UnixPath};
pub use setting_error::{ProxyUrlError, SettingError};
pub use settings::Settings;
pub use settled::settled;
pub use submission::{InMemory, RawMessage, Source, Submission};
pub use transcript::{Mark, SentLines, SentPart, Transcript};
pub use work::{Reach, Submitted, Work, ending_of, outcomes_of};
