//! Provides [`Opening`], the steps from a connection to a session that is ready to send.

use super::connection::Connection;
use super::error::{Error, ErrorKind, Step};
use super::login::{Login, SecretRequest};
use super::observer::Notice;
use super::security::Security;
use super::settings::Settings;
use crate::{Cause, EhloDomain, End, Event, Goal, Mechanism, Misuse, Reason, XclientAttribute};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The steps from a connection to a session that is ready to send: hello, TLS, XCLIENT, login.
///
/// A driver takes what [`next`](Self::next) says, carries out what the connection demands, and hands the events to
/// [`event`](Self::event).
#[derive(Debug)]
pub struct Opening {
    hello: EhloDomain,
    security: Security,
    xclient: Vec<XclientAttribute>,
    login: Option<Login>,
    until: Until,
    stage: Stage,
    /// The goal of the stage, while it is under way.
    goal: Option<Goal>,
    is_greeted: bool,
    /// Why the connection ended, once it has.
    cause: Option<Cause>,
}

/// How far a session is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Until {
    /// To the greeting.
    Greeting,
    /// Until TLS is up, without a hello after STARTTLS.
    Secured,
    /// To the last hello, without a login.
    Hello,
    /// To the login: ready to send.
    #[default]
    Ready,
}

/// Where an opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    /// The first hello.
    Hello,
    StartTls,
    /// The hello after STARTTLS.
    SecuredHello,
    Xclient,
    /// The hello after XCLIENT.
    XclientHello,
    /// The secret is due.
    Secret(SecretRequest),
    Login {
        /// Whether a refused token may be replaced.
        may_ask_again: bool,
    },
    Done,
}

/// What an opening needs next.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // a driver that forgets an arm must not compile
pub enum OpeningStep {
    /// Carry out what the connection demands, and hand in the event that comes.
    Drive,
    /// Ask the login for its secret, and call [`Opening::log_in`] with the mechanisms.
    Secret(SecretRequest),
    /// The session is open.
    Done,
}

impl Opening {
    /// Opens a session by these settings as far as `until`, under this name.
    #[must_use]
    pub fn new(settings: &Settings, hello: EhloDomain, until: Until) -> Self {
        let until = match (until, settings.security) {
            // TLS is up before the greeting.
            (Until::Secured, Security::Implicit) => Until::Greeting,
            (until, _) => until,
        };
        Self {
            hello,
            security: match (until, settings.security) {
                // TLS is what was asked for.
                (Until::Secured, Security::Opportunistic) => Security::StartTls,
                (_, security) => security,
            },
            xclient: settings.xclient.clone(),
            login: settings.login.clone().filter(|_| until == Until::Ready),
            until,
            stage: Stage::Greeting,
            goal: None,
            is_greeted: false,
            cause: None,
        }
    }

    /// What is needed next; sets the goal of the next step.
    ///
    /// # Errors
    /// If the step cannot be taken.
    pub fn next(&mut self, connection: &mut Connection) -> Result<OpeningStep, Error> {
        if self.goal.is_some() {
            return Ok(OpeningStep::Drive);
        }
        if self.stage == Stage::Greeting && self.until != Until::Greeting {
            // The hello may be set before the greeting, which it waits for.
            self.stage = Stage::Hello;
        }
        let goal = match self.stage {
            Stage::Greeting if self.is_greeted => {
                self.stage = Stage::Done;
                return Ok(OpeningStep::Done);
            }
            Stage::Greeting => return Ok(OpeningStep::Drive),
            Stage::Hello | Stage::SecuredHello | Stage::XclientHello => {
                connection.client_mut().hello(self.hello.clone())
            }
            Stage::StartTls => connection.client_mut().start_tls(),
            Stage::Xclient => connection.client_mut().xclient(&self.xclient),
            Stage::Secret(request) => return Ok(OpeningStep::Secret(request)),
            Stage::Login { .. } | Stage::Done => return Ok(OpeningStep::Done),
        };
        self.goal = Some(goal.map_err(misused)?);
        Ok(OpeningStep::Drive)
    }

    /// Takes the secret's mechanisms, and logs in.
    ///
    /// # Errors
    /// If the login cannot begin.
    pub fn log_in(
        &mut self,
        connection: &mut Connection,
        mechanisms: Vec<Box<dyn Mechanism>>,
    ) -> Result<(), Error> {
        let is_first = self.stage == Stage::Secret(SecretRequest::Login);
        let may_ask_again = is_first && self.login.as_ref().is_some_and(Login::has_fresh_token);
        self.goal = Some(connection.client_mut().authenticate(mechanisms).map_err(misused)?);
        self.stage = Stage::Login { may_ask_again };
        Ok(())
    }

    /// Takes an event of the connection.
    ///
    /// # Errors
    /// If the step was not done: the session is not open.
    pub fn event(&mut self, connection: &mut Connection, event: Event) -> Result<(), Error> {
        match event {
            Event::Greeting(_) => self.is_greeted = true,
            Event::Closed(cause) => self.cause = Some(cause),
            Event::Done { goal, end } if Some(goal) == self.goal => {
                self.goal = None;
                return self.done(connection, end);
            }
            _ => {}
        }
        Ok(())
    }

    /// Why the session did not open, after the connection ended.
    #[must_use]
    pub fn closed(&self, connection: &Connection) -> Error {
        connection.error(self.cause.as_ref().unwrap_or(&Cause::Lost))
    }

    fn done(&mut self, connection: &mut Connection, end: End) -> Result<(), Error> {
        let (step, is_done) = match (self.stage, &end) {
            (Stage::Hello | Stage::SecuredHello | Stage::XclientHello, end) => {
                (Step::Hello, matches!(end, End::Replied(_)))
            }
            (Stage::StartTls, End::Undone(Reason::Refused(reply)))
                if self.security == Security::Opportunistic =>
            {
                connection.notice(&Notice::StartTlsRefused(reply));
                self.stage = self.after_tls();
                return Ok(());
            }
            (Stage::StartTls, end) => (Step::StartTls, matches!(end, End::Secured)),
            (Stage::Xclient, end) => (Step::Xclient, matches!(end, End::Replied(_))),
            (Stage::Login { may_ask_again: true }, End::Undone(reason)) if is_refused_for_good(reason) => {
                self.stage = Stage::Secret(SecretRequest::TokenRefused);
                return Ok(());
            }
            (_, end) => (Step::Login, matches!(end, End::Authenticated(_))),
        };
        if !is_done {
            return Err(undone(step, end, connection));
        }
        self.stage = match self.stage {
            Stage::Hello if self.wants_start_tls(connection) => Stage::StartTls,
            Stage::StartTls if self.until == Until::Secured => Stage::Done,
            Stage::StartTls => Stage::SecuredHello,
            Stage::Hello | Stage::SecuredHello => self.after_tls(),
            Stage::Xclient => Stage::XclientHello,
            Stage::XclientHello => self.before_login(),
            _ => Stage::Done,
        };
        Ok(())
    }

    fn wants_start_tls(&self, connection: &Connection) -> bool {
        match self.security {
            Security::StartTls => true,
            Security::Opportunistic => connection.client().extensions().has("STARTTLS"),
            Security::None | Security::Implicit => false,
        }
    }

    fn after_tls(&self) -> Stage {
        if self.until <= Until::Secured {
            Stage::Done
        } else if self.xclient.is_empty() {
            self.before_login()
        } else {
            Stage::Xclient
        }
    }

    fn before_login(&self) -> Stage {
        if self.login.is_some() { Stage::Secret(SecretRequest::Login) } else { Stage::Done }
    }
}

/// Whether the server refused the credentials themselves.
fn is_refused_for_good(reason: &Reason) -> bool {
    match reason {
        Reason::Refused(reply) | Reason::LoginRefused { reply, .. } => !reply.is_transient(),
        _ => false,
    }
}

/// The error of a step that ended otherwise than it should.
#[must_use]
pub fn undone(step: Step, end: End, connection: &Connection) -> Error {
    match end {
        End::Undone(Reason::Closed(cause)) => connection.error(&cause),
        End::Undone(reason) => not_done(step, reason, connection),
        _ => not_done(step, Reason::Prerequisite, connection),
    }
}

fn not_done(step: Step, reason: Reason, connection: &Connection) -> Error {
    let client = connection.client();
    let offered = match step {
        Step::Login => client.extensions().mechanisms().collect::<Vec<_>>().join(" "),
        Step::Xclient => client.extensions().parameters("XCLIENT").unwrap_or_default().to_string(),
        _ => String::new(),
    };
    ErrorKind::Undone { step, reason, offered, is_secured: client.is_secured() }.into()
}

/// The error of a call that the machine refused.
#[must_use]
pub fn misused(misuse: Misuse) -> Error {
    match misuse {
        Misuse::Closed | Misuse::AfterQuit => ErrorKind::Undone {
            step: Step::Command,
            reason: Reason::Closed(Cause::Quit),
            offered: String::new(),
            is_secured: false,
        }
        .into(),
        Misuse::NoMechanism => ErrorKind::Login(misuse.to_string()).into(),
        misuse => ErrorKind::Envelope(misuse).into(),
    }
}
