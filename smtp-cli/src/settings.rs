//! Defines [`Settings`]: what the arguments mean for a connection.

use crate::args::{AuthChoice, ConnectionArgs, LoginArgs, ProtocolName, Scheme, Server, TlsMode};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::login::{Login, PasswordSource};
use smtp_core::blocking::Opener;
use smtp_core::mailer::{self, Identity, LoginKind, Pin};
pub(crate) use smtp_core::mailer::{Family, Route, Security as Encryption, Server as Destination};
use smtp_core::{EhloDomain, Protocol, ProxyHeader, Secret, Timeouts, XclientAttribute, XclientAttributes};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Certificates in PEM that are trusted instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The same, in memory: those of the bundled server.
    pub(crate) ca_pem: Option<String>,
    /// Our own certificate and its key, in PEM.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// The public key that the server must have.
    pub(crate) pin: Option<Pin>,
    /// Whether nothing is verified.
    pub(crate) anything: bool,
}

/// All that a connection needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) destination: Destination,
    /// Whether the destination is the bundled server, which is yet to be started.
    pub(crate) is_mock: bool,
    pub(crate) protocol: Protocol,
    pub(crate) encryption: Encryption,
    pub(crate) trust: Trust,
    /// The option that names what is to be verified, if one does.
    pub(crate) named_trust: Option<&'static str>,
    /// The name that the certificate has to bear.
    pub(crate) tls_name: String,
    pub(crate) login: Option<Login>,
    pub(crate) allow_plaintext_auth: bool,
    pub(crate) helo: Option<EhloDomain>,
    pub(crate) timeouts: Timeouts,
    /// How many messages may await their final reply at once on a connection.
    pub(crate) in_flight: usize,
    /// Whether somebody wants to know how long each phase took.
    pub(crate) accounts: bool,
    /// Extensions to be treated as not offered, in upper case.
    pub(crate) ignored_extensions: Vec<String>,
    /// The way to the destination.
    pub(crate) route: Route,
    /// What the server is told of the client that it is to believe in.
    pub(crate) xclient: Vec<XclientAttribute>,
    /// What asks the sessions to stop.
    pub(crate) interrupt: Interrupt,
}

/// What a run asks of its sessions.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// What asks them to stop.
    pub(crate) interrupt: Interrupt,
    /// How many messages may await their final reply at once on a connection.
    pub(crate) in_flight: usize,
    /// Whether somebody wants to know how long each phase took.
    pub(crate) accounts: bool,
    /// An extension that it cannot use.
    pub(crate) without: Option<&'static str>,
    /// Whether it goes as far as the login.
    pub(crate) logs_in: bool,
}

/// Messages one after the other, and all that is to be known of them.
impl Default for Run {
    fn default() -> Self {
        Self { interrupt: Interrupt::default(), in_flight: 1, accounts: true, without: None, logs_in: true }
    }
}

impl Settings {
    /// What these arguments mean.
    pub(crate) fn new(args: &ConnectionArgs, of_login: &LoginArgs, password: Option<Secret>) -> Result<Self> {
        let server = args.server.clone().ok_or_else(|| {
            Error::usage("no server is named, use --server host[:port] or an account, for which smtp-cli config path says where files \
                 are looked for; --server mock is for a try")
        })?;
        let protocol = protocol(args, &server)?;
        let (destination, user) = destination(args, server.clone(), protocol)?;
        let encryption = encryption_of_server(args, &server, &destination)?;
        let is_mock = server == Server::Mock;
        if args.proxy.is_some() && (is_mock || matches!(destination, Destination::Unix(_))) {
            return Err(Error::usage("--proxy has no meaning with this --server, which is on this machine"));
        }
        if args.bind.is_some() && matches!(destination, Destination::Unix(_)) {
            return Err(Error::usage("--bind has no meaning with a unix socket"));
        }
        let login = login(of_login, user, password)?;
        let allow_plaintext_auth = of_login.allow_plaintext_auth;
        Ok(Self { is_mock, login, allow_plaintext_auth, ..Self::of(args, destination, protocol, encryption) })
    }

    /// What these arguments mean for a mail exchanger: the host `name` at `address`.
    ///
    /// Mail exchangers take mail from everyone, so nobody logs in; and nobody can say whether the name is the right
    /// one, so TLS is a wish unless it was asked for.
    pub(crate) fn for_exchanger(args: &ConnectionArgs, name: &str, address: IpAddr) -> Result<Self> {
        let protocol = match args.protocol {
            Some(ProtocolName::Lmtp) => {
                return Err(Error::usage("--mx speaks SMTP, and --protocol lmtp does not"));
            }
            Some(ProtocolName::Smtp) => Protocol::Smtp,
            Some(ProtocolName::Esmtp) | None => Protocol::Esmtp,
        };
        let port = args.port.unwrap_or(25);
        let encryption = encryption(args, port, true)?;
        let destination = Destination::Host { name: name.to_string(), port };
        let settings = Self::of(args, destination, protocol, encryption);
        let mut route = settings.route.clone();
        route.address = Some(address);
        Ok(Self { route, ..settings })
    }

    /// The same, for a run.
    pub(crate) fn for_run(self, run: Run) -> Self {
        let Run { interrupt, in_flight, accounts, without, logs_in } = run;
        let ignored = self.ignored_extensions.into_iter().chain(without.map(String::from));
        Self {
            interrupt,
            in_flight,
            accounts,
            ignored_extensions: ignored.collect(),
            login: self.login.filter(|_| logs_in),
            ..self
        }
    }

    /// The same without verification, so that what is wrong with a certificate ends no session.
    pub(crate) fn unverified(&self) -> Self {
        let encryption = match self.encryption {
            Encryption::StartTls => Encryption::Opportunistic,
            encryption => encryption,
        };
        Self { encryption, trust: Trust { anything: true, pin: None, ..self.trust.clone() }, ..self.clone() }
    }

    fn of(
        args: &ConnectionArgs,
        destination: Destination,
        protocol: Protocol,
        encryption: Encryption,
    ) -> Self {
        let mut timeouts = Timeouts::default();
        if let Some(changes) = &args.timeout {
            changes.apply(&mut timeouts);
        }
        Self {
            is_mock: false,
            protocol,
            encryption,
            trust: Trust {
                // Where a stronger layer says --insecure, what these name is not looked at.
                ca_file: args.ca_file.clone().filter(|_| !args.insecure),
                ca_pem: None,
                identity: args.client_cert.clone().zip(args.client_key.clone()),
                pin: args.tls_pin.filter(|_| !args.insecure),
                anything: encryption == Encryption::Opportunistic || args.insecure || args.tls_pin.is_some(),
            },
            named_trust: named_trust(args),
            tls_name: args.tls_name.clone().unwrap_or_else(|| destination.certificate_name().to_string()),
            login: None,
            allow_plaintext_auth: false,
            helo: args.helo.clone(),
            timeouts,
            in_flight: 1,
            accounts: true,
            ignored_extensions: args
                .no_extension
                .iter()
                .map(|keyword| keyword.to_ascii_uppercase())
                .collect(),
            route: route(args),
            xclient: args.xclient.clone().map(XclientAttributes::into_vec).unwrap_or_default(),
            destination,
            interrupt: Interrupt::default(),
        }
    }

    /// Whether a session is under TLS with a certificate that was verified, by an authority or by its pin.
    pub(crate) const fn verifies(&self) -> bool {
        matches!(self.encryption, Encryption::StartTls | Encryption::Implicit)
            && (!self.trust.anything || self.trust.pin.is_some())
    }

    /// Whether a password or token may leave by a mechanism that reveals it, whoever is at the other end.
    const fn reveals_secrets(&self) -> bool {
        self.allow_plaintext_auth || matches!(self.destination, Destination::Unix(_))
    }

    /// What opens sessions of smtp-core by these settings; a login has that password or token.
    ///
    /// # Errors
    /// When a file of certificates cannot be read.
    pub(crate) fn opener(&self, password: Option<&Secret>) -> Result<Opener> {
        let mut settings = mailer::Settings::new(self.destination.clone());
        settings.route = self.route.clone();
        settings.protocol = self.protocol;
        settings.security = self.encryption;
        if self.encryption != Encryption::None {
            settings.trust = self.core_trust()?;
        }
        settings.login = self.login.as_ref().map(|login| login.with_secret(password));
        settings.reveals_secrets = self.allow_plaintext_auth;
        settings.hello.clone_from(&self.helo);
        settings.xclient.clone_from(&self.xclient);
        settings.timeouts = self.timeouts;
        settings.limits.in_flight = self.in_flight;
        settings.ignored_extensions.clone_from(&self.ignored_extensions);
        settings.measures = self.accounts;
        Ok(Opener::new(settings))
    }

    /// Which certificates are trusted, with their files read.
    pub(crate) fn core_trust(&self) -> Result<mailer::Trust> {
        let read = |what: &str, path: &Path| {
            std::fs::read(path).map_err(|error| Error::unreadable(what, path, &error))
        };
        let mut trust = mailer::Trust::default();
        trust.authorities = match (&self.trust.ca_file, &self.trust.ca_pem) {
            (Some(path), _) => Some(read("the certificates of --ca-file", path)?),
            (None, Some(pem)) => Some(pem.clone().into_bytes()),
            (None, None) => None,
        };
        if let Some((certificate, key)) = &self.trust.identity {
            let certificate = read("the certificate of --client-cert", certificate)?;
            let key = Secret::from(read("the key of --client-key", key)?);
            trust.identity = Some(Identity::new(certificate, key));
        }
        trust.name = Some(self.tls_name.clone());
        trust.pin = self.trust.pin;
        trust.any_certificate = self.trust.anything;
        Ok(trust)
    }

    /// A PROXY header that was sent, in words.
    pub(crate) fn header_words(&self, header: &ProxyHeader) -> String {
        let version = if self.route.header.is_some_and(|header| header.is_binary) { 2 } else { 1 };
        match header.addresses() {
            Some((source, destination)) => {
                format!("PROXY header of version {version}: from {source} to {destination}")
            }
            None => format!("PROXY header of version {version}"),
        }
    }

    /// What to warn of before anything is sent: that `--insecure` is on.
    pub(crate) fn warning(&self) -> Option<String> {
        let is_switched_off = matches!(self.encryption, Encryption::StartTls | Encryption::Implicit)
            && !self.verifies()
            && !self.is_mock;
        let at_stake = if self.login.is_some() && self.reveals_secrets() {
            "the password and the mail"
        } else {
            "the mail"
        };
        is_switched_off.then(|| {
            format!(
                "--insecure: the certificate of {} is not verified, so whoever is on the way can read {at_stake}; use \
                 --tls-pin or --ca-file instead",
                self.destination
            )
        })
    }
}

/// The path that connections take.
fn route(args: &ConnectionArgs) -> Route {
    let mut route = Route::default();
    route.family = match (args.v4, args.v6) {
        (true, _) => Some(Family::V4),
        (_, true) => Some(Family::V6),
        _ => None,
    };
    route.bind = args.bind;
    route.proxy.clone_from(&args.proxy);
    route.header = args.proxy_header;
    route
}

/// Refuses a login where mail exchangers are the way.
pub(crate) fn refuse_login(args: &LoginArgs) -> Result<()> {
    match login(args, None, None)? {
        Some(_) => Err(Error::usage("mail exchangers take no login, leave --user away or name a --server")),
        None => Ok(()),
    }
}

fn protocol(args: &ConnectionArgs, server: &Server) -> Result<Protocol> {
    let by_url = matches!(server, Server::Host { scheme: Some(Scheme::Lmtp), .. });
    match args.protocol {
        Some(ProtocolName::Lmtp) => Ok(Protocol::Lmtp),
        Some(_) if by_url => Err(Error::usage("--protocol contradicts the lmtp:// of --server")),
        Some(ProtocolName::Smtp) => Ok(Protocol::Smtp),
        None if args.lmtp || by_url => Ok(Protocol::Lmtp),
        Some(ProtocolName::Esmtp) | None => Ok(Protocol::Esmtp),
    }
}

/// The destination, and the user if the server's URL names one.
fn destination(
    args: &ConnectionArgs,
    server: Server,
    protocol: Protocol,
) -> Result<(Destination, Option<String>)> {
    let port = |named: Option<u16>, default: u16| match (named, args.port) {
        (Some(named), Some(port)) if named != port => {
            Err(Error::usage(format!("--port {port} contradicts the port {named} of --server")))
        }
        (named, port) => Ok(named.or(port).unwrap_or(default)),
    };
    match server {
        Server::Unix(_) | Server::Mock if args.port.is_some() => {
            Err(Error::usage("--port has no meaning with this --server"))
        }
        Server::Unix(path) => Ok((Destination::unix(path.into_os_string().into_encoded_bytes()), None)),
        Server::Mock => Ok((Destination::Host { name: "127.0.0.1".to_string(), port: 0 }, None)),
        Server::Host { scheme, user, host, port: named } => {
            let default = match (scheme, args.tls) {
                (Some(Scheme::Smtps), _) => 465,
                _ if protocol == Protocol::Lmtp => 24,
                (_, Some(TlsMode::Implicit)) => 465,
                _ => 587,
            };
            Ok((Destination::Host { name: host, port: port(named, default)? }, user))
        }
    }
}

fn encryption_of_server(
    args: &ConnectionArgs,
    server: &Server,
    destination: &Destination,
) -> Result<Encryption> {
    if matches!(server, Server::Host { scheme: Some(Scheme::Smtps), .. }) {
        return match args.tls.unwrap_or(TlsMode::Auto) {
            TlsMode::Auto | TlsMode::Implicit => Ok(Encryption::Implicit),
            _ => Err(Error::usage("--tls contradicts the smtps:// of --server, which is implicit TLS")),
        };
    }
    let port = match destination {
        Destination::Host { port, .. } => *port,
        Destination::Unix(_) => 0,
    };
    // With a proxy these names are not this machine.
    encryption(args, port, destination.is_loopback() && args.proxy.is_none())
}

/// How TLS is used at a port; `is_wish`, where it is no more than that unless something asks for it.
fn encryption(args: &ConnectionArgs, port: u16, is_wish: bool) -> Result<Encryption> {
    let encryption = match (args.tls.unwrap_or(TlsMode::Auto), named_trust(args)) {
        (TlsMode::None, _) => Encryption::None,
        (TlsMode::Opportunistic, Some(option)) => {
            return Err(Error::usage(format!(
                "--tls opportunistic verifies no certificate, and {option} asks for one that is verified; use --tls \
                 starttls, or --tls none to send in clear"
            )));
        }
        (TlsMode::Opportunistic, None) => Encryption::Opportunistic,
        (TlsMode::Implicit, _) => Encryption::Implicit,
        (TlsMode::Auto, _) if port == 465 => Encryption::Implicit,
        (TlsMode::Auto, None) if is_wish => Encryption::Opportunistic,
        (TlsMode::Starttls | TlsMode::Auto, _) => Encryption::StartTls,
    };
    // HELO leads to no STARTTLS.
    if args.protocol == Some(ProtocolName::Smtp) && encryption == Encryption::StartTls {
        let option = named_trust(args).filter(|_| args.tls.is_none()).unwrap_or("this --tls");
        return Err(Error::usage(format!(
            "--protocol smtp has no STARTTLS, which {option} needs; use --tls implicit or --tls none"
        )));
    }
    Ok(encryption)
}

/// The option that names what is to be verified, if one does: it asks for TLS, and for verification.
const fn named_trust(args: &ConnectionArgs) -> Option<&'static str> {
    if args.ca_file.is_some() {
        Some("--ca-file")
    } else if args.tls_pin.is_some() {
        Some("--tls-pin")
    } else if args.tls_name.is_some() {
        Some("--tls-name")
    } else if args.client_cert.is_some() {
        Some("--client-cert")
    } else {
        None
    }
}

fn login(args: &LoginArgs, user_of_url: Option<String>, password: Option<Secret>) -> Result<Option<Login>> {
    let password = match (&args.password_env, &args.password_file, &args.password_command, password) {
        (Some(name), ..) => Some(PasswordSource::Variable(name.clone())),
        (_, Some(path), ..) => Some(PasswordSource::File(path.clone())),
        (_, _, Some(command), _) => {
            Some(PasswordSource::Command { option: "--password-command", command: command.clone() })
        }
        (.., Some(password)) => Some(PasswordSource::Given(password)),
        _ => None,
    };
    let user = match (&args.user, user_of_url) {
        (Some(user), Some(other)) if *user != other => {
            return Err(Error::usage("--user contradicts the user of --server"));
        }
        (user, other) => user.clone().or(other),
    };
    let mechanisms = match &args.auth {
        Some(AuthChoice::None) => return Ok(None),
        Some(AuthChoice::Mechanisms(names)) => names.clone(),
        Some(AuthChoice::Auto) | None => Vec::new(),
    };
    let token = match (&args.token_env, &args.token_command) {
        (Some(name), _) => Some(PasswordSource::Variable(name.clone())),
        (_, Some(command)) => {
            Some(PasswordSource::Command { option: "--token-command", command: command.clone() })
        }
        _ => None,
    };
    let is_all = |wanted: &str| !mechanisms.is_empty() && mechanisms.iter().all(|name| name == wanted);
    if is_all("EXTERNAL") || is_all("ANONYMOUS") {
        let kind = if is_all("EXTERNAL") { LoginKind::Certificate } else { LoginKind::Anonymous };
        return Ok(Some(Login { user: user.unwrap_or_default(), mechanisms, kind, secret: None }));
    }
    let (kind, secret) = match (password, token) {
        (Some(_), Some(_)) => return Err(Error::usage("a password and a token exclude each other")),
        (None, Some(token)) => (LoginKind::Token, Some(token)),
        (password, None) => (LoginKind::Password, password),
    };
    let takes_token = |name: &&String| ["XOAUTH2", "OAUTHBEARER"].contains(&name.as_str());
    if kind == LoginKind::Password
        && let Some(name) = mechanisms.iter().find(takes_token)
    {
        // Before somebody is asked for a password that is of no use.
        return Err(Error::usage(format!(
            "--auth {name} logs in with a token, use --token-env or --token-command"
        )));
    }
    match user {
        None if secret.is_some() => {
            Err(Error::usage("a password or token without a user name, use --user as well"))
        }
        None if !mechanisms.is_empty() => Err(Error::usage("--auth without a user name, use --user as well")),
        None => Ok(None),
        Some(user) if user.is_empty() => Err(Error::usage("the user name is empty")),
        Some(user) => {
            Ok(Some(Login { user, mechanisms, kind, secret: Some(secret.unwrap_or(PasswordSource::Prompt)) }))
        }
    }
}

/// The settings of a server, for tests.
#[cfg(test)]
pub(crate) fn example(server: &str) -> Settings {
    let args = ConnectionArgs {
        server: Some(server.parse().expect("this is a server")),
        ..ConnectionArgs::default()
    };
    Settings::new(&args, &LoginArgs::default(), None).expect("these go together")
}
