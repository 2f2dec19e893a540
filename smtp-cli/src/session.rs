//! Provides [`Session`]: a connection that is opened, secured and logged in as the settings want it, and sends.

mod diagnosis;

use crate::args;
use crate::driver::{Driver, Step};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::login::Login;
use crate::measure::Measure;
use crate::settings::{Encryption, Settings};
use crate::tls::Tls;
use crate::transcript::Observer;
use crate::transport::Transport;
use smtp_core::{
    Cause, Client, Config, EhloDomain, End, Envelope, Event, Extensions, Goal, Misuse, Outcome, Reason,
    Reply, Secret, Verb,
};
use std::io::BufRead;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

/// A connection that is ready to send.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    driver: Driver,
    settings: &'a Settings,
    /// Why the connection ended, once that was told here.
    cause: Option<Cause>,
}

/// Why there was no login.
#[derive(Debug)]
pub(crate) struct NotLoggedIn {
    /// In words.
    pub(crate) error: Error,
    /// Whether the server refused the user name or the password, so that others may do.
    pub(crate) is_refused: bool,
}

impl<'a> Session<'a> {
    /// Connects, says hello, secures and logs in.
    pub(crate) fn open(
        settings: &'a Settings,
        password: Option<&Secret>,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self> {
        let mut session = Self::connect(settings, observers)?;
        let done = session.set_up().and_then(|()| match &settings.login {
            Some(login) => session.log_in(login, password).map_err(|refusal| refusal.error),
            None => Ok(()),
        });
        session.or_leave(done)?;
        Ok(session)
    }

    /// Connects, says hello and secures; who logs in is left to [`log_in`](Self::log_in).
    pub(crate) fn open_without_login(
        settings: &'a Settings,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self> {
        let mut session = Self::connect(settings, observers)?;
        let done = session.set_up();
        session.or_leave(done)?;
        Ok(session)
    }

    /// Connects and waits for the greeting.
    pub(crate) fn greet(settings: &'a Settings, observers: Vec<Box<dyn Observer>>) -> Result<Self> {
        let mut session = Self::connect(settings, observers)?;
        let mut cause = Cause::Lost;
        let error = loop {
            match session.driver.step() {
                Step::Event(Event::Greeting(_)) => return Ok(session),
                Step::Event(Event::Closed(why)) => cause = why,
                Step::Event(_) => {}
                Step::Body(_) => session.give_up(),
                Step::Idle | Step::Closed => break session.closed(&cause),
            }
        };
        session.driver.complain(&error.to_string());
        Err(error)
    }

    /// Connects and goes on until TLS is up: without a further hello, where it came up behind STARTTLS.
    pub(crate) fn secure(settings: &'a Settings, observers: Vec<Box<dyn Observer>>) -> Result<Self> {
        if settings.encryption == Encryption::Implicit {
            return Self::greet(settings, observers);
        }
        let mut session = Self::connect(settings, observers)?;
        let domain = hello_domain(settings, session.driver.transport());
        let secured = session.hello(&domain).and_then(|()| session.start_tls());
        secured.inspect_err(|error| session.driver.complain(&error.to_string()))?;
        Ok(session)
    }

    /// How far the session is, in words.
    pub(crate) fn state(&self) -> String {
        let client = &self.driver.client;
        let mut state = "is connected and greeted".to_string();
        if client.is_secured() {
            state.push_str(", under TLS");
        }
        if client.is_authenticated() {
            state.push_str(", logged in");
        }
        state
    }

    fn connect(settings: &'a Settings, mut observers: Vec<Box<dyn Observer>>) -> Result<Self> {
        let tls = match settings.encryption {
            Encryption::None => None,
            _ => Some(Tls::new(&settings.tls_name, &settings.trust)?),
        };
        let begin = Instant::now();
        let wait = settings.interrupt.until(begin + settings.timeouts.connect);
        let connected = crate::connect::connect(&settings.destination, &settings.route, &wait, &mut |text| {
            for observer in &mut observers {
                observer.information(text);
            }
        });
        let socket = connected.inspect_err(|error| {
            for observer in &mut observers {
                observer.error(&error.to_string());
            }
        })?;
        let transport = Transport::new(socket, &settings.interrupt);
        let mut config = config(settings);
        // What nobody looks at need not be told.
        config.report_replies = settings.accounts || !observers.is_empty();
        // What becomes of a message is told when it has ended.
        config.report_recipients = false;
        let mut driver = Driver::new(config, transport, tls, observers, &settings.interrupt);
        driver.connected_in(begin.elapsed());
        Ok(Self { driver, settings, cause: None })
    }

    /// Says hello, and secures the connection as the settings want it.
    fn set_up(&mut self) -> Result<()> {
        let domain = hello_domain(self.settings, self.driver.transport());
        self.hello(&domain)?;
        match self.settings.encryption {
            Encryption::Required => {
                self.start_tls()?;
                self.hello(&domain)?;
            }
            Encryption::Opportunistic if self.extensions().has("STARTTLS") => {
                if self.start_tls_where_possible()? {
                    self.hello(&domain)?;
                }
            }
            Encryption::Opportunistic | Encryption::None | Encryption::Implicit => {}
        }
        if !self.settings.xclient.is_empty() {
            self.xclient()?;
            self.hello(&domain)?;
        }
        Ok(())
    }

    /// Says which client the server is to believe in; under TLS, where there is TLS.
    pub(crate) fn xclient(&mut self) -> Result<()> {
        let goal = self.driver.client.xclient(&self.settings.xclient).map_err(|misuse| match misuse {
            Misuse::CommandTooLong { .. } => Error::usage(format!("--xclient: {misuse}")),
            misuse => internal(&misuse),
        })?;
        match self.end_of(goal) {
            End::Replied(_) => Ok(()),
            end => Err(self.xclient_failure(end)),
        }
    }

    /// Logs in; where the server refuses it, another try may follow.
    pub(crate) fn log_in(
        &mut self,
        login: &Login,
        password: Option<&Secret>,
    ) -> std::result::Result<(), NotLoggedIn> {
        let binding = self.driver.transport().channel_binding();
        let ours = |error| NotLoggedIn { error, is_refused: false };
        let mechanisms = login.mechanisms(password, binding, &self.settings.destination).map_err(ours)?;
        let goal = self.driver.client.authenticate(mechanisms).map_err(|misuse| ours(internal(&misuse)))?;
        match self.end_of(goal) {
            End::Authenticated(_) => Ok(()),
            end => {
                let is_refused = matches!(end, End::Undone(Reason::Refused(_) | Reason::LoginRefused { .. }));
                Err(NotLoggedIn { error: self.login_failure(login, end), is_refused })
            }
        }
    }

    /// Leaves where something was not done, and says in the transcript what.
    fn or_leave(&mut self, done: Result<()>) -> Result<()> {
        if let Err(error) = &done {
            self.farewell();
            self.driver.complain(&error.to_string());
        }
        done
    }

    /// Says hello by the name that the settings give.
    pub(crate) fn say_hello(&mut self) -> Result<()> {
        let domain = hello_domain(self.settings, self.driver.transport());
        self.hello(&domain)
    }

    fn hello(&mut self, domain: &EhloDomain) -> Result<()> {
        let goal = self.driver.client.hello(domain.clone()).map_err(|misuse| internal(&misuse))?;
        match self.end_of(goal) {
            End::Replied(_) => Ok(()),
            end => Err(self.failure("the hello", Some(Verb::Ehlo), end)),
        }
    }

    /// Asks for TLS, behind which a further hello is due.
    pub(crate) fn start_tls(&mut self) -> Result<()> {
        let goal = self.driver.client.start_tls().map_err(|misuse| internal(&misuse))?;
        match self.end_of(goal) {
            End::Secured => Ok(()),
            end => Err(self.start_tls_failure(end)),
        }
    }

    /// As [`start_tls`](Self::start_tls), but goes on in clear where the server refuses it.
    fn start_tls_where_possible(&mut self) -> Result<bool> {
        let goal = self.driver.client.start_tls().map_err(|misuse| internal(&misuse))?;
        match self.end_of(goal) {
            End::Secured => Ok(true),
            End::Undone(Reason::Refused(_)) => {
                self.driver.inform("STARTTLS was refused, going on in clear");
                Ok(false)
            }
            end => Err(self.start_tls_failure(end)),
        }
    }

    /// What the server offers.
    pub(crate) fn extensions(&self) -> &Extensions {
        self.driver.client.extensions()
    }

    /// What the session cost since this was last asked.
    pub(crate) fn take_measure(&mut self) -> Measure {
        self.driver.take_measure()
    }

    /// Queues a message; its octets are asked for by [`Step::Body`].
    pub(crate) fn submit(&mut self, envelope: Arc<Envelope>) -> std::result::Result<Goal, Misuse> {
        self.driver.client.send(envelope)
    }

    /// Queues the question whether these recipients would be taken.
    pub(crate) fn check(&mut self, envelope: Arc<Envelope>) -> std::result::Result<Goal, Misuse> {
        self.driver.client.check(envelope)
    }

    /// Queues the question whether the sender would be taken.
    pub(crate) fn check_sender(&mut self, envelope: Arc<Envelope>) -> std::result::Result<Goal, Misuse> {
        self.driver.client.check_sender(Arc::unwrap_or_clone(envelope))
    }

    /// Says something in the transcript.
    pub(crate) fn inform(&mut self, text: &str) {
        self.driver.inform(text);
    }

    /// Queues QUIT, which rides with what is queued before it; that the session is over already is as good.
    pub(crate) fn quit(&mut self) {
        let _ = self.driver.client.quit();
    }

    /// Says in the transcript how the session ended, if not by QUIT.
    pub(crate) fn complain_of(&mut self, cause: &Cause) {
        if *cause != Cause::Quit {
            let text = self.ended(cause).to_string();
            self.driver.complain(&text);
        }
    }

    /// Says QUIT and waits for the end.
    pub(crate) fn leave(mut self) {
        self.farewell();
    }

    /// Sets a goal that is owed one reply, and waits for it.
    pub(crate) fn ask(
        &mut self,
        set: impl FnOnce(&mut Client) -> std::result::Result<Goal, Misuse>,
    ) -> Result<Reply> {
        let goal = set(&mut self.driver.client).map_err(|misuse| Error::usage(misuse.to_string()))?;
        match self.end_of(goal) {
            End::Replied(reply) => Ok(reply),
            End::Undone(Reason::Closed(cause)) => Err(self.closed(&cause)),
            end => Err(self.failure("the command", Some(Verb::Raw), end)),
        }
    }

    /// Takes what came while nobody waited for anything; gives why the connection ended, if it did.
    pub(crate) fn look(&mut self) -> Option<Cause> {
        loop {
            match self.driver.step() {
                Step::Event(Event::Closed(cause)) => {
                    self.complain_of(&cause);
                    self.cause = Some(cause);
                }
                Step::Event(_) => {}
                Step::Body(_) => self.give_up(),
                Step::Idle if self.driver.take_what_came() => {}
                Step::Idle => return None,
                Step::Closed => return Some(self.cause.clone().unwrap_or(Cause::Lost)),
            }
        }
    }

    /// Whether the last reply ended the set-up or a message, so that no message has begun since.
    pub(crate) const fn is_between_messages(&self) -> bool {
        !matches!(self.driver.client.answered(), Some(Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat))
    }

    /// Whether TLS is up.
    pub(crate) const fn is_secured(&self) -> bool {
        self.driver.client.is_secured()
    }

    /// Whether a login was accepted.
    pub(crate) const fn is_authenticated(&self) -> bool {
        self.driver.client.is_authenticated()
    }

    /// Does what is due until there is something to decide.
    pub(crate) fn step(&mut self) -> Step {
        self.driver.step()
    }

    /// Hands the machine what it asks for of a message, or says that the message is complete.
    pub(crate) fn pass_on(&mut self, reader: &mut dyn BufRead) -> std::io::Result<()> {
        let chunk = loop {
            match reader.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                chunk => break chunk?,
            }
        };
        if chunk.is_empty() {
            self.driver.end_of_body();
        } else {
            let taken = self.driver.client.body(chunk);
            reader.consume(taken);
        }
        Ok(())
    }

    /// What became of each of the recipients, so many, of the goal that has just ended.
    ///
    /// Of a message whose end was handed out the machine says that it may have arrived; where the end has not left,
    /// because the write that holds it was not finished, it cannot have.
    pub(crate) fn outcomes_of(&self, goal: Goal, end: End, count: usize) -> Vec<Outcome> {
        let mut outcomes = match end {
            End::Delivered(outcomes) | End::Checked(outcomes) => outcomes,
            End::Undone(reason) => vec![Outcome::Unsent(reason); count],
            _ => vec![Outcome::Unsent(Reason::Prerequisite); count],
        };
        if self.driver.is_cut(goal) {
            for outcome in &mut outcomes {
                if let Outcome::Unconfirmed(cause) = outcome {
                    *outcome = Outcome::Unsent(Reason::Closed(cause.clone()));
                }
            }
        }
        outcomes
    }

    /// The words for what an interrupt ended, if one ended the session.
    pub(crate) fn interruption(&self) -> Option<Error> {
        self.driver.is_interrupted().then(|| self.settings.interrupt.error())
    }

    /// Gives the message up that is asked for, so that no part of it can pass for the whole.
    pub(crate) fn give_up(&mut self) {
        self.driver.client.abort_body();
    }

    /// Goes on until that goal has ended.
    fn end_of(&mut self, goal: Goal) -> End {
        let mut last = End::Undone(Reason::Closed(Cause::Lost));
        loop {
            match self.driver.step() {
                Step::Event(Event::Done { goal: done, end }) if done == goal => return end,
                Step::Event(Event::Closed(cause)) => {
                    self.cause = Some(cause.clone());
                    last = End::Undone(Reason::Closed(cause));
                }
                Step::Event(_) => {}
                Step::Body(_) => self.driver.client.abort_body(),
                Step::Idle | Step::Closed => return last,
            }
        }
    }

    /// Says QUIT where there is still somebody to hear it, and waits for the end.
    fn farewell(&mut self) {
        self.quit();
        while !matches!(self.driver.step(), Step::Closed | Step::Idle) {}
    }
}

fn config(settings: &Settings) -> Config {
    let mut config = Config::default();
    config.protocol = settings.protocol;
    config.implicit_tls = settings.encryption == Encryption::Implicit;
    config.timeouts = settings.timeouts;
    config.ignored_extensions.clone_from(&settings.ignored_extensions);
    config.limits.in_flight = settings.in_flight;
    config.reveal = settings.reveal();
    config
}

/// The name to say: the one that was given, the machine's full name, or its address when it has none.
fn hello_domain(settings: &Settings, transport: &Transport) -> EhloDomain {
    settings.helo.clone().unwrap_or_else(|| own_domain(transport.local_address()))
}

/// The machine's full name, or this address when it has none.
pub(crate) fn own_domain(address: Option<IpAddr>) -> EhloDomain {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    match args::hello_name(&name) {
        Ok(domain) if name.contains('.') && name.parse::<IpAddr>().is_err() => domain,
        _ => EhloDomain::from(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))),
    }
}

/// A call that this program must not make.
fn internal(misuse: &Misuse) -> Error {
    Error::new(Exit::SOFTWARE, format!("a fault of this program: {misuse}"))
}
