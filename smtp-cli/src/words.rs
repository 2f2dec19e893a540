//! Provides [`Words`]: the errors of smtp-core in this program's words, with their exit status and what to try.

use crate::error::{Error, Reworded};
use crate::exit::Exit;
use crate::settings::{Encryption, Settings};
use crate::transcript::Observer;
use smtp_core::mailer::{
    self, Closing, ConnectFault, ErrorKind, LookUpFault, Notice, ProxyFault, SettingError, Step, TlsFault,
};
use smtp_core::{Cause, Misuse, Occasion, Protocol, Reason, Reply, Timer, Verb, Violation};
use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

/// The errors of sessions that were opened by some settings, in words.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    settings: Arc<Settings>,
    /// Who logs in, if not who the settings say.
    user: Option<String>,
}

impl Words {
    /// The words for sessions of these settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: Arc::new(settings.clone()), user: None }
    }

    /// The same for a login of that user.
    pub(crate) fn with_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_string());
        self
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The words for an error, with what to try.
    pub(crate) fn of(&self, error: &mailer::Error) -> Error {
        let words = self.without_advice(error);
        match error.kind() {
            ErrorKind::Closed(Closing { cause: Cause::Lost, .. }) => {
                Error::new(words.exit(), format!("{words}; try again later"))
            }
            _ => words,
        }
    }

    /// The words for an error, without the advice to try again, which may duplicate a message.
    pub(crate) fn without_advice(&self, error: &mailer::Error) -> Error {
        // What this program itself found is in its words already.
        if let Some(own) = error.source().and_then(|source| source.downcast_ref::<Error>()) {
            return own.clone();
        }
        let server = &self.settings.destination;
        match error.kind() {
            ErrorKind::Setting(fault) => self.setting(fault, error),
            ErrorKind::LookUp { name, fault } => self.look_up(name, *fault, error),
            ErrorKind::Connect(fault) => self.connect(*fault, error),
            ErrorKind::Proxy(fault) => self.proxy(fault, error),
            ErrorKind::Tls(fault) => self.handshake(fault, error),
            ErrorKind::Undone { step, reason, offered, is_secured } => {
                self.undone(*step, reason, offered, *is_secured)
            }
            ErrorKind::Closed(closing) => self.closed(closing, error),
            ErrorKind::Cancelled => self.settings.interrupt.error(),
            ErrorKind::Unreadable => {
                match error.source().and_then(|source| source.downcast_ref::<smtp_mime::Error>()) {
                    Some(error) => Error::new(Exit::NO_INPUT, Error::of_mime(error).to_string()),
                    None => Error::new(Exit::NO_INPUT, source_words(error)),
                }
            }
            ErrorKind::Envelope(misuse) => turned_down(misuse),
            ErrorKind::Login(why) => Error::usage(format!("the login cannot be done: {why}")),
            ErrorKind::System => {
                Error::new(Exit::OS, format!("the system refused a resource: {}", source_words(error)))
            }
            _ => Error::new(Exit::SOFTWARE, format!("a fault of this program: {server}: {error}")),
        }
    }

    /// The same observers, which are told these words.
    pub(crate) fn observers(&self, observers: Vec<Box<dyn Observer>>) -> Vec<Box<dyn Observer>> {
        let telling = |inner| Box::new(Telling { inner, words: self.clone() }) as Box<dyn Observer>;
        observers.into_iter().map(telling).collect()
    }

    fn setting(&self, fault: &SettingError, error: &mailer::Error) -> Error {
        let trust = &self.settings.trust;
        let shown = |path: Option<&Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
        let identity = trust.identity.as_ref();
        let (certificate, key) = (
            shown(identity.map(|(certificate, _)| certificate.as_path())),
            shown(identity.map(|(_, key)| key.as_path())),
        );
        match fault {
            SettingError::NoCertificate => Error::new(
                Exit::NO_INPUT,
                format!(
                    "{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
                    shown(trust.ca_file.as_deref())
                ),
            ),
            SettingError::Identity => Error::new(
                Exit::NO_INPUT,
                format!(
                    "{certificate} and {key} are no certificate and key: {}; the key must be PKCS #8 in PEM without a \
                     password (-----BEGIN PRIVATE KEY-----), which openssl pkcs8 -topk8 -nodes makes of others",
                    source_words(error)
                ),
            ),
            SettingError::KeyMismatch => Error::new(
                Exit::NO_INPUT,
                format!("the key {key} does not belong to the certificate {certificate}"),
            ),
            SettingError::Tls => {
                Error::new(Exit::OS, format!("TLS cannot be set up: {}", source_words(error)))
            }
            SettingError::ServerName => Error::usage(format!(
                "a certificate cannot be for the name {}; use --tls-name NAME",
                self.settings.tls_name
            )),
            SettingError::SocketPathTooLong => {
                let server = &self.settings.destination;
                Error::usage(format!("the path of the socket is too long: {server}"))
            }
            SettingError::NoUnixSockets => Error::usage(format!(
                "{} needs a system with unix sockets, use --server host:port",
                self.settings.destination
            )),
            SettingError::BindFamily => self.no_address_of_family("--bind"),
            SettingError::Bind => {
                let bind = self.settings.route.bind.map(|bind| bind.to_string()).unwrap_or_default();
                Error::new(
                    Exit::OS,
                    format!("cannot connect from the address {bind} of --bind: {}", source_words(error)),
                )
            }
            SettingError::MixedFamilies | SettingError::NoHeaderAddresses => {
                Error::usage(format!("--proxy-header: {fault}, give src= and dst="))
            }
            fault => Error::usage(fault.to_string()),
        }
    }

    fn look_up(&self, name: &str, fault: LookUpFault, error: &mailer::Error) -> Error {
        let of = self.settings.route.proxy.as_ref().map(|proxy| format!(" of the proxy {proxy}"));
        let of = of.unwrap_or_default();
        let no_host = |why: &str| {
            Error::new(Exit::NO_HOST, format!("the host name {name}{of} does not resolve: {why}"))
        };
        match fault {
            LookUpFault::NoAddress => no_host("it has no address; is it spelled right?"),
            LookUpFault::NoAddressOfFamily => self.no_address_of_family("-4 or -6"),
            LookUpFault::TimedOut => Error::new(
                Exit::TEMPORARY,
                format!("the look-up of {name} took too long, give it more by --timeout connect=DUR"),
            ),
            _ => {
                let text = source_words(error);
                let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
                no_host(&format!("{}; is it spelled right?", why.to_lowercase()))
            }
        }
    }

    fn no_address_of_family(&self, options: &str) -> Error {
        let what = match &self.settings.route.proxy {
            Some(proxy) => format!("the proxy {proxy}"),
            None => self.server_and_port(),
        };
        Error::new(Exit::NO_HOST, format!("{what} has no address of the family that {options} asks for"))
    }

    fn connect(&self, fault: ConnectFault, error: &mailer::Error) -> Error {
        if let mailer::Server::Unix(path) = &self.settings.destination {
            return Error::new(
                Exit::TEMPORARY,
                match fault {
                    ConnectFault::TimedOut => format!(
                        "no connection to unix:{path} in time; its server is busy, give it more by --timeout connect=DUR"
                    ),
                    ConnectFault::Refused => {
                        format!(
                            "cannot connect to unix:{path}: connection refused; does a server listen there?"
                        )
                    }
                    _ => format!(
                        "cannot connect to unix:{path}: {}; does a server listen there?",
                        source_words(error)
                    ),
                },
            );
        }
        refused(&self.server_and_port(), "is it the right --port?", fault, error)
    }

    /// The server as connections to it are told.
    fn server_and_port(&self) -> String {
        match (&self.settings.destination, self.settings.route.address) {
            (mailer::Server::Host { name, port }, Some(address)) => format!("{name} [{address}] port {port}"),
            (mailer::Server::Host { name, port }, None) => format!("{name} port {port}"),
            (mailer::Server::Unix(path), _) => format!("unix:{path}"),
        }
    }

    fn proxy(&self, fault: &ProxyFault, error: &mailer::Error) -> Error {
        let proxy = self.settings.route.proxy.as_ref().map(ToString::to_string).unwrap_or_default();
        let user = self.settings.route.proxy.as_ref().and_then(|proxy| proxy.login.as_ref());
        let user = user.map(|(user, _)| user.as_str()).unwrap_or_default();
        let (host, port) = match (&self.settings.destination, self.settings.route.address) {
            (mailer::Server::Host { port, .. }, Some(address)) => (address.to_string(), *port),
            (mailer::Server::Host { name, port }, None) => (name.clone(), *port),
            _ => (String::new(), 0),
        };
        let broken = |what: &str| Error::new(Exit::PROTOCOL, format!("the proxy {proxy} {what}"));
        match fault {
            ProxyFault::Connect(fault) => {
                refused(&format!("the proxy {proxy}"), "is --proxy right?", *fault, error)
            }
            ProxyFault::TimedOut => Error::new(
                Exit::TEMPORARY,
                format!("the proxy {proxy} did not answer in time, give it more by --timeout connect=DUR"),
            ),
            ProxyFault::Closed => Error::new(
                Exit::TEMPORARY,
                format!("the proxy {proxy} ended the connection; is it a {} server?", self.kind_of_proxy()),
            ),
            ProxyFault::Failed => Error::new(
                Exit::TEMPORARY,
                format!("the connection to the proxy {proxy} broke: {}", source_words(error)),
            ),
            ProxyFault::LoginRequired => Error::new(
                Exit::NO_PERMISSION,
                format!(
                    "the proxy {proxy} wants a login, give it as {}user:password@host:port, best by SMTP_CLI_PROXY",
                    self.scheme_of_proxy()
                ),
            ),
            ProxyFault::LoginNotAccepted => Error::new(
                Exit::NO_PERMISSION,
                format!("the proxy {proxy} takes no login by user and password, try it without"),
            ),
            ProxyFault::LoginRefused => Error::new(
                Exit::NO_PERMISSION,
                format!("the proxy {proxy} refused the login of {user}, check user and password of --proxy"),
            ),
            ProxyFault::LoginTooLong => Error::usage("the login of the proxy is too long"),
            ProxyFault::NameTooLong => {
                Error::usage(format!("the host name {host} has more than the 255 octets that a proxy takes"))
            }
            ProxyFault::OtherProtocol(octet) => broken(&format!(
                "is no {} server: {}",
                self.kind_of_proxy(),
                match octet {
                    0 | 4 => "it speaks SOCKS4, not SOCKS5",
                    5 => "it speaks SOCKS5; name it as socks5://host:port",
                    b'H' => "it speaks HTTP, not SOCKS5",
                    b'2' | b'5' =>
                        "it may be a mail server; --proxy names a SOCKS5 server, --server the mail server",
                    _ => "it speaks another protocol",
                }
            )),
            ProxyFault::Refused(code) => {
                let (exit, why) = socks_refusal(*code);
                Error::new(exit, format!("the proxy {proxy} did not connect to {host} port {port}: {why}"))
            }
            ProxyFault::Status(status) => {
                let exit = if *status >= 500 { Exit::TEMPORARY } else { Exit::UNAVAILABLE };
                Error::new(
                    exit,
                    format!("the proxy {proxy} did not connect to {host} port {port}: HTTP status {status}"),
                )
            }
            ProxyFault::Violation(how) => broken(how),
            fault => Error::usage(fault.to_string()),
        }
    }

    fn kind_of_proxy(&self) -> &'static str {
        match self.settings.route.proxy.as_ref().map(|proxy| proxy.kind) {
            Some(mailer::ProxyKind::Http) => "HTTP CONNECT",
            _ => "SOCKS5",
        }
    }

    fn scheme_of_proxy(&self) -> &'static str {
        match self.settings.route.proxy.as_ref().map(|proxy| proxy.kind) {
            Some(mailer::ProxyKind::Http) => "http://",
            _ => "socks5://",
        }
    }

    /// The words for a step of a session that was not done.
    fn undone(&self, step: Step, reason: &Reason, offered: &str, is_secured: bool) -> Error {
        let server = &self.settings.destination;
        match (step, reason) {
            (Step::StartTls, Reason::NotOffered(_)) => {
                let asked = self.settings.named_trust;
                let asked = asked.map(|option| format!(", which {option} asks for")).unwrap_or_default();
                Error::new(
                    Exit::UNAVAILABLE,
                    format!(
                        "{server} does not offer STARTTLS{asked}, and nothing was sent; try --tls implicit with port \
                         465, or --tls none to send in clear"
                    ),
                )
            }
            (Step::Login, reason) => self.login(reason, offered, is_secured),
            (Step::Xclient, Reason::NotOffered(what)) => self.no_xclient(what, offered),
            (_, Reason::Refused(reply)) => {
                let (name, verb) = match step {
                    Step::Hello => ("the hello", Verb::Ehlo),
                    Step::StartTls => ("STARTTLS", Verb::StartTls),
                    Step::Xclient => ("XCLIENT", Verb::Xclient),
                    _ => ("the command", Verb::Raw),
                };
                let advice = match step {
                    // HELO would do no better where LHLO is not known.
                    Step::Hello
                        if self.settings.protocol == Protocol::Lmtp
                            && matches!(reply.code().value(), 500 | 502) =>
                    {
                        "it may not speak LMTP, try SMTP (no --lmtp, no lmtp://)"
                    }
                    _ => reply.explain(Occasion::from(verb)).advice,
                };
                Error::new(
                    Exit::of_refusal(Some(verb), reply),
                    format!("{server} refused {name}: {reply}; {advice}"),
                )
            }
            (_, Reason::Closed(_)) => Error::new(Exit::TEMPORARY, "the connection is over, connect again"),
            (_, reason) => Error::new(Exit::of_reason(reason), format!("{server}: {reason}")),
        }
    }

    /// The words for XCLIENT, or an attribute of it, that the server does not offer.
    fn no_xclient(&self, what: &str, offered: &str) -> Error {
        let server = &self.settings.destination;
        let takes = match offered {
            "" => "servers offer it to those alone whom they trust".to_string(),
            names => format!("it takes {names}"),
        };
        Error::new(
            Exit::UNAVAILABLE,
            format!("{server} does not offer {what}, which --xclient needs, and nothing was sent; {takes}"),
        )
    }

    /// The words for a login that was not done.
    fn login(&self, reason: &Reason, offered: &str, is_secured: bool) -> Error {
        let server = &self.settings.destination;
        match reason {
            Reason::Refused(reply) => self.login_refused(reply, ""),
            Reason::LoginRefused { reply, why } => self.login_refused(reply, why),
            Reason::NotOffered(_) => Error::new(
                Exit::UNAVAILABLE,
                format!(
                    "{server} does not offer AUTH, and nothing was sent; use --auth none to send without login"
                ),
            ),
            Reason::NoMechanism => Error::new(
                Exit::UNAVAILABLE,
                format!(
                    "{server} offers no mechanism that can be used for this login: it offers {}",
                    if offered.is_empty() { "no mechanism at all" } else { offered }
                ),
            ),
            Reason::WouldRevealPassword => {
                let (how, instead) = match self.settings.encryption {
                    Encryption::StartTls | Encryption::Implicit => {
                        ("without a verified certificate", "--tls-pin or --ca-file instead of --insecure")
                    }
                    _ if is_secured => ("without a verified certificate", "--tls starttls or --tls implicit"),
                    _ => ("in clear", "--tls starttls or --tls implicit"),
                };
                Error::new(
                    Exit::NO_PERMISSION,
                    format!(
                        "the password would leave for {server} {how}, so nothing was sent; use {instead}, or \
                         --allow-plaintext-auth if you accept that"
                    ),
                )
            }
            reason => Error::new(Exit::of_reason(reason), format!("{server}: {reason}")),
        }
    }

    /// The words for a login that the server refused; `why` is what it said besides.
    fn login_refused(&self, reply: &Reply, why: &str) -> Error {
        let server = &self.settings.destination;
        let user =
            self.user.as_deref().or_else(|| self.settings.login.as_ref().map(|login| login.user.as_str()));
        let more = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let advice = reply.explain(Verb::Auth.into()).advice;
        Error::new(
            Exit::of_refusal(Some(Verb::Auth), reply),
            format!("{server} refused the login of {}: {reply}{more}; {advice}", user.unwrap_or_default()),
        )
    }

    /// The words for a connection that ended.
    fn closed(&self, closing: &Closing, error: &mailer::Error) -> Error {
        let server = &self.settings.destination;
        let text = match &closing.cause {
            Cause::Refused(reply) => {
                let occasion =
                    if closing.answered.is_some() { Occasion::Unknown } else { Occasion::Greeting };
                format!("{server} does not serve: {reply}; {}", reply.explain(occasion).advice)
            }
            Cause::Unavailable(reply) => format!("{server} is not available: {reply}; try again later"),
            Cause::TimedOut(timer) => {
                let phase = timer.phase().name();
                let limit = self.settings.timeouts.limit(*timer).as_secs_f64();
                let hint = match (timer, self.settings.encryption) {
                    (Timer::Greeting, Encryption::Implicit) => "",
                    (Timer::Greeting, _) => ", or --tls implicit if the server wants TLS from the start",
                    _ => "",
                };
                format!(
                    "{server} did not answer in time: the limit of the phase {phase} is {limit} s; give it more by \
                     --timeout {phase}=DUR{hint}"
                )
            }
            Cause::Lost => {
                let place = match closing.answered {
                    Some(verb) => format!("after its reply to {verb}"),
                    None if closing.is_greeted => "after its greeting".to_string(),
                    None => "before its greeting".to_string(),
                };
                match error.source() {
                    Some(_) => {
                        format!("the connection to {server} failed {place}: {}", source_words(error))
                    }
                    None => format!("{server} ended the connection {place}"),
                }
            }
            Cause::Violation(violation) => {
                let octets = &closing.rejected;
                format!(
                    "{server} broke the protocol: {violation}{}{}",
                    sample(octets),
                    hint(violation, octets)
                )
            }
            cause => format!("{server}: {cause}"),
        };
        Error::new(Exit::of_cause(&closing.cause), text)
    }

    /// Why a handshake failed.
    pub(crate) fn tls_reason(&self, fault: &TlsFault, error: &mailer::Error) -> String {
        let name = &self.settings.tls_name;
        match fault {
            TlsFault::Expired => "the certificate has expired".to_string(),
            TlsFault::NotYetValid => "the certificate is not yet valid".to_string(),
            TlsFault::WrongName => format!("the certificate is not for {name}"),
            TlsFault::SelfSigned => {
                "the certificate is signed by nobody that is trusted (self-signed)".to_string()
            }
            TlsFault::Untrusted => "the certificate is signed by nobody that is trusted".to_string(),
            TlsFault::Revoked => "the certificate was revoked".to_string(),
            TlsFault::Pin(Some(found)) => match self.settings.trust.pin {
                Some(pin) => format!("its key is {found}, and --tls-pin wants {pin}"),
                None => format!("its key is {found}"),
            },
            TlsFault::Pin(None) => "the server showed no certificate".to_string(),
            TlsFault::Version => "the server offers no TLS 1.2 or newer".to_string(),
            TlsFault::NotTls(_) => "the answer was not TLS".to_string(),
            TlsFault::CertificateRequired => "certificate required".to_string(),
            TlsFault::Closed => "the server ended the connection".to_string(),
            TlsFault::TimedOut => "it took too long".to_string(),
            fault => match error.source() {
                Some(_) => source_words(error),
                None => fault.to_string(),
            },
        }
    }

    fn handshake(&self, fault: &TlsFault, error: &mailer::Error) -> Error {
        let server = &self.settings.destination;
        let reason = self.tls_reason(fault, error);
        if fault.is_certificate() {
            let remedy = if self.settings.trust.pin.is_some() {
                "name another key only after the server's administrator has confirmed it"
            } else {
                "try --ca-file FILE or --tls-name NAME"
            };
            return Error::new(
                Exit::NO_PERMISSION,
                format!("the certificate of {server} is not trusted: {reason}; {remedy}"),
            );
        }
        let hint = match (fault, self.settings.encryption) {
            (TlsFault::NotTls(first), Encryption::Implicit) if first.starts_with(b"220") => {
                "; the server spoke 220 in clear: try --tls starttls"
            }
            (TlsFault::CertificateRequired, _) => {
                "; it wants a certificate of ours: use --client-cert and --client-key"
            }
            (_, Encryption::Opportunistic) => "; --tls none sends in clear",
            _ => "",
        };
        Error::new(Exit::PROTOCOL, format!("the TLS handshake with {server} failed: {reason}{hint}"))
    }
}

/// The words for an envelope that the protocol machine refuses.
fn turned_down(misuse: &Misuse) -> Error {
    match misuse {
        Misuse::CommandTooLong { .. } => {
            Error::new(Exit::DATA, format!("the envelope cannot be sent: {misuse}"))
        }
        Misuse::NoRecipients => Error::usage("there is no recipient, use --to, --cc, --bcc or --rcpt"),
        Misuse::RepeatedParameter | Misuse::NotAscii => {
            Error::usage(format!("the envelope cannot be sent: {misuse}"))
        }
        misuse => Error::new(Exit::SOFTWARE, format!("a fault of this program: {misuse}")),
    }
}

/// The words for a connection to `what` that was not made.
fn refused(what: &str, question: &str, fault: ConnectFault, error: &mailer::Error) -> Error {
    let text = match fault {
        ConnectFault::Refused => format!("{what} refuses connections; {question}"),
        ConnectFault::TimedOut => format!(
            "no connection to {what} in time; a firewall may be in the way, or give it more by --timeout connect=DUR"
        ),
        _ => format!("cannot connect to {what}: {}", source_words(error)),
    };
    Error::new(if fault == ConnectFault::Exhausted { Exit::OS } else { Exit::TEMPORARY }, text)
}

/// What a negative reply of SOCKS5 means (RFC 1928 §6).
fn socks_refusal(code: u8) -> (Exit, String) {
    let (exit, why) = match code {
        1 => (Exit::TEMPORARY, "it failed, and the proxy does not say why"),
        2 => (Exit::UNAVAILABLE, "its rules do not allow that"),
        3 => (Exit::TEMPORARY, "the network cannot be reached"),
        4 => (Exit::TEMPORARY, "the host cannot be reached, or its name does not resolve there"),
        5 => (Exit::TEMPORARY, "the connection was refused; is it the right --port?"),
        6 => (Exit::TEMPORARY, "the way is too long (TTL)"),
        7 => (Exit::UNAVAILABLE, "it knows no CONNECT"),
        8 => (Exit::UNAVAILABLE, "it knows no addresses of this kind"),
        code => return (Exit::PROTOCOL, format!("it gave the unknown reply {code}")),
    };
    (exit, why.to_string())
}

/// The words of the error that caused another.
fn source_words(error: &mailer::Error) -> String {
    let mut source = error.source();
    // What several errors share stands below.
    while let Some(next) = source
        .and_then(|source| source.source())
        .filter(|_| source.is_some_and(|source| source.downcast_ref::<std::io::Error>().is_none()))
    {
        source = Some(next);
    }
    match source {
        Some(source) => match source.downcast_ref::<std::io::Error>() {
            Some(error) => Reworded(error).to_string(),
            // The words of another library hold those of the system.
            None => Reworded(&std::io::Error::other(source.to_string())).to_string(),
        },
        None => error.kind().to_string(),
    }
}

/// The beginning of what was no reply.
fn sample(octets: &[u8]) -> String {
    if octets.is_empty() {
        return String::new();
    }
    let shown = &octets[..octets.len().min(40)];
    format!(" (\"{}\"{})", shown.escape_ascii(), if octets.len() > 40 { "…" } else { "" })
}

/// What a server speaks that does not speak SMTP.
fn hint(violation: &Violation, octets: &[u8]) -> &'static str {
    if !matches!(violation, Violation::MalformedReply) {
        return "";
    }
    match octets {
        // A TLS record: alert or handshake, of version 3.x.
        [0x15 | 0x16, 3, ..] => "; it speaks TLS from the start: try --tls implicit",
        octets if octets.starts_with(b"HTTP/") => "; it is a web server: is it the right --port?",
        octets if octets.starts_with(b"SSH-") => "; it is an SSH server: is it the right --port?",
        octets if octets.starts_with(b"+OK") => "; it is a POP3 server: is it the right --port?",
        octets if octets.starts_with(b"* OK") => "; it is an IMAP server: is it the right --port?",
        _ => "",
    }
}

/// Tells an observer what smtp-core notices, in this program's words.
struct Telling {
    inner: Box<dyn Observer>,
    words: Words,
}

impl Observer for Telling {
    fn sent(&mut self, transmit: &smtp_core::Transmit, is_secured: bool) {
        self.inner.sent(transmit, is_secured);
    }

    fn received(&mut self, verb: Option<Verb>, reply: &Reply, is_wanted: bool, is_secured: bool) {
        self.inner.received(verb, reply, is_wanted, is_secured);
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        let settings = &self.words.settings;
        match notice {
            Notice::Proxy(_) => self.inner.information(&format!("{notice} to {}", settings.destination)),
            Notice::Header(header) => self.inner.information(&settings.header_words(header)),
            Notice::Failed(error) => {
                let error = self.words.without_advice(error).to_string();
                self.inner.notice(&Notice::Error(&error));
            }
            notice => self.inner.notice(notice),
        }
    }
}
