//! Defines [`Error`], why something was not done, and its kinds.

use super::security::Pin;
use super::setting_error::SettingError;
use crate::{Cause, Misuse, Reason, Timer, Verb};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// An error of any type, as a [`Submission`](super::Submission) or a function of the application gives it.
pub type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// Why something was not done: a [kind](Self::kind), the server that it concerns and the error that caused it.
///
/// It says nothing of messages that were sent: what became of each recipient is its [`Fate`](super::Fate).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    server: Option<String>,
    source: Option<BoxError>,
}

/// The kinds of [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or a URL is wrong.
    Setting(SettingError),
    /// The server's name does not lead to an address.
    LookUp {
        /// The name.
        name: String,
        /// What went wrong.
        fault: LookUpFault,
    },
    /// No connection could be made.
    Connect(ConnectFault),
    /// The proxy did not connect to the server.
    Proxy(ProxyFault),
    /// The TLS handshake failed.
    Tls(TlsFault),
    /// A step before the first message, or a command, was not done.
    Undone {
        /// The step.
        step: Step,
        /// Why it was not done.
        reason: Reason,
        /// What the server offers for the step: mechanisms of AUTH, attributes of XCLIENT.
        offered: String,
        /// Whether TLS was up.
        is_secured: bool,
    },
    /// The connection ended.
    Closed(Closing),
    /// The deadline of the whole send passed.
    DeadlinePassed,
    /// The application cancelled it.
    Cancelled,
    /// The message could not be read to its end.
    Unreadable,
    /// The function that supplies the secret of a login failed.
    Secret,
    /// The login cannot use its mechanisms: this is what is wrong.
    Login(String),
    /// The envelope cannot be sent.
    Envelope(Misuse),
    /// The message cannot be sent as the server requires it.
    Unsuitable,
    /// This machine lacks a resource, like a thread or randomness.
    System,
    /// The [`Mailer`](crate::mailer) was closed.
    MailerClosed,
}

/// Why a name does not lead to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookUpFault {
    /// The name does not exist, or the resolver cannot say it: see the source.
    Failed,
    /// It has no address.
    NoAddress,
    /// It has no address of the family that is wanted.
    NoAddressOfFamily,
    /// The resolver did not answer in time.
    TimedOut,
    /// The name servers cannot tell: see the source.
    Unavailable,
    /// The name does not exist.
    NoDomain,
    /// The domain accepts no mail (RFC 7505).
    NullMx,
    /// The best mail exchanger is this machine.
    Loop,
}

/// Why no connection could be made; the source holds the system's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectFault {
    /// The server refused it.
    Refused,
    /// No answer came in time.
    TimedOut,
    /// This machine is short of threads or file descriptors.
    Exhausted,
    /// Another error of the system.
    Failed,
}

/// Why a proxy did not connect to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// It did not answer in time.
    TimedOut,
    /// It ended the connection.
    Closed,
    /// The connection to it failed.
    Failed,
    /// It requires a login.
    LoginRequired,
    /// It accepts no login by user name and password.
    LoginNotAccepted,
    /// It refused the user name or the password.
    LoginRefused,
    /// The login is longer than the protocol allows.
    LoginTooLong,
    /// The login cannot be sent: HTTP allows no colon in a user name.
    InvalidLogin,
    /// The server's name is longer than the protocol allows.
    NameTooLong,
    /// The server's name holds a character that no host name has.
    InvalidName,
    /// No connection to it could be made.
    Connect(ConnectFault),
    /// It speaks another protocol, which begins with this octet.
    OtherProtocol(u8),
    /// It broke the protocol: how.
    Violation(&'static str),
    /// SOCKS5: it refused to connect, by this reply (RFC 1928 §6).
    Refused(u8),
    /// HTTP: it refused to connect, by this status (RFC 9110 §15).
    Status(u16),
}

/// Why a TLS handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server's certificate has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another name.
    WrongName,
    /// No trusted authority issued it, and it is its own authority.
    SelfSigned,
    /// No trusted authority issued it.
    Untrusted,
    /// It was revoked.
    Revoked,
    /// It is not the one of the pin; this is the pin of the server's.
    Pin(Option<Pin>),
    /// It has another fault.
    Certificate,
    /// The server offers no version of TLS that is accepted.
    Version,
    /// The server spoke in clear, and began with these octets: as many as were read before that was clear.
    NotTls(Vec<u8>),
    /// The server requires a certificate of the client's.
    CertificateRequired,
    /// The server sent this alert (RFC 8446 §6).
    Alert(u8),
    /// The server closed the connection.
    Closed,
    /// It took too long.
    TimedOut,
    /// Another fault: see the source.
    Protocol,
}

impl TlsFault {
    /// Whether the server's certificate is at fault.
    #[must_use]
    pub const fn is_certificate(&self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::NotYetValid
                | Self::WrongName
                | Self::SelfSigned
                | Self::Untrusted
                | Self::Revoked
                | Self::Pin(_)
                | Self::Certificate
        )
    }
}

/// A step of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// EHLO, HELO or LHLO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// XCLIENT.
    Xclient,
    /// AUTH.
    Login,
    /// A message.
    Message,
    /// Another command.
    Command,
}

impl Step {
    /// The command of this step.
    #[must_use]
    pub const fn verb(self) -> Verb {
        match self {
            Self::Hello => Verb::Ehlo,
            Self::StartTls => Verb::StartTls,
            Self::Xclient => Verb::Xclient,
            Self::Login => Verb::Auth,
            Self::Message => Verb::Message,
            Self::Command => Verb::Raw,
        }
    }
}

/// How a connection ended, and where in the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closing {
    /// Why it ended.
    pub cause: Cause,
    /// The command of the last reply; `None` before the reply to the first one.
    pub answered: Option<Verb>,
    /// Whether the greeting came.
    pub is_greeted: bool,
    /// The first octets of what was no reply.
    pub rejected: Vec<u8>,
}

impl Error {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner { kind, server: None, source: None }))
    }

    /// The same, which concerns `server`.
    #[must_use]
    pub fn with_server(self, server: impl Into<String>) -> Self {
        self.changed(|inner| inner.server = Some(server.into()))
    }

    /// The same, which `source` caused.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.changed(|inner| inner.source = Some(source.into()))
    }

    /// A shared error keeps its kind and server, not its source.
    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            kind: shared.kind.clone(),
            server: shared.server.clone(),
            source: None,
        });
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The server that it concerns, as `host:port`.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.0.server.as_deref()
    }

    /// Whether the same may succeed later without a change of settings.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.kind.is_transient()
    }
}

impl ErrorKind {
    /// Whether the same may succeed later without a change of settings.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::LookUp { fault, .. } => matches!(fault, LookUpFault::TimedOut | LookUpFault::Unavailable),
            Self::Connect(_) | Self::DeadlinePassed | Self::Cancelled | Self::System => true,
            Self::Proxy(fault) => {
                matches!(
                    fault,
                    ProxyFault::TimedOut
                        | ProxyFault::Closed
                        | ProxyFault::Failed
                        | ProxyFault::Connect(_)
                        | ProxyFault::Refused(1 | 3..=6)
                ) || matches!(fault, ProxyFault::Status(status) if *status >= 500)
            }
            Self::Tls(fault) => matches!(fault, TlsFault::Closed | TlsFault::TimedOut),
            Self::Undone { reason, .. } => is_transient(reason),
            Self::Closed(closing) => is_transient_cause(&closing.cause),
            Self::Setting(_)
            | Self::Unreadable
            | Self::Secret
            | Self::Login(_)
            | Self::Envelope(_)
            | Self::Unsuitable
            | Self::MailerClosed => false,
        }
    }
}

/// Whether what was not done for this reason may succeed later.
pub(super) fn is_transient(reason: &Reason) -> bool {
    match reason {
        Reason::Refused(reply) | Reason::LoginRefused { reply, .. } => reply.is_transient(),
        Reason::TooManyRecipients(_) => true,
        Reason::Closed(cause) => is_transient_cause(cause),
        _ => false,
    }
}

/// Whether a connection that ended for this cause may succeed later.
fn is_transient_cause(cause: &Cause) -> bool {
    match cause {
        Cause::Refused(reply) | Cause::Unavailable(reply) => reply.is_transient(),
        Cause::Lost | Cause::TimedOut(_) | Cause::Quit => true,
        _ => false,
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl From<SettingError> for Error {
    fn from(fault: SettingError) -> Self {
        Self::new(ErrorKind::Setting(fault))
    }
}

impl PartialEq for Error {
    /// Compares kind and server.
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind && self.0.server == other.0.server
    }
}

impl Eq for Error {}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, server, source } = &*self.0;
        f.debug_struct("Error").field("kind", kind).field("server", server).field("source", source).finish()
    }
}

/// One line: the server, what happened and, where an error of the system caused it, that error.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = self.server() {
            write!(f, "{server}: ")?;
        }
        self.0.kind.fmt(f)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(fault) => fault.fmt(f),
            Self::LookUp { name, fault } => {
                let what = match fault {
                    LookUpFault::Failed | LookUpFault::NoDomain => "does not resolve",
                    LookUpFault::NoAddress => "has no address",
                    LookUpFault::NoAddressOfFamily => "has no address of the family that is wanted",
                    LookUpFault::TimedOut => "could not be looked up in time",
                    LookUpFault::Unavailable => "cannot be looked up",
                    LookUpFault::NullMx => "accepts no mail (null MX)",
                    LookUpFault::Loop => "leads back to this machine",
                };
                write!(f, "the name {name} {what}")
            }
            Self::Connect(fault) => fault.fmt(f),
            Self::Proxy(fault) => fault.fmt(f),
            Self::Tls(fault) => fault.fmt(f),
            Self::Undone { step, reason, .. } => match reason {
                Reason::Refused(reply) => write!(f, "{} was refused: {reply}", step.verb()),
                reason => reason.fmt(f),
            },
            Self::Closed(closing) => match &closing.cause {
                Cause::Lost => match closing.answered {
                    Some(verb) => write!(f, "the connection was lost after the reply to {verb}"),
                    None if closing.is_greeted => f.write_str("the connection was lost after the greeting"),
                    None => f.write_str("the connection was lost before the greeting"),
                },
                Cause::TimedOut(Timer::Connect) => f.write_str("no connection in time"),
                cause => cause.fmt(f),
            },
            Self::DeadlinePassed => f.write_str("the deadline passed"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Unreadable => f.write_str("the message cannot be read to its end"),
            Self::Secret => f.write_str("the secret of the login cannot be had"),
            Self::Login(why) => write!(f, "the login cannot be done: {why}"),
            Self::Envelope(misuse) => write!(f, "the envelope cannot be sent: {misuse}"),
            Self::Unsuitable => f.write_str("the message cannot be sent as the server requires it"),
            Self::System => f.write_str("this machine lacks a resource"),
            Self::MailerClosed => f.write_str("the mailer was closed"),
        }
    }
}

impl fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the connection was refused",
            Self::TimedOut => "no connection in time",
            Self::Exhausted => "this machine lacks a resource for the connection",
            Self::Failed => "cannot connect",
        })
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the proxy did not answer in time"),
            Self::Closed => f.write_str("the proxy ended the connection"),
            Self::Failed => f.write_str("the connection to the proxy failed"),
            Self::LoginRequired => f.write_str("the proxy requires a login"),
            Self::LoginNotAccepted => f.write_str("the proxy accepts no login by user name and password"),
            Self::LoginRefused => f.write_str("the proxy refused the login"),
            Self::LoginTooLong => f.write_str("the login of the proxy is too long"),
            Self::InvalidLogin => {
                f.write_str("the login cannot be sent to an HTTP proxy: its user name has a colon")
            }
            Self::NameTooLong => f.write_str("the server's name is longer than a proxy accepts"),
            Self::InvalidName => f.write_str("the server's name cannot be sent to a proxy"),
            Self::Connect(fault) => write!(f, "the proxy: {fault}"),
            Self::OtherProtocol(octet) => {
                write!(f, "the proxy speaks another protocol, which begins with octet {octet:#04x}")
            }
            Self::Violation(how) => write!(f, "the proxy {how}"),
            Self::Refused(code) => write!(f, "the proxy did not connect (SOCKS5 reply {code})"),
            Self::Status(status) => write!(f, "the proxy did not connect (HTTP status {status})"),
        }
    }
}

impl core::error::Error for ProxyFault {}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the server's certificate has expired"),
            Self::NotYetValid => f.write_str("the server's certificate is not valid yet"),
            Self::WrongName => f.write_str("the server's certificate is for another name"),
            Self::SelfSigned => f.write_str("the server's certificate is self-signed and not trusted"),
            Self::Untrusted => f.write_str("no trusted authority issued the server's certificate"),
            Self::Revoked => f.write_str("the server's certificate was revoked"),
            Self::Pin(Some(found)) => write!(f, "the server's key is {found}, which is not the pinned one"),
            Self::Pin(None) => f.write_str("the server showed no certificate to compare with the pin"),
            Self::Certificate => f.write_str("the server's certificate is not valid"),
            Self::Version => f.write_str("the server offers no version of TLS that is accepted"),
            Self::NotTls(_) => f.write_str("the server answered the TLS handshake in clear"),
            Self::CertificateRequired => f.write_str("the server requires a certificate of the client"),
            Self::Alert(alert) => write!(f, "the server ended the TLS handshake by alert {alert}"),
            Self::Closed => f.write_str("the server closed the connection in the TLS handshake"),
            Self::TimedOut => f.write_str("the TLS handshake took too long"),
            Self::Protocol => f.write_str("the TLS handshake failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_error_says_the_server_what_happened_and_its_cause() {
        let error = Error::new(ErrorKind::Connect(ConnectFault::Failed))
            .with_server("mx.example.org:25")
            .with_source("network unreachable");
        assert_eq!(error.to_string(), "mx.example.org:25: cannot connect: network unreachable");
        assert!(error.is_transient());
        assert!(core::error::Error::source(&error).is_some());
        assert!(!Error::from(SettingError::NoCertificate).is_transient());
    }
}
