//! Provides [`Session`]: a session of smtp-core, opened as the settings say, whose errors are in this program's words.

use crate::error::{Error, Result};
use crate::login::Login;
use crate::settings::Settings;
use crate::transcript::Observer;
use crate::words::Words;
use smtp_core::blocking::{self, Opener};
use smtp_core::mailer::{self, ErrorKind, Measure, Notice, Step, Until};
use smtp_core::{Cause, Client, Extensions, Goal, Misuse, Reason, Reply, Secret};

/// A session that is open, and the settings that it was opened by.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    inner: blocking::Session,
    settings: &'a Settings,
    words: Words,
    /// Whether it was told that the connection ended.
    is_end_told: bool,
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
    /// Connects, and opens a session as far as `until`; a login has that password or token.
    pub(crate) fn open(
        settings: &'a Settings,
        password: Option<&Secret>,
        until: Until,
        observers: Vec<Box<dyn Observer>>,
    ) -> Result<Self> {
        let words = Words::new(settings);
        let opener = settings.opener(password)?;
        let inner = open(&opener, until, observers, &words)?;
        Ok(Self { inner, settings, words, is_end_told: false })
    }

    /// How far the session is, in words.
    pub(crate) fn state(&self) -> String {
        let mut state = "is connected and greeted".to_string();
        if self.inner.is_secured() {
            state.push_str(", under TLS");
        }
        if self.inner.is_authenticated() {
            state.push_str(", logged in");
        }
        state
    }

    /// The session of smtp-core.
    pub(crate) const fn inner(&mut self) -> &mut blocking::Session {
        &mut self.inner
    }

    /// Sends the attributes of XCLIENT.
    pub(crate) fn xclient(&mut self) -> Result<()> {
        let attributes = &self.settings.xclient;
        self.inner.xclient(attributes).map_err(|error| self.words.of(&error))
    }

    /// Logs in; where the server refuses it, another login may follow.
    pub(crate) fn log_in(
        &mut self,
        login: &Login,
        password: Option<&Secret>,
    ) -> std::result::Result<(), NotLoggedIn> {
        let core = login.with_secret(password);
        self.inner.log_in(&core).map_err(|error| NotLoggedIn {
            is_refused: matches!(
                error.kind(),
                ErrorKind::Undone {
                    step: Step::Login,
                    reason: Reason::Refused(_) | Reason::LoginRefused { .. },
                    ..
                }
            ),
            error: self.words.clone().with_user(&login.user).of(&error),
        })
    }

    /// Sends the hello again.
    pub(crate) fn say_hello(&mut self) -> Result<()> {
        self.inner.hello().map_err(|error| self.words.of(&error))
    }

    /// Sends STARTTLS, after which a further hello is due.
    pub(crate) fn start_tls(&mut self) -> Result<()> {
        self.inner.start_tls().map_err(|error| self.words.of(&error))
    }

    /// Sends a command that one reply answers, and waits for it.
    pub(crate) fn ask(
        &mut self,
        set: impl FnOnce(&mut Client) -> std::result::Result<Goal, Misuse>,
    ) -> Result<Reply> {
        self.inner.command(set).map_err(|error| match error.kind() {
            ErrorKind::Envelope(misuse) => Error::usage(misuse.to_string()),
            _ => self.words.of(&error),
        })
    }

    /// What the server offers.
    pub(crate) const fn extensions(&self) -> &Extensions {
        self.inner.extensions()
    }

    /// What the session cost since this was last called.
    pub(crate) fn take_measure(&mut self) -> Measure {
        self.inner.take_measure()
    }

    /// Takes what came while nothing was awaited; returns why the connection ended, if it did.
    pub(crate) fn look(&mut self) -> Option<Cause> {
        let cause = self.inner.look()?;
        if cause != Cause::Quit && !std::mem::replace(&mut self.is_end_told, true) {
            let error = self.inner.error(&cause);
            self.inner.connection().notice(&Notice::Failed(&error));
        }
        Some(cause)
    }

    /// Sends QUIT and waits for the end.
    pub(crate) fn leave(self) {
        self.inner.leave();
    }

    /// Whether TLS is up.
    pub(crate) const fn is_secured(&self) -> bool {
        self.inner.is_secured()
    }

    /// Whether a login was accepted.
    pub(crate) const fn is_authenticated(&self) -> bool {
        self.inner.is_authenticated()
    }

    /// The words for a connection that ended before all was done.
    pub(crate) fn closed(&self, cause: &Cause) -> Error {
        self.words.of(&self.inner.error(cause))
    }

    /// The same without the advice to try again, where that may duplicate a message.
    pub(crate) fn ended(&self, cause: &Cause) -> Error {
        self.words.without_advice(&self.inner.error(cause))
    }

    /// The words for its errors.
    pub(crate) const fn words(&self) -> &Words {
        &self.words
    }
}

/// Opens a session of smtp-core with these observers.
pub(crate) fn open(
    opener: &Opener,
    until: Until,
    observers: Vec<Box<dyn Observer>>,
    words: &Words,
) -> Result<blocking::Session> {
    let observers = words.observers(observers);
    let cancel = words.settings().interrupt.cancel();
    blocking::Session::open(opener, until, observers, cancel, None).map_err(|error| words.of(&error))
}

/// Opens a session that is ready to send, unless `inspection` refuses it.
pub(crate) fn open_inspected(
    opener: &Opener,
    observers: Vec<Box<dyn Observer>>,
    words: &Words,
    inspection: &dyn Fn(&blocking::Session) -> Result<()>,
) -> std::result::Result<blocking::Opened, mailer::Error> {
    let session = open(opener, Until::Ready, observers, words)?;
    if let Err(error) = inspection(&session) {
        session.leave();
        return Err(error.into());
    }
    Ok(session.into())
}
