//! Goes a part of the way, for `--until`: to the greeting, the hello, TLS or the login, and says QUIT.

use super::{conclude, fraction, password};
use crate::args::{Format, GlobalArgs, SendArgs, Until};
use crate::bundled;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::files::InUse;
use crate::log_file::Log;
use crate::output::Outputs;
use crate::session::Session;
use crate::settings::{Encryption, Settings};
use crate::terminal::Terminal;
use crate::{measure, shown};
use smtp_core::mailer::{Measure, Until as Opened, wait_before};

/// Whether the login belongs to the way up to that phase.
pub(super) const fn logs_in(until: Until) -> bool {
    !matches!(until, Until::Connect | Until::Greeting | Until::Hello | Until::Tls)
}

/// Goes so far, trying again what failed for now as often as `--retry` says, and prints how far it came.
pub(super) fn go(
    args: &SendArgs,
    global: &GlobalArgs,
    settings: Settings,
    (log, in_use): (Option<Log>, InUse),
    terminal: &mut Terminal,
) -> Result<Exit> {
    let until = args.run.until.unwrap_or(Until::Auth);
    if until == Until::Tls && settings.encryption == Encryption::None {
        return Err(Error::usage("--until tls is never reached with --tls none"));
    }
    if logs_in(until) && settings.login.is_none() {
        terminal.warnings.warn("nobody logs in, because there is no --user; it goes as far as the hello");
    }
    let password = password(&settings, terminal)?;
    let (settings, _mock) = bundled::start(settings, password.as_ref())?;
    let outputs = Outputs::new(&args.run.files, global, log, in_use, terminal)?;
    let interrupt = settings.interrupt.clone();
    let _armed = interrupt.arm();
    let attempt = || {
        let observers = outputs.observers(0, &settings);
        let until = match until {
            Until::Connect | Until::Greeting => Opened::Greeting,
            Until::Tls => Opened::Secured,
            _ => Opened::Ready,
        };
        let session = Session::open(&settings, password.as_ref(), until, observers);
        session.map(|mut session| {
            let reached = (session.state(), session.take_measure());
            session.leave();
            reached
        })
    };
    let mut reached = attempt();
    for round in 1..=args.run.retry {
        if !matches!(&reached, Err(error) if error.exit() == Exit::TEMPORARY) {
            break;
        }
        (terminal.sleep)(wait_before(round, fraction(&terminal.random)));
        if interrupt.is_requested() {
            break;
        }
        reached = attempt();
    }
    let mut failures = outputs.end();
    failures.extend(print(args, global, &settings, reached.as_ref(), terminal).err());
    conclude(reached.map(|_| Exit::OK), failures, 0, terminal)
}

/// Prints how far a session without a message came.
fn print(
    args: &SendArgs,
    global: &GlobalArgs,
    settings: &Settings,
    reached: std::result::Result<&(String, Measure), &Error>,
    terminal: &mut Terminal,
) -> Result<()> {
    let destination = &settings.destination;
    match (args.run.result.format, reached) {
        (Format::Json, Err(error)) => {
            let document = serde_json::json!({
                "schema": "smtp-cli/session/1",
                "exit": error.exit().status(),
                "error": error.to_string(),
                "server": destination.to_string(),
            });
            terminal.print(&format!("{}\n", shown::json_lines(&document)))
        }
        (Format::Json, Ok((state, measure))) => {
            let document = serde_json::json!({
                "schema": "smtp-cli/session/1",
                "exit": Exit::OK.status(),
                "server": destination.to_string(),
                "state": state,
                "cost": measure::Measured::from(measure),
            });
            terminal.print(&format!("{}\n", shown::json_lines(&document)))
        }
        (Format::Text, Ok((state, measure))) if !global.quiet => {
            let mut text = format!("{destination} {state}\n");
            if args.run.stats {
                text.push_str(&measure::text(measure));
                text.push('\n');
            }
            terminal.print(&text)
        }
        (Format::Text, _) => Ok(()),
    }
}
