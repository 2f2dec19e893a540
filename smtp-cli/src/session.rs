//! Provides [`Session`]: a connection that is opened, secured and logged in as the settings want it, and sends.

mod diagnosis;

use crate::driver::{Driver, Step};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::settings::{Destination, Encryption, Settings};
use crate::tls::Tls;
use crate::transcript::Transcript;
use crate::transport::Transport;
use smtp_core::{
    Cause, Config, EhloDomain, End, Envelope, Event, Extensions, Goal, Misuse, Outcome, Reason, Reveal,
    Secret, Verb,
};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// A connection that is ready to send.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    driver: Driver,
    settings: &'a Settings,
}

/// A message that is ready to leave.
pub(crate) struct Letter {
    /// Who sends to whom.
    pub(crate) envelope: Envelope,
    /// Its octets.
    pub(crate) body: Box<dyn Read>,
}

/// What became of a message.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// One outcome for each recipient, in the envelope's order.
    pub(crate) outcomes: Vec<Outcome>,
    /// Why its octets could not be read to their end.
    pub(crate) unreadable: Option<Error>,
}

impl<'a> Session<'a> {
    /// Connects, says hello, secures and logs in.
    pub(crate) fn open(
        settings: &'a Settings,
        password: Option<&Secret>,
        mut transcript: Option<Transcript>,
    ) -> Result<Self> {
        // What can be wrong on our side is found before anything is said.
        let tls = match settings.encryption {
            Encryption::None => None,
            _ => Some(Tls::new(&settings.tls_name, &settings.trust)?),
        };
        let mechanisms = match (&settings.login, password) {
            (Some(login), Some(password)) => login.mechanisms(password)?,
            _ => Vec::new(),
        };
        let deadline = Instant::now() + settings.timeouts.connect;
        let connected = crate::connect::connect(&settings.destination, deadline, &mut |text| {
            if let Some(transcript) = &mut transcript {
                transcript.information(text);
            }
        });
        let socket = match connected {
            Ok(socket) => socket,
            Err(error) => {
                if let Some(transcript) = &mut transcript {
                    transcript.error(&error.to_string());
                }
                return Err(error);
            }
        };
        let transport = Transport::new(socket);
        let domain = hello_domain(settings, &transport);
        let driver = Driver::new(config(settings, transcript.is_some()), transport, tls, transcript);
        let mut session = Self { driver, settings };
        session
            .set_up(&domain, mechanisms)
            .inspect_err(|error| session.driver.complain(&error.to_string()))?;
        Ok(session)
    }

    fn set_up(&mut self, domain: &EhloDomain, mechanisms: Vec<Box<dyn smtp_core::Mechanism>>) -> Result<()> {
        self.hello(domain)?;
        match self.settings.encryption {
            Encryption::Required => {
                self.start_tls()?;
                self.hello(domain)?;
            }
            Encryption::Opportunistic if self.extensions().has("STARTTLS") => {
                if self.start_tls_where_possible()? {
                    self.hello(domain)?;
                }
            }
            Encryption::Opportunistic | Encryption::None | Encryption::Implicit => {}
        }
        if mechanisms.is_empty() {
            return Ok(());
        }
        let goal = self.driver.client.authenticate(mechanisms).map_err(|misuse| internal(&misuse))?;
        match self.end_of(goal) {
            End::Authenticated(_) => Ok(()),
            end => Err(self.farewell(|session| session.login_failure(end))),
        }
    }

    fn hello(&mut self, domain: &EhloDomain) -> Result<()> {
        let goal = self.driver.client.hello(domain.clone()).map_err(|misuse| internal(&misuse))?;
        match self.end_of(goal) {
            End::Replied(_) => Ok(()),
            end => Err(self.farewell(|session| session.failure("the hello", Some(Verb::Ehlo), end))),
        }
    }

    fn start_tls(&mut self) -> Result<()> {
        let goal = self.driver.client.start_tls().map_err(|misuse| internal(&misuse))?;
        match self.end_of(goal) {
            End::Secured => Ok(()),
            end => Err(self.farewell(|session| session.start_tls_failure(end))),
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
            end => Err(self.farewell(|session| session.start_tls_failure(end))),
        }
    }

    /// What the server offers.
    pub(crate) fn extensions(&self) -> &Extensions {
        self.driver.client.extensions()
    }

    /// Sends one message and says QUIT.
    pub(crate) fn send_and_quit(mut self, mut letter: Letter) -> Result<(Delivery, Self)> {
        let recipients = letter.envelope.recipients.len();
        let goal = self.driver.client.send(letter.envelope).map_err(|misuse| invalid(&misuse))?;
        self.driver.client.quit().map_err(|misuse| internal(&misuse))?;
        let mut delivery = Delivery { outcomes: Vec::new(), unreadable: None };
        let mut piece = Piece::default();
        loop {
            match self.driver.step() {
                Step::Body(wanted) if wanted == goal => {
                    if let Err(error) = piece.pass_on(&mut letter.body, &mut self.driver.client) {
                        self.driver.client.abort_body();
                        delivery.unreadable = Some(error);
                    }
                }
                Step::Body(_) => self.driver.client.abort_body(),
                Step::Event(Event::Done { goal: done, end }) if done == goal => {
                    delivery.outcomes = match end {
                        End::Delivered(outcomes) => outcomes,
                        End::Undone(reason) => vec![Outcome::Unsent(reason); recipients],
                        _ => vec![Outcome::Unsent(Reason::Prerequisite); recipients],
                    };
                }
                Step::Event(_) => {}
                Step::Idle | Step::Closed => return Ok((delivery, self)),
            }
        }
    }

    /// Goes on until that goal has ended.
    fn end_of(&mut self, goal: Goal) -> End {
        let mut last = End::Undone(Reason::Closed(Cause::Lost));
        loop {
            match self.driver.step() {
                Step::Event(Event::Done { goal: done, end }) if done == goal => return end,
                Step::Event(Event::Closed(cause)) => last = End::Undone(Reason::Closed(cause)),
                Step::Event(_) => {}
                Step::Body(_) => self.driver.client.abort_body(),
                Step::Idle | Step::Closed => return last,
            }
        }
    }

    /// Finds the words for a failure, then says QUIT where there is still somebody to hear it.
    fn farewell(&mut self, words: impl FnOnce(&Self) -> Error) -> Error {
        let error = words(self);
        if let Ok(goal) = self.driver.client.quit() {
            self.end_of(goal);
            while !matches!(self.driver.step(), Step::Closed | Step::Idle) {}
        }
        error
    }
}

/// A piece of a message on its way from its reader to the core.
struct Piece {
    octets: Box<[u8]>,
    begin: usize,
    end: usize,
}

impl Default for Piece {
    fn default() -> Self {
        Self { octets: vec![0; 64 * 1024].into_boxed_slice(), begin: 0, end: 0 }
    }
}

impl Piece {
    /// Hands the core what it asks for, or says that the message is complete.
    fn pass_on(&mut self, reader: &mut dyn Read, client: &mut smtp_core::Client) -> Result<()> {
        if self.begin == self.end {
            self.begin = 0;
            self.end = loop {
                match reader.read(&mut self.octets) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::new(Exit::NO_INPUT, error.to_string())),
                    Ok(count) => break count,
                }
            };
            if self.end == 0 {
                client.end_of_body();
                return Ok(());
            }
        }
        self.begin += client.body(&self.octets[self.begin..self.end]);
        Ok(())
    }
}

fn config(settings: &Settings, report_replies: bool) -> Config {
    let mut config = Config::default();
    config.protocol = settings.protocol;
    config.implicit_tls = settings.encryption == Encryption::Implicit;
    config.timeouts = settings.timeouts;
    config.report_replies = report_replies;
    let is_local = matches!(settings.destination, Destination::Unix(_));
    config.reveal = if settings.allow_plaintext_auth || is_local {
        Reveal::Always
    } else if settings.encryption == Encryption::Opportunistic {
        // Nobody checked whom the certificate belongs to.
        Reveal::Never
    } else {
        Reveal::Secured
    };
    config
}

/// The name to say: the one that was given, the machine's full name, or its address when it has none.
fn hello_domain(settings: &Settings, transport: &Transport) -> EhloDomain {
    if let Some(domain) = &settings.helo {
        return domain.clone();
    }
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    match name.parse::<EhloDomain>() {
        Ok(domain) if name.contains('.') && name.parse::<IpAddr>().is_err() => domain,
        _ => EhloDomain::from(transport.local_address().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))),
    }
}

/// A call that this program must not make.
fn internal(misuse: &Misuse) -> Error {
    Error::new(Exit::SOFTWARE, format!("a fault of this program: {misuse}"))
}

/// An envelope that cannot be said.
fn invalid(misuse: &Misuse) -> Error {
    match misuse {
        Misuse::CommandTooLong { .. } => {
            Error::new(Exit::DATA, format!("the envelope cannot be sent: {misuse}"))
        }
        Misuse::NoRecipients => Error::usage("there is no recipient, use --to, --cc, --bcc or --rcpt"),
        misuse => internal(misuse),
    }
}
