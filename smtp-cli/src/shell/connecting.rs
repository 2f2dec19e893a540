//! Provides `connect` and `auth`: the questions before a connection, and the login that may be tried again.

use super::dialogue::{Asked, Stop};
use super::line::Kind;
use super::{Connection, Next, Shell, name_of};
use crate::args::{
    self, AuthChoice, Command, ConnectArgs, ConnectionArgs, LoginArgs, Parsed, Scheme, Server,
};
use crate::bundled;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::layers::{self, Setting};
use crate::login::Login;
use crate::login::PasswordSource;
use crate::session::Session;
use crate::settings::Destination;
use crate::settings::Settings;
use smtp_core::mailer::LoginKind;
use smtp_core::mailer::Until;
use smtp_core::{EhloDomain, Secret};

impl Shell<'_> {
    /// Connects, logs in and serves the connection until it ends.
    pub(super) fn connect(&mut self, now: &[Setting], may_fail: bool) -> Asked<Next> {
        let (mut args, given) = self.settled(now)?;
        // A pipe that names its server has no lines to answer questions with.
        let asks_for_all = self.is_asking || args.connection.server.is_none();
        self.complete(&mut args, asks_for_all)?;
        let settings = Settings::new(&args.connection, &args.login, given)?;
        if let Some(warning) = settings.warning() {
            self.terminal.warnings.warn(&warning);
        }
        let password = self.password(&settings, asks_for_all)?;
        let (settings, mock) = bundled::start(settings, password.as_ref())?;
        if self.is_asking {
            // A server that says nothing is waited for as long as RFC 5321 says, which is long to sit there and wonder.
            self.say(&format!("connecting to {}, Ctrl-C gives up and leaves", settings.destination))?;
        }
        let observers = self.outputs.observers(0, &settings);
        let session = Session::open(&settings, None, Until::Hello, observers)?;
        let name = name_of(&settings);
        self.say(&format!("{} {}", settings.destination, session.state()))?;
        self.complaint.clear();
        let mut connection =
            Connection { session, settings: &settings, name, user: None, has_open_transaction: false };
        if let Some(login) = &settings.login
            && let Err(stop) = self.log_in(&mut connection, login.clone(), password)
        {
            // The connection stays, so that another login can be tried; a pipe ends here.
            if let Some(exit) = self.settle(Err(stop), may_fail)? {
                connection.session.leave();
                return Ok(Next::Leave(exit));
            }
            if let Some(cause) = connection.session.look() {
                self.tell_end(&connection, &cause);
                return Ok(Next::On);
            }
            self.say("not logged in; auth tries again")?;
        }
        let next = self.serve(connection)?;
        if let Some(mock) = mock {
            let received = bundled::received(mock);
            self.print(&received)?;
        }
        Ok(next)
    }

    /// Logs in over the connection that there is.
    pub(super) fn auth(&mut self, connection: &mut Connection<'_>, user: Option<String>) -> Asked<()> {
        if connection.session.is_authenticated() {
            return Err(Stop::Failed(Error::usage(
                "this session is logged in already, and a server takes a login once (RFC 4954); quit and connect again",
            )));
        }
        let known = connection.settings.login.as_ref();
        let usual = known.map(|login| login.user.clone()).filter(|user| !user.is_empty());
        let user = match user {
            Some(user) => user,
            None => self.ask_for("Login", usual.as_deref(), Kind::Answer, user_name)?,
        };
        // Another name of the same user may do; a person who is asked may mean another one.
        let source =
            known.filter(|login| login.secret != Some(PasswordSource::Prompt)).filter(|_| !self.is_asking);
        let (login, password) = match source {
            Some(login) => (
                Login { user, ..login.clone() },
                login.read_secret(connection.settings.timeouts.auth, self.terminal)?,
            ),
            None => (with_password(known, user.clone()), Some(self.ask_for_password(&user)?)),
        };
        self.log_in(connection, login, password)
    }

    /// Logs in, and asks again for user and password while the server refuses them.
    fn log_in(
        &mut self,
        connection: &mut Connection<'_>,
        mut login: Login,
        mut password: Option<Secret>,
    ) -> Asked<()> {
        loop {
            let Err(refusal) = connection.session.log_in(&login, password.as_ref()) else {
                let user = if login.user.is_empty() { "anonymous".to_string() } else { login.user };
                self.say(&format!("logged in as {user}"))?;
                connection.user = Some(user);
                return Ok(());
            };
            if !refusal.is_refused || !self.is_asking || connection.session.look().is_some() {
                return Err(Stop::Failed(refusal.error));
            }
            self.complain(&refusal.error);
            let hint = if login.user.contains('@') { "" } else { ", or the whole address" };
            let question = format!("Login{hint} (Ctrl-C gives up)");
            let user = self.ask_for(&question, Some(&login.user), Kind::Answer, user_name)?;
            password = Some(self.ask_for_password(&user)?);
            login = with_password(Some(&login), user);
        }
    }

    /// The options of the shell with those of this command over them, together with files and environment.
    fn settled(&mut self, now: &[Setting]) -> Result<(ConnectArgs, Option<Secret>)> {
        let words = layers::arguments_over(&self.rows, &self.typed, now);
        let arguments: Vec<_> = ["smtp-cli".into(), "shell".into()].into_iter().chain(words).collect();
        let Parsed::Args(args, matches) = args::parse(arguments.clone())? else {
            return Err(Error::new(Exit::SOFTWARE, "a fault of this program: settings ask for help"));
        };
        let settled = layers::settle(arguments, args, &matches, self.terminal)?;
        let Command::Shell(shell) = settled.args.command else {
            return Err(Error::new(Exit::SOFTWARE, "a fault of this program: the command is gone"));
        };
        self.outputs.join(&settled.program.in_use);
        self.from = shell.from;
        Ok((shell.connect, settled.program.password))
    }

    /// Asks for what is missing; for what has a usual value only if all is asked for.
    fn complete(&mut self, args: &mut ConnectArgs, asks_for_all: bool) -> Asked<()> {
        let ConnectArgs { connection: args, login, .. } = args;
        if args.server.is_none() {
            let (server, at) = self.ask_for("Server", None, Kind::Answer, server_and_port)?;
            args.server = Some(server);
            args.port = at.or(args.port);
        }
        if !asks_for_all {
            return Ok(());
        }
        let has_open_port =
            matches!(args.server, Some(Server::Host { port: None, scheme: None | Some(Scheme::Smtp), .. }));
        if args.port.is_none() && has_open_port {
            let usual = usual_port(args)?;
            args.port = Some(self.ask_for("Port", Some(&usual), Kind::Answer, port)?);
        }
        if args.helo.is_none() {
            args.helo = self.ask_for("Own domain [that of this machine]", None, Kind::Answer, own_domain)?;
        }
        let names_user = matches!(&args.server, Some(Server::Host { user: Some(_), .. }));
        let needs_no_user = match &login.auth {
            Some(AuthChoice::None) => true,
            Some(AuthChoice::Mechanisms(names)) => {
                names.iter().all(|name| ["EXTERNAL", "ANONYMOUS"].contains(&name.as_str()))
            }
            Some(AuthChoice::Auto) | None => false,
        };
        if login.user.is_none() && !names_user && !needs_no_user {
            let user = self.ask("Login [none]: ", Kind::Answer)?;
            login.user = Some(user.trim().to_string()).filter(|user| !user.is_empty());
        }
        Ok(())
    }

    /// The password of the login, from where the settings have it or from whoever is asked.
    fn password(&mut self, settings: &Settings, may_ask: bool) -> Asked<Option<Secret>> {
        let Some(login) = &settings.login else { return Ok(None) };
        if login.secret == Some(PasswordSource::Prompt) && may_ask {
            return self.ask_for_password(&login.user).map(Some);
        }
        Ok(login.read_secret(settings.timeouts.auth, self.terminal)?)
    }
}

/// A login of that user by a password, by the mechanisms of another login.
fn with_password(like: Option<&Login>, user: String) -> Login {
    let mechanisms = like.filter(|login| login.kind == LoginKind::Password).map(|login| &login.mechanisms);
    Login {
        user,
        mechanisms: mechanisms.cloned().unwrap_or_default(),
        kind: LoginKind::Password,
        secret: Some(PasswordSource::Prompt),
    }
}

fn user_name(text: &str) -> Result<String> {
    if text.is_empty() { Err(Error::usage("the user name is empty")) } else { Ok(text.to_string()) }
}

/// The port that is taken where none is said.
fn usual_port(args: &ConnectionArgs) -> Result<String> {
    // The user of a login has no say in it, and what is wrong with that is told later.
    let login = LoginArgs { auth: Some(AuthChoice::None), ..LoginArgs::default() };
    match Settings::new(args, &login, None)?.destination {
        Destination::Host { port, .. } => Ok(port.to_string()),
        Destination::Unix(_) => Ok(String::new()),
    }
}

/// A server, and a port behind a blank where `connect` would take it too.
fn server_and_port(text: &str) -> Result<(Server, Option<u16>)> {
    let (server, at) = match text.split_once(char::is_whitespace) {
        Some((server, at)) if !at.trim().contains(char::is_whitespace) => (server, Some(port(at.trim())?)),
        _ => (text, None),
    };
    let server = server.parse().map_err(|why| Error::usage(format!("the server: {why}")))?;
    Ok((server, at))
}

fn port(text: &str) -> Result<u16> {
    match text.parse() {
        Ok(0) | Err(_) => {
            Err(Error::usage(format!("{text:?} is no port, which is a number from 1 to 65535")))
        }
        Ok(port) => Ok(port),
    }
}

/// The name for the hello; `None` where the machine's own is wanted.
fn own_domain(text: &str) -> Result<Option<EhloDomain>> {
    if text.is_empty() {
        return Ok(None);
    }
    args::hello_name(text).map(Some).map_err(|why| Error::usage(format!("the own domain: {why}")))
}
