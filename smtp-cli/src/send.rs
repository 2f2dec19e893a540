//! Provides the command `send`.

use crate::args::{EnvelopeArgs, GlobalArgs, SendArgs};
use crate::bundled;
use crate::compose;
use crate::delivery::{self, Plan};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mail::Mail;
use crate::report::Report;
use crate::session::Session;
use crate::settings::Settings;
use crate::terminal::Terminal;
use crate::transcript::{Observer, Transcript};
use std::io::Write;

/// Composes a message and sends it.
pub(crate) fn send(args: &SendArgs, global: GlobalArgs, terminal: &mut Terminal) -> Result<Exit> {
    let mut settings = Settings::new(&args.connection)?;
    let message = compose::message(&args.envelope, &args.message, terminal)?;
    let envelope = compose::envelope(&args.envelope, &message)?;
    let password = match &settings.login {
        Some(login) => Some(login.password.read(&login.user, terminal)?),
        None => None,
    };
    let mock = if settings.is_mock { Some(bundled::start(&mut settings, password.as_ref())?) } else { None };
    let stream = terminal.error.clone();
    let plan = Plan {
        settings: &settings,
        password: password.as_ref(),
        observers: &|number| {
            let transcript = global.verbose.then(|| Transcript::new(stream.clone(), number));
            transcript.into_iter().map(|transcript| Box::new(transcript) as Box<dyn Observer>).collect()
        },
        inspection: &|session| needs_offered(&args.envelope, session),
        connections: 1,
        retries: 0,
        wait: &|_| {},
        jitter: &|| 0.0,
    };
    let mut mail = Some(Mail::new(1, envelope, message));
    let deliveries = delivery::deliver(&plan, Box::new(move || mail.take().map(Ok)));
    let reports: Vec<_> =
        deliveries.mails.iter().map(|mail| Report::new(mail, deliveries.error.as_ref())).collect();
    if !global.quiet {
        let mut text: String = reports.iter().map(Report::text).collect();
        if let Some(mock) = mock {
            text.push_str(&bundled::received(mock));
        }
        terminal.output.write_all(text.as_bytes()).map_err(|error| Error::output(&error))?;
    }
    let exit = Exit::of_messages(reports.iter().map(Report::exit));
    match reports.iter().find_map(Report::error) {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// Delivery reports are asked for by parameters that a server must know (RFC 3461 §4).
fn needs_offered(args: &EnvelopeArgs, session: &Session<'_>) -> Result<()> {
    let wants_reports = !args.notify.is_empty() || args.ret.is_some() || args.envid.is_some();
    if wants_reports && !session.extensions().has("DSN") {
        return Err(Error::new(
            Exit::UNAVAILABLE,
            "the server does not offer DSN, which --notify, --ret and --envid need; nothing was sent",
        ));
    }
    Ok(())
}
