//! What a mailer needs besides sockets and clocks.

mod error;
mod observer;
mod proxy;
mod security;
mod server;

pub use error::{
    BoxError, Closing, ConnectFault, Error, ErrorKind, LookUpFault, ProxyFault, SettingError, Step, TlsFault,
};
pub use observer::{Notice, Observer};
pub use proxy::{ProxyExchange, ProxyStep};
pub use security::{Identity, Pin, PinError, Security, TlsVersion, Trust};
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub(crate) use server::ascii_name;
pub use server::{Family, HeaderTemplate, Proxy, ProxyKind, Route, Server};
