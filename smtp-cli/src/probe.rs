//! Provides the command `probe`: what a server is, offers and does wrong, looked at without sending mail.
//!
//! What the session itself does not tell is found out by further connections, one for each question: what is shown in
//! a handshake, whether the certificate is trusted, whether a command behind STARTTLS is taken into TLS, and whether
//! TLS below 1.2 is spoken. None of them says MAIL.

mod certificate;
mod checks;
mod handshake;
mod line;
mod report;

use crate::args::{Format, GlobalArgs, LoginArgs, ProbeArgs};
use crate::bundled;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::layers::Program;
use crate::output::Outputs;
use crate::send::conclude;
use crate::session::Session;
use crate::settings::{Encryption, Run, Settings};
use crate::terminal::Terminal;
use crate::transcript::Observer;
use smtp_core::mailer::{self, Until};
use smtp_core::probe::{Facts, Offer, findings};
use smtp_core::{Protocol, Reply, Verb};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Looks at a server, and prints what there is to see.
pub(crate) fn probe(
    args: &ProbeArgs,
    global: &GlobalArgs,
    program: Program,
    terminal: &mut Terminal,
) -> Result<Exit> {
    let run = Run { interrupt: terminal.interrupt.clone(), logs_in: false, ..Run::default() };
    let settings = Settings::new(&args.connection, &LoginArgs::default(), None)?.for_run(run);
    if settings.protocol == Protocol::Smtp {
        return Err(Error::usage(
            "--protocol smtp leaves nothing to probe: with HELO a server offers nothing",
        ));
    }
    if let Some(log) = &program.log {
        log.check(&program.in_use)?;
    }
    let (settings, _mock) = bundled::start(settings, None)?;
    let (now, _) = (terminal.clock)();
    let outputs = Outputs::new(&args.files, global, program.log, program.in_use, terminal)?;
    let interrupt = settings.interrupt.clone();
    let _armed = interrupt.arm();
    let seen = look(&settings, args.connection.insecure, now, &|| outputs.observers(0, &settings));
    match &seen {
        Ok(facts) => {
            outputs.log(true, &format!("probe {}: {} findings", facts.server, findings(facts).len()));
        }
        Err(error) => outputs.log(false, &format!("probe {}: {error}", settings.destination)),
    }
    let mut failures = outputs.end();
    let text = match (args.result.format, &seen) {
        (Format::Json, seen) => report::json(&settings.destination.to_string(), seen.as_ref()),
        (Format::Text, Ok(facts)) if global.quiet => report::findings(facts),
        (Format::Text, Ok(facts)) => report::text(facts),
        (Format::Text, Err(_)) => String::new(),
    };
    failures.extend(terminal.print(&text).err());
    conclude(seen.map(|_| Exit::OK), failures, 0, terminal)
}

/// Makes the observers of one more connection.
type Observers<'a> = dyn Fn() -> Vec<Box<dyn Observer>> + 'a;

/// Connects, and finds out all that there is; the error is that nobody greeted.
fn look(settings: &Settings, is_trust_unwanted: bool, now: i64, observers: &Observers<'_>) -> Result<Facts> {
    // What is wrong with a certificate is to be told, and is no reason to see nothing else.
    let open = settings.unverified();
    let mut core = mailer::Settings::new(settings.destination.clone());
    core.protocol = settings.protocol;
    core.security = settings.encryption;
    core.trust.name = Some(settings.tls_name.clone());
    let mut facts = Facts::new(&core, now);
    facts.is_trust_unwanted = is_trust_unwanted;
    see_session(&open, &mut facts, observers)?;
    if facts.is_secured {
        checks::handshake(settings, &open, &mut facts, observers);
        checks::old_tls(&open, &mut facts, observers);
        if open.encryption != Encryption::Implicit {
            checks::injection(&open, &mut facts, observers);
        }
    }
    settings.interrupt.check()?;
    Ok(facts)
}

/// The session itself: greeting, hello, STARTTLS and hello again.
fn see_session(settings: &Settings, facts: &mut Facts, observers: &Observers<'_>) -> Result<()> {
    let notes = Notes::default();
    let mut all = observers();
    all.push(Box::new(notes.clone()));
    let begin = Instant::now();
    let mut session = Session::open(settings, None, Until::Greeting, all)?;
    facts.greeted_after = begin.elapsed();
    facts.greeting = notes.greeting();
    facts.is_secured = session.is_secured();
    match session.say_hello() {
        Ok(()) => {}
        Err(error) => {
            facts.hello_refusal = Some(error.to_string());
            session.leave();
            return Ok(());
        }
    }
    let offer = |session: &Session<'_>| Offer {
        hello: notes.hello(),
        is_extended: notes.is_extended(),
        extensions: session.extensions().clone(),
    };
    if facts.is_secured {
        facts.secured = Some(offer(&session));
    } else {
        facts.clear = Some(offer(&session));
        if settings.encryption != Encryption::None && session.extensions().has("STARTTLS") {
            match session.start_tls().and_then(|()| {
                facts.is_secured = true;
                session.say_hello()
            }) {
                Ok(()) => facts.secured = Some(offer(&session)),
                Err(error) => facts.tls_failure = Some(error.to_string()),
            }
        }
    }
    if !settings.xclient.is_empty() && facts.tls_failure.is_none() {
        match session.xclient().and_then(|()| session.say_hello()) {
            Ok(()) => *facts.last_offer() = Some(offer(&session)),
            Err(error) => facts.not_checked.push(("xclient", error.to_string())),
        }
    }
    session.leave();
    Ok(())
}

/// What the server said in a session.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Said>>);

/// The greeting, and the reply to the last hello that was taken.
#[derive(Debug, Default)]
struct Said {
    greeting: Option<Reply>,
    hello: Option<(Verb, Reply)>,
}

impl Notes {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn greeting(&self) -> Option<Reply> {
        self.said().greeting.clone()
    }

    /// The first line of the last hello's reply.
    fn hello(&self) -> String {
        let said = self.said();
        said.hello.as_ref().and_then(|(_, reply)| reply.lines().next().map(String::from)).unwrap_or_default()
    }

    /// Whether the last hello that was taken was not HELO.
    fn is_extended(&self) -> bool {
        self.said().hello.as_ref().is_some_and(|(verb, _)| *verb != Verb::Helo)
    }
}

impl Observer for Notes {
    fn received(&mut self, verb: Option<Verb>, reply: &Reply, _is_wanted: bool, _is_secured: bool) {
        let mut said = self.said();
        match verb {
            None => {
                said.greeting.get_or_insert_with(|| reply.clone());
            }
            Some(verb @ (Verb::Ehlo | Verb::Helo | Verb::Lhlo)) if reply.is_completed() => {
                said.hello = Some((verb, reply.clone()));
            }
            Some(_) => {}
        }
    }
}
