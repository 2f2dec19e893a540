//! Provides the command `send`.

use crate::args::{EnvelopeArgs, GlobalArgs, SendArgs};
use crate::compose;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::Report;
use crate::session::{Letter, Session};
use crate::settings::Settings;
use crate::terminal::Terminal;
use crate::transcript::Transcript;
use std::io::Write;

/// Composes a message and sends it.
pub(crate) fn send(args: &SendArgs, global: GlobalArgs, terminal: &mut Terminal) -> Result<Exit> {
    let settings = Settings::new(&args.connection)?;
    let message = compose::message(&args.envelope, &args.message, terminal)?;
    let envelope = compose::envelope(&args.envelope, &message)?;
    let password = match &settings.login {
        Some(login) => Some(login.password.read(&login.user, terminal)?),
        None => None,
    };
    let transcript = global.verbose.then(|| Transcript::new(terminal.error.clone()));
    let session = Session::open(&settings, password.as_ref(), transcript)?;
    needs_offered(&args.envelope, &session)?;
    let letter = Letter { envelope: envelope.clone(), body: Box::new(message.into_reader()) };
    let (delivery, session) = session.send_and_quit(letter)?;
    let report = Report::new(&envelope, delivery.outcomes, delivery.unreadable);
    if !global.quiet {
        terminal.output.write_all(report.text().as_bytes()).map_err(|error| Error::output(&error))?;
    }
    match report.error(|cause| session.closed(cause)) {
        Some(error) => Err(error),
        None => Ok(Exit::OK),
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
